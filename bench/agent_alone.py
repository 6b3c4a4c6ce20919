"""What an agent costs its machine: packages, megabytes, start time, memory and CPU; in a township and at the county.

    python bench/agent_alone.py [--links 2000] [--seconds 120] [--json]

Installs an agent from a wheelhouse into an environment of its own, without any index, and runs it as an operator would: once
with the ladder of a township, once as the county's agent of so many links, each every 10 s on loopback (127/8 answers every
ping). Memory is the kernel's figure for the process (VmHWM: the most it ever had), start time from exec to READY=1, CPU
without the start. A slot is kept when its probe left within a second of its grid point. Exit 3 where no echo may be sent.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinbao_agent.probes import icmp_rights
from jinbao_agent.sample import Sample
from jinbao_agent.schedule import grid_of
from jinbao_agent.spool import Spool
from jinbao_agent.wire import decode_body

ROOT = Path(__file__).parents[1]
REACH_MB = 60
T_MS = 10_000
RUNGS = ("lan", "cpe", "edge", "core", "app")
TICK = os.sysconf("SC_CLK_TCK")


def install(folder: Path) -> dict[str, Any]:
    """An environment with an agent and nothing else, and what that took."""
    house = folder / "wheelhouse"
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(["sh", str(ROOT / "scripts/wheelhouse"), str(house)], check=True, capture_output=True, env=environment)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    python = folder / "env/bin/python"
    packages = next((folder / "env/lib").glob("python*/site-packages"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-index",
        "--find-links",
        str(house),
    ]
    subprocess.run([*pip, "--target", str(packages), "jinbao-uptime"], check=True)
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    wheels = sorted(house.glob("*.whl"))
    return {
        "python": str(python),
        "packages": [wheel.name.split("-")[0] for wheel in wheels],
        "download_mb": round(sum(wheel.stat().st_size for wheel in wheels) / 1e6, 1),
        "installed_mb": round(size / 1e6, 1),
    }


def configure(folder: Path, links: int) -> Path:
    """Of one township, or of the county's agent with so many links."""
    folder.mkdir()
    lines = ['schema = "jinbao.links/1"']
    for number in range(max(1, links)):
        here = f"127.{10 + number // 250}.{number % 250}"
        ladder = ", ".join(f'{name} = "{here}.{place + 1}"' for place, name in enumerate(RUNGS))
        county = f'cpe = "{here}.2", agent = "{here}.9"'
        lines += ["[[link]]", f'code = "{510422000 + number:09d}"', f'name = "{number}"']
        lines += [f"targets = {{ {ladder} }}", f"county_targets = {{ {county} }}"]
    (folder / "links.toml").write_text("\n".join(lines) + "\n")
    who = 'vantage = "county"' if links else 'vantage = "township"\nlink = "510422000"'
    file = folder / "agent.toml"
    file.write_text(f'schema = "jinbao.agent/1"\n{who}\ndata = "data"\n[spool]\nfloor = "0MB"\n')
    return file


def run(python: str, config: Path, seconds: int) -> dict[str, Any]:
    """One life."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news:
        news.bind(str(config.parent / "notify"))
        began = time.monotonic()
        command = [python, "-m", "jinbao_agent.cli", "--config", str(config), "run"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(config.parent / "notify")}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            while news.recv(64) != b"READY=1":
                pass
            ready_s = time.monotonic() - began
            before = _cpu_s(process.pid)
            time.sleep(seconds)  # the figure is of an agent left alone
            cpu_s = _cpu_s(process.pid) - before
            status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    return {
        "ready_s": round(ready_s, 2),
        "memory_mb": round(int(status["VmHWM"].split()[0]) * 1024 / 1e6, 1),
        "cpu_percent": round(100 * cpu_s / seconds, 1),
        **punctuality(config.parent / "data"),
    }


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def punctuality(data: Path) -> dict[str, Any]:
    """How late its probes left, and whether any grid point was passed over."""
    samples = _samples(data / "spool.db")
    install = (data / "install").read_text().strip()
    late_ms = []
    for one in samples:
        assert one.seq is not None
        assert one.mono_us is not None
        grid = grid_of(one.boot, install, one.link, T_MS)
        late_ms.append((one.mono_us - grid.instant(one.seq)) / 1000)
    sent = [late for late, one in zip(late_ms, samples, strict=True) if not one.outcome.startswith("not_sent:")]
    return {
        "probes": len(samples),
        "slots_kept_percent": round(100 * sum(late < 1000 for late in sent) / len(samples), 3),
        "late_ms_p50": round(statistics.median(sent), 1),
        "late_ms_p99": round(statistics.quantiles(sent, n=100)[98], 1),
        "false_loss": sum(one.outcome in ("lost", "late", "bad_reply") for one in samples),
        "bytes_per_sample": round((data / "spool.db").stat().st_size / len(samples), 1),
    }


def _samples(file: Path) -> list[Sample]:
    spool = Spool.reading(file)
    found: list[Sample] = []
    try:
        after = 0
        while rows := spool.waiting(after, 64, 10**7):
            for row in rows:
                fields = row.batch.fields()
                assert row.batch.body is not None
                found += decode_body(row.batch.body, fields["vantage"], fields["boot"])[0]
            after = rows[-1].id
    finally:
        spool.close_file()
    return found


def measure(links: int, seconds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        installed = install(folder)
        python = installed.pop("python")
        return {
            "installed": installed,
            "township": run(python, configure(folder / "township", 0), seconds),
            f"county of {links} links": run(python, configure(folder / "county", links), seconds),
        }


def tell(found: dict[str, Any]) -> None:
    installed = found["installed"]
    print(f"{len(installed['packages'])} packages: {', '.join(installed['packages'])}")
    print(f"{installed['download_mb']} MB to carry, {installed['installed_mb']} MB installed, beside Python itself")
    for name, facts in found.items():
        if name != "installed":
            print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))
    most = found["township"]["memory_mb"]
    print(f"reach: township ≤ {REACH_MB} MB: {'yes' if most <= REACH_MB else 'NO'} ({most})")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--links", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if not icmp_rights().usable(4):
        print("this process may not send echo requests", file=sys.stderr)
        return 3
    found = measure(options.links, options.seconds)
    print(json.dumps(found, indent=1)) if options.json else tell(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
