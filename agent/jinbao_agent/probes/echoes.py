"""Many echoes in flight on one socket: sent in bursts, matched to the letter, expired only after the queue is drained.

The round trip ends with the kernel's receive stamp, so neither a busy loop nor a busy machine is counted as delay, and an
answer that lay in our queue when its time was up is still an answer.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable

from jinbao_agent.clock import Clock
from jinbao_agent.probes import packet
from jinbao_agent.probes.bursts import Bursts
from jinbao_agent.probes.flights import Address, Flight, Flights
from jinbao_agent.probes.packet import HEADER, V4, Quote
from jinbao_agent.probes.result import Result, send_failure
from jinbao_agent.probes.sockets import IcmpSocket, Overflow, next_error, stamp_us
from jinbao_agent.probes.stopwatch import round_trip
from jinbao_agent.sample import BAD_REPLY, LATE, LOST, REPLY, not_sent, unreachable

_DRAIN_PER_WAKE = 256
_DRAIN_ALL = 1 << 14  # more packets than any receive buffer of ours holds
_EXPIRE_SLACK_S = 0.01  # answers are judged by their stamps, so expiry may be late and batched
_LONGEST = 256  # an echo of ours has 84 bytes with its IP header; what we need of an error fits too


class Echoes:
    """All ICMP probes of one IP version. Belongs to the running event loop."""

    def __init__(self, port: IcmpSocket, clock: Clock, stats: "Counter[str]") -> None:
        self._loop = asyncio.get_running_loop()
        self._port, self._clock, self._stats = port, clock, stats
        self._requests, self._counter = packet.Requests(port.version, port.ident, os.urandom(8)), 0
        self._flights = Flights(first=int.from_bytes(os.urandom(2), "big"))
        self._overflow = Overflow(port.sock, stats)
        # In bursts of 16,000 packets/s the 65,536 numbers suffice for a wait of 4 s.
        self._bursts = Bursts(self._launch, self._overflow.look, lambda: self._drain(_DRAIN_PER_WAKE))
        self._expiry: asyncio.TimerHandle | None = None
        self._expiry_us = 0
        self._loop.add_reader(port.sock, self._drain, _DRAIN_PER_WAKE)

    def close(self) -> None:
        """What is still under way was not measured, and says so."""
        self._loop.remove_reader(self._port.sock)
        self._bursts.close()
        if self._expiry is not None:
            self._expiry.cancel()
        for flight in self._bursts.waiting:
            self._stamp(flight)
        for flight in (*self._bursts.waiting, *self._flights.in_air()):
            flight.settle(not_sent("stopped"))
        self._port.close()

    def ask(self, address: Address, wait_us: int, done: Callable[[Result], None], ttl: int = 0) -> None:
        """Sends one echo, at once or when the bursts before it are out; `done` is called once, perhaps at once. With `ttl` the
        router so many hops away says that its time is exceeded."""
        self._bursts.put(Flight(address, wait_us, done, ttl))

    # Sending

    def _launch(self, flight: Flight) -> None:
        number = self._flights.free_number()
        if number is None:
            self._stamp(flight)
            flight.settle(not_sent("too_many_in_flight"))
            return
        self._counter += 1
        flight.number, flight.drops = number, self._overflow.count
        failure = self._send(flight, self._requests.make(number, self._counter))
        if failure is not None:
            self._stats["send_errors"] += 1
            flight.settle(failure)
            return
        self._stats["sent"] += 1
        self._flights.depart(flight)
        if self._expiry is None or flight.due_us < self._expiry_us:
            self._arm(flight.due_us, flight.mono_us)

    def _send(self, flight: Flight, data: bytes) -> str | None:
        """The outcome, if it did not leave. A ping socket reports an earlier probe's ICMP error at the next call: that one
        is taken off the error queue, and the call repeated."""
        flight.body = data[HEADER.size :]
        code = None
        for _ in range(1 if self._port.raw else 3):
            self._stamp(flight)
            try:
                if flight.ttl:
                    self._port.send_only(data, flight.ttl, flight.address)
                else:
                    self._port.sock.sendto(data, flight.address)
            except OSError as problem:
                code = problem.errno
                self._drain_errors()
            else:
                return None
        return send_failure(code, self._port.version.family)

    def _stamp(self, flight: Flight) -> None:
        flight.sent_us, flight.mono_us = self._clock.utc_us(), self._clock.boottime_us()

    # Receiving

    def _drain(self, most: int) -> None:
        """Takes what has arrived off the socket."""
        self._overflow.look()
        recvmsg = self._port.sock.recvmsg
        # Kernel stamps are UTC: this moves them onto the clock that never steps.
        to_mono = self._clock.boottime_us() - self._clock.utc_us()
        for _ in range(most):
            try:
                data, ancillary, _, address = recvmsg(_LONGEST, 64)
            except BlockingIOError:
                break
            except OSError:  # a ping socket's pending error; what it was stands in the error queue
                self._stats["pending_errors"] += 1
                continue
            stamp = stamp_us(ancillary)
            self._take(data, address[0], self._clock.utc_us() if stamp is None else stamp, to_mono)
        self._drain_errors()

    def _take(self, data: bytes, source: str, stamp: int, to_mono: int) -> None:
        at = (data[0] & 15) * 4 if self._port.has_ip_header else 0
        if len(data) < at + HEADER.size:
            self._stats["foreign"] += 1
            return
        kind, code, _, ident, number = HEADER.unpack_from(data, at)
        version = self._port.version
        if kind != version.reply:
            read = packet.quote_v4 if version is V4 else packet.quote_v6
            quote = read(data, at + HEADER.size) if kind in version.errors else None
            self._complaint(quote, kind, code, source)
        elif self._port.raw and ident != self._port.ident:
            self._stats["foreign"] += 1
        elif self._port.has_ip_header and packet.checksum(data[at:]) != 0:
            self._stats["bad_checksum"] += 1  # no other socket ever sees these: the kernel drops them
        else:
            self._answer(number, data[at + HEADER.size :], source, stamp, to_mono)

    def _answer(self, number: int, body: bytes, source: str, stamp: int, to_mono: int) -> None:
        flight = self._flights.find(number)
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
            rtt_us, stepped = round_trip(flight, stamp, to_mono, self._clock)
            if stepped:
                self._stats["clock_stepped"] += 1
            self._flights.land(flight, REPLY if rtt_us <= flight.wait_us else LATE, rtt_us)

    def _drain_errors(self) -> None:
        """ICMP errors of a ping socket; a raw one receives them like any packet."""
        if self._port.raw:
            return
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
            self._flights.land(flight, unreachable(kind, code, by))

    def _quoted(self, quote: Quote) -> Flight | None:
        """An ICMP error counts when it quotes a packet of ours: number, destination, and as much payload as it has."""
        flight = self._flights.find(quote.number)
        if flight is None or flight.address[0] != quote.destination or not flight.body.startswith(quote.payload[:16]):
            return None
        return flight

    # Expiring

    def _arm(self, due_us: int, now_us: int) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry_us = due_us
        self._expiry = self._loop.call_later(max((due_us - now_us) / 1_000_000, _EXPIRE_SLACK_S), self._expire)

    def _expire(self) -> None:
        """Drain first: what the queue holds arrived in time, however late we are."""
        self._drain(_DRAIN_ALL)
        self._overflow.look()
        now_us = self._clock.boottime_us()
        for flight in self._flights.overdue(now_us):
            self._flights.land(flight, self._silence(flight))
        self._expiry = None
        due_us = self._flights.next_due_us()
        if due_us is not None:
            self._arm(due_us, now_us)

    def _silence(self, flight: Flight) -> str:
        """Nothing valid came. If our own queue overflowed meanwhile, we cannot know."""
        if flight.drops != self._overflow.count:
            return not_sent("queue_overflow")
        return BAD_REPLY if flight.damaged else LOST
