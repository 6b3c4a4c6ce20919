"""The durable spool: one SQLite file, WAL with synchronous=FULL (measured: the fastest store that a power cut leaves whole).

Records lie open until their batch is closed; closing signs, stores the batch and removes the records in one transaction, so
at every instant each record is in the file exactly once. Bodies have a table of their own: dropping the oldest frees whole
pages, while their headers stay and keep the chain unbroken. Not thread-safe: jinbao_agent.recorder gives it one thread.
"""

import json
import logging
import secrets
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinbao_agent.chain import BODY_LIMIT, Author, Head, Records, sign_batches
from jinbao_agent.sample import Event, Sample
from jinbao_agent.wire import GENESIS, Batch, Signed, decode_body, sha256
from jinbao_config.links import NOTHING

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_sample (
    id INTEGER PRIMARY KEY, link TEXT, vantage TEXT, target TEXT, sent_us INTEGER, outcome TEXT, rtt_us INTEGER, boot TEXT,
    seq INTEGER, mono_us INTEGER, interval_ms INTEGER);
CREATE TABLE IF NOT EXISTS open_event (
    id INTEGER PRIMARY KEY, recorded_in TEXT, link TEXT, vantage TEXT, at_us INTEGER, event TEXT, boot TEXT, detail TEXT);
CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY, chain TEXT NOT NULL, number INTEGER NOT NULL, head BLOB NOT NULL, signature BLOB NOT NULL,
    samples INTEGER NOT NULL, last_ms INTEGER NOT NULL, acked INTEGER NOT NULL DEFAULT 0, UNIQUE (chain, number));
