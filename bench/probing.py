"""What a round of ICMP probes costs, takes and loses: ours beside fping, icmplib, blackbox_exporter and SmokePing, in one run.

    python bench/probing.py [--targets 1000] [--rounds 7] [--json]
    python bench/probing.py --far [--targets 2000] [--rounds 3]

On loopback, where every address of 127/8 answers and nothing is lost; with --far over a line of 50 ms ± 7 ms that loses
nothing either, in a box of network namespaces of its own (jinbao_lab.line). So every probe without an answer is a false loss.
CPU is user and system time of all processes that take part, in microseconds a probe; fping's and SmokePing's have the start of
their process in it, as anybody who runs them pays for it; ours, icmplib's and the exporter's stay. Medians over rounds that
take turns. Memory is the most that the largest process of each has had.

To reach (design §10): ours at most 1.3 × fping's CPU at 1000 targets; 0 false loss at 2000 targets over the far line.
Exit 1 where they are not reached, 3 where this machine lets no ICMP or no namespaces be had.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rivals import Blackbox, Fping, SmokePing, Sweep, Way, Worker, missing

from jinbao_agent.probes import icmp_rights
from jinbao_lab import box
from jinbao_lab.county import Wire

REACH = 1.3
DELAY_MS, JITTER_MS = 25, 3  # one way; the sum of both ways is 50 ± 6 ms, and a part of one for the emulator
_LINE = Wire("near", "line", "10.66.0.1", "far", "line", "10.66.0.2")
_IN_BOX = "JINBAO_BENCH_FAR"


def ways(far: bool) -> list[Way]:
    """SmokePing over the far line is fping once more."""
    known: list[Way] = [Worker("ours"), Worker("ours, a task each"), Worker("icmplib async_multiping(50)")]
    if far:
        known.append(Worker("icmplib async_multiping(all)"))
    absent = missing()
    known += [Fping()] if "fping" not in absent else []
    known += [Blackbox()] if "blackbox_exporter" not in absent else []
    known += [SmokePing()] if "SmokePing" not in absent and not far else []
    return known


def measure(hosts: Sequence[str], rounds: int, far: bool) -> dict[str, list[Sweep]]:
    with ExitStack() as opened:
        all_ways = [opened.enter_context(way) for way in ways(far)]
        for way in all_ways:
            way.sweep(hosts)  # sockets and files are made, code is warm, neighbours are known
        found: dict[str, list[Sweep]] = {way.name: [] for way in all_ways}
        for _ in range(rounds):
            for way in all_ways:
                found[way.name].append(way.sweep(hosts))
    return found


def facts(sweeps: Sequence[Sweep]) -> dict[str, float]:
    answered = [rtt for sweep in sweeps for rtt in sweep.rtt_us if rtt is not None]
    return {
        "cpu_us_per_probe": round(statistics.median(sweep.cpu_us / len(sweep.rtt_us) for sweep in sweeps), 1),
        "sweep_ms": round(statistics.median(sweep.wall_ms for sweep in sweeps), 1),
        "rtt_us_p50": round(statistics.median(answered), 1) if answered else float("nan"),
        "false_loss": sum(sweep.lost for sweep in sweeps),
        "asked": sum(len(sweep.rtt_us) for sweep in sweeps),
        "rss_mb": round(max(sweep.rss_mb for sweep in sweeps), 1),
    }


def table(found: dict[str, dict[str, float]], title: str) -> str:
    head = f"{'':30}{'CPU us/probe':>13}{'x fping':>9}{'sweep ms':>10}{'RTT p50 us':>12}{'false loss':>16}{'MB':>7}"
    lines = [title, head]
    peer = found.get("fping -i0", {}).get("cpu_us_per_probe")
    for name, row in found.items():
        ratio = f"{row['cpu_us_per_probe'] / peer:.2f}" if peer else "-"
        loss = f"{row['false_loss']:.0f} of {row['asked']:.0f}"
        lines.append(
            f"{name:30}{row['cpu_us_per_probe']:13}{ratio:>9}{row['sweep_ms']:10}{row['rtt_us_p50']:12}{loss:>16}{row['rss_mb']:7}"
        )
    lines += [f"not installed, left out: {', '.join(missing())}"] if missing() else []
    return "\n".join(lines)


def reached(found: dict[str, dict[str, float]], far: bool) -> bool:
    ours, peer = found["ours"], found.get("fping -i0")
    cheap = far or peer is None or ours["cpu_us_per_probe"] <= REACH * peer["cpu_us_per_probe"]
    return cheap and ours["false_loss"] == 0


@contextmanager
def far_line() -> Iterator[None]:
    """Inside a box: its other end answers for all of 10.67/16, behind a line that delays."""
    box.settle()
    for node in ("near", "far"):
        subprocess.run(["ip", "netns", "add", node], check=True)
    line = subprocess.Popen([sys.executable, "-m", "jinbao_lab.line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(what: dict[str, object]) -> None:
        assert line.stdin is not None
        assert line.stdout is not None
        print(json.dumps(what), file=line.stdin, flush=True)
        line.stdout.readline()

    try:
        wire = {name: getattr(_LINE, name) for name in Wire.__dataclass_fields__}
        order({"lay": [wire]})
        for node, address in (("near", "10.66.0.1"), ("far", "10.66.0.2")):
            for words in (f"addr add {address}/24 dev line", "link set line txqueuelen 20000 up", "link set lo up"):
                subprocess.run(["ip", "-n", node, *words.split()], check=True)
        subprocess.run(["ip", "-n", "near", "route", "add", "10.67.0.0/16", "via", "10.66.0.2"], check=True)
        subprocess.run(["ip", "-n", "far", "route", "add", "local", "10.67.0.0/16", "dev", "lo"], check=True)
        order({"spoil": [{"wire": _LINE.name, "direction": "both", "delay": DELAY_MS, "jitter": JITTER_MS}]})
        with box.network_of("near"):
            yield
    finally:
        line.communicate()


def addresses(count: int, net: str) -> list[str]:
    return [f"{net}.{index // 250}.{index % 250 + 1}" for index in range(count)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--far", action="store_true", help="over a line of 50 ms")
    parser.add_argument("--targets", type=int, help="at most 60000; 1000, or 2000 with --far")
    parser.add_argument("--rounds", type=int, help="7, or 3 with --far")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not icmp_rights().usable(4):
        print("no ICMP socket: set net.ipv4.ping_group_range or grant CAP_NET_RAW", file=sys.stderr)
        return 3
    if options.far and not os.environ.get(_IN_BOX):
        try:
            box.check()
        except box.NoBox as problem:
            print(problem, file=sys.stderr)
            return 3
        os.environ[_IN_BOX] = "1"
        return box.run_inside([sys.executable, str(Path(__file__)), *sys.argv[1:]])
    count, rounds = options.targets or (2000 if options.far else 1000), options.rounds or (3 if options.far else 7)
    if options.far:
        with far_line():
            sweeps = measure(addresses(count, "10.67"), rounds, far=True)
    else:
        sweeps = measure(addresses(count, "127.1"), rounds, far=False)
    found = {name: facts(of) for name, of in sweeps.items()}
    where = f"over a line of {2 * DELAY_MS} ± {2 * JITTER_MS} ms" if options.far else "on loopback"
    print(json.dumps(found) if options.json else table(found, f"{count} targets {where}, {rounds} rounds"))
    return 0 if reached(found, options.far) else 1


if __name__ == "__main__":
    sys.exit(main())
