"""Samples of one series -> the spans in which it was UP and in which DOWN; all other time is UNKNOWN (judgement R1, R2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import LATE, REFUSED, REPLY
from jinbao_collector.series import NONE, Ints, Series
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
    """Usable samples of one series: instant, whether it succeeded, until when it holds, its interval (R1.3, R2.1)."""

    at: Ints
    ok: Bools
    held: Ints
    interval: Ints

    def __len__(self) -> int:
        return len(self.at)


def sent(series: Series) -> Series:
    """Without `not_sent` rows: they are records of the agent, not samples."""
    ours = np.array([word.startswith("not_sent") for word in series.outcomes], bool)
    return series.take(~ours[series.outcome]) if ours.any() else series


def succeeded(series: Series, wait_ms: int, host: str, *, service: bool = False) -> Bools:
    """Whether each sample is a success: an answer within W, inclusive; a refusal proves the link, not the service.

    A port unreachable from the target itself (`host`) is a refusal (RFC 2678 section 6.6.5).
    """
    answers = np.array([word in (REPLY, LATE) for word in series.outcomes], bool)
    refusals = np.array([is_refusal(word, host) for word in series.outcomes], bool)
    in_time = (series.rtt != NONE) & (series.rtt <= wait_ms * 1000)
    good: Bools = answers[series.outcome] & in_time
    return good if service else good | refusals[series.outcome]


def is_refusal(outcome: str, host: str) -> bool:
    port_unreachable = ("3:3", "1:4") if ":" in host else ("3:3",)  # ICMPv6 has a number of its own (RFC 4443 section 3.1)
    return outcome == REFUSED or (bool(host) and outcome in [f"unreachable:{code}:{host}" for code in port_unreachable])


def results(series: Series, wait_ms: int, host: str, *, service: bool = False) -> Results:
    """A sample holds to the next one if that is at most 1.5 T away, else for T; the rest is a gap."""
    series = sent(series)
    if not len(series):
        return Results(series.at, np.zeros(0, bool), series.at, series.interval)
    following = np.append(series.at[1:], np.iinfo(np.int64).max)
    near = 2 * (following - series.at) <= 3 * series.interval
    near[-1] = False
    held = np.where(near, following, series.at + series.interval)
    return Results(series.at, succeeded(series, wait_ms, host, service=service), held, series.interval)


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive equal results without a gap among them: samples first..last of Results, and the filler before it."""

    ok: bool
    first: int
    last: int
    filler: int


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
    return Results(at, good[measured], at + dt, np.full(len(at), dt))


def hysteresis(samples: Results, n: int) -> Timeline:
    """The timeline after n consecutive results, back-dated both ways.

    The machine runs twice, with every gap filled by failures (F), then by successes (S); where both agree the state is
    known. An instant outside every hold is never known, however the runs agree.
    """
    runs = list(_runs(samples))
    pessimist, optimist = _states(runs, n, filler_ok=False), _states(runs, n, filler_ok=True)
    spans: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for run, low, high in zip(runs, pessimist, optimist, strict=True):
        if low == high:
            spans[low].append((int(samples.at[run.first]), int(samples.held[run.last])))
    return Timeline(merge(spans[True]), merge(spans[False]))


def _runs(samples: Results) -> Iterator[_Run]:
    if not len(samples):
        return
    gap = samples.at[1:] - samples.held[:-1]
    filler = -(-gap // samples.interval[:-1])
    first = np.flatnonzero(np.append(True, (samples.ok[1:] != samples.ok[:-1]) | (gap > 0)))
    last = np.append(first[1:], len(samples)) - 1
    for start, end in zip(first.tolist(), last.tolist(), strict=True):
        yield _Run(bool(samples.ok[start]), start, end, int(filler[start - 1]) if start else 0)


def _states(runs: list[_Run], n: int, *, filler_ok: bool) -> list[bool]:
    """The state during each run. Before the first and after the last sample the gap is endless (R9)."""
    stretches = list(_stretches(runs, n, filler_ok=filler_ok))
    states: list[bool] = []
    state = filler_ok
    for ok, count, members in stretches:
        if count >= n:
            state = ok
        states += [state] * members
    return states


def _stretches(runs: list[_Run], n: int, *, filler_ok: bool) -> Iterator[tuple[bool, int, int]]:
    """Maximal stretches of equal results, filler included: (result, how many, how many runs of samples in it)."""
    ok, count, members = filler_ok, n, 0
    for run in runs:
        for result, length, own in ((filler_ok, run.filler, 0), (run.ok, run.last - run.first + 1, 1)):
            if not length:
                continue
            if result != ok:
                yield ok, count, members
                ok, count, members = result, 0, 0
            count, members = count + length, members + own
    yield ok, count + (n if ok == filler_ok else 0), members


def failed_runs(samples: Results, up: Spans) -> tuple[Flap, ...]:
    """Runs of failures inside UP time; a gap without a success between does not split one (R9)."""
    edges = np.array([edge for span in up for edge in span], np.int64)
    inside = np.searchsorted(edges, samples.at, "right") % 2 == 1
    failed = np.flatnonzero(inside & ~samples.ok)
    successes_before = np.cumsum(samples.ok)[failed]
    runs = np.split(failed, np.flatnonzero(np.diff(successes_before)) + 1) if len(failed) else []
    return tuple(
        Flap(merge(zip(samples.at[run].tolist(), samples.held[run].tolist(), strict=True)), tuple(samples.at[run].tolist()))
        for run in runs
    )
