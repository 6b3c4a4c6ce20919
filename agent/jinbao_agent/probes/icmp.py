"""Many echoes in flight on one socket: sent in bursts, matched to the letter, expired only after the queue is drained.

The round trip ends with the kernel's receive stamp, so neither a busy loop nor a busy machine is counted as delay, and an
answer that lay in our queue when its time was up is still an answer.
"""

import asyncio
import functools
import heapq
import os
import socket
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from jinbao_agent.clock import Clock
from jinbao_agent.probes import packet
from jinbao_agent.probes.packet import HEADER, V4, V6, Quote, Version
from jinbao_agent.probes.result import Result, errno_name, send_failure
from jinbao_agent.probes.sockets import IcmpSocket, NoIcmp, next_error, open_icmp, stamp_us
from jinbao_agent.sample import BAD_REPLY, LATE, LOST, REPLY, not_sent, unreachable
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

NUMBERS = 1 << 16  # a sequence number has 16 bits
BURST = 32  # packets back to back; routers rate-limit ICMP
PAUSE_S = 0.002  # between bursts; 16,000 packets/s leave 65,536 numbers enough for a wait of 4 s
REMEMBERED = 4096  # finished probes kept to tell a duplicate or late answer from a stranger's
_DRAIN_PER_WAKE = 256
_DRAIN_ALL = 1 << 14  # more packets than any receive buffer of ours holds
_EXPIRE_SLACK_S = 0.01  # answers are judged by their stamps, so expiry may be late and batched
_STEPPED_US = 1000

Address = tuple[str, int] | tuple[str, int, int, int]


class Flight:
    """One echo on its way. `outcome` is None until it is decided; times as in Result."""

    __slots__ = ("address", "body", "damaged", "drops", "future", "mono_us", "number", "outcome", "sent_us", "wait_us")

    def __init__(self, address: Address, wait_us: int, future: "asyncio.Future[Result]") -> None:
        self.address, self.wait_us, self.future = address, wait_us, future
        self.outcome: str | None = None
        self.damaged = False
        self.number = self.drops = self.sent_us = self.mono_us = 0
        self.body = b""


