"""Ordering a responder process (see responder.py) about."""

import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from typing import Any


class Responders:
    """One process that answers on many addresses; `before` puts its command on a node's network."""

    def __init__(self, kind: str, before: Sequence[str] = ()) -> None:
        command = [*before, sys.executable, "-m", "jinbao_lab.responder", kind]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def listen(self, addresses: Collection[str], port: int = 0) -> int:
        """Returns the port, the same on every address."""
        return self._order({"listen": list(addresses), "port": port})["port"]

    def set_deaf(self, addresses: Collection[str]) -> None:
        """These, and only these, answer nothing from now on."""
        self._order({"deaf": list(addresses)})

    def hang(self, *, hangs: bool) -> None:
        """From now on they accept and never answer, or answer again."""
        self._order({"hang": hangs})

    def _order(self, order: dict[str, Any]) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._process.communicate()
            raise RuntimeError(f"a responder ended on the order {next(iter(order))!r}, exit code {self._process.returncode}")
        parsed: dict[str, int] = json.loads(answer)
        return parsed

    def kill(self) -> None:
        """Its ports are closed when this returns."""
        self._process.kill()
        self._process.communicate()
