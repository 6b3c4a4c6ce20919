"""Bytes at rest: one byte that names the codec, four of checksum, then the payload. Format: docs/store.md."""

import struct
import zlib

STORED, ZLIB = 0, 1
_HEAD = struct.Struct("<BI")
# A payload that is read by the ten thousand is left as it is unless that costs much: inflating takes longer than reading.
_WORTH = 0.7


class Damaged(Exception):
    """These bytes are not those that were written. `begin` is the first hour of their segment, as far as it is known."""

    def __init__(self, reason: str, begin: int | None = None) -> None:
        super().__init__(reason)
        self.begin = begin


def _checksum(codec: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(bytes((codec,))))


def pack(payload: bytes, level: int = 6, worth: float = 1.0) -> bytes:
    """Compressed, if that makes it smaller than `worth` of its size."""
    packed = zlib.compress(payload, level) if level else payload
    codec, data = (ZLIB, packed) if len(packed) < worth * len(payload) else (STORED, payload)
    return _HEAD.pack(codec, _checksum(codec, data)) + data


def pack_often_read(payload: bytes) -> bytes:
    return pack(payload, 6, _WORTH)


def unpack(blob: bytes) -> bytes:
    """The payload. Raises Damaged."""
    if len(blob) < _HEAD.size:
        raise Damaged("it is cut short")
    codec, checksum = _HEAD.unpack_from(blob)
    data = blob[_HEAD.size :]
    if _checksum(codec, data) != checksum:
        raise Damaged("its checksum is wrong")
    if codec == STORED:
        return data
    if codec == ZLIB:
        try:
            return zlib.decompress(data)
        except zlib.error as problem:
            raise Damaged(f"it cannot be inflated: {problem}") from None
    raise Damaged(f"codec {codec} is not known to this version")
