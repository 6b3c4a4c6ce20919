"""The follower that makes segments of the journal: hours as they come, days when they are over."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from jinbao_agent.sample import Event
from jinbao_agent.wire import GENESIS, sha256
from jinbao_collector.agents import Member, Roster
from jinbao_collector.chains import SCHEMA_UNKNOWN
from jinbao_collector.follower import Row
from jinbao_collector.store import SeriesKey, StoreError
from jinbao_collector.store.blob import Damaged, unpack
from jinbao_collector.store.block import Block, Words, decode
from jinbao_collector.store.file import HOUR_US, HOURS, damage
from jinbao_collector.store.layout import Layout, Names, Piece, parse
from jinbao_collector.store.samples import Samples, distinct, of_columns
from jinbao_collector.store.segment import encode
from jinbao_collector.store.writing import StoreWriting
from jinbao_collector.volume import chained
from jinbao_config import units

_GRACE_MS = 2 * 3_600_000
"""A day is over for the store when something arrived this long after its end: most of it has come by then."""
_HOURLY_LEVEL, _DAILY_LEVEL = 1, 6

Measured = Mapping[SeriesKey, list[Samples]]


class Sealer:
    """Follower. Segments and cursor move in one transaction."""

    name = "store"

    def __init__(self, store: StoreWriting, roster: Callable[[], Roster]) -> None:
        """`roster` as the ledger has it now: asked after the rows were read, so that no revocation before them is missed."""
        self._store, self._roster = store, roster

    @property
    def cursor(self) -> int:
        return self._store.cursor

    def take(self, rows: Sequence[Row]) -> None:
        """Raises StoreError, LedgerError, or sqlite3.Error where the disk is full; then nothing has changed."""
        measured, events = taken_apart(rows, self._roster())
        with self._store.transaction():
            if rows[0].position != self._store.cursor + 1:
                raise StoreError(f"{self._store.file}: reaches to row {self._store.cursor}, not to before {rows[0].position}")
            hashes = [(row.position, sha256(row.head)) for row in rows]
            # A month's digest begins anew behind the row that closed the month before.
            begun = max((place + 1 for place, row in enumerate(rows) if row.closes_month), default=0)
            digest = chained(hashes[begun:], GENESIS if begun else self._store.digest)
            self._store.move(*hashes[-1], digest, max(row.arrived_ms for row in rows))
            self.merge(measured)
            self._store.add_events(events)

    def merge(self, measured: Measured) -> None:
        """Inside a transaction."""
        finished = self._finished
        for key, parts in measured.items():
            try:
                self._merge(self._store.number(key), distinct(parts), finished)
            except Damaged as problem:
                raise damage(self._store.file, key, problem, self._roster()) from None

    def tidy(self, most: int = 64) -> int:
        """Makes day segments of the hours of days that are over, at most so many at once; how many it made."""
        with self._store.transaction():
            hourly = self._store.db.execute(
                "SELECT series, begin FROM segment INDEXED BY segment_hourly WHERE hours = 1 AND begin < ? LIMIT ?",
                (self._finished, most * HOURS),
            ).fetchall()
            days = sorted({(series, begin // HOURS) for series, begin in hourly})[:most]
            for series, day in days:
                parts = [samples for _, samples in self._segments(series, day * HOURS, HOURS)]
                self._put(series, day * HOURS, HOURS, distinct(parts))
        return len(days)

    @property
    def _finished(self) -> int:
        """The hour before which all days are over."""
        return (self._store.arrived_ms - _GRACE_MS) // units.DAY_MS * HOURS

    def _merge(self, series: int, samples: Samples, finished: int) -> None:
        hour = samples.sent // HOUR_US
        for day in np.unique(hour // HOURS).tolist():
            of_day = hour // HOURS == day
            if day * HOURS < finished or self._is_whole(series, day):
                self._merge_into(series, day * HOURS, HOURS, samples.take(of_day))
            else:
                for begin in np.unique(hour[of_day]).tolist():
                    self._merge_into(series, begin, 1, samples.take(hour == begin))

    def _is_whole(self, series: int, day: int) -> bool:
        """Whether the day was made one segment already."""
        row = self._store.db.execute(
            "SELECT hours FROM segment WHERE series = ? AND begin = ?", (series, day * HOURS)
        ).fetchone()
        return row is not None and row[0] == HOURS

    def _merge_into(self, series: int, begin: int, hours: int, fresh: Samples) -> None:
        """Late samples open a segment again; those that are there already change nothing."""
        known = list(self._segments(series, begin, hours))
        together = distinct([fresh, *(samples for _, samples in known)])
        if len(known) != 1 or known[0][0] != hours or len(known[0][1]) != len(together):
            self._put(series, begin, hours, together)

    def _put(self, series: int, begin: int, hours: int, samples: Samples) -> None:
        self._store.drop(series, begin, hours)
        self._store.put(series, begin, hours, encode(samples, _DAILY_LEVEL if hours == HOURS else _HOURLY_LEVEL))

    def _segments(self, series: int, begin: int, hours: int) -> Iterator[tuple[int, Samples]]:
        """Length and samples of the segments that begin in these hours. Raises Damaged."""
        for at, length, head, *columns in self._store.segments(series, begin, hours):
            yield length, read_segment(at, head, columns)


def read_segment(begin: int, head: bytes, columns: Sequence[bytes]) -> Samples:
    """Raises Damaged."""

    def unpacked() -> tuple[bytes, bytes, bytes]:
        late, drift, rtt = map(unpack, columns)
        return late, drift, rtt

    return Layout([Piece(begin, parse(head, begin), unpacked)], Names()).samples(0)


def taken_apart(rows: Iterable[Row], roster: Roster) -> tuple[Measured, list[Event]]:
    """What these rows say, as far as their keys may speak of it and the schema is known."""
    voices: dict[tuple[str, str], list[tuple[bytes, bytes]]] = {}
    for row in rows:
        member = roster.members.get(row.key)
        if member is not None and row.body is not None and _counts(row, member):
            voices.setdefault((row.key, row.vantage), []).append((row.head, row.body))
    measured: dict[SeriesKey, list[Samples]] = {}
    events: list[Event] = []
    for (key, vantage), said in voices.items():
        member, outcomes, boots = roster.members[key], Words(), Words()
        block: Block = decode(said, member.agent, vantage, member.speaks_for, outcomes, boots)
        events += block.events
        for (link, target), columns in block.rungs.items():
            measured.setdefault((link, vantage, target), []).append(of_columns(columns, outcomes, boots))
    return measured, events


def _counts(row: Row, member: Member) -> bool:
    # A key that speaks for another vantage than its own is out of scope with all it says.
    return row.vantage == member.vantage and member.holds_at(row.position) and SCHEMA_UNKNOWN not in row.verdicts
