"""The mains as a UPS tells it: what is recorded, and what is only a problem of ours.

The NUT server is the lab's, over a real socket; test_mains_process.py asks the real upsd too.
"""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_records import LINK
from agent_sense import S, life, mains_events
from hand_clock import HandClock
from jinbao_agent.mains import Reading, read_mains, understand
from jinbao_agent.sample import Event
from jinbao_config.services import UpsAddress, parse_ups
from jinbao_lab.ups import Ups


@pytest.fixture
def ups() -> Iterator[Ups]:
    server = Ups()
    yield server
    server.kill()


# What is recorded


@pytest.mark.parametrize(
    ("status", "event"), [("OL CHRG", "mains_on"), ("OB DISCHRG", "mains_off"), ("FSD OB LB", "mains_off")]
)
def test_the_first_known_state_of_a_life_is_recorded_at_once(tmp_path: Path, ups: Ups, status: str, event: str) -> None:
    since_birth = ";within_ms=5000" if event == "mains_off" else ""

    async def scene() -> None:
        clock = HandClock()
        ups.order(status=status, charge="87")
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
        (only,) = mains_events(tmp_path / "spool.db")
        assert only == Event(
            link=LINK,
            vantage="township",
            at_us=clock.utc,
            event=event,
            boot="boot-1",
            detail=f"status={status};charge=87{since_birth};mono_ns={clock.boottime * 1000}",
        )

    asyncio.run(scene())


def test_the_power_fails_and_returns_and_each_turn_is_told_once_with_its_bound(tmp_path: Path, ups: Ups) -> None:
    async def scene() -> None:
        async with life(tmp_path, ups, HandClock()) as agent:
            for status in ("OL", "OL", "OB DISCHRG", "OB DISCHRG LB", "OL CHRG", "OL"):
                ups.order(status=status, charge="" if "OB" in status else "99.5")
                await agent.hears()
            assert agent.known().detail == "status=OL CHRG;charge=99.5"
        on, off, back = mains_events(tmp_path / "spool.db")
        assert (on.event, on.fact("within_ms")) == ("mains_on", None)
        assert (off.event, off.fact("status"), off.fact("charge")) == ("mains_off", "OB DISCHRG", None)
        assert (back.event, back.fact("status"), back.fact("charge")) == ("mains_on", "OL CHRG", "99.5")
        assert off.number("within_ms") == back.number("within_ms") == 5000
        assert (off.at_us - on.at_us, back.at_us - off.at_us) == (10 * S, 10 * S)

    asyncio.run(scene())


def test_the_county_agent_speaks_for_the_whole_county(tmp_path: Path, ups: Ups) -> None:
    async def scene() -> None:
        async with life(tmp_path, ups, HandClock(), link="*") as agent:
            await agent.hears()
        (event,) = mains_events(tmp_path / "spool.db")
        assert (event.link, event.vantage) == ("*", "county")

    asyncio.run(scene())


# What is not known

LIES = {
    "silent": {"manner": "silent"},
    "hangs up": {"manner": "hangs up"},
    "cut in the middle": {"manner": "half"},
    "stale": {"answer": "ERR DATA-STALE\n"},
    "no driver": {"answer": "ERR DRIVER-NOT-CONNECTED\n"},
    "no NUT": {"answer": "220 mail.example ESMTP OB\n"},
    "garbled": {"answer": "BEGIN LIST VAR ups\nVAR ups\nEND LIST VAR ups\n"},
    "endless": {"answer": "BEGIN LIST VAR ups\n" + 'VAR ups ups.status "OB"\n' * 5000},
    "endless line": {"answer": "OB" * 100_000},
    "not ASCII": {"answer": 'BEGIN LIST VAR ups\nVAR ups ups.status "停电"\nEND LIST VAR ups\n'},
    "no status": {"status": ""},
    "starting": {"status": "WAIT"},
    "bypassed": {"status": "BYPASS"},
    "both": {"status": "OL OB"},
    "measuring its battery": {"status": "OB DISCHRG CAL"},
    "smuggling": {"status": "OB;mono_ns=1"},
    "long": {"status": "OB " * 100},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_silent_or_lying_ups_makes_no_event_and_is_told_once(
    tmp_path: Path, ups: Ups, caplog: pytest.LogCaptureFixture, lie: dict[str, str]
) -> None:
    caplog.set_level("INFO")

    async def scene() -> None:
        clock = HandClock()
        async with life(tmp_path, ups, clock) as agent:
            await agent.hears()
            since_us = clock.utc
            ups.order(**lie)
            await agent.hears()
            lost_us = clock.utc
            await agent.hears()
            known = agent.known()
            assert known.problem
            assert (known.on, known.since_us, known.problem_us) == (True, since_us, lost_us)
            ups.order(status="OL", manner="plain", answer="")
            await agent.hears()
            assert (agent.known().problem, agent.known().since_us) == ("", since_us)
            assert agent.told() == ["mains_on"]

    asyncio.run(scene())
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if line.startswith("whether the mains is on is not known: ")]) == 1
    assert told[-1] == "the mains is sensed: status=OL;charge=100"


