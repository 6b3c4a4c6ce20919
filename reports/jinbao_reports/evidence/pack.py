"""Writes a package: members stored one after the other, checksums last, whole or not at all."""

import hashlib
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinbao_collector.home import sync_directory
from jinbao_reports.evidence.verify.container import SUMS, SUMS_SM3, Member, directory, local_header, new_sm3, sums_text


class Packer:
    """A package under way, beside its final name; `close` makes it the file, anything else leaves nothing."""

    def __init__(self, file: Path) -> None:
        """Raises OSError."""
        self._file = file
        self._draft = file.with_name(f".{file.name}.{os.getpid()}")
        self._out = self._draft.open("w+b")
        self._members: list[Member] = []

    def __enter__(self) -> "Packer":
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        self._draft.unlink(missing_ok=True)

    def add(self, name: str, pieces: bytes | Iterable[bytes]) -> Member:
        """One member. Pieces are written as they come, so that it may be larger than memory."""
        offset, size, crc = self._out.tell(), 0, 0
        sha256, sm3 = hashlib.sha256(), new_sm3()
        self._out.write(local_header(name, 0, 0))
        for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
            self._out.write(piece)
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            for digest in filter(None, (sha256, sm3)):
                digest.update(piece)
        self._out.seek(offset)
        self._out.write(local_header(name, crc, size))
        self._out.seek(0, os.SEEK_END)
        member = Member(name, crc, size, offset, sha256.hexdigest(), _hex(sm3))
        self._members.append(member)
        return member

    def close(self) -> None:
        """Checksums, directory, and the file under its name, durably."""
        content = list(self._members)
        self.add(SUMS, sums_text([(one.sha256, one.name) for one in content]).encode())
        if new_sm3() is not None:
            self.add(SUMS_SM3, sums_text([(one.sm3, one.name) for one in content]).encode())
        self._out.write(directory(self._members, self._out.tell()))
        self._out.flush()
        os.fsync(self._out.fileno())
        self._draft.replace(self._file)
        sync_directory(self._file.parent)


def _hex(digest: Any) -> str:
    return str(digest.hexdigest()) if digest else ""
