"""A month's file as such: its tables, its version, how it is opened, and what may be wrong with it. Format: docs/wire.md.

A file that is still written is brought up to this version when it is opened for writing. Closed ones are read as they are.
"""

import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinbao_collector import CollectorError
from jinbao_collector.home import sync_directory
from jinbao_collector.pack import Packed, PackError, decode

VERSION = 2
_UNNUMBERED = 1
"""The version of files that were made before versions were written into them."""

SCHEMA = """
CREATE TABLE volume (first INTEGER NOT NULL, prev TEXT NOT NULL) STRICT;
CREATE TABLE sender (
    id INTEGER PRIMARY KEY, agent TEXT NOT NULL, key TEXT NOT NULL, chain TEXT NOT NULL, vantage TEXT NOT NULL,
    UNIQUE (agent, key, chain, vantage)
) STRICT;
CREATE TABLE batch (
    position INTEGER PRIMARY KEY, arrived_ms INTEGER NOT NULL, sender INTEGER NOT NULL REFERENCES sender,
    number INTEGER NOT NULL, hash BLOB NOT NULL, head BLOB NOT NULL, signature BLOB NOT NULL, body BLOB,
    oldest_ms INTEGER NOT NULL, newest_ms INTEGER NOT NULL, verdicts TEXT NOT NULL, pack INTEGER REFERENCES pack
) STRICT;
CREATE INDEX batch_number ON batch (sender, number, hash);
CREATE INDEX batch_time ON batch (sender, oldest_ms, newest_ms);
CREATE INDEX batch_flagged ON batch (position) WHERE verdicts <> '[]';
CREATE TABLE rung (
    sender INTEGER NOT NULL REFERENCES sender, link TEXT NOT NULL, target TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (sender, link, target)
) STRICT, WITHOUT ROWID;
CREATE TABLE pack (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE VIEW batches AS
    SELECT position, arrived_ms, agent, key, chain, vantage, number, hex(hash) AS hash, head, signature, body,
           oldest_ms, newest_ms, verdicts
    FROM batch JOIN sender ON sender.id = batch.sender;
"""

# From the version that is the key to the next one.
_MIGRATIONS = {
    1: (
        "CREATE TABLE pack (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
        "ALTER TABLE batch ADD COLUMN pack INTEGER REFERENCES pack",
    ),
}

# FULL: COMMIT returns after the one fdatasync of the log. The log is bounded after a backlog was taken in.
DURABLE = "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;"

_UNPACKED = 64 * 2**20
"""Bytes of unpacked packs that a reader keeps: a day of some thirty agents."""

BODY_LEVEL = 6
_QUICK = 10**9
"""A larger file is not looked through at each start; `verify` does so."""

REPAIR = "jinbao-collector repair"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class VolumeError(CollectorError):
    """A file of the journal cannot be read."""


def trouble(file: Path, problem: sqlite3.Error) -> VolumeError:
    """What SQLite complains of, with the file it does not name and what to do."""
    if _code(problem) in _DAMAGED:
        return VolumeError(f"{file}: is damaged: {problem}; stop the service and run `{REPAIR}`")
    return VolumeError(f"{file}: cannot be read: {problem}; mend disk and rights, or restore it from a backup")


def is_full(problem: BaseException | None) -> bool:
    """Whether a disk without room is at the bottom of it."""
    while problem is not None:
        if isinstance(problem, sqlite3.Error) and _code(problem) == sqlite3.SQLITE_FULL:
            return True
        problem = problem.__cause__
    return False


