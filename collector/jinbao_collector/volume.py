"""One month's file of the journal: a row a batch, the bytes as they were signed. Format: docs/wire.md."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinbao_agent.wire import GENESIS, Signed, sha256
from jinbao_collector.arrival import Arrival
from jinbao_collector.volume_file import BODY_LEVEL, REPAIR, connect, create, naming, version_of
from jinbao_collector.volume_file import VolumeError as VolumeError
from jinbao_collector.volume_file import month_files as month_files

CLOSED_TAG, LOST_TAG = "jinbao-closed/1", "jinbao-lost/1"

SenderName = tuple[str, str, str, str]
_OWN: Mapping[str, SenderName] = {CLOSED_TAG: ("", "", "", ""), LOST_TAG: ("", "", "lost", "")}


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
        with naming(file):
            self.db = connect(file, writing=writing)
            try:
                self._begin(writing)
            except BaseException:
                self.db.close()
                raise

    def _begin(self, writing: bool) -> None:
        self._version, self._inode = version_of(self.db, self.file), self.file.stat().st_ino
        pack = "pack" if self._version > 1 else "NULL"
        # What to select for a row's bytes: they may lie in a pack, where the file is closed and read.
        self.head, self.signature, self.body = (
            part if writing else f"plain_{part}({pack}, position, {part})" for part in ("head", "signature", "body")
        )
        self.squeezed_body = "body" if writing else f"squeezed_body({pack}, position, body)"
        row = self.db.execute("SELECT first, prev FROM volume").fetchone()
        if row is None:
            raise VolumeError(f"{self.file}: is damaged: it has no beginning; stop the service and run `{REPAIR}`")
        self.first, self.prev = row
        self.reload()

    @classmethod
    def create(cls, file: Path, first: int, prev: str) -> "Volume":
        """An empty one whose first row will have position `first`; `prev` is the hash of the row that closed the one before."""
        create(file, first, prev)
        return cls(file, writing=True)

    def close(self) -> None:
        self.db.close()

    @property
    def is_packed(self) -> bool:
        """Whether its bytes lie in packs."""
        return self._version > 1 and self.db.execute("SELECT 1 FROM pack LIMIT 1").fetchone() is not None

    @property
    def is_replaced(self) -> bool:
        """Whether another file has its name by now."""
        return self.file.exists() and self.file.stat().st_ino != self._inode

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
            zlib.compress(body, BODY_LEVEL) if body is not None else None,
            arrival.oldest_ms,
            arrival.newest_ms,
            json.dumps(verdicts, separators=(",", ":")),
        )
        self.db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)
        for link, target in arrival.rungs:
            if (sender, link, target) not in self._rungs:
                self.db.execute("INSERT INTO rung VALUES (?, ?, ?, ?)", (sender, link, target, position))
                self._rungs.add((sender, link, target))

    def insert_own(self, position: int, at_ms: int, signed: Signed) -> None:
        """The centre's own row: the last of a closed file, or one that stands for a row that was lost."""
        name = _OWN[signed.tag]
        sender = self.senders.get(name) or self._new_sender(name)
        row = (position, at_ms, sender, 0, bytes.fromhex(signed.hash), signed.head, signed.signature, at_ms, at_ms)
        self.db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, '[]', NULL)", row)

    def _new_sender(self, name: SenderName) -> int:
        number = self.db.execute("INSERT INTO sender (agent, key, chain, vantage) VALUES (?, ?, ?, ?)", name).lastrowid
        assert number is not None
        self.senders[name] = number
        return number

    # Reading

    @property
    def closed(self) -> Signed | None:
        """The row that closed this file, if it is closed."""
        centre = self.senders.get(_OWN[CLOSED_TAG])
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
                f"SELECT {self.head}, verdicts FROM batch WHERE sender = ? AND oldest_ms <= ? AND newest_ms >= ?",
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
            f"SELECT position, hash, {self.head}, {self.body} FROM batch WHERE position BETWEEN ? AND ? ORDER BY position",
            (first, last),
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
