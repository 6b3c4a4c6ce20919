"""The one ICMP socket of an IP version: made by icmplib, then taught to stamp, filter and report.

An unprivileged ping socket (icmp(7), ping_group_range) where the kernel grants one: it sorts replies by identifier and
checks checksums for us. Else a raw socket (CAP_NET_RAW). Never one socket per target: the kernel copies every ICMP packet
to every raw socket, and the queues overflow into false loss.
"""

import errno
import os
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import icmplib

from jinbao_agent.probes import packet
from jinbao_agent.probes.packet import V4, V6, Version
from jinbao_agent.probes.result import errno_name

RECEIVE_BUFFER = 4 << 20
PORT_UNREACHABLE = MappingProxyType({socket.AF_INET: (3, 3), socket.AF_INET6: (1, 4)})
"""Type and code: RFC 792, RFC 4443 section 3.1. By the host itself it means that nobody listens there."""

_SO_RCVBUFFORCE, _SO_MEMINFO = 33, 55
_SO_TIMESTAMPNS_NEW = 64  # 64-bit seconds on every machine, Linux 5.1
_SO_TIMESTAMPNS_OLD = 35
_STAMPS = frozenset({_SO_TIMESTAMPNS_NEW, _SO_TIMESTAMPNS_OLD})
_TIMESPEC, _TIMESPEC32 = struct.Struct("qq"), struct.Struct("ii")
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_TTL_OF_ONE = MappingProxyType(
    {socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL), socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}
)
_MEMINFO = struct.Struct("9I")  # SK_MEMINFO_RMEM_ALLOC, _RCVBUF, …, _DROPS (linux/sock_diag.h)
_PING_GROUP_RANGE = Path("/proc/sys/net/ipv4/ping_group_range")
_EXTENDED_ERR = struct.Struct("=IBBBxII")  # struct sock_extended_err, ip(7)
_NO_RIGHT = "no_right_for_icmp"
_FROM_NETWORK = {2, 3}  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6


class NoIcmp(Exception):
    """No ICMP socket can be had; `reason` is a word for not_sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class IcmpRight:
    """Whether this process may open one kind of ICMP socket. `kind` is ping or raw, `family` 4 or 6; `reason` says why not."""

    kind: str
    family: int
    usable: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IcmpRights:
    """What `jinbao-agent check` tells. `ping_group_range` is the kernel's setting, "" where it cannot be read; `groups` are
    this process's, one of which must lie in it."""

    rights: tuple[IcmpRight, ...]
    ping_group_range: str
    groups: tuple[int, ...]

    def usable(self, family: int) -> bool:
        """Whether targets of IP version 4 or 6 can be probed by ICMP."""
        return any(right.usable for right in self.rights if right.family == family)


class IcmpSocket:
    """Non-blocking, stamping, filtered. `raw` sockets of IPv4 hand over the IP header, all others begin with ICMP."""

    def __init__(self, version: Version, raw: bool) -> None:
        """Raises NoIcmp."""
        self.version, self.raw = version, raw
        self.has_ip_header = raw and version is V4
        self._owner = _icmplib_socket(version, raw)
        self.sock: socket.socket = self._owner.sock
        self.ident = int.from_bytes(os.urandom(2), "big")
        try:
            self._prepare()
        except OSError as problem:
            self.close()
            raise NoIcmp(errno_name(problem.errno)) from problem

    def close(self) -> None:
        self._owner.close()

    def send_only(self, data: bytes, ttl: int, address: "tuple[str, int] | tuple[str, int, int, int]") -> None:
        """Sends what no router beyond the `ttl`-th will forward. Raises OSError."""
        level, kind = _TTL_OF_ONE[self.sock.family]
        self.sock.sendmsg([data], [(level, kind, struct.pack("i", ttl))], 0, address)

    def _prepare(self) -> None:
        self.sock.setblocking(False)
        if self.raw:
            _pass_types(self.sock, self.version)
            packet.attach_filter(self.sock, packet.only_ours(self.version, self.ident))
        else:
            report_errors(self.sock)
        prepare_queue(self.sock)


def open_icmp(version: Version) -> IcmpSocket:
    """A ping socket where allowed, else a raw one. Raises NoIcmp with the reason that is more than a missing right."""
    try:
        return IcmpSocket(version, raw=False)
    except NoIcmp as no_ping:
        try:
            return IcmpSocket(version, raw=True)
        except NoIcmp as no_raw:
            raise (no_ping if no_raw.reason == _NO_RIGHT else no_raw) from None


def icmp_rights() -> IcmpRights:
    """Tries each kind, so it tells what is, not what should be."""
    rights = [_right(version, raw) for version in (V4, V6) for raw in (False, True)]
    try:
        group_range = " ".join(_PING_GROUP_RANGE.read_text().split())
    except OSError:
        group_range = ""
    return IcmpRights(tuple(rights), group_range, tuple(sorted({os.getegid(), *os.getgroups()})))


