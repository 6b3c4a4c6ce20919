"""Both ends of a link on loopback: secrets, a real reflector, and one that lies."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field

from jinbao_agent import stamp
from jinbao_agent.clock import Clock, SystemClock
from jinbao_agent.peers import Keyring, LinkSecrets, PeerSecrets
from jinbao_agent.probes import Peering, Prober
from jinbao_agent.probes.counts import Counts
from jinbao_agent.reflector import Reflector, open_reflector
from jinbao_config.links import Target

LINK, OTHER_LINK = "510422101", "510422102"
SECRET = os.urandom(32)


def shared(*codes: str, secret: bytes = SECRET) -> PeerSecrets:
    """What the centre gave both ends of these links."""
    return PeerSecrets("digest", {code: LinkSecrets(secret, (secret,)) for code in codes or (LINK,)})


TOWNSHIP, COUNTY = Keyring("township", shared()), Keyring("county", shared())


@contextlib.asynccontextmanager
async def reflecting(
    host: str = "127.0.0.1", keyring: Keyring = COUNTY, clock: Clock | None = None
) -> AsyncIterator[tuple[Reflector, Target]]:
    """The county's reflector, or another; how a township's agent asks it."""
    reflector = Reflector((host, 0), keyring, clock or SystemClock())
    with open_reflector(host, 0) as sock:
        serving = asyncio.create_task(reflector.serve(sock))
        try:
            yield reflector, Target("peer", host, sock.getsockname()[1])
        finally:
            serving.cancel()
            await asyncio.wait([serving])


@contextlib.contextmanager
def reflecting_beside(keyring: Keyring, host: str = "127.0.0.1") -> Iterator[int]:
    """A reflector that runs beside the test, as in another agent; its port."""
    port: list[int] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with reflecting(host, keyring) as (_, target):
            port.append(target.port)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield port[0]
    finally:
        over.set()
        thread.join()


def asking(*targets: Target, keyring: Keyring = TOWNSHIP, told: list[Counts] | None = None) -> Prober:
    """The township's agent, whose link these targets belong to."""

    def tell(link: str, counts: Counts) -> None:
        if told is not None:
            told.append(counts)

    return Prober(peering=Peering(keyring, dict.fromkeys(targets, LINK), tell))


@dataclass
class Liar:
    """Somebody at the other end who answers as `answers` says: each a datagram of its own. What is put into `held` waits."""

    target: Target
    answers: Callable[[bytes], Iterable[bytes]]
    questions: list[bytes] = field(default_factory=list)
    held: list[bytes] = field(default_factory=list)
    _asker: tuple[str, int] | None = None
    _sock: socket.socket | None = None

    def hear(self) -> None:
        assert self._sock is not None
        question, self._asker = self._sock.recvfrom(2048)
        self.questions.append(question)
        self.say(*self.answers(question))

    def say(self, *datagrams: bytes, source: str | None = None) -> None:
        """To whoever asked last; from another address with `source`, then of the same port."""
        assert self._sock is not None
        assert self._asker is not None
        if source is None:
            for datagram in datagrams:
                self._sock.sendto(datagram, self._asker)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((source, self.target.port))
            for datagram in datagrams:
                other.sendto(datagram, self._asker)

    def release(self) -> None:
        """Everything held is said; it lies in the asker's queue when this returns."""
        self.say(*self.held)
        self.held.clear()


@contextlib.asynccontextmanager
async def lying(answers: Callable[["Liar", bytes], Iterable[bytes]]) -> AsyncIterator[Liar]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.5", 0))
        sock.setblocking(False)
        liar = Liar(Target("peer", "127.0.0.5", sock.getsockname()[1]), lambda question: answers(liar, question), _sock=sock)
        loop = asyncio.get_running_loop()
        loop.add_reader(sock, liar.hear)
        try:
            yield liar
        finally:
            loop.remove_reader(sock)


def question(number: int = 0, session: bytes = b"session.", link: str = LINK, keyring: Keyring = TOWNSHIP) -> bytes:
    key = keyring.asking(link)
    assert key is not None
    return stamp.make_question(stamp.Question(number, int(link), session), 1_617_969_600_000_000, 1, key)


def honest(asked: bytes, number: int = 0, life: bytes = b"honestly", held_us: int = 0, key: bytes | None = None) -> bytes:
    """What the county's reflector would say to the township's question."""
    key = key or TOWNSHIP.asking(LINK)
    assert key is not None
    now_us = SystemClock().utc_us()
    return stamp.make_answer(asked, number, life, received_us=now_us - held_us, sent_us=now_us, error=1, ttl=255, key=key)
