"""A server read back as a store: hours in which every probe left in step are asked for as sums, all others sample by sample.

Where the sums leave any doubt, whether of order, of step or of contradiction, the samples themselves are fetched, so the
answers are those of the embedded store. It is no snapshot, and nothing in it is signed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeVar

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.replica.hours import HOUR_MS, Hours, Span
from jinbao_collector.series import NO_SAMPLES, Ints, Series
from jinbao_collector.store import Flaw, SeriesKey, in_order
from jinbao_collector.store.samples import Samples, distinct, resolved, within
from jinbao_collector.store.view import interleaved, merged
from jinbao_collector.stretches import Bools, Stretches, joined, over, singly

_EARLIEST_MS, _LATEST_MS = 0, 2**53 // 1000
"""No point lies outside: see replica/points.py."""

Found = TypeVar("Found", Series, Stretches)


class Asking(Protocol):
    """The questions as a kind of server is asked them. Raises ReplicaTrouble for whatever goes wrong."""

    address: str

    def names(self) -> set[SeriesKey]: ...

    def hours(self, key: SeriesKey) -> Hours:
        """Of all of a rung's points."""
        ...

    def samples(self, key: SeriesKey, spans: Iterable[Span]) -> list[Samples]:
        """All points of these spans, in any order and repetition."""
        ...

    def events(self, since_ms: int, until_ms: int) -> list[Event]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class _Shelf:
    """One rung: its hours, which of them tell all, and the samples of the others, found out about together."""

    hours: Hours
    clear: Bools
    others: Series


class ServerReader:
    """A Reader. Keeps the sums of the rungs it was asked for, so what is told of them stays the same."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._shelves: dict[SeriesKey, _Shelf] = {}
        self._flaws: set[Flaw] = set()
        self._told = sha256()
        self._earliest: int | None = None

    def close(self) -> None:
        self._asking.close()

    def __enter__(self) -> "ServerReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> set[SeriesKey]:
        return self._asking.names()

    def series(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> Series:
        key, window = (link, vantage, target), _bounded(since_ms, until_ms)
        shelf = self._shelf(key)
        plain = self._samples(key, _spans(shelf.hours.hour[shelf.clear], window))
        outcomes, boots = _joint(plain, shelf.others)
        found = merged(over(plain, outcomes, boots), within(over(shelf.others, outcomes, boots), *window))
        self._tell(key, found.at, found.seq, found.rtt)
        return self._noted(key, found)

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        key, window = (link, vantage, target), _bounded(since_ms, until_ms)
        shelf = self._shelf(key)
        hours = shelf.hours
        begins = hours.hour * HOUR_MS
        whole = shelf.clear & (begins >= window[0]) & (begins + HOUR_MS <= window[1]) & ~hours.mixed(wait_us)
        # Hours that the window cuts, or in which quick and slow answers are mixed.
        plain = self._samples(key, _spans(hours.hour[shelf.clear & ~whole], window))
        rows = hours.stretches(whole, wait_us)
        outcomes, boots = _joint(rows, plain, shelf.others)
        rows = over(rows, outcomes, boots)
        for part in (plain, within(shelf.others, *window)):
            if len(part) or part.conflicts:
                rows = interleaved(rows, singly(over(part, outcomes, boots), wait_us))
        found = joined(rows)
        self._tell(key, found.at, found.last, found.count)
        return self._noted(key, found)

    def events(self, since_ms: int, until_ms: int) -> tuple[Event, ...]:
        return in_order(self._asking.events(*_bounded(since_ms, until_ms)))

    def inputs(self) -> Mapping[str, str]:
        """`replica`: over all that was handed out so far, in the order in which it was asked for."""
        return {"replica": self._told.hexdigest()}

    def flaws(self) -> tuple[Flaw, ...]:
        """Contradictions, and that all of this is a replica's word. The journal's verdicts are not known here."""
        whole = set() if self._earliest is None else {Flaw("replica", "*", "", self._earliest)}
        return tuple(sorted(self._flaws | whole))

    def _shelf(self, key: SeriesKey) -> _Shelf:
        if key not in self._shelves:
            hours = self._asking.hours(key)
            clear = hours.clear()
            # Together, for a contradiction may have been stamped in another hour.
            others = self._samples(key, _spans(hours.doubtful(), (_EARLIEST_MS, _LATEST_MS)))
            self._shelves[key] = _Shelf(hours, clear, others)
        return self._shelves[key]

    def _samples(self, key: SeriesKey, spans: Iterator[Span]) -> Series:
        """Those of these spans, in none of which a sample may contradict one outside of them."""
        parts = self._asking.samples(key, spans)
        return resolved(distinct(parts)) if any(map(len, parts)) else NO_SAMPLES

    def _noted(self, key: SeriesKey, found: Found) -> Found:
        self._flaws.update(Flaw("conflict", key[0], key[2], at) for at in found.conflicts)
        if len(found):
            first = int(found.at[0])
            self._earliest = first if self._earliest is None else min(first, self._earliest)
        return found

    def _tell(self, key: SeriesKey, *columns: Ints) -> None:
        self._told.update(repr(key).encode())
        for column in columns:
            self._told.update(column.astype("<i8").tobytes())


def _joint(*parts: Series | Stretches) -> tuple[tuple[str, ...], tuple[str, ...]]:
    outcomes = {name for part in parts for name in part.outcomes}
    return tuple(sorted(outcomes)), tuple(sorted({name for part in parts for name in part.boots}))


def _bounded(since_ms: int, until_ms: int) -> Span:
    return max(since_ms, _EARLIEST_MS), min(until_ms, _LATEST_MS)


def _spans(hours: Ints, window: Span) -> Iterator[Span]:
    """These hours as far as they lie in the window, neighbours together."""
    hours = np.unique(hours)
    for run in np.split(hours, np.flatnonzero(np.diff(hours) > 1) + 1):
        if len(run):
            since, until = max(int(run[0]) * HOUR_MS, window[0]), min((int(run[-1]) + 1) * HOUR_MS, window[1])
            if since < until:
                yield since, until
