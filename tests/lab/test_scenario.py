"""Scenario files are refused with a message that says where, what, and what would be right."""

from dataclasses import replace
from pathlib import Path

import pytest

from jinbao_config.shape import ConfigError
from jinbao_lab.faults import FAULTS
from jinbao_lab.scenario import Fault, Rhythm, read_scenario

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.toml"))
SHIPPED = sorted((HERE.parents[1] / "lab" / "scenarios").glob("*.toml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_scenario_loads(file: Path) -> None:
    assert read_scenario(file).value.fault


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_each_bad_scenario_says_what_is_wrong(file: Path) -> None:
    expected = file.read_text().splitlines()[0].removeprefix("# ").replace("$FAULTS", ", ".join(FAULTS))
    with pytest.raises(ConfigError) as caught:
        read_scenario(file)
    assert str(caught.value) == f"{file}: {expected}"


def test_flapping_makes_and_heals_in_turns_until_the_end() -> None:
    fault = Fault(id="f", kind="link_cut", on="01", at=300, for_=20_000, rhythm=Rhythm(down=6000, up=2000))
    assert fault.spans == ((300, 6300), (8300, 14300), (16300, 20300))
    assert replace(fault, rhythm=None).spans == ((300, 20300),)
