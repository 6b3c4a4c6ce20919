"""A rung's samples brought to the right clock: the store keeps the stamps that were signed, judgement wants the true ones."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from jinbao_collector.series import NO_SAMPLES, NONE, Ints, Series
from jinbao_collector.store import Reader, SeriesKey
from jinbao_collector.stretches import Stretches, joined, over, singly
from jinbao_reports.clock_steps import Correction, Step, restamped
from jinbao_reports.interval import Span, Spans, merge
from jinbao_reports.timeline import Bools, Meaning

CHUNK_MS = 8 * 86_400_000


@dataclass(frozen=True)
class Source:
    """Where a rung's samples come from, and what their outcomes mean. `window` bounds what is known."""

    reader: Reader
    key: SeriesKey
    window: Span
    meaning: Meaning

    @property
    def wait_us(self) -> int:
        return self.meaning.wait_ms * 1000

    def series(self, since: int, until: int) -> Series:
        return self.reader.series(*self.key, max(since, self.window[0]), min(until, self.window[1]))

    def stretches(self) -> Stretches:
        return self.reader.stretches(*self.key, *self.window, self.wait_us)


@dataclass(frozen=True, slots=True)
class Found:
    """Samples on the right clock and in its order; where each stands in the store; which a large step moved."""

    series: Series
    raw: Ints
    suspect: Bools

    def take(self, which: Ints | Bools) -> "Found":
        return Found(self.series.take(which), self.raw[which], self.suspect[which])


NOTHING_FOUND = Found(NO_SAMPLES, NO_SAMPLES.at, np.zeros(0, bool))


def read(source: Source, spans: Spans, corrections: tuple[Correction, ...]) -> Found:
    """The samples that stand there in the store."""
    parts = [part for part in (source.series(*span) for span in spans) if len(part)]
    if not parts:
        return NOTHING_FOUND
    whole = parts[0] if len(parts) == 1 else _end_to_end(parts)
    if not corrections:
        return Found(whole, whole.at, np.zeros(len(whole), bool))
    at, suspect = restamped(whole, corrections)
    order = np.lexsort((whole.seq, whole.boot, at))
    return Found(replace(whole, at=at), whole.at, suspect).take(order)


def _end_to_end(parts: list[Series]) -> Series:
    names = [tuple(sorted({name for part in parts for name in getattr(part, table)})) for table in ("outcomes", "boots")]
    parts = [over(part, *names) for part in parts]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("at", "outcome", "rtt", "interval", "boot", "seq", "mono")
    }
    return replace(parts[0], **columns)


def cut_at(source: Source, rows: Stretches, steps: list[Step]) -> Stretches:
    """The rows, none of which reaches over a step of its boot; the two samples before each are rows of their own."""
    opened = np.zeros(len(rows), bool)
    monos = {name: np.array(sorted({step.mono_us for step in steps if step.boot == name})) for name in rows.boots}
    for code, name in enumerate(rows.boots):
        of_boot = np.flatnonzero((rows.boot == code) & (rows.mono != NONE) & (rows.count > 1))
        first, last = (np.searchsorted(monos[name], column[of_boot], "right") for column in (rows.mono, rows.mono_last))
        opened[of_boot[first != last]] = True
        for mono in monos[name].tolist():
            opened[_two_before(rows, code, mono)] = True
    if not (opened := opened & (rows.count > 1)).any():
        return rows
    kept = rows.take(~opened)
    for row in np.flatnonzero(opened).tolist():
        for piece in _pieces(source, rows.take(slice(row, row + 1)), monos[rows.boots[rows.boot[row]]]):
            kept = kept.followed_by(piece)
    return kept.take(np.lexsort((kept.seq, kept.boot, kept.at)))


def _two_before(rows: Stretches, boot: int, mono: int) -> Ints:
    """The rows with the two samples of a boot before an instant of its monotonic clock, perhaps of one row."""
    earlier = np.flatnonzero((rows.boot == boot) & (rows.mono != NONE) & (rows.mono < mono))
    return earlier[np.argsort(rows.mono[earlier], kind="stable")[-2:]]


def _pieces(source: Source, row: Stretches, monos: Ints) -> Iterator[Stretches]:
    """One row taken apart at these instants of its monotonic clock and two samples before, and at the edges of what is read at
    a time."""
    since, until = int(row.at[0]), int(row.last[0]) + 1
    for begin in range(since, until, CHUNK_MS):
        samples = singly(source.series(begin, min(begin + CHUNK_MS, until)), source.wait_us)
        samples = over(samples, *(_joint(getattr(samples, name), getattr(row, name)) for name in ("outcomes", "boots")))
        mine = samples.take(
            (samples.boot == samples.boots.index(row.boots[row.boot[0]]))
            & (samples.mono >= row.mono[0])
            & (samples.mono <= row.mono_last[0])
        )
        ends = np.searchsorted(mine.mono, monos)
        cuts = np.unique(np.clip(np.concatenate([[0, len(mine)], ends, ends - 1, ends - 2]), 0, len(mine)))
        for first, last in pairwise(cuts.tolist()):
            yield over(joined(mine.take(slice(first, last))), row.outcomes, row.boots)


def _joint(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*one, *two}))


def in_order(
    source: Source, records: Stretches, raw: tuple[Ints, Ints], corrections: tuple[Correction, ...]
) -> tuple[Stretches, tuple[Ints, Ints]]:
    """Corrected rows in order of the right clock; where that makes two overlap, their samples one by one."""
    doubted = _beside(_overlapping(records), raw)
    if not doubted.any():
        return _sorted(records, *raw)
    spans = merge(zip(raw[0][doubted].tolist(), (raw[1][doubted] + 1).tolist(), strict=True))
    found = read(source, spans, corrections)
    rows = singly(found.series, source.wait_us)
    names = (_joint(getattr(rows, name), getattr(records, name)) for name in ("outcomes", "boots"))
    outcomes, boots = names
    whole = over(records.take(~doubted), outcomes, boots).followed_by(over(rows, outcomes, boots))
    return _sorted(whole, *(np.concatenate((column[~doubted], found.raw)) for column in raw))


def _sorted(rows: Stretches, raw_at: Ints, raw_last: Ints) -> tuple[Stretches, tuple[Ints, Ints]]:
    order = np.lexsort((rows.seq, rows.boot, rows.at))
    return rows.take(order), (raw_at[order], raw_last[order])


def _overlapping(rows: Stretches) -> Bools:
    order = np.lexsort((rows.seq, rows.boot, rows.at))
    reach = np.maximum.accumulate(rows.last[order])
    meets = rows.at[order[1:]] <= reach[:-1]
    found = np.zeros(len(rows), bool)
    found[order] = np.append(False, meets) | np.append(meets, False)
    # Samples one by one are in order however close they lie.
    return found if (rows.count[found] > 1).any() else np.zeros(len(rows), bool)


def _beside(doubted: Bools, raw: tuple[Ints, Ints]) -> Bools:
    """With the rows that share a millisecond of the store with one of these: they can only be read together."""
    order = np.argsort(raw[0], kind="stable")
    shares = raw[0][order[1:]] <= raw[1][order[:-1]]
    found = doubted[order]
    while True:
        spread = found.copy()
        spread[1:] |= shares & found[:-1]
        spread[:-1] |= shares & found[1:]
        if (spread == found).all():
            break
        found = spread
    back = np.empty(len(found), bool)
    back[order] = found
    return back
