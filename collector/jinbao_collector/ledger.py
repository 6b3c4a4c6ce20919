"""The ledger: what people state and what the centre did, one hash-chained row each, never changed, never removed.

A file of its own, appended under BEGIN IMMEDIATE by whichever process acts: the serving collector, its command line, later the
dashboard. Rollback journal and synchronous=EXTRA, because it is written rarely and each row counts. Format: docs/wire.md.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from jinbao_agent.wire import GENESIS, canonical, sha256
from jinbao_collector import CollectorError
from jinbao_collector.entry import Entry

ENTRY, APPROVAL = "entry", "approval"
INVITATION, ENROLMENT, REVOCATION = "invitation", "enrolment", "revocation"
DECLARED, CONFIGURATION = "declared", "configuration"
REMOVAL, RESTORED, REPAIRED = "removal", "restored", "repaired"
ISSUED, DEMONSTRATION = "issued", "demonstration"

_SCHEMA = """
CREATE TABLE ledger (
    position INTEGER PRIMARY KEY, entered_ms INTEGER NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL,
    prev TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class LedgerError(CollectorError):
    """The ledger cannot be read or written, or refuses what was to be entered."""

    exit_code = 2


class LedgerUnreadable(LedgerError):
    """The file itself is damaged, or its disk."""

    exit_code = 3

    def __init__(self, file: Path, problem: sqlite3.Error) -> None:
        super().__init__(f"{file}: cannot be read: {problem}; restore it from a backup, or mend disk and rights")


class LedgerBroken(LedgerError):
    """A row is not as it was entered."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `kind` says what `facts` hold: an Entry, its approval, or a deed of the centre such as an enrolment."""

    position: int
    entered_ms: int
    kind: str
    facts: Mapping[str, Any]
    prev: str
    hash: str


class LedgerText(NamedTuple):
    """A row as it is stored: `facts` is the text that is hashed."""

    position: int
    entered_ms: int
    kind: str
    facts: str
    prev: str
    hash: str


def row_hash(position: int, entered_ms: int, kind: str, facts: str, prev: str) -> str:
    """`facts` as stored. The first line keeps a ledger row from ever passing for another signed or hashed thing."""
    return sha256(f"jinbao-ledger/1\n{position}\n{entered_ms}\n{kind}\n{facts}\n{prev}\n".encode())


class Ledger:
    """Safe to use from several threads and processes."""

    def __init__(self, file: Path) -> None:
        """Opens; read-only where the file may not be written. Raises LedgerError."""
        self.file = file
        self._lock = threading.RLock()
        if not file.exists():
            raise LedgerError(f"{file}: there is no ledger; run `jinbao-collector init` first")
        # Not mode=ro where it can be helped: a reader must be able to roll back what a killed writer left half done.
        mode = "rw" if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK) else "ro"
        try:
            self._db = sqlite3.connect(
                f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=10
            )
            self._db.execute("PRAGMA synchronous=EXTRA")
        except sqlite3.Error as problem:
            raise LedgerUnreadable(file, problem) from problem

    @classmethod
    def create(cls, file: Path) -> "Ledger":
        """An empty one. Raises LedgerError if there is one already."""
        if file.exists():
            raise LedgerError(f"{file}: there is a ledger already; it is never begun anew")
        db = sqlite3.connect(file, isolation_level=None)
        db.executescript(f"PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; BEGIN EXCLUSIVE; {_SCHEMA} COMMIT;")
        db.close()
        return cls(file)

    @classmethod
    def restore(cls, file: Path, rows: Iterable[LedgerText]) -> "Ledger":
        """One with these rows as they were stored elsewhere. Raises LedgerError if there is one already."""
        made = cls.create(file)
        with made._transaction():
            made._db.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", rows)
        return made

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    @property
    def head(self) -> tuple[int, str]:
        """Position and hash of the last row; (0, GENESIS) when empty."""
        rows = self._select("SELECT position, hash FROM ledger ORDER BY position DESC LIMIT 1")
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, GENESIS)

    def texts(self) -> tuple[LedgerText, ...]:
        """All rows in order, as they are stored."""
        found = self._select("SELECT position, entered_ms, kind, facts, prev, hash FROM ledger ORDER BY position")
        return tuple(LedgerText(*row) for row in found)

    def rows(self, *kinds: str) -> tuple[Row, ...]:
        """All rows in order, or those of these kinds."""
        return tuple(
            Row(position, entered, kind, json.loads(facts), prev, hashed)
            for position, entered, kind, facts, prev, hashed in self.texts()
            if not kinds or kind in kinds
        )

    def entries(self) -> tuple[Entry, ...]:
        """What people state, in the order entered; an approval given later stands in its entry."""
        approvals = {row.facts["id"]: row.facts for row in reversed(self.rows(APPROVAL))}
        stated = (replace(Entry.from_facts(row.facts), deed_ms=row.entered_ms) for row in self.rows(ENTRY))
        return tuple(_approved(entry, approvals) for entry in stated)

    def verify(self) -> None:
        """Raises LedgerBroken naming the first row that is not as it was entered."""
        before, expected = GENESIS, 1
        for position, entered, kind, facts, prev, hashed in self.texts():
            if position != expected:
                raise LedgerBroken(f"{self.file}: row {expected} is missing")
            if prev != before or hashed != row_hash(position, entered, kind, facts, prev):
                raise LedgerBroken(f"{self.file}: row {position} is not as it was entered; its hash does not follow")
            before, expected = hashed, expected + 1

    # Appending

    def append(
        self,
        kind: str,
        facts: Mapping[str, Any],
        entered_ms: int,
        unless: Callable[[Sequence[Row]], str | None] | None = None,
    ) -> Row:
        """Durable when it returns. `unless` sees all rows inside the transaction; the reason it gives becomes a LedgerError."""
        with self._transaction():
            if unless and (reason := unless(self.rows())):
                raise LedgerError(reason)
            return self._insert(kind, facts, entered_ms)

    def enter(self, entries: Sequence[Entry], entered_ms: int) -> tuple[str, ...]:
        """All of these entries or none; the ids that were new. An entry without its own entered_at gets this one.

        An identical entry is taken once. Raises LedgerError if an id stands for something else already.
        """
        with self._transaction():
            known = {row.facts["id"]: row.facts for row in self.rows(ENTRY)}
            fresh = [entry for entry in entries if not self._same(entry, known.get(entry.id))]
            for entry in fresh:
                dated = entry if entry.entered_at is not None else replace(entry, entered_at=entered_ms)
                self._insert(ENTRY, dated.facts(), entered_ms)
        return tuple(entry.id for entry in fresh)

    def approve(self, entry_id: str, approver: str, entered_ms: int) -> Row:
        """Raises LedgerError unless somebody else than the author approves an entry that has no approval yet."""

        def objection(rows: Sequence[Row]) -> str | None:
            entry = next(
                (Entry.from_facts(row.facts) for row in rows if row.kind == ENTRY and row.facts["id"] == entry_id), None
            )
            if entry is None:
                return f"{entry_id!r}: there is no such entry"
            if approver == entry.author:
                return f"{entry_id!r}: {approver!r} wrote it; somebody else must approve it"
            done = any(row.kind == APPROVAL and row.facts["id"] == entry_id for row in rows)
            return f"{entry_id!r}: approved already" if done or entry.approved else None

        facts = {"id": entry_id, "approved_by": approver, "approved_at": entered_ms}
        return self.append(APPROVAL, facts, entered_ms, objection)

    def _same(self, entry: Entry, known: Mapping[str, Any] | None) -> bool:
        if known is None:
            return False
        # An entry that came without its own entered_at was given one.
        dated = entry if entry.entered_at is not None else replace(entry, entered_at=known.get("entered_at"))
        if canonical(dated.facts()) != canonical(known):
            raise LedgerError(f"{entry.id!r}: stands in the ledger with other content; a correction needs an id of its own")
        return True

    def _insert(self, kind: str, facts: Mapping[str, Any], entered_ms: int) -> Row:
        last, prev = self.head
        text = canonical(facts)
        row = Row(last + 1, entered_ms, kind, facts, prev, row_hash(last + 1, entered_ms, kind, text, prev))
        self._db.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", (row.position, entered_ms, kind, text, row.prev, row.hash)
        )
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as problem:
                raise LedgerError(f"{self.file}: cannot be written: {problem}") from problem
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _select(self, query: str) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query).fetchall()
            except sqlite3.Error as problem:
                raise LedgerUnreadable(self.file, problem) from problem


def _approved(entry: Entry, approvals: Mapping[str, Mapping[str, Any]]) -> Entry:
    approval = approvals.get(entry.id)
    if approval is None or entry.approved:
        return entry
    return replace(entry, approved_by=approval["approved_by"], approved_at=approval["approved_at"])
