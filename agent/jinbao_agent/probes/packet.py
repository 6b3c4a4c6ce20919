"""ICMP echo as bytes: RFC 792 (IPv4), RFC 4443 (IPv6), and the kernel filter that keeps other people's packets away.

The same bytes as icmplib makes, three times as fast; tests/agent/test_icmplib_contract.py holds the two together.
"""

import ctypes
import socket
import struct
from dataclasses import dataclass
from typing import NamedTuple

HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_ECHO = struct.Struct("!BBHHH8sQ40s")
_FILLER = bytes(range(0x10, 0x38))  # brings the payload to the 56 bytes of ping(8)


@dataclass(frozen=True, slots=True)
class Version:
    """How one IP version speaks ICMP. `errors` are the types that end a probe; source quench (RFC 6633), redirects and
    packet-too-big do not."""

    family: int
    protocol: int
    request: int
    reply: int
    errors: frozenset[int]


V4 = Version(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, frozenset({3, 11, 12}))
V6 = Version(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, frozenset({1, 3, 4}))


class Quote(NamedTuple):
    """What an ICMP error says of the packet it is about."""

    destination: str
    ident: int
    number: int
    payload: bytes


def checksum(data: bytes) -> int:
    """The Internet checksum, RFC 1071, of a message that is not all zero; over one that carries its own it is 0."""
    if len(data) % 2:
        data += b"\0"
    return _complement(int.from_bytes(data, "big"))


def _complement(total: int) -> int:
    """A one's complement sum of 16-bit words is a remainder, because 2**16 is 1 modulo 65535."""
    return 0xFFFF - (total % 0xFFFF or 0xFFFF)


class Requests:
    """Echo requests of one socket. Their payload is the socket's 8 random bytes, the probe's own number and filler: nobody
    off the path can guess it, and no two probes share it.

    The kernel replaces the checksum of ICMPv6 (RFC 3542) and, on ping sockets, the identifier and its checksum.
    """

    def __init__(self, version: Version, ident: int, nonce: bytes) -> None:
        self._version, self._ident, self._nonce = version, ident, nonce
        self._total = int.from_bytes(_ECHO.pack(version.request, 0, 0, ident, 0, nonce, 0, _FILLER), "big") % 0xFFFF

    def make(self, number: int, counter: int) -> bytes:
        """The request with this sequence number; what follows its header must come back as it is."""
        check = 0xFFFF - ((self._total + number + counter) % 0xFFFF or 0xFFFF)  # _complement, without its call
        return _ECHO.pack(self._version.request, 0, check, self._ident, number, self._nonce, counter, _FILLER)


def quote_v4(data: bytes, at: int) -> Quote | None:
    """The quoted packet that begins at `at`, behind the error's own header; None if it is no echo of ICMP, or cut short."""
    if len(data) < at + 20:
        return None
    echo = at + (data[at] & 15) * 4
    if data[at + 9] != socket.IPPROTO_ICMP or len(data) < echo + 8 or data[echo] != V4.request:
        return None
    _, _, _, ident, number = HEADER.unpack_from(data, echo)
    return Quote(socket.inet_ntop(socket.AF_INET, data[at + 16 : at + 20]), ident, number, data[echo + 8 :])


def quote_v6(data: bytes, at: int) -> Quote | None:
    """The same for IPv6. We send no extension headers, so none is quoted."""
    echo = at + 40
    if len(data) < echo + 8 or data[at + 6] != socket.IPPROTO_ICMPV6 or data[echo] != V6.request:
        return None
    _, _, _, ident, number = HEADER.unpack_from(data, echo)
    return Quote(socket.inet_ntop(socket.AF_INET6, data[at + 24 : at + 40]), ident, number, data[echo + 8 :])


_LD_BYTE_AT_X, _LD_HALF_AT_X, _LDX_IMMEDIATE, _LDX_IP_HEADER, _JUMP_EQUAL, _RETURN = 0x50, 0x48, 0x01, 0xB1, 0x15, 0x06
Program = list[tuple[int, int, int, int]]  # operation, jump if true, jump if false, operand


def only_ours(version: Version, ident: int) -> Program:
    """Classic BPF (Documentation/networking/filter.rst): echo replies with our identifier, and errors that quote it.

    A load beyond the packet's end drops it. The quoted IP header is taken as 20 or 40 bytes: it is one we sent.
    """
    start = _LDX_IP_HEADER if version is V4 else _LDX_IMMEDIATE
    quoted_protocol, quoted_echo = (8 + 9, 8 + 20) if version is V4 else (8 + 6, 8 + 40)
    return [
        (start, 0, 0, 0),  # X = length of the IP header the socket hands us
        (_LD_BYTE_AT_X, 0, 0, 0),
        (_JUMP_EQUAL, 0, 2, version.reply),
        (_LD_HALF_AT_X, 0, 0, 4),
        (_JUMP_EQUAL, 4, 5, ident),
        (_LD_BYTE_AT_X, 0, 0, quoted_protocol),
        (_JUMP_EQUAL, 0, 3, version.protocol),
        (_LD_HALF_AT_X, 0, 0, quoted_echo + 4),
        (_JUMP_EQUAL, 0, 1, ident),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    ]


def attach_filter(sock: socket.socket, program: Program) -> None:
    """SO_ATTACH_FILTER, socket(7). Raises OSError."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HP", len(program), ctypes.addressof(code)))
