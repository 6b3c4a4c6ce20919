"""`store.db`: sealed segments, events, and how far into the journal they reach. One process at a time writes, any may read.

All of it is derived and can be made again from the journal, so a file of another version is never migrated: it is sealed anew.
"""

import datetime
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jinbao_agent.sample import Event
from jinbao_agent.wire import GENESIS
from jinbao_collector.agents import Roster
from jinbao_collector.home import sync_directory
from jinbao_collector.store import SeriesKey, StoreError
from jinbao_collector.store.blob import Damaged
from jinbao_collector.store.segment import Segment

SCHEMA = 1
HOUR_US = 3_600_000_000
HOURS = 24
_FAR_US = 2**62
REBUILD = "jinbao-collector seal --rebuild"

_TABLES = f"""
CREATE TABLE store (
    schema INTEGER NOT NULL, cursor INTEGER NOT NULL, hash TEXT NOT NULL, digest TEXT NOT NULL, arrived_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE series (
    id INTEGER PRIMARY KEY, link TEXT NOT NULL, vantage TEXT NOT NULL, target TEXT NOT NULL, UNIQUE (link, vantage, target)
) STRICT;
CREATE TABLE segment (
    series INTEGER NOT NULL REFERENCES series, begin INTEGER NOT NULL, hours INTEGER NOT NULL, samples INTEGER NOT NULL,
    head BLOB NOT NULL, PRIMARY KEY (series, begin)
) STRICT, WITHOUT ROWID;
CREATE INDEX segment_hourly ON segment (begin) WHERE hours = 1;
CREATE TABLE detail (
    series INTEGER NOT NULL, begin INTEGER NOT NULL, late BLOB NOT NULL, drift BLOB NOT NULL, rtt BLOB NOT NULL,
    PRIMARY KEY (series, begin)
) STRICT;
CREATE TABLE event (at_us INTEGER NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (at_us, facts)) STRICT, WITHOUT ROWID;
INSERT INTO store VALUES ({SCHEMA}, 0, '', '{GENESIS}', 0);
"""
_NAMES = ("store", "series", "segment", "detail", "event")


class StoreUnreadable(StoreError):
    """The file is damaged, or its disk."""

    def __init__(self, file: Path, problem: object) -> None:
        super().__init__(f"{file}: cannot be read: {problem}; it is made again from the journal by `{REBUILD}`")


class StoreOutdated(StoreError):
    """The file was written by another version."""

    def __init__(self, file: Path, schema: int) -> None:
        super().__init__(f"{file}: has schema {schema}, this version knows {SCHEMA}; make it again by `{REBUILD}`")


class StoreForeign(StoreError):
    """The file was sealed from another journal, such as one that was restored since."""

    def __init__(self, file: Path, cursor: int) -> None:
        super().__init__(
            f"{file}: row {cursor} of this journal is not the one it was sealed from; make it again by `{REBUILD}`"
        )


def damage(file: Path, key: SeriesKey, problem: Damaged, roster: Roster) -> StoreError:
    """A segment is damaged: which one, and the command that makes it again."""
    link, vantage, target = key
    agents = sorted({one.agent for one in roster.members.values() if one.vantage == vantage and one.speaks_for(link)})
    try:
        day = str(datetime.date(1970, 1, 1) + datetime.timedelta(days=(problem.begin or 0) // HOURS))
    except OverflowError:
        # A clock that was far off: no calendar has this day, so it can only be made again with all the others.
        day, agents = f"hour {problem.begin}", []
    command = f"{REBUILD} --day {day} --agent {agents[0]}" if agents else REBUILD
    return StoreError(f"{file}: the segment of {link} {vantage} {target} of {day} is damaged: {problem}; run `{command}`")


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """What SQLite complains of without saying of which file."""
    try:
        yield
    except sqlite3.Error as problem:
        raise StoreUnreadable(file, problem) from problem


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
                self.cursor, self.hash, self.digest = _cursor(self._db, file)
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

    def events(self, since_ms: int, until_ms: int) -> list[Event]:
        since_us, until_us = _microseconds(since_ms), _microseconds(until_ms)
        with naming(self.file):
            rows = self._db.execute(
                "SELECT at_us, facts FROM event WHERE at_us >= ? AND at_us < ?", (since_us, until_us)
            ).fetchall()
        return [_event(at_us, facts) for at_us, facts in rows]


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
                self.db.executescript("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;")
                _cursor(self.db, file)
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
    db.executescript(f"PRAGMA page_size=8192; PRAGMA journal_mode=WAL; BEGIN; {_TABLES} COMMIT;")
    # Closing the only connection folds the log in, so that the file alone can be renamed.
    db.close()
    draft.rename(file)
    sync_directory(file.parent)


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


def renew(file: Path) -> None:
    """Empty tables of this version in a file of another one, in place: its readers keep what they have begun to read."""
    db = sqlite3.connect(file, isolation_level=None, timeout=30)
    try:
        with naming(file):
            db.execute("BEGIN IMMEDIATE")
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES.split(";\n"):
                db.execute(statement)
            db.execute("COMMIT")
    finally:
        db.close()


def remove(file: Path) -> None:
    """Takes a file away that is of no more use. The log goes first: it must not outlive its file."""
    for suffix in ("-wal", "-shm", ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _cursor(db: sqlite3.Connection, file: Path) -> tuple[int, str, str]:
    """The cursor, the hash of its row, and the digest there. Raises StoreUnreadable or StoreOutdated."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "store" not in tables:
        raise StoreUnreadable(file, "it is no store")
    schema = db.execute("SELECT schema FROM store").fetchone()
    if schema != (SCHEMA,):
        raise StoreOutdated(file, schema[0] if schema else 0)
    cursor, hashed, digest = db.execute("SELECT cursor, hash, digest FROM store").fetchone()
    return cursor, hashed, digest


def _microseconds(at_ms: int) -> int:
    """Within what SQLite can compare."""
    return max(-_FAR_US - 1, min(at_ms * 1000, _FAR_US + 1))


def _facts(event: Event) -> str:
    return json.dumps([event.link, event.vantage, event.event, event.boot, event.detail], separators=(",", ":"))


def _event(at_us: int, facts: str) -> Event:
    link, vantage, kind, boot, detail = json.loads(facts)
    return Event(link=link, vantage=vantage, at_us=at_us, event=kind, boot=boot, detail=detail)
