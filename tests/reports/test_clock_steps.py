"""Clock steps undone where they are told a little late, one after the other, and for events as for samples (judgement R1.5)."""

from itertools import product

import pytest

from jinbao_agent.sample import Event, Sample
from jinbao_reports.clock_steps import restamp_events, steps_of
from jinbao_reports.interval import FOREVER
from jinbao_reports.right_clock import Source
from jinbao_reports.rung import Rung
from jinbao_reports.source import Recorded
from jinbao_reports.timeline import Meaning
from samples import series_of

S = 1_000_000
NOON, T, AHEAD = 1_700_000_000 * S, 10 * S, 90 * S
LINK = "510422101"


def event(name: str, at_us: int, mono_us: int, detail: str = "", boot: str = "b1") -> Event:
    facts = f"{detail};mono_ns={mono_us * 1000}".removeprefix(";")
    return Event(link=LINK, vantage="township", at_us=at_us, event=name, boot=boot, detail=facts)


def step(at_us: int, mono_us: int, delta_us: int, synced: int) -> Event:
    return event("clock_step", at_us, mono_us, f"delta_ms={delta_us // 1000};synced={synced}")


def samples(*spans: tuple[int, int, int]) -> list[Sample]:
    """A sample each T of mono in [since, until), on a clock that is so much ahead."""
    return [
        Sample(
            link=LINK,
            vantage="township",
            target="core",
            sent_us=NOON + mono + ahead,
            outcome="reply",
            rtt_us=1,
            boot="b1",
            seq=mono // T,
            mono_us=mono,
        )
        for since, until, ahead in spans
        for mono in range(since, until, T)
    ]


def restamped(found: list[Sample], steps: list[Event]) -> list[int]:
    """The samples' instants on the right clock, one by one; run together, they have the same edges."""
    source = Recorded({(LINK, "township", "core"): series_of(found, T // 1000)})
    rung = Rung.prepare(
        Source(source, (LINK, "township", "core"), FOREVER[0], Meaning(2000, "", service=False, authentic=False)),
        steps_of(steps, LINK, "township"),
    )
    at = rung.close_up(*FOREVER).records.at.tolist()
    assert (rung.records.at[0], rung.records.last[-1], rung.records.count.sum()) == (at[0], at[-1], len(at))
    return at


def true_instants(seconds: int) -> list[int]:
    return [(NOON + mono) // 1000 for mono in range(0, seconds * S, T)]


@pytest.mark.parametrize("synced", [0, 1])
def test_a_sample_sent_between_the_step_and_its_being_seen_is_no_anchor(synced: int) -> None:
    """The clock jumps at 50 s, just before a probe; the agent sees it 2 ms after."""
    ahead = (AHEAD, 0) if synced else (0, AHEAD)
    told = step(NOON + 50 * S + 2000 + ahead[1], 50 * S + 2000, ahead[1] - ahead[0], synced)
    found = samples((0, 50 * S, ahead[0]), (50 * S, 100 * S, ahead[1]))
    assert restamped(found, [told]) == true_instants(100)


@pytest.mark.parametrize(("there", "back"), list(product((0, 1), (0, 1))))
def test_a_clock_that_is_set_wrong_and_right_again_moves_events_with_the_samples(there: int, back: int) -> None:
    steps = [step(NOON + 30 * S + AHEAD, 30 * S, AHEAD, there), step(NOON + 60 * S, 60 * S, -AHEAD, back)]
    mains = [
        event("mains_off", NOON + 20 * S, 20 * S),
        event("mains_on", NOON + 45 * S + AHEAD, 45 * S),
        event("mains_off", NOON + 75 * S, 75 * S),
    ]
    found = [one.at_us - NOON for one in restamp_events([*steps, *mains]) if one.event != "clock_step"]
    # Where the wrong clock was taken for disciplined and the right one not, the evidence puts all on the wrong one.
    shift = AHEAD if (there, back) == (1, 0) else 0
    assert found == [20 * S + shift, 45 * S + shift, 75 * S + shift]
    moved = restamped(samples((0, 30 * S, 0), (30 * S, 60 * S, AHEAD), (60 * S, 90 * S, 0)), steps)
    assert moved == [at + shift // 1000 for at in true_instants(90)]


def test_a_boot_with_a_wrong_clock_is_put_right_from_its_first_word_on() -> None:
    wrong = -3600 * S
    told = [
        event("boot", NOON + 2 * S + wrong, 2 * S, boot="b1"),
        event("start", NOON + 2 * S + wrong, 2 * S, boot="b1"),
        step(NOON + 8 * S, 8 * S, -wrong, 1),
        event("heartbeat", NOON - 20 * S, 77 * S, boot="b0"),
    ]
    assert [(one.event, one.at_us - NOON) for one in restamp_events(told)] == [
        ("heartbeat", -20 * S),
        ("boot", 2 * S),
        ("start", 2 * S),
        ("clock_step", 8 * S),
    ]


def test_another_agents_clock_is_its_own() -> None:
    other = Event(link="*", vantage="county", at_us=NOON, event="start", boot="b1", detail="mono_ns=1000")
    assert other in restamp_events([step(NOON + 8 * S, 8 * S, AHEAD, 1), other])


def test_two_like_steps_with_a_sample_between_are_told_apart() -> None:
    """The jump of the first, already undone, is not taken for that of the second."""
    steps = [step(NOON + 35 * S, 35 * S, 30 * S, 1), step(NOON + 45 * S, 45 * S, 30 * S, 1)]
    found = samples((0, 40 * S, -60 * S), (40 * S, 50 * S, -30 * S), (50 * S, 90 * S, 0))
    assert restamped(found, steps) == true_instants(90)
