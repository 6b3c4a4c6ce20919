"""A small county's evidence: four days of two agents in a real centre, and a forger who packs what he altered anew."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from collecting import LINK, TestClock, enrolled, post
from jinbao_agent.sample import Event, Sample
from jinbao_collector.centre import Centre, create
from jinbao_collector.entry import Entry
from jinbao_collector.place import Place
from jinbao_config import units
from jinbao_config.services import read_collector
from jinbao_reports.evidence.pack import Packer
from jinbao_reports.evidence.verify.container import SUMS, SUMS_SM3, Package
from jinbao_reports.evidence.verify.rows import Row, packed, read_rows

DAYS = ("2021-04-08", "2021-04-09", "2021-04-10", "2021-04-11")
PERIOD = "2021-04-09/2021-04-11"
OUTAGE = f"{LINK}-{units.instant_ms('2021-04-09T09:20:00+08:00')}"
NOTICE = "N1"
LINKS_TOML = f"""schema = "jinbao.links/1"
[county]
targets = {{ gw = "10.0.0.1", ce = "10.0.0.2", carrier = "10.0.0.3" }}
[[link]]
code = "{LINK}"
name = "红格镇"
targets = {{ lan = "10.1.1.1", cpe = "10.1.2.1", edge = "10.1.3.1", core = "10.0.0.2", app = "tcp://10.0.9.1:443" }}
"""
CONTRACT_TOML = """schema = "jinbao.contract/1"
effective = { from = 2020-01-01 }
target = "99.9%"
[service_hours]
days = "legal_workdays"
spans = ["09:00-12:00", "13:30-17:00"]
[exclusion.cutover]
"""
COLLECTOR_TOML = """schema = "jinbao.collector/1"
data = "data"
listen = "127.0.0.1:8443"
names = ["127.0.0.1"]
"""


@dataclass(frozen=True)
class Site:
    """A centre's folder, and the arguments that name it to jinbao-report."""

    folder: Path
    clock: TestClock

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def place(self) -> Place:
        return Place.of(read_collector(self.folder / "collector.toml"))

    def asked(self, *more: str, period: str = PERIOD) -> list[str]:
        declared = ["--links", str(self.folder / "links.toml"), "--contract", str(self.folder / "contract.toml")]
        return ["--store", str(self.data), *declared, "--period", period, *more]

    def manifest_hash(self, day: str) -> str:
        from jinbao_agent.wire import Signed

        return Signed.from_lines((self.data / "manifests" / f"{day}.manifest").read_bytes()).hash


def make_site(folder: Path, collector: str = COLLECTOR_TOML) -> Site:
    """An hour of each day, with an outage of five minutes, a notice entered on time, and a manifest each midnight."""
    for name, text in (("links.toml", LINKS_TOML), ("contract.toml", CONTRACT_TOML), ("collector.toml", collector)):
        (folder / name).write_text(text)
    site = Site(folder, TestClock(units.instant_ms(f"{DAYS[0]}T08:00:00+08:00")))
    create(site.place, site.clock())
    with Centre(site.place, site.clock) as centre:
        township = enrolled(centre, "tw-01")
        county = enrolled(centre, "county", "county", ("*",))
        for day in DAYS:
            begin = units.instant_ms(f"{day}T09:00:00+08:00")
            for minute in range(60):
                at = begin + minute * 60_000
                site.clock.now_ms = at + 61_000
                down = 20 <= minute < 25
                beat = [Event(link=LINK, vantage="township", at_us=at * 1000, event="heartbeat", boot=township.boot, detail="")]
                post(centre, township.batch(at, list(_minute(township, at, _TOWNSHIP, 2 if down else 9)), beat))
                post(centre, county.batch(at, list(_minute(county, at, _COUNTY, 3 if down else 9))))
            _enter(centre, day)
            site.clock.now_ms = begin + 16 * 3_600_000
            centre.make_due_manifests()
    return site


_TOWNSHIP = tuple((LINK, target) for target in ("lan", "cpe", "edge", "core", "app"))
_COUNTY = (("*", "gw"), ("*", "ce"), ("*", "carrier"), (LINK, "cpe"))


def _minute(speaker: object, at_ms: int, rungs: tuple[tuple[str, str], ...], answering: int) -> Iterator[Sample]:
    for step in range(6):
        for place, (link, target) in enumerate(rungs):
            sent, answered = at_ms + step * 10_000, place < answering
            yield Sample(
                link=link,
                vantage=speaker.vantage,  # type: ignore[attr-defined]
                target=target,
                sent_us=sent * 1000 + place,
                outcome="reply" if answered else "lost",
                rtt_us=2000 + step if answered else None,
                boot=speaker.boot,  # type: ignore[attr-defined]
                seq=sent // 10_000,
                mono_us=sent * 1000 + place - 10**15,
                interval_ms=10_000,
            )


def _enter(centre: Centre, day: str) -> None:
    at = centre.now_ms()
    span = {"from_": at - 3_600_000, "to": at}
    notice = Entry(id=f"N{DAYS.index(day)}", kind="power_notice", links=(LINK,), author="a", entered_at=at, **span)
    centre.ledger.enter([notice], at)


class Forger:
    """Alters members of a package and packs them anew, checksums and all: what remains to be found is the forgery itself."""

    def __init__(self, package: Path) -> None:
        found = Package(package)
        self.members = {name: found.read(name) for name in found._members if name not in (SUMS, SUMS_SM3)}

    def pack(self, file: Path) -> Path:
        with Packer(file) as packer:
            for name, data in self.members.items():
                packer.add(name, data)
            packer.close()
        return file

    def rows(self, day: str, change: Callable[[list[Row]], list[Row]]) -> None:
        name = f"rows/{day}.rows"
        rows = list(read_rows(io.BytesIO(self.members[name]), len(self.members[name]), name))
        self.members[name] = b"".join(packed(change(rows)))

    def text(self, name: str, old: str, new: str) -> None:
        text = self.members[name].decode()
        assert old in text
        self.members[name] = text.replace(old, new).encode()

    def json(self, name: str, change: Callable[[dict[str, object]], None]) -> None:
        value = json.loads(self.members[name])
        change(value)
        self.members[name] = (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()
