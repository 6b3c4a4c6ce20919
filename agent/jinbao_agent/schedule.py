"""The fixed grid of probe times: it never drifts, knows no wall clock, and owns up to the points it skipped.

A grid point is an instant phase + k·T of CLOCK_BOOTTIME. Its number k is the `seq` of the samples made there, so an agent
that restarts within one boot goes on counting where the grid is, and no number comes twice.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from jinbao_agent.ladder import Rung

SKIPS_TOLD = 1000  # skipped points of one rung that are told one by one; a longer stall is one gap
_SKIPPED_SAMPLES = 20_000  # the same for all rungs of one agent together


@dataclass(frozen=True, slots=True)
class Grid:
    """The instants phase + k·T, k = 0, 1, …; microseconds of CLOCK_BOOTTIME."""

    interval_us: int
    phase_us: int

    def last_before(self, boottime_us: int) -> int:
        """The number of the last point at or before an instant; -1 before the first."""
        return (boottime_us - self.phase_us) // self.interval_us

    def instant(self, number: int) -> int:
        return self.phase_us + number * self.interval_us


def grid_of(boot: str, install: str, link: str, interval_ms: int) -> Grid:
    """The grid of one link in one boot: its phase is a hash, so that links and boots spread evenly over the slot.

    One hash serves every T, so where one T divides another, the slower grid's points are points of the faster one too.
    """
    digest = hashlib.sha256("\n".join((boot, install, link)).encode()).digest()
    interval_us = interval_ms * 1000
    return Grid(interval_us, int.from_bytes(digest[:8], "big") % interval_us)


@dataclass(frozen=True, slots=True)
class Due:
    """A grid point that has come: these rungs are to be probed now, as number `number`.

    `skipped` are the numbers before it that nobody served; `untold` counts older ones yet, which are left a gap.
    """

    grid: Grid
    rungs: tuple[Rung, ...]
    number: int
    skipped: range
    untold: int = 0


class Schedule:
    """What is due when. The rungs of one link with the same T share a grid point and so are probed together."""

    def __init__(self, rungs: Iterable[Rung], boot: str, install: str, now_us: int) -> None:
        """Serves points strictly after `now_us`: an earlier one may have been served by the process before this one."""
        lanes: defaultdict[tuple[str, int], list[Rung]] = defaultdict(list)
        for rung in rungs:
            lanes[rung.link, rung.interval_ms].append(rung)
        self._lanes = [(grid_of(boot, install, link, ms), tuple(members)) for (link, ms), members in lanes.items()]
        # (instant, lane, number): each lane stands once, with the next of its points that is still to be served.
        self._next = [self._entry(lane, grid.last_before(now_us) + 1) for lane, (grid, _) in enumerate(self._lanes)]
        heapq.heapify(self._next)
        self._told = min(SKIPS_TOLD, _SKIPPED_SAMPLES // max(1, sum(len(members) for _, members in self._lanes)))

    def wait_us(self, now_us: int) -> int:
        """How long until something is due; 0 if something is."""
        return max(0, self._next[0][0] - now_us)

    def due(self, now_us: int) -> list[Due]:
        """Every lane with an unserved point at or before now: its last such point, and the ones skipped before it."""
        found = []
        while self._next and self._next[0][0] <= now_us:
            _, lane, first = self._next[0]
            grid, rungs = self._lanes[lane]
            number = grid.last_before(now_us)
            skipped = range(first, number) if number - first <= self._told else range(number, number)
            found.append(Due(grid, rungs, number, skipped, number - first - len(skipped)))
            heapq.heapreplace(self._next, self._entry(lane, number + 1))
        return found

    def _entry(self, lane: int, number: int) -> tuple[int, int, int]:
        return self._lanes[lane][0].instant(max(0, number)), lane, max(0, number)
