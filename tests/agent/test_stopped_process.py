"""A process that is stopped dead (SIGSTOP) while answers come in, for longer than it would have waited for them."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from hostile_net import await_stamps
from jinbao_agent.probes import icmp_rights

PROGRAM = """
import asyncio, json, sys
from jinbao_agent.probes import Prober
from jinbao_config.links import parse_target

async def main():
    targets = [parse_target(target) for target in sys.argv[1:]]
    async with Prober() as prober:
        await prober.sweep(targets, 5.0)
        print("ready", flush=True)
        sys.stdin.readline()
        asked = [asyncio.create_task(prober.probe(target, 0.2)) for target in targets]
        for _ in range(3):
            await asyncio.sleep(0)
        print("asked", flush=True)
        sys.stdin.readline()  # never answered before the stop
        print(json.dumps([(await task)[2:4] for task in asked]))

asyncio.run(main())
"""


@pytest.mark.skipif(not icmp_rights().usable(4), reason="neither ping_group_range nor CAP_NET_RAW allows ICMP")
def test_a_process_that_was_stopped_has_lost_nothing_and_lengthened_nothing() -> None:
    """ICMP over both versions and TCP; the second half of them are asked before the first has been read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        targets = [
            "127.0.0.1",
            "::1",
            f"tcp://127.0.0.1:{server.getsockname()[1]}",
            *(f"127.0.3.{host}" for host in range(1, 60)),
        ]
        with subprocess.Popen([sys.executable, "-c", PROGRAM, *targets], stdin=-1, stdout=-1, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            await_stamps()
            process.stdin.write("go\n")
            process.stdin.flush()
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.001)
            process.stdin.write("read\n")
            process.stdin.flush()
            time.sleep(0.4)  # the fault under test
            process.send_signal(signal.SIGCONT)
            results = json.loads(process.stdout.readline())
    assert Counter(outcome for outcome, _ in results) == {"reply": len(targets)}
    assert all(rtt_us < 200_000 for _, rtt_us in results)
