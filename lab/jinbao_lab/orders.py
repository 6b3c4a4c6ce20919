"""Ordering processes about: one JSON object a line to its standard input, one back when it is done."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jinbao_lab.county import Wire
from jinbao_lab.defects import Spoilt


class Ordered:
    """`python -m MODULE WORDS`; `before` puts its command on a node's network. It ends with this process."""

    def __init__(self, module: str, *words: str, before: Sequence[str] = ()) -> None:
        self._name = module.rpartition(".")[2]
        command = [*before, sys.executable, "-m", module, *words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer. Raises RuntimeError if it ended instead."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self.answer()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.communicate()
            name, code = next(iter(order)), self._process.returncode
            raise RuntimeError(f"the {self._name} ended on the order {name!r}, exit code {code}")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def kill(self) -> None:
        """Its ports are closed when this returns."""
        self._process.kill()
        self._process.communicate()


class Responders(Ordered):
    """One process that answers on many addresses (see responder.py)."""

    def __init__(self, kind: str, before: Sequence[str] = ()) -> None:
        super().__init__("jinbao_lab.responder", kind, before=before)

    def listen(self, addresses: Collection[str], port: int = 0) -> int:
        """Returns the port, the same on every address."""
        return int(self.order({"listen": list(addresses), "port": port})["port"])

    def set_deaf(self, addresses: Collection[str]) -> None:
        """These, and only these, answer nothing from now on."""
        self.order({"deaf": list(addresses)})

    def hang(self, *, hangs: bool) -> None:
        """From now on they accept and never answer, or answer again."""
        self.order({"hang": hangs})


class Lines(Ordered):
    """One process that carries lines in userspace (see line.py)."""

    def __init__(self) -> None:
        super().__init__("jinbao_lab.line")

    def lay(self, wires: Iterable[Wire]) -> None:
        """Makes both ends of each in their nodes' networks."""
        self.order({"lay": [asdict(wire) for wire in wires]})

    def spoil(self, treatments: Iterable[Spoilt]) -> None:
        """The lines treat what they carry so, and not otherwise, from now on."""
        self.order({"spoil": [asdict(one) for one in treatments]})
