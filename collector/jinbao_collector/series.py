"""One rung's samples as columns: what every store hands to judgement."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
NONE = -1


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one (link, vantage, target) in order of instant, then boot, then seq; each one once.

    `at` is milliseconds UTC, `rtt` microseconds, `interval` milliseconds, `mono` microseconds of CLOCK_BOOTTIME; NONE (-1)
    stands for absent. `outcome` and `boot` index `outcomes` and `boots`. `conflicts` are the instants of samples that came
    twice with different content: they are left out, as if never sent.
    """

    at: Ints
    outcome: Ints
    rtt: Ints
    interval: Ints
    boot: Ints
    seq: Ints
    mono: Ints
    outcomes: tuple[str, ...]
    boots: tuple[str, ...]
    conflicts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.at)

    def between(self, since: int, until: int) -> "Series":
        """The samples of [since, until), milliseconds."""
        first, last = np.searchsorted(self.at, [since, until])
        return self.take(slice(int(first), int(last)))

    def take(self, which: slice | Ints | npt.NDArray[np.bool_]) -> "Series":
        return Series(
            self.at[which],
            self.outcome[which],
            self.rtt[which],
            self.interval[which],
            self.boot[which],
            self.seq[which],
            self.mono[which],
            self.outcomes,
            self.boots,
            self.conflicts,
        )


def ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, np.int64)


_EMPTY = ints(())
NO_SAMPLES = Series(_EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, (), ())


def build_series(
    sent_us: Ints,
    outcome: Ints,
    rtt: Ints,
    interval: Ints,
    boot: Ints,
    seq: Ints,
    mono: Ints,
    outcomes: tuple[str, ...],
    boots: tuple[str, ...],
) -> Series:
    """Columns in any order, with any repetition -> one Series (judgement R1.4).

    Rows with the same key (boot, seq; without seq: boot, send time) collapse if they are identical; if they differ, all of
    them are left out and noted in `conflicts`.
    """
    if not len(sent_us):
        return NO_SAMPLES
    boots, boot = _in_order(boots, boot)
    key = np.where(seq == NONE, sent_us, seq)
    unnumbered = seq == NONE
    columns: tuple[npt.NDArray[Any], ...] = (boot, unnumbered, key, sent_us, outcome, rtt, interval, mono, seq)
    order = np.lexsort(columns[::-1])
    columns = tuple(column[order] for column in columns)
    same_key = _same_as_before(columns[:3])
    identical = same_key & _same_as_before(columns[3:])
    group = np.cumsum(~same_key) - 1
    conflicting = np.zeros(group[-1] + 1, bool)
    conflicting[group[same_key & ~identical]] = True
    at = columns[3] // 1000
    kept = ~identical & ~conflicting[group]
    conflicts = np.unique(at[~same_key & conflicting[group]])
    boot, _, _, _, outcome, rtt, interval, mono, seq = (column[kept] for column in columns)
    at = at[kept]
    order = np.lexsort((seq, boot, at))
    at, outcome, rtt, interval, boot, seq, mono = (column[order] for column in (at, outcome, rtt, interval, boot, seq, mono))
    return Series(at, outcome, rtt, interval, boot, seq, mono, outcomes, boots, tuple(conflicts.tolist()))


def _in_order(names: tuple[str, ...], codes: Ints) -> tuple[tuple[str, ...], Ints]:
    """The same codes over sorted distinct names, so that code order is name order."""
    ordered = tuple(sorted(set(names)))
    place = {name: index for index, name in enumerate(ordered)}
    return ordered, ints(place[name] for name in names)[codes]


def _same_as_before(columns: tuple[npt.NDArray[np.generic], ...]) -> npt.NDArray[np.bool_]:
    same = np.zeros(len(columns[0]), bool)
    same[1:] = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    return same
