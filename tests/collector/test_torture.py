"""Power cuts, kill -9, full and read-only disks, torn logs: nothing that was acknowledged is lost, nothing is there twice.

`pytest -m soak tests/collector/test_torture.py` is the long form: 30 power cuts, 100 kills.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jinbao_lab.box import NoBox, check

TORTURE = Path(__file__).with_name("torture.py")

pytestmark = pytest.mark.root


def torture(folder: Path, synchronous: str, *deeds: str) -> list[dict[str, object]]:
    """What each deed came to. Skips where the system gives no disk of its own."""
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    command = [sys.executable, TORTURE, folder, synchronous, *deeds]
    environment = {**os.environ, "PYTHONPATH": str(TORTURE.parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "mount -o loop" in done.stderr:
        pytest.skip(f"a disk that loses its writes takes real root: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_all_kept(told: list[dict[str, object]]) -> None:
    for one in told:
        assert (one["lost"], one["doubled"]) == (0, 0), one
    assert told[-1]["deed"] == "finish", "it is not as if nothing had happened"


def test_what_was_acknowledged_outlives_cuts_kills_and_bad_disks(tmp_path: Path) -> None:
    assert_all_kept(torture(tmp_path, "FULL", "cuts:1", "kills:4", "tears:1", "stays:1", "fills:1"))


def test_the_same_cuts_are_seen_to_lose_what_is_not_synced(tmp_path: Path) -> None:
    (told,) = torture(tmp_path, "NORMAL", "cuts:1")
    assert isinstance(told["lost"], int)
    assert told["lost"] > 0


@pytest.mark.soak
def test_thirty_power_cuts_and_a_hundred_kills(tmp_path: Path) -> None:
    assert_all_kept(torture(tmp_path, "FULL", "cuts:30", "kills:100", "tears:10", "stays:5", "fills:5"))
