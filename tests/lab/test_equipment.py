"""A county is given what its faults need and no more; a fault that it cannot serve is told before it is tried."""

from pathlib import Path

import pytest

from jinbao_lab.equipment import Equipment, equipment_for, equipment_for_all
from jinbao_lab.faults import FAULTS
from jinbao_lab.kind import Need
from jinbao_lab.scenario import Scenario, read_scenario

COUNTY = Scenario(schema="jinbao.scenario/1", name="x", duration=60_000).county


def scenario(tmp_path: Path, *faults: tuple[str, str]) -> Scenario:
    text = 'schema = "jinbao.scenario/1"\nname = "x"\nduration = "600s"\n'
    for at, (kind, place) in enumerate(faults):
        where = "" if place == "*" else f'on = "{place}"\n'
        text += f'[[fault]]\nid = "f{at}"\nkind = "{kind}"\n{where}at = "{20 * at + 1}300ms"\nfor = "10s"\n'
    (tmp_path / "scenario.toml").write_text(text)
    return read_scenario(tmp_path / "scenario.toml").value


def test_it_has_the_lines_senses_and_disks_of_its_faults(tmp_path: Path) -> None:
    faults = [("delay", "03"), ("mains_cut", "01"), ("county_mains_cut", "*"), ("disk_full", "04"), ("link_cut", "05")]
    made = equipment_for(scenario(tmp_path, *faults), ())
    assert made == Equipment(frozenset({"p03-olt-1"}), frozenset({"01", "*"}), {"04": Need.SMALL_DISK}, frozenset())


def test_one_disk_serves_for_both_ways_of_breaking(tmp_path: Path) -> None:
    made = equipment_for(scenario(tmp_path, ("disk_full", "04"), ("power_cut_disk", "04")), ())
    assert made.disks == {"04": Need.LOSABLE_DISK}
    assert made.serves(COUNTY, FAULTS["disk_full"], "04")
    assert made.serves(COUNTY, FAULTS["power_cut_disk"], "04")


def test_what_cannot_be_had_is_not_made(tmp_path: Path) -> None:
    made = equipment_for(scenario(tmp_path, ("delay", "03"), ("disk_full", "04")), [Need.LINE])
    assert (made.lines, made.disks) == (frozenset(), {"04": Need.SMALL_DISK})


@pytest.mark.parametrize(
    ("kind", "place", "served"),
    [
        ("link_cut", "03", True),
        ("delay", "03", True),
        ("delay", "04", False),
        ("mains_cut", "03", False),
        ("disk_full", "03", False),
        ("clock_step", "*", False),
    ],
)
def test_a_fault_is_served_where_everything_is_there(tmp_path: Path, kind: str, place: str, served: bool) -> None:
    made = equipment_for(scenario(tmp_path, ("loss_up", "03")), [Need.CLOCK])
    assert made.serves(COUNTY, FAULTS[kind], place) is served


def test_a_county_to_play_with_serves_every_fault_that_can_be_had() -> None:
    made = equipment_for_all(COUNTY, [Need.LOSABLE_DISK, Need.CLOCK])
    cannot = {name for name, kind in FAULTS.items() if not all(made.serves(COUNTY, kind, at) for at in kind.places(COUNTY))}
    assert cannot == {"power_cut_disk", "clock_step"}
