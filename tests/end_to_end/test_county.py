"""One sample's whole way, on real packets: agents, collector and judge as processes, faults whose truth is known."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jinbao_lab.box import NoBox, check
from jinbao_lab.faults import FAULTS

SCENARIOS = Path(__file__).with_name("scenarios")
MISSED = 1


# What a plain container allows: no rights at all, and no user namespace to get them in.
NO_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
NO_USER_NAMESPACES = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
    "sh",
)


def lab(*words: str, before: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    command = [*before, sys.executable, "-m", "jinbao_lab.cli", "--lang", "en", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def read(out: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / name).read_text())
    return found


def plain_container() -> Sequence[str]:
    """The command that takes every right away; nothing where we have none to give."""
    try:
        check()
    except NoBox:
        return ()
    can = subprocess.run([*NO_USER_NAMESPACES, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    return (*NO_USER_NAMESPACES, *NO_RIGHTS) if can else NO_RIGHTS


@pytest.mark.root
def test_every_fault_on_the_wire_is_found_though_collector_and_agents_are_killed(tmp_path: Path) -> None:
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    out = tmp_path / "out"
    done = lab("run", str(SCENARIOS / "packets.toml"), "--out", str(out), "--torture", "kill", "--seed", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9 collector" in done.stdout
    assert "kill -9 a03" in done.stdout
    result = read(out, "score.json")
    assert (result["misses"], result["lost"]) == (0, [])
    kinds = {line["kind"] for line in result["lines"]}
    left_out = {"replies_spoofed"} if "cannot be made here: spoofed" in done.stdout else set()
    assert kinds | left_out == {"link_cut", "lan_dead", "power_cut", "mains_cut", "replies_spoofed", "cpe_dead", "server_stop"}
    assert result["acknowledged_batches"] > 0
    assert len(read(out, "statement.json")["links"]) == 8
    assert next(out.glob("*.pdf")).read_bytes().startswith(b"%PDF")


@pytest.mark.root
@pytest.mark.soak
def test_every_fault_there_is_is_found_with_its_cause_within_a_period(tmp_path: Path) -> None:
    """Four minutes of packets, and exact only on a machine that has time for them."""
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    done = lab("run", "every", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    result = read(tmp_path / "out", "score.json")
    told = set(re.findall(r"cannot be made here: \S+ \((\w+)\)", done.stdout))
    assert {line["kind"] for line in result["lines"]} | told == set(FAULTS) - {"clock_step"}


@pytest.mark.root
@pytest.mark.soak
def test_whatever_befalls_an_agents_machine_is_found_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    done = lab("run", str(SCENARIOS / "lives.toml"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    result = read(tmp_path / "out", "score.json")
    assert (result["misses"], result["lost"]) == (0, [])
    assert result["acknowledged_batches"] > 0


def test_without_namespaces_it_does_what_it_can_and_names_what_it_cannot(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = lab("run", str(SCENARIOS / "loopback.toml"), "--out", str(out), before=plain_container())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no namespaces here, on the loopback instead: making network namespaces is not permitted here" in done.stdout
    reason = "the county stands on addresses of the loopback"
    assert f"cannot be made here: power (power_cut) needs network namespaces: {reason}" in done.stdout
    result = read(out, "score.json")
    assert {line["fault"] for line in result["lines"]} == {"cpe", "server"}
    assert result["misses"] == 0
    assert next(out.glob("*.pdf")).read_bytes().startswith(b"%PDF")
    (out / "score.json").write_text(json.dumps({**result, "misses": 99}))
    assert lab("score", str(out)).returncode == 0
    assert read(out, "score.json") == result


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = lab("run", str(SCENARIOS / "loopback.toml"), "--out", str(tmp_path), "--loopback")
    assert done.returncode == 3
    assert "not empty" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_scenario_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    done = lab("run", "no-such-scenario", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "no-such-scenario" in done.stderr
