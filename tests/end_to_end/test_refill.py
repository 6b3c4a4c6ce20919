"""A collector is lost and made again of an old backup: its agents send what came after it, and the Statement is the one it was.

Real agent code over a real spool, a real collector process, the real report; only the samples are made, a month of them.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_records import BOOT, sample
from hand_clock import HandClock
from jinbao_agent.enrol import Code, enrol
from jinbao_agent.identity import Home
from jinbao_agent.recorder import Recorder
from jinbao_agent.sample import Sample
from jinbao_agent.upload import Uploader
from jinbao_collector.authority import Authority
from jinbao_collector.cli import main as collector
from jinbao_collector.enrolment import Enrolment
from jinbao_collector.heard import last_heard
from jinbao_collector.ledger import RESTORED, Ledger
from served import Served, config_in, serving

LINK = "510422101"
ROOT = Path(__file__).parents[2]
A_DAY, TOGETHER = 8640, 60
RUNGS = ("lan", "cpe", "edge", "core", "app")


class Agent:
    """Recorder, spool and uploader of one township, without its probes."""

    def __init__(self, home: Home) -> None:
        self.clock = HandClock()
        self.recorder = Recorder(home.spool, None, home.author(), self.clock, boot=BOOT, batch_ms=10**9)
        self.uploader = Uploader(home, self.recorder, self.clock, url=None, every_s=15, rate=10**9, chance=lambda: 0.5)

    async def record(self, first: int, last: int) -> None:
        for begin in range(first, last, TOGETHER):
            self.recorder.put([one for number in range(begin, begin + TOGETHER) for one in _samples(number)])
            assert await self.recorder.flush()
            await self.recorder.use(lambda spool: spool.close(self.recorder.author))

    async def send(self) -> None:
        """Until the centre has it all, with the patience that back-off asks for."""
        for _ in range(20):
            await self.uploader.send()
            if not await self.recorder.use(lambda spool: spool.waiting(0, 1, 10**9)):
                return
            self.clock.forward(2 * 3600 * 1_000_000)
        raise AssertionError("the centre does not take everything")

    async def close(self) -> None:
        self.uploader.close()
        await self.recorder.close()


def _samples(number: int) -> list[Sample]:
    """Each 10 s; an outage beyond the modem of seven minutes each quarter of a day."""
    down = 300 <= number % 2160 < 342
    return [sample(number, target=rung, outcome="lost" if down and rung not in ("lan", "cpe") else "reply") for rung in RUNGS]


def statement(data: Path, days: int) -> Any:
    """As anybody computes it, but for the digests of what arrived when."""
    command = [
        sys.executable,
        "-c",
        "from jinbao_reports.cli import main; import sys; sys.exit(main())",
        "compute",
        "--store",
        str(data),
        "--json",
    ]
    files = ["--links", str(ROOT / "config/links.toml"), "--contract", str(ROOT / "config/contract.toml")]
    period = "2021-04" if days == 30 else f"2021-04-01/2021-04-{days + 1:02d}"
    done = subprocess.run([*command, *files, "--period", period], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    whole = json.loads(done.stdout)
    del whole["inputs"]
    return whole


def run(config: Path, *words: str) -> None:
    assert collector(["--config", str(config), *words]) == 0


def enrolled(served: Served, folder: Path) -> Home:
    home, place = Home(folder / "agent"), served.place
    home.make()
    with Ledger(place.home.ledger) as ledger:
        enrolment = Enrolment(ledger, Authority.load(place.home.keys))
        invited = enrolment.invite("tw-01", "township", [LINK], served.address, time.time_ns() // 1_000_000)
    enrol(home, Code.parse(invited), vantage="township", link=LINK, now_ms=0, again=False)
    return home


@pytest.mark.parametrize("days", [2, pytest.param(30, marks=pytest.mark.soak)])
def test_an_old_backup_is_refilled_and_the_statement_is_the_same(tmp_path: Path, days: int) -> None:
    config = config_in(tmp_path)
    data, copy = tmp_path / "data", tmp_path / "copy"
    run(config, "init")

    async def before_the_fire(served: Served) -> Agent:
        agent = Agent(await asyncio.to_thread(enrolled, served, tmp_path))
        await agent.record(0, TOGETHER)
        await agent.send()
        await asyncio.to_thread(run, config, "backup", str(copy))
        await agent.record(TOGETHER, days * A_DAY)
        await agent.send()
        return agent

    async def scene() -> None:
        with serving(config) as served:
            agent = await before_the_fire(served)
            agent.uploader.close()
            served.stop(signal.SIGKILL)
        known, kept = last_heard(data / "journal"), statement(data, days)
        (ours,) = (one for one in kept["links"] if one["link"] == LINK)
        assert len(ours["outages"]) == 4 * days, "a statement that says nothing proves nothing"
        for item in data.iterdir():
            if item.name != "keys":
                shutil.rmtree(item) if item.is_dir() else item.unlink()
        run(config, "restore", str(copy))
        assert statement(data, days) != kept
        with serving(config) as served:
            await agent.record(days * A_DAY, days * A_DAY + TOGETHER)
            await agent.send()
            await agent.close()
            served.stop(signal.SIGTERM)
        assert statement(data, days) == kept
        assert last_heard(data / "journal").keys() == known.keys()
        with closing(Ledger(data / "ledger.db")) as ledger:
            assert [row.facts["position"] for row in ledger.rows(RESTORED)] == [1]
        run(config, "verify")

    asyncio.run(scene())
