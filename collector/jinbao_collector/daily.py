"""What a serving collector does each day by itself: manifests of days that ended, and `keep`, in a process of its own."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool

from jinbao_collector.centre import Centre

log = logging.getLogger("jinbao_collector")

_LOOK_S = 20.0
_FIRST_MS, _AGAIN_MS = 600_000, 3_600_000


@contextlib.asynccontextmanager
async def days(centre: Centre) -> AsyncIterator[None]:
    """While it lasts."""
    keeping = Keeping(centre)
    tasks = [asyncio.create_task(_again_and_again(deed)) for deed in (_make_manifests(centre), keeping.look)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _again_and_again(deed: Callable[[], Awaitable[None]]) -> None:
    # Looked at often rather than slept until midnight: the clock may be set.
    while True:
        await deed()
        await asyncio.sleep(_LOOK_S)


def _make_manifests(centre: Centre) -> Callable[[], Awaitable[None]]:
    async def make() -> None:
        try:
            await run_in_threadpool(centre.make_due_manifests)
        except Exception:
            # The days stay due and are tried again; batches must be taken in meanwhile.
            log.exception("the daily manifest could not be made")

    return make


class Keeping:
    """Runs `keep` once a local day, at the lowest priority; again after an hour where it failed."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._done = ""
        # A service that has just started has other things to do.
        self._not_before_ms = centre.now_ms() + _FIRST_MS

    async def look(self) -> None:
        now = self._centre.now_ms()
        day = self._centre.day(now)
        if day == self._done or now < self._not_before_ms:
            return
        command = [sys.executable, "-m", "jinbao_collector.cli", "--config", str(self._centre.place.file), "keep"]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                preexec_fn=_lowest_priority,
            )
        except OSError as problem:
            log.error("keep could not be started: %s", problem)
            self._not_before_ms = now + _AGAIN_MS
            return
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            # All it does is done at once or not at all, so it need not be waited for.
            process.kill()
            raise
        if status:
            log.error("keep ended with %d; it is tried again in an hour", status)
            self._not_before_ms = now + _AGAIN_MS
        else:
            self._done = day


def _lowest_priority() -> None:
    os.nice(19)
