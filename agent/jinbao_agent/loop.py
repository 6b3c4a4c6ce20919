"""Tick → probe → record, on one screen. Counts on CLOCK_BOOTTIME only; the wall clock places samples, it never times them."""

import asyncio
import gc
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from jinbao_agent.clock import Clock
from jinbao_agent.ladder import Rung
from jinbao_agent.probes.result import Result
from jinbao_agent.sample import Sample, not_sent
from jinbao_agent.schedule import Due, Schedule
from jinbao_config.links import Target

log = logging.getLogger(__name__)

_LONGEST_SLEEP_S = 1.0  # a sleep counts no suspension, so it is cut into pieces and the clock asked after each
_PATIENCE_S = 2.0  # beyond `wait`: a probe that is still not back then is broken, not slow

SKIPPED, STOPPED, STUCK, BROKEN = not_sent("skipped"), not_sent("stopped"), not_sent("stuck"), not_sent("error")


class Probes(Protocol):
    async def probe(self, target: Target, wait_s: float) -> Result: ...


def _nobody(rung: Rung, result: Result) -> None:
    """Nobody looks."""


def spare_collector() -> None:
    """Probes and records make many objects and no cycles: Python's search for cycles need not look again at what was there at
    start, and seldom at what is new."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Ticker:
    """Probes each ladder at its grid points and hands over the samples, a ladder at a time.

    Whatever keeps a grid point from being served is said in its sample: a fault of ours is never one of the link.
    """

    def __init__(
        self,
        schedule: Schedule,
        probes: Probes,
        clock: Clock,
        record: Callable[[Sequence[Sample]], None],
        *,
        vantage: str,
        boot: str,
        wait_s: float,
        look: Callable[[Rung, Result], None] = _nobody,
    ) -> None:
        """`look` is shown each result once it is recorded."""
        self._schedule, self._probes, self._clock, self._record = schedule, probes, clock, record
        self._vantage, self._boot, self._wait_s, self._look = vantage, boot, wait_s, look
        self._climbs: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. May be started anew: the schedule remembers which points were served."""
        while True:
            wait_s = self._schedule.wait_us(self._clock.boottime_us()) / 1e6
            await asyncio.sleep(min(wait_s, _LONGEST_SLEEP_S))
            for due in self._schedule.due(self._clock.boottime_us()):
                self._own_up(due)
                climb = asyncio.create_task(self._climb(due))
                self._climbs.add(climb)
                climb.add_done_callback(self._climbs.discard)

    async def finish(self, grace_s: float) -> None:
        """After `run` was cancelled: lets answers still come for a while, then records what is left as stopped."""
        if self._climbs:
            await asyncio.wait(self._climbs, timeout=grace_s)
        self._stopping.set()
        if self._climbs:
            await asyncio.wait(self._climbs)

    async def _climb(self, due: Due) -> None:
        probes = [asyncio.create_task(self._probes.probe(rung.target, self._wait_s)) for rung in due.rungs]
        await self._all_back(probes)
        tokens = [_why_unsent(probe, stopping=self._stopping.is_set()) for probe in probes]
        samples = [
            self._sample(rung, due.number, probe.result())
            if token is None
            else self._unsent(rung, due.number, due.grid.instant(due.number), token)
            for rung, probe, token in zip(due.rungs, probes, tokens, strict=True)
        ]
        for probe in probes:
            probe.cancel()
        self._record(samples)
        for rung, probe, token in zip(due.rungs, probes, tokens, strict=True):
            if token is None:
                self._look(rung, probe.result())

    async def _all_back(self, probes: "Sequence[asyncio.Task[Result]]") -> None:
        """Returns when every probe is back, when patience is at its end, or when the agent stops."""
        stopping = asyncio.create_task(self._stopping.wait())
        everything = asyncio.gather(*probes, return_exceptions=True)
        await asyncio.wait((everything, stopping), timeout=self._wait_s + _PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    def _own_up(self, due: Due) -> None:
        """Skipped points, each as a sample of its own: neither lost nor silently absent."""
        if due.untold:
            log.warning("gap link=%s points=%d interval_ms=%d", due.rungs[0].link, due.untold, due.grid.interval_us // 1000)
        if due.skipped:
            log.warning("skipped link=%s points=%d next=%d", due.rungs[0].link, len(due.skipped), due.number)
            self._record(
                [self._unsent(rung, number, due.grid.instant(number), SKIPPED) for number in due.skipped for rung in due.rungs]
            )

    def _sample(self, rung: Rung, number: int, result: Result) -> Sample:
        return Sample(
            link=rung.link,
            vantage=self._vantage,
            target=rung.name,
            sent_us=result.sent_us,
            outcome=result.outcome,
            rtt_us=result.rtt_us,
            boot=self._boot,
            seq=number,
            mono_us=result.mono_us,
            interval_ms=rung.interval_ms,
        )

    def _unsent(self, rung: Rung, number: int, instant_us: int, token: str) -> Sample:
        """Placed at the grid point itself, on both clocks."""
        ago_us = self._clock.boottime_us() - instant_us
        return self._sample(rung, number, Result(sent_us=self._clock.utc_us() - ago_us, mono_us=instant_us, outcome=token))


def _why_unsent(probe: "asyncio.Task[Result]", *, stopping: bool) -> str | None:
    """None if the probe brought a result."""
    if not probe.done():
        return STOPPED if stopping else STUCK
    if probe.cancelled():
        return STOPPED
    problem = probe.exception()
    if problem is not None:
        log.error("a probe is broken: %r", problem, exc_info=problem)
        return BROKEN
    return None
