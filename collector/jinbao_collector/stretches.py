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
_ONE = np.int64(1)
_BLOCK = 1 << 16
_EMPTY = np.zeros(0, np.int64)
NO_STRETCHES = Stretches(_EMPTY, _EMPTY, _EMPTY, _EMPTY, np.zeros(0, bool), _EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, (), ())


Samples = TypeVar("Samples", Series, Stretches)


def singly(series: Series, wait_us: int) -> Stretches:
    """Every sample a row of its own."""
    in_time = (series.rtt != NONE) & (series.rtt <= wait_us)
    count: Ints = np.broadcast_to(_ONE, len(series))
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


def joined(rows: Stretches) -> Stretches:
    """Rows in order of at, boot and seq, run together wherever they may be."""
    first = _begins(rows)
    if len(first) == len(rows):
        return rows
    last = np.append(first[1:], len(rows)) - 1
    return Stretches(
        rows.at[first],
        rows.last[last],
        last - first + 1 if rows.last is rows.at else np.add.reduceat(rows.count, first),
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


def _begins(rows: Stretches) -> Ints:
    """The rows that cannot be joined to the one before. A year is worked through in pieces that stay in the cache."""
    found = [np.zeros(min(len(rows), 1), np.int64)]
    for start in range(0, len(rows) - 1, _BLOCK):
        found.append(np.flatnonzero(_apart(rows, start, min(start + _BLOCK, len(rows) - 1))) + start + 1)
    return np.concatenate(found)


def _apart(rows: Stretches, start: int, end: int) -> Bools:
    """Which of these rows cannot be joined to the next."""
    one, following = slice(start, end), slice(start + 1, end + 1)
    apart = rows.at[following] - rows.last[one] > _most(rows.interval[one])
    for column in (rows.outcome, rows.in_time, rows.boot, rows.interval):
        if column.strides[0]:
            apart |= column[following] != column[one]
    # By the clock that never steps too, and by a millisecond more: stamps drawn from it are rounded down.
    mono, mono_last = rows.mono[following], rows.mono_last[one]
    clocked = (mono != NONE) | (mono_last != NONE) if mono.strides[0] else mono[:1] != NONE
    if clocked.any():
        since = mono - mono_last
        apart |= clocked & ((since <= 0) | (2 * since > 3000 * rows.interval[one] - 2000))
    return apart


def _most(interval: Ints) -> Ints:
    """1.5 intervals: samples further apart are not in step. Where all are of one, it is said once."""
    return 3 * (interval if interval.strides[0] else interval[:1]) // 2


def over(samples: Samples, outcomes: tuple[str, ...], boots: tuple[str, ...]) -> Samples:
    """The same with its codes over these tables, which hold at least the names in use."""
    outcome, boot = _recoded(samples.outcome, samples.outcomes, outcomes), _recoded(samples.boot, samples.boots, boots)
    return replace(samples, outcome=outcome, boot=boot, outcomes=outcomes, boots=boots)


def _recoded(codes: Ints, names: tuple[str, ...], wanted: tuple[str, ...]) -> Ints:
    place = {name: index for index, name in enumerate(wanted)}
    recoded: Ints = ints(place.get(name, -1) for name in names)[codes] if len(codes) else codes
    return recoded
