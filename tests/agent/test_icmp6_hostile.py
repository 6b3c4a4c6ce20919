"""The same over IPv6, with each of the two kinds of ICMP socket; and floods, over both versions."""

import asyncio
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import pytest

from hostile_net import Answer, Namespace, Request, await_stamps, echo_reply, message, namespace, neighbour
from hostile_net6 import ANOTHER, ROUTER, SOMEBODY, echo_reply6, live_on_loopback, message6, neighbour6
from jinbao_agent.probes import Prober, Result, sockets
from jinbao_config.links import Target

pytestmark = pytest.mark.root
STRANGER = "fd00::66"
Answers = Callable[[Request], Iterable[Answer]]


@pytest.fixture(params=["raw", "ping"])
def inside(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    with namespace() as made:
        if request.param == "ping":
            made.allow_ping_sockets()
        live_on_loopback(made)
        yield made


def ask(inside: Namespace, answers: Answers, wait_s: float = 5.0) -> tuple[Result, Mapping[str, int]]:
    async def play() -> tuple[Result, Mapping[str, int]]:
        async with Prober() as prober:
            return await prober.probe(Target("icmp", SOMEBODY), wait_s), prober.stats

    with neighbour6(inside, answers):
        return inside.run(play)


def outlast(inside: Namespace, answers: Answers) -> tuple[Result, Mapping[str, int]]:
    """What comes of a probe once all these answers have come and its time is up."""

    async def play() -> tuple[Result, Mapping[str, int]]:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(Target("icmp", SOMEBODY), 0.05))
            await asyncio.sleep(0)
            liar.release()
            return await asked, prober.stats

    with neighbour6(inside, lambda request: [replace(answer, held=True) for answer in answers(request)]) as liar:
        return inside.run(play)


def flipped(payload: bytes) -> bytes:
    return payload[:-1] + bytes([payload[-1] ^ 0xFF])


def complaint(request: Request, kind: int = 1, code: int = 1, quoted: bytes | None = None) -> Answer:
    """An ICMPv6 error of a router that quotes the request, as RFC 4443 section 2.4 asks."""
    return Answer(message6(request, kind, code, bytes(4) + (quoted or request.packet), source=ROUTER), source=ROUTER)


def test_an_answer_given_twice_is_one_answer_and_one_duplicate(inside: Namespace) -> None:
    async def play() -> tuple[str, int]:
        async with Prober() as prober:
            result = await prober.probe(Target("icmp", SOMEBODY), 5.0)
            await prober.probe(Target("icmp", ANOTHER), 5.0)  # the duplicate lies before its answer in the queue
            return result.outcome, prober.stats["duplicates"]

    with neighbour6(inside, lambda request: [Answer(echo_reply6(request))] * 2):
        outcome, duplicates = inside.run(play)
    assert outcome == "reply"
    assert duplicates >= 1


def test_an_answer_after_the_wait_is_lost_and_counted_late(inside: Namespace) -> None:
    async def play() -> tuple[str, int]:
        async with Prober() as prober:
            result = await prober.probe(Target("icmp", SOMEBODY), 0.05)
            liar.release()
            await prober.probe(Target("icmp", ANOTHER), 5.0)
            return result.outcome, prober.stats["late"]

    def answers(request: Request) -> list[Answer]:
        return [Answer(echo_reply6(request), held=request.destination == SOMEBODY)]

    with neighbour6(inside, answers) as liar:
        assert inside.run(play) == ("lost", 1)


@pytest.mark.parametrize("change", [flipped, lambda payload: payload[:-2], lambda payload: payload + b"x"])
def test_a_mangled_answer_alone_is_a_bad_reply_and_before_a_good_one_nothing(
    inside: Namespace, change: Callable[[bytes], bytes]
) -> None:
    bad = lambda request: Answer(echo_reply6(request, change(request.payload)))  # noqa: E731
    result, stats = outlast(inside, lambda request: [bad(request)])
    assert (result.outcome, result.rtt_us, stats["bad_payload"]) == ("bad_reply", None, 1)
    assert ask(inside, lambda request: [bad(request), Answer(echo_reply6(request))])[0].outcome == "reply"


def test_an_answer_with_a_wrong_checksum_never_came(inside: Namespace) -> None:
    """The kernel lets no socket see it (RFC 3542 section 3.1), and counts it like one for which a raw socket had no room."""
    result, stats = outlast(inside, lambda request: [Answer(echo_reply6(request, damage=0x5555))])
    assert (result.outcome, stats["queue_drops"]) == ("lost", 0)


def test_an_answer_from_somebody_else_is_not_believed(inside: Namespace) -> None:
    spoofed = lambda request: [Answer(echo_reply6(request, source=STRANGER), source=STRANGER)]  # noqa: E731
    result, stats = outlast(inside, spoofed)
    assert (result.outcome, stats["bad_source"]) == ("lost", 1)


