"""Two clocks, and the moment somebody sets one of them."""

import asyncio
import ctypes
import struct
import time
from pathlib import Path

import pytest

from jinbao_agent import clock
from jinbao_agent.clock import ClockQuality, Step, StepWatch, SystemClock, clock_quality

HOUR_US = 3_600_000_000
GOOD, BAD = ClockQuality(True, 1000, 100, "OK"), ClockQuality(False, 16_000_000, 16_000_000, "ERROR")


class SetClock(SystemClock):
    """A UTC that can be set without disturbing the machine's."""

    ahead_us = 0

    def utc_us(self) -> int:
        return super().utc_us() + self.ahead_us


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a kernel without timerfd; the clock's quality is known."""
    monkeypatch.setattr(clock, "_cancelled_on_set", lambda: None)
    monkeypatch.setattr(clock, "_FALLBACK_S", 0.001)
    monkeypatch.setattr(clock, "clock_quality", lambda: GOOD)


def next_step(ours: SetClock, *moves_us: int) -> Step:
    """The clock is moved by each amount in turn, the watch given time to look after each; the first step it tells of."""

    async def play() -> Step:
        watch = StepWatch(ours)
        waiting = asyncio.create_task(watch.step())
        for move_us in moves_us:
            await asyncio.sleep(0.02)
            ours.ahead_us += move_us
        try:
            return await waiting
        finally:
            watch.close()

    return asyncio.run(play())


def near(value_us: int, expected_us: int) -> bool:
    return abs(value_us - expected_us) < 10_000


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("delta_us", [HOUR_US, -HOUR_US, 60_000, -60_000, 51 * 365 * 24 * HOUR_US])
def test_a_step_is_told_with_its_size_and_both_clocks(delta_us: int) -> None:
    ours = SetClock()
    step = next_step(ours, delta_us)
    assert near(step.delta_us, delta_us)
    assert ours.utc_us() - step.at_us < 10_000_000
    assert 0 <= ours.boottime_us() - step.boottime_us < 10_000_000
    assert step.synced is True


@pytest.mark.usefixtures("by_hand")
def test_small_corrections_are_no_step_and_do_not_add_up_to_one() -> None:
    step = next_step(SetClock(), 40_000, 40_000, -30_000, HOUR_US)
    assert near(step.delta_us, HOUR_US)


@pytest.mark.usefixtures("by_hand")
def test_a_step_between_two_questions_is_not_missed() -> None:
    ours = SetClock()

    async def play() -> Step:
        watch = StepWatch(ours)
        ours.ahead_us = HOUR_US
        return await watch.step()

    assert near(asyncio.run(play()).delta_us, HOUR_US)


@pytest.mark.usefixtures("by_hand")
def test_the_daemon_that_set_the_clock_may_say_a_moment_later_that_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([BAD, BAD, GOOD])
    monkeypatch.setattr(clock, "clock_quality", lambda: next(said))
    assert next_step(SetClock(), HOUR_US).synced is True


@pytest.mark.usefixtures("by_hand")
def test_a_clock_nobody_vouches_for_is_not_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "clock_quality", lambda: BAD)
    monkeypatch.setattr(clock, "_SYNC_GRACE_S", 0.01)
    assert next_step(SetClock(), HOUR_US).synced is False


@pytest.mark.root
def test_the_kernel_wakes_the_watch_the_instant_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one nanosecond, which the kernel treats as any other setting. Setting makes the kernel forget NTP's discipline, so
    only where there is none to forget."""
    if clock_quality().sync:
        pytest.skip("this machine's clock is disciplined, and the test would disturb it")
    monkeypatch.setattr(clock, "_SYNC_GRACE_S", 0.01)
    ours = SetClock()

    async def play() -> Step:
        watch = StepWatch(ours)
        assert watch._fd is not None
        waiting = asyncio.create_task(watch.step())
        await asyncio.sleep(0.02)
        ours.ahead_us = HOUR_US
        await asyncio.sleep(0.02)
        assert not waiting.done(), "nothing but the kernel's word may wake it"
        nudge(1)
        nudge(-1)
        step = await asyncio.wait_for(waiting, 10)
        watch.close()
        return step

    assert near(asyncio.run(play()).delta_us, HOUR_US)


def nudge(nanoseconds: int) -> None:
    seconds, rest = divmod(nanoseconds, 10**9)
    timex = bytearray(256)
    struct.pack_into("I", timex, 0, 0x0100 | 0x2000)  # ADJ_SETOFFSET | ADJ_NANO
    struct.pack_into("ll", timex, 72, seconds, rest)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex((ctypes.c_char * 256).from_buffer(timex)) < 0:
        pytest.skip("setting the clock needs CAP_SYS_TIME")


def test_the_kernels_opinion_of_its_clock_is_read() -> None:
    quality = clock_quality()
    assert quality.state in {"OK", "INS", "DEL", "OOP", "WAIT", "ERROR"}
    assert quality.sync == (quality.state != "ERROR")
    assert 0 <= quality.esterror_us <= 16_000_000
    assert quality.maxerror_us >= 0


def test_the_two_clocks_are_the_systems() -> None:
    ours = SystemClock()
    before = time.time_ns() // 1000
    assert before <= ours.utc_us() <= time.time_ns() // 1000
    uptime_us = float(Path("/proc/uptime").read_text().split()[0]) * 1e6
    assert abs(ours.boottime_us() - uptime_us) < 1_000_000
