"""CPU and false loss of a round of ICMP probes, ours beside fping's, in one run on loopback (127/8 answers everything).

    python bench/probing.py [--targets 1000] [--rounds 9] [--json]

Microseconds of CPU, user and system, per probe; medians over interleaved rounds. Loopback loses nothing, so every probe
without a reply is a false loss. fping's figure includes the start of its process, as anybody who runs it pays for it.
Prints what it measured; exit 3 where this process may not send ICMP at all.
"""

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from jinbao_agent.probes import Prober, Result, icmp_rights
from jinbao_config.links import Target

WAIT_S = 2.0
REACH = 1.3  # of fping's CPU


@dataclass
class Tally:
    """What one way of asking cost, round by round."""

    cpu_us: list[float] = field(default_factory=list)
    rtt_us: list[float] = field(default_factory=list)
    lost: int = 0

    def facts(self) -> dict[str, float]:
        rtt = statistics.median(self.rtt_us) if self.rtt_us else float("nan")
        return {
            "cpu_us_per_probe": round(statistics.median(self.cpu_us), 1),
            "rtt_us_p50": round(rtt, 1),
            "false_loss": self.lost,
        }


def cpu_us(who: int) -> float:
    used = resource.getrusage(who)
    return (used.ru_utime + used.ru_stime) * 1e6


Sweep = Callable[[Sequence[Target]], Awaitable[list[Result]]]


async def ours(sweep: Sweep, targets: Sequence[Target], tally: Tally) -> None:
    before = cpu_us(resource.RUSAGE_SELF)
    results = await sweep(targets)
    tally.cpu_us.append((cpu_us(resource.RUSAGE_SELF) - before) / len(targets))
    tally.rtt_us += [result.rtt_us for result in results if result.rtt_us is not None]
    tally.lost += sum(result.outcome != "reply" for result in results)


def fping(program: str, targets: Sequence[Target], tally: Tally) -> None:
    """One packet each, back to back; -q -C prints one line a target: 'ADDRESS : 0.03', or '-' for a loss."""
    command = [program, "-q", "-C1", "-i0", "-r0", f"-t{WAIT_S * 1000:.0f}", *(target.host for target in targets)]
    before = cpu_us(resource.RUSAGE_CHILDREN)
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    tally.cpu_us.append((cpu_us(resource.RUSAGE_CHILDREN) - before) / len(targets))
    times = [line.rsplit(" ", 1)[1] for line in said.splitlines() if " : " in line]
    tally.rtt_us += [float(time) * 1000 for time in times if time != "-"]
    tally.lost += len(targets) - sum(time != "-" for time in times)


async def measure(count: int, rounds: int) -> dict[str, dict[str, float]]:
    targets = [Target("icmp", f"127.1.{index // 250}.{index % 250 + 1}") for index in range(count)]
    program = shutil.which("fping")
    tallies = {"ours, swept": Tally(), "ours, a task each": Tally(), **({"fping": Tally()} if program else {})}
    async with Prober() as prober:

        async def task_each(targets: Sequence[Target]) -> list[Result]:
            return await asyncio.gather(*(prober.probe(target, WAIT_S) for target in targets))

        async def swept(targets: Sequence[Target]) -> list[Result]:
            return await prober.sweep(targets, WAIT_S)

        await swept(targets)  # the socket is made, the code warm
        for _ in range(rounds):
            await ours(swept, targets, tallies["ours, swept"])
            await ours(task_each, targets, tallies["ours, a task each"])
            if program:
                fping(program, targets, tallies["fping"])
    return {name: tally.facts() for name, tally in tallies.items()}


def table(found: dict[str, dict[str, float]], count: int, rounds: int) -> str:
    lines = [
        f"{count} targets, {rounds} rounds",
        f"{'':20}{'CPU us/probe':>14}{'RTT p50 us':>12}{'false loss':>12}{'x fping':>9}",
    ]
    peer = found.get("fping", {}).get("cpu_us_per_probe")
    for name, facts in found.items():
        ratio = f"{facts['cpu_us_per_probe'] / peer:9.2f}" if peer else f"{'-':>9}"
        lines.append(f"{name:20}{facts['cpu_us_per_probe']:14}{facts['rtt_us_p50']:12}{facts['false_loss']:12}{ratio}")
    lines.append(
        f"to reach: swept at most {REACH} x fping, false loss 0" if peer else "fping is not installed: nothing to compare with"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=1000, help="addresses of 127/8, at most 60000")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not icmp_rights().usable(4):
        print("no ICMP socket: set net.ipv4.ping_group_range or grant CAP_NET_RAW", file=sys.stderr)
        return 3
    found = asyncio.run(measure(options.targets, options.rounds))
    print(json.dumps(found) if options.json else table(found, options.targets, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
