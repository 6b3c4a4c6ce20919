"""One month's file of the journal: a row a batch, the bytes as they were signed. Format: docs/wire.md."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_agent.wire import GENESIS, Signed, sha256
from jinbao_collector import CollectorError
from jinbao_collector.arrival import Arrival
from jinbao_collector.home import sync_directory

CLOSED_TAG = "jinbao-closed/1"

_SCHEMA = """
CREATE TABLE volume (first INTEGER NOT NULL, prev TEXT NOT NULL) STRICT;
CREATE TABLE sender (
    id INTEGER PRIMARY KEY, agent TEXT NOT NULL, key TEXT NOT NULL, chain TEXT NOT NULL, vantage TEXT NOT NULL,
    UNIQUE (agent, key, chain, vantage)
) STRICT;
CREATE TABLE batch (
    position INTEGER PRIMARY KEY, arrived_ms INTEGER NOT NULL, sender INTEGER NOT NULL REFERENCES sender,
    number INTEGER NOT NULL, hash BLOB NOT NULL, head BLOB NOT NULL, signature BLOB NOT NULL, body BLOB,
    oldest_ms INTEGER NOT NULL, newest_ms INTEGER NOT NULL, verdicts TEXT NOT NULL
) STRICT;
CREATE INDEX batch_number ON batch (sender, number, hash);
CREATE INDEX batch_time ON batch (sender, oldest_ms, newest_ms);
CREATE INDEX batch_flagged ON batch (position) WHERE verdicts <> '[]';
CREATE TABLE rung (
    sender INTEGER NOT NULL REFERENCES sender, link TEXT NOT NULL, target TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (sender, link, target)
) STRICT, WITHOUT ROWID;
CREATE VIEW batches AS
    SELECT position, arrived_ms, agent, key, chain, vantage, number, hex(hash) AS hash, head, signature, body,
           oldest_ms, newest_ms, verdicts
    FROM batch JOIN sender ON sender.id = batch.sender;
