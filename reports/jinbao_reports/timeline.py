"""Samples of one series -> the spans in which it was UP and in which DOWN; all other time is UNKNOWN (judgement R1, R2)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import LATE, REFUSED, REPLY
from jinbao_collector.series import Ints, Series
from jinbao_collector.stretches import Samples, Stretches, singly
from jinbao_reports.interval import Span, Spans, complement, merge, near, union

Bools = npt.NDArray[np.bool_]
_NEVER = np.iinfo(np.int64).max


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


@dataclass(frozen=True, slots=True)
class Meaning:
    """How the outcomes of a rung are read: `host` was asked, and an answer within `wait_ms` (W) is a success.

    A refusal proves the link, not the `service`; where answers are `authentic` it is no sample, for unlike them anybody between
    can make one.
    """

    wait_ms: int
    host: str
    service: bool
    authentic: bool

    def is_sample(self, outcome: str) -> bool:
        """A `not_sent` is a record of the agent's own fault."""
        return not outcome.startswith("not_sent") and not (self.authentic and self.is_refusal(outcome))

    def is_refusal(self, outcome: str) -> bool:
        """A port unreachable from the target itself is one too (RFC 2678 section 6.6.5)."""
        # ICMPv6 has a number of its own (RFC 4443 section 3.1).
        codes = ("3:3", "1:4") if ":" in self.host else ("3:3",)
        return outcome == REFUSED or (bool(self.host) and outcome in [f"unreachable:{code}:{self.host}" for code in codes])


@dataclass(frozen=True, slots=True)
class Results:
    """Usable samples of one series: instant, whether it succeeded, until when it holds, its interval (R1.3, R2.1).

    A row may stand for `count` samples alike, each holding to the next: then `at` is the first one's, `held` the last one's.
    """

    at: Ints
    ok: Bools
    held: Ints
    interval: Ints
    count: Ints

    def __len__(self) -> int:
        return len(self.at)

    def take(self, which: slice | Ints | Bools) -> "Results":
        return Results(self.at[which], self.ok[which], self.held[which], self.interval[which], self.count[which])


def sent(samples: Samples, meaning: Meaning) -> Samples:
    """Without the rows that are no samples."""
    kept = np.array([meaning.is_sample(word) for word in samples.outcomes], bool)[samples.outcome]
    return samples if kept.all() else samples.take(kept)


def succeeded(rows: Stretches, meaning: Meaning) -> Bools:
    """A success is an answer within W, inclusive, or a refusal (R1.3)."""
    answers = np.array([word in (REPLY, LATE) for word in rows.outcomes], bool)
    good: Bools = answers[rows.outcome] & rows.in_time
    if meaning.service:
        return good
    refusals = np.array([meaning.is_refusal(word) for word in rows.outcomes], bool)
    return good | refusals[rows.outcome] if refusals.any() else good


def results(series: Series, meaning: Meaning) -> Results:
    """Each sample by itself."""
    return results_of(singly(sent(series, meaning), meaning.wait_ms * 1000), meaning)


def results_of(rows: Stretches, meaning: Meaning) -> Results:
    """A sample holds to the next one if that is at most 1.5 T away, else for T; the rest is a gap. All rows are samples."""
    if not len(rows):
        return Results(rows.at, np.zeros(0, bool), rows.at, rows.interval, rows.count)
    following = np.append(rows.at[1:], _NEVER)
    follows = 2 * (following - rows.last) <= 3 * rows.interval
    follows[-1] = False
    held = np.where(follows, following, rows.last + rows.interval)
    return Results(rows.at, succeeded(rows, meaning), held, rows.interval, rows.count)


