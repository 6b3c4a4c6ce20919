"""One rung's samples run together: what judgement asks of a year, at a thousandth of its size.

Most of a year are answers that came in step, one like the other. Whether a line was up depends only on where such a stretch
begins and ends and on how many samples it has, so that is what a store hands out, unless somebody looks closer.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import NONE, Ints, Series, ints

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretches:
    """Samples of one (link, vantage, target) in order; each row stands for `count` of them that are alike.

    Alike are neighbours of one outcome, boot and interval, all with a round trip within the wait asked for or all without
    (`in_time`), each at most 1.5 intervals after the one before by either clock. `at`, `seq` and `mono` are the first sample's,
    `last` and `mono_last` the last one's; units and codes as in Series. No row could be joined to the next.
    """

    at: Ints
    last: Ints
    count: Ints
    outcome: Ints
    in_time: Bools
    interval: Ints
    boot: Ints
    seq: Ints
    mono: Ints
    mono_last: Ints
    outcomes: tuple[str, ...]
    boots: tuple[str, ...]
    conflicts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.at)

    def take(self, which: slice | Ints | Bools) -> "Stretches":
        columns: dict[str, Any] = {name: getattr(self, name)[which] for name in COLUMNS}
        return replace(self, **columns)

    def followed_by(self, other: "Stretches") -> "Stretches":
        """Both end to end; the other's codes are over the same names."""
        pairs = ((name, [getattr(self, name), getattr(other, name)]) for name in COLUMNS)
        columns: dict[str, Any] = {name: np.concatenate(pair) for name, pair in pairs}
        return replace(self, **columns)


COLUMNS = ("at", "last", "count", "outcome", "in_time", "interval", "boot", "seq", "mono", "mono_last")
_EMPTY = np.zeros(0, np.int64)
NO_STRETCHES = Stretches(_EMPTY, _EMPTY, _EMPTY, _EMPTY, np.zeros(0, bool), _EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, (), ())


Samples = TypeVar("Samples", Series, Stretches)


def singly(series: Series, wait_us: int) -> Stretches:
    """Every sample a row of its own."""
    in_time = (series.rtt != NONE) & (series.rtt <= wait_us)
    count = np.ones(len(series), np.int64)
    return Stretches(
        series.at,
        series.at,
        count,
        series.outcome,
        in_time,
        series.interval,
        series.boot,
        series.seq,
        series.mono,
        series.mono,
        series.outcomes,
        series.boots,
        series.conflicts,
    )


def fold(series: Series, wait_us: int) -> Stretches:
    """Samples that are alike and in step, run together."""
    return joined(singly(series, wait_us))


def _in_step_by_mono(rows: Stretches) -> Bools:
    """By the clock that never steps too, and by a millisecond more: stamps drawn from it are rounded down."""
    since = rows.mono[1:] - rows.mono_last[:-1]
    unclocked = (rows.mono[1:] == NONE) & (rows.mono_last[:-1] == NONE)
    in_step: Bools = unclocked | ((since > 0) & (2 * since <= 3000 * rows.interval[:-1] - 2000))
    return in_step


def joined(rows: Stretches) -> Stretches:
    """Rows in order of at, boot and seq, run together wherever they may be."""
    if len(rows) < 2:
        return rows
    alike = np.logical_and.reduce(
        [column[1:] == column[:-1] for column in (rows.outcome, rows.in_time, rows.boot, rows.interval)]
    )
    in_step = 2 * (rows.at[1:] - rows.last[:-1]) <= 3 * rows.interval[:-1]
    first = np.flatnonzero(np.append(True, ~(alike & in_step & _in_step_by_mono(rows))))
    if len(first) == len(rows):
        return rows
    last = np.append(first[1:], len(rows)) - 1
    return Stretches(
        rows.at[first],
        rows.last[last],
        np.add.reduceat(rows.count, first),
        rows.outcome[first],
        rows.in_time[first],
        rows.interval[first],
        rows.boot[first],
        rows.seq[first],
        rows.mono[first],
        rows.mono_last[last],
        rows.outcomes,
        rows.boots,
        rows.conflicts,
    )


def over(samples: Samples, outcomes: tuple[str, ...], boots: tuple[str, ...]) -> Samples:
    """The same with its codes over these tables, which hold at least the names in use."""
    outcome, boot = _recoded(samples.outcome, samples.outcomes, outcomes), _recoded(samples.boot, samples.boots, boots)
    return replace(samples, outcome=outcome, boot=boot, outcomes=outcomes, boots=boots)


def _recoded(codes: Ints, names: tuple[str, ...], wanted: tuple[str, ...]) -> Ints:
    place = {name: index for index, name in enumerate(wanted)}
    recoded: Ints = ints(place.get(name, -1) for name in names)[codes] if len(codes) else codes
    return recoded
