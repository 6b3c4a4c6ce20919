"""The judge cannot look at the answers, in whatever way it tries, and can read everything else."""

import subprocess
import sys
from pathlib import Path

import pytest

WAYS = {
    "open": "open({path!r})",
    "os.open": "import os; os.open({path!r}, os.O_RDONLY)",
    "pathlib": "from pathlib import Path; Path({path!r}).read_text()",
    "a relative path": "import os; os.chdir({parent!r} + '/..'); open('secret/truth.json')",
    "a detour": "open({parent!r} + '/../secret/truth.json')",
    "a symbolic link": "open({link!r})",
    "a list of the folder": "import os; os.listdir({parent!r})",
    "a scan of the folder": "import os; list(os.scandir({parent!r}))",
    "going there": "import os; os.chdir({parent!r})",
    "a folder handle": "import os; os.open({parent!r}, os.O_RDONLY | os.O_DIRECTORY)",
    "a hard link": "import os; os.link({path!r}, {parent!r} + '/../open.json')",
    "SQLite": "import sqlite3; sqlite3.connect({path!r})",
    "an SQLite URI": "import sqlite3; sqlite3.connect('file:' + {path!r}.replace('truth', '%74ruth') + '?mode=ro', uri=True)",
    "another process": "import subprocess; subprocess.run(['cat', {path!r}])",
    "a fork": "import os; os.fork()",
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    folder = tmp_path / "secret"
    folder.mkdir()
    (folder / "truth.json").write_text("{}")
    (tmp_path / "link.json").symlink_to(folder / "truth.json")
    return folder


def blindly(secret: Path, code: str) -> "subprocess.CompletedProcess[str]":
    start = f"from pathlib import Path; from jinbao_lab.blind import refuse; refuse([Path({str(secret)!r})])\n"
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_the_answers_is_refused(way: str, secret: Path) -> None:
    code = WAYS[way].format(path=str(secret / "truth.json"), parent=str(secret), link=str(secret.parent / "link.json"))
    done = blindly(secret, code)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert "blind judge" in done.stderr


def test_everything_else_is_let_through(secret: Path) -> None:
    beside = secret.parent / "secret-not"
    beside.mkdir()
    (beside / "open.txt").write_text("seen")
    code = "import os, sqlite3; sqlite3.connect(':memory:')\n"
    code += f"print(open({str(beside / 'open.txt')!r}).read(), os.listdir({str(beside)!r}))"
    done = blindly(secret, code)
    assert (done.returncode, done.stdout) == (0, "seen ['open.txt']\n"), done.stderr


def test_without_a_folder_to_hide_it_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-m", "jinbao_lab.blind", "compute"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "python -m jinbao_lab.blind DIR" in done.stderr
