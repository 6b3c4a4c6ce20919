"""The reading side of `store.db`: one snapshot, in any process, while another one writes."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from jinbao_agent.sample import Event
from jinbao_collector.store import SeriesKey, StoreError
from jinbao_collector.store.file import HOUR_US, HOURS, StoreUnreadable, cursor_of, naming

_FAR_US = 2**62


class StoreReading:
    """One snapshot of a store: what is sealed after opening is not in it. All it is asked raises StoreError."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with naming(file):
            self._db = sqlite3.connect(
                f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=30
            )
            try:
                self._db.execute("BEGIN")
                self.cursor, self.hash, self.digest = cursor_of(self._db, file)
                self._ids: dict[SeriesKey, int] = {
                    (link, vantage, target): number
                    for number, link, vantage, target in self._db.execute("SELECT id, link, vantage, target FROM series")
                }
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        self._db.close()

    @property
    def names(self) -> set[SeriesKey]:
        return set(self._ids)

    def heads(self, key: SeriesKey, since_ms: int, until_ms: int) -> list[tuple[int, bytes]]:
        """Begin and head of the segments that may have samples of [since, until), in order of time."""
        number = self._ids.get(key)
        if number is None:
            return []
        since_us, until_us = _microseconds(since_ms), _microseconds(until_ms)
        with naming(self.file):
            rows = self._db.execute(
                "SELECT begin, head FROM segment WHERE series = ? AND begin > ? AND begin <= ? ORDER BY begin",
                (number, since_us // HOUR_US - HOURS, (until_us - 1) // HOUR_US),
            )
            return rows.fetchall()

    def detail(self, key: SeriesKey, begin: int) -> tuple[bytes, bytes, bytes]:
        with naming(self.file):
            row = self._db.execute(
                "SELECT late, drift, rtt FROM detail WHERE series = ? AND begin = ?", (self._ids[key], begin)
            ).fetchone()
        if row is None:
            raise StoreUnreadable(self.file, f"the columns of {' '.join(key)} at hour {begin} are missing")
        late, drift, rtt = row
        return late, drift, rtt

    def blobs(self) -> Iterator[tuple[SeriesKey, int, tuple[bytes, ...]]]:
        """Series, begin and everything packed of each segment."""
        with naming(self.file):
            rows = self._db.execute(
                "SELECT link, vantage, target, begin, head, late, drift, rtt"
                " FROM segment JOIN detail USING (series, begin) JOIN series ON series.id = series"
            )
            for link, vantage, target, begin, *blobs in rows:
                yield (link, vantage, target), begin, tuple(blobs)

    def events(self, since_ms: int, until_ms: int) -> list[Event]:
        since_us, until_us = _microseconds(since_ms), _microseconds(until_ms)
        with naming(self.file):
            rows = self._db.execute(
                "SELECT at_us, facts FROM event WHERE at_us >= ? AND at_us < ?", (since_us, until_us)
            ).fetchall()
        return [_event(at_us, facts) for at_us, facts in rows]


def sealed_to(file: Path) -> int:
    """The cursor; 0 where there is no store, or none that can be read: commands and readers say why."""
    if not file.exists():
        return 0
    try:
        store = StoreReading(file)
    except StoreError:
        return 0
    store.close()
    return store.cursor


def _microseconds(at_ms: int) -> int:
    """Within what SQLite can compare."""
    return max(-_FAR_US - 1, min(at_ms * 1000, _FAR_US + 1))


def _event(at_us: int, facts: str) -> Event:
    link, vantage, kind, boot, detail = json.loads(facts)
    return Event(link=link, vantage=vantage, at_us=at_us, event=kind, boot=boot, detail=detail)
