"""Ticket lists as carriers send them, and the command that reads them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jinbao_reports.cli import main

FIRST, SECOND, THIRD = "510422101", "510422102", "510422211"
LINKS = """
schema = "jinbao.links/1"
[[link]]
code = "510422101"
name = "红格镇"
aliases = ["PZH-JB-01"]
[[link]]
code = "510422102"
name = "渔门镇"
[[link]]
code = "510422203"
name = "红果彝族乡"
[[link]]
code = "510422211"
name = "格萨拉彝族乡"
"""
CONTRACT = """
schema = "jinbao.contract/1"
effective = { from = 2010-01-01 }
target = "99.9%"
"""
HEADER = ("工单号", "乡镇", "申告时间", "受理时间", "恢复时间", "故障原因")
Row = Sequence[object]


@dataclass(frozen=True)
class Told:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def tickets(self) -> list[dict[str, Any]]:
        return self.json["tickets"]

    @property
    def problems(self) -> list[str]:
        return [wrong["problem"] for wrong in self.json["list"]["wrong"]]


@dataclass(frozen=True)
class Desk:
    """links.toml, contract.toml and the carrier's file in one folder."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def text(self, text: str, encoding: str = "utf-8", name: str = "list.csv") -> Path:
        (self.folder / name).write_bytes(text.encode(encoding))
        return self.folder / name

    def csv(self, *rows: Row, header: Row = HEADER) -> Path:
        return self.text("".join(",".join("" if cell is None else str(cell) for cell in row) + "\n" for row in (header, *rows)))

    def read(self, file: Path, *more: str) -> Told:
        """`jinbao-report tickets … --json`."""
        return self.run("tickets", str(file), *self.declared(), "--json", *more)

    def declared(self) -> list[str]:
        (self.folder / "links.toml").write_text(LINKS, encoding="utf-8")
        (self.folder / "contract.toml").write_text(CONTRACT, encoding="utf-8")
        return ["--links", str(self.folder / "links.toml"), "--contract", str(self.folder / "contract.toml")]

    def run(self, *words: str) -> Told:
        self.capsys.readouterr()
        code = main(words)
        told = self.capsys.readouterr()
        return Told(code, told.out, told.err)


def lines(rows: Iterable[Row], separator: str = ",") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)
