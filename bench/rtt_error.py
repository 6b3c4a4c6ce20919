"""How far a reported round trip is from the one on the wire: ours beside fping, ping, icmplib and blackbox_exporter.

    python bench/rtt_error.py [--probes 250] [--json]

The wire is a veth between two network namespaces of a box of its own, and its truth a packet socket on our end, with the
kernel's stamps: what a capture would show. Each probe goes to an address of its own, 50 a second, so that it is found
again. "Busy": the event loop in which the probes run has other work for 10 of every 20 ms. Error = reported − captured,
microseconds. The others: `apt-get install fping iputils-ping prometheus-blackbox-exporter`.

To reach (design §10): ours, idle and busy, at p50 at most fping's (idle) + 15 us, and at p99 at most 100 us. Exit 1 where
that is not so, 3 where this machine lets no namespaces be had.
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rivals import PACE_S, Blackbox, Fping, Sweep, Way, Worker, missing

from jinbao_agent.probes.sockets import prepare_queue, stamp_us
from jinbao_lab import box

MARGIN_US, WORST_US = 15, 100
_IN_BOX = "JINBAO_BENCH_RTT"
_ETH_P_ALL = 3
_ETHERNET = 14


class Ping(Way):
    """A process for each probe."""

    name = "ping"

    def sweep(self, hosts: Sequence[str]) -> Sweep:
        rtts: list[float | None] = []
        for host in hosts:
            said = subprocess.run(["ping", "-c1", "-W2", host], capture_output=True, text=True, check=False).stdout
            time = re.search(r"time=(\S+) ms", said)
            rtts.append(float(time[1]) * 1000 if time else None)
        return Sweep(rtts, 0, 0, 0)


def ways() -> list[Way]:
    absent = missing()
    known: list[Way] = [Worker("ours, loop idle"), Worker("ours, loop busy")]
    known += [Fping(round(PACE_S * 1000))] if "fping" not in absent else []
    known += [Ping()] if shutil.which("ping") else []
    known += [Worker("icmplib, loop idle"), Worker("icmplib, loop busy")]
    known += [Blackbox()] if "blackbox_exporter" not in absent else []
    return known


class Capture:
    """Every packet of our end of the wire, stamped by the kernel as it passes; read when all is over, to disturb nobody."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        prepare_queue(self._socket)
        self._socket.bind(("wire", 0))
        self._socket.setblocking(False)

    def round_trips(self) -> dict[str, float]:
        """By host, of what was captured since it was asked last, microseconds: from the first request to the first reply."""
        asked: dict[str, int] = {}
        found: dict[str, float] = {}
        while True:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(256, 64)
            except BlockingIOError:
                return found
            if frame[12:14] != b"\x08\x00" or frame[_ETHERNET + 9] != socket.IPPROTO_ICMP:
                continue
            at_us = stamp_us(ancillary)
            assert at_us is not None, "the kernel stamps what it captures"
            source, destination = (socket.inet_ntoa(frame[_ETHERNET + at : _ETHERNET + at + 4]) for at in (12, 16))
            (kind,) = struct.unpack_from("!B", frame, _ETHERNET + 20)
            if kind == 8:
                asked.setdefault(destination, at_us)
            elif kind == 0 and source in asked:
                found.setdefault(source, at_us - asked[source])


@contextmanager
def wire() -> Iterator[None]:
    """Inside a box: a veth to a namespace that answers for all of 10.67/16. This thread is at its near end."""
    box.settle()
    subprocess.run(["ip", "netns", "add", "far"], check=True)
    subprocess.run(["ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", "far"], check=True)
    for node, address in (((), "10.66.0.1"), (("-n", "far"), "10.66.0.2")):
        for words in (f"addr add {address}/24 dev wire", "link set wire up", "link set lo up"):
            subprocess.run(["ip", *node, *words.split()], check=True)
    subprocess.run(["ip", "route", "add", "10.67.0.0/16", "via", "10.66.0.2"], check=True)
    subprocess.run(["ip", "-n", "far", "route", "add", "local", "10.67.0.0/16", "dev", "lo"], check=True)
    yield


def measure(probes: int) -> dict[str, dict[str, float]]:
    found = {}
    hosts = [f"10.67.{index // 250}.{index % 250 + 1}" for index in range(probes)]
    capture = Capture()
    for way in ways():
        with way:
            way.sweep(hosts[:5])  # neighbours are known, code is warm
            capture.round_trips()
            sweep = way.sweep(hosts)
            found[way.name] = errors(sweep, hosts, capture.round_trips())
    return found


def errors(sweep: Sweep, hosts: Sequence[str], truth: dict[str, float]) -> dict[str, float]:
    off = sorted(rtt - truth[host] for host, rtt in zip(hosts, sweep.rtt_us, strict=True) if rtt is not None and host in truth)
    quantiles = statistics.quantiles(off, n=100, method="inclusive")
    return {
        "p50": round(quantiles[49], 1),
        "p99": round(quantiles[98], 1),
        "max": round(off[-1], 1),
        "wire_p50": round(statistics.median(truth.values()), 1),
        "compared": len(off),
        "unanswered": sweep.lost,
    }


def reached(found: dict[str, dict[str, float]]) -> bool:
    peer = next((row["p50"] for name, row in found.items() if name.startswith("fping")), None)
    ours = [row for name, row in found.items() if name.startswith("ours")]
    return all((peer is None or row["p50"] <= peer + MARGIN_US) and row["p99"] <= WORST_US for row in ours)


def table(found: dict[str, dict[str, float]]) -> str:
    head = f"{'error, us':22}{'p50':>9}{'p99':>9}{'max':>10}{'wire p50':>10}{'compared':>10}{'unanswered':>12}"
    rows = (
        f"{name:22}{row['p50']:9}{row['p99']:9}{row['max']:10}{row['wire_p50']:10}{row['compared']:10}{row['unanswered']:12}"
        for name, row in found.items()
    )
    left_out = [f"not installed, left out: {', '.join(missing())}"] if missing() else []
    return "\n".join([head, *rows, *left_out])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probes", type=int, default=250)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not os.environ.get(_IN_BOX):
        try:
            box.check()
        except box.NoBox as problem:
            print(problem, file=sys.stderr)
            return 3
        os.environ[_IN_BOX] = "1"
        return box.run_inside([sys.executable, str(Path(__file__)), *sys.argv[1:]])
    with wire():
        found = measure(options.probes)
    print(json.dumps(found) if options.json else table(found))
    return 0 if reached(found) else 1


if __name__ == "__main__":
    sys.exit(main())
