"""A damaged month: what can be read is kept, the damaged file put aside as it is, and what is missing taken from a backup if
there is one. The ledger says what was lost. Whatever the current month lost, the agents send again.

A row counts as readable only if its bytes are those of its hash; who sent it and what it holds is drawn from them anew. In
the place of each lost row stands one of the centre's own, so that no position is ever dealt twice and followers miss none.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import GENESIS, Batch, Signed, WireError, sha256
from jinbao_collector.agents import Roster
from jinbao_collector.arrival import examine
from jinbao_collector.backup import BackupError
from jinbao_collector.home import Home, sync_directory
from jinbao_collector.ledger import REPAIRED, Ledger
from jinbao_collector.pack import PackError
from jinbao_collector.retention import removed
from jinbao_collector.volume import CLOSED_TAG, LOST_TAG, Volume
from jinbao_collector.volume_file import Reading, VolumeError, create, month_files

_GIVE_UP = 20_000
"""So many positions in a row that cannot be read end a file whose length is not known otherwise."""


class Irreparable(BackupError):
    """What holds a file together is lost with it: only a backup helps."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class _Row:
    """A row whose bytes are those of its hash; without a body where that is lost or never came."""

    position: int
    arrived_ms: int
    signed: Signed
    body: bytes | None
    verdicts: tuple[str, ...]
    lost_body: bool = False


@dataclass(frozen=True, slots=True)
class Repaired:
    """`lost` are ranges of positions, both ends included."""

    file: Path
    quarantined: Path
    kept: int
    from_backup: int
    lost: tuple[tuple[int, int], ...]

    def facts(self, digest: str) -> dict[str, object]:
        return {
            "month": self.file.stem,
            "quarantined": self.quarantined.name,
            "damaged_sha256": digest,
            "kept": self.kept,
            "from_backup": self.from_backup,
            "lost": [list(one) for one in self.lost],
        }


def damaged(home: Home) -> list[Path]:
    """The months that cannot be read to the end, or have rows that are not the batches of their hashes."""
    return [file for file in month_files(home.journal) if not _is_whole(file)]


def repair(
    home: Home, file: Path, ledger: Ledger, roster: Roster, key: SigningKey, backup: Path | None, now_ms: int
) -> Repaired:
    """Nobody else may have the journal open for writing. `key` signs what stands for lost rows.

    Raises Irreparable, LedgerError, sqlite3.Error or OSError.
    """
    first, prev, last = _frame(home, file, ledger, backup)
    rows = {row.position: row for row in _readable(file, first, last)}
    count = len(rows)
    spare = _readable(Home(backup).journal / file.name, first, last) if backup else iter(())
    for row in spare:
        if row.position not in rows or rows[row.position].lost_body:
            rows[row.position] = row
    is_last = file == month_files(home.journal)[-1]
    if not is_last and not any(row.signed.tag == CLOSED_TAG for row in rows.values()):
        raise Irreparable(f"{file}: its closing row is lost; run `jinbao-collector repair --from BACKUP`, or restore the file")
    last = max(last or 0, first - 1, *rows) if rows else max(last or 0, first - 1)
    draft = file.with_suffix(".mended")
    lost = tuple(_gaps(first, last, sorted(rows)))
    _write(draft, first, prev, [*rows.values(), *_stand_ins(lost, now_ms, key)], roster)
    quarantined = _quarantine(home, file, now_ms)
    mended = Repaired(file, quarantined, count, len(rows) - count, lost)
    ledger.append(REPAIRED, mended.facts(_digest(quarantined)), now_ms)
    draft.rename(file)
    sync_directory(file.parent)
    return mended


def _is_whole(file: Path) -> bool:
    try:
        with contextlib.closing(Volume(file, writing=False)) as volume:
            whole = volume.db.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
            return whole and next(volume.altered(volume.first, volume.last), None) is None
    except VolumeError:
        return False


def _frame(home: Home, file: Path, ledger: Ledger, backup: Path | None) -> tuple[int, str, int | None]:
    """First position, hash of the closing row before it, and the last position as far as anybody knows."""
    files = month_files(home.journal)
    place = files.index(file)
    last = _first_of(files[place + 1]) - 1 if place + 1 < len(files) else _known_last(home)
    for source in (file, Home(backup).journal / file.name if backup else None):
        with contextlib.suppress(VolumeError):
            if source is not None and source.exists():
                with contextlib.closing(Volume(source, writing=False)) as volume:
                    return volume.first, volume.prev, last
    if not place:
        gone = max(((position, hashed) for hashed, position in removed(ledger).items()), default=(0, GENESIS))
        return gone[0] + 1, gone[1], last
    with contextlib.closing(Volume(files[place - 1], writing=False)) as before:
        closed = before.closed
        if closed is None:
            raise Irreparable(f"{files[place - 1]}: is not closed although {file.name} follows; restore both from a backup")
        return before.last + 1, closed.hash, last