def _code(problem: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for what Python's module itself found."""
    return int(getattr(problem, "sqlite_errorcode", 0)) & 0xFF


@contextmanager
def naming(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        raise trouble(file, problem) from problem


class _Cursor(sqlite3.Cursor):
    """Raises VolumeError wherever a damaged page may come to light: at the query, or at any row of its answer."""

    def execute(self, *query: Any) -> "_Cursor":
        with self._naming():
            super().execute(*query)
        return self

    def fetchone(self) -> Any:
        with self._naming():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with self._naming():
            return super().fetchall()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # the rows, all that is asked of it
        with self._naming():
            yield from iter(super().fetchone, None)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        reading = self.connection
        assert isinstance(reading, Reading), "only Reading makes these"
        try:
            yield
        except sqlite3.Error as problem:
            if reading.packs.broken:
                raise VolumeError(f"{reading.file}: is damaged: {reading.packs.broken}; run `{REPAIR}`") from problem
            raise trouble(reading.file, problem) from problem


class Packs:
    """The packs of a file, the latest ones kept unpacked."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._kept: OrderedDict[int, dict[int, Packed]] = OrderedDict()
        self._sizes: dict[int, int] = {}
        self.broken = ""

    def row(self, number: int, position: int) -> Packed:
        """Raises PackError."""
        if number not in self._kept:
            self._keep(number)
        self._kept.move_to_end(number)
        return self._kept[number][position]

    def _keep(self, number: int) -> None:
        cursor = sqlite3.Cursor(self._db)
        (data,) = cursor.execute("SELECT data FROM pack WHERE id = ?", (number,)).fetchone()
        try:
            rows = decode(data)
        except PackError as problem:
            self.broken = f"pack {number}: {problem}"
            raise
        self._kept[number] = {row.position: row for row in rows}
        self._sizes[number] = sum(len(row.head) + len(row.body or b"") for row in rows)
        while sum(self._sizes.values()) > _UNPACKED and len(self._kept) > 1:
            oldest, _ = self._kept.popitem(last=False)
            del self._sizes[oldest]

    def head(self, number: int | None, position: int, plain: bytes) -> bytes:
        return plain if number is None else self.row(number, position).head

    def signature(self, number: int | None, position: int, plain: bytes) -> bytes:
        return plain if number is None else self.row(number, position).signature

    def body(self, number: int | None, position: int, plain: bytes | None) -> bytes | None:
        """In zlib's form like all bodies, but not squeezed again."""
        if number is None:
            return plain
        body = self.row(number, position).body
        return None if body is None else zlib.compress(body, 0)

    def squeezed(self, number: int | None, position: int, plain: bytes | None) -> bytes | None:
        """As it was stored before it was packed."""
        body = self.body(number, position, plain)
        return body if number is None or body is None else zlib.compress(zlib.decompress(body), BODY_LEVEL)


class Reading(sqlite3.Connection):
    """A connection that nobody writes through. `plain_head(pack, position, head)` and so on are a row's bytes."""

    file: Path
    packs: Packs

    def begin(self, file: Path) -> None:
        self.file, self.packs = file, Packs(self)
        for part in ("head", "signature", "body"):
            self.create_function(f"plain_{part}", 3, getattr(self.packs, part))
        self.create_function("squeezed_body", 3, self.packs.squeezed)

    def execute(self, *query: Any) -> _Cursor:
        return self.cursor(_Cursor).execute(*query)


def connect(file: Path, *, writing: bool) -> sqlite3.Connection:
    """An existing file, of this version if it is to be written. Raises sqlite3.Error or VolumeError."""
    uri = f"{file.absolute().as_uri()}?mode={'rw' if writing else 'ro'}"
    kind = sqlite3.Connection if writing else Reading
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30, factory=kind)
    try:
        if isinstance(db, Reading):
            db.begin(file)
        else:
            db.executescript(DURABLE)
            if version_of(db, file) and not _is_closed(db):
                # A restored file comes without a log of its own.
                db.execute("PRAGMA journal_mode=WAL")
                _migrate(db, file)
    except BaseException:
        db.close()
        raise
    return db


def version_of(db: sqlite3.Connection, file: Path) -> int:
    """Raises VolumeError if it is from the future, or no file of the journal."""
    version = db.execute("PRAGMA user_version").fetchone()[0] or _UNNUMBERED
    if version > VERSION:
        raise VolumeError(f"{file}: has version {version}, this program knows up to {VERSION}; install the newer one again")
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'volume'").fetchone():
        raise VolumeError(f"{file}: is damaged: it is no file of the journal; stop the service and run `{REPAIR}`")
    return int(version)


def check_quickly(db: sqlite3.Connection, file: Path) -> None:
    """Looks for damage before anything is built on it, where that takes seconds. Raises VolumeError or sqlite3.Error."""
    if file.stat().st_size > _QUICK:
        return
    problems = [problem for (problem,) in db.execute("PRAGMA quick_check(1)") if problem != "ok"]
    if problems:
        raise VolumeError(f"{file}: is damaged: {' '.join(problems[0].split())}; stop the service and run `{REPAIR}`")


def _is_closed(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sender WHERE agent = ''").fetchone() is not None


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    """All steps in one transaction: whoever is killed has the old file."""
    if (version := version_of(db, file)) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, VERSION):
            for statement in _MIGRATIONS[step]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def create(file: Path, first: int, prev: str) -> None:
    """An empty one under its name, all of it or nothing."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    db = sqlite3.connect(draft, isolation_level=None)
    db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN; {SCHEMA} PRAGMA user_version={VERSION};")
    db.execute("INSERT INTO volume VALUES (?, ?)", (first, prev))
    db.execute("COMMIT")
    # Closing the only connection folds the log in, so that the file alone can be renamed.
    db.close()
    draft.rename(file)
    sync_directory(file.parent)


def month_files(directory: Path) -> list[Path]:
    """The journal's files, oldest first."""
    return sorted(directory.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].db"))
