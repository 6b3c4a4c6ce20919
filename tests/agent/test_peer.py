"""The rung `peer`: what is believed of an answer, and what is counted and not believed. Real sockets on loopback."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable

import pytest

from hostile_net import namespace, router_behind
from jinbao_agent.clock import SystemClock
from jinbao_agent.peers import Keyring, LinkSecrets, PeerSecrets
from jinbao_agent.probes import Peering, Prober, Result, sockets
from jinbao_agent.probes.counts import Counts
from jinbao_config.links import Target
from peering import LINK, Liar, asking, honest, lying, reflecting, shared

Answers = Callable[[Liar, bytes], Iterable[bytes]]
SHORT_S = 0.25


def ask(answers: Answers, wait_s: float = SHORT_S) -> tuple[Result, dict[str, int]]:
    """One question to somebody who answers so."""

    async def play() -> tuple[Result, dict[str, int]]:
        async with lying(answers) as liar, asking(liar.target) as prober:
            return await prober.probe(liar.target, wait_s), dict(prober.peer_stats)

    return asyncio.run(play())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_our_own_agent_at_the_other_end_is_a_reply(host: str) -> None:
    async def play() -> list[Result]:
        async with reflecting(host) as (_, target), asking(target) as prober:
            return [await prober.probe(target, 30.0) for _ in range(3)]

    results = asyncio.run(play())
    assert [result.outcome for result in results] == ["reply"] * 3
    assert all(result.rtt_us is not None and 0 <= result.rtt_us < 30_000_000 for result in results)


# Who lies


def test_an_answer_of_the_wrong_key_is_a_bad_reply() -> None:
    result, stats = ask(lambda liar, asked: [honest(asked, key=b"k" * 32)])
    assert (result.outcome, result.rtt_us, stats["bad_auth"]) == ("bad_reply", None, 1)


def test_an_answer_changed_on_the_way_is_a_bad_reply() -> None:
    result, stats = ask(lambda liar, asked: [honest(asked)[:40] + b"\xff" + honest(asked)[41:]])
    assert (result.outcome, stats["bad_auth"]) == ("bad_reply", 1)


@pytest.mark.parametrize("datagram", [b"", b"hello", bytes(112), bytes(4000)])
def test_rubbish_from_where_we_asked_is_a_bad_reply(datagram: bytes) -> None:
    result, stats = ask(lambda liar, asked: [datagram])
    assert (result.outcome, stats["bad_payload"]) == ("bad_reply", 1)


def test_our_own_question_sent_back_is_no_answer() -> None:
    result, stats = ask(lambda liar, asked: [asked])
    assert (result.outcome, stats["bad_payload"]) == ("bad_reply", 1)


def test_a_good_answer_after_bad_ones_is_a_reply() -> None:
    result, _ = ask(lambda liar, asked: [b"hello", honest(asked, key=b"k" * 32), honest(asked)], 30.0)
    assert result.outcome == "reply"


def test_a_flood_of_lies_before_the_answer_changes_nothing() -> None:
    def answers(liar: Liar, asked: bytes) -> Iterable[bytes]:
        yield from (os.urandom(112) for _ in range(300))
        yield from (honest(asked, key=os.urandom(32)) for _ in range(300))
        yield from [honest(asked)] * 3

    result, stats = ask(answers, 30.0)
    assert result.outcome == "reply"
    assert (stats["bad_payload"], stats["bad_auth"]) == (300, 300)


def test_an_answer_from_somebody_else_is_not_believed_even_if_it_is_authentic() -> None:
    def elsewhere(liar: Liar, asked: bytes) -> Iterable[bytes]:
        liar.say(honest(asked), source="127.0.0.66")
        return []

    result, stats = ask(elsewhere)
    assert (result.outcome, stats["bad_source"]) == ("lost", 1)


def test_rubbish_from_strangers_changes_nothing() -> None:
    def elsewhere(liar: Liar, asked: bytes) -> Iterable[bytes]:
        liar.say(b"hello", bytes(112), asked, source="127.0.0.66")
        return []

    result, stats = ask(elsewhere)
    assert (result.outcome, stats["foreign"]) == ("lost", 3)


def test_an_earlier_questions_answer_does_not_answer_this_one() -> None:
    """Recorded and sent again, to the letter."""
    recorded: list[bytes] = []

    def answers(liar: Liar, asked: bytes) -> Iterable[bytes]:
        recorded.append(honest(asked))
        return recorded[:1]

    async def play() -> tuple[list[str], dict[str, int]]:
        async with lying(answers) as liar, asking(liar.target) as prober:
            outcomes = [(await prober.probe(liar.target, wait_s)).outcome for wait_s in (30.0, SHORT_S, SHORT_S)]
            return outcomes, dict(prober.peer_stats)

    outcomes, stats = asyncio.run(play())
    assert outcomes == ["reply", "lost", "lost"]
    assert stats["duplicates"] == 2


def test_an_earlier_lifes_answer_does_not_answer_this_one() -> None:
    recorded: list[bytes] = []

    def answers(liar: Liar, asked: bytes) -> Iterable[bytes]:
        recorded.append(honest(asked))
        return recorded[:1]

    async def play() -> tuple[str, str, dict[str, int]]:
        async with lying(answers) as liar:
            async with asking(liar.target) as former:
                first = (await former.probe(liar.target, 30.0)).outcome
            async with asking(liar.target) as prober:
                return first, (await prober.probe(liar.target, SHORT_S)).outcome, dict(prober.peer_stats)

    first, second, stats = asyncio.run(play())
    assert (first, second, stats["bad_payload"]) == ("reply", "bad_reply", 1)


# Twice, late, and in our own time


def test_an_answer_given_twice_is_one_answer_and_one_duplicate() -> None:
    async def play() -> tuple[list[str], dict[str, int]]:
        async with lying(lambda liar, asked: [honest(asked)] * 2) as liar, asking(liar.target) as prober:
            outcomes = [(await prober.probe(liar.target, 30.0)).outcome for _ in range(2)]
            return outcomes, dict(prober.peer_stats)

    outcomes, stats = asyncio.run(play())
    assert outcomes == ["reply"] * 2
    assert stats["duplicates"] >= 1  # the second one's copy may not have come yet


def test_an_answer_after_the_wait_is_lost_and_counted_late_once() -> None:
    def answers(liar: Liar, asked: bytes) -> Iterable[bytes]:
        if len(liar.questions) == 1:
            liar.held.append(honest(asked))
            return []
        return [honest(asked)]

    async def play() -> tuple[str, dict[str, int]]:
        async with lying(answers) as liar, asking(liar.target) as prober:
            result = await prober.probe(liar.target, 0.05)
            liar.say(*liar.held)
            liar.release()
            await prober.probe(liar.target, 30.0)
            return result.outcome, dict(prober.peer_stats)

    outcome, stats = asyncio.run(play())
    assert (outcome, stats["late"], stats["duplicates"]) == ("lost", 1, 1)


def test_an_answer_after_the_wait_is_late_even_if_we_were_too_busy_to_give_up() -> None:
    def hold(liar: Liar, asked: bytes) -> Iterable[bytes]:
        liar.held.append(honest(asked))
        return []

    async def play() -> Result:
        async with lying(hold) as liar, asking(liar.target) as prober:
            asked = asyncio.create_task(prober.probe(liar.target, 0.05))
            await asyncio.sleep(0)
            while not liar.held:
                await asyncio.sleep(0)
            time.sleep(0.2)  # the loop stalls, and the answer comes meanwhile
            liar.release()
            return await asked

    result = asyncio.run(play())
    assert result.outcome == "late"
    assert result.rtt_us is not None
    assert result.rtt_us > 50_000


def test_a_stalled_loop_loses_nothing() -> None:
    async def play() -> list[str]:
        async with reflecting() as (_, target), asking(target) as prober:
            asked = [asyncio.create_task(prober.probe(target, 0.05)) for _ in range(20)]
            await asyncio.sleep(0)
            time.sleep(0.2)
            return [(await one).outcome for one in asked]

    assert set(asyncio.run(play())) <= {"reply", "late"}


def test_the_time_the_reflector_took_is_not_the_lines() -> None:
    """An answer that was held for a fifth of a second, and says so."""
    held_us = 200_000

    async def play() -> tuple[Result, int]:
        async def later(liar: Liar, asked: bytes) -> None:
            await asyncio.sleep(held_us / 1e6)
            liar.say(honest(asked, held_us=held_us))

        def answers(liar: Liar, asked: bytes) -> Iterable[bytes]:
            tasks.append(asyncio.create_task(later(liar, asked)))
            return []

        tasks: list[asyncio.Task[None]] = []
        async with lying(answers) as liar, asking(liar.target) as prober:
            began_us = SystemClock().boottime_us()
            result = await prober.probe(liar.target, 30.0)
            return result, SystemClock().boottime_us() - began_us

    result, took_us = asyncio.run(play())
    assert result.rtt_us is not None
    assert result.rtt_us <= took_us - held_us + 1


@pytest.mark.parametrize("held_us", [-(10**9), -1, 60_000_000])
def test_a_reflector_whose_clock_was_set_meanwhile_makes_no_round_trip_shorter(held_us: int) -> None:
    result, _ = ask(lambda liar, asked: [honest(asked, held_us=held_us)], 30.0)
    assert result.outcome == "reply"
    assert result.rtt_us is not None
    assert 0 <= result.rtt_us < 30_000_000


# What the network says instead


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_where_nobody_listens_is_refused(host: str) -> None:
    async def play() -> list[str]:
        async with reflecting(host) as (_, target):
            closed = target
        async with asking(closed) as prober:
            return [(await prober.probe(closed, 30.0)).outcome for _ in range(3)]

    assert asyncio.run(play()) == ["refused"] * 3


def test_the_error_of_one_question_does_not_fail_the_next() -> None:
    """The kernel reports it at the next call, whoever that call is for."""

    async def play() -> list[str]:
        async with reflecting() as (_, gone):
            pass
        async with reflecting() as (_, target), asking(gone, target) as prober:
            return [result.outcome for result in await prober.sweep([gone, target] * 15, 30.0)]

    assert asyncio.run(play()) == ["refused", "reply"] * 15


@pytest.mark.root
@pytest.mark.parametrize(("route", "outcome"), [("prohibit", "3:13:10.9.0.2"), ("unreachable", "3:1:10.9.0.2")])
def test_a_router_that_says_no_is_named(route: str, outcome: str) -> None:
    far = Target("peer", "10.77.0.1", 8620)

    async def play() -> str:
        async with asking(far) as prober:
            return (await prober.probe(far, 30.0)).outcome

    with namespace() as inside, router_behind(inside) as there:
        there(f"ip route add {route} 10.77.0.0/16")
        assert inside.run(play) == f"unreachable:{outcome}"


@pytest.mark.root
def test_without_a_route_it_fails_at_once_and_no_number_is_spent() -> None:
    far = Target("peer", "10.77.0.1", 8620)

    async def play() -> tuple[list[str], int]:
        async with asking(far) as prober:
            outcomes = [(await prober.probe(far, 30.0)).outcome for _ in range(3)]
            ((_, session),) = prober.peers._sessions.values()
            return outcomes, session.next

    with namespace() as inside:
        assert inside.run(play) == (["unreachable:3:0:local"] * 3, 0)


# What is our own fault


def test_without_a_key_that_both_ends_have_nothing_is_sent() -> None:
    pending = Keyring("township", PeerSecrets("", {LINK: LinkSecrets(None, (os.urandom(32),))}))

    async def play() -> list[str]:
        async with reflecting() as (_, target):
            probers = [Prober(), asking(target, keyring=Keyring("township")), asking(target, keyring=pending)]
            outcomes = []
            for one in probers:
                async with one as prober:
                    outcomes.append((await prober.probe(target, 30.0)).outcome)
            return outcomes

    assert asyncio.run(play()) == ["not_sent:no_peer_key"] * 3


def test_a_new_secret_is_asked_with_from_the_next_question_on() -> None:
    async def play() -> list[str]:
        new = os.urandom(32)
        keyring, there = Keyring("township", shared()), Keyring("county", shared())
        async with reflecting(keyring=there) as (_, target), asking(target, keyring=keyring) as prober:
            outcomes = [(await prober.probe(target, 30.0)).outcome]
            keyring.learn(shared(secret=new))
            outcomes.append((await prober.probe(target, SHORT_S)).outcome)
            there.learn(PeerSecrets("", {LINK: LinkSecrets(new, (new, *shared().links[LINK].known))}))
            outcomes.append((await prober.probe(target, 30.0)).outcome)
            return outcomes

    assert asyncio.run(play()) == ["reply", "lost", "reply"]


def test_what_is_under_way_when_the_prober_closes_was_not_measured() -> None:
    async def play() -> set[str]:
        async with lying(lambda liar, asked: []) as liar:
            async with asking(liar.target) as prober:
                asked = [asyncio.create_task(prober.probe(liar.target, 60.0)) for _ in range(50)]
                await asyncio.sleep(0)
            return {(await one).outcome for one in asked}

    assert asyncio.run(play()) == {"not_sent:stopped"}


@pytest.mark.root
def test_answers_our_own_queue_had_no_room_for_are_not_the_links_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECEIVE_BUFFER", 1)

    async def play() -> tuple[str, int]:
        flood = lying(lambda liar, asked: [bytes(112)] * 100)
        async with lying(lambda liar, asked: []) as silent, flood as loud, asking(silent.target, loud.target) as prober:
            result, _ = await prober.sweep([silent.target, loud.target], SHORT_S)
            return result.outcome, prober.peer_stats["queue_drops"]

    with namespace() as inside:
        outcome, drops = inside.run(play)
    assert drops > 0
    assert outcome == "not_sent:queue_overflow"


# Which way


def lossy(picture: str) -> Answers:
    """Loses what the picture says: o answered, u lost on the way there, d on the way back."""
    arrived = iter(range(len(picture)))

    def answers(liar: Liar, asked: bytes) -> Iterable[bytes]:
        sign = picture[len(liar.questions) - 1]
        if sign == "u":
            return []
        number = next(arrived)
        return [honest(asked, number)] if sign == "o" else []

    return answers


@pytest.mark.parametrize(
    ("picture", "sent", "arrived", "returned"),
    [("ouuuooo", 3, 0, 0), ("odddooo", 3, 3, 0), ("oduduooo", 4, 2, 0), ("ouodooo", 3, 2, 1)],
)
def test_the_answers_tell_which_way_questions_were_lost(picture: str, sent: int, arrived: int, returned: int) -> None:
    told: list[Counts] = []

    async def play() -> list[Result]:
        async with lying(lossy(picture)) as liar, asking(liar.target, told=told) as prober:
            return [await prober.probe(liar.target, 30.0 if sign == "o" else 0.02) for sign in picture]

    results = asyncio.run(play())
    assert [result.outcome for result in results] == ["reply" if sign == "o" else "lost" for sign in picture]
    lost = [result.sent_us for result in results if result.outcome == "lost"]
    assert told == [Counts(lost[0], lost[-1], sent, arrived, returned)]


# The county: many links, one process


def test_a_county_asks_hundreds_of_links_and_loses_none() -> None:
    codes = [f"5104{number:05}" for number in range(200)]
    secrets = shared(*codes)

    async def play() -> tuple[list[str], int]:
        theirs = Keyring("township", secrets)
        async with reflecting("0.0.0.0", keyring=theirs) as (one, at):
            targets = {Target("peer", f"127.0.1.{number}", at.port): code for number, code in enumerate(codes, 1)}
            async with Prober(peering=Peering(Keyring("county", secrets), targets)) as prober:
                results = [result for _ in range(5) for result in await prober.sweep([*targets], 30.0)]
            return [result.outcome for result in results], one.stats["answered"]

    outcomes, answered = asyncio.run(play())
    assert outcomes == ["reply"] * 1000
    assert answered == 1000
