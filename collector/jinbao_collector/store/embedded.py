"""The embedded store read: sealed segments, and the journal behind the cursor they reach."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.home import Home
from jinbao_collector.series import NO_SAMPLES, Series
from jinbao_collector.store import Flaw, SeriesKey, in_order
from jinbao_collector.store.blob import Damaged, unpack
from jinbao_collector.store.file import StoreForeign, damage
from jinbao_collector.store.journal_rows import JournalRows
from jinbao_collector.store.layout import Layout, Names, Piece, parse
from jinbao_collector.store.reading import StoreReading
from jinbao_collector.store.samples import distinct, resolved
from jinbao_collector.store.segment import encode
from jinbao_collector.store.view import View, meeting, samples_of
from jinbao_collector.stretches import NO_STRETCHES, Bools, Stretches

_KEPT = 96
"""Segments whose columns are kept unpacked: an outage is looked at again and again."""

_Columns = tuple[bytes, bytes, bytes]
Found = TypeVar("Found", Series, Stretches)


_EVER = -(2**62), 2**62
_UNSEALED = -(2**62)
"""Stands for the hour where what is not sealed yet begins."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    """One series: what is not sealed yet, and the strides of each piece that share moments or numbers with others."""

    unsealed: list[Piece]
    meeting: dict[int, Bools]
    resolved: Series

    @classmethod
    def of(cls, unsealed: list[Piece], layout: Layout | None) -> "_Shelf":
        """Raises Damaged or StoreError."""
        if layout is None or not (found := meeting(layout)).any():
            return cls(unsealed, {}, NO_SAMPLES)
        pieces = np.unique(layout.piece[found]).tolist()
        return cls(
            unsealed,
            {layout.pieces[piece].begin: found[layout.piece == piece] for piece in pieces},
            resolved(samples_of(layout, found)),
        )

    def doubted(self, layout: Layout) -> Bools:
        found = np.zeros(len(layout.piece), bool)
        for number, piece in enumerate(layout.pieces if self.meeting else ()):
            if piece.begin in self.meeting:
                found[layout.piece == number] = self.meeting[piece.begin]
        return found


class EmbeddedReader:
    """A snapshot of a collector's data directory. The store is opened first: what is sealed after that, the journal has."""

    def __init__(self, directory: Path) -> None:
        self._store = StoreReading(Home(directory).store)
        try:
            self._journal = JournalRows(directory, after=self._store.cursor)
        except BaseException:
            self._store.close()
            raise
        if self._journal.hash_at(self._store.cursor) != self._store.hash:
            self.close()
            raise StoreForeign(self._store.file, self._store.cursor)
        self._names, self._conflicts = Names(), set[Flaw]()
        self._shelves: dict[SeriesKey, _Shelf] = {}
        self._latest: tuple[SeriesKey | None, Layout | None] = None, None
        self._unpacked: OrderedDict[tuple[SeriesKey, int], _Columns] = OrderedDict()

    def close(self) -> None:
        self._store.close()
        self._journal.close()

    def __enter__(self) -> "EmbeddedReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> set[SeriesKey]:
        return self._store.names | self._journal.names()

    def series(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> Series:
        key = link, vantage, target
        return self._viewed(key, since_ms, until_ms, View.series, NO_SAMPLES)

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        key = link, vantage, target
        return self._viewed(key, since_ms, until_ms, lambda view: view.stretches(wait_us), NO_STRETCHES)

    def events(self, since_ms: int, until_ms: int) -> tuple[Event, ...]:
        return in_order([*self._store.events(since_ms, until_ms), *self._journal.events(since_ms, until_ms)])

    def inputs(self) -> Mapping[str, str]:
        return self._journal.inputs(self._store.digest)

    def flaws(self) -> tuple[Flaw, ...]:
        return tuple(sorted(self._conflicts | self._journal.flaws()))

    def _viewed(self, key: SeriesKey, since_ms: int, until_ms: int, ask: Callable[[View], Found], nothing: Found) -> Found:
        try:
            shelf, layout = self._shelf(key), self._layout(key, since_ms, until_ms)
            if layout is None:
                return nothing
            found = ask(View(layout, shelf.doubted(layout), shelf.resolved, since_ms, until_ms))
        except Damaged as problem:
            raise damage(self._store.file, key, problem, self._journal.roster) from None
        self._conflicts.update(Flaw("conflict", key[0], key[2], at) for at in found.conflicts)
        return found

    def _shelf(self, key: SeriesKey) -> "_Shelf":
        """What the whole of a series must be known for: which of its samples contradict each other."""
        if key not in self._shelves:
            unsealed = self._unsealed(key)
            layout = self._made([*self._sealed(key, *_EVER), *unsealed])
            self._shelves[key] = _Shelf.of(unsealed, layout)
            # Who asks first mostly asks for all of it.
            self._latest = key, layout
        return self._shelves[key]

    def _layout(self, key: SeriesKey, since_ms: int, until_ms: int) -> Layout | None:
        latest, layout = self._latest
        if latest == key:
            self._latest = None, None
            return layout
        return self._made([*self._sealed(key, since_ms, until_ms), *self._shelf(key).unsealed])

    def _made(self, pieces: list[Piece]) -> Layout | None:
        return Layout(pieces, self._names) if pieces else None

    def _sealed(self, key: SeriesKey, since_ms: int, until_ms: int) -> Iterator[Piece]:
        for begin, head in self._store.heads(key, since_ms, until_ms):
            yield Piece(begin, parse(head, begin), partial(self._columns, key, begin))

    def _unsealed(self, key: SeriesKey) -> list[Piece]:
        """What lies behind the cursor, in the form of a segment."""
        parts = self._journal.columns(*key, *_EVER)
        if not parts:
            return []
        segment = encode(distinct([self._journal.samples(part) for part in parts]), level=0)
        columns = unpack(segment.late), unpack(segment.drift), unpack(segment.rtt)
        return [Piece(_UNSEALED, parse(segment.head, _UNSEALED), lambda: columns)]

    def _columns(self, key: SeriesKey, begin: int) -> _Columns:
        name = key, begin
        if name not in self._unpacked:
            late, drift, rtt = self._store.detail(key, begin)
            self._unpacked[name] = unpack(late), unpack(drift), unpack(rtt)
            if len(self._unpacked) > _KEPT:
                self._unpacked.popitem(last=False)
        self._unpacked.move_to_end(name)
        return self._unpacked[name]