def _right(version: Version, raw: bool) -> IcmpRight:
    kind, family = "raw" if raw else "ping", 4 if version is V4 else 6
    try:
        IcmpSocket(version, raw).close()
    except NoIcmp as problem:
        return IcmpRight(kind, family, False, problem.reason)
    return IcmpRight(kind, family, True)


def _icmplib_socket(version: Version, raw: bool) -> icmplib.ICMPv4Socket | icmplib.ICMPv6Socket:
    """Raises NoIcmp: icmplib's exceptions end here."""
    make = icmplib.ICMPv4Socket if version is V4 else icmplib.ICMPv6Socket
    try:
        return make(privileged=raw)
    except icmplib.SocketPermissionError as problem:
        raise NoIcmp(_NO_RIGHT) from problem
    except icmplib.ICMPSocketError as problem:
        # icmplib keeps only the text; the OSError it was raised from knows the errno.
        cause = problem.__context__
        raise NoIcmp(errno_name(cause.errno if isinstance(cause, OSError) else None)) from problem


def _pass_types(sock: socket.socket, version: Version) -> None:
    """Replies and errors only: raw(7) for IPv4, where a set bit blocks one of 32 types; RFC 3542 section 3.2 for IPv6."""
    passed = {version.reply, *version.errors}
    blocked = sum(1 << kind for kind in range(256) if kind not in passed)
    if version is V4:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("I", blocked & 0xFFFFFFFF))
    else:
        words = [(blocked >> 32 * word) & 0xFFFFFFFF for word in range(8)]
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("8I", *words))


def keep_stamping() -> socket.socket:
    """A socket that receives nothing. The kernel stamps packets only while somebody wants it, and begins a while after the
    first has asked for it; until then a stamp is the time of reading. So somebody asks long before the first probe, and goes
    on. Raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    _stamp_received(sock)
    return sock


def prepare_queue(sock: socket.socket) -> None:
    """Have the kernel stamp what it receives for this socket, and keep a lot of it."""
    _stamp_received(sock)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:  # without CAP_NET_ADMIN as much as net.core.rmem_max grants
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


class Overflow:
    """Counts the packets that a socket's receive queue had no room for.

    The kernel's own counter has others in it: packets whose checksum is wrong, which anybody can send. A queue that was not
    even half full, neither now nor when it was looked at before, has not overflowed. So look before it is emptied.
    """

    def __init__(self, sock: socket.socket, stats: "Counter[str]") -> None:
        """They are counted in `stats` too: queue_drops, and bad_checksum."""
        self._sock, self._stats = sock, stats
        self._was_full, self._dropped = self._read()
        self.count = 0

    def look(self) -> None:
        full, dropped = self._read()
        if dropped != self._dropped:
            more, self._dropped = dropped - self._dropped, dropped
            if full or self._was_full:
                self.count += more
            self._stats["queue_drops" if full or self._was_full else "bad_checksum"] += more
        self._was_full = full

    def _read(self) -> tuple[bool, int]:
        """Whether the queue is at least half full, and what the kernel counts."""
        held, room, *_, dropped = _MEMINFO.unpack(self._sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
        return 2 * held >= room, dropped


def _stamp_received(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW, 1)
    except OSError as problem:
        if problem.errno != errno.ENOPROTOOPT:
            raise
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS_OLD, 1)


def stamp_us(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The kernel's receive time, microseconds UTC, out of recvmsg's ancillary data."""
    for level, kind, data in ancillary:
        if kind in _STAMPS and level == socket.SOL_SOCKET:
            seconds, nanoseconds = (_TIMESPEC if len(data) == _TIMESPEC.size else _TIMESPEC32).unpack(data)
            return int(seconds * 1_000_000 + nanoseconds // 1000)
    return None


def report_errors(sock: socket.socket, report: bool = True) -> None:
    """Have the kernel queue ICMP errors for this socket with their type, code and sender (ip(7), IP_RECVERR)."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, int(report))
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, int(report))


@dataclass(frozen=True, slots=True)
class Reported:
    """One ICMP error from the error queue: the original packet's start, its destination (port 0 where there are none), and who
    complained."""

    data: bytes
    destination: str
    port: int
    kind: int
    code: int
    by: str


def next_error(sock: socket.socket) -> Reported | None:
    """Takes one entry off the error queue; None when it is empty. Entries that no ICMP message caused are skipped."""
    while True:
        try:
            data, ancillary, _, address = sock.recvmsg(512, 256, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            return None
        for level, kind, report in ancillary:
            if (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
                _, origin, icmp_type, code, _, _ = _EXTENDED_ERR.unpack_from(report)
                if origin in _FROM_NETWORK:
                    destination, port = address[:2] if address else ("", 0)
                    return Reported(data, destination, port, icmp_type, code, _offender(report[_EXTENDED_ERR.size :]))


def _offender(address: bytes) -> str:
    """A sockaddr_in or sockaddr_in6 behind the extended error -> its address."""
    family = int.from_bytes(address[:2], "little" if struct.pack("=H", 1) == b"\x01\0" else "big")
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, address[8:24])
    return socket.inet_ntop(socket.AF_INET, address[4:8])