class Echoes:
    """All ICMP probes of one IP version. Belongs to the running event loop."""

    def __init__(self, port: IcmpSocket, clock: Clock, stats: "Counter[str]") -> None:
        self._loop = asyncio.get_running_loop()
        self._port, self._clock, self._stats = port, clock, stats
        self._nonce, self._counter = os.urandom(8), 0
        self._number, self._open = int.from_bytes(os.urandom(2), "big") % NUMBERS, 0
        self._flights: dict[int, Flight] = {}
        self._finished: deque[Flight] = deque()
        self._due: list[tuple[int, int, Flight]] = []
        self._expiry: asyncio.TimerHandle | None = None
        self._expiry_us = 0
        self._waiting: deque[Flight] = deque()
        self._pump_timer: asyncio.TimerHandle | None = None
        self._burst_over, self._burst_left = 0.0, 0
        self._drops = port.drops()
        self._loop.add_reader(port.sock, self._drain, _DRAIN_PER_WAKE)

    def close(self) -> None:
        """What is still under way was not measured, and says so."""
        self._loop.remove_reader(self._port.sock)
        for timer in (self._expiry, self._pump_timer):
            if timer is not None:
                timer.cancel()
        for flight in self._waiting:
            self._stamp(flight)
        for flight in (*self._waiting, *self._flights.values()):
            if flight.outcome is None:
                self._settle(flight, not_sent("stopped"))
        self._port.close()

    def ask(self, address: Address, wait_s: float) -> "asyncio.Future[Result]":
        """Sends one echo, at once or when the bursts before it are out."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append(Flight(address, round(wait_s * 1_000_000), future))
        if self._pump_timer is None:
            self._pump()
        return future

    # Sending

    def _pump(self) -> None:
        self._pump_timer = None
        now = self._loop.time()
        if now >= self._burst_over:
            self._burst_over, self._burst_left = now + PAUSE_S, BURST
            self._count_drops()
        while self._waiting and self._burst_left:
            flight = self._waiting.popleft()
            if not flight.future.done():
                self._burst_left -= 1
                self._launch(flight)
        if self._waiting:
            self._drain(_DRAIN_PER_WAKE)
            self._pump_timer = self._loop.call_at(self._burst_over, self._pump)

    def _launch(self, flight: Flight) -> None:
        if self._open >= NUMBERS:
            self._stamp(flight)
            self._settle(flight, not_sent("too_many_in_flight"))
            return
        flight.number, self._counter = self._free_number(), self._counter + 1
        flight.body = packet.payload(self._nonce, self._counter)
        flight.drops = self._drops
        failure = self._send(flight, packet.request(self._port.version, self._port.ident, flight.number, flight.body))
        if failure is not None:
            self._stats["send_errors"] += 1
            self._settle(flight, failure)
            return
        self._stats["sent"] += 1
        self._flights[flight.number] = flight
        self._open += 1
        due_us = flight.mono_us + flight.wait_us
        heapq.heappush(self._due, (due_us, self._counter, flight))
        if self._expiry is None or due_us < self._expiry_us:
            self._arm(due_us, flight.mono_us)

    def _send(self, flight: Flight, data: bytes) -> str | None:
        """The outcome, if it did not leave. A ping socket reports an earlier probe's ICMP error at the next call: that one
        is taken off the error queue, and the call repeated."""
        code = None
        for _ in range(1 if self._port.raw else 3):
            self._stamp(flight)
            try:
                self._port.sock.sendto(data, flight.address)
            except OSError as problem:
                code = problem.errno
                self._drain_errors()
            else:
                return None
        return send_failure(code, self._port.version.family)

    def _stamp(self, flight: Flight) -> None:
        flight.sent_us, flight.mono_us = self._clock.utc_us(), self._clock.boottime_us()

    def _free_number(self) -> int:
        while True:
            self._number = (self._number + 1) % NUMBERS
            taken = self._flights.get(self._number)
            if taken is None or taken.outcome is not None:
                return self._number

    # Receiving

    def _drain(self, most: int) -> None:
        """Takes what has arrived off the socket."""
        recvmsg = self._port.sock.recvmsg
        # Kernel stamps are UTC: this moves them onto the clock that never steps.
        to_mono = self._clock.boottime_us() - self._clock.utc_us()
        for _ in range(most):
            try:
                data, ancillary, _, address = recvmsg(2048, 64)
            except BlockingIOError:
                break
            except OSError as problem:  # a ping socket's pending error; the error queue has the details
                self._stats[f"pending_{errno_name(problem.errno)}"] += 1
                continue
            stamp = stamp_us(ancillary)
            self._take(data, address[0], self._clock.utc_us() if stamp is None else stamp, to_mono)
        if not self._port.raw:
            self._drain_errors()

    def _take(self, data: bytes, source: str, stamp: int, to_mono: int) -> None:
        at = (data[0] & 15) * 4 if self._port.has_ip_header else 0
        if len(data) < at + HEADER.size:
            self._stats["foreign"] += 1
            return
        kind, code, _, ident, number = HEADER.unpack_from(data, at)
        version = self._port.version
        if kind in version.errors:
            read = packet.quote_v4 if version is V4 else packet.quote_v6
            self._complaint(read(data, at + HEADER.size), kind, code, source)
        elif kind != version.reply or (self._port.raw and ident != self._port.ident):
            self._stats["foreign"] += 1
        elif self._port.has_ip_header and packet.checksum(data[at:]) != 0:
            self._stats["bad_checksum"] += 1  # a ping socket never sees these: the kernel drops them
        else:
            self._answer(number, data[at + HEADER.size :], source, stamp, to_mono)

    def _answer(self, number: int, body: bytes, source: str, stamp: int, to_mono: int) -> None:
        flight = self._flights.get(number)
        if flight is None:
            self._stats["foreign"] += 1
        elif source != flight.address[0]:
            self._stats["bad_source"] += 1
        elif body != flight.body:
            self._stats["bad_payload"] += 1
            flight.damaged = True
        elif flight.outcome is not None:
            self._stats["late" if flight.outcome in (LOST, BAD_REPLY) else "duplicates"] += 1
        else:
            rtt_us = self._round_trip(flight, stamp, to_mono)
            self._decide(flight, REPLY if rtt_us <= flight.wait_us else LATE, rtt_us)

    def _round_trip(self, flight: Flight, stamp: int, to_mono: int) -> int:
        """Microseconds from sending to the kernel's stamp, right even when UTC was set in between.

        A step before the stamp is invisible to the first reckoning, one after it to the second; a stamp that fits neither
        leaves the time until now, which is an upper bound.
        """
        by_boottime = stamp + to_mono - flight.mono_us
        if abs(to_mono - (flight.mono_us - flight.sent_us)) < _STEPPED_US:
            return max(by_boottime, 0)
        self._stats["clock_stepped"] += 1
        most = self._clock.boottime_us() - flight.mono_us
        for rtt_us in (by_boottime, stamp - flight.sent_us):
            if 0 <= rtt_us <= most:
                return rtt_us
        return most

    def _drain_errors(self) -> None:
        while (report := next_error(self._port.sock)) is not None:
            if report.kind in self._port.version.errors and len(report.data) >= HEADER.size:
                _, _, _, _, number = HEADER.unpack_from(report.data)
                quote = Quote(report.destination, self._port.ident, number, report.data[HEADER.size :])
                self._complaint(quote, report.kind, report.code, report.by)

    def _complaint(self, quote: Quote | None, kind: int, code: int, by: str) -> None:
        flight = self._quoted(quote) if quote is not None and quote.ident == self._port.ident else None
        if flight is None:
            self._stats["foreign"] += 1
        elif flight.outcome is not None:
            self._stats["late"] += 1
        else:
            self._stats["icmp_errors"] += 1
            self._decide(flight, unreachable(kind, code, by))

    def _quoted(self, quote: Quote) -> Flight | None:
        """An ICMP error counts when it quotes a packet of ours: number, destination, and as much payload as it has."""
        flight = self._flights.get(quote.number)
        if flight is None or flight.address[0] != quote.destination or not flight.body.startswith(quote.payload[:16]):
            return None
        return flight

    # Deciding

    def _arm(self, due_us: int, now_us: int) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry_us = due_us
        self._expiry = self._loop.call_later(max((due_us - now_us) / 1_000_000, _EXPIRE_SLACK_S), self._expire)

    def _expire(self) -> None:
        """Drain first: what the queue holds arrived in time, however late we are."""
        self._drain(_DRAIN_ALL)
        self._count_drops()
        now = self._clock.boottime_us()
        while self._due and (self._due[0][0] <= now or self._due[0][2].outcome is not None):
            flight = heapq.heappop(self._due)[2]
            if flight.outcome is None:
                self._decide(flight, self._silence(flight))
        self._expiry = None
        if self._due:
            self._arm(self._due[0][0], now)

    def _silence(self, flight: Flight) -> str:
        """Nothing valid came. If our own queue overflowed meanwhile, we cannot know."""
        if flight.damaged:
            return BAD_REPLY
        return not_sent("queue_overflow") if flight.drops != self._drops else LOST

    def _count_drops(self) -> None:
        drops = self._port.drops()
        if drops != self._drops:
            self._stats["queue_drops"] += drops - self._drops
            self._drops = drops

    def _decide(self, flight: Flight, outcome: str, rtt_us: int | None = None) -> None:
        """Ends a flight that has left."""
        self._open -= 1
        self._finished.append(flight)
        if len(self._finished) > REMEMBERED:
            oldest = self._finished.popleft()
            if self._flights.get(oldest.number) is oldest:
                del self._flights[oldest.number]
        self._settle(flight, outcome, rtt_us)

    def _settle(self, flight: Flight, outcome: str, rtt_us: int | None = None) -> None:
        flight.outcome = outcome
        if not flight.future.done():
            result = Result(sent_us=flight.sent_us, mono_us=flight.mono_us, outcome=outcome, rtt_us=rtt_us)
            flight.future.set_result(result)


@functools.lru_cache(1 << 14)
def _located(host: str) -> tuple[Version, Address]:
    """Raises OSError unless it is a numeric address, an IPv6 one perhaps with its %interface."""
    family, _, _, _, found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
    version = V6 if family == socket.AF_INET6 else V4
    address: Any = found
    return version, address


class IcmpEngines:
    """The shared sockets, each opened when the first target of its IP version is probed. Belongs to one event loop."""

    def __init__(self, clock: Clock, stats: "Counter[str]") -> None:
        self._clock, self._stats = clock, stats
        self._echoes: dict[int, Echoes] = {}

    def close(self) -> None:
        for echoes in self._echoes.values():
            echoes.close()
        self._echoes.clear()

    def ask(self, host: str, wait_s: float) -> "asyncio.Future[Result]":
        """Raises NoIcmp where no socket can be had, OSError for an address that is none."""
        version, address = _located(host)
        echoes = self._echoes.get(version.family)
        if echoes is None:
            echoes = self._echoes[version.family] = Echoes(open_icmp(version), self._clock, self._stats)
        return echoes.ask(address, wait_s)


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """One echo: reply, late, lost, bad_reply (only a damaged answer came), unreachable:TYPE:CODE:BY with the numbers of ICMP
    or, for an IPv6 target, ICMPv6, or not_sent:REASON."""
    try:
        return await prober.icmp.ask(target.host, wait_s)
    except NoIcmp as problem:
        return prober.fault(problem.reason)
