"""Months without the centre, then reunion: every sample arrives once, and nobody could tell from the statement.

Time is steered, everything else is real: recorder, spool, signatures, uploads over TLS, a collector in a process, the judge's
command.
"""

import asyncio
import contextlib
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_records import T0_US
from hand_clock import HandClock
from jinbao_agent.enrol import Code, enrol
from jinbao_agent.identity import Home
from jinbao_agent.recorder import Recorder
from jinbao_agent.retention import forget_old, keep_within
from jinbao_agent.sample import Sample
from jinbao_agent.upload import Uploader
from jinbao_collector.store import open_store
from jinbao_collector.volume import month_files
from jinbao_config.services import SpoolLimits
from jinbao_reports.cli import main
from real_centre import RealCentre, does, make_centre

LINK, DAY_S = "510422101", 86_400
RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
LINKS = """
schema = "jinbao.links/1"
[defaults]
interval = "{interval}s"
[[link]]
code = "510422101"
name = "红格镇"
[link.targets]
nic = "nic:eth0"
lan = "10.1.1.1"
cpe = "10.1.2.1"
edge = "10.1.3.1"
core = "10.0.0.2"
app = "tcp://10.0.9.1:443"
"""
CONTRACT = """
schema = "jinbao.contract/1"
effective = { from = 2021-01-01 }
timezone = "Asia/Shanghai"
target = "99.9%"
period = "month"
mode = "remove"
[parties]
customer = "a"
carrier = "b"
title = "c"
annual_fee = "8400.00"
[rule]
profile = "default"
n = 3
wait = "2s"
[state]
reference = { vantage = "township", target = "core" }
substitute = { vantage = "county", target = "cpe" }
service = { vantage = "township", target = "app" }
[demarcation]
county_line_in_contract = true
[power]
excused = true
grace = "5m"
"""


@dataclass(frozen=True)
class Months:
    """What was measured: every `interval_s` for so many days, with a line that fails now and then; a batch every `batch_s`."""

    days: int
    interval_s: int
    batch_s: int = 60

    @property
    def ticks(self) -> int:
        return self.days * DAY_S // self.interval_s

    def at(self, tick: int) -> list[Sample]:
        second = tick * self.interval_s
        # Each day in its turn: a line that is cut, a gateway that is dead, a server that does not answer.
        hour, fault = second % DAY_S // 3600, ("line", "gateway", "server")[second // DAY_S % 3]
        silent = {"line": {"edge", "core", "app"}, "gateway": {"lan", "cpe", "edge", "core", "app"}, "server": {"app"}}[fault]
        return [
            Sample(
                link=LINK,
                vantage="township",
                target=target,
                sent_us=T0_US + second * 1_000_000 + 137 * (tick % 7),
                outcome="lost" if hour == 9 and target in silent else "reply",
                rtt_us=None if hour == 9 and target in silent else 900 + tick % 977,
                boot="boot-1",
                seq=tick,
                mono_us=3_600_000_000 + second * 1_000_000,
                interval_ms=self.interval_s * 1000,
            )
            for target in RUNGS
        ]


async def live(home: Home, months: Months, upload_every_s: int) -> int:
    """Measures it all, with an upload now and then; the most memory it took meanwhile, bytes beyond what it began with."""
    clock = HandClock()
    clock.utc = T0_US
    recorder = Recorder(home.spool, None, home.author(), clock, boot="boot-1", batch_ms=months.batch_s * 1000)
    uploader = Uploader(home, recorder, clock, url=None, every_s=1, rate=10**9)
    limits = SpoolLimits(floor=0)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for tick in range(months.ticks):
        recorder.put(months.at(tick))
        clock.forward(months.interval_s * 1_000_000)
        second = (tick + 1) * months.interval_s
        if second % months.batch_s == 0:
            assert await recorder.flush()
        if second % 3600 == 0:
            now_ms = clock.utc_us() // 1000
            await recorder.use(lambda spool: keep_within(spool, limits, 10**12))
            await recorder.use(lambda spool, now_ms=now_ms: forget_old(spool, limits.keep, now_ms, clock_trusted=True))
        if second % upload_every_s == 0:
            await recorder.use(lambda spool: spool.close(recorder.author))
            await uploader.send()
    waiting = await recorder.use(lambda spool: spool.waiting_now()[0])
    assert waiting == 0
    uploader.close()
    await recorder.close()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024


def history(folder: Path, months: Months, upload_every_s: int) -> tuple[RealCentre, int]:
    """The centre that an agent with these habits told everything, and what that took of the agent's memory."""
    folder.mkdir()
    (folder / "links.toml").write_text(LINKS.format(interval=months.interval_s))
    (folder / "contract.toml").write_text(CONTRACT)
    with make_centre(folder).serving() as centre:
        home = Home(folder / "agent")
        home.make()
        enrol(home, Code.parse(centre.code("hongge", LINK)), vantage="township", link=LINK, now_ms=0, again=False)
        taken = asyncio.run(live(home, months, upload_every_s))
    return centre, taken


def kept(centre: RealCentre) -> dict[str, int]:
    """Samples by rung; every batch is there once."""
    for file in month_files(centre.data / "journal"):
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            numbers = db.execute("SELECT count(*), count(DISTINCT number), max(number) FROM batch").fetchone()
            assert len(set(numbers)) == 1, numbers
    reader = open_store(centre.data)
    try:
        found = {name: reader.series(*name, 0, 2**42) for name in reader.names()}
        assert not any(series.conflicts for series in found.values())
        return {target: len(series) for (_, _, target), series in found.items()}
    finally:
        reader.close()


def statement(centre: RealCentre, months: Months) -> dict[str, Any]:
    begin = T0_US // 1_000_000
    span = "/".join(datetime.fromtimestamp(at, UTC).isoformat() for at in (begin, begin + months.days * DAY_S))
    files = ["--links", str(centre.folder / "links.toml"), "--contract", str(centre.folder / "contract.toml")]
    words = ["compute", "--store", str(centre.data), *files, "--period", span, "--json"]
    made: dict[str, Any] = does(main, *words)
    del made["inputs"]  # digests of two journals with keys of their own
    return made


@pytest.fixture
def room() -> Iterator[Path]:
    """Where syncing costs nothing: this is about what arrives, not about power cuts."""
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 10**9 else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


def check(room: Path, months: Months) -> int:
    """Isolated until the last moment, beside a twin that was heard every quarter of a day."""
    isolated, taken = history(room / "isolated", months, months.days * DAY_S)
    twin, _ = history(room / "twin", months, DAY_S // 4)
    assert kept(isolated) == kept(twin) == dict.fromkeys(RUNGS, months.ticks)
    said = statement(isolated, months)
    assert said == statement(twin, months)
    assert len(said["links"][0]["outages"]) >= months.days - months.days // 3
    return taken


def test_two_days_alone_and_nobody_could_tell(room: Path) -> None:
    check(room, Months(2, 600, batch_s=600))


@pytest.mark.soak
def test_ninety_days_alone_at_full_cadence_take_no_more_memory(room: Path) -> None:
    taken = check(room, Months(90, 10, batch_s=600))  # ten minutes a batch: the run takes minutes, not an hour
    print(f"memory of 90 days: {taken / 1e6:.1f} MB beyond the start")
    assert taken < 50_000_000