"""

SenderName = tuple[str, str, str, str]


class VolumeError(CollectorError):
    """A file of the journal cannot be read."""


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """What SQLite complains of without saying of which file."""
    try:
        yield
    except sqlite3.Error as problem:
        raise VolumeError(f"{file}: cannot be read: {problem}; restore it from a backup, or mend disk and rights") from problem


class _Cursor(sqlite3.Cursor):
    """Raises VolumeError wherever a damaged page may come to light: at the query, or at any row of its answer."""

    def execute(self, *query: Any) -> "_Cursor":
        with _naming(self._file):
            super().execute(*query)
        return self

    def fetchone(self) -> Any:
        with _naming(self._file):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _naming(self._file):
            return super().fetchall()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # the rows, all that is asked of it
        with _naming(self._file):
            yield from iter(super().fetchone, None)

    @property
    def _file(self) -> Path:
        assert isinstance(self.connection, _Reading), "only _Reading makes these"
        return self.connection.file


class _Reading(sqlite3.Connection):
    """A connection that nobody writes through."""

    file: Path

    def execute(self, *query: Any) -> _Cursor:
        return self.cursor(_Cursor).execute(*query)


@dataclass(frozen=True, slots=True)
class Version:
    """One kept batch under a number."""

    position: int
    hash: str
    has_body: bool
    verdicts: tuple[str, ...]


class Volume:
    """The file of one month. Only the serving process opens one for writing; see `closed`.

    Opened for reading, all it is asked raises VolumeError; opened for writing, sqlite3.Error.
    """

    def __init__(self, file: Path, writing: bool) -> None:
        """Opens. Raises VolumeError."""
        self.file = file
        self.name = file.stem
        with _naming(file):
            self.db = _connect(file, writing)
            try:
                self._read_small()
            except BaseException:
                self.db.close()
                raise

    def _read_small(self) -> None:
        row = self.db.execute("SELECT first, prev FROM volume").fetchone()
        if row is None:
            raise VolumeError(f"{self.file}: is not a file of the journal; restore it from a backup")
        self.first, self.prev = row
        self.reload()

    @classmethod
    def create(cls, file: Path, first: int, prev: str) -> "Volume":
        """An empty one whose first row will have position `first`; `prev` is the hash of the row that closed the one before."""
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        db = sqlite3.connect(draft, isolation_level=None)
        db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN; {_SCHEMA}")
        db.execute("INSERT INTO volume VALUES (?, ?)", (first, prev))
        db.execute("COMMIT")
        # Closing the only connection folds the log in, so that the file alone can be renamed.
        db.close()
        draft.rename(file)
        sync_directory(file.parent)
        return cls(file, writing=True)

    def close(self) -> None:
        self.db.close()

    def reload(self) -> None:
        """Reads the small tables that are kept in memory; also after a transaction that did not come about."""
        self.senders: dict[SenderName, int] = {
            (agent, key, chain, vantage): number
            for number, agent, key, chain, vantage in self.db.execute("SELECT id, agent, key, chain, vantage FROM sender")
        }
        self._rungs: set[tuple[int, str, str]] = set(self.db.execute("SELECT sender, link, target FROM rung"))

    @property
    def last(self) -> int:
        """The last position written; first - 1 when there is none."""
        return int(self.db.execute("SELECT max(position) FROM batch").fetchone()[0] or self.first - 1)

    def senders_of(self, agent: str, chain: str) -> list[int]:
        return [number for (of, _, name, _), number in self.senders.items() if (of, name) == (agent, chain)]

    # Writing

    def insert(self, position: int, arrival: Arrival, verdicts: tuple[str, ...]) -> None:
        """Inside the caller's transaction."""
        name = (arrival.agent, arrival.key, arrival.chain, arrival.vantage)
        sender = self.senders.get(name) or self._new_sender(name)
        signed, body = arrival.batch.signed, arrival.batch.body
        row = (
            position,
            arrival.arrived_ms,
            sender,
            arrival.part.number,
            bytes.fromhex(arrival.part.hash),
            signed.head,
            signed.signature,
            zlib.compress(body, 6) if body is not None else None,
            arrival.oldest_ms,
            arrival.newest_ms,
            json.dumps(verdicts, separators=(",", ":")),
        )
        self.db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        for link, target in arrival.rungs:
            if (sender, link, target) not in self._rungs:
                self.db.execute("INSERT INTO rung VALUES (?, ?, ?, ?)", (sender, link, target, position))
                self._rungs.add((sender, link, target))

    def insert_closing(self, position: int, at_ms: int, signed: Signed) -> None:
        """The centre's own row, the last of the file."""
        sender = self._new_sender(("", "", "", ""))
        row = (position, at_ms, sender, 0, bytes.fromhex(signed.hash), signed.head, signed.signature, at_ms, at_ms)
        self.db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, '[]')", row)

    def _new_sender(self, name: SenderName) -> int:
        number = self.db.execute("INSERT INTO sender (agent, key, chain, vantage) VALUES (?, ?, ?, ?)", name).lastrowid
        assert number is not None
        self.senders[name] = number
        return number

    # Reading

    @property
    def closed(self) -> Signed | None:
        """The row that closed this file, if it is closed."""
        centre = self.senders.get(("", "", "", ""))
        row = self.db.execute("SELECT head, signature FROM batch WHERE sender = ?", (centre,)).fetchone()
        return Signed(*row) if row else None

    def versions(self, agent: str, chain: str, number: int) -> list[Version]:
        """What is kept under a number, first arrived first."""
        rows = [
            row
            for sender in self.senders_of(agent, chain)
            for row in self.db.execute(
                "SELECT position, hex(hash), body IS NOT NULL, verdicts FROM batch WHERE sender = ? AND number = ?",
                (sender, number),
            )
        ]
        return [
            Version(position, hashed.lower(), bool(has_body), tuple(json.loads(verdicts)))
            for position, hashed, has_body, verdicts in sorted(rows)
        ]

    def heads_within(self, agent: str, chain: str, first_ms: int, last_ms: int) -> Iterator[tuple[bytes, list[str]]]:
        """Head and verdicts of the batches of a chain that may touch [first_ms, last_ms]."""
        for sender in self.senders_of(agent, chain):
            rows = self.db.execute(
                "SELECT head, verdicts FROM batch WHERE sender = ? AND oldest_ms <= ? AND newest_ms >= ?",
                (sender, last_ms, first_ms),
            )
            yield from ((head, json.loads(verdicts)) for head, verdicts in rows)

    def span(self) -> tuple[int | None, int | None]:
        """The oldest and the newest instant of its samples and events."""
        oldest, newest = self.db.execute(
            "SELECT min(oldest_ms), max(newest_ms) FROM batch JOIN sender ON sender.id = sender WHERE agent <> ''"
        ).fetchone()
        return oldest, newest

    def hashes(self, first: int, last: int) -> list[tuple[int, str]]:
        """Position and hash of the rows of these positions."""
        rows = self.db.execute(
            "SELECT position, lower(hex(hash)) FROM batch WHERE position BETWEEN ? AND ? ORDER BY position", (first, last)
        )
        return rows.fetchall()

    def altered(self, first: int, last: int) -> Iterator[int]:
        """The positions whose head is not the one of their hash, or whose body is not the one their head names."""
        rows = self.db.execute(
            "SELECT position, hash, head, body FROM batch WHERE position BETWEEN ? AND ? ORDER BY position", (first, last)
        )
        for position, hashed, head, body in rows:
            if bytes.fromhex(sha256(head)) != hashed or (body is not None and not _is_body_of(head, body)):
                yield position

    def all_hashes(self, last: int) -> list[tuple[int, str]]:
        """As `hashes` from the first row on; from an index alone, so that a whole month is quick."""
        rows = self.db.execute("SELECT position, hash FROM batch INDEXED BY batch_number WHERE position <= ?", (last,))
        return sorted((position, hashed.hex()) for position, hashed in rows)

    def numbers(self, first: int, last: int) -> list[tuple[str, str, int, str]]:
        """Agent, chain, number and hash of the batches of these positions, in order of position."""
        rows = self.db.execute(
            "SELECT agent, chain, number, lower(hex(hash)) FROM batch JOIN sender ON sender.id = sender"
            " WHERE position BETWEEN ? AND ? AND agent <> '' ORDER BY position",
            (first, last),
        )
        return rows.fetchall()

    def last_arrived_before(self, end_ms: int) -> int | None:
        """The last position that arrived before this instant."""
        position: int | None = self.db.execute("SELECT max(position) FROM batch WHERE arrived_ms < ?", (end_ms,)).fetchone()[0]
        return position


