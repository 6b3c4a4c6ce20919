"""Machines and processes end when they should: at once, and all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from jinbao_lab.box import NoBox, check
from jinbao_lab.processes import Failed, run
from sleepers import await_count, mark_of

POWER_CYCLE = Path(__file__).with_name("power_cycle.py")


@pytest.mark.root
def test_a_power_cut_ends_everything_at_once_and_the_next_life_has_another_boot(tmp_path: Path) -> None:
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    done = subprocess.run([sys.executable, POWER_CYCLE, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "sleepers 2 0 off",
        "stopped by -15",
        "same boot after a crash True",
        "another after the power cut True True",
        "carrier 1",
    ]


def test_a_process_does_not_outlive_a_lab_that_is_killed(tmp_path: Path) -> None:
    mark = mark_of(tmp_path)
    code = (
        "from pathlib import Path; from jinbao_lab import processes; import time\n"
        f"processes.start(['sleep', {mark!r}], Path({str(tmp_path / 'log')!r})); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as lab:
        await_count(mark, 1)
        lab.kill()
    await_count(mark, 0)


def test_a_program_that_fails_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"ended with 7: broken; see .*log"):
        run(["sh", "-c", "echo broken >&2; exit 7"], tmp_path / "log")
    assert "broken" in (tmp_path / "log").read_text()
