"""One rung on the right clock: run together for all of time, and sample by sample for the windows somebody looks into."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import Ints, Series
from jinbao_collector.stretches import Stretches
from jinbao_reports.clock_steps import Correction, Step, corrected
from jinbao_reports.interval import Span, Spans, merge
from jinbao_reports.right_clock import CHUNK_MS, Source, cut_at, in_order, read
from jinbao_reports.timeline import Bools, Results, results, results_of, sent, within

_NEAR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class CloseUp:
    """Samples one by one: `series` without the rows that are no samples and `results` run in step; `records` has every row.

    `suspect` are the instants of samples that a step of 10 s or more moved.
    """

    records: Series
    series: Series
    results: Results
    suspect: frozenset[int]

    def nearest(self, starts: Ints, t_ref: Ints) -> Ints:
        """For each instant the index of the sample nearest to it within max(t_ref, its own T), ties to the earlier; else -1."""
        at = self.results.at
        if not len(at):
            return np.full(len(starts), -1)
        right = np.searchsorted(at, starts, "left")
        left = np.maximum(right - 1, 0)
        right = np.minimum(right, len(at) - 1)
        pick = np.where(np.abs(starts - at[left]) <= np.abs(at[right] - starts), left, right)
        close = np.abs(at[pick] - starts) <= np.maximum(t_ref, self.results.interval[pick])
        return np.where(close, np.searchsorted(at, at[pick], "left"), -1)


@dataclass(frozen=True)
class Rung:
    """A rung at all times: `records` has every row, `samples` those that are samples, `results` what these say; milliseconds on
    the right clock.

    `raw` says where each record stands in the store, which keeps the stamps that were signed; `corrections` lead from there.
    """

    source: Source
    records: Stretches
    samples: Stretches
    results: Results
    raw: tuple[Ints, Ints]
    corrections: tuple[Correction, ...]

    @classmethod
    def prepare(cls, source: Source, steps: tuple[Step, ...]) -> "Rung":
        rows = source.stretches()
        stepped = [step for step in steps if step.boot in rows.boots]
        if stepped:
            rows = cut_at(source, rows, stepped)
        records, corrections = corrected(rows, tuple(stepped))
        raw = rows.at, rows.last
        if corrections:
            records, raw = in_order(source, records, raw, corrections)
        samples = sent(records, source.meaning)
        return cls(source, records, samples, _until(results_of(samples, source.meaning), source), raw, corrections)

    @cached_property
    def intervals(self) -> frozenset[int]:
        """Every T in use."""
        return frozenset(np.unique(self.records.interval).tolist())

    @property
    def longest_interval(self) -> int:
        return max(self.intervals, default=0)

    def longest_within(self, since: int, until: int) -> int:
        """The longest T of the records of [since, until); 0 if there are none."""
        first, end = int(self.records.last.searchsorted(since)), int(self.records.at.searchsorted(until))
        touched = self.records.take(slice(first, end))
        # A row that reaches over both edges has a record within only if there are 1.5 T between them.
        if ((touched.at >= since) | (touched.last < until) | (2 * (until - since) >= 3 * touched.interval)).all():
            return int(touched.interval.max(initial=0))
        return int(self.close_up((since, until)).records.interval.max(initial=0))

    def showed(self, starts: Ints, t_ref: Ints) -> tuple[npt.NDArray[np.int8], Bools]:
        """What the sample nearest to each instant showed, as `CloseUp.nearest` picks it: 1 success, 0 failure, -1 none near;
        and whether it was a refusal."""
        rows, known = self.samples, self.results
        if not len(known):
            return np.full(len(starts), -1, np.int8), np.zeros(len(starts), bool)
        row = known.at.searchsorted(starts, "right") - 1
        before, after = np.maximum(row, 0), np.minimum(row + 1, len(known) - 1)
        inside = (row >= 0) & (starts <= rows.last[before])
        # Within a row all samples are alike and one is near; between two rows the last and the first are the nearest.
        to_before, to_after = np.abs(starts - rows.last[before]), np.abs(known.at[after] - starts)
        pick = np.where(inside | (to_before <= to_after), before, after)
        close = inside | (np.minimum(to_before, to_after) <= np.maximum(t_ref, known.interval[pick]))
        refusals = np.array([self.source.meaning.is_refusal(word) for word in rows.outcomes], bool)
        ok, refused = np.where(close, known.ok[pick], -1).astype(np.int8), close & refusals[rows.outcome[pick]]
        close_by = known.at[pick] >= starts - 2 * known.interval[pick]
        for place in np.flatnonzero(self._shares_instant[pick] & close_by).tolist():
            ok[place], refused[place] = self._looked_at(int(starts[place]), int(t_ref[place]))
        return ok, refused

    @cached_property
    def _shares_instant(self) -> Bools:
        """Rows that begin in the millisecond in which the one before ends: the earlier sample speaks for it."""
        return np.append(False, self.samples.at[1:] == self.samples.last[:-1])

    def _looked_at(self, start: int, t_ref: int) -> tuple[int, bool]:
        reach = max(t_ref, self.longest_interval)
        close = self.close_up((start - reach, start + reach + 1))
        pick = int(close.nearest(np.array([start]), np.array([t_ref]))[0])
        if pick < 0:
            return -1, False
        word = close.series.outcomes[close.series.outcome[pick]]
        return int(close.results.ok[pick]), self.source.meaning.is_refusal(word)

    def close_up(self, *spans: Span) -> CloseUp:
        """The samples of these spans one by one. The last one holds for its T, as if nothing came after."""
        found = read(self.source, self._where(spans), self.corrections)
        if self.corrections or len(spans) > 1:
            found = found.take(within(spans, found.series.at))
        samples = sent(found.series, self.source.meaning)
        known = _until(results(samples, self.source.meaning), self.source)
        return CloseUp(found.series, samples, known, frozenset(found.series.at[found.suspect].tolist()))

    def close_ups(self, since: int, until: int, step: int = CHUNK_MS) -> Iterator[CloseUp]:
        """[since, until) in windows of `step`, aligned to the epoch, without those in which there is nothing."""
        rows = self.records
        first, last = rows.at // step, np.minimum(rows.last, until - 1) // step
        touched = (rows.at < until) & (rows.last >= since)
        wanted = {number for one, end in zip(first[touched], last[touched], strict=True) for number in range(one, end + 1)}
        for number in sorted(wanted):
            begin, end = max(since, int(number) * step), min(until, (int(number) + 1) * step)
            if begin < end:
                yield self.close_up((begin, end))

    def is_suspect(self, span: Span) -> bool:
        """Whether a sample in it was moved by a step of 10 s or more (R1.5)."""
        return any(correction.is_large for correction in self.corrections) and bool(self.close_up(span).suspect)

    def singly(self, since: int, until: int) -> Results:
        return self.close_up((since, until)).results

    def around(self, instant: int, count: int) -> Series:
        """So many records before an instant, and so many from it on."""
        since, until = _back(self.records, instant, count), _on(self.records, instant, count)
        series = self.close_up((since, until + 1)).records
        middle = int(np.searchsorted(series.at, instant))
        return series.take(slice(max(middle - count, 0), middle + count))

    def following(self, instant: int, count: int) -> Ints:
        """When the samples from an instant on were sent: so many, if there are."""
        return self.singly(instant, _on(self.samples, instant, count) + 1).at[:count]

    def mostly_fails(self, up: Spans, since: Ints, until: Ints) -> Bools:
        """Of each window [since, until): whether there are samples in it that lie in `up`, and fewer than half succeeded."""
        edges = np.array(up, np.int64).reshape(-1)
        first, end = self.samples.last.searchsorted(since), self.results.at.searchsorted(until)
        found = first < end
        found[found] = ~self._surely_answers(edges, first[found], end[found], since[found], until[found])
        for place in np.flatnonzero(found).tolist():
            known = self.singly(int(since[place]), int(until[place]))
            inside = edges.searchsorted(known.at, "right") % 2 == 1
            found[place] = inside.any() and 2 * np.count_nonzero(known.ok & inside) < np.count_nonzero(inside)
        return found

    def _surely_answers(self, edges: Ints, first: Ints, end: Ints, since: Ints, until: Ints) -> Bools:
        """Whether rows alone tell that successes in UP time outweigh all failures: no look at single samples is needed then.

        `first` and `end` are the rows that touch each window, at least one.
        """
        known, last, wholly = self.results, self.samples.last, self._surely_good(edges, slice(None), *self._reach)
        failures = _sums(np.where(known.ok, 0, known.count))
        successes = _sums(np.where(wholly, known.count, 0))
        sure = np.maximum(successes[end - 1] - successes[np.minimum(first + 1, end - 1)], 0)
        for row, there in ((first, True), (end - 1, end - 1 > first)):
            begin, stop = np.maximum(known.at[row], since), np.minimum(last[row], until - 1)
            # A row that reaches over the window's edge has a sample in each 1.5 T of what lies within.
            partly = 2 * (stop - begin) // (3 * known.interval[row])
            whole = (known.at[row] >= since) & (last[row] < until)
            good = self._surely_good(edges, row, begin, stop)
            sure += np.where(there & good, np.where(whole, known.count[row], partly), 0)
        enough: Bools = (sure > 0) & (sure >= failures[end] - failures[first])
        return enough

    @property
    def _reach(self) -> tuple[Ints, Ints]:
        return self.results.at, self.samples.last

    def _surely_good(self, edges: Ints, row: slice | Ints, begin: Ints, stop: Ints) -> Bools:
        """Which of the rows are successes, and lie in one span of UP time from `begin` to `stop`."""
        place = edges.searchsorted(begin, "right")
        good: Bools = self.results.ok[row] & (place % 2 == 1) & (place == edges.searchsorted(stop, "right"))
        return good

    def _where(self, spans: Spans) -> Spans:
        """Where in the store the samples of these spans stand."""
        if not self.corrections:
            return _nearby(spans)
        return _nearby(merge(place for span in spans for place in self._standing(*span)))

    def _standing(self, since: int, until: int) -> Iterator[Span]:
        rows, (raw_at, raw_last) = self.records, self.raw
        touched = np.flatnonzero((rows.at < until) & (rows.last >= since))
        shifts = np.stack([rows.at[touched] - raw_at[touched], rows.last[touched] - raw_last[touched]])
        # Between its edges a row may have shifted by a little more, if only by what is cut off.
        slack = 2 * rows.interval[touched]
        begin = np.maximum(since - shifts.max(axis=0) - slack, raw_at[touched])
        end = np.minimum(until - shifts.min(axis=0) + slack, raw_last[touched] + 1)
        yield from zip(begin.tolist(), end.tolist(), strict=True)


def _until(known: Results, source: Source) -> Results:
    """Nothing is known after `as_of`."""
    return replace(known, held=np.minimum(known.held, source.window[1]))


def _sums(counts: Ints) -> Ints:
    """How many there are before each row, and in the end."""
    return np.append(0, np.cumsum(counts))


def _nearby(spans: Spans) -> Spans:
    """Those that lie close together as one: what lies between does no harm, and one reading is cheaper than many."""
    return tuple((first, last - _NEAR_MS) for first, last in merge((first, last + _NEAR_MS) for first, last in spans))


def _back(rows: Stretches, instant: int, count: int) -> int:
    """Far enough before an instant for so many of them: two intervals each reach, where a row goes on so long."""
    since = instant
    for row in reversed(range(int(rows.at.searchsorted(instant)))[-count - 1 :]):
        far = min(instant, int(rows.last[row])) - 2 * count * int(rows.interval[row])
        since = max(int(rows.at[row]), far)
        if far > rows.at[row]:
            break
    return since


def _on(rows: Stretches, instant: int, count: int) -> int:
    until = instant
    for row in range(int(rows.last.searchsorted(instant)), len(rows))[: count + 1]:
        far = max(instant, int(rows.at[row])) + 2 * count * int(rows.interval[row])
        until = min(int(rows.last[row]), far)
        if far < rows.last[row]:
            break
    return until
