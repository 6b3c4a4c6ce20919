"""Ways to ask many hosts by ICMP, ours and others', each measured alike: what one sweep over them cost and brought.

Ours and icmplib's run in a process of their own that waits for orders, so that neither its start nor anybody else's work is
counted; fping, blackbox_exporter and SmokePing are the Debian programs, as anybody would run them: `apt-get install fping
smokeping prometheus-blackbox-exporter`. What is not installed is left out, and said.

As a program (`python bench/rivals.py WAY`) this is such a process: a JSON list of hosts a line in, a JSON sweep a line out.
"""

import asyncio
import contextlib
import functools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path

import icmplib

from jinbao_agent.loop import spare_collector
from jinbao_agent.probes import Prober
from jinbao_config.links import Target

WAIT_S = 2.0
_SCRAPERS = 16  # as many questions as the exporter is asked at a time
_PINGS = 5  # SmokePing asks each host so many times before it writes down one value
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sweep:
    """One question to each host (SmokePing: _PINGS). `rtt_us` has None where no answer was seen; `cpu_us` is user and system
    time of all its processes, `rss_mb` the most memory the largest of them has had."""

    rtt_us: list[float | None]
    cpu_us: float
    wall_ms: float
    rss_mb: float

    @property
    def lost(self) -> int:
        return self.rtt_us.count(None)


class Way(ABC):
    """One way of asking. A context manager, because some have a process that stays."""

    name: str

    @abstractmethod
    def sweep(self, hosts: Sequence[str]) -> Sweep: ...

    def __enter__(self) -> "Way":
        return self

    def __exit__(self, *_: object) -> None:
        return None


# In a process that waits for orders


_target = functools.cache(functools.partial(Target, "icmp"))  # an agent reads its targets once


async def _ours(prober: Prober, hosts: Sequence[str]) -> list[float | None]:
    return [result.rtt_us for result in await prober.sweep([_target(host) for host in hosts], WAIT_S)]


async def _ours_apart(prober: Prober, hosts: Sequence[str]) -> list[float | None]:
    """Each probe a task."""
    return [result.rtt_us for result in await asyncio.gather(*(prober.probe(_target(host), WAIT_S) for host in hosts))]


async def _icmplib(hosts: Sequence[str], together: int) -> list[float | None]:
    found = await icmplib.async_multiping(list(hosts), count=1, timeout=WAIT_S, concurrent_tasks=together, privileged=True)
    return [host.avg_rtt * 1000 if host.is_alive else None for host in found]


PACE_S = 0.02


async def _paced(prober: Prober, hosts: Sequence[str]) -> list[float | None]:
    """One host at a time, PACE_S apart."""
    asked = []
    for host in hosts:
        asked.append(asyncio.create_task(prober.probe(_target(host), WAIT_S)))
        await asyncio.sleep(PACE_S)
    return [(await task).rtt_us for task in asked]


async def _icmplib_paced(hosts: Sequence[str]) -> list[float | None]:
    found = []
    for host in hosts:
        found += await _icmplib([host], 1)
        await asyncio.sleep(PACE_S)
    return found


async def _busy(sweep: Callable[[], Awaitable[list[float | None]]]) -> list[float | None]:
    """While the event loop has other work: it is free for 10 ms, then taken for 10 ms, and so on."""

    async def work() -> None:
        while True:
            until = time.monotonic() + 0.01
            while time.monotonic() < until:
                pass
            await asyncio.sleep(0.01)

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    try:
        return await sweep()
    finally:
        working.cancel()


SWEEPS: dict[str, Callable[[Prober, Sequence[str]], Awaitable[list[float | None]]]] = {
    "ours": _ours,
    "ours, a task each": _ours_apart,
    "icmplib async_multiping(50)": lambda _, hosts: _icmplib(hosts, 50),
    "icmplib async_multiping(all)": lambda _, hosts: _icmplib(hosts, len(hosts)),
    "ours, loop busy": lambda prober, hosts: _busy(lambda: _paced(prober, hosts)),
    "icmplib, loop busy": lambda _, hosts: _busy(lambda: _icmplib_paced(hosts)),
    "ours, loop idle": lambda prober, hosts: _paced(prober, hosts),
    "icmplib, loop idle": lambda _, hosts: _icmplib_paced(hosts),
}


