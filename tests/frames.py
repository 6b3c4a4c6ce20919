"""Ethernet frames with IPv4 in them, as they are on a line."""

import struct

from jinbao_lab.treatment import checksum

AGENT, CE, CENTRE = bytes((10, 1, 1, 10)), bytes((10, 0, 1, 2)), bytes((10, 0, 0, 10))
ECHO, ECHO_REPLY, UNREACHABLE = 8, 0, 3
TCP = 6


def ip(source: bytes, to: bytes, protocol: int, body: bytes) -> bytes:
    """A frame with an IPv4 packet in it, its checksum right."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0, source, to)
    return bytes(12) + b"\x08\x00" + header[:10] + checksum(header) + header[12:] + body


def ping(kind: int = ECHO, source: bytes = AGENT, to: bytes = CE, payload: bytes = b"what was sent") -> bytes:
    body = struct.pack("!BBHHH", kind, 0, 0, 1, 2) + payload
    return ip(source, to, 1, body[:2] + checksum(body) + body[4:])


def segment(source: bytes = AGENT, to: bytes = CE) -> bytes:
    return ip(source, to, TCP, bytes(20))
