"""A real agent whose disk is full from its first moment: it measures, says so in a sentence, and keeps everything."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_process import AGENT, COMMAND, running, write_config
from agent_records import check_chain, everything_in


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    if os.geteuid():
        pytest.skip("mounting needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "jinbao-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass


@pytest.mark.root
def test_a_full_disk_is_a_plain_told_condition_and_mends_itself(tmp_path: Path, small_disk: Path) -> None:
    config = write_config(tmp_path, 9, AGENT.replace('data = "data"', 'data = "disk/data"'))
    command = [*COMMAND, "--config", str(config), "run"]
    with running(command, tmp_path) as agent:
        agent.ready()
        agent.beats(1)
        assert agent.stop() == 0
    spool = small_disk / "data" / "spool.db"
    spool.unlink()  # so that not even a spool can be made
    fill(small_disk / "filler")
    with running(command, tmp_path) as agent:
        agent.ready()
        agent.beats(3)  # nobody kills an agent for its disk
        (small_disk / "filler").unlink()
        agent.beats(3)
        assert agent.stop() == 0
    log = (tmp_path / "agent.log").read_text()
    assert "the spool takes no records, they wait in memory" in log
    assert "the spool takes records again" in log
    assert "Traceback" not in log
    batches, samples, events = everything_in(spool)
    check_chain(batches)
    assert [event.event for event in events] == ["start", "stop"]
    numbers = sorted({sample.seq for sample in samples if sample.seq is not None})
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) >= 3
