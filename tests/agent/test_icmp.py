"""The shared ICMP sockets on loopback, where every address of 127/8 answers and nothing is ever lost."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from hostile_net import Namespace, await_stamps, namespace
from jinbao_agent.clock import SystemClock
from jinbao_agent.probes import Prober, bursts, flights, icmp_rights, sockets
from jinbao_agent.sample import outcome_problem
from jinbao_config.links import Target

needs_icmp = pytest.mark.skipif(not icmp_rights().usable(4), reason="neither ping_group_range nor CAP_NET_RAW allows ICMP")
HOME = Target("icmp", "127.0.0.1")


def county(count: int) -> list[Target]:
    return [Target("icmp", f"127.1.{index // 250}.{index % 250 + 1}") for index in range(count)]


@needs_icmp
def test_two_thousand_targets_at_once_lose_nothing() -> None:
    async def play() -> tuple[Counter[str], int]:
        async with Prober() as prober:
            results = await asyncio.gather(*(prober.probe(target, 2.0) for target in county(2000)))
            return Counter(result.outcome for result in results), prober.stats["sent"]

    assert asyncio.run(play()) == ({"reply": 2000}, 2000)


@needs_icmp
def test_a_sweep_says_what_each_probe_would_in_their_order() -> None:
    targets = [HOME, Target("nic", "lo"), Target("icmp", "::1"), Target("nic", "no-such-card"), Target("icmp", "127.0.0.9")]

    async def play() -> list[str]:
        async with Prober() as prober:
            assert await prober.sweep([], 1.0) == []
            return [result.outcome for result in await prober.sweep(targets, 1.0)]

    assert asyncio.run(play()) == ["reply", "reply", "reply", "not_sent:no_such_interface", "reply"]


@needs_icmp
@pytest.mark.parametrize("count", [20, 600])
def test_a_loop_that_was_blocked_beyond_the_wait_loses_nothing_and_lengthens_nothing(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with more answers waiting than are read in one go."""
    monkeypatch.setattr(bursts, "BURST", count)

    async def play() -> set[tuple[str, bool]]:
        async with Prober() as prober:
            await prober.probe(HOME, 1.0)
            await_stamps()
            await asyncio.sleep(bursts.PAUSE_S)  # a new burst
            asked = [asyncio.create_task(prober.probe(target, 1.0)) for target in county(count)]
            await asyncio.sleep(0)  # they are out
            time.sleep(1.2)  # the fault under test
            results = await asyncio.gather(*asked)
            return {(result.outcome, (result.rtt_us or 0) < 200_000) for result in results}

    assert asyncio.run(play()) == {("reply", True)}


class SteppingClock(SystemClock):
    """The kernel stamps with the true UTC; ours is `ahead_us` of it until somebody sets it."""

    ahead_us = 0

    def utc_us(self) -> int:
        return super().utc_us() + self.ahead_us


@needs_icmp
@pytest.mark.parametrize(
    ("before_us", "after_us"), [(3_600_000_000, 0), (-3_600_000_000, 0), (0, 3_600_000_000), (0, -3_600_000_000)]
)
def test_a_clock_set_in_flight_changes_no_round_trip(before_us: int, after_us: int) -> None:
    """Set before the answer came (first two), or while it lay in our queue (last two)."""
    clock = SteppingClock()

    async def play() -> tuple[str, bool, int]:
        async with Prober(clock) as prober:
            await prober.probe(HOME, 1.0)
            await_stamps()
            clock.ahead_us = before_us
            asked = asyncio.create_task(prober.probe(HOME, 1.0))
            await asyncio.sleep(0)
            clock.ahead_us = after_us
            time.sleep(0.5)  # so that the time until we read is no good answer
            result = await asked
            return result.outcome, (result.rtt_us or 0) < 250_000, prober.stats["clock_stepped"]

    assert asyncio.run(play()) == ("reply", True, 1)


@needs_icmp
def test_sequence_numbers_wrap_and_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "NUMBERS", 64)

    async def play() -> Counter[str]:
        async with Prober() as prober:
            return Counter([(await prober.probe(HOME, 1.0)).outcome for _ in range(200)])

    assert asyncio.run(play()) == {"reply": 200}


@pytest.fixture
def deaf() -> Iterator[Namespace]:
    """A namespace whose kernel answers no echo."""
    with namespace() as inside:
        inside.set("ipv4/icmp_echo_ignore_all", "1")
        yield inside


@pytest.mark.root
def test_more_than_all_numbers_in_flight_are_not_sent(deaf: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "NUMBERS", 64)

    async def play() -> Counter[str]:
        async with Prober() as prober:
            return Counter(result.outcome for result in await prober.sweep([HOME] * 70, 0.1))

    assert deaf.run(play) == {"lost": 64, "not_sent:too_many_in_flight": 6}


@pytest.mark.root
def test_a_short_wait_is_not_held_up_by_a_longer_one(deaf: Namespace) -> None:
    async def play() -> bool:
        async with Prober() as prober:
            patient = asyncio.create_task(prober.probe(HOME, 60.0))
            await asyncio.sleep(0)
            await prober.probe(HOME, 0.05)
            return patient.done()

    assert deaf.run(play) is False


