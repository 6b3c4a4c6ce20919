"""Samples of one series -> the spans in which it was UP and in which DOWN; all other time is UNKNOWN (judgement R1, R2)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import LATE, REFUSED, REPLY
from jinbao_collector.series import Ints, Series
from jinbao_collector.stretches import Samples, Stretches, singly
from jinbao_reports.interval import Spans, complement, merge, union

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Timeline:
    """UP and DOWN are disjoint; what neither covers is UNKNOWN."""

    up: Spans
    down: Spans

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


def sent(samples: Samples) -> Samples:
    """Without `not_sent` rows: they are records of the agent, not samples."""
    ours = np.array([word.startswith("not_sent") for word in samples.outcomes], bool)
    return samples.take(~ours[samples.outcome]) if ours.any() else samples


def succeeded(rows: Stretches, host: str, *, service: bool = False) -> Bools:
    """Whether each sample is a success: an answer within W, inclusive; a refusal proves the link, not the service.

    An `unreachable:3:3` from the target itself (`host`) is a refusal (RFC 2678 section 6.6.5).
    """
    answers = np.array([word in (REPLY, LATE) for word in rows.outcomes], bool)
    refusals = np.array([is_refusal(word, host) for word in rows.outcomes], bool)
    good: Bools = answers[rows.outcome] & rows.in_time
    return good if service else good | refusals[rows.outcome]


def is_refusal(outcome: str, host: str) -> bool:
    port_unreachable = "1:4" if ":" in host else "3:3"  # ICMPv6 has numbers of its own (RFC 4443 section 3.1)
    return outcome == REFUSED or (bool(host) and outcome == f"unreachable:{port_unreachable}:{host}")


def results(series: Series, wait_ms: int, host: str, *, service: bool = False) -> Results:
    """Each sample by itself."""
    return results_of(singly(series, wait_ms * 1000), host, service=service)


def results_of(records: Stretches, host: str, *, service: bool = False) -> Results:
    """A sample holds to the next one if that is at most 1.5 T away, else for T; the rest is a gap."""
    rows = sent(records)
    if not len(rows):
        return Results(rows.at, np.zeros(0, bool), rows.at, rows.interval, rows.count)
    following = np.append(rows.at[1:], np.iinfo(np.int64).max)
    near = 2 * (following - rows.last) <= 3 * rows.interval
    near[-1] = False
    held = np.where(near, following, rows.last + rows.interval)
    return Results(rows.at, succeeded(rows, host, service=service), held, rows.interval, rows.count)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Consecutive equal results without a gap among them: [at, held), how many, and the filler in the gap before them."""

    at: Ints
    held: Ints
    ok: Bools
    count: Ints
    filler: Ints


def windows(samples: Results, dt: int, worst: Fraction) -> Results:
    """Windows of dt, aligned to the epoch, as results: bad where more than `worst` of the samples failed (R2.5).

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
    runs = _runs(samples)
    pessimist, optimist = _states(runs, n, filler_ok=False), _states(runs, n, filler_ok=True)
    known = pessimist == optimist
    spans = (_spans(runs, known & (pessimist == state)) for state in (True, False))
    return Timeline(*spans)


def _runs(samples: Results) -> _Runs:
    gap = samples.at[1:] - samples.held[:-1]
    first = np.flatnonzero(np.append(True, (samples.ok[1:] != samples.ok[:-1]) | (gap > 0)))
    last = np.append(first[1:], len(samples)) - 1
    filler = np.append(0, -(-gap // samples.interval[:-1]))
    count = np.add.reduceat(samples.count, first)
    return _Runs(samples.at[first], samples.held[last], samples.ok[first], count, filler[first])


def _states(runs: _Runs, n: int, *, filler_ok: bool) -> Bools:
    """The state during each run. Before the first and after the last sample the gap is endless (R9)."""
    # Filler and run by turns; the endless gaps count for n, which decides.
    result = np.empty(2 * len(runs.ok), bool)
    result[::2], result[1::2] = filler_ok, runs.ok
    length = np.empty(len(result), np.int64)
    length[::2], length[1::2] = runs.filler, runs.count
    length[0] = n
    present = np.flatnonzero(length)
    result, length = result[present], length[present]
    first = np.flatnonzero(np.append(True, result[1:] != result[:-1]))
    total = np.add.reduceat(length, first)
    if result[-1] == filler_ok:
        total[-1] += n
    # The state of a stretch too short to decide is that of the last one that did.
    decided = np.maximum.accumulate(np.where(total >= n, np.arange(len(first)), 0))
    state = np.repeat(result[first][decided], np.diff(np.append(first, len(result))))
    of_runs: Bools = state[present % 2 == 1]
    return of_runs


def _spans(runs: _Runs, of: Bools) -> Spans:
    """What these runs cover; neighbours that touch are one before they are counted one by one."""
    chosen = np.flatnonzero(of)
    at, held = runs.at[chosen], runs.held[chosen]
    begins = np.append(True, at[1:] != held[:-1]) if len(chosen) else np.zeros(0, bool)
    ends = np.append(begins[1:], True) if len(chosen) else begins
    return merge(zip(at[begins].tolist(), held[ends].tolist(), strict=True))


def failed_runs(samples: Results, up: Spans, singly: Callable[[int, int], Results]) -> tuple[Flap, ...]:
    """Runs of failures inside UP time; a gap without a success between does not split one (R9).

    `singly` gives the samples from one instant to the hold of another each by itself.
    """
    edges = np.array([edge for span in up for edge in span], np.int64)
    samples = _failures_singly(samples, edges, singly)
    inside = np.searchsorted(edges, samples.at, "right") % 2 == 1
    failed = np.flatnonzero(inside & ~samples.ok)
    successes_before = np.cumsum(samples.ok)[failed]
    runs = np.split(failed, np.flatnonzero(np.diff(successes_before)) + 1) if len(failed) else []
    return tuple(
        Flap(merge(zip(samples.at[run].tolist(), samples.held[run].tolist(), strict=True)), tuple(samples.at[run].tolist()))
        for run in runs
    )


def _failures_singly(samples: Results, edges: Ints, singly: Callable[[int, int], Results]) -> Results:
    """The same, with a row for each failure where rows of failures touch UP time: its edges may lie within them."""
    first, last = np.searchsorted(edges, samples.at, "right"), np.searchsorted(edges, samples.held, "left")
    touches = (samples.count > 1) & ~samples.ok & ((first % 2 == 1) | (first != last))
    if not touches.any():
        return samples
    parts = [samples.take(~touches)]
    for at, held in zip(samples.at[touches].tolist(), samples.held[touches].tolist(), strict=True):
        part = singly(at, held)
        # Each holds to the next, and the last as long as its row.
        parts.append(replace(part, held=np.append(part.at[1:], held)))
    whole = end_to_end(parts)
    return whole.take(np.argsort(whole.at, kind="stable"))