def test_a_ups_that_was_never_heard_is_a_problem_and_no_state(
    tmp_path: Path, ups: Ups, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        ups.kill()
        async with life(tmp_path, ups, HandClock()) as agent:
            await agent.hears()
            assert agent.known().on is None
            assert "Connect call failed" in agent.known().problem
            assert agent.told() == []

    asyncio.run(scene())
    assert f"not known: {ups.address}: [Errno 111]" in caplog.text


def test_another_problem_is_told_anew(tmp_path: Path, ups: Ups, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        clock = HandClock()
        async with life(tmp_path, ups, clock) as agent:
            for answer in ("ERR DATA-STALE\n", "ERR DATA-STALE\n", "ERR ACCESS-DENIED\n"):
                ups.order(answer=answer)
                await agent.hears()
            assert (agent.known().problem.endswith("ERR ACCESS-DENIED"), agent.known().problem_us) == (True, clock.utc)

    asyncio.run(scene())
    assert [caplog.text.count(word) for word in ("DATA-STALE", "ACCESS-DENIED")] == [1, 1]


def test_a_turn_while_nothing_was_known_is_told_when_it_is_seen_and_bounded_by_what_was_seen_before(
    tmp_path: Path, ups: Ups
) -> None:
    async def scene() -> None:
        async with life(tmp_path, ups, HandClock()) as agent:
            ups.order(status="OB")
            await agent.hears()
            ups.order(manner="hangs up")
            await agent.hears(60)
            ups.order(status="OL", manner="plain")
            await agent.hears(30)
        off, on = mains_events(tmp_path / "spool.db")
        assert (off.event, on.event, on.number("within_ms")) == ("mains_off", "mains_on", 90_000)

    asyncio.run(scene())


def test_a_reading_has_one_end_however_often_the_library_would_try(ups: Ups) -> None:
    ups.order(manner="silent")
    asked = asyncio.run(read_mains(parse_ups(ups.address), 0.3))
    assert asked == Reading(None, problem=f"{ups.address}: no answer within 0.3 s")


def test_ipv6_is_asked_too() -> None:
    async def scene() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readline() == b"LIST VAR ups\n"
            writer.write(b'BEGIN LIST VAR ups\nVAR ups ups.status "OL"\nEND LIST VAR ups\n')
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "::1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await read_mains(UpsAddress("ups", "::1", port), 10) == Reading(True, "status=OL")

    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as problem:
        pytest.skip(f"this machine has no ::1: {problem}")
    asyncio.run(scene())


def test_what_the_ups_says_of_its_charge_goes_into_the_event_only_as_a_number() -> None:
    assert understand({"ups.status": " OL  CHRG ", "battery.charge": "7;x=1"}) == Reading(True, "status=OL CHRG")


def test_a_disk_that_takes_nothing_yet_loses_neither_event_nor_state(tmp_path: Path, ups: Ups) -> None:
    async def scene() -> None:
        ups.order(status="OB")
        folder = tmp_path / "not there yet"
        async with life(folder, ups, HandClock()) as agent:
            await agent.hears()
            folder.mkdir()
            assert await agent.recorder.flush()
            assert (agent.told(), agent.known().on) == (["mains_off"], False)

    asyncio.run(scene())
