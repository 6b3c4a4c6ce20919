"""A peer's published numbers, reproduced from its own checks under its own convention (bench/upptime.py)."""

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
EXTRACT = TESTS / "data" / "upptime-d33bs"


def compared(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TESTS.parent / "bench" / "upptime.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_peers_convention_gives_the_peers_numbers_and_ours_stands_beside_them() -> None:
    done = compared(EXTRACT)
    assert done.returncode == 0, done.stderr
    assert "276 of 276 windows of sites with 1 to 100 incidents agree within 0.1 points" in done.stdout
    steps = [line.split() for line in done.stdout.splitlines() if line.endswith(("next", "known", "none", "ours"))]
    bounds = [(float(words[0]), float(words[2]), float(words[5])) for words in steps]
    assert bounds[0][0] == bounds[0][1]
    assert bounds[0][2] == 100
    assert all(low < high and known < 100 for low, high, known in bounds[1:])


def test_checks_that_were_never_made_do_not_give_its_numbers(tmp_path: Path) -> None:
    shutil.copytree(EXTRACT, tmp_path, dirs_exist_ok=True)
    checks = (tmp_path / "checks.csv").read_text(encoding="utf-8").replace(",down,", ",up,", 40)
    (tmp_path / "checks.csv").write_text(checks, encoding="utf-8")
    assert compared(tmp_path).returncode == 1
