"""The ordinary commands on what the collector kept; `compute` in a process that cannot look at the scenario."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinbao_lab import processes
from jinbao_lab.files import Desk
from jinbao_lab.processes import program
from jinbao_lab.truth import Truth

BAD_NEWS = 1
_SCENARIOS = Path(__file__).parents[1] / "scenarios"


def _inputs(desk: Desk, truth: Truth) -> list[str]:
    files = ["--links", str(desk.links), "--contract", str(desk.contract)]
    return ["--store", str(desk.store), *files, "--period", period_of(truth)]


def period_of(truth: Truth) -> str:
    """As --period takes it."""
    return f"{_moment(truth.from_us)}/{_moment(truth.to_us)}"


def _moment(at_us: int) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_us // 1000)
    return at.isoformat(timespec="milliseconds")


def blind(desk: Desk, scenario_file: Path) -> list[str]:
    """The command that judges without being able to read the answers."""
    hidden = sorted(str(path) for path in {desk.truth, _SCENARIOS, scenario_file})
    return [sys.executable, "-m", "jinbao_lab.blind", os.pathsep.join(hidden), "--"]


def statement(desk: Desk, truth: Truth, scenario_file: Path) -> dict[str, Any]:
    """Judged, and kept as statement.json. Raises processes.Failed; a bad verdict on the carrier is no failure."""
    command = [*blind(desk, scenario_file), "compute", *_inputs(desk, truth), "--json"]
    text = processes.run(command, desk.log("judge"), allowed=(0, BAD_NEWS))
    (desk.out / "statement.json").write_text(text)
    made: dict[str, Any] = json.loads(text)
    return made


def print_table(desk: Desk, truth: Truth, lang: str) -> None:
    """The statement as people see it, on this terminal."""
    command = [*program("jinbao_reports.cli"), "--lang", lang, "compute", *_inputs(desk, truth)]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode not in (0, BAD_NEWS):
        raise processes.Failed("printing the statement failed")


def why(desk: Desk, truth: Truth, made: Mapping[str, Any]) -> str | None:
    """The command that tells why the first outage was judged so, to be typed; None without any."""
    named = [outage["id"] for link in made["links"] for outage in link["outages"]]
    return processes.typed("jinbao-report", "explain", *_inputs(desk, truth), named[0]) if named else None


def sheet(desk: Desk, truth: Truth, made: Mapping[str, Any], lang: str) -> Path:
    """The monthly sheet as PDF. Raises processes.Failed if the statement beside it is not the one that `compute` made."""
    command = [*program("jinbao_reports.cli"), "--lang", lang, "month", *_inputs(desk, truth), "--out", str(desk.out), "--json"]
    written = json.loads(processes.run(command, desk.log("judge"), allowed=(0, BAD_NEWS)))
    if json.loads(Path(written["statement"]).read_text()) != made:
        raise processes.Failed(f"{written['statement']}: the sheet's statement is another than statement.json")
    return Path(written["pdf"])
