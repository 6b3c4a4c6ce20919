"""Two clocks, the trust they deserve, and the moment somebody sets one of them.

UTC places a sample and may step; CLOCK_BOOTTIME measures and never does. Everything here is Linux (time(7), adjtimex(2),
timerfd_create(2)).
"""

import asyncio
import ctypes
import errno
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

STEP_US = 50_000  # smaller corrections are no step: they move no sample across a slot and no edge across a second
LEAST_SLEEP_US = 1_000_000
_SYNC_GRACE_S = 2.0
_FALLBACK_S = 1.0


class Clock(Protocol):
    def utc_us(self) -> int:
        """Microseconds since 1970 UTC. Stamps a sample; may step."""
        ...

    def boottime_us(self) -> int:
        """Microseconds since boot, suspension included. Measures; never steps."""
        ...


class SystemClock:
    """CLOCK_REALTIME, by which the kernel stamps packets, and CLOCK_BOOTTIME."""

    def utc_us(self) -> int:
        return time.time_ns() // 1000

    def boottime_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(frozen=True, slots=True)
class ClockQuality:
    """What the kernel says of its UTC clock (adjtimex(2)).

    `state` is OK, INS, DEL, OOP, WAIT or ERROR, or "unreadable:ERRNO" where the call is forbidden; the errors, in
    microseconds, are then the kernel's own figure for a clock that nobody disciplines.
    """

    sync: bool
    maxerror_us: int
    esterror_us: int
    state: str


_STATES = ("OK", "INS", "DEL", "OOP", "WAIT", "ERROR")
_STA_UNSYNC = 0x0040
_UNDISCIPLINED_US = 16_000_000  # NTP_PHASE_LIMIT, include/linux/timex.h
_libc = ctypes.CDLL(None, use_errno=True)


class _Timex(ctypes.Structure):
    """struct timex up to `status`; the rest is room for the kernel to write into."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def clock_quality() -> ClockQuality:
    """Reads, never sets (modes = 0, which needs no right)."""
    timex = _Timex(modes=0)
    state = _libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        name = errno.errorcode.get(ctypes.get_errno(), "unknown")
        return ClockQuality(False, _UNDISCIPLINED_US, _UNDISCIPLINED_US, f"unreadable:{name}")
    return ClockQuality(not timex.status & _STA_UNSYNC, timex.maxerror, timex.esterror, _STATES[state])


@dataclass(frozen=True, slots=True)
class Step:
    """UTC was set: by how much, and when by both clocks (`at_us` is UTC after the step).

    `synced` says whether the clock was disciplined after it, that is, which side of the step is to be believed.
    """

    delta_us: int
    at_us: int
    boottime_us: int
    synced: bool


class SleepWatch:
    """Tells how long the machine was suspended: CLOCK_BOOTTIME goes on meanwhile, CLOCK_MONOTONIC does not (time(7))."""

    def __init__(self, clock: Clock, awake_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000) -> None:
        self._clock, self._awake_us = clock, awake_us
        self._asleep_us = self._asleep()

    def slept_us(self) -> int:
        """Since it was asked last; 0 for less than a second, which is no suspension but the reading of two clocks."""
        slept_us = self._asleep() - self._asleep_us
        if slept_us < LEAST_SLEEP_US:
            return 0
        self._asleep_us += slept_us
        return slept_us

    def _asleep(self) -> int:
        return self._clock.boottime_us() - self._awake_us()


class StepWatch:
    """Tells of every step of UTC by STEP_US or more.

    A timerfd on CLOCK_REALTIME is cancelled by the kernel the instant anybody sets the clock; where none can be had, the
    difference of the two clocks is compared once a second. Slewing moves both clocks alike and is no step.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._fd = _cancelled_on_set()
        self._offset_us = self._offset()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    async def step(self) -> Step:
        """The next step, including one since the previous call. Cancelling is the way to stop waiting."""
        while True:
            delta_us = self._moved()
            if abs(delta_us) >= STEP_US:
                at_us, boottime_us = self._clock.utc_us(), self._clock.boottime_us()
                return Step(delta_us, at_us, boottime_us, await _synced_soon())
            await self._disturbance()

    def _moved(self) -> int:
        before, self._offset_us = self._offset_us, self._offset()
        return self._offset_us - before

    def _offset(self) -> int:
        """UTC less boottime, from the tightest of three readings: a preempted reading must not look like a step."""
        readings = []
        for _ in range(3):
            before, utc, after = self._clock.boottime_us(), self._clock.utc_us(), self._clock.boottime_us()
            readings.append((after - before, utc - (before + after) // 2))
        return min(readings)[1]

    async def _disturbance(self) -> None:
        """Returns when the clock was set, or when it is time to compare by hand."""
        if self._fd is None:
            await asyncio.sleep(_FALLBACK_S)
            return
        if _was_cancelled(self._fd):
            return
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._fd, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._fd)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


async def _synced_soon() -> bool:
    """The daemon that sets a clock declares it disciplined in a call of its own, just after: allow it a moment."""
    deadline = time.monotonic() + _SYNC_GRACE_S
    while not clock_quality().sync:
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.1)
    return True


_TFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
_TFD_ABSTIME_CANCEL_ON_SET = 1 | 2
_NEVER_S = 2**40 if struct.calcsize("l") == 8 else 2**31 - 1  # as far as this machine's time_t reaches


def _cancelled_on_set() -> int | None:
    """A timerfd that never expires but is cancelled when CLOCK_REALTIME is set, or None where it cannot be had."""
    fd = int(_libc.timerfd_create(time.CLOCK_REALTIME, _TFD_NONBLOCK_CLOEXEC))
    if fd < 0:
        return None
    if not _arm(fd):
        os.close(fd)
        return None
    return fd


def _arm(fd: int) -> bool:
    never = struct.pack("llll", 0, 0, _NEVER_S, 0)
    return bool(_libc.timerfd_settime(fd, _TFD_ABSTIME_CANCEL_ON_SET, never, None) == 0)


def _was_cancelled(fd: int) -> bool:
    """Consumes the cancellation and arms anew."""
    try:
        os.read(fd, 8)
    except BlockingIOError:
        return False
    except OSError as problem:
        if problem.errno != errno.ECANCELED:
            raise
    _arm(fd)
    return True
