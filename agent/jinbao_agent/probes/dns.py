"""A question to a name server over UDP: does it know the name that has to be there?

dnspython makes the question and reads the answer. Each question has a socket, and so a port, of its own, connected to the
server (RFC 5452): an answer counts only from there, with our number and our question; what else comes is counted and not
believed. As with echoes the kernel's receive stamp ends the round trip, and the queue is drained before one is given up.
"""

import asyncio
import ipaddress
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from jinbao_agent.clock import Clock
from jinbao_agent.probes.flights import Flight
from jinbao_agent.probes.result import Result, resolve, send_failure
from jinbao_agent.probes.sockets import PORT_UNREACHABLE, Overflow, next_error, prepare_queue, report_errors, stamp_us
from jinbao_agent.probes.stopwatch import round_trip
from jinbao_agent.sample import BAD_REPLY, LATE, LOST, REFUSED, REPLY, not_sent, unreachable
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

_LONGEST = 4096
_DRAIN_ALL = 1 << 14


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """reply or late (the record asked for, or the one expected, or a truncated answer), bad_reply (another answer: an error
    of the server, no such name, or only ones that are none to our question), lost, refused (port unreachable, by the server
    itself), unreachable:TYPE:CODE:BY or not_sent:REASON."""
    family, _, _, _, found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[
        0
    ]
    address: Any = found
    answered: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    flight = Flight(address, round(wait_s * 1_000_000), lambda result: resolve(answered, result))
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
        prepare_queue(sock)
        report_errors(sock)
        lookup = _Lookup(sock, flight, target, prober.clock, prober.dns_stats)
        if lookup.ask():
            await lookup.until_settled(answered, wait_s)
    return await answered


class _Lookup:
    """One question and what comes of it."""

    def __init__(self, sock: socket.socket, flight: Flight, target: Target, clock: Clock, stats: "Counter[str]") -> None:
        self._sock, self._flight, self._clock, self._stats = sock, flight, clock, stats
        name, _, kind = target.path.removeprefix("/").partition("?type=")
        self._query = dns.message.make_query(name, kind)
        self._wanted, self._overflow = target.expect.answer, Overflow(sock, stats)
        flight.body = self._query.to_wire()

    def ask(self) -> bool:
        """Whether it left; if not, its flight is settled."""
        flight = self._flight
        flight.sent_us, flight.mono_us = self._clock.utc_us(), self._clock.boottime_us()
        try:
            self._sock.connect(flight.address)
            flight.sent_us, flight.mono_us = self._clock.utc_us(), self._clock.boottime_us()
            self._sock.send(flight.body)
        except OSError as problem:
            self._stats["send_errors"] += 1
            flight.settle(send_failure(problem.errno, self._sock.family))
            return False
        self._stats["sent"] += 1
        return True

    async def until_settled(self, answered: "asyncio.Future[Result]", wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sock, self._drain)
        try:
            await asyncio.wait([answered], timeout=wait_s)
        finally:
            loop.remove_reader(self._sock)
        # What the queue holds arrived in time, however late we are.
        self._drain()
        if self._flight.outcome is None:
            self._flight.settle(self._silence())

    def _silence(self) -> str:
        self._overflow.look()
        if self._overflow.count:  # a flood: the answer may have been among what had no room
            return not_sent("queue_overflow")
        return BAD_REPLY if self._flight.damaged else LOST

    def _drain(self) -> None:
        self._overflow.look()
        # Kernel stamps are UTC: this moves them onto the clock that never steps.
        to_mono = self._clock.boottime_us() - self._clock.utc_us()
        for _ in range(_DRAIN_ALL):
            if self._flight.outcome is not None:
                return
            try:
                data, ancillary, _, _ = self._sock.recvmsg(_LONGEST, 64)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error; what it was stands in the error queue
                self._complaint()
                continue
            at_us = stamp_us(ancillary)
            self._take(data, self._clock.utc_us() if at_us is None else at_us, to_mono)

    def _take(self, data: bytes, at_us: int, to_mono: int) -> None:
        answer = self._read(data)
        if answer is None:
            self._stats["bad_payload"] += 1
            self._flight.damaged = True
        elif not self._is_good(answer):
            self._flight.settle(BAD_REPLY)
        else:
            rtt_us, stepped = round_trip(self._flight, at_us, to_mono, self._clock)
            if stepped:
                self._stats["clock_stepped"] += 1
            self._flight.settle(REPLY if rtt_us <= self._flight.wait_us else LATE, rtt_us)

    def _read(self, data: bytes) -> dns.message.Message | None:
        """The answer to our question; None for anything else. The number is looked at first: a flood of others costs little."""
        if data[:2] != self._flight.body[:2]:
            return None
        try:
            answer = dns.message.from_wire(data, ignore_trailing=True)
        except dns.exception.DNSException:
            return None
        return answer if self._query.is_response(answer) else None

    def _is_good(self, answer: dns.message.Message) -> bool:
        if answer.rcode() != dns.rcode.NOERROR:
            return False
        kind = self._query.question[0].rdtype
        records = [record.to_text() for records in answer.answer if records.rdtype == kind for record in records]
        if self._wanted:
            return any(_is_same(self._wanted, record) for record in records)
        return bool(records) or bool(answer.flags & dns.flags.TC)

    def _complaint(self) -> None:
        """ICMP errors that quote our question, as much of it as they do."""
        while self._flight.outcome is None and (report := next_error(self._sock)) is not None:
            if not self._flight.body.startswith(report.data[: len(self._flight.body)]):
                self._stats["foreign"] += 1
                continue
            self._stats["icmp_errors"] += 1
            by_host = report.by == self._flight.address[0]
            closed = by_host and (report.kind, report.code) == PORT_UNREACHABLE[self._sock.family]
            self._flight.settle(REFUSED if closed else unreachable(report.kind, report.code, report.by))


def _is_same(wanted: str, record: str) -> bool:
    """An address may be written in several ways, a name in capitals or with its last dot."""
    try:
        return ipaddress.ip_address(wanted) == ipaddress.ip_address(record)
    except ValueError:
        return wanted.rstrip(".").lower() == record.rstrip(".").lower()
