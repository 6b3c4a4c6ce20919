"""Why there is nothing: each way in which an agent can fall silent has a word of its own, by what it recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_records import LINK
from hand_clock import HandClock
from jinbao_agent.clock import LEAST_SLEEP_US, SleepWatch
from jinbao_agent.events import Voice
from jinbao_agent.sample import Event
from jinbao_agent.silence import Probe, Silence, Why, silences
from silent_agents import AFTER, BEFORE, BEGIN_MS, NEXT_BOOT, OTHER_BOOT, SAME_BOOT, T_MS, event, probe, run


@pytest.mark.parametrize(("probes", "events", "why"), SAME_BOOT.values(), ids=SAME_BOOT)
def test_a_gap_within_a_boot(probes: list[Probe], events: list[Event], why: Why) -> None:
    (found,) = silences([*AFTER, *probes, *BEFORE], reversed(events), T_MS)
    assert (found.from_ms, found.to_ms, found.why) == (BEGIN_MS + 90_000, BEGIN_MS + 200_000, why)


@pytest.mark.parametrize(("events", "why"), OTHER_BOOT.values(), ids=OTHER_BOOT)
def test_a_gap_between_boots(events: list[Event], why: Why) -> None:
    begun = [event("boot", 1005, boot="b2"), event("start", 1005, boot="b2")]
    (found,) = silences([*NEXT_BOOT, *BEFORE], [*begun, *events], T_MS)
    assert (found.from_ms, found.to_ms, found.why) == (BEGIN_MS + 90_000, BEGIN_MS + 1_010_000, why)


@given(st.lists(st.integers(-4000, 4000), min_size=30, max_size=30))
def test_a_clock_that_was_set_makes_no_gap_and_hides_none(ahead: list[int]) -> None:
    seconds = [*range(0, 100, 10), *range(300, 500, 10)]
    probes = [probe(second, ahead_s=by) for second, by in zip(seconds, ahead, strict=True)]
    (found,) = silences(probes, [], T_MS)
    end_ms = BEGIN_MS + (490 + ahead[-1]) * 1000
    assert found == Silence(end_ms - 400_000, end_ms - 190_000, Why.UNRECORDED)


def test_a_boot_that_began_in_1970_follows_the_one_before_it() -> None:
    early = [probe(second, boot="b2", ahead_s=-1_600_000_000) for second in range(1010, 1050, 10)]
    (found,) = silences([*early, *run(1050, 1100, "b2"), *BEFORE], [event("heartbeat", 93)], T_MS)
    assert (found.to_ms, found.why) == (BEGIN_MS + 1_010_000, Why.MACHINE_LOST)


def test_several_rungs_are_one_agent_and_a_slow_tick_is_no_gap() -> None:
    assert silences([*run(0, 100), *run(0, 100), probe(105), probe(119)], [], T_MS) == []
    assert silences([], [], T_MS) == []


def test_sleep_is_what_one_clock_counts_and_the_other_does_not() -> None:
    clock, awake = HandClock(), [7_000_000]
    watch = SleepWatch(clock, lambda: awake[0])
    clock.forward(5_000_000)
    awake[0] += 5_000_000
    assert watch.slept_us() == 0
    clock.forward(LEAST_SLEEP_US - 1)
    assert watch.slept_us() == 0
    clock.forward(600_000_001)
    assert watch.slept_us() == LEAST_SLEEP_US + 600_000_000
    assert watch.slept_us() == 0
    told = Voice(LINK, "township", "b1").slept(600_000_499, clock)
    assert (told.event, told.number("for_ms")) == ("suspend", 600_000)
