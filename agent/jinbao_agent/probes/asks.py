"""Questions to reflectors: many in flight on one UDP socket, answers believed to the letter or not at all.

As with echoes the round trip ends with the kernel's receive stamp, less the time that the reflector says it took itself: an
agent that is busy at the other end is no delay of the line. An answer counts only from where we asked, signed with the key of
its question, and if it repeats that question; what else comes is counted and not believed.
"""

import asyncio
import os
import socket
from collections import Counter, deque
from collections.abc import Callable

from jinbao_agent import stamp
from jinbao_agent.clock import Clock, clock_quality
from jinbao_agent.probes.bursts import Bursts
from jinbao_agent.probes.counts import Counts, Tally
from jinbao_agent.probes.flights import Address, Flight
from jinbao_agent.probes.packet import V4, V6
from jinbao_agent.probes.result import Result, send_failure
from jinbao_agent.probes.sockets import (
    PORT_UNREACHABLE,
    Overflow,
    Reported,
    next_error,
    prepare_queue,
    report_errors,
    stamp_us,
)
from jinbao_agent.probes.stopwatch import round_trip
from jinbao_agent.sample import BAD_REPLY, LATE, LOST, REFUSED, REPLY, not_sent, unreachable

_DRAIN_PER_WAKE = 256
_DRAIN_ALL = 1 << 14  # more packets than any receive buffer of ours holds
_LONGEST = 2 * stamp.LENGTH  # enough to see that it is too long
_REMEMBERED = 64  # finished questions of a session: an answer to one of them is late or a duplicate, not a stranger's
_TTL = {socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL), socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}


class Session:
    """Everything asked of one reflector. Its questions are numbered from 0 without a gap: what did not leave has no number."""

    def __init__(self, link: int, address: Address, tell: Callable[[Counts], None]) -> None:
        """`tell` is called when an episode of losses ends."""
        self.link, self.address, self.tell = link, address, tell
        self.id = os.urandom(8)
        self.next = 0
        self.tally = Tally()
        self.asked: dict[int, Asked] = {}
        self._finished: deque[int] = deque()

    def in_air(self) -> "list[Asked]":
        """The oldest first."""
        return [asked for asked in self.asked.values() if asked.outcome is None]

    def finished(self, number: int) -> None:
        self._finished.append(number)
        if len(self._finished) > _REMEMBERED:
            del self.asked[self._finished.popleft()]


class Asked(Flight):
    """One question on its way."""

    __slots__ = ("expiry", "key", "session")

    def __init__(self, session: Session, key: bytes, wait_us: int, done: Callable[[Result], None]) -> None:
        super().__init__(session.address, wait_us, done)
        self.session, self.key = session, key
        self.expiry: asyncio.TimerHandle | None = None


