"""What one life of the agent says of the mains after another, and what judgement takes it to mean."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_records import everything_in
from agent_sense import S, beat, life
from hand_clock import HandClock
from jinbao_lab.ups import Ups
from jinbao_reports.life import AgentLife


@pytest.fixture
def ups() -> Iterator[Ups]:
    server = Ups()
    yield server
    server.kill()


def in_force(file: Path) -> list[tuple[int, int]]:
    """When judgement takes the mains to be off, whole seconds after the first event."""
    events = everything_in(file)[2]
    spans = AgentLife((), tuple(events), 10_000).periods("mains_off", "mains_on")
    begin = events[0].at_us // 1000
    return [((start - begin) // 1000, (end - begin) // 1000) for start, end in spans]


def test_an_agent_restarted_in_an_outage_says_so_again_and_the_outage_stays_one(tmp_path: Path, ups: Ups) -> None:
    async def scene() -> None:
        clock = HandClock()
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
            ups.order(status="OB")
            await agent.hears()
            since_us = clock.utc
        clock.forward(20 * S)
        async with life(tmp_path, ups, clock, last=beat(clock, "boot-1", stopped=False)) as agent:
            await agent.hears()
            assert (agent.known().on, agent.known().since_us) == (False, since_us)
            ups.order(status="OL")
            await agent.hears()
            assert agent.told() == ["mains_on", "mains_off", "mains_off", "mains_on"]

    asyncio.run(scene())
    assert in_force(tmp_path / "spool.db") == [(5, 40)]


def test_power_that_returned_while_the_agent_was_down_ends_the_outage(tmp_path: Path, ups: Ups) -> None:
    async def scene() -> None:
        clock = HandClock()
        ups.order(status="OB")
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
        ups.order(status="OL")
        clock.forward(20 * S)
        async with life(tmp_path, ups, clock, last=beat(clock, "boot-1", stopped=True)) as agent:
            await agent.hears()
            assert agent.told() == ["mains_off", "mains_on"]

    asyncio.run(scene())
    assert in_force(tmp_path / "spool.db") == [(0, 30)]


def test_a_ups_heard_late_after_the_battery_ran_out_does_not_stretch_the_outage(tmp_path: Path, ups: Ups) -> None:
    """The next boot's first record has ended it (judgement R9); a mains_on an hour later would excuse that hour too."""

    async def scene() -> None:
        clock = HandClock()
        ups.order(status="OB")
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
        died = beat(clock, "boot-1", stopped=False)
        clock.forward(600 * S)
        ups.order(status="OL", manner="hangs up")
        for boot, last in (("boot-2", died), ("boot-2", beat(clock, "boot-2", stopped=True))):
            async with life(tmp_path, ups, clock, boot, last=last) as agent:
                await agent.hears()
                ups.order(manner="plain")
                await agent.hears(3600)
                assert (agent.told(), agent.known().on) == (["mains_off"], True)
        async with life(tmp_path, ups, clock, "boot-3") as agent:
            for status in ("OL", "OB", "OL"):
                ups.order(status=status)
                await agent.hears()
            assert agent.told() == ["mains_off", "mains_off", "mains_on"]

    asyncio.run(scene())
    spans = in_force(tmp_path / "spool.db")
    assert spans[0] == (0, 605)
    assert spans[1][1] - spans[1][0] == 10


def test_a_reboot_in_the_middle_of_an_outage_says_at_once_that_it_goes_on(tmp_path: Path, ups: Ups) -> None:
    async def scene() -> None:
        clock = HandClock()
        ups.order(status="OB")
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
        died = beat(clock, "boot-1", stopped=False)
        clock.forward(60 * S)
        async with life(tmp_path, ups, clock, "boot-2", last=died) as agent:
            await agent.hears(0)
            ups.order(status="OL")
            await agent.hears(60)

    asyncio.run(scene())
    assert in_force(tmp_path / "spool.db") == [(0, 125)]


def test_a_boot_whose_clock_went_back_tells_of_the_mains_because_no_record_of_it_ended_the_outage(
    tmp_path: Path, ups: Ups
) -> None:
    async def scene() -> None:
        clock = HandClock()
        ups.order(status="OB")
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
        ups.order(status="OL")
        clock.utc -= 3600 * S  # no battery behind its clock
        async with life(tmp_path, ups, clock, "boot-2") as agent:
            clock.utc += 7200 * S  # time was found
            await agent.hears()
            assert agent.told() == ["mains_off", "mains_on"]

    asyncio.run(scene())
    assert in_force(tmp_path / "spool.db") == [(0, 3610)]
