"""What a server adds up of each hour, and which hours that tells all about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from jinbao_collector.replica.points import Tags
from jinbao_collector.series import NONE, Ints, ints
from jinbao_collector.stretches import Bools, Stretches

HOUR_MS = 3_600_000
FIELDS = ("seq", "phase", "mono", "rtt")
FIGURES = {
    "count": FIELDS,
    "min": FIELDS,
    "max": FIELDS,
    "sum": ("seq",),
    "first": ("phase", "mono"),
    "last": ("phase", "mono"),
}
"""What is asked of which fields, by hour and by tags."""

Span = tuple[int, int]
"""Milliseconds, half-open."""
_SLACK_US = 3000
"""Instants are cut to the millisecond, and in step by the clock that never steps means one millisecond less."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Rows in order of hour, one for each set of tags there is in it. `figures` are named "seq count" and so on;
    NONE where the server has nothing to add up."""

    hour: Ints
    outcome: Ints
    boot: Ints
    interval: Ints
    figures: Mapping[str, Ints]
    outcomes: tuple[str, ...]
    boots: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hour)

    def __getitem__(self, name: str) -> Ints:
        return self.figures[name]

    @classmethod
    def of(cls, found: Iterable[tuple[Tags, int, str, int]]) -> "Hours":
        """From (tags, hour, figure, value) in any order."""
        rows: dict[tuple[int, Tags], dict[str, int]] = {}
        for tags, hour, figure, value in found:
            rows.setdefault((hour, tags), {})[figure] = value
        keys = sorted(rows)
        outcomes = tuple(sorted({tags[0] for _, tags in keys}))
        boots = tuple(sorted({tags[1] for _, tags in keys}))
        names = [f"{field} {figure}" for figure, fields in FIGURES.items() for field in fields]
        return cls(
            ints(hour for hour, _ in keys),
            ints(outcomes.index(tags[0]) for _, tags in keys),
            ints(boots.index(tags[1]) for _, tags in keys),
            ints(tags[2] for _, tags in keys),
            {name: ints(rows[key].get(name, NONE) for key in keys) for name in names},
            outcomes,
            boots,
        )

    def clear(self) -> Bools:
        """The rows that tell all: alone in their hour, every number there once, in step by both clocks, and no other hour has
        numbers of theirs."""
        alone = np.ones(len(self), bool)
        same = self.hour[1:] == self.hour[:-1]
        alone[1:] &= ~same
        alone[:-1] &= ~same
        return alone & self._whole() & self._in_step() & ~self._shared()

    def doubtful(self) -> Ints:
        """The other hours."""
        found: Ints = np.unique(self.hour[~self.clear()])
        return found

    def _whole(self) -> Bools:
        first, last, count = self["seq min"], self["seq max"], self["seq count"]
        # A number twice and another one missing would leave the count as it is, but not the sum.
        found: Bools = (first >= 0) & (last - first + 1 == count) & (2 * self["seq sum"] == (first + last) * count)
        return found

    def _in_step(self) -> Bools:
        most = self.interval * 500 - _SLACK_US
        by_time = (self["phase count"] == self["seq count"]) & (self["phase max"] - self["phase min"] <= most)
        clocked = (self["mono count"] == self["seq count"]) & (self["mono max"] - self["mono min"] <= most)
        found: Bools = by_time & (clocked | (self["mono count"] == NONE))
        return found

    def _shared(self) -> Bools:
        """Rows whose numbers may also stand in another row of the same boot."""
        found = np.zeros(len(self), bool)
        order = np.lexsort((self["seq min"], self.boot))
        for of_boot in np.split(order, np.flatnonzero(np.diff(self.boot[order])) + 1):
            reach = np.maximum.accumulate(self["seq max"][of_boot])
            meets = self["seq min"][of_boot[1:]] <= reach[:-1]
            found[of_boot] = np.append(False, meets) | np.append(meets, False)
        return found

    def mixed(self, wait_us: int) -> Bools:
        """Rows some of whose answers came within the wait and some did not."""
        timed = self["rtt count"] > 0
        quick = (self["rtt count"] == self["seq count"]) & (self["rtt max"] <= wait_us)
        slow = ~timed | (self["rtt min"] > wait_us)
        found: Bools = ~(quick | slow)
        return found

    def stretches(self, which: Bools, wait_us: int) -> Stretches:
        """Each of these rows, clear and not mixed, as one stretch."""
        of = np.flatnonzero(which)
        begin, end = (self[f"seq {edge}"][of] * self.interval[of] * 1000 for edge in ("min", "max"))
        clocked = self["mono count"][of] > 0
        in_time = (self["rtt count"][of] > 0) & (self["rtt max"][of] <= wait_us)
        return Stretches(
            (begin + self["phase first"][of]) // 1000,
            (end + self["phase last"][of]) // 1000,
            self["seq count"][of],
            self.outcome[of],
            in_time,
            self.interval[of],
            self.boot[of],
            self["seq min"][of],
            np.where(clocked, begin + self["mono first"][of], NONE),
            np.where(clocked, end + self["mono last"][of], NONE),
            self.outcomes,
            self.boots,
        )
