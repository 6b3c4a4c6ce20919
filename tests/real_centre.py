"""A collector as an operator runs it, a process on loopback, and its commands, for tests of the whole way."""

import contextlib
import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_collector.cli import main
from jinbao_config.links import ALL_LINKS

COMMAND = (sys.executable, "-m", "jinbao_collector.cli")


def does(command: Callable[[list[str]], int], *words: str) -> Any:
    """A command of the product in this process, and the JSON it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = command(list(words))
    assert code in (0, 1), f"exit {code}"
    return json.loads(out.getvalue())


@dataclass(frozen=True)
class RealCentre:
    """`links.toml` and `contract.toml` lie in its folder."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def does(self, *words: str) -> Any:
        """One command, and the JSON it prints; exit 1 is an answer too."""
        return does(main, "--config", str(self.folder / "collector.toml"), *words, "--json")

    def code(self, agent: str, link: str) -> str:
        """An enrol code for a township's agent; with link "*" for the county's."""
        where = ["--vantage", "county"] if link == ALL_LINKS else ["--vantage", "township", "--link", link]
        return str(self.does("invite", "--agent", agent, *where)["code"])

    @contextmanager
    def serving(self) -> Iterator["RealCentre"]:
        """Until the block ends, by SIGTERM."""
        command = [*COMMAND, "--config", str(self.folder / "collector.toml"), "serve", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline(), "it does not serve"
                yield self
            finally:
                process.terminate()
                process.wait(60)


def make_centre(folder: Path) -> RealCentre:
    """Keys, ledger and journal, beside the links.toml and contract.toml that are there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (folder / "collector.toml").write_text(
        f'schema = "jinbao.collector/1"\ndata = "data"\nlisten = "127.0.0.1:{port}"\nnames = ["127.0.0.1"]\n'
    )
    centre = RealCentre(folder)
    centre.does("init")
    return centre
