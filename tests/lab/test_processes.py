"""A command that is told to a person works as it is told."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jinbao_lab.processes import typed

SCRIPTS = Path(sys.executable).parent


def test_a_command_that_is_not_on_the_path_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(SCRIPTS.parents[1])
    command = typed("jinbao-lab", "score", str(tmp_path / "a folder"))
    assert shlex.split(command) == [str(SCRIPTS.relative_to(Path.cwd()) / "jinbao-lab"), "score", str(tmp_path / "a folder")]
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, f"{tmp_path / 'a folder'}: not the folder of a run\n")


def test_in_an_environment_that_is_activated_its_name_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{SCRIPTS}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    assert typed("jinbao-lab", "run", str(tmp_path / "random-7.toml")) == "jinbao-lab run random-7.toml"


def test_what_is_installed_elsewhere_is_told_by_its_name() -> None:
    assert typed("ip", "netns") == "ip netns"