async def obey(way: str) -> None:
    """Sweeps the hosts of each line of standard input, until it ends."""
    spare_collector()  # as the agent does
    async with Prober() as prober:
        while line := await asyncio.to_thread(sys.stdin.readline):
            hosts = json.loads(line)
            cpu, wall = _cpu_us(resource.getrusage(resource.RUSAGE_SELF)), time.perf_counter()
            rtts = await SWEEPS[way](prober, hosts)
            wall_ms = (time.perf_counter() - wall) * 1000
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(json.dumps(asdict(Sweep(rtts, _cpu_us(used) - cpu, wall_ms, used.ru_maxrss / 1024))), flush=True)


class Worker(Way):
    """One of SWEEPS."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> "Worker":
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def sweep(self, hosts: Sequence[str]) -> Sweep:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(hosts), file=self._process.stdin, flush=True)
        return Sweep(**json.loads(self._process.stdout.readline()))


# Programs


def _run(words: Sequence[str], folder: Path | None = None) -> tuple[str, resource.struct_rusage, float]:
    """A program from its start to its end, with those it started: what it said, what it used, milliseconds."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=folder)
        _, _, used = os.wait4(process.pid, 0)
        wall_ms = (time.perf_counter() - began) * 1000
        process.returncode = 0  # it has been waited for
        said.seek(0)
        return said.read(), used, wall_ms


def _peak_mb(words: Sequence[str], folder: Path | None = None) -> float:
    """The most memory of a program, looked at while it runs: what wait4 tells has the memory of whoever started it in it."""
    most = 0.0
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=-3, stderr=-3, cwd=folder) as process:
        while process.poll() is None:
            most = max(most, _rss_mb(process.pid))
    return most


def _rss_mb(pid: int) -> float:
    """The most it has had so far; 0 of one that is gone or has yet to become itself."""
    try:
        if Path(f"/proc/{pid}/exe").readlink() == Path("/proc/self/exe").readlink():
            return 0.0
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


class Fping(Way):
    """-q -C1: one packet each, and a line a host, 'ADDRESS : 0.03', or '-' for a loss. `pause_ms` between packets is 0 or its
    default, 10."""

    def __init__(self, pause_ms: int = 0) -> None:
        self.name = f"fping -i{pause_ms}"
        self._pause = f"-i{pause_ms}"
        self._peak_mb = 0.0

    def sweep(self, hosts: Sequence[str]) -> Sweep:
        words = ["fping", "-q", "-C1", self._pause, "-r0", f"-t{WAIT_S * 1000:.0f}", *hosts]
        self._peak_mb = self._peak_mb or _peak_mb(words)
        said, used, wall_ms = _run(words)
        times = dict(re.findall(r"^(\S+)\s+: (\S+)$", said, re.MULTILINE))
        rtts = [None if times.get(host, "-") == "-" else float(times[host]) * 1000 for host in hosts]
        return Sweep(rtts, _cpu_us(used), wall_ms, self._peak_mb)


