"""In a box of its own: one machine through crash, power cut and clean stop; prints what its agent saw of its boots."""

import os
import sys
import time
from pathlib import Path

from jinbao_lab import box
from jinbao_lab.county import County
from jinbao_lab.machine import Machine
from jinbao_lab.namespaces import Network

BOOT, CARRIER = "/proc/sys/kernel/random/boot_id", "/sys/class/net/eth0/carrier"
# It leaves a child of its own behind, as a machine would have other processes.
AGENT = f"""
import pathlib, subprocess, time
subprocess.Popen(["sleep", "1000"])
print(pathlib.Path({BOOT!r}).read_text().strip(), pathlib.Path({CARRIER!r}).read_text().strip(), flush=True)
time.sleep(1000)
"""
PATIENCE_S = 10


def main(folder: Path) -> None:
    box.settle()
    network = Network(County(("01", "02")))
    network.build()
    log = folder / "log"
    machine = Machine(network, "a01", folder / "boot_id", [sys.executable, "-c", AGENT], log)
    machine.boot()
    machine.start_agent()
    await_lines(log, 1)
    machine.crash_agent()
    machine.start_agent()
    await_lines(log, 2)
    before = sleepers()
    machine.power_off()
    print("sleepers", before, sleepers(), "on" if machine.on else "off")
    machine.boot()
    machine.start_agent()
    await_lines(log, 3)
    print("stopped by", machine.stop_agent())
    host = Path(BOOT).read_text().strip()
    first, second, third = (line.split() for line in log.read_text().splitlines())
    print("same boot after a crash", first == second)
    print("another after the power cut", third[0] not in (first[0], host), first[0] != host)
    print("carrier", first[1])
    network.close()


def await_lines(log: Path, wanted: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(log.read_text().splitlines()) < wanted:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


def sleepers() -> int:
    """In this box, which is nobody else's."""
    return sum(file.read_bytes() == b"sleep\0001000\0" for file in Path("/proc").glob("[0-9]*/cmdline"))


if __name__ == "__main__":
    if box.inside():
        main(Path(sys.argv[1]))
    else:
        os.execvpe(*box.command([sys.executable, __file__, *sys.argv[1:]]))
