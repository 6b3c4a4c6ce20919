"""The reflector: answers the questions of the agent at the other end, and of nobody else.

It answers a question once, with as many octets, and a session at most `RATE` times a second; everything else gets no answer at
all, so that it can neither amplify nor be found. Its count of a session's questions stands in every answer: it tells the asker
how many of its questions arrived (jinbao_agent.probes.counts).
"""

import asyncio
import logging
import os
import socket
import struct
from collections import Counter, OrderedDict
from collections.abc import Mapping

from jinbao_agent import stamp
from jinbao_agent.clock import Clock, clock_quality
from jinbao_agent.peers import Keyring
from jinbao_agent.probes.sockets import prepare_queue, stamp_us
from jinbao_agent.stamp import Question

log = logging.getLogger(__name__)

RATE, AT_ONCE = 20, 40  # questions of a session a second, and how many may come together: agents ask once a second at most
SESSIONS = 32  # remembered of one link: each start of an agent is one, and each `check`
BEGIN_S, BEGIN_AT_ONCE = 10, 16  # one more may begin so often; half of SESSIONS, so that old ones never push the live one out
WINDOW = 64  # questions of a session that may overtake each other (RFC 4303 section 3.4.3)
_PER_WAKE = 64  # packets in one turn of the loop: whatever comes, the probes have theirs
_LONGEST = 2 * stamp.LENGTH  # enough to see that it is too long
_RETRY_S = 5.0
_IP_RECVTTL, _IPV6_RECVHOPLIMIT = 12, 51
_IP_PKTINFO, _IPV6_RECVPKTINFO = 8, 49
_TTLS = {(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)}
_HERE_V4, _HERE_V6 = (socket.IPPROTO_IP, _IP_PKTINFO), (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
_INT, _PKTINFO_V4, _PKTINFO_V6 = struct.Struct("=i"), struct.Struct("=i4s4s"), struct.Struct("=16si")

Ancillary = list[tuple[int, int, bytes]]


class _Ignored(Exception):
    """Gets no answer; says why, as `stats` counts it."""


class _Allowance:
    """One in so many microseconds, and so many at once."""

    def __init__(self, each_us: int, at_once: int, now_us: int) -> None:
        self._each_us, self._most_us = each_us, at_once * each_us
        self._left_us, self._since_us = self._most_us, now_us

    def takes(self, now_us: int) -> bool:
        self._left_us = min(self._most_us, self._left_us + now_us - self._since_us)
        self._since_us = now_us
        if self._left_us < self._each_us:
            return False
        self._left_us -= self._each_us
        return True


class _Session:
    """One asker's questions since it began or we did: how many we counted, and which of the last WINDOW came (a bit each)."""

    def __init__(self, now_us: int) -> None:
        self.life = os.urandom(8)
        self.count = 0
        self.allowance = _Allowance(1_000_000 // RATE, AT_ONCE, now_us)
        self._newest, self._seen = -1, 0

    def had(self, number: int) -> bool:
        """Whether it is a copy, or too old to tell."""
        behind = self._newest - number
        return behind >= WINDOW or (behind >= 0 and bool(self._seen >> behind & 1))

    def take(self, number: int) -> int:
        """Counts one that we have not had; how many came before it."""
        behind = self._newest - number
        if behind < 0:
            self._seen = (self._seen << min(-behind, WINDOW)) & ((1 << WINDOW) - 1)
            self._newest, behind = number, 0
        self._seen |= 1 << behind
        self.count += 1
        return self.count - 1


class _Link:
    """The sessions over one link, the one that asked last being the last."""

    def __init__(self, now_us: int) -> None:
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._allowance = _Allowance(BEGIN_S * 1_000_000, BEGIN_AT_ONCE, now_us)

    def session(self, name: bytes, now_us: int) -> _Session:
        """A new one takes the place of the one that has been quiet longest. Raises _Ignored."""
        session = self._sessions.pop(name, None)
        if session is None:
            if not self._allowance.takes(now_us):
                raise _Ignored("limited")
            session = _Session(now_us)
        self._sessions[name] = session
        if len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return session


class Reflector:
    """Belongs to the event loop in which `run` runs."""

    def __init__(self, listen: tuple[str, int], keyring: Keyring, clock: Clock) -> None:
        self._listen, self._keyring, self._clock = listen, keyring, clock
        self._links: dict[int, _Link] = {}
        self._stats: Counter[str] = Counter()
        self._told = ""
        self.address: tuple[str, int] | None = None  # where it listens now

    @property
    def stats(self) -> Mapping[str, int]:
        """Counters since the start: answered, malformed, unknown_link, bad_auth, replayed, limited, unanswerable. What never
        happened counts 0."""
        return self._stats

    async def run(self) -> None:
        """Until cancelled. An address that cannot be had now is tried again: it may come with the network."""
        while True:
            try:
                sock = open_reflector(*self._listen)
            except OSError as problem:
                self._tell(f"no reflector at {self._listen[0]} port {self._listen[1]}: {problem.strerror}")
                await asyncio.sleep(_RETRY_S)
                continue
            with sock:
                await self.serve(sock)

    async def serve(self, sock: socket.socket) -> None:
        """Answers what comes to this socket, until cancelled."""
        loop = asyncio.get_running_loop()
        host, port = sock.getsockname()[:2]
        self.address, self._told = (host, port), ""
        log.info("reflecting address=%s port=%d", host, port)
        loop.add_reader(sock, self._hear, sock)
        try:
            await loop.create_future()
        finally:
            loop.remove_reader(sock)
            self.address = None
            log.info("reflected %s", " ".join(f"{name}={count}" for name, count in sorted(self._stats.items())) or "nothing")

    def _tell(self, text: str) -> None:
        """Once, until something else is the matter."""
        if text != self._told:
            log.error("%s", text)
        self._told = text

    def _hear(self, sock: socket.socket) -> None:
        for _ in range(_PER_WAKE):
            try:
                data, ancillary, _, asker = sock.recvmsg(_LONGEST, 256)
            except BlockingIOError:
                return
            received_us = stamp_us(ancillary) or self._clock.utc_us()
            try:
                answer = self._answer(data, received_us, _ttl(ancillary))
            except _Ignored as why:
                self._stats[str(why)] += 1
            else:
                self._send(sock, answer, _from_here(ancillary), asker)

    def _send(self, sock: socket.socket, answer: bytes, here: Ancillary, asker: tuple[str, int]) -> None:
        try:
            sock.sendmsg([answer], here, 0, asker)
        except OSError:  # the way back is dead on our side; the question was counted, so the asker will learn that it arrived
            self._stats["unanswerable"] += 1
        else:
            self._stats["answered"] += 1

    def _answer(self, data: bytes, received_us: int, ttl: int) -> bytes:
        """Raises _Ignored unless it is a question of our own agent at the other end that we have not had before."""
        question = stamp.read_question(data)
        if question is None:
            raise _Ignored("malformed")
        keys = self._keyring.answering(question.link)
        if not keys:
            raise _Ignored("unknown_link")
        key = next((key for key in keys if stamp.is_signed(data, key)), None)
        if key is None:
            raise _Ignored("bad_auth")
        number, life = self._counted(question)
        quality = clock_quality()
        return stamp.make_answer(
            data,
            number,
            life,
            received_us=received_us,
            sent_us=self._clock.utc_us(),
            error=stamp.error_estimate(quality.sync, quality.maxerror_us),
            ttl=ttl,
            key=key,
        )

    def _counted(self, question: Question) -> tuple[int, bytes]:
        """How many of its session came before it, and the name of our count. Raises _Ignored."""
        now_us = self._clock.boottime_us()
        link = self._links.get(question.link)
        if link is None:
            link = self._links[question.link] = _Link(now_us)
        session = link.session(question.session, now_us)
        if session.had(question.number):
            raise _Ignored("replayed")
        if not session.allowance.takes(now_us):
            raise _Ignored("limited")
        return session.take(question.number), session.life


def open_reflector(host: str, port: int) -> socket.socket:
    """A socket that tells when, how far and to which of our addresses each packet came. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        prepare_queue(sock)
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _ttl(ancillary: Ancillary) -> int:
    """What was left of the question's; 0 where the kernel does not tell."""
    return next((_INT.unpack_from(data)[0] for level, kind, data in ancillary if (level, kind) in _TTLS), 0) & 0xFF


def _from_here(ancillary: Ancillary) -> Ancillary:
    """Has the answer come from the address that was asked: a machine may have several, and the asker believes only that one."""
    for level, kind, data in ancillary:
        if (level, kind) == _HERE_V4:
            _, local, _ = _PKTINFO_V4.unpack(data)
            return [(level, kind, _PKTINFO_V4.pack(0, local, bytes(4)))]
        if (level, kind) == _HERE_V6:
            local, interface = _PKTINFO_V6.unpack(data)
            is_link_local = local[0] == 0xFE and local[1] & 0xC0 == 0x80
            return [(level, kind, _PKTINFO_V6.pack(local, interface if is_link_local else 0))]
    return []