class Blackbox(Way):
    """The exporter, asked by _SCRAPERS connections that stay open. What they cost is not counted."""

    name = "blackbox_exporter"
    port = 19115

    def __enter__(self) -> "Blackbox":
        self._folder = tempfile.TemporaryDirectory()
        config = Path(self._folder.name) / "blackbox.yml"
        config.write_text(
            f"modules: {{icmp: {{prober: icmp, timeout: {WAIT_S:.0f}s, icmp: {{preferred_ip_protocol: ip4}}}}}}\n"
        )
        self._process = subprocess.Popen(
            [
                "prometheus-blackbox-exporter",
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ]
        )
        while self._process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/healthy"):
                return self
            time.sleep(0.05)
        raise RuntimeError("blackbox_exporter does not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def sweep(self, hosts: Sequence[str]) -> Sweep:
        connections = threading.local()

        def scrape(host: str) -> float | None:
            if not hasattr(connections, "one"):
                connections.one = HTTPConnection("127.0.0.1", self.port)
            connections.one.request("GET", f"/probe?module=icmp&target={host}")
            said = connections.one.getresponse().read().decode()
            rtt = re.search(r'^probe_icmp_duration_seconds\{phase="rtt"\} (\S+)$', said, re.MULTILINE)
            return float(rtt[1]) * 1e6 if "\nprobe_success 1\n" in said and rtt else None

        cpu, wall = self._cpu_us(), time.perf_counter()
        with ThreadPoolExecutor(_SCRAPERS) as scrapers:
            rtts = list(scrapers.map(scrape, hosts))
        wall_ms = (time.perf_counter() - wall) * 1000
        return Sweep(rtts, self._cpu_us() - cpu, wall_ms, _rss_mb(self._process.pid))

    def _cpu_us(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS * 1e6


class SmokePing(Way):
    """One round in the foreground: FPing as its probe, _PINGS packets to each host, a value into an RRD file of each."""

    name = f"SmokePing, {_PINGS} pings"

    def __enter__(self) -> "SmokePing":
        self._folder = tempfile.TemporaryDirectory()
        self._known: list[str] = []
        self._peak_mb = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def sweep(self, hosts: Sequence[str]) -> Sweep:
        if self._known != list(hosts):
            self._known = list(hosts)
            self._configure()
            self._peak_mb = _peak_mb(self._words, Path(self._folder.name))  # makes the files
        said, used, wall_ms = _run(self._words, Path(self._folder.name))
        rtts: list[float | None] = [None] * (len(hosts) * _PINGS)
        for number, lost, times in re.findall(r"/t(\d+)\.rrd --template \S+ \d+:U:(\d+):[^:]+:(\S+?)\)", said):
            answered = [float(one) * 1e6 for one in times.split(":") if one != "U"]
            rtts[int(number) * _PINGS : (int(number) + 1) * _PINGS] = [*answered, *[None] * int(lost)]
        return Sweep(rtts, _cpu_us(used), wall_ms, self._peak_mb)

    @property
    def _words(self) -> list[str]:
        return ["smokeping", f"--config={self._folder.name}/config", "--debug"]

    def _configure(self) -> None:
        folder = self._folder.name
        targets = (f"+ t{number}\nmenu = t\ntitle = t\nhost = {host}\n" for number, host in enumerate(self._known))
        (Path(folder) / "config").write_text(_SMOKEPING.format(folder=folder, pings=_PINGS) + "".join(targets))


_SMOKEPING = """*** General ***
owner = bench
contact = bench@localhost
mailhost = localhost
sendmail = /bin/true
imgcache = {folder}
imgurl = img
datadir = {folder}
piddir = {folder}
cgiurl = http://localhost/
smokemail = /etc/smokeping/smokemail
tmail = /etc/smokeping/tmail
*** Alerts ***
to = bench@localhost
from = bench@localhost
*** Database ***
step = 300
pings = {pings}
AVERAGE 0.5 1 1008
*** Presentation ***
template = /etc/smokeping/basepage.html
+ overview
width = 600
height = 50
range = 10h
+ detail
width = 600
height = 200
unison_tolerance = 2
"3 hours" 3h
*** Probes ***
+ FPing
binary = /usr/bin/fping
mininterval = 0.001
hostinterval = 0.1
*** Targets ***
probe = FPing
menu = Top
title = Top
"""


def _cpu_us(used: resource.struct_rusage) -> float:
    return (used.ru_utime + used.ru_stime) * 1e6


PROGRAMS = {"fping": "fping", "blackbox_exporter": "prometheus-blackbox-exporter", "SmokePing": "smokeping"}


def missing() -> list[str]:
    """Of the others, those that are not installed."""
    return [name for name, program in PROGRAMS.items() if not shutil.which(program)]


if __name__ == "__main__":
    asyncio.run(obey(sys.argv[1]))
