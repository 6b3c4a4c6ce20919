"""Journal rows as a package holds them: whole, without body, or only their hash (docs/evidence.md)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
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


_FRAME, _ROW, _FULL_ROW = struct.Struct(">III"), struct.Struct(">BQ"), struct.Struct(">QHII")
_AT_ONCE, _ENOUGH, _MOST = 512, 8 * 10**6, 64 * 10**6


def packed(rows: Iterable[Row]) -> Iterator[bytes]:
    """A member: frames of some hundred rows. What is alike in them, such as heads, is compressed together; signatures and
    bodies, which is all that would not become smaller, follow as they are."""
    yield ROWS_MAGIC
    facts, rest, behind = bytearray(), bytearray(), 0
    for row in rows:
        facts += _facts(row)
        rest += row.signature + (row.body or b"")
        behind += 1
        if behind == _AT_ONCE or len(rest) > _ENOUGH:
            yield _frame(bytes(facts), bytes(rest))
            facts, rest, behind = bytearray(), bytearray(), 0
    if behind:
        yield _frame(bytes(facts), bytes(rest))


def _frame(facts: bytes, rest: bytes) -> bytes:
    small = zlib.compress(facts, 6)
    return _FRAME.pack(len(small), len(facts), len(rest)) + small + rest


def _facts(row: Row) -> bytes:
    if not row.head:
        return _ROW.pack(0, row.position) + bytes.fromhex(row.hash)
    verdicts = row.verdicts.encode()
    sizes = _FULL_ROW.pack(row.arrived_ms, len(verdicts), len(row.head), len(row.body or b""))
    return _ROW.pack(1 if row.body is None else 2, row.position) + sizes + verdicts + row.head


def read_rows(file: IO[bytes], size: int, name: str) -> Iterator[Row]:
    """The rows of one member of so many bytes. Raises Broken."""
    left = size - len(ROWS_MAGIC)
    if file.read(len(ROWS_MAGIC)) != ROWS_MAGIC:
        raise Broken("format", name=name, problem="it does not begin with jinbao-rows/1")
    while left:
        if left < _FRAME.size:
            raise Broken("format", name=name, problem="a frame is cut short")
        of_small, of_facts, of_rest = _FRAME.unpack(file.read(_FRAME.size))
        left -= _FRAME.size + of_small + of_rest
        if left < 0 or max(of_small, of_facts, of_rest) > _MOST:
            raise Broken("format", name=name, problem="a frame is cut short, or too large")
        facts = inflate(file.read(of_small), of_facts)
        if facts is None or len(facts) != of_facts:
            raise Broken("format", name=name, problem="a frame does not inflate to what it says")
        try:
            yield from _rows(facts, file.read(of_rest))
        except (struct.error, ValueError) as problem:
            raise Broken("format", name=name, problem=problem) from None


def _rows(facts: bytes, rest: bytes) -> Iterator[Row]:
    """Raises struct.error or ValueError."""
    at = behind = 0
    while at < len(facts):
        kind, position = _ROW.unpack_from(facts, at)
        at += _ROW.size
        if kind == 0:
            yield Row(position, _cut(facts, at, 32).hex(), 0, "", b"", b"", None)
            at += 32
            continue
        arrived, of_verdicts, of_head, of_body = _FULL_ROW.unpack_from(facts, at)
        at += _FULL_ROW.size
        verdicts, head = _cut(facts, at, of_verdicts).decode("ascii"), _cut(facts, at + of_verdicts, of_head)
        at += of_verdicts + of_head
        signature, body = _cut(rest, behind, 64), _cut(rest, behind + 64, of_body)
        behind += 64 + of_body
        if kind > 2 or not head or (kind == 1 and body):
            raise ValueError(f"row {position}: no row is like this")
        yield Row(position, hashlib.sha256(head).hexdigest(), arrived, verdicts, head, signature, body if kind == 2 else None)
    if behind != len(rest):
        raise ValueError("something follows the last row")


def _cut(data: bytes, begin: int, size: int) -> bytes:
    if begin + size > len(data):
        raise ValueError("a row is cut short")
    return data[begin : begin + size]


def inflate(packed: bytes, most: int = BODY_MOST) -> bytes | None:
    """None where it is not one zlib stream of at most so many bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, most + 1)
    except zlib.error:
        return None
    return plain if stream.eof and not stream.unused_data and len(plain) <= most else None