def _connect(file: Path, writing: bool) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?mode={'rw' if writing else 'ro'}"
    kind = sqlite3.Connection if writing else _Reading
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30, factory=kind)
    if isinstance(db, _Reading):
        db.file = file
        return db
    try:
        # FULL: COMMIT returns after the one fdatasync of the log. The log is bounded after a backlog was taken in.
        db.executescript("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;")
    except BaseException:
        db.close()
        raise
    return db


def _is_body_of(head: bytes, packed: bytes) -> bool:
    try:
        return Signed(head, b"").fields().get("body") == sha256(zlib.decompress(packed))
    except zlib.error:
        return False


def digest_of(rows: Iterable[tuple[int, str]]) -> str:
    """SHA-256 over the lines 'POSITION HASH': what manifests and closing rows attest, and what a reader says it read."""
    return sha256(b"".join(b"%d %s\n" % (position, hashed.encode()) for position, hashed in rows))


def chained(rows: Iterable[tuple[int, str]], digest: str = GENESIS) -> str:
    """SHA-256 over 'DIGEST POSITION HASH', row after row: whoever knows it up to a row need not read what came before."""
    for position, hashed in rows:
        digest = sha256(b"%s %d %s\n" % (digest.encode(), position, hashed.encode()))
    return digest


def month_files(directory: Path) -> list[Path]:
    """The journal's files, oldest first."""
    return sorted(directory.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].db"))
