"""What an agent that catches up does to a thin line: how long a packet of others waits, with our pace and without any.

    python bench/backlog.py [--mbit 2] [--batches 1500] [--json]

A line in userspace carries the agent's uploads to a real collector: one queue of 64 kB, emptied at so many Mbit/s, as a
modem's. Every 50 ms somebody else's packet of 84 bytes joins the queue; its wait there is what is measured, in milliseconds.
Three times over: an idle line, the agent with its default `rate`, and the agent as it would be without one (each request as
fast as the line takes it, then a pause as long). Nothing is set on the machine's own network.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from jinbao_agent.clock import SystemClock
from jinbao_agent.enrol import Code, enrol
from jinbao_agent.identity import Home
from jinbao_agent.recorder import Recorder
from jinbao_agent.sample import Sample
from jinbao_agent.upload import Uploader
from jinbao_config.services import Upload

LINK = "510422101"
QUEUE_BYTES, PACKET_BYTES, EVERY_S = 64_000, 84, 0.05
UNPACED = 10**9
COLLECTOR = (sys.executable, "-m", "jinbao_collector.cli")


class ThinLine:
    """Upwards one queue for everybody; downwards nothing is held up."""

    def __init__(self, upstream: tuple[str, int], bytes_per_s: float) -> None:
        self.waits_ms: list[float] = []
        self._upstream, self._rate = upstream, bytes_per_s
        self._queue: deque[tuple[asyncio.StreamWriter | float, bytes]] = deque()
        self._queued, self._changed = 0, asyncio.Condition()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=2048)
        tasks = [asyncio.create_task(self._drain()), asyncio.create_task(self._others())]
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(*self._upstream)
        down = asyncio.create_task(self._copy(there, writer))
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1448):
                await self._put(onward, data)
        down.cancel()
        onward.close()

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def _put(self, whose: asyncio.StreamWriter | float, data: bytes) -> None:
        async with self._changed:
            if not isinstance(whose, float):
                await self._changed.wait_for(lambda: self._queued + len(data) <= QUEUE_BYTES)
            self._queue.append((whose, data))
            self._queued += len(data)
            self._changed.notify_all()

    async def _others(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._put(time.monotonic(), bytes(PACKET_BYTES))

    async def _drain(self) -> None:
        free_s = 0.0
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._queue))
                whose, data = self._queue.popleft()
            free_s = max(free_s, time.monotonic()) + len(data) / self._rate
            await asyncio.sleep(max(0.0, free_s - time.monotonic()))
            if isinstance(whose, float):
                self.waits_ms.append((time.monotonic() - whose) * 1000)
            else:
                whose.write(data)
            async with self._changed:
                self._queued -= len(data)
                self._changed.notify_all()


@contextlib.contextmanager
def collector(folder: Path) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    (folder / "links.toml").write_text(f'schema = "jinbao.links/1"\n[[link]]\ncode = "{LINK}"\nname = "x"\n')
    (folder / "contract.toml").write_text("# only its digest matters\n")
    (folder / "collector.toml").write_text(
        f'schema = "jinbao.collector/1"\ndata = "data"\nlisten = "127.0.0.1:{port}"\nnames = ["127.0.0.1"]\n'
    )
    command(folder, "init")
    with subprocess.Popen([*base(folder), "serve", "--json"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield "127.0.0.1", port
        finally:
            process.terminate()


def base(folder: Path) -> list[str]:
    return [*COLLECTOR, "--config", str(folder / "collector.toml")]


def command(folder: Path, *words: str) -> Any:
    return json.loads(subprocess.run([*base(folder), *words, "--json"], capture_output=True, check=True).stdout)


def minute(number: int) -> list[Sample]:
    """Six rungs, six times."""
    return [
        Sample(
            link=LINK,
            vantage="township",
            target=target,
            sent_us=1_617_206_400_000_000 + (number * 6 + step) * 10_000_000,
            outcome="reply",
            rtt_us=900 + (number * 37 + step * 11) % 977,
            boot="boot",
            seq=number * 6 + step,
            mono_us=(number * 6 + step) * 10_000_000,
            interval_ms=10_000,
        )
        for step in range(6)
        for target in ("nic", "lan", "cpe", "edge", "core", "app")
    ]


async def catch_up(home: Home, line: ThinLine, port: int, batches: int, rate: int, life: int) -> dict[str, float]:
    """A backlog is made with the line at rest, then sent."""
    clock = SystemClock()
    recorder = Recorder(home.spool, None, home.author(), clock, boot="boot", batch_ms=10**9)
    uploader = Uploader(home, recorder, clock, url=f"https://127.0.0.1:{port}", every_s=1, rate=rate)
    for number in range(life * batches, (life + 1) * batches):
        recorder.put(minute(number))
        await recorder.flush()
        await recorder.use(lambda spool: spool.close(recorder.author))
    line.waits_ms.clear()
    began = time.monotonic()
    await uploader.send()
    took_s = time.monotonic() - began
    left = await recorder.use(lambda spool: spool.waiting_now()[0])
    uploader.close()
    await recorder.close()
    return {**waits(line), "seconds": round(took_s, 1), "batches": batches - left}


def waits(line: ThinLine) -> dict[str, float]:
    ordered = statistics.quantiles(line.waits_ms, n=100)
    return {"wait_ms_p50": round(ordered[49], 1), "wait_ms_p99": round(ordered[98], 1), "packets": len(line.waits_ms)}


async def measure(folder: Path, mbit: float, batches: int) -> dict[str, dict[str, float]]:
    with collector(folder) as upstream:
        home = Home(folder / "agent")
        home.make()
        code = Code.parse(command(folder, "invite", "--agent", "a", "--vantage", "township", "--link", LINK)["code"])
        enrol(home, code, vantage="township", link=LINK, now_ms=0, again=False)
        line = ThinLine(upstream, mbit * 1e6 / 8)
        async with line.open() as port:
            await asyncio.sleep(5)
            idle = waits(line)
            ours = await catch_up(home, line, port, batches, Upload().rate, 0)
            unpaced = await catch_up(home, line, port, batches, UNPACED, 1)
    return {"idle line": idle, "with its rate": ours, "without a rate": unpaced}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mbit", type=float, default=2.0)
    parser.add_argument("--batches", type=int, default=1500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), options.mbit, options.batches))
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, facts in found.items():
        print(f"{name:>15}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