def _first_of(file: Path) -> int:
    with contextlib.closing(Volume(file, writing=False)) as volume:
        return int(volume.first)


def _known_last(home: Home) -> int | None:
    """What manifests and store know of the journal's length; they may know less than there was."""
    known = [Signed.from_lines(file.read_bytes()).fields()["positions"][1] for file in home.manifests.glob("[!.]*.manifest")]
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"file:{home.store}?mode=ro", uri=True)) as db:
        known.append(db.execute("SELECT cursor FROM store").fetchone()[0])
    return max(known, default=None)


def _readable(file: Path, first: int, last: int | None) -> Iterator[_Row]:
    if not file.exists():
        return
    with contextlib.closing(Reading(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
        db.begin(file)
        position, missed = first, 0
        end = max(filter(None, (last, _most(db))), default=None)
        while position <= end if end is not None else missed < _GIVE_UP:
            row = _read(db, position)
            missed = 0 if row else missed + 1
            if row:
                yield row
            position += 1


def _most(db: Reading) -> int | None:
    """The last position that the file itself admits to; by the table, or by an index should that be damaged there."""
    for query in (
        "SELECT max(position) FROM batch",
        "SELECT max(position) FROM batch INDEXED BY batch_number WHERE sender > 0",
    ):
        with contextlib.suppress(VolumeError):
            most: int | None = db.execute(query).fetchone()[0]
            return most
    return None


def _read(db: Reading, position: int) -> _Row | None:
    for pack in ("pack", "NULL"):  # files of before packs have no such column
        with contextlib.suppress(VolumeError, PackError, KeyError):
            found = db.execute(
                f"SELECT arrived_ms, hash, verdicts, plain_head({pack}, position, head),"
                f" plain_signature({pack}, position, signature), plain_body({pack}, position, body)"
                " FROM batch WHERE position = ?",
                (position,),
            ).fetchone()
            return _proved(position, *found) if found else None
    return None


def _proved(
    position: int, arrived_ms: int, hashed: bytes, verdicts: str, head: bytes, signature: bytes, squeezed: bytes | None
) -> _Row | None:
    signed = Signed(head, signature)
    if bytes.fromhex(signed.hash) != hashed:
        return None
    row = _Row(position, arrived_ms, signed, None, ())
    try:
        row = replace(row, verdicts=tuple(json.loads(verdicts)))
        body = zlib.decompress(squeezed) if squeezed is not None else None
        if body is None or sha256(body) == signed.fields().get("body"):
            return replace(row, body=body)
    except (ValueError, zlib.error, WireError):
        pass
    return replace(row, lost_body=True)


def _write(draft: Path, first: int, prev: str, rows: list[_Row], roster: Roster) -> None:
    draft.unlink(missing_ok=True)
    create(draft, first, prev)
    with contextlib.closing(Volume(draft, writing=True)) as volume:
        volume.db.execute("BEGIN")
        for row in sorted(rows, key=attrgetter("position")):
            if row.signed.tag in (CLOSED_TAG, LOST_TAG):
                volume.insert_own(row.position, row.arrived_ms, row.signed)
                continue
            fields = row.signed.fields()
            arrival = examine(Batch(row.signed, row.body), fields, roster.members[fields["key"]], row.arrived_ms)
            volume.insert(row.position, arrival, row.verdicts)
        volume.db.execute("COMMIT")


def _stand_ins(lost: Sequence[tuple[int, int]], now_ms: int, key: SigningKey) -> Iterator[_Row]:
    for first, last in lost:
        for position in range(first, last + 1):
            yield _Row(position, now_ms, Signed.make(LOST_TAG, {"position": position, "at": now_ms}, key), None, ())


def _quarantine(home: Home, file: Path, now_ms: int) -> Path:
    """The file with its log, as they are. The file keeps its name as well until the mended one takes it."""
    home.quarantine.mkdir(exist_ok=True)
    target = home.quarantine / f"{file.name}.{now_ms}"
    os.link(file, target)
    log = file.with_name(file.name + "-wal")
    if log.exists():
        log.rename(target.with_name(target.name + "-wal"))
    file.with_name(file.name + "-shm").unlink(missing_ok=True)
    sync_directory(home.quarantine)
    return target


def _gaps(first: int, last: int, kept: list[int]) -> Iterator[tuple[int, int]]:
    for one, two in pairwise([first - 1, *kept, last + 1]):
        if two > one + 1:
            yield one + 1, two - 1


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
