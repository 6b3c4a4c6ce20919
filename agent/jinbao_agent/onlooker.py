"""What results tell besides samples: the way packets went when an outage began, and every hour; whose certificate was shown.

Both become events of the agent and stand beside the measurement: they class nothing, and no probe waits for them.
"""

import asyncio
import ipaddress
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from jinbao_agent.clock import Clock
from jinbao_agent.events import Voice
from jinbao_agent.ladder import Rung
from jinbao_agent.probes import Prober
from jinbao_agent.probes.path import trace
from jinbao_agent.probes.result import Certificate, Result
from jinbao_agent.sample import LATE, NOT_SENT, REFUSED, REPLY, Event
from jinbao_agent.schedule import Schedule

log = logging.getLogger(__name__)

ONSET, HOURLY = "onset", "hourly"
FAILURES = 3
"""In a row make an onset: as many as it takes to call a line down."""

_HOUR_MS = 3_600_000
_WAIT_S = 1.0
_TRACERS = 8  # paths under way at a time, at most 5 packets each: a county whose lines all fail asks no storm
_LONGEST_SLEEP_S = 1.0
_FARTHEST = {
    "township": ("core", "peer", "app", "edge", "cpe", "lan"),
    "county": ("agent", "peer", "cpe", "carrier", "ce", "gw"),
}


def farthest(vantage: str, rungs: Iterable[Rung]) -> dict[str, Rung]:
    """The rung of each link to which its path is traced: the one an outage is judged by, or what lies beyond most others."""
    by_link: defaultdict[str, dict[str, Rung]] = defaultdict(dict)
    for rung in rungs:
        if rung.target.kind != "nic" and _is_numeric(rung.target.host):
            by_link[rung.link][rung.name] = rung
    found = {link: next((named[name] for name in _FARTHEST[vantage] if name in named), None) for link, named in by_link.items()}
    return {link: rung for link, rung in found.items() if rung is not None}


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Onlooker:
    """Is shown every result (`look`), and traces paths while `run` runs. Belongs to one event loop."""

    def __init__(
        self, rungs: Sequence[Rung], prober: Prober, voice: Voice, clock: Clock, tell: Callable[[Event], None], install: str
    ) -> None:
        """`install` spreads the hourly paths over the hour, as it does probes over the slot."""
        self._prober, self._voice, self._clock, self._tell = prober, voice, clock, tell
        self._traced: Mapping[str, Rung] = farthest(voice.vantage, rungs)
        hourly = (Rung(rung.link, rung.name, rung.target, _HOUR_MS) for rung in self._traced.values())
        self._schedule = Schedule(hourly, voice.boot, install, clock.boottime_us())
        self._failures: Counter[str] = Counter()
        self._certificates: dict[tuple[str, str], Certificate] = {}
        # Onsets go first; a link stands in it once.
        self._wanted: asyncio.PriorityQueue[tuple[bool, int, str]] = asyncio.PriorityQueue()
        self._queued: set[str] = set()
        self._count = 0

    def look(self, rung: Rung, result: Result) -> None:
        if result.certificate is not None and self._certificates.get((rung.link, rung.name)) != result.certificate:
            self._certificates[rung.link, rung.name] = result.certificate
            self._say(self._voice.certificate(rung, result.certificate, self._clock))
        if self._traced.get(rung.link) == rung and not result.outcome.startswith(NOT_SENT):
            self._judge(rung.link, up=result.outcome in (REPLY, LATE, REFUSED))

    def _judge(self, link: str, *, up: bool) -> None:
        self._failures[link] = 0 if up else self._failures[link] + 1
        if self._failures[link] == FAILURES:
            self._want(link, ONSET)

    def _want(self, link: str, why: str) -> None:
        if link not in self._queued:
            self._queued.add(link)
            self._count += 1
            self._wanted.put_nowait((why != ONSET, self._count, link))

    @property
    def traces(self) -> bool:
        """Whether there is any path to trace."""
        return bool(self._traced)

    async def run(self) -> None:
        """Until cancelled. Only where it `traces`."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_TRACERS):
                tasks.create_task(self._trace_on())
            while True:
                wait_s = self._schedule.wait_us(self._clock.boottime_us()) / 1e6
                await asyncio.sleep(min(wait_s, _LONGEST_SLEEP_S))
                for due in self._schedule.due(self._clock.boottime_us()):
                    self._want(due.rungs[0].link, HOURLY)

    async def _trace_on(self) -> None:
        while True:
            later, _, link = await self._wanted.get()
            self._queued.discard(link)
            rung = self._traced[link]
            path = await trace(self._prober, rung.target.host, _WAIT_S)
            if path.problem:
                log.warning("no path link=%s to=%s: %s", link, rung.target.host, path.problem)
                continue
            self._say(self._voice.path(rung, HOURLY if later else ONSET, path, self._clock))

    def _say(self, event: Event) -> None:
        log.info("event=%s link=%s %s", event.event, event.link, event.detail)
        self._tell(event)
