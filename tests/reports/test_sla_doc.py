"""docs/sla.md keeps its word: its worked outage, run as printed, gives every figure of its table; so does the arithmetic."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

DOC = (Path(__file__).parents[2] / "docs/sla.md").read_text(encoding="utf-8")
_SHORT = {"L": "links.0", "O": "links.0.outages.0"}
_FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<way>[^|]*) \| (?P<figure>[^|]+) \| `(?P<place>[^|]+)` \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A figure of the document, the arithmetic that leads to it if there is any, and its place in the Statement."""

    what: str
    arithmetic: str | None
    figure: str
    place: str

    def __str__(self) -> str:
        return self.place


def rows() -> Iterator[Row]:
    for match in _ROW.finditer(DOC):
        quoted = re.match(r"`([^`]+)`", match["way"])
        yield Row(match["what"], quoted and quoted[1], match["figure"].strip(), match["place"])


ROWS = tuple(rows())


def cut(value: Fraction, figure: str) -> str:
    """Toward zero, at as many decimals as the figure shows."""
    decimals = len(figure.partition(".")[2])
    scaled = abs(value) * 10**decimals
    digits = f"{scaled.numerator // scaled.denominator:0{decimals + 1}d}"
    whole = digits[: len(digits) - decimals]
    return ("-" if value < 0 else "") + (f"{whole}.{digits[-decimals:]}" if decimals else whole)


def as_shown(value: Any, figure: str) -> str:
    """A value of the Statement, as exactly as the document shows it."""
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
        return value if isinstance(value, str) else json.dumps(value)
    return cut(Fraction(str(value)), figure)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[int], list[str], Any]:
    """Exit codes and what each command printed, and the Statement."""
    folder = tmp_path_factory.mktemp("doc")
    for name, text in _FILE.findall(DOC):
        (folder / name).write_text(text, encoding="utf-8")
    (script,) = _COMMANDS.findall(DOC)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = [
        subprocess.run(
            ["bash", "-uc", line], cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
        for line in script.splitlines()
    ]
    codes, told = [one.returncode for one in done], [one.stdout + one.stderr for one in done]
    return codes, told, json.loads((folder / "statement.json").read_text(encoding="utf-8"))


def test_the_commands_end_as_the_document_says(answered: tuple[list[int], list[str], Any]) -> None:
    codes, told, _ = answered
    assert codes == [0, 1, 0], told
    assert "CARRIER_ACCESS" in told[2]


def test_the_table_follows_the_outage_from_the_samples_to_the_money() -> None:
    places = [row.place for row in ROWS]
    assert len(places) == len(set(places)) >= 25
    assert (places[0], places[-2]) == ("O.detected_at", "credits.on_high")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_statement_says_what_the_table_says(row: Row, answered: tuple[list[int], list[str], Any]) -> None:
    value = answered[2]
    for step in row.place.split("."):
        for name in _SHORT.get(step, step).split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
    assert as_shown(value, row.figure) == row.figure


@pytest.mark.parametrize("row", [row for row in ROWS if row.arithmetic and ":" not in row.figure], ids=str)
def test_the_arithmetic_leads_to_the_figure(row: Row) -> None:
    exactly = re.sub(r"\d+(\.\d+)?", lambda number: f'Fraction("{number[0]}")', row.arithmetic or "")
    value = eval(exactly, {"Fraction": Fraction})  # our own document's sums
    if "/" in row.figure:
        assert value == Fraction(row.figure)
    else:
        assert cut(value, row.figure) == row.figure
