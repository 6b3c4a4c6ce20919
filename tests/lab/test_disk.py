"""Disks of an agent's own: full to the last byte, or without what they were not made to keep; a copy is left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from jinbao_lab.box import NoBox, check
from jinbao_lab.disk import SmallDisk, fill
from jinbao_lab.processes import Failed

BREAK_DISKS = Path(__file__).with_name("break_disks.py")


@pytest.mark.root
def test_a_disk_is_full_when_filled_and_loses_what_it_was_not_made_to_keep(tmp_path: Path) -> None:
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    done = subprocess.run([sys.executable, BREAK_DISKS, tmp_path], capture_output=True, text=True, check=False)
    if "mount -o loop" in done.stderr:
        pytest.skip(f"a disk that loses its writes takes real root: {done.stderr.splitlines()[-2]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "written after False",
        "kept ['synced']",
        "an ordinary power cut keeps what was told True",
        "losable full False freed True",
        "small full False freed True",
        "losable left ['spool'] False",
        "small left ['spool'] False",
    ]


def test_a_disk_that_is_not_mounted_is_never_filled(tmp_path: Path) -> None:
    """Or the ballast would fill the disk of whoever runs the lab."""
    with pytest.raises(Failed, match="no disk of its own is mounted here"):
        fill(SmallDisk(tmp_path))
    assert list(tmp_path.iterdir()) == []
