"""The table of faults and its reference in docs/lab.md say the same: names, rows, and what each prober gets."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from compare_ground import COUNTY, defects_of, drawable
from jinbao_lab.defects import Answer, Cut, Dead, Drawing
from jinbao_lab.faults import FAULTS
from jinbao_lab.kind import Need
from jinbao_lab.scenario import ROWS, read_scenario

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "lab" / "scenarios"
TABLE = [
    re.split(r" \| ", line.strip("| \n"))
    for line in (ROOT / "docs" / "lab.md").read_text().splitlines()
    if re.match(r"\| `[a-z_]+` \|", line)
]
WORDS = {Answer.LOST: "`{}`", Answer.REFUSED: "`{}` refused", Answer.SOME: "some of `{}`"}
Ask = Callable[[str, str, str], Answer]


def test_the_reference_names_every_fault_once_in_the_table_s_order() -> None:
    assert [row[0].strip("`") for row in TABLE] == list(FAULTS)
    assert {len(row) for row in TABLE} == {5}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0].strip("`"))
def test_the_reference_has_its_row(row: list[str]) -> None:
    name, *_, where = row
    wanted = FAULTS[name.strip("`")].row
    assert re.split(r"[;:]", where)[0] == (wanted or "–")
    assert not wanted or wanted in ROWS


@pytest.mark.parametrize("row", [row for row in TABLE if drawable(row[0].strip("`"))], ids=lambda row: row[0].strip("`"))
def test_the_reference_has_its_signature_from_both_ends(row: list[str]) -> None:
    name, _, township, county, _ = row
    assert (township, county) == signature(name.strip("`"))


def signature(name: str) -> tuple[str, str]:
    """As the reference says it, of the first township that has it."""
    present = frozenset(defects_of(name))
    drawing = Drawing(COUNTY, present)
    card = Answer.LOST if present & {Dead("g01"), Cut("a01-g01")} else Answer.REPLY
    seen = {"nic": card} | asked(drawing, "a01", COUNTY.rungs_from_township("01"))
    looking_down = asked(drawing, "centre", COUNTY.county_rungs() | COUNTY.rungs_from_county("01"))
    return said(seen), said(looking_down)


def asked(drawing: Drawing, prober: str, rungs: Mapping[str, tuple[str, str]]) -> dict[str, Answer]:
    how: dict[str, Ask] = {"app": drawing.connect}
    return {rung: how.get(rung, drawing.ping)(prober, *target) for rung, target in rungs.items()}


def said(found: Mapping[str, Answer]) -> str:
    names = {answer: " ".join(rung for rung, got in found.items() if got is answer) for answer in WORDS}
    return ", ".join(words.format(names[answer]) for answer, words in WORDS.items() if names[answer]) or "–"


def test_every_fault_has_its_scenario() -> None:
    kinds = {
        name: {fault.kind for fault in read_scenario(SCENARIOS / f"{name}.toml").value.fault} for name in ("every", "clock")
    }
    assert kinds["every"] == set(FAULTS) - {"clock_step"}
    assert "clock_step" in kinds["clock"]


def test_every_row_is_to_be_found_somewhere() -> None:
    files = SCENARIOS.glob("*.toml")
    faults = [fault for file in files for fault in read_scenario(file).value.fault]
    promised = {row for fault in faults for row in (fault.rows or ())} | {FAULTS[fault.kind].row for fault in faults}
    assert set(ROWS) <= promised


def test_only_the_clock_s_own_scenario_sets_the_clock() -> None:
    for file in SCENARIOS.glob("*.toml"):
        sets = any(Need.CLOCK in FAULTS[fault.kind].needs for fault in read_scenario(file).value.fault)
        assert sets == (file.stem == "clock")
