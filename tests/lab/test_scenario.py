"""Scenario files are refused with a message that says where, what, and what would be right."""

from pathlib import Path

import pytest

from jinbao_config.shape import ConfigError
from jinbao_lab.faults import FAULTS
from jinbao_lab.scenario import read_scenario

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.toml"))
SHIPPED = sorted((HERE.parents[1] / "lab" / "scenarios").glob("*.toml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_scenario_loads(file: Path) -> None:
    assert read_scenario(file).value.fault


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_each_bad_scenario_says_what_is_wrong(file: Path) -> None:
    expected = file.read_text().splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        read_scenario(file)
    assert str(caught.value) == f"{file}: {expected}"


def test_the_mixed_scenario_has_every_kind_of_fault_the_table_knows() -> None:
    mixed = read_scenario(HERE.parents[1] / "lab" / "scenarios" / "mixed.toml").value
    assert {fault.kind for fault in mixed.fault} == set(FAULTS)
    assert 120_000 <= mixed.duration <= 180_000


def test_the_reference_names_every_fault() -> None:
    reference = (HERE.parents[1] / "docs" / "lab.md").read_text()
    assert [kind for kind in FAULTS if f"| `{kind}` |" not in reference] == []