def test_a_stranger_pinging_with_our_numbers_is_kept_away(inside: Namespace) -> None:
    answers = lambda request: [Answer(echo_reply6(request, ident=request.ident ^ 1)), Answer(echo_reply6(request))]  # noqa: E731
    result, stats = ask(inside, answers)
    assert (result.outcome, stats["foreign"], stats["bad_payload"]) == ("reply", 0, 0)


@pytest.mark.parametrize(("kind", "code"), [(1, 0), (1, 1), (1, 3), (3, 0), (4, 0)])
def test_a_router_that_says_no_is_named_with_the_numbers_of_icmpv6(inside: Namespace, kind: int, code: int) -> None:
    result, stats = ask(inside, lambda request: [complaint(request, kind, code)])
    assert (result.outcome, stats["icmp_errors"]) == (f"unreachable:{kind}:{code}:{ROUTER}", 1)


def test_a_packet_too_big_ends_no_probe(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [complaint(request, 2, 0), Answer(echo_reply6(request))])
    assert result.outcome == "reply"


def elsewhere(packet: bytes) -> bytes:
    return packet[:39] + b"\x07" + packet[40:]


def another_number(packet: bytes) -> bytes:
    return packet[:46] + struct.pack("!H", struct.unpack("!H", packet[46:48])[0] ^ 1) + packet[48:]


def another_payload(packet: bytes) -> bytes:
    return packet[:48] + flipped(packet[48:64]) + packet[64:]


@pytest.mark.parametrize("change", [elsewhere, another_number, another_payload, lambda packet: packet[:44]])
def test_an_error_about_a_packet_we_never_sent_is_ignored(inside: Namespace, change: Callable[[bytes], bytes]) -> None:
    result, _ = outlast(inside, lambda request: [complaint(request, quoted=change(request.packet))])
    assert result.outcome == "lost"


def test_a_stalled_loop_loses_no_answer_and_lengthens_none(inside: Namespace) -> None:
    async def play() -> Result:
        async with Prober() as prober:
            await_stamps()
            asked = asyncio.create_task(prober.probe(Target("icmp", SOMEBODY), 0.3))
            await asyncio.sleep(0)
            time.sleep(0.5)  # the fault under test
            return await asked

    with neighbour6(inside, lambda request: [Answer(echo_reply6(request))]):
        result = inside.run(play)
    assert result.outcome == "reply"
    assert (result.rtt_us or 0) < 250_000


# Floods


def rubbish(request: Request, chance: random.Random) -> Iterator[Answer]:
    """Everything but the answer: other numbers and payloads, errors about packets never sent, from here and there."""
    for _ in range(20):
        other = Request(
            request.packet,
            request.source,
            request.destination,
            request.ident if chance.random() < 0.5 else chance.randrange(1 << 16),
            chance.randrange(1 << 16),
            chance.randbytes(56) if chance.random() < 0.5 else request.payload,
        )
        source = chance.choice([None, "127.0.0.66", "127.0.0.67"])
        yield Answer(echo_reply(other, damage=chance.choice([0, 0, 0x5555])), source=source)
        quoted = request.packet[:26] + chance.randbytes(10)
        yield Answer(message(chance.choice([3, 11]), 1, bytes(4) + quoted), source="127.0.0.66")


def test_a_flood_around_each_answer_changes_nothing(inside: Namespace) -> None:
    chance = random.Random(11)
    targets = [Target("icmp", f"127.0.1.{host}") for host in range(1, 101)]

    def answers(request: Request) -> Iterator[Answer]:
        yield from rubbish(request, chance)
        yield Answer(echo_reply(request))
        yield from rubbish(request, chance)
        yield Answer(echo_reply(request))

    async def play() -> tuple[Counter[str], Mapping[str, int]]:
        async with Prober() as prober:
            results = await prober.sweep(targets, 3.0)
            return Counter(result.outcome for result in results), dict(prober.stats)

    with neighbour(inside, answers):
        outcomes, stats = inside.run(play)
    assert outcomes == {"reply": 100}
    assert stats["foreign"] + stats.get("bad_source", 0) + stats.get("bad_payload", 0) > 100


def test_a_flood_that_fills_our_queue_is_no_loss_of_the_line(inside: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with mangled answers among it: the good one may have been what had no room."""
    monkeypatch.setattr(sockets, "RECEIVE_BUFFER", 1)

    def answers(request: Request) -> Iterator[Answer]:
        for _ in range(100):
            yield Answer(echo_reply(request, flipped(request.payload)))
        yield Answer(echo_reply(request), held=True)

    async def play() -> str:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(Target("icmp", "127.0.0.5"), 0.2))
            await asyncio.sleep(0)
            liar.release()  # all has been said, and nobody read meanwhile
            return (await asked).outcome

    with neighbour(inside, answers) as liar:
        assert inside.run(play) == "not_sent:queue_overflow"
