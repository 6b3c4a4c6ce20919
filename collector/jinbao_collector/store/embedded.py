"""The embedded store read: sealed segments, and the journal behind the cursor they reach."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from jinbao_agent.sample import Event
from jinbao_collector.home import Home
from jinbao_collector.series import NO_SAMPLES, Series
from jinbao_collector.store import Flaw, SeriesKey, in_order
from jinbao_collector.store.blob import Damaged, unpack
from jinbao_collector.store.file import StoreForeign, StoreReading, damage
from jinbao_collector.store.journal_rows import JournalRows
from jinbao_collector.store.layout import Layout, Names, Piece, parse
from jinbao_collector.store.samples import MARGIN_MS, distinct
from jinbao_collector.store.segment import encode
from jinbao_collector.store.view import View
from jinbao_collector.stretches import NO_STRETCHES, Stretches

_KEPT = 96
"""Segments whose columns are kept unpacked: an outage is looked at again and again."""

_Columns = tuple[bytes, bytes, bytes]
Found = TypeVar("Found", Series, Stretches)


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
        return self._journal.inputs()

    def flaws(self) -> tuple[Flaw, ...]:
        return tuple(sorted(self._conflicts | self._journal.flaws()))

    def _viewed(self, key: SeriesKey, since_ms: int, until_ms: int, ask: Callable[[View], Found], nothing: Found) -> Found:
        try:
            pieces = [*self._sealed(key, since_ms, until_ms), *self._unsealed(key, since_ms, until_ms)]
            found = ask(View(Layout(pieces, self._names), since_ms, until_ms)) if pieces else nothing
        except Damaged as problem:
            raise damage(self._store.file, key, problem, self._journal.roster) from None
        self._conflicts.update(Flaw("conflict", key[0], key[2], at) for at in found.conflicts)
        return found

    def _sealed(self, key: SeriesKey, since_ms: int, until_ms: int) -> Iterator[Piece]:
        for begin, head in self._store.heads(key, since_ms - MARGIN_MS, until_ms + MARGIN_MS):
            yield Piece(begin, parse(head, begin), partial(self._columns, key, begin))

    def _unsealed(self, key: SeriesKey, since_ms: int, until_ms: int) -> Iterator[Piece]:
        parts = self._journal.columns(*key, since_ms - MARGIN_MS, until_ms + MARGIN_MS)
        if parts:
            segment = encode(distinct([self._journal.samples(part) for part in parts]), level=0)
            columns = unpack(segment.late), unpack(segment.drift), unpack(segment.rtt)
            yield Piece(0, parse(segment.head, 0), lambda: columns)

    def _columns(self, key: SeriesKey, begin: int) -> _Columns:
        name = key, begin
        if name not in self._unpacked:
            late, drift, rtt = self._store.detail(key, begin)
            self._unpacked[name] = unpack(late), unpack(drift), unpack(rtt)
            if len(self._unpacked) > _KEPT:
                self._unpacked.popitem(last=False)
        self._unpacked.move_to_end(name)
        return self._unpacked[name]