CREATE INDEX IF NOT EXISTS batch_waiting ON batch (id) WHERE acked = 0;
CREATE TABLE IF NOT EXISTS body (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
"""
_SAMPLE = "link, vantage, target, sent_us, outcome, rtt_us, boot, seq, mono_us, interval_ms"
_EVENT = "recorded_in, link, vantage, at_us, event, boot, detail"
_sample_row = attrgetter(*_SAMPLE.split(", "))
_ROW_BYTES = 32  # of a sample in a body, about; says only when to look, the cut itself is exact


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch the centre has not acknowledged, by its place in the spool."""

    id: int
    chain: str
    number: int
    batch: Batch


class Spool:
    """Raises sqlite3.Error from every method; each changes the file wholly or not at all."""

    def __init__(self, file: Path, predecessor: Mapping[str, Any] | None = None) -> None:
        """Opens or creates. A new spool begins a new chain, which declares `predecessor` if one is known."""
        # One thread at a time uses it, but not always the one that opened it.
        self.db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            self._prepare(predecessor)
            self.head = self._read_head()
        except BaseException:
            self.db.close()
            raise

    @classmethod
    def reading(cls, file: Path) -> "Spool":
        """The same file while an agent writes it, or after. Only the methods that change nothing work."""
        spool = cls.__new__(cls)
        spool.db = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, isolation_level=None, timeout=10)
        try:
            spool.head = spool._read_head()
        except BaseException:
            spool.db.close()
            raise
        return spool

    def _prepare(self, predecessor: Mapping[str, Any] | None) -> None:
        # Before the first table: lets dropped bodies' pages be given back to the disk.
        self.db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("PRAGMA journal_size_limit = 8000000")
        with self.transaction():
            for statement in _SCHEMA.split(";")[:-1]:
                self.db.execute(statement)
            if self.get("chain") is None:
                self._begin_chain(predecessor)

    def close_file(self) -> None:
        self.db.close()

    # Open records

    def append(
        self,
        samples: Sequence[Sample],
        events: Sequence[Event],
        facts: Mapping[str, Any] = NOTHING,
        *,
        boot: str,
        clock: Mapping[str, Any],
    ) -> None:
        """Durable when it returns. `clock` is the trust in the clock while these were recorded, in boot `boot`; `facts` are
        small facts that change with them."""
        with self.transaction():
            marks = ",".join("?" * 10)
            self.db.executemany(
                f"INSERT INTO open_sample ({_SAMPLE}) VALUES ({marks})", [_sample_row(sample) for sample in samples]
            )
            rows = [(boot, *astuple(event)) for event in events]
            self.db.executemany(f"INSERT INTO open_event ({_EVENT}) VALUES (?,?,?,?,?,?,?)", rows)
            for name, value in {**facts, "clock": clock}.items():
                self.put(name, value)

    def open_count(self) -> int:
        """Records that lie open."""
        return int(self._one("SELECT (SELECT count(*) FROM open_sample) + (SELECT count(*) FROM open_event)"))

    def is_full(self) -> bool:
        """Whether the open records are about to fill a batch."""
        return self.open_count() * _ROW_BYTES >= BODY_LIMIT

    def close(self, author: Author) -> int:
        """Closes all open records into batches, a boot and vantage each its own; how many."""
        count = 0
        with self.transaction():
            head = self.head
            for records in self.open_records():
                waiting = self._one("SELECT count(*) FROM batch WHERE acked = 0")
                closed = sign_batches(head, records, author, self.get("seen") or "", self._further(head), waiting=waiting)
                for after, batch, samples in closed:
                    self._insert(after, batch, samples)
                    head, count = after, count + 1
            self.db.execute("DELETE FROM open_sample")
            self.db.execute("DELETE FROM open_event")
        self.head = head
        return count

    def open_records(self) -> Iterator[Records]:
        """In order of time: what an earlier boot left open comes first."""
        clock = self.get("clock") or {}
        samples = [
            ((vantage, boot), Sample(**dict(zip(_SAMPLE.split(", "), row, strict=True))))
            for row in self.db.execute(f"SELECT {_SAMPLE} FROM open_sample ORDER BY id")
            for vantage, boot in [(row[1], row[6])]
        ]
        events = [
            ((row[2], row[0]), Event(**dict(zip(_EVENT.split(", ")[1:], row[1:], strict=True))))
            for row in self.db.execute(f"SELECT {_EVENT} FROM open_event ORDER BY id")
        ]
        for place in dict.fromkeys([place for place, _ in samples] + [place for place, _ in events]):
            yield Records(
                *place, [row for of, row in samples if of == place], [row for of, row in events if of == place], clock
            )

    def _further(self, head: Head) -> dict[str, Any]:
        """What only some headers say: where the chain comes from, and how many samples no disk would take."""
        predecessor, unstored = self.get("predecessor"), self.get("unstored")
        first = {"predecessor": predecessor} if predecessor and head.number == 0 else {}
        return {**first, **({"unstored": unstored} if unstored else {})}

    def _insert(self, head: Head, batch: Batch, samples: int) -> None:
        _, last_ms = batch.fields()["slots"]
        row = self.db.execute(
            "INSERT INTO batch (chain, number, head, signature, samples, last_ms) VALUES (?,?,?,?,?,?)",
            (head.chain, head.number, batch.signed.head, batch.signed.signature, samples, last_ms),
        )
        self.db.execute("INSERT INTO body VALUES (?,?)", (row.lastrowid, zlib.compress(batch.body or b"", 6)))

    # Chain

    def begin_chain(self, reason: str, known: Head | None = None) -> None:
        """From now on batches belong to a new chain, which declares `known`, or else this one's head, as its predecessor."""
        with self.transaction():
            self._begin_chain((known or self.head).as_predecessor(reason))
        self.head = self._read_head()

    def signer(self) -> str | None:
        """The fingerprint of the key that signed the last batch."""
        row = self.db.execute("SELECT head FROM batch ORDER BY id DESC LIMIT 1").fetchone()
        return str(Signed(row[0], b"").fields()["key"]) if row else None

    def _begin_chain(self, predecessor: Mapping[str, Any] | None) -> None:
        self.put("chain", secrets.token_hex(16))
        self.put("predecessor", predecessor)

    def _read_head(self) -> Head:
        chain = str(self.get("chain"))
        row = self.db.execute("SELECT number, head FROM batch WHERE chain=? ORDER BY number DESC LIMIT 1", (chain,)).fetchone()
        return Head(chain, row[0], sha256(row[1])) if row else Head(chain)

    # What the centre has

    def waiting(self, after: int, most: int, most_bytes: int) -> list[Waiting]:
        """The first unacknowledged batches after place `after`, all of one chain, at least one if there is any."""
        rows = self.db.execute(
            "SELECT id, chain, number, head, signature, packed FROM batch LEFT JOIN body USING (id)"
            " WHERE acked = 0 AND id > ? ORDER BY id LIMIT ?",
            (after, most),
        )
        found: list[Waiting] = []
        size = 0
        for place, chain, number, head, signature, packed in rows:
            size += len(head) + len(signature) + len(packed or b"")
            if found and (chain != found[0].chain or size > most_bytes):
                break
            found.append(Waiting(place, chain, number, Batch(Signed(head, signature), _unpacked(head, packed))))
        return found

    def waiting_now(self) -> tuple[int, int | None]:
        """How many batches wait for the centre, and the last slot (milliseconds UTC) of the oldest of them."""
        row = self.db.execute("SELECT count(*), min(last_ms) FROM batch WHERE acked = 0").fetchone()
        return row[0], row[1]

    def latest(self) -> list[Sample]:
        """The newest sample of each rung, out of the newest batch and what lies open."""
        samples = [sample for records in self.open_records() for sample in records.samples]
        newest = self.db.execute("SELECT head, packed FROM batch JOIN body USING (id) ORDER BY id DESC LIMIT 1").fetchone()
        body = _unpacked(*newest) if newest else None
        if body is not None:
            fields = Signed(newest[0], b"").fields()
            samples = decode_body(body, fields["vantage"], fields["boot"])[0] + samples
        return list({(sample.link, sample.target): sample for sample in samples}.values())

    def knows(self, chain: str, number: int, hash: str) -> bool | None:
        """Whether the batch of this number has this hash; None if the chain has not come so far."""
        if number == 0:
            return hash == GENESIS
        row = self.db.execute("SELECT head FROM batch WHERE chain=? AND number=?", (chain, number)).fetchone()
        if row:
            return sha256(row[0]) == hash
        last = self._one("SELECT max(number) FROM batch WHERE chain=?", chain)
        return None if last is None or number > last else True  # older than the oldest header kept

    def ack(self, chain: str, number: int, manifest: str) -> None:
        """The centre has this chain through `number`; batches up to there may be forgotten."""
        with self.transaction():
            self.db.execute("UPDATE batch SET acked=1 WHERE chain=? AND number<=? AND acked=0", (chain, number))
            self.put("seen", manifest or self.get("seen") or "")

    def ack_these(self, places: Sequence[int]) -> None:
        """The centre keeps these batches, though its chain is not ours."""
        with self.transaction():
            self.db.executemany("UPDATE batch SET acked=1 WHERE id=?", [(place,) for place in places])

    def reopen(self, chain: str, number: int) -> int | None:
        """The centre lacks what comes after `number`: it waits again. The place of the first such batch, if there is any."""
        with self.transaction():
            self.db.execute("UPDATE batch SET acked=0 WHERE chain=? AND number>? AND acked=1", (chain, number))
        first = self._one("SELECT min(id) FROM batch WHERE chain=? AND number>?", chain, number)
        return None if first is None else int(first)

    # Small facts

    def get(self, name: str) -> Any:
        text = self._one("SELECT value FROM meta WHERE name=?", name)
        return None if text is None else json.loads(text)

    def put(self, name: str, value: Any) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?,?)", (name, json.dumps(value)))

    def count_up(self, name: str, more: int) -> None:
        with self.transaction():
            self.put(name, (self.get(name) or 0) + more)

    def _one(self, query: str, *values: object) -> Any:
        row = self.db.execute(query, values).fetchone()
        return row[0] if row else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            # A full disk rolls back by itself.
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise


def _unpacked(head: bytes, packed: bytes | None) -> bytes | None:
    """A body, or None where it was dropped, or where the disk no longer gives back what was written: SQLite keeps no
    checksums, and a body that its header does not name would hold up every batch after it."""
    if packed is None:
        return None
    try:
        body = zlib.decompress(packed)
    except zlib.error:
        body = b""
    if sha256(body) == Signed(head, b"").fields()["body"]:
        return body
    log.error("a body was damaged on disk, only its header is left head=%s", sha256(head))
    return None
