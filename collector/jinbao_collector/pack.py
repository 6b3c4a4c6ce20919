"""A pack: the batches of one agent's day as one compressed piece, from which every byte comes back. Format: docs/wire.md.

One by one, batches compress badly: each repeats what all say. A hash that can be worked out from what stands beside it is not
written: that of a batch's own body, and that of the batch before it.
"""

import json
import lzma
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinbao_agent.wire import sha256

_LZMA = 1
_CODED = struct.Struct("<BI")
_COUNTS = struct.Struct("<III")
_OWN_BODY, _HEAD_BEFORE = b"\x01", b"\x02"
"""Stand for a hash. JSON has no such bytes; a head that does is written as it is."""


class PackError(Exception):
    """These bytes are not a pack, or not what they were."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One row's bytes. `body` is inflated."""

    position: int
    head: bytes
    signature: bytes
    body: bytes | None


def encode(rows: Sequence[Packed]) -> bytes:
    """In order of position."""
    written = list(_without_hashes(rows))
    facts = {
        "positions": [row.position for row in rows],
        "heads": [len(head) for head, _ in written],
        "plain": [number for number, (_, plain) in enumerate(written) if plain],
        "signatures": [len(row.signature) for row in rows],
        "bodies": [None if row.body is None else len(row.body) for row in rows],
    }
    index = json.dumps(facts, separators=(",", ":")).encode()
    heads = b"".join(head for head, _ in written)
    signatures = b"".join(row.signature for row in rows)
    bodies = b"".join(row.body for row in rows if row.body is not None)
    payload = _COUNTS.pack(len(index), len(heads), len(signatures)) + index + heads + signatures + bodies
    squeezed = lzma.compress(payload, lzma.FORMAT_XZ, lzma.CHECK_NONE, preset=6)
    return _CODED.pack(_LZMA, zlib.crc32(squeezed)) + squeezed


def decode(data: bytes) -> list[Packed]:
    """Raises PackError."""
    if len(data) < _CODED.size:
        raise PackError("it is cut short")
    codec, checksum = _CODED.unpack_from(data)
    squeezed = data[_CODED.size :]
    if codec != _LZMA or zlib.crc32(squeezed) != checksum:
        raise PackError("its checksum does not fit" if codec == _LZMA else f"codec {codec} is unknown")
    payload = lzma.decompress(squeezed)
    sizes = _COUNTS.unpack_from(payload)
    at = _COUNTS.size
    parts = []
    for size in sizes:
        parts.append(payload[at : at + size])
        at += size
    index, heads, signatures = parts
    return list(_rows(json.loads(index), heads, signatures, payload[at:]))


def _without_hashes(rows: Sequence[Packed]) -> Iterator[tuple[bytes, bool]]:
    """Each head as it is written, and whether that is as it is."""
    before = ""
    for row in rows:
        head = row.head
        plain = _OWN_BODY in head or _HEAD_BEFORE in head
        if not plain:
            if row.body is not None:
                head = head.replace(sha256(row.body).encode(), _OWN_BODY)
            if before:
                head = head.replace(before.encode(), _HEAD_BEFORE)
        before = sha256(row.head)
        yield head, plain


def _rows(facts: dict[str, list[int]], heads: bytes, signatures: bytes, bodies: bytes) -> Iterator[Packed]:
    before, plain = "", set(facts["plain"])
    at_head = at_signature = at_body = 0
    columns = zip(facts["positions"], facts["heads"], facts["signatures"], facts["bodies"], strict=True)
    for number, (position, head_size, signature_size, body_size) in enumerate(columns):
        head = heads[at_head : at_head + head_size]
        body = None if body_size is None else bodies[at_body : at_body + body_size]
        if number not in plain:
            head = head.replace(_HEAD_BEFORE, before.encode())
            head = head.replace(_OWN_BODY, sha256(body).encode()) if body is not None else head
        yield Packed(position, head, signatures[at_signature : at_signature + signature_size], body)
        before = sha256(head)
        at_head, at_signature, at_body = at_head + head_size, at_signature + signature_size, at_body + (body_size or 0)
