"""One TCP connection whose stopwatch runs for the network only.

Connect and answer are timed by the kernel's own records (TCP_INFO), so a stalled event loop neither lengthens a round trip
nor turns an answer that has already arrived into silence.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from jinbao_agent.clock import Clock
from jinbao_agent.probes.result import send_failure
from jinbao_agent.probes.sockets import next_error, report_errors
from jinbao_agent.sample import LOST, REFUSED, not_sent, unreachable

UNKNOWN = "unknown"
"""The BY of an unreachable whose sender the kernel did not tell."""

_RECORDED_LAG_US = 10_000  # TCP_INFO counts in jiffies; below this our own reading is the better one
_SYN_SENT = 2


class Ended(Exception):
    """The conversation is over before it got an answer; `outcome` says why."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class TcpInfo(NamedTuple):
    """What we need of struct tcp_info (linux/tcp.h)."""

    state: int
    last_received_us: int
    last_acked_us: int
    rtt_us: int
    retransmitted: int


def tcp_info(sock: socket.socket) -> TcpInfo:
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    words = struct.unpack("8x24I", raw)
    return TcpInfo(raw[0], words[11] * 1000, words[12] * 1000, words[15], words[23])


class Conversation:
    """Every method raises Ended with the outcome when the network or this machine says no."""

    def __init__(self, sock: socket.socket, wait_s: float, clock: Clock) -> None:
        self._sock, self._clock = sock, clock
        self._wait_us = round(wait_s * 1_000_000)
        self.spent_us = 0
        sock.setblocking(False)
        report_errors(sock)

    @property
    def in_time(self) -> bool:
        return self.spent_us <= self._wait_us

    async def connect(self, address: tuple[Any, ...]) -> None:
        began = self._clock.boottime_us()
        code = self._sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            raise Ended(self._complaint(code) or self._refusal(code) or send_failure(code, self._sock.family))
        await self._writable()
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        elapsed = self._clock.boottime_us() - began
        if code not in (0, errno.ECONNRESET):  # reset means: after it was established, so the connect itself went well
            raise Ended(self._failure(code))
        info = tcp_info(self._sock)
        if info.state == _SYN_SENT:
            raise Ended(LOST)
        self.spent_us = _handshake_us(info, elapsed)
        # A connection that stands survives a passing ICMP error, as RFC 5461 wants it; asked to report, it would not.
        report_errors(self._sock, False)

    async def receive(self) -> bytes:
        """What comes next; b"" at the end of the stream."""
        began = self._clock.boottime_us()
        await self._readable()
        try:
            data = self._sock.recv(4096)
        except BlockingIOError:
            raise Ended(LOST) from None
        except OSError as problem:
            raise Ended(self._failure(problem.errno or 0)) from None
        elapsed = self._clock.boottime_us() - began
        waited_for_us = tcp_info(self._sock).last_received_us
        lag = waited_for_us if waited_for_us > _RECORDED_LAG_US else 0
        self.spent_us += max(elapsed - lag, 0)
        return data

    def send(self, data: bytes) -> None:
        """A question short enough for any send buffer."""
        try:
            sent = self._sock.send(data)
        except OSError as problem:
            raise Ended(self._failure(problem.errno or 0)) from None
        if sent != len(data):
            raise Ended(not_sent("send_buffer_full"))

    def _failure(self, code: int) -> str:
        """The outcome behind an errno that the network caused some time after we asked."""
        if code == errno.ETIMEDOUT:
            return LOST
        return self._complaint(code) or self._refusal(code) or send_failure(code, self._sock.family, UNKNOWN)

    def _complaint(self, code: int) -> str | None:
        """The ICMP error the kernel kept for us, if one caused this (Linux 5.8 and later)."""
        report = next_error(self._sock)
        return unreachable(report.kind, report.code, report.by) if report is not None else None

    @staticmethod
    def _refusal(code: int) -> str | None:
        return REFUSED if code in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE) else None

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        await self._until(loop.add_writer, loop.remove_writer)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        await self._until(loop.add_reader, loop.remove_reader)

    async def _until(self, watch: Callable[..., None], unwatch: Callable[..., object]) -> None:
        """Until the socket is ready or the time is up; the caller looks at the socket to learn which."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watch(self._sock, _wake, ready)
        try:
            await asyncio.wait([ready], timeout=max(self._wait_us - self.spent_us, 0) / 1_000_000)
        finally:
            unwatch(self._sock)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _handshake_us(info: TcpInfo, elapsed: int) -> int:
    """How long the connection took: the kernel's measurement of SYN to SYN-ACK, or, when a SYN was repeated, our own time
    less what passed since the kernel saw the last acknowledgement."""
    if not info.retransmitted and info.rtt_us:
        return min(info.rtt_us, elapsed)
    return max(elapsed - (info.last_acked_us if info.last_acked_us > _RECORDED_LAG_US else 0), 0)


class Unresolved(Exception):
    """The target's name has no address that we could learn."""


async def resolve(host: str, port: int, wait_s: float) -> tuple[int, tuple[Any, ...]]:
    """(family, address). Numeric addresses need no resolver; a name's failure says nothing about the link: Unresolved."""
    loop = asyncio.get_running_loop()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        try:
            asking = loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = await asyncio.wait_for(asking, wait_s)
        except (OSError, UnicodeError, TimeoutError) as problem:
            raise Unresolved(host) from problem
    family, _, _, _, address = found[0]
    return family, address
