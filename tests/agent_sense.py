"""An agent's mains sense without its probes: real spool, real socket to a UPS of the lab, a clock set by hand."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from agent_records import LINK, everything_in
from hand_clock import HandClock
from jinbao_agent.chain import Author
from jinbao_agent.events import Voice
from jinbao_agent.heartbeat import Beat
from jinbao_agent.keys import SigningKey
from jinbao_agent.mains import FACT, Known, MainsSense
from jinbao_agent.recorder import Recorder
from jinbao_agent.sample import Event
from jinbao_agent.spool import Spool
from jinbao_config.services import Mains, parse_ups
from jinbao_lab.ups import Ups

S = 1_000_000
KEY = SigningKey.generate()


class Life:
    """One life of an agent, from what the last life left to its clean end."""

    def __init__(self, folder: Path, ups: Ups, clock: HandClock, voice: Voice, last: Beat | None) -> None:
        self.clock, self._file = clock, folder / "spool.db"
        self.recorder = Recorder(
            self._file, None, Author("", "install-1", "0.1.0", KEY), clock, boot=voice.boot, batch_ms=3_600_000
        )
        self.recorder.put([], voice.begins(last, clock, "0.1.0"))
        mains = Mains(ups=parse_ups(ups.address), every=1_000)
        self.sense = MainsSense(mains, voice, clock, self.recorder, clock.boottime_us())

    async def hears(self, seconds: int = 5) -> None:
        """Some time passes, and the UPS is asked."""
        self.clock.forward(seconds * S)
        await self.sense.poll()
        await self.recorder.flush()

    def told(self) -> list[str]:
        """The mains events of all lives."""
        return [event.event for event in mains_events(self._file)]

    def known(self) -> Known:
        """What `status` reads."""
        spool = Spool.reading(self._file)
        try:
            return Known(**spool.get(FACT))
        finally:
            spool.close_file()


def mains_events(file: Path) -> list[Event]:
    return [event for event in everything_in(file)[2] if event.event.startswith("mains_")]


def beat(clock: HandClock, boot: str, *, stopped: bool) -> Beat:
    return Beat(
        boot=boot, boottime_us=clock.boottime, utc_us=clock.utc, interval_ms=10_000, stopped=stopped, head=None, count=1
    )


@contextlib.asynccontextmanager
async def life(
    folder: Path, ups: Ups, clock: HandClock, boot: str = "boot-1", link: str = LINK, last: Beat | None = None
) -> AsyncIterator[Life]:
    one = Life(folder, ups, clock, Voice(link, "county" if link == "*" else "township", boot), last)
    try:
        yield one
    finally:
        await one.recorder.close()
