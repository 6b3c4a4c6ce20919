"""One life of an agent whose clocks a test steers: steered_life.py BOOT_FILE CONFIG CLOCKS.

CLOCKS is a file of three numbers of 8 bytes: microseconds added to UTC, microseconds added to CLOCK_BOOTTIME, and whether the
kernel vouches for UTC. The machine's own clock is never touched.
"""

import asyncio
import mmap
import signal
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "=qqq"


@dataclass
class Clocks:
    """The same file, as the test writes it and the agent reads it."""

    file: Path
    utc_us: int = 0
    boottime_us: int = 0
    synced: int = 1

    def __post_init__(self) -> None:
        self.write()

    def write(self) -> None:
        if not self.file.exists():
            self.file.write_bytes(bytes(struct.calcsize(FORMAT)))
        with self.file.open("r+b") as out:
            out.write(struct.pack(FORMAT, self.utc_us, self.boottime_us, self.synced))

    def step(self, us: int, *, synced: int = 1) -> None:
        """Somebody sets the clock."""
        self.utc_us += us
        self.synced = synced
        self.write()

    def pass_by(self, us: int) -> None:
        """So much time goes by at once: the machine slept, or nobody ran."""
        self.utc_us += us
        self.boottime_us += us
        self.write()

    @property
    def true_s(self) -> float:
        """UTC, seconds, whatever the agent's clock says."""
        return time.time() + self.boottime_us / 1e6


class SteeredClock:
    def __init__(self, numbers: Any) -> None:
        self._numbers = numbers

    def utc_us(self) -> int:
        return time.time_ns() // 1000 + int(self._numbers()[0])

    def boottime_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + int(self._numbers()[1])


class SteeredKernel:
    """What the agent asks the C library for: how far UTC is trusted, and a timer that nobody ever cancels."""

    def __init__(self, numbers: Any) -> None:
        self._numbers = numbers

    def adjtimex(self, reference: Any) -> int:
        synced = self._numbers()[2]
        reference._obj.status = 0 if synced else 0x40
        reference._obj.maxerror = 1000 if synced else 16_000_000
        return 0 if synced else 5

    def timerfd_create(self, *_: object) -> int:
        return -1


async def live(boot_file: Path, file: Path, clocks: Path) -> None:
    from jinbao_agent import clock
    from jinbao_agent.identity import Home
    from jinbao_agent.ladder import ladder
    from jinbao_agent.run import Agent, Machine
    from jinbao_config.links import read_links
    from jinbao_config.services import read_agent

    with clocks.open("rb") as source:
        view = mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ)

    def numbers() -> tuple[int, ...]:
        return struct.unpack(FORMAT, view[:])

    clock._libc = SteeredKernel(numbers)  # type: ignore[assignment]
    config = read_agent(file).value
    rungs = ladder(config, read_links(file.parent / config.links).value)
    home = Home(file.parent / config.data)
    home.make()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Agent(config, rungs, home, Machine(boot_file, SteeredClock(numbers))).run(stop, lambda: "SIGTERM")


if __name__ == "__main__":
    asyncio.run(live(*map(Path, sys.argv[1:4])))