class Asks:
    """All questions over one IP version. Belongs to the running event loop."""

    def __init__(self, family: int, clock: Clock, stats: "Counter[str]") -> None:
        """Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._clock, self._stats = clock, stats
        self._sock = _open(family)
        self._errors = (V6 if family == socket.AF_INET6 else V4).errors
        self._sessions: dict[bytes, Session] = {}
        self._at: dict[tuple[str, int], Session] = {}
        self._overflow = Overflow(self._sock, stats)
        self._bursts = Bursts(self._launch, self._overflow.look, lambda: self._drain(_DRAIN_PER_WAKE))
        self._loop.add_reader(self._sock, self._drain, _DRAIN_PER_WAKE)

    def close(self) -> None:
        """What is still under way was not measured, and says so."""
        self._loop.remove_reader(self._sock)
        self._bursts.close()
        for asked in self._bursts.waiting:
            self._stamp(asked)
        in_air = [asked for session in self._sessions.values() for asked in session.in_air()]
        for asked in (*self._bursts.waiting, *in_air):
            if asked.expiry is not None:
                asked.expiry.cancel()
            asked.settle(not_sent("stopped"))
        self._sock.close()

    def open_session(self, link: int, address: Address, tell: Callable[[Counts], None]) -> Session:
        """One for each reflector."""
        session = Session(link, address, tell)
        self._sessions[session.id] = self._at[address[:2]] = session
        return session

    def ask(self, session: Session, key: bytes, wait_us: int, done: Callable[[Result], None]) -> None:
        """Asks once, at once or when the bursts before it are out; `done` is called once, perhaps at once."""
        self._bursts.put(Asked(session, key, wait_us, done))

    # Sending

    def _launch(self, asked: Asked) -> None:
        session, quality = asked.session, clock_quality()
        asked.number, asked.drops = session.next, self._overflow.count
        failure = self._send(asked, stamp.error_estimate(quality.sync, quality.maxerror_us))
        if failure is not None:
            self._stats["send_errors"] += 1
            asked.settle(failure)
            return
        self._stats["sent"] += 1
        session.next += 1
        session.asked[asked.number] = asked
        session.tally.left(asked.number, asked.sent_us)
        asked.expiry = self._loop.call_later(asked.wait_us / 1_000_000, self._expire, asked)

    def _send(self, asked: Asked, error: int) -> str | None:
        """The outcome, if it did not leave. An ICMP error about an earlier question is reported at the next call, whoever that
        is for: it is taken off the error queue, and the call repeated."""
        question = stamp.Question(asked.number, asked.session.link, asked.session.id)
        code = None
        for _ in range(3):
            self._stamp(asked)
            asked.body = stamp.make_question(question, asked.sent_us, error, asked.key)
            try:
                self._sock.sendto(asked.body, asked.address)
            except OSError as problem:
                code = problem.errno
                self._drain_errors()
            else:
                return None
        return send_failure(code, self._sock.family)

    def _stamp(self, asked: Asked) -> None:
        asked.sent_us, asked.mono_us = self._clock.utc_us(), self._clock.boottime_us()

    # Receiving

    def _drain(self, most: int) -> None:
        """Takes what has arrived off the socket."""
        self._overflow.look()
        # Kernel stamps are UTC: this moves them onto the clock that never steps.
        to_mono = self._clock.boottime_us() - self._clock.utc_us()
        for _ in range(most):
            try:
                data, ancillary, _, address = self._sock.recvmsg(_LONGEST, 64)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error; what it was stands in the error queue
                self._stats["pending_errors"] += 1
                continue
            at_us = stamp_us(ancillary)
            self._take(data, address[:2], self._clock.utc_us() if at_us is None else at_us, to_mono)
        self._drain_errors()

    def _take(self, data: bytes, source: tuple[str, int], at_us: int, to_mono: int) -> None:
        answer = stamp.read_answer(data)
        session = self._sessions.get(answer.question.session) if answer else None
        asked = session.asked.get(answer.question.number) if answer and session else None
        if answer is None or asked is None:
            self._garbage(source)
        elif source != asked.address[:2]:
            self._stats["bad_source"] += 1
        elif not stamp.is_signed(data, asked.key) or not stamp.answers(answer, asked.body):
            self._stats["bad_auth"] += 1
            asked.damaged = True
        elif asked.outcome is not None:
            self._again(asked)
        else:
            self._believe(asked, answer, at_us, to_mono)

    def _garbage(self, source: tuple[str, int]) -> None:
        """No answer to anything we asked. Where it comes from where we did ask, something has mangled the answer."""
        session = self._at.get(source)
        if session is None:
            self._stats["foreign"] += 1
            return
        self._stats["bad_payload"] += 1
        for asked in session.in_air():
            asked.damaged = True

    def _again(self, asked: Asked) -> None:
        if asked.outcome in (LOST, BAD_REPLY):
            self._stats["late"] += 1
            asked.outcome = LATE  # for us alone: a copy of it is then a duplicate; the sample is settled
            asked.session.tally.late()
        else:
            self._stats["duplicates"] += 1

    def _believe(self, asked: Asked, answer: stamp.Answer, at_us: int, to_mono: int) -> None:
        elapsed_us, stepped = round_trip(asked, at_us, to_mono, self._clock)
        if stepped:
            self._stats["clock_stepped"] += 1
        # Its clock may have been set while it held the question: then the whole time is the upper bound it is.
        rtt_us = elapsed_us - answer.held_us if 0 <= answer.held_us <= elapsed_us else elapsed_us
        self._land(asked, REPLY if rtt_us <= asked.wait_us else LATE, rtt_us)
        self._tell(asked, asked.session.tally.answered(asked.number, answer.number, answer.life))

    def _drain_errors(self) -> None:
        while (report := next_error(self._sock)) is not None:
            if report.kind in self._errors:
                self._complaint(report)

    def _complaint(self, report: Reported) -> None:
        """Of a question of ours: as much of it as the error quotes, which may be nothing but addresses and ports."""
        session = self._at.get((report.destination, report.port))
        in_air = session.in_air() if session is not None else []
        asked = next((one for one in in_air if one.body.startswith(report.data[: stamp.LENGTH])), None)
        if asked is None:
            self._stats["late" if session is not None else "foreign"] += 1
            return
        self._stats["icmp_errors"] += 1
        by_host = report.by == asked.address[0] and (report.kind, report.code) == PORT_UNREACHABLE[self._sock.family]
        self._land(asked, REFUSED if by_host else unreachable(report.kind, report.code, report.by))
        self._tell(asked, asked.session.tally.failed(asked.number))

    # Ending

    def _expire(self, asked: Asked) -> None:
        """Drain first: what the queue holds arrived in time, however late we are."""
        self._drain(_DRAIN_ALL)
        if asked.outcome is not None:
            return
        self._overflow.look()
        if asked.drops != self._overflow.count:
            # Our own queue overflowed meanwhile, so we cannot know.
            self._land(asked, not_sent("queue_overflow"))
            asked.session.tally.spoilt()
            return
        self._land(asked, BAD_REPLY if asked.damaged else LOST)
        self._tell(asked, asked.session.tally.failed(asked.number))

    def _land(self, asked: Asked, outcome: str, rtt_us: int | None = None) -> None:
        if asked.expiry is not None:
            asked.expiry.cancel()
        asked.session.finished(asked.number)
        asked.settle(outcome, rtt_us)

    def _tell(self, asked: Asked, episodes: list[Counts]) -> None:
        for counts in episodes:
            asked.session.tell(counts)


def _open(family: int) -> socket.socket:
    """Raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        prepare_queue(sock)
        report_errors(sock)
        sock.setsockopt(*_TTL[socket.AddressFamily(family)], stamp.TTL)
    except OSError:
        sock.close()
        raise
    return sock
