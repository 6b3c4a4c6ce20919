"""How far the copy to a server is, durably: the cursor, the state, the lines it would not take. A SQLite file a replica."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinbao_collector import CollectorError
from jinbao_collector.replica import OK

SCHEMA = 1
_TABLES = f"""
CREATE TABLE progress (
    schema INTEGER NOT NULL, server TEXT NOT NULL, cursor INTEGER NOT NULL, hash TEXT NOT NULL, safe INTEGER NOT NULL,
    started TEXT NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL, since_ms INTEGER NOT NULL, delivered_ms INTEGER NOT NULL,
    expired INTEGER NOT NULL
) STRICT;
CREATE TABLE refused (id INTEGER PRIMARY KEY, line TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
INSERT INTO progress VALUES ({SCHEMA}, '', 0, '', 0, '', '{OK}', '', 0, 0, 0);
"""
_FACTS = "server, cursor, hash, safe, started, state, message, since_ms, delivered_ms, expired"


class ProgressUnreadable(CollectorError):
    """The file that says how far a replica is cannot be used."""


@dataclass(frozen=True, slots=True)
class Reached:
    """`cursor` is the last journal position with the server, `hash` of its row; up to `safe` it is on the server's disk too.

    `started` tells one run of the server from the next. `expired` counts lines that were older than the server keeps.
    """

    server: str
    cursor: int
    hash: str
    safe: int
    started: str
    state: str
    message: str
    since_ms: int
    delivered_ms: int
    expired: int


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that the server, or arithmetic, would not take."""

    line: str
    reason: str
    at_ms: int


class Progress:
    """The forwarder writes it; a command may set it back meanwhile. Raises ProgressUnreadable for whatever it is asked."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self._naming():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, isolation_level=None, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'progress'").fetchone():
                    for statement in filter(str.strip, _TABLES.split(";")):
                        self._db.execute(statement)
            self.read()

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> Reached:
        with self._naming():
            return _reached(self._db)

    def aim(self, server: str) -> None:
        """Another server than before has nothing yet: the cursor begins anew."""
        with self._naming():
            self._db.execute(
                f"UPDATE progress SET server = ?, cursor = 0, hash = '', safe = 0, started = '', state = '{OK}', message = '',"
                " delivered_ms = 0, expired = 0 WHERE server <> ?",
                (server, server),
            )

    def move(
        self, before: int, cursor: int, hashed: str, refused: Sequence[tuple[str, str]], expired: int, now_ms: int
    ) -> None:
        """Rows behind `before` up to `cursor` are with the server, but for the `refused` lines and reasons.

        If somebody has set the cursor back meanwhile it stays there, and the rows are sent again.
        """
        with self._naming(), self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO refused (line, reason, at_ms) VALUES (?, ?, ?)",
                [(line, reason, now_ms) for line, reason in refused],
            )
            self._db.execute(
                "UPDATE progress SET cursor = ?, hash = ?, delivered_ms = ?, expired = expired + ? WHERE cursor = ?",
                (cursor, hashed, now_ms, expired, before),
            )

    def settle(self, safe: int, started: str) -> None:
        """What was delivered up to `safe` has reached the disk of the server that was started then."""
        with self._naming():
            self._db.execute("UPDATE progress SET safe = min(?, cursor), started = ?", (safe, started))

    def back(self, position: int) -> None:
        """Everything behind this position is to be sent again."""
        with self._naming():
            self._db.execute(
                "UPDATE progress SET hash = CASE WHEN cursor <= ?1 THEN hash ELSE '' END, cursor = min(cursor, ?1),"
                " safe = min(safe, ?1)",
                (position,),
            )

    def tell(self, state: str, message: str, now_ms: int) -> None:
        with self._naming():
            self._db.execute(
                "UPDATE progress SET since_ms = CASE WHEN state = ?1 THEN since_ms ELSE ?3 END, state = ?1, message = ?2",
                (state, message, now_ms),
            )

    def refused(self) -> list[RefusedLine]:
        with self._naming():
            rows = self._db.execute("SELECT line, reason, at_ms FROM refused ORDER BY id").fetchall()
        return [RefusedLine(*row) for row in rows]

    def forget_refused(self) -> list[RefusedLine]:
        """Takes them out; what they were."""
        found = self.refused()
        with self._naming():
            self._db.execute("DELETE FROM refused")
        return found

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    @contextmanager
    def _naming(self) -> Iterator[None]:
        with naming(self.file):
            yield


@contextmanager
def naming(file: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        message = f"{file}: cannot be used: {problem}; if it is damaged take it away, and everything is sent again"
        raise ProgressUnreadable(message) from problem


def glance(file: Path) -> tuple[Reached, int] | None:
    """What a replica has reached and how many lines were refused, read beside its writer; None before it was begun."""
    if not file.exists():
        return None
    with naming(file):
        db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'progress'").fetchone():
                return None  # it is being made just now
            return _reached(db), db.execute("SELECT count(*) FROM refused").fetchone()[0]
        finally:
            db.close()


def _reached(db: sqlite3.Connection) -> Reached:
    schema = db.execute("SELECT schema FROM progress").fetchone()
    if schema != (SCHEMA,):
        raise sqlite3.DatabaseError(f"has schema {schema and schema[0]}, this version knows {SCHEMA}")
    return Reached(*db.execute(f"SELECT {_FACTS} FROM progress").fetchone())


def identity(*parts: str | None) -> str:
    """Which server this is: told apart from another by address, organisation and bucket."""
    return json.dumps(parts)
