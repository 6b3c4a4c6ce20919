"""APScheduler, tamed: it starts and restarts the long-lived parts and runs the slow work. Nothing here times a probe.

Measured of APScheduler 3.11: a clock set back stops its jobs for as long as the step, a clock set forward makes it build a list
of every missed run, and a dropped run is told to nobody. So jobs run a fixed time after the last one, the list is never
longer than one, every step shifts what is planned, and listeners put the rest into the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger

log = logging.getLogger(__name__)
logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it says, the listeners say as facts

Work = Callable[[], Awaitable[None]]
_LIVENESS = timedelta(seconds=5)


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Again a fixed time after now, whatever was missed: a leap of the clock makes one run, not a list of them."""

    def __init__(self, period: timedelta) -> None:
        self._period = period

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now + self._period


class Supervisor:
    """Runs jobs in the event loop in which it was started."""

    def __init__(self) -> None:
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._scheduler.add_listener(_tell, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._kept: dict[str, Work] = {}
        self._alive: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._scheduler.start()
        self._scheduler.add_job(self._revive, Every(_LIVENESS), id="liveness")

    async def stop(self) -> None:
        """Cancels everything that runs, and waits until it has ended."""
        self._kept.clear()
        self._scheduler.shutdown(wait=False)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def keep(self, name: str, main: Work) -> None:
        """Starts a part that is to run for ever, and starts it again should it end."""
        self._kept[name] = main
        self._launch(name)

    def repeat(self, name: str, work: Work, every: timedelta) -> None:
        """Slow work, at once and then a fixed time after each run began; never twice at the same time."""
        self._scheduler.add_job(self._run, Every(every), args=(work,), id=name, next_run_time=datetime.now(UTC))

    def hurry(self, name: str) -> None:
        """Runs a repeated work now, unless it is running or everything has been stopped."""
        job = self._scheduler.get_job(name)
        if job is not None:
            job.modify(next_run_time=datetime.now(UTC))

    def shift(self, delta_us: int) -> None:
        """The wall clock was set by so much: what was planned moves with it."""
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=job.next_run_time + timedelta(microseconds=delta_us))

    def _launch(self, name: str) -> None:
        now = DateTrigger(datetime.now(UTC), UTC)
        self._scheduler.add_job(self._live, now, args=(name,), id=f"keep {name}", replace_existing=True)

    async def _live(self, name: str) -> None:
        self._alive.add(name)
        try:
            await self._run(self._kept[name])
        finally:
            self._alive.discard(name)

    async def _run(self, work: Work) -> None:
        task = asyncio.current_task()
        assert task is not None, "APScheduler runs a coroutine as a task"
        self._running.add(task)
        try:
            await work()
        finally:
            self._running.discard(task)

    async def _revive(self) -> None:
        for name in self._kept.keys() - self._alive:
            log.error("restarting part=%s", name)
            self._launch(name)


def _tell(event: JobEvent) -> None:
    """A job's failure is a fact of the agent's life. Runs that found the one before still at work are normal for uploads."""
    if event.code == EVENT_JOB_ERROR:
        problem: BaseException = event.exception
        if isinstance(problem, asyncio.CancelledError):
            return  # we stop
        log.error("job failed job=%s: %r", event.job_id, problem, exc_info=problem)
    elif event.code == EVENT_JOB_MISSED:
        log.warning("job missed job=%s", event.job_id)
    else:
        log.info("job still running job=%s", event.job_id)
