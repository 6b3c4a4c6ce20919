"""APScheduler under supervision: parts come back, a leaping clock neither floods nor starves the jobs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.job import Job

from jinbao_agent import supervisor
from jinbao_agent.supervisor import Every, Supervisor

LONG = timedelta(hours=1)


def supervised(scene: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def main() -> None:
        master = Supervisor()
        master.start()
        try:
            async with asyncio.timeout(20):
                await scene(master)
        finally:
            await master.stop()

    asyncio.run(main())


def job(master: Supervisor, name: str) -> Job:
    return master._scheduler.get_job(name)


def test_a_part_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(supervisor, "_LIVENESS", timedelta(milliseconds=20))
    lives: asyncio.Queue[int] = asyncio.Queue()

    async def part() -> None:
        lives.put_nowait(1)
        raise RuntimeError("a fault of ours")

    async def scene(master: Supervisor) -> None:
        master.keep("part", part)
        for _ in range(3):
            await lives.get()

    supervised(scene)
    assert "job failed job=keep part: RuntimeError('a fault of ours')" in caplog.text
    assert "restarting part=part" in caplog.text


def test_a_part_that_lives_is_left_alone_and_ends_with_the_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LIVENESS", timedelta(milliseconds=5))
    said: list[str] = []

    async def part() -> None:
        said.append("begins")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            said.append("ends")

    ticks: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        ticks.put_nowait(1)

    async def scene(master: Supervisor) -> None:
        master.keep("part", part)
        master.repeat("work", work, timedelta(milliseconds=5))
        for _ in range(10):
            await ticks.get()

    supervised(scene)
    assert said == ["begins", "ends"]


def test_slow_work_runs_at_once_and_is_hurried_when_there_is_something_to_do() -> None:
    runs: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        runs.put_nowait(1)

    async def scene(master: Supervisor) -> None:
        master.repeat("work", work, LONG)
        await runs.get()
        master.hurry("work")
        await runs.get()

    supervised(scene)


def test_nothing_is_hurried_any_more_once_everything_was_stopped() -> None:
    runs = []

    async def work() -> None:
        runs.append(1)

    async def main() -> None:
        master = Supervisor()
        master.start()
        master.repeat("work", work, LONG)
        await master.stop()
        runs.clear()
        master.hurry("work")
        await asyncio.sleep(0)

    asyncio.run(main())
    assert runs == []


def test_slow_work_never_runs_twice_at_a_time() -> None:
    release, running = asyncio.Event(), []

    async def work() -> None:
        running.append(1)
        await release.wait()

    other: asyncio.Queue[int] = asyncio.Queue()

    async def tick() -> None:
        other.put_nowait(1)

    async def scene(master: Supervisor) -> None:
        master.repeat("work", work, timedelta(milliseconds=5))
        master.repeat("tick", tick, timedelta(milliseconds=5))
        for _ in range(10):
            await other.get()
        assert running == [1]

    supervised(scene)


@pytest.mark.parametrize("leap", [timedelta(seconds=1), timedelta(days=1), timedelta(days=365 * 56)])
def test_a_clock_that_leaps_forward_makes_one_run_and_no_list(leap: timedelta) -> None:
    async def work() -> None:
        """Nothing to do."""

    async def scene(master: Supervisor) -> None:
        master.repeat("work", work, timedelta(seconds=1))
        planned = job(master, "work")
        due = planned._get_run_times(planned.next_run_time + leap)
        assert len(due) == 1

    supervised(scene)


def test_jobs_follow_a_step_of_the_clock() -> None:
    async def work() -> None:
        """Nothing to do."""

    async def scene(master: Supervisor) -> None:
        master.repeat("work", work, LONG)
        before = {planned.id: planned.next_run_time for planned in master._scheduler.get_jobs()}
        master.shift(-3_600_000_000)
        after = {planned.id: planned.next_run_time for planned in master._scheduler.get_jobs()}
        assert set(before) == {"work", "liveness"}
        assert all(after[name] == before[name] - timedelta(hours=1) for name in before)

    supervised(scene)


def test_the_next_run_is_counted_from_now() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert Every(LONG).get_next_fire_time(None, now) == now + LONG
    assert Every(LONG).get_next_fire_time(now - 99 * LONG, now) == now + LONG
