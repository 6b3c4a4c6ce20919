"""Samples of one series -> the spans in which it was UP and in which DOWN; all other time is UNKNOWN (judgement R1, R2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import LATE, REFUSED, REPLY
from jinbao_collector.series import NONE, Ints, Series
from jinbao_reports.interval import FOREVER, Span, Spans, complement, merge, near, union

Bools = npt.NDArray[np.bool_]
Column = TypeVar("Column", Bools, Ints)
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Timeline:
    """UP and DOWN are disjoint; what neither covers is UNKNOWN.

    `ended` are instants at which, by somebody's word, it was restored although nothing is known of the time after.
    """

    up: Spans
    down: Spans
    ended: tuple[int, ...] = ()

    @property
    def known(self) -> Spans:
        return union(self.up, self.down)

    @property
    def unknown(self) -> Spans:
        return complement(self.known)


NOTHING_KNOWN = Timeline((), ())


@dataclass(frozen=True, slots=True)
class Flap:
    """A run of failures too short to be declared: the instants of its failed results, and their holds, milliseconds."""

    holds: Spans
    instants: tuple[int, ...]


@dataclass(frozen=True)
class Results:
    """The usable samples of one series, numbered in order of time: whether each succeeded, when, for how long (R1.3, R2.1).

    `rows_at` and `rows_interval` are the series' own columns, in which the rows `gone` are no samples; a year of them is not
    copied. A sample holds to the next one if that is at most 1.5 T away, else for T; the rest is a gap. Nothing holds beyond
    `until`.
    """

    ok: Bools
    rows_at: Ints
    rows_interval: Ints
    gone: Ints
    until: int = FOREVER[0][1]

    def __len__(self) -> int:
        return len(self.ok)

    def row(self, which: Ints) -> Ints:
        """The rows in which these samples stand."""
        return which + self._left_before_gone.searchsorted(which, "right") if len(self.gone) else which

    @cached_property
    def _left_before_gone(self) -> Ints:
        """How many samples stand before each row that is gone."""
        return self.gone - np.arange(len(self.gone))

    def at(self, which: Ints) -> Ints:
        """When these samples were sent."""
        return self.rows_at[self.row(which)]

    def interval(self, which: Ints) -> Ints:
        return self.rows_interval[self.row(which)]

    def before(self, instants: npt.ArrayLike, *, inclusive: bool = False) -> Ints:
        """How many samples were sent before each instant, or at it too."""
        rows: Ints = self.rows_at.searchsorted(instants, "right" if inclusive else "left")
        return rows - self.gone.searchsorted(rows) if len(self.gone) else rows

    def numbers(self, span: Span) -> Ints:
        """The samples of a span."""
        return np.arange(*self.before(span))

    @cached_property
    def alone(self) -> Ints:
        """The samples after which there is a gap, the last among them."""
        if not len(self):
            return np.zeros(0, np.int64)
        least, at = int(self.rows_interval.min()), self.rows_at
        far = [
            np.flatnonzero(at[part.start + 1 : part.stop + 1] - at[part][: len(at) - 1 - part.start] > 3 * least // 2)
            + part.start
            for part in _blocks(len(at))
        ]
        # That was a sieve, as mostly all samples have one interval; a row that is gone may hide a gap too.
        rows = np.concatenate([*far, self.gone])
        which = np.unique(rows - np.searchsorted(self.gone, rows, "right"))
        which = which[(which >= 0) & (which < len(self) - 1)]
        lonely = 2 * (self.at(which + 1) - self.at(which)) > 3 * self.interval(which)
        return np.append(which[lonely], len(self) - 1)

    def ends(self, which: Ints) -> Ints:
        """Until when these samples hold."""
        following = self.at(np.minimum(which + 1, len(self) - 1))
        isolated = self.alone[self.alone.searchsorted(which)] == which
        return np.minimum(np.where(isolated, self.at(which) + self.interval(which), following), self.until)


_FAILURE, _ANSWER, _REFUSAL, _NO_SAMPLE = range(4)


def _kinds(series: Series, host: str, *, service: bool, authentic: bool) -> npt.NDArray[np.int8]:
    """What each outcome of the series is. A refusal proves the link, not the service; where answers are `authentic` it is no
    sample, for unlike them anybody between can make one.

    A port unreachable from the target itself (`host`) is a refusal (RFC 2678 section 6.6.5). A `not_sent` is a record of the
    agent's own fault, and no sample.
    """

    def kind(word: str) -> int:
        if word in (REPLY, LATE):
            return _ANSWER
        if word.startswith("not_sent"):
            return _NO_SAMPLE
        if not is_refusal(word, host):
            return _FAILURE
        return _NO_SAMPLE if authentic else _FAILURE if service else _REFUSAL

    return np.array([kind(word) for word in series.outcomes], np.int8)


def _blocks(length: int) -> Iterator[slice]:
    """A year's column is worked through in pieces that stay in the processor's cache."""
    for start in range(0, length, _BLOCK):
        yield slice(start, min(start + _BLOCK, length))


def is_refusal(outcome: str, host: str) -> bool:
    port_unreachable = ("3:3", "1:4") if ":" in host else ("3:3",)  # ICMPv6 has a number of its own (RFC 4443 section 3.1)
    return outcome == REFUSED or (bool(host) and outcome in [f"unreachable:{code}:{host}" for code in port_unreachable])


def results(
    series: Series, wait_ms: int, host: str, *, service: bool = False, authentic: bool = False, until: int = FOREVER[0][1]
) -> Results:
    """A success is an answer within W, inclusive, or a refusal (R1.3)."""
    kinds, good = _kinds(series, host, service=service, authentic=authentic), np.empty(len(series), bool)
    gone = [np.zeros(0, np.int64)]
    for part in _blocks(len(series)):
        kind, rtt = kinds[series.outcome[part]], series.rtt[part]
        good[part] = ((kind == _ANSWER) & (rtt != NONE) & (rtt <= wait_ms * 1000)) | (kind == _REFUSAL)
        gone.append(np.flatnonzero(kind == _NO_SAMPLE) + part.start)
    rows = np.concatenate(gone)
    return Results(left(good, rows), series.at, series.interval, rows, until)


def left(column: Column, gone: Ints) -> Column:
    """A column without the rows that are gone."""
    if not len(gone):
        return column
    return np.concatenate([column[start + 1 : end] for start, end in pairwise([-1, *gone.tolist(), len(column)])])


def windows(samples: Results, dt: int, worst: Fraction) -> Results:
    """Windows of dt, aligned to the epoch, as results: bad where more than `worst` of the samples failed (R2.5).

    A window with fewer than half of the samples it should have is absent, and so is unknown.
    """
    if not len(samples):
        return samples
    at = left(samples.rows_at, samples.gone)
    starts, first, sent = np.unique(at // dt, return_index=True, return_counts=True)
    lost = np.add.reduceat((~samples.ok).astype(np.int64), first)
    measured = 2 * sent * samples.interval(first) >= dt
    good = lost * worst.denominator <= sent * worst.numerator
    return Results(
        good[measured], (starts * dt)[measured], np.full(int(measured.sum()), dt), np.zeros(0, np.int64), samples.until
    )


def hysteresis(samples: Results, n: int) -> Timeline:
    """The timeline after n consecutive results, back-dated both ways.

    The machine runs twice, with every gap filled by failures (F), then by successes (S); where both agree the state is
    known. An instant outside every hold is never known, however the runs agree.
    """
    if not len(samples):
        return NOTHING_KNOWN
    last, filler = _runs(samples)
    first = np.append(0, last[:-1] + 1)
    pessimist, optimist = (_states(samples.ok[first], last - first + 1, filler, n, filler_ok=ok) for ok in (False, True))
    starts, ends = samples.at(first), samples.ends(last)
    up, down = pessimist & optimist, ~(pessimist | optimist)
    return Timeline(_joined(starts[up], ends[up]), _joined(starts[down], ends[down]))


def _runs(samples: Results) -> tuple[Ints, Ints]:
    """Consecutive equal results without a gap among them: the last sample of each run, and how much filler goes before it."""
    last = np.union1d(np.flatnonzero(samples.ok[1:] != samples.ok[:-1]), samples.alone)
    before = last[:-1]
    gap = samples.at(before + 1) - samples.ends(before)
    return last, np.append(0, -(-gap // samples.interval(before)))


def _states(ok: Bools, length: Ints, filler: Ints, n: int, *, filler_ok: bool) -> Bools:
    """The state during each run. Before the first and after the last sample the gap is endless (R9)."""
    results, counts = np.full(2 * len(ok) + 2, filler_ok), np.full(2 * len(ok) + 2, n)
    results[2:-1:2] = ok
    counts[1:-1:2], counts[2:-1:2] = filler, length
    stretches = np.flatnonzero(np.append(True, results[1:] != results[:-1]))
    decided = np.add.reduceat(counts, stretches) >= n
    latest = np.maximum.accumulate(np.where(decided, np.arange(len(stretches)), 0))
    of_run = np.searchsorted(stretches, np.arange(2, len(results) - 1, 2), "right") - 1
    return results[stretches[latest[of_run]]]


def _joined(starts: Ints, ends: Ints) -> Spans:
    """Spans in order of time; those that touch become one, and empty ones vanish."""
    starts, ends = starts[starts < ends], ends[starts < ends]
    if not len(starts):
        return ()
    first = np.flatnonzero(np.append(True, starts[1:] > ends[:-1]))
    last = np.append(first[1:], len(starts)) - 1
    return tuple(zip(starts[first].tolist(), ends[last].tolist(), strict=True))


def failed_runs(samples: Results, up: Spans) -> tuple[Flap, ...]:
    """Runs of failures inside UP time; a gap without a success between does not split one (R9)."""
    failed = np.flatnonzero(~samples.ok)
    successes_before = failed - np.arange(len(failed))
    inside = within(up, samples.at(failed))
    failed, successes_before = failed[inside], successes_before[inside]
    if not len(failed):
        return ()
    holds = list(zip(samples.at(failed).tolist(), samples.ends(failed).tolist(), strict=True))
    edges = [0, *(np.flatnonzero(np.diff(successes_before)) + 1).tolist(), len(failed)]
    return tuple(Flap(merge(holds[a:b]), tuple(at for at, _ in holds[a:b])) for a, b in pairwise(edges))


def within(spans: Spans, instants: Ints) -> Bools:
    """Which of the instants, in order of time, lie in the spans."""
    if not len(instants):
        return np.zeros(0, bool)
    edges = np.array(near(spans, ((int(instants[0]), int(instants[-1]) + 1),)), np.int64).reshape(-1)
    inside: Bools = edges.searchsorted(instants, "right") % 2 == 1
    return inside
