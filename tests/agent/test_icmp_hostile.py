"""Neighbours that repeat themselves, come late, lie about who they are or mangle what we said. Real packets in a namespace."""

import asyncio
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from hostile_net import Answer, Namespace, Request, echo_reply, message, namespace, neighbour
from jinbao_agent.probes import Prober, Result, flights
from jinbao_config.links import Target

pytestmark = pytest.mark.root
SOMEBODY, ANOTHER = Target("icmp", "127.0.0.5"), Target("icmp", "127.0.0.6")


@pytest.fixture(params=["raw", "ping"])
def inside(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """With each of the two kinds of ICMP socket."""
    with namespace() as made:
        if request.param == "ping":
            made.allow_ping_sockets()
        yield made


def ask(
    inside: Namespace, answers: Callable[[Request], Iterable[Answer]], wait_s: float = 5.0
) -> tuple[Result, Mapping[str, int]]:
    async def play() -> tuple[Result, Mapping[str, int]]:
        async with Prober() as prober:
            return await prober.probe(SOMEBODY, wait_s), prober.stats

    with neighbour(inside, answers):
        return inside.run(play)


def flipped(payload: bytes) -> bytes:
    return payload[:-1] + bytes([payload[-1] ^ 0xFF])


def complaint(request: Request, kind: int = 3, code: int = 13, quoted: bytes | None = None) -> bytes:
    """An ICMP error that quotes the request as RFC 792 asks: its IP header and 8 bytes."""
    return message(kind, code, bytes(4) + (quoted or request.packet[:28]))


def test_an_answer_given_twice_is_one_answer_and_one_duplicate(inside: Namespace) -> None:
    async def play() -> tuple[Result, Mapping[str, int]]:
        async with Prober() as prober:
            result = await prober.probe(SOMEBODY, 5.0)
            await prober.probe(ANOTHER, 5.0)  # the duplicate lies before its answer in the queue
            return result, prober.stats

    with neighbour(inside, lambda request: [Answer(echo_reply(request))] * 2):
        result, stats = inside.run(play)
    assert result.outcome == "reply"
    assert stats["duplicates"] >= 1


def test_an_answer_after_the_wait_is_lost_and_counted_late(inside: Namespace) -> None:
    async def play() -> tuple[Result, Mapping[str, int]]:
        async with Prober() as prober:
            result = await prober.probe(SOMEBODY, 0.05)
            liar.release()
            await prober.probe(ANOTHER, 5.0)
            return result, prober.stats

    def answers(request: Request) -> list[Answer]:
        return [Answer(echo_reply(request), held=request.destination == SOMEBODY.host)]

    with neighbour(inside, answers) as liar:
        result, stats = inside.run(play)
    assert (result.outcome, result.rtt_us) == ("lost", None)
    assert stats["late"] == 1


def test_an_answer_after_the_wait_is_late_even_if_we_were_too_busy_to_give_up(inside: Namespace) -> None:
    async def play() -> Result:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(SOMEBODY, 0.05))
            await asyncio.sleep(0)
            time.sleep(0.2)  # the loop stalls, and the answer comes meanwhile
            liar.release()
            return await asked

    with neighbour(inside, lambda request: [Answer(echo_reply(request), held=True)]) as liar:
        result = inside.run(play)
    assert result.outcome == "late"
    assert result.rtt_us is not None
    assert result.rtt_us >= 200_000


def test_a_mangled_answer_alone_is_a_bad_reply(inside: Namespace) -> None:
    result, stats = ask(inside, lambda request: [Answer(echo_reply(request, flipped(request.payload)))], 0.25)
    assert (result.outcome, result.rtt_us, stats["bad_payload"]) == ("bad_reply", None, 1)


def test_a_truncated_answer_is_a_bad_reply(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [Answer(echo_reply(request, request.payload[:-2]))], 0.25)
    assert result.outcome == "bad_reply"


def test_a_good_answer_after_a_mangled_one_is_a_reply(inside: Namespace) -> None:
    good_after_bad = lambda request: [Answer(echo_reply(request, flipped(request.payload))), Answer(echo_reply(request))]  # noqa: E731
    result, _ = ask(inside, good_after_bad)
    assert result.outcome == "reply"


def test_an_answer_with_a_wrong_checksum_never_came(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [Answer(echo_reply(request, damage=0x5555))], 0.25)
    assert result.outcome == "lost"


