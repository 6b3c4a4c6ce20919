"""`unsigned.db`: samples that nobody signed, apart from the journal. Written by the serving process alone, durable when added.

Format: one table `sample`, a row each; `source` names the token it came by. The same row again changes nothing.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from jinbao_agent.sample import Event, Sample
from jinbao_collector import CollectorError
from jinbao_collector.series import NONE, Series, build_series, ints
from jinbao_collector.store import Flaw, SeriesKey, StoreError
from jinbao_collector.stretches import Stretches, fold

SCHEMA = 1
_TABLES = f"""
CREATE TABLE sample (
    link TEXT NOT NULL, vantage TEXT NOT NULL, target TEXT NOT NULL, sent_us INTEGER NOT NULL, source TEXT NOT NULL,
    outcome TEXT NOT NULL, rtt_us INTEGER NOT NULL, interval_ms INTEGER NOT NULL, arrived_ms INTEGER NOT NULL,
    PRIMARY KEY (link, vantage, target, sent_us, source, outcome, rtt_us)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA};
"""


class UnsignedError(CollectorError):
    """The file cannot be written or read."""


class UnsignedStore:
    """The writing side; any thread may use it. The file is made when the first sample comes."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def add(self, source: str, samples: Sequence[Sample], now_ms: int) -> None:
        """All of them or none; on the disk when this returns. Raises UnsignedError."""
        if not samples:
            return
        rows = [
            (one.link, one.vantage, one.target, one.sent_us, source, one.outcome, _number(one.rtt_us), _number(one.interval_ms))
            for one in samples
        ]
        with self._lock, _naming(self._file):
            db = self._opened()
            try:
                db.execute("BEGIN IMMEDIATE")
                db.executemany(
                    "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [(*row, now_ms) for row in rows]
                )
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False, timeout=30)
            db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            if not db.execute("PRAGMA user_version").fetchone()[0]:
                db.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
            self._db = db
        return self._db


class UnsignedReader:
    """A Reader of nothing but unsigned samples, as of its opening. `boot` is the token a sample came by."""

    def __init__(self, file: Path) -> None:
        """Raises StoreError."""
        if not file.exists():
            raise StoreError(
                f"{file}: nothing unsigned came in here; Telegraf needs a token of `jinbao-collector telegraf issue`"
            )
        self._file, self._told = file, sha256()
        self._flaws: set[Flaw] = set()
        self._first: dict[tuple[str, str], int] = {}
        with _naming(file):
            self._db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30)
            self._db.execute("BEGIN")
            schema = self._db.execute("PRAGMA user_version").fetchone()[0]
        if schema != SCHEMA:
            self.close()
            raise StoreError(f"{file}: has schema {schema}, this version knows {SCHEMA}")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "UnsignedReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> set[SeriesKey]:
        with _naming(self._file):
            return set(self._db.execute("SELECT DISTINCT link, vantage, target FROM sample"))

    def series(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> Series:
        with _naming(self._file):
            rows = self._db.execute(
                "SELECT sent_us, outcome, rtt_us, interval_ms, source FROM sample"
                " WHERE link = ? AND vantage = ? AND target = ? AND sent_us >= ? AND sent_us < ?",
                (link, vantage, target, _microseconds(since_ms), _microseconds(until_ms)),
            ).fetchall()
        self._told.update(repr((link, vantage, target, rows)).encode())
        found = _series(rows)
        if len(found):
            first = int(found.at[0])
            self._first[link, target] = min(first, self._first.get((link, target), first))
        self._flaws.update(Flaw("conflict", link, target, at) for at in found.conflicts)
        return found

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        return fold(self.series(link, vantage, target, since_ms, until_ms), wait_us)

    def events(self, since_ms: int, until_ms: int) -> tuple[Event, ...]:
        """Telegraf tells of none."""
        return ()

    def inputs(self) -> Mapping[str, str]:
        """`unsigned`: over all that was handed out so far, in the order in which it was asked for."""
        return {"unsigned": self._told.hexdigest()}

    def flaws(self) -> tuple[Flaw, ...]:
        """Where the unsigned samples of each rung begin, as far as they were handed out; and contradictions."""
        begun = {Flaw("unsigned", link, target, at) for (link, target), at in self._first.items()}
        return tuple(sorted(self._flaws | begun))


def _series(rows: Sequence[tuple[int, str, int, int, str]]) -> Series:
    sent, outcome, rtt, interval, source = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    outcomes, sources = tuple(sorted(set(outcome))), tuple(sorted(set(source)))
    absent = ints([NONE] * len(rows))
    return build_series(
        ints(sent),
        ints(map(outcomes.index, outcome)),
        ints(rtt),
        ints(interval),
        ints(map(sources.index, source)),
        absent,
        absent,
        outcomes,
        sources,
    )


def _number(value: int | None) -> int:
    return NONE if value is None else value


def _microseconds(at_ms: int) -> int:
    return max(-(2**62), min(at_ms * 1000, 2**62))


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        raise UnsignedError(f"{file}: cannot be used: {problem}") from problem
