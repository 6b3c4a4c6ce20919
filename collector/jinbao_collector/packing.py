"""Closed months made small: the same rows, their bytes in packs of an agent's day. The new file takes the old one's name.

Every byte is compared before the old file goes. Its readers keep the one they opened.
"""

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

from jinbao_collector.home import sync_directory
from jinbao_collector.pack import Packed, encode
from jinbao_collector.volume import Volume
from jinbao_collector.volume_file import SCHEMA, VERSION, VolumeError, month_files
from jinbao_config import units

_COLUMNS = "position, arrived_ms, sender, number, hash, oldest_ms, newest_ms, verdicts"
# The hash stands in the row; in the index it is of use only where a month is being written.
_SCHEMA = SCHEMA.replace("batch_number ON batch (sender, number, hash)", "batch_number ON batch (sender, number)")


def unpacked_months(directory: Path) -> list[Path]:
    """The closed months whose files are as they were written. Raises VolumeError."""
    found = []
    for file in month_files(directory):
        with closing(Volume(file, writing=False)) as volume:
            if volume.closed is not None and not volume.is_packed:
                found.append(file)
    return found


def pack_month(file: Path) -> bool:
    """Whether it could be done now: not while somebody reads on in the file's log.

    Raises VolumeError where the old file is damaged or the new one is not the same, or sqlite3.Error or OSError; the old file
    stays then.
    """
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    try:
        with closing(Volume(file, writing=False)) as volume:
            _write(volume, draft)
            with closing(Volume(draft, writing=False)) as packed:
                _compare(volume, packed)
        draft.chmod(0o444)
        return _replace(file, draft)
    finally:
        draft.unlink(missing_ok=True)


def _write(volume: Volume, draft: Path) -> None:
    with closing(sqlite3.connect(draft, isolation_level=None)) as db:
        # No log beside it: a file that is never written again can be read from anywhere, by anybody.
        db.executescript(
            f"PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL; BEGIN; {_SCHEMA} PRAGMA user_version={VERSION};"
        )
        for table, width in (("volume", 2), ("sender", 5), ("rung", 4)):
            places = ", ".join("?" * width)
            db.executemany(f"INSERT INTO {table} VALUES ({places})", volume.db.execute(f"SELECT * FROM {table}"))
        own = {number for (agent, *_), number in volume.senders.items() if not agent}
        for number, (sender, rows) in enumerate(_days(volume), 1):
            is_centre = sender in own
            if not is_centre:
                db.execute("INSERT INTO pack VALUES (?, ?)", (number, encode([bytes_ for _, bytes_ in rows])))
            db.executemany(
                "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (_row(columns, bytes_, None if is_centre else number) for columns, bytes_ in rows),
            )
        db.execute("COMMIT")


def _days(volume: Volume) -> Iterator[tuple[int, list[tuple[tuple[object, ...], Packed]]]]:
    """Each sender's rows of one day (UTC) of samples, in order of position."""
    for sender in sorted(volume.senders.values()):
        index = volume.db.execute("SELECT oldest_ms, position FROM batch WHERE sender = ?", (sender,)).fetchall()
        days = sorted((oldest // units.DAY_MS, position) for oldest, position in index)
        for _, group in groupby(days, key=lambda pair: pair[0]):
            yield sender, [_read(volume, position) for _, position in group]


def _read(volume: Volume, position: int) -> tuple[tuple[object, ...], Packed]:
    *columns, head, signature, body = volume.db.execute(
        f"SELECT {_COLUMNS}, {volume.head}, {volume.signature}, {volume.body} FROM batch WHERE position = ?", (position,)
    ).fetchone()
    return tuple(columns), Packed(position, head, signature, None if body is None else zlib.decompress(body))


def _row(columns: tuple[object, ...], plain: Packed, pack: int | None) -> tuple[object, ...]:
    position, arrived, sender, number, hashed, oldest, newest, verdicts = columns
    if pack is None:
        stored = plain.head, plain.signature, None if plain.body is None else zlib.compress(plain.body)
    else:
        # An empty body stands for one that is in the pack, none for none.
        stored = b"", b"", None if plain.body is None else b""
    return (position, arrived, sender, number, hashed, *stored, oldest, newest, verdicts, pack)


def _compare(old: Volume, new: Volume) -> None:
    """Raises VolumeError unless each row is in both, to the last byte."""
    positions = [position for (position,) in old.db.execute("SELECT position FROM batch ORDER BY position")]
    if positions != [position for (position,) in new.db.execute("SELECT position FROM batch ORDER BY position")]:
        raise VolumeError(f"{old.file}: packed, it has other rows; it stays as it is")
    for position in positions:
        if _read(old, position) != _read(new, position):
            raise VolumeError(f"{old.file}: packed, row {position} is another; it stays as it is")


def _replace(file: Path, draft: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=1)) as db:
        # Nothing may remain in the old file's log: it would be taken for the new one's.
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            return False
        _sync(draft)
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        draft.rename(file)
        sync_directory(file.parent)
    return True


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
