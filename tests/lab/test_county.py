"""The county as it is drawn, and as it is built of namespaces: both must tell the same of every fault."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import compare_ground
from compare_ground import defects_of, drawable
from jinbao_config.links import read_links
from jinbao_lab.box import NoBox, check
from jinbao_lab.county import TOWNSHIPS, County
from jinbao_lab.defects import Answer, Cut, Damage, Dead, Defect, Drawing
from jinbao_lab.faults import FAULTS
from jinbao_lab.kind import Need
from jinbao_lab.line import TUN

BUILD_AND_COMPARE = Path(compare_ground.__file__)


def test_every_node_reaches_every_other_while_nothing_is_broken() -> None:
    county = County()
    whole = Drawing(county)
    address = {wire.lower: wire.lower_address for wire in county.wires} | {"core": "10.0.2.1"}
    for prober in ("centre", "a01", "a12"):
        assert {whole.ping(prober, node, address[node]) for node in county.nodes} == {Answer.REPLY}


def test_a_path_goes_up_to_where_two_nodes_meet_and_down_again() -> None:
    county = County()
    assert county.path("a01", "app") == ("a01", "g01", "p01", "olt-1", "core", "ce", "app")
    assert county.path("a01", "a02") == ("a01", "g01", "p01", "olt-1", "p02", "g02", "a02")
    assert county.path("centre", "gw") == ("centre", "gw")


def test_a_thing_broken_twice_needs_two_healings() -> None:
    county, damage = County(), Damage()
    damage.add(Dead("p01"))
    damage.add(Dead("p01"), Cut("p02-olt-1"))
    damage.remove(Dead("p01"))
    assert damage.present == {Dead("p01"), Cut("p02-olt-1")}
    damage.remove(Dead("p01"), Cut("p02-olt-1"))
    assert damage.present == set()
    assert damage.devices_down(county) == set()


def test_what_is_whole_cannot_be_healed() -> None:
    damage = Damage()
    damage.add(Dead("p01"))
    with pytest.raises(ValueError, match=r"not broken: Dead\(node='p02'\)"):
        damage.remove(Dead("p01"), Dead("p02"))
    assert damage.present == {Dead("p01")}


def test_a_place_is_a_township_a_group_or_everywhere() -> None:
    county = County(("01", "02", "05"))
    assert county.members("05") == ("05",)
    assert county.members("olt-1") == ("01", "02")
    assert county.members("*") == ("01", "02", "05")
    assert county.groups == ("olt-1", "olt-2")
    with pytest.raises(KeyError):
        county.members("olt-3")


def test_the_townships_are_those_of_the_worked_example() -> None:
    links = read_links(Path(__file__).parents[2] / "config" / "links.toml").value
    assert {(link.code, link.name) for link in links.link} == set(TOWNSHIPS.values())


BREAKING = [name for name in FAULTS if drawable(name)]
SPOILING = [name for name in BREAKING if Need.LINE in FAULTS[name].needs]


def test_every_kind_of_defect_is_made_by_a_fault_that_is_compared() -> None:
    assert {type(defect) for name in BREAKING for defect in defects_of(name)} == set(get_args(Defect))


@pytest.mark.root
@pytest.mark.parametrize("lines", ["of veth", "in userspace"])
def test_the_network_that_is_built_breaks_as_the_drawing_says(lines: str) -> None:
    """Every rung of every prober, by pings and connections, with each fault; then everything answers again."""
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    names = SPOILING if lines == "in userspace" else [name for name in BREAKING if name not in SPOILING]
    if lines == "in userspace" and not Path(TUN).exists():
        pytest.skip(f"no {TUN} here")
    done = subprocess.run([sys.executable, BUILD_AND_COMPARE, *names], capture_output=True, text=True, check=False)
    told = "".join(f"{name}: as drawn, and healed\n" for name in names)
    assert (done.returncode, done.stdout) == (0, told), done.stdout + done.stderr
