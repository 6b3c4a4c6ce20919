"""Journal rows as a package holds them: whole, without body, or only their hash (docs/evidence.md)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from .said import Broken

ROWS_MAGIC = b"jinbao-rows/1\n"
BODY_MOST = 32 * 10**6


class Row(NamedTuple):
    """A row of the journal. Where only the hash is disclosed `head` is empty; `body` is compressed, None where none is kept."""

    position: int
    hash: str
    arrived_ms: int
    verdicts: str
    head: bytes
    signature: bytes
    body: bytes | None


_ROW, _FULL_ROW = struct.Struct(">BQ"), struct.Struct(">QHII")


def row_bytes(row: Row) -> bytes:
    if not row.head:
        return _ROW.pack(0, row.position) + bytes.fromhex(row.hash)
    verdicts, body = row.verdicts.encode(), row.body or b""
    sizes = _FULL_ROW.pack(row.arrived_ms, len(verdicts), len(row.head), len(body))
    return _ROW.pack(1 if row.body is None else 2, row.position) + sizes + verdicts + row.signature + row.head + body


def read_rows(file: IO[bytes], size: int, name: str) -> Iterator[Row]:
    """The rows of one member of so many bytes. Raises Broken."""
    end = file.tell() + size

    def take(count: int) -> bytes:
        if file.tell() + count > end:
            raise Broken("format", name=name, problem="a row is cut short")
        return file.read(count)

    if take(len(ROWS_MAGIC)) != ROWS_MAGIC:
        raise Broken("format", name=name, problem="it does not begin with jinbao-rows/1")
    while file.tell() < end:
        kind, position = _ROW.unpack(take(_ROW.size))
        if kind == 0:
            yield Row(position, take(32).hex(), 0, "", b"", b"", None)
            continue
        if kind > 2:
            raise Broken("format", name=name, problem=f"no row is of kind {kind}")
        arrived, of_verdicts, of_head, of_body = _FULL_ROW.unpack(take(_FULL_ROW.size))
        verdicts, signature = take(of_verdicts).decode("ascii", "replace"), take(64)
        head, body = take(of_head), take(of_body)
        if not head or (kind == 1 and body):
            raise Broken("format", name=name, problem="a row without head, or with a body it should not have")
        yield Row(position, hashlib.sha256(head).hexdigest(), arrived, verdicts, head, signature, body if kind == 2 else None)


def inflate(packed: bytes) -> bytes | None:
    """None where it is not one zlib stream of at most BODY_MOST bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, BODY_MOST)
    except zlib.error:
        return None
    return plain if stream.eof and not stream.unused_data and not stream.unconsumed_tail else None
