"""The same neighbours over IPv6. They write their IP headers themselves: the kernel would mend what is to be wrong."""

import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from hostile_net import Answer, Namespace, Neighbour, Request, neighbour

SOMEBODY, ANOTHER, ROUTER = "fd00::5", "fd00::6", "fd00::9"
_REQUEST, _REPLY = 128, 129


def live_on_loopback(inside: Namespace) -> None:
    """Returns when the kernel routes to the addresses: a busy machine gets round to it late."""
    for address in (SOMEBODY, ANOTHER, ROUTER):
        inside.ip(f"addr add {address}/128 dev lo nodad")
    while not all(address in _local_routes(inside) for address in (SOMEBODY, ANOTHER, ROUTER)):
        time.sleep(0.01)


def _local_routes(inside: Namespace) -> str:
    words = ["ip", "-6", "route", "show", "table", "local"]
    return inside.call(lambda: subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def header(source: str, destination: str, length: int) -> bytes:
    ends = b"".join(socket.inet_pton(socket.AF_INET6, address) for address in (source, destination))
    return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_ICMPV6, 64) + ends


def message6(request: Request, kind: int, code: int, rest: bytes, *, source: str | None = None, damage: int = 0) -> bytes:
    """An ICMPv6 message with the checksum it has from that source (RFC 8200 section 8.1), or `damage` in it."""
    plain = struct.pack("!BBH", kind, code, 0) + rest
    pseudo = header(source or request.destination, request.source, 0)[8:] + struct.pack(
        "!II", len(plain), socket.IPPROTO_ICMPV6
    )
    data = pseudo + plain + b"\0" * (len(plain) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    check = ~(total + (total >> 16)) & 0xFFFF
    return struct.pack("!BBH", kind, code, check ^ damage) + rest


def echo_reply6(
    request: Request, payload: bytes | None = None, *, source: str | None = None, ident: int | None = None, damage: int = 0
) -> bytes:
    numbers = struct.pack("!HH", request.ident if ident is None else ident, request.number)
    return message6(
        request, _REPLY, 0, numbers + (request.payload if payload is None else payload), source=source, damage=damage
    )


class Neighbour6(Neighbour):
    def listen(self) -> socket.socket:
        ear = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        words = [0xFFFFFFFF] * 8
        words[_REQUEST // 32] ^= 1 << _REQUEST % 32
        ear.setsockopt(socket.IPPROTO_ICMPV6, 1, struct.pack("8I", *words))  # ICMP6_FILTER: a set bit blocks
        return ear

    def read(self, ear: socket.socket) -> Request | None:
        data, ancillary, _, sender = ear.recvmsg(4096, 64)
        kind, _, _, ident, number = struct.unpack_from("!BBHHH", data)
        if kind != _REQUEST:
            return None
        destination = socket.inet_ntop(socket.AF_INET6, ancillary[0][2][:16])
        packet = header(sender[0], destination, len(data)) + data
        return Request(packet, sender[0], destination, ident, number, data[8:])

    def send(self, request: Request, answer: Answer) -> None:
        source = answer.source or request.destination
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as mouth:
            mouth.sendto(header(source, request.source, len(answer.message)) + answer.message, (request.source, 0))


@contextmanager
def neighbour6(inside: Namespace, answers: Callable[[Request], Iterable[Answer]]) -> Iterator[Neighbour]:
    with neighbour(inside, answers, Neighbour6, "ipv6/icmp/echo_ignore_all") as liar:
        yield liar
