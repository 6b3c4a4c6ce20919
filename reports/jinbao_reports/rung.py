"""One rung on the right clock: run together for all of time, and sample by sample for the windows somebody looks into."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import Ints, Series
from jinbao_collector.stretches import Stretches
from jinbao_reports.clock_steps import Correction, Step, corrected
from jinbao_reports.interval import Spans, merge
from jinbao_reports.right_clock import CHUNK_MS, Source, cut_at, in_order, read
from jinbao_reports.timeline import Results, is_refusal, results, results_of, sent

_NEAR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class CloseUp:
    """The samples of a window: `series` without not_sent rows and `results` run in step; `records` has every row.

    `suspect` are the instants of samples that a step of 10 s or more moved.
    """

    records: Series
    series: Series
    results: Results
    suspect: frozenset[int]
    host: str

    def nearest(self, starts: Ints, t_ref: Ints) -> Ints:
        """For each instant the index of the sample nearest to it within max(t_ref, its own T), ties to the earlier; else -1."""
        at = self.results.at
        if not len(at):
            return np.full(len(starts), -1)
        right = np.searchsorted(at, starts, "left")
        left = np.maximum(right - 1, 0)
        right = np.minimum(right, len(at) - 1)
        pick = np.where(np.abs(starts - at[left]) <= np.abs(at[right] - starts), left, right)
        near = np.abs(at[pick] - starts) <= np.maximum(t_ref, self.results.interval[pick])
        return np.where(near, np.searchsorted(at, at[pick], "left"), -1)

    def refused(self, index: int) -> bool:
        return is_refusal(self.series.outcomes[self.series.outcome[index]], self.host)


@dataclass(frozen=True)
class Rung:
    """A rung at all times: `records` has every row, `results` those that were sent, `last` the last instant of each of these;
    milliseconds on the right clock.

    `raw` says where each record stands in the store, which keeps the stamps that were signed; `corrections` lead from there.
    """

    source: Source
    records: Stretches
    results: Results
    last: Ints
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
        known = results_of(records, source.host, service=source.service)
        known = replace(known, held=np.minimum(known.held, source.window[1]))  # nothing is known after `as_of`
        return cls(source, records, known, sent(records).last, raw, corrections)

    @cached_property
    def intervals(self) -> frozenset[int]:
        """Every T in use."""
        return frozenset(np.unique(self.records.interval).tolist())

    @property
    def longest_interval(self) -> int:
        return max(self.intervals, default=0)

    def sights(self, starts: Ints, t_ref: Ints) -> npt.NDArray[np.int8]:
        """What the sample nearest to each instant showed, as `CloseUp.nearest` picks it: 1 success, 0 failure, -1 none near."""
        known = self.results
        if not len(known):
            return np.full(len(starts), -1, np.int8)
        row = np.searchsorted(known.at, starts, "right") - 1
        before, after = np.maximum(row, 0), np.minimum(row + 1, len(known) - 1)
        inside = (row >= 0) & (starts <= self.last[before])
        # Within a row all samples are alike and one is near; between two rows the last and the first are the nearest.
        to_before, to_after = np.abs(starts - self.last[before]), np.abs(known.at[after] - starts)
        pick = np.where(inside | (to_before <= to_after), before, after)
        near = inside | (np.minimum(to_before, to_after) <= np.maximum(t_ref, known.interval[pick]))
        return np.where(near, known.ok[pick], -1).astype(np.int8)

    def close_up(self, since: int, until: int) -> CloseUp:
        """The samples of [since, until) one by one. The last one holds for its T, as if nothing came after the window."""
        found = read(self.source, self._spans(since, until), self.corrections)
        series = found.series.between(since, until)
        suspect = {at for at in found.series.at[found.suspect].tolist() if since <= at < until}
        known = results(series, self.source.wait_ms, self.source.host, service=self.source.service)
        known = replace(known, held=np.minimum(known.held, self.source.window[1]))
        return CloseUp(series, sent(series), known, frozenset(suspect), self.source.host)

    def close_ups(self, since: int, until: int, step: int = CHUNK_MS) -> Iterator[CloseUp]:
        """[since, until) in windows of `step`, aligned to the epoch, without those in which there is nothing."""
        rows = self.records
        first, last = rows.at // step, np.minimum(rows.last, until - 1) // step
        touched = (rows.at < until) & (rows.last >= since)
        wanted = {number for one, end in zip(first[touched], last[touched], strict=True) for number in range(one, end + 1)}
        for number in sorted(wanted):
            begin, end = max(since, int(number) * step), min(until, (int(number) + 1) * step)
            if begin < end:
                yield self.close_up(begin, end)

    def singly(self, since: int, until: int) -> Results:
        return self.close_up(since, until).results

    def around(self, instant: int, count: int) -> Series:
        """So many records before an instant, and so many from it on."""
        series = self.close_up(self._back(instant, count), self._on(instant, count) + 1).records
        middle = int(np.searchsorted(series.at, instant))
        return series.take(slice(max(middle - count, 0), middle + count))

    def _back(self, instant: int, count: int) -> int:
        """Far enough before an instant for so many records: two intervals each reach, where a row goes on so long."""
        rows, since = self.records, instant
        for row in reversed(range(int(np.searchsorted(rows.at, instant)))[-count - 1 :]):
            far = min(instant, int(rows.last[row])) - 2 * count * int(rows.interval[row])
            since = max(int(rows.at[row]), far)
            if far > rows.at[row]:
                break
        return since

    def _on(self, instant: int, count: int) -> int:
        rows, until = self.records, instant
        for row in range(int(np.searchsorted(rows.last, instant)), len(rows))[: count + 1]:
            far = max(instant, int(rows.at[row])) + 2 * count * int(rows.interval[row])
            until = min(int(rows.last[row]), far)
            if far < rows.last[row]:
                break
        return until

    def mostly_fails(self, up: Spans, since: int, until: int) -> bool:
        """Whether there are samples of [since, until) that lie in `up`, and fewer than half of them succeeded."""
        edges = np.array([edge for span in up for edge in span], np.int64)
        if self._surely_answers(edges, since, until):
            return False
        known = self.close_up(since, until).results
        inside = np.searchsorted(edges, known.at, "right") % 2 == 1
        return bool(inside.any()) and 2 * int((known.ok & inside).sum()) < int(inside.sum())

    def _surely_answers(self, edges: Ints, since: int, until: int) -> bool:
        """Whether rows alone tell that successes in UP time outweigh all failures: no look at single samples is needed then."""
        first, end = np.searchsorted(self.last, since), np.searchsorted(self.results.at, until)
        near, last = self.results.take(slice(int(first), int(end))), self.last[first:end]
        begin, until_last = np.maximum(near.at, since), np.minimum(last, until - 1)
        place = np.searchsorted(edges, begin, "right")
        within_up = (place % 2 == 1) & (place == np.searchsorted(edges, until_last, "right"))
        # A row that reaches over the window's edge has a sample in each 1.5 T of what lies within.
        partly = 2 * (until_last - begin) // (3 * near.interval)
        least = np.where((near.at >= since) & (last < until), near.count, partly)
        successes = int(least[near.ok & within_up].sum())
        return successes > 0 and successes >= int(near.count[~near.ok].sum())

    def _spans(self, since: int, until: int) -> Spans:
        """Where in the store the samples of [since, until) stand."""
        if not self.corrections:
            return ((since, until),)
        rows, (raw_at, raw_last) = self.records, self.raw
        touched = np.flatnonzero((rows.at < until) & (rows.last >= since))
        shifts = np.stack([rows.at[touched] - raw_at[touched], rows.last[touched] - raw_last[touched]])
        slack = np.where((shifts != 0).any(axis=0), 2 * rows.interval[touched], 0)
        begin = np.maximum(since - shifts.max(axis=0) - slack, raw_at[touched])
        end = np.minimum(until - shifts.min(axis=0) + slack, raw_last[touched] + 1)
        # What lies between two spans does no harm, and one reading is cheaper than many.
        near = merge(zip(begin.tolist(), (end + _NEAR_MS).tolist(), strict=True))
        return tuple((first, last - _NEAR_MS) for first, last in near)
