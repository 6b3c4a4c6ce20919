"""The reflector answers its own agent at the other end, once, and nobody else at all."""

import asyncio
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand_clock import HandClock
from jinbao_agent import reflector, stamp
from jinbao_agent.clock import SystemClock
from jinbao_agent.reflector import AT_ONCE, BEGIN_AT_ONCE, BEGIN_S, RATE, WINDOW, Reflector
from jinbao_config.links import Target
from peering import COUNTY, LINK, OTHER_LINK, TOWNSHIP, Keyring, asking, honest, question, reflecting, shared


class Asker:
    """A socket of somebody who may be anybody."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    async def asks(self, *datagrams: bytes) -> list[bytes]:
        """Everything that comes back to these. On loopback what is sent has arrived; the last one is known to be answered."""
        for datagram in datagrams:
            self.sock.sendto(datagram, (self._target.host, self._target.port))
        last = os.urandom(8)
        self.sock.sendto(question(0, session=last, link=OTHER_LINK), (self._target.host, self._target.port))
        answers = []
        while True:
            answers.append(await asyncio.get_running_loop().sock_recv(self.sock, 2048))
            read = stamp.read_answer(answers[-1])
            if read is not None and read.question.session == last:
                return answers[:-1]


LAST = Keyring("township", shared(LINK, OTHER_LINK))
THERE = Keyring("county", shared(LINK, OTHER_LINK))


def heard(*datagrams: bytes) -> tuple[list[bytes], dict[str, int]]:
    """What a reflector says to these, and what it counted beside the one it answers at the end."""

    async def play() -> tuple[list[bytes], dict[str, int]]:
        async with reflecting(keyring=THERE) as (one, target):
            with Asker(target) as asker:
                answers = await asker.asks(*datagrams)
                counted = dict(one.stats)
                counted["answered"] -= 1
                return answers, {name: count for name, count in counted.items() if count}

    return asyncio.run(play())


@pytest.fixture(autouse=True)
def _both_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """`question` signs for the other link too."""
    monkeypatch.setattr(TOWNSHIP, "_asking", {code: LAST.asking(code) for code in (LINK, OTHER_LINK)})


def test_a_question_is_answered_and_numbered_in_the_order_of_arrival() -> None:
    answers, counted = heard(question(5), question(6), question(9))
    read = [stamp.read_answer(answer) for answer in answers]
    assert [answer.number for answer in read if answer] == [0, 1, 2]
    assert [answer.question.number for answer in read if answer] == [5, 6, 9]
    assert len({answer.life for answer in read if answer}) == 1
    key = TOWNSHIP.asking(LINK)
    assert key is not None
    assert all(stamp.is_signed(answer, key) for answer in answers)
    assert counted == {"answered": 3}


def test_each_session_is_counted_by_itself() -> None:
    answers, _ = heard(question(0, b"session1"), question(0, b"session2"), question(1, b"session1"))
    read = [stamp.read_answer(answer) for answer in answers]
    assert [answer.number for answer in read if answer] == [0, 0, 1]


def test_a_session_goes_on_when_a_nat_gives_it_another_port() -> None:
    async def play() -> list[bytes]:
        async with reflecting(keyring=THERE) as (_, target):
            with Asker(target) as before, Asker(target) as after:
                return [*await before.asks(question(0)), *await after.asks(question(1))]

    read = [stamp.read_answer(answer) for answer in asyncio.run(play())]
    assert [answer.number for answer in read if answer] == [0, 1]
    assert len({answer.life for answer in read if answer}) == 1


def test_a_copy_gets_no_answer_and_counts_for_nothing() -> None:
    answers, counted = heard(question(0), question(0), question(1), question(0), question(2))
    assert [stamp.read_answer(answer).number for answer in answers] == [0, 1, 2]  # type: ignore[union-attr]
    assert counted == {"answered": 3, "replayed": 2}


STRANGERS = {
    "nothing": (b"", "malformed"),
    "too short": (question()[:-1], "malformed"),
    "too long": (question() + b"\0", "malformed"),
    "twice as long": (question() * 2, "malformed"),
    "a jumbo": (bytes(9000), "malformed"),
    "signed by nobody": (question()[:-16] + bytes(16), "bad_auth"),
    "another link's key": (question(keyring=Keyring("township", shared(secret=b"k" * 32))), "bad_auth"),
    "our own question to the other end": (question(keyring=COUNTY), "bad_auth"),
    "a link we do not know": (stamp.make_question(stamp.Question(0, 1, bytes(8)), 0, 1, b"k" * 32), "unknown_link"),
    "an answer of ours": (honest(question()), "malformed"),
    "a changed number": (bytes([question()[0] ^ 1]) + question()[1:], "bad_auth"),
}


@pytest.mark.parametrize(("datagram", "counted"), STRANGERS.values(), ids=STRANGERS)
def test_whatever_else_comes_gets_no_answer(datagram: bytes, counted: str) -> None:
    assert heard(datagram) == ([], {counted: 1})


@given(st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 20).map(question)), max_size=30))
def test_it_never_says_more_than_it_was_told(datagrams: list[bytes]) -> None:
    """Neither in octets nor in packets: nobody can have it flood somebody else."""
    clock = HandClock()
    one = Reflector(("127.0.0.1", 0), COUNTY, clock)
    said = []
    for datagram in datagrams:
        try:
            said.append((one._answer(datagram, clock.utc, 255), datagram))
        except reflector._Ignored:
            continue
    assert all(len(answer) == len(datagram) for answer, datagram in said)
    assert len({datagram for _, datagram in said}) == len(said)


def ask_by_hand(one: Reflector, clock: HandClock, *datagrams: bytes) -> int:
    """How many of them are answered."""
    answered = 0
    for datagram in datagrams:
        try:
            one._answer(datagram, clock.utc, 255)
        except reflector._Ignored:
            continue
        answered += 1
    return answered


def test_a_session_is_answered_so_often_and_no_more() -> None:
    clock = HandClock()
    one = Reflector(("127.0.0.1", 0), COUNTY, clock)
    flood = [question(number) for number in range(1000)]
    assert ask_by_hand(one, clock, *flood) == AT_ONCE
    clock.forward(1_000_000)
    assert ask_by_hand(one, clock, *flood) == RATE
    clock.forward(3_600_000_000)
    assert ask_by_hand(one, clock, *(question(number) for number in range(1000, 2000))) == AT_ONCE


@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_a_flood_of_old_sessions_does_not_silence_the_one_that_asks(every_s: int) -> None:
    """Whoever recorded the questions of a hundred thousand earlier lives may send them all again."""
    clock = HandClock()
    one = Reflector(("127.0.0.1", 0), COUNTY, clock)
    answered = ask_by_hand(one, clock, question(0, b"the live"))
    replayed = 0
    for second in range(1, 601):
        old = [question(0, f"{second:4}{copy:4}".encode()) for copy in range(20)]
        replayed += ask_by_hand(one, clock, *old[:10])
        if second % every_s == 0:
            answered += ask_by_hand(one, clock, question(second, b"the live"))
        replayed += ask_by_hand(one, clock, *old[10:])
        clock.forward(1_000_000)
    assert answered == 1 + 600 // every_s
    assert replayed <= BEGIN_AT_ONCE + 600 // BEGIN_S


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=200))
def test_every_question_counts_once_whatever_overtakes_what(numbers: list[int]) -> None:
    clock = HandClock()
    one = Reflector(("127.0.0.1", 0), COUNTY, clock)
    known: set[int] = set()
    for number in numbers:
        clock.forward(1_000_000)
        expected = number not in known and number > max(known, default=-1) - WINDOW
        assert ask_by_hand(one, clock, question(number)) == expected
        if expected:
            known.add(number)


@pytest.mark.parametrize(("listen", "asked"), [("0.0.0.0", "127.0.0.7"), ("::", "::1"), ("::", "127.0.0.7"), ("::1", "::1")])
def test_the_answer_comes_from_the_address_that_was_asked(listen: str, asked: str) -> None:
    async def play() -> str:
        async with reflecting(listen) as (_, target):
            there = Target("peer", asked, target.port)
            async with asking(there) as prober:
                return (await prober.probe(there, 30.0)).outcome

    assert asyncio.run(play()) == "reply"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_answer_tells_how_many_routers_the_question_passed(host: str) -> None:
    """Sent with 255, and none is between."""

    async def play() -> list[int]:
        found: list[int] = []
        async with reflecting(host) as (one, target):
            answer = one._answer
            one._answer = lambda data, at_us, ttl: found.append(ttl) or answer(data, at_us, ttl)  # type: ignore[func-returns-value, method-assign]
            async with asking(target) as prober:
                await prober.probe(target, 30.0)
        return found

    assert asyncio.run(play()) == [255]


def test_an_address_that_is_taken_is_tried_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(reflector, "_RETRY_S", 0.01)

    async def play() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            target = Target("peer", "127.0.0.1", other.getsockname()[1])
            one = Reflector((target.host, target.port), COUNTY, SystemClock())
            running = asyncio.create_task(one.run())
            while not caplog.records:
                await asyncio.sleep(0.01)
        while one.address is None:
            await asyncio.sleep(0.01)
        async with asking(target) as prober:
            outcome = (await prober.probe(target, 30.0)).outcome
        running.cancel()
        await asyncio.wait([running])
        return outcome

    assert asyncio.run(play()) == "reply"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Address already in use" in caplog.text