@pytest.mark.root
def test_what_is_under_way_when_the_prober_closes_was_not_measured(deaf: Namespace) -> None:
    async def play() -> Counter[str]:
        async with Prober() as prober:
            asked = [asyncio.create_task(prober.probe(HOME, 60.0)) for _ in range(bursts.BURST + 5)]
            await asyncio.sleep(0)
        return Counter([(await task).outcome for task in asked])

    assert deaf.run(play) == {"not_sent:stopped": bursts.BURST + 5}


@pytest.mark.root
def test_a_cancelled_probe_leaves_the_others_alone(deaf: Namespace) -> None:
    async def play() -> str:
        async with Prober() as prober:
            given_up, waiting = (asyncio.create_task(prober.probe(HOME, 0.1)) for _ in range(2))
            await asyncio.sleep(0)
            given_up.cancel()
            return (await waiting).outcome

    assert deaf.run(play) == "lost"


@pytest.mark.root
def test_answers_our_own_queue_had_no_room_for_are_not_the_links_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECEIVE_BUFFER", 1)
    monkeypatch.setattr(bursts, "BURST", 500)

    async def play() -> tuple[set[str], int]:
        async with Prober() as prober:
            await_stamps()
            results = await prober.sweep(county(400), 0.1)
            return {result.outcome for result in results}, prober.stats["queue_drops"]

    with namespace() as inside:
        outcomes, drops = inside.run(play)
    assert outcomes == {"reply", "not_sent:queue_overflow"}
    assert drops > 0


@pytest.mark.root
def test_other_peoples_packets_do_not_count_as_drops_of_ours() -> None:
    async def play() -> tuple[Counter[str], dict[str, int]]:
        async with Prober() as one, Prober() as other:
            await one.probe(HOME, 1.0)
            await other.sweep(county(1000), 1.0)
            return Counter([(await one.probe(HOME, 1.0)).outcome]), dict(one.stats)

    with namespace() as inside:
        outcomes, stats = inside.run(play)
    assert outcomes == {"reply": 1}
    assert stats == {"sent": 2}


@pytest.mark.root
def test_what_may_be_used_is_tried_not_guessed() -> None:
    with namespace() as inside:
        assert [(right.kind, right.usable) for right in inside.call(icmp_rights).rights] == [("ping", False), ("raw", True)] * 2
        inside.allow_ping_sockets()
        inside.drop_rights()
        rights = inside.call(icmp_rights)
    assert [(right.kind, right.usable, right.reason) for right in rights.rights] == [
        ("ping", True, ""),
        ("raw", False, "no_right_for_icmp"),
    ] * 2
    assert rights.ping_group_range == "0 2147483647"
    assert rights.usable(4)
    assert rights.usable(6)


@pytest.mark.root
@pytest.mark.parametrize(("ping_sockets", "outcome"), [(True, "reply"), (False, "not_sent:no_right_for_icmp")])
def test_an_agent_without_any_right_needs_ping_sockets(ping_sockets: bool, outcome: str) -> None:
    async def play() -> list[str]:
        async with Prober() as prober:
            return [result.outcome for result in await prober.sweep([HOME, Target("icmp", "::1")], 1.0)]

    with namespace() as inside:
        if ping_sockets:
            inside.allow_ping_sockets()
        inside.drop_rights()
        assert inside.run(play) == [outcome] * 2


@pytest.mark.root
@pytest.mark.parametrize("ping_sockets", [True, False])
def test_without_file_descriptors_nothing_is_asked_and_the_reason_is_the_true_one(ping_sockets: bool) -> None:
    async def play() -> str:
        async with Prober() as prober:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                return (await prober.probe(HOME, 1.0)).outcome
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with namespace() as inside:
        if ping_sockets:
            inside.allow_ping_sockets()
            inside.drop_rights()
        assert inside.run(play) == "not_sent:EMFILE"


def test_every_outcome_is_a_token_the_collector_knows() -> None:
    async def play() -> AsyncIterator[str]:
        async with Prober() as prober:
            for target in (HOME, Target("icmp", "not-an-address"), Target("nic", "none"), Target("tcp", "127.0.0.1", 1)):
                yield (await prober.probe(target, 1.0)).outcome

    async def collect() -> list[str]:
        return [outcome async for outcome in play()]

    outcomes = asyncio.run(collect())
    assert [outcome_problem(outcome) for outcome in outcomes] == [None] * 4
    assert outcomes[1:] == ["not_sent:not_an_address", "not_sent:no_such_interface", "refused"]


@needs_icmp
def test_two_moments_of_sending_are_taken_together() -> None:
    async def play() -> tuple[bool, bool]:
        async with Prober() as prober:
            clock = SystemClock()
            utc, boottime = clock.utc_us(), clock.boottime_us()
            result = await prober.probe(HOME, 1.0)
            return utc <= result.sent_us <= clock.utc_us(), boottime <= result.mono_us <= clock.boottime_us()

    assert asyncio.run(play()) == (True, True)
