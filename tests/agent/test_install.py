"""What `install` writes: a unit that systemd understands and that gives one right, and the bounds of the centre."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_process import AGENT, COMMAND, write_config
from agent_records import everything_in
from jinbao_agent.cli import main
from jinbao_agent.identity import Home
from jinbao_agent.install import _TEXT, STATE, UNIT, unit_text
from jinbao_config.central import read_allowed

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "units").mkdir()
    return write_config(tmp_path, 9, AGENT.replace('data = "data"', f'data = "{STATE}"'))


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users reach; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def installed(box: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, list[str]]:
    code = main(["--config", str(box), "--json", "install", "--units", str(box.parent / "units"), *words])
    told = capsys.readouterr()
    assert code == 0, told.err
    return dict(json.loads(told.out))


def test_it_writes_unit_and_bounds_and_leaves_alone_what_somebody_changed(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit, allow = box.parent / "units" / UNIT, box.parent / "allow.toml"
    assert installed(box, capsys) == {"written": [str(unit), str(allow)], "kept": []}
    assert read_allowed(allow).value.networks == ("127.0.0.0/16",)
    allow.write_text(allow.read_text() + "# mine\n")
    assert installed(box, capsys, "--allow", "10.0.0.0/8") == {"written": [str(unit)], "kept": [str(allow)]}
    assert installed(box, capsys, "--allow", "10.0.0.0/8", "--per-second", "7", "--again")["kept"] == []
    bounds = read_allowed(allow).value
    assert (bounds.networks, bounds.per_second, bounds.fastest) == (("10.0.0.0/8",), 7, 1000)


def test_the_next_steps_are_told_in_both_languages(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for lang, word in (("zh", "接下来"), ("en", "next, as root")):
        assert main(["--config", str(box), "--lang", lang, "install", "--units", str(box.parent / "units")]) == 0
        told = capsys.readouterr().out
        assert word in told
        assert "systemctl enable --now jinbao-agent.service" in told


def test_what_cannot_work_is_refused(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["--config", str(box), "install", "--units"]
    assert main([*base, str(tmp_path / "nowhere")]) == 2
    assert "is this a machine with systemd?" in capsys.readouterr().err
    assert main([*base, str(tmp_path / "units"), "--allow", "10.1.2.3/8"]) == 2
    assert "expected a network" in capsys.readouterr().err
    assert main([*base, str(tmp_path / "units"), "--per-second", "0"]) == 2
    assert not (tmp_path / "units" / UNIT).exists()


@needs_systemd
@pytest.mark.parametrize("data", [STATE, Path("/srv/jin bao/data")])
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path, data: Path) -> None:
    unit = tmp_path / UNIT
    unit.write_text(unit_text(Path("/etc/jinbao/agent.toml"), data), encoding="utf-8")
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    about_us = [line for line in said.stderr.splitlines() if UNIT in line]
    assert (said.returncode, about_us) == (0, [])


@needs_systemd
def test_systemd_finds_it_well_protected(tmp_path: Path) -> None:
    unit = tmp_path / UNIT
    unit.write_text(unit_text(Path("/etc/jinbao/agent.toml"), STATE), encoding="utf-8")
    # 0 is perfect, 10 is naked. What is left is the network, the capability for ICMP, and reading the clock's quality.
    subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=22", str(unit)],
        check=True,
        capture_output=True,
    )


def allowed_calls() -> set[str]:
    """The system calls that the unit's filter lets through, by systemd's own lists."""

    def listed(name: str) -> set[str]:
        command = ["systemd-analyze", "syscall-filter", "--no-pager", name]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
        words = {line.strip() for line in lines if line.strip() and not line.strip().startswith("#")}
        return set().union(*(listed(word) if word.startswith("@") else {word} for word in words))

    filters = [line.partition("=")[2] for line in _TEXT.splitlines() if line.startswith("SystemCallFilter=")]
    allowed = listed("@default")
    for words in filters:
        taken = words.startswith("~")
        for word in words.removeprefix("~").split():
            calls = listed(word) if word.startswith("@") else {word}
            allowed = allowed - calls if taken else allowed | calls
    return allowed


@needs_systemd
@pytest.mark.soak
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
def test_the_filter_lets_every_system_call_through_that_an_agent_makes(tmp_path: Path) -> None:
    more = '[peer]\nlisten = "127.0.0.1:8629"\n[mains]\nups = "ups@127.0.0.1:1"\nevery = "1s"\n'
    config = write_config(tmp_path, 9, AGENT + more)
    trace = ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(tmp_path / "trace")]
    command = [*trace, *COMMAND, "--config", str(config), "run"]
    subprocess.run(["timeout", "--signal=TERM", "10", *command], capture_output=True, check=False)
    made = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", (tmp_path / "trace").read_text(errors="replace"), re.MULTILINE))
    assert made & {"adjtimex", "clock_adjtime"}
    as_root = {"fchown"}  # SQLite gives its files to the database's owner, where it may
    assert made - as_root <= allowed_calls()


def test_the_unit_names_this_installation_and_one_capability() -> None:
    lines = unit_text(Path("/etc/jinbao/agent.toml"), STATE).splitlines()
    assert f"ExecStart={sys.executable} -m jinbao_agent.cli --config /etc/jinbao/agent.toml run" in lines
    assert {"Type=notify", "DynamicUser=yes", "StateDirectory=jinbao-agent", "WatchdogSec=60"} <= set(lines)
    assert [line for line in lines if "CAP_" in line and not line.startswith("#")] == [
        "CapabilityBoundingSet=CAP_NET_RAW",
        "AmbientCapabilities=CAP_NET_RAW",
    ]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="giving up rights takes root and setpriv")
def test_with_the_units_rights_alone_it_measures(public: Path) -> None:
    """Another user, CAP_NET_RAW and nothing else, no new privileges; where the kernel has it, no memory both writable and
    executable either."""
    config = write_config(public, 9)
    data = public / "data"
    data.mkdir(mode=0o750)
    os.chown(data, 65534, 65534)
    rights = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all,+net_raw"]
    held = ["setpriv", *rights, "--inh-caps=-all,+net_raw", "--ambient-caps=+net_raw"]
    if subprocess.run([*held, COMMAND[0], "-c", "import jinbao_agent"], capture_output=True, check=False).returncode:
        pytest.skip("another user may not read this installation")
    code = (
        "import ctypes, sys, threading, os, signal\n"
        "ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)\n"
        "from jinbao_agent.cli import main\n"
        "threading.Timer(3, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [*held, COMMAND[0], "-B", "-c", code, "--config", str(config), "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _, samples, events = everything_in(data / "spool.db")
    assert [event.event for event in events] == ["start", "stop"]
    assert {one.outcome for one in samples if one.target == "core"} <= {"reply", "not_sent:stopped"}
    assert any(one.outcome == "reply" for one in samples if one.target == "core")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts for another user")
def test_what_root_makes_in_the_services_folder_belongs_to_the_service(public: Path) -> None:
    home = Home(public)
    os.chown(public, 65534, 65534)
    public.chmod(0o700)
    with home.as_owner():
        home.signing_key()
    assert (home.key.stat().st_uid, home.key.stat().st_gid) == (65534, 65534)
    assert (os.geteuid(), os.getegid()) == (0, 0)