def windows(samples: Results, dt: int, worst: Fraction) -> Results:
    """Windows of dt, aligned to the epoch, as results: bad where more than `worst` of the samples, one by one, failed (R2.5).

    A window with fewer than half of the samples it should have is absent, and so is unknown.
    """
    if not len(samples):
        return samples
    starts, first, sent = np.unique(samples.at // dt, return_index=True, return_counts=True)
    lost = np.add.reduceat((~samples.ok).astype(np.int64), first)
    measured = 2 * sent * samples.interval[first] >= dt
    at = (starts * dt)[measured]
    good = lost * worst.denominator <= sent * worst.numerator
    return Results(at, good[measured], at + dt, np.full(len(at), dt), np.ones(len(at), np.int64))


def end_to_end(parts: list[Results]) -> Results:
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Results(nothing, np.zeros(0, bool), nothing, nothing, nothing)
    columns = ([getattr(part, name) for part in parts] for name in ("at", "ok", "held", "interval", "count"))
    return Results(*map(np.concatenate, columns))


def hysteresis(samples: Results, n: int) -> Timeline:
    """The timeline after n consecutive results, back-dated both ways.

    The machine runs twice, with every gap filled by failures (F), then by successes (S); where both agree the state is
    known. An instant outside every hold is never known, however the runs agree.
    """
    if not len(samples):
        return NOTHING_KNOWN
    gap = samples.at[1:] - samples.held[:-1]
    first = np.flatnonzero(np.append(True, (samples.ok[1:] != samples.ok[:-1]) | (gap > 0)))
    last = np.append(first[1:], len(samples)) - 1
    filler = np.append(0, -(-gap // samples.interval[:-1]))[first]
    count = np.add.reduceat(samples.count, first)
    pessimist, optimist = (_states(samples.ok[first], count, filler, n, filler_ok=ok) for ok in (False, True))
    starts, ends = samples.at[first], samples.held[last]
    up, down = pessimist & optimist, ~(pessimist | optimist)
    return Timeline(as_spans(starts[up], ends[up]), as_spans(starts[down], ends[down]))


def _states(ok: Bools, length: Ints, filler: Ints, n: int, *, filler_ok: bool) -> Bools:
    """The state during each run of equal results without a gap among them; `filler` goes before it.

    Before the first and after the last sample the gap is endless (R9).
    """
    results, counts = np.full(2 * len(ok) + 2, filler_ok), np.full(2 * len(ok) + 2, n)
    results[2:-1:2] = ok
    counts[1:-1:2], counts[2:-1:2] = filler, length
    stretches = np.flatnonzero(np.append(True, results[1:] != results[:-1]))
    decided = np.add.reduceat(counts, stretches) >= n
    latest = np.maximum.accumulate(np.where(decided, np.arange(len(stretches)), 0))
    of_run = np.searchsorted(stretches, np.arange(2, len(results) - 1, 2), "right") - 1
    return results[stretches[latest[of_run]]]


def as_spans(starts: Ints, ends: Ints) -> Spans:
    """Spans in order of time; those that touch become one, and empty ones vanish."""
    starts, ends = starts[starts < ends], ends[starts < ends]
    if not len(starts):
        return ()
    reach = np.maximum.accumulate(ends)
    first = np.flatnonzero(np.append(True, starts[1:] > reach[:-1]))
    last = np.append(first[1:], len(starts)) - 1
    return tuple(pairs(starts[first], reach[last]))


def pairs(left: Ints, right: Ints) -> list[Span]:
    return list(zip(left.tolist(), right.tolist(), strict=True))


def failed_runs(samples: Results, up: Spans, singly: Callable[[int, int], Results]) -> tuple[Flap, ...]:
    """Runs of failures inside UP time; a gap without a success between does not split one (R9).

    `singly` gives the samples from one instant to the hold of another each by itself.
    """
    edges = np.array(up, np.int64).reshape(-1)
    samples = _failures_singly(samples, edges, singly)
    failed = np.flatnonzero(~samples.ok)
    failed = failed[np.searchsorted(edges, samples.at[failed], "right") % 2 == 1]
    if not len(failed):
        return ()
    successes_before = np.cumsum(samples.ok)[failed]
    holds = pairs(samples.at[failed], samples.held[failed])
    cuts = [0, *(np.flatnonzero(np.diff(successes_before)) + 1).tolist(), len(failed)]
    return tuple(Flap(merge(holds[a:b]), tuple(at for at, _ in holds[a:b])) for a, b in pairwise(cuts))


def _failures_singly(samples: Results, edges: Ints, singly: Callable[[int, int], Results]) -> Results:
    """The same, with a row for each failure where rows of failures touch UP time: its edges may lie within them."""
    first, last = np.searchsorted(edges, samples.at, "right"), np.searchsorted(edges, samples.held, "left")
    touches = (samples.count > 1) & ~samples.ok & ((first % 2 == 1) | (first != last))
    if not touches.any():
        return samples
    parts = [samples.take(~touches)]
    for at, held in pairs(samples.at[touches], samples.held[touches]):
        part = singly(at, held)
        # Each holds to the next, and the last as long as its row.
        parts.append(replace(part, held=np.append(part.at[1:], held)))
    whole = end_to_end(parts)
    return whole.take(np.argsort(whole.at, kind="stable"))


def within(spans: Spans, instants: Ints) -> Bools:
    """Which of the instants, in order of time, lie in the spans."""
    if not len(instants):
        return np.zeros(0, bool)
    edges = np.array(near(spans, ((int(instants[0]), int(instants[-1]) + 1),)), np.int64).reshape(-1)
    inside: Bools = edges.searchsorted(instants, "right") % 2 == 1
    return inside