def test_an_answer_from_somebody_else_is_not_believed(inside: Namespace) -> None:
    result, stats = ask(inside, lambda request: [Answer(echo_reply(request), source="127.0.0.66")], 0.25)
    assert (result.outcome, stats["bad_source"]) == ("lost", 1)


def test_an_answer_with_ip_options_is_read(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [Answer(echo_reply(request), options=b"\x01\x01\x01\x01")])
    assert result.outcome == "reply"


def test_a_router_that_prohibits_is_named(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [Answer(complaint(request), source="127.0.0.9")])
    assert (result.outcome, result.rtt_us) == ("unreachable:3:13:127.0.0.9", None)


def test_time_exceeded_on_the_way_is_an_error_too(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [Answer(complaint(request, 11, 0), source="127.0.0.9")])
    assert result.outcome == "unreachable:11:0:127.0.0.9"


@pytest.mark.parametrize("kind", [4, 5], ids=["source quench", "redirect"])
def test_advice_to_the_sender_ends_no_probe(inside: Namespace, kind: int) -> None:
    advice_then_answer = lambda request: [  # noqa: E731
        Answer(complaint(request, kind, 0), source="127.0.0.9"),
        Answer(echo_reply(request)),
    ]
    result, _ = ask(inside, advice_then_answer)
    assert result.outcome == "reply"


def elsewhere(request: Request) -> bytes:
    return request.packet[:16] + bytes([127, 0, 0, 7]) + request.packet[20:28]


def another_number(request: Request) -> bytes:
    return request.packet[:26] + struct.pack("!H", request.number ^ 1) + request.packet[28:]


def another_payload(request: Request) -> bytes:
    return request.packet[:28] + flipped(request.payload[:16]) + request.payload[16:]


@pytest.mark.parametrize("quoted", [elsewhere, another_number, another_payload])
def test_an_error_about_a_packet_we_never_sent_is_ignored(inside: Namespace, quoted: Callable[[Request], bytes]) -> None:
    result, _ = ask(inside, lambda request: [Answer(complaint(request, quoted=quoted(request)), source="127.0.0.9")], 0.25)
    assert result.outcome == "lost"


def test_an_error_cut_short_is_ignored(inside: Namespace) -> None:
    result, _ = ask(inside, lambda request: [Answer(message(3, 1, bytes(4) + request.packet[:20]))], 0.25)
    assert result.outcome == "lost"


def test_the_error_of_one_probe_does_not_fail_the_next(inside: Namespace) -> None:
    """A ping socket reports it at the next call, whoever that call is for."""

    async def play() -> list[Result]:
        async with Prober() as prober:
            return await prober.sweep([SOMEBODY, ANOTHER] * 20, 5.0)

    def answers(request: Request) -> list[Answer]:
        if request.destination == SOMEBODY.host:
            return [Answer(complaint(request, 3, 1), source="127.0.0.9")]
        return [Answer(echo_reply(request))]

    with neighbour(inside, answers):
        results = inside.run(play)
    assert [result.outcome for result in results] == ["unreachable:3:1:127.0.0.9", "reply"] * 20


def test_a_probe_in_the_air_keeps_its_number_while_others_wrap_around(
    inside: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "NUMBERS", 16)

    async def play() -> tuple[set[str], str]:
        async with Prober() as prober:
            patient = asyncio.create_task(prober.probe(SOMEBODY, 60.0))
            await asyncio.sleep(0)
            others = {(await prober.probe(ANOTHER, 5.0)).outcome for _ in range(40)}
            liar.release()
            return others, (await patient).outcome

    def answers(request: Request) -> list[Answer]:
        return [Answer(echo_reply(request), held=request.destination == SOMEBODY.host)]

    with neighbour(inside, answers) as liar:
        assert inside.run(play) == ({"reply"}, "reply")


def test_a_stranger_pinging_with_our_numbers_is_kept_away(inside: Namespace) -> None:
    """Another socket's replies do not reach the probe, whatever its sequence numbers."""

    def answers(request: Request) -> list[Answer]:
        for_another = Request(request.packet, request.source, request.destination, request.ident ^ 1, request.number, b"x" * 56)
        return [Answer(echo_reply(for_another)), Answer(echo_reply(request))]

    result, stats = ask(inside, answers)
    assert (result.outcome, stats["foreign"], stats["bad_payload"]) == ("reply", 0, 0)
