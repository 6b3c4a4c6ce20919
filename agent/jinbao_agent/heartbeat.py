"""The agent's own pulse on disk: after a power cut it says until when the agent lived, and what its chain had come to.

One small file of two slots, written in turn with fdatasync, so that a cut in the middle of a write spoils one slot and the
other still stands. Blocks are allocated once: a full disk does not stop the heart.
"""

import json
import logging
import os
import threading
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from jinbao_agent.chain import Head

log = logging.getLogger(__name__)

_SLOT = 512
_CRC = 8  # hex digits at a slot's end


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """`boottime_us` is CLOCK_BOOTTIME in boot `boot`; `stopped` marks a clean stop; `head` the newest batch of the spool;
    `count` numbers the beats of all lives."""

    boot: str
    boottime_us: int
    utc_us: int
    interval_ms: int
    stopped: bool
    head: Head | None
    count: int = 0


def read_beat(file: Path) -> Beat | None:
    """The last beat of the last life; None if there was none, or if neither slot can be read."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    beats = [beat for beat in (_from_slot(data[:_SLOT]), _from_slot(data[_SLOT:])) if beat is not None]
    if not beats:
        log.error("the heartbeat file is damaged: nothing is known of the life before file=%s", file)
        return None
    return max(beats, key=lambda beat: beat.count)


class Heart:
    """The file opened for writing, after beat number `count`. Raises OSError."""

    def __init__(self, file: Path, count: int) -> None:
        self._count, self._one_beat = count, threading.Lock()
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        missing = 2 * _SLOT - os.fstat(self._fd).st_size
        if missing > 0:
            os.pwrite(self._fd, bytes(missing), 2 * _SLOT - missing)
            os.fsync(self._fd)
            sync_folder(file.parent)

    def write(self, beat: Beat) -> None:
        """Gives the beat its number; durable when it returns. Any thread may call it."""
        with self._one_beat:
            self._count += 1
            os.pwrite(self._fd, _to_slot(replace(beat, count=self._count)), _SLOT * (self._count % 2))
            os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def sync_folder(folder: Path) -> None:
    """Makes a new name in it durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _to_slot(beat: Beat) -> bytes:
    text = json.dumps(asdict(beat), separators=(",", ":")).encode().ljust(_SLOT - _CRC)
    if len(text) > _SLOT - _CRC:
        raise ValueError(f"a beat of {len(text)} bytes does not fit its slot")
    return text + f"{zlib.crc32(text):08x}".encode()


def _from_slot(slot: bytes) -> Beat | None:
    text = slot[: _SLOT - _CRC]
    if len(slot) != _SLOT or f"{zlib.crc32(text):08x}".encode() != slot[_SLOT - _CRC :]:
        return None
    fields = json.loads(text)
    return Beat(**{**fields, "head": Head(**fields["head"]) if fields["head"] else None})
