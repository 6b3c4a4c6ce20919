"""A collector in a folder, and agents that speak to it: for tests of what is kept."""

import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Event, Sample
from jinbao_agent.wire import GENESIS, Batch, Signed, make_batch, pack
from jinbao_collector.centre import Centre, create
from jinbao_collector.follower import Feed, advance
from jinbao_collector.ingest import Answer
from jinbao_collector.place import Place
from jinbao_collector.store import Reader
from jinbao_collector.store.sealer import Sealer
from jinbao_collector.store.writing import StoreWriting
from jinbao_config.services import read_collector

LINK, OTHER_LINK = "510422101", "510422102"
NOON = 1_617_940_800_000
"""2021-04-09 12:00:00 in Shanghai, milliseconds."""

LINKS_TOML = f"""schema = "jinbao.links/1"
[[link]]
code = "{LINK}"
name = "红格镇"
[[link]]
code = "{OTHER_LINK}"
name = "桐子林镇"
"""


class TestClock:
    __test__ = False

    def __init__(self, now_ms: int = NOON) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def write_config(folder: Path, port: int = 8443, **keys: str) -> Path:
    """collector.toml and the files it names."""
    (folder / "links.toml").write_text(LINKS_TOML)
    (folder / "contract.toml").write_text("# only its digest matters here\n")
    lines = {"schema": '"jinbao.collector/1"', "data": '"data"', "listen": f'"127.0.0.1:{port}"', "names": '["127.0.0.1"]'}
    text = "".join(f"{key} = {value}\n" for key, value in {**lines, **keys}.items())
    (folder / "collector.toml").write_text(text)
    return folder / "collector.toml"


def make_place(folder: Path, **keys: str) -> Place:
    return Place.of(read_collector(write_config(folder, **keys)))


@contextmanager
def centre_in(folder: Path, clock: TestClock, **keys: str) -> Iterator[Centre]:
    """An opened collector; its data directory is made where there is none."""
    place = make_place(folder, **keys)
    if not place.home.root.exists():
        create(place, clock())
    with Centre(place, clock) as centre:
        yield centre


def enrol_document(code: str, key: SigningKey, install: str = "i" * 32, **changes: Any) -> bytes:
    """What an agent posts to /v1/enrol for this code."""
    secret = bytes.fromhex(code.rpartition(".")[2])
    fields = {
        "public": key.public.text,
        "install": install,
        "proof": hmac.digest(secret, key.public.raw, "sha256").hex(),
        "predecessor": None,
        "at": NOON,
    }
    return Signed.make("jinbao-enrol/1", {**fields, **changes}, key).to_lines()


@dataclass
class Speaker:
    """One chain of one agent."""

    agent: str
    vantage: str
    link: str
    key: SigningKey
    chain: str = field(default_factory=lambda: secrets.token_hex(16))
    number: int = 0
    head: str = GENESIS
    boot: str = "b" * 8

    def batch(self, at_ms: int, samples: Sequence[Sample] | None = None, events: Sequence[Event] = (), **header: Any) -> Batch:
        """The chain's next batch: by default a minute of `core` from `at_ms` on."""
        kept = self.minute(at_ms) if samples is None else samples
        fields: dict[str, Any] = {
            "agent": self.agent,
            "vantage": self.vantage,
            "chain": self.chain,
            "number": self.number + 1,
            "prev": self.head,
            "seen": "",
            "boot": self.boot,
            "clock": {"sync": 1, "maxerror_us": 1000, "esterror_us": 10, "state": "OK"},
            "install": "i" * 32,
            "version": "0.1.0",
        }
        batch = make_batch({**fields, **header}, kept, events, self.key)
        self.number, self.head = self.number + 1, batch.signed.hash
        return batch

    def unknown(self, at_ms: int) -> Batch:
        """The chain's next batch, of a schema that nobody knows yet."""
        known = self.batch(at_ms)
        return Batch(Signed.make("jinbao-batch/9", known.signed.fields(), self.key), known.body)

    def minute(self, at_ms: int, target: str = "core", link: str | None = None) -> list[Sample]:
        return [
            Sample(
                link=link or self.link,
                vantage=self.vantage,
                target=target,
                sent_us=(at_ms + step * 10_000) * 1000 + 137,
                outcome="reply",
                rtt_us=2000 + step,
                boot=self.boot,
                seq=at_ms // 10_000 + step,
                mono_us=(at_ms - NOON + step * 10_000) * 1000 + 10**9,
                interval_ms=10_000,
            )
            for step in range(6)
        ]

    def minutes(self, count: int, since_ms: int = NOON) -> list[Batch]:
        return [self.batch(since_ms + n * 60_000) for n in range(count)]

    def again(self, **changes: Any) -> "Speaker":
        """A copy that goes its own way from here."""
        return replace(self, **changes)


def enrolled(centre: Centre, agent: str = "tw-01", vantage: str = "township", links: Sequence[str] = (LINK,)) -> Speaker:
    """An agent that went through invitation and enrolment."""
    key = SigningKey.generate()
    code = centre.enrolment.invite(agent, vantage, links, centre.place.url, centre.now_ms())
    centre.enrolment.enrol(enrol_document(code, key), centre.now_ms())
    return Speaker(agent, vantage, links[0], key)


def post(centre: Centre, *batches: Batch, address: str = "10.1.1.2") -> Answer:
    return centre.intake.receive(pack(batches), address).result()


def sealed(centre: Centre, rows: int = 10_000, *, tidy: bool = True) -> int:
    """Seals at most so many rows of its journal; the cursor then."""
    with StoreWriting(centre.place.home.store) as store:
        sealer = Sealer(store, centre.roster)
        advance(sealer, Feed(centre.place.home.journal), rows)
        while tidy and sealer.tidy():
            pass
        return sealer.cursor


def told(reader: Reader) -> dict[object, list[tuple[int, ...]]]:
    """Everything a reader says of samples."""
    found: dict[object, list[tuple[int, ...]]] = {}
    for key in sorted(reader.names()):
        series = reader.series(*key, 0, 2**60)
        columns = (series.at, series.outcome, series.rtt, series.boot, series.seq, series.mono)
        found[key] = list(zip(*(column.tolist() for column in columns), strict=True))
    return found


def ack(answer: Answer) -> dict[str, Any]:
    """The fields of an acknowledgement."""
    return Signed.from_lines(answer.body).fields()


def error(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"])
