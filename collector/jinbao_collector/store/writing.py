"""The writing side of `store.db`: one process at a time."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jinbao_agent.sample import Event
from jinbao_agent.wire import GENESIS
from jinbao_collector.home import sync_directory
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.file import TABLES, cursor_of, naming
from jinbao_collector.store.segment import Segment

_NAMES = ("store", "series", "segment", "detail", "event")


class StoreWriting:
    """The writing side, held by one process at a time. Raises StoreError, or sqlite3.Error where the disk fails it."""

    def __init__(self, file: Path) -> None:
        """Opens; makes an empty one where there is none."""
        self.file = file
        with naming(file):
            if not file.exists():
                _create(file)
            self.db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                self.db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;")
                cursor_of(self.db, file)
                self._ids: dict[SeriesKey, int] = {
                    (link, vantage, target): number
                    for number, link, vantage, target in self.db.execute("SELECT id, link, vantage, target FROM series")
                }
            except BaseException:
                self.db.close()
                raise

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> "StoreWriting":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def cursor(self) -> int:
        return self._facts[0]

    @property
    def hash(self) -> str:
        """Of the journal's row at the cursor: by it a store knows its journal."""
        return self._facts[1]

    @property
    def arrived_ms(self) -> int:
        """When the last row that was sealed had arrived."""
        return self._facts[3]

    @property
    def digest(self) -> str:
        """Chained over the rows of the cursor's month: what a reader says it read."""
        return self._facts[2]

    @property
    def _facts(self) -> tuple[int, str, str, int]:
        cursor, hashed, digest, arrived_ms = self.db.execute("SELECT cursor, hash, digest, arrived_ms FROM store").fetchone()
        return cursor, hashed, digest, arrived_ms

    def move(self, cursor: int, hashed: str, digest: str, arrived_ms: int) -> None:
        """Inside the caller's transaction; so are all that follow. A clock that was set back opens no day again."""
        self.db.execute(
            "UPDATE store SET cursor = ?, hash = ?, digest = ?, arrived_ms = max(arrived_ms, ?)",
            (cursor, hashed, digest, arrived_ms),
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: whatever fails leaves cursor and segments as they were."""
        known = dict(self._ids)
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except BaseException:
            # Whether SQLite has rolled back by itself, as it does on a full disk, or not: these numbers were never given.
            self._ids = known
            raise
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def number(self, key: SeriesKey) -> int:
        """Of a series, new or known."""
        if key not in self._ids:
            number = self.db.execute("INSERT INTO series (link, vantage, target) VALUES (?, ?, ?)", key).lastrowid
            assert number is not None
            self._ids[key] = number
        return self._ids[key]

    def segments(self, series: int, begin: int, hours: int) -> list[tuple[int, int, bytes, bytes, bytes, bytes]]:
        """Begin, hours, head and columns of the segments that begin in these hours."""
        return self.db.execute(
            "SELECT begin, hours, head, late, drift, rtt FROM segment JOIN detail USING (series, begin)"
            " WHERE series = ? AND begin >= ? AND begin < ? ORDER BY begin",
            (series, begin, begin + hours),
        ).fetchall()

    def put(self, series: int, begin: int, hours: int, segment: Segment) -> None:
        row = (series, begin, hours, segment.samples, segment.head)
        self.db.execute("INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?)", row)
        columns = (series, begin, segment.late, segment.drift, segment.rtt)
        self.db.execute("INSERT OR REPLACE INTO detail VALUES (?, ?, ?, ?, ?)", columns)

    def drop(self, series: int, begin: int, hours: int) -> None:
        """The segments that begin in these hours."""
        for table in ("segment", "detail"):
            self.db.execute(
                f"DELETE FROM {table} WHERE series = ? AND begin >= ? AND begin < ?", (series, begin, begin + hours)
            )

    @property
    def names(self) -> set[SeriesKey]:
        return set(self._ids)

    def add_events(self, events: Iterable[Event]) -> None:
        self.db.executemany("INSERT OR IGNORE INTO event VALUES (?, ?)", [(event.at_us, _facts(event)) for event in events])

    def replace_events(
        self, since_ms: int, until_ms: int, concerned: Callable[[str, str], bool], events: Iterable[Event]
    ) -> None:
        """Those of [since, until) whose link and vantage are concerned."""
        rows = self.db.execute(
            "SELECT at_us, facts FROM event WHERE at_us >= ? AND at_us < ?", (since_ms * 1000, until_ms * 1000)
        ).fetchall()
        for at_us, facts in rows:
            link, vantage, *_ = json.loads(facts)
            if concerned(link, vantage):
                self.db.execute("DELETE FROM event WHERE at_us = ? AND facts = ?", (at_us, facts))
        self.add_events(event for event in events if concerned(event.link, event.vantage))

    def clear(self) -> None:
        """As if nothing had been sealed."""
        for table in _NAMES[1:]:
            self.db.execute(f"DELETE FROM {table}")
        self.db.execute("UPDATE store SET cursor = 0, hash = '', digest = ?, arrived_ms = 0", (GENESIS,))
        self._ids = {}


@contextmanager
def held_for_writing(lock: Path) -> Iterator[None]:
    """Waits until no other process seals. Two writers at once would be safe; two that checkpoint at once might not."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _create(file: Path) -> None:
    """Under another name first, so that nobody ever opens half a store."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    db = sqlite3.connect(draft, isolation_level=None)
    db.executescript(f"PRAGMA page_size=8192; PRAGMA journal_mode=WAL; BEGIN; {TABLES} COMMIT;")
    # Closing the only connection folds the log in, so that the file alone can be renamed.
    db.close()
    draft.rename(file)
    sync_directory(file.parent)


def renew(file: Path) -> None:
    """Empty tables of this version in a file of another one, in place: its readers keep what they have begun to read."""
    db = sqlite3.connect(file, isolation_level=None, timeout=30)
    try:
        with naming(file):
            db.execute("BEGIN IMMEDIATE")
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{name}"')
            for statement in TABLES.split(";\n"):
                db.execute(statement)
            db.execute("COMMIT")
    finally:
        db.close()


def remove(file: Path) -> None:
    """Takes a file away that is of no more use. The log goes first: it must not outlive its file."""
    for suffix in ("-wal", "-shm", ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _facts(event: Event) -> str:
    return json.dumps([event.link, event.vantage, event.event, event.boot, event.detail], separators=(",", ":"))
