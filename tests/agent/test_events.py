"""A power cut, a crash, a clean stop and a new boot are told apart by what the agent itself recorded."""

import os
import sys
from pathlib import Path

import pytest

from agent_process import running, write_config
from agent_records import everything_in
from hand_clock import HandClock
from jinbao_agent.chain import Head
from jinbao_agent.clock import Step
from jinbao_agent.events import Voice
from jinbao_agent.heartbeat import Beat, Heart, read_beat
from jinbao_agent.sample import Event

VOICE = Voice("510422101", "township", "new")
ONE_LIFE = Path(__file__).with_name("one_life.py")


def beat(boot: str = "old", *, stopped: bool = False, head: Head | None = None) -> Beat:
    return Beat(boot=boot, boottime_us=5_000_000, utc_us=1_617_206_000_000_000, interval_ms=10_000, stopped=stopped, head=head)


# What a new life says of the one before


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, ["start"]),
        (beat("old"), ["heartbeat", "boot", "start"]),
        (beat("old", stopped=True), ["boot", "start"]),
        (beat("new"), ["heartbeat", "start"]),
        (beat("new", stopped=True), ["start"]),
    ],
    ids=["first life", "power cut", "shut down", "killed", "restarted"],
)
def test_the_end_of_the_last_life_is_told_by_what_it_left_behind(last: Beat | None, expected: list[str]) -> None:
    events = VOICE.begins(last, HandClock(), "0.1.0")
    assert [event.event for event in events] == expected
    assert {(event.link, event.vantage) for event in events} == {("510422101", "township")}
    assert [event.boot for event in events if event.event != "heartbeat"] == ["new"] * (
        len(expected) - ("heartbeat" in expected)
    )


def test_the_last_heartbeat_keeps_its_own_instant_boot_and_interval() -> None:
    heartbeat = VOICE.begins(beat("old"), HandClock(), "0.1.0")[0]
    assert (heartbeat.at_us, heartbeat.boot, heartbeat.fact("interval_ms")) == (1_617_206_000_000_000, "old", "10000")
    assert heartbeat.number("mono_ns") == 5_000_000_000


@pytest.mark.parametrize(("delta_us", "told"), [(-3_600_000_400, "-3600000"), (61_600, "62"), (10**12, "1000000000")])
def test_a_clock_step_says_by_how_much_when_and_which_side_is_right(delta_us: int, told: str) -> None:
    event = VOICE.stepped(Step(delta_us, 1_617_206_400_000_000, 77_000_123, synced=True))
    assert (event.event, event.at_us) == ("clock_step", 1_617_206_400_000_000)
    assert event.detail == f"delta_ms={told};synced=1;mono_ns=77000123000"


def test_a_county_agents_events_are_everybodys() -> None:
    assert Voice("*", "county", "new").ends(HandClock(), "SIGTERM") == Event(
        link="*",
        vantage="county",
        at_us=HandClock().utc,
        event="stop",
        boot="new",
        detail="reason=SIGTERM;mono_ns=3600000000000",
    )


# The heartbeat file


def write_beats(file: Path, *beats: Beat) -> None:
    heart = Heart(file, 0)
    for one in beats:
        heart.write(one)
    heart.close()


def test_the_newest_beat_is_read_with_the_chains_head(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    heads = [Head("c" * 32, number, "d" * 64) for number in range(5)]
    write_beats(file, *(beat(head=head) for head in heads))
    last = read_beat(file)
    assert last is not None
    assert (last.head, last.count) == (heads[-1], 5)
    assert file.stat().st_size == 1024


def test_there_is_no_beat_before_the_first_life(tmp_path: Path) -> None:
    assert read_beat(tmp_path / "heartbeat") is None


@pytest.mark.parametrize("torn", range(0, 512, 37))
def test_a_write_torn_anywhere_leaves_the_beat_before(tmp_path: Path, torn: int) -> None:
    file = tmp_path / "heartbeat"
    write_beats(file, beat("first"), beat("second"))  # slots 1 and 0
    spoiled = bytearray(file.read_bytes())
    spoiled[torn:512] = os.urandom(512 - torn)
    file.write_bytes(spoiled)
    last = read_beat(file)
    assert last is not None
    assert last.boot == "first"


def test_a_file_spoiled_altogether_is_said_and_is_no_reason_not_to_live(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "heartbeat"
    file.write_bytes(b"\xff" * 700)
    assert read_beat(file) is None
    assert "heartbeat file is damaged" in caplog.text
    write_beats(file, beat("again"))
    last = read_beat(file)
    assert last is not None
    assert last.boot == "again"


# Real lives


def live(folder: Path, boot: str, *, kill: bool) -> None:
    """One life of a real process in this boot, for some beats."""
    boot_file = folder / "boot_id"
    boot_file.write_text(boot + "\n")
    with running((sys.executable, str(ONE_LIFE), str(boot_file), str(folder / "agent.toml")), folder) as agent:
        agent.ready()
        agent.beats(3)
        if kill:
            agent.kill()
        else:
            assert agent.stop() == 0


def test_a_power_cut_a_crash_and_a_clean_stop_leave_three_different_records(tmp_path: Path) -> None:
    write_config(tmp_path, 9)
    live(tmp_path, "boot-a", kill=True)
    alive = read_beat(tmp_path / "data" / "heartbeat")
    live(tmp_path, "boot-b", kill=True)  # the power came back
    live(tmp_path, "boot-b", kill=False)  # somebody had killed it
    live(tmp_path, "boot-c", kill=False)  # the machine was shut down

    batches, samples, events = everything_in(tmp_path / "data" / "spool.db")
    assert [(event.event, event.boot) for event in events] == [
        ("start", "boot-a"),
        ("heartbeat", "boot-a"),
        ("boot", "boot-b"),
        ("start", "boot-b"),
        ("heartbeat", "boot-b"),
        ("start", "boot-b"),
        ("stop", "boot-b"),
        ("boot", "boot-c"),
        ("start", "boot-c"),
        ("stop", "boot-c"),
    ]
    assert alive is not None
    assert (events[1].at_us, events[1].fact("interval_ms")) == (alive.utc_us, "1000")
    # No batch mixes boots, and the same machine's grid moves with its boot.
    assert {batch.fields()["boot"] for batch in batches} == {"boot-a", "boot-b", "boot-c"}
    phases = {sample.boot: (sample.mono_us or 0) // 10_000 % 100 for sample in samples if sample.target == "lan"}
    assert len(phases) == 3
