"""The county as it is drawn, and as it is built of namespaces: both must tell the same of every fault."""

import subprocess
import sys
from pathlib import Path

import pytest

from jinbao_config.links import read_links
from jinbao_lab.box import NoBox, check
from jinbao_lab.county import TOWNSHIPS, County, Damage

BUILD_AND_COMPARE = Path(__file__).with_name("compare_ground.py")


def test_every_node_reaches_every_other_while_nothing_is_broken() -> None:
    county, whole = County(), Damage()
    assert all(whole.reaches(county, start, end) for start in county.nodes for end in county.nodes)


def test_a_path_goes_up_to_where_two_nodes_meet_and_down_again() -> None:
    county = County()
    assert county.path("a01", "app") == ("a01", "g01", "p01", "olt-1", "core", "ce", "app")
    assert county.path("a01", "a02") == ("a01", "g01", "p01", "olt-1", "p02", "g02", "a02")
    assert county.path("centre", "gw") == ("centre", "gw")


def test_a_thing_broken_twice_needs_two_healings() -> None:
    county, damage = County(), Damage()
    damage.add(nodes=["p01"])
    damage.add(nodes=["p01"], wires=["p02-olt-1"])
    damage.remove(nodes=["p01"])
    assert not damage.reaches(county, "centre", "p01")
    damage.remove(nodes=["p01"], wires=["p02-olt-1"])
    assert damage.reaches(county, "centre", "p01")
    assert damage.devices_down(county) == set()


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


@pytest.mark.root
@pytest.mark.parametrize(
    "broken", ["wire p01-olt-1", "node p01", "node g01", "node olt-1", "wire olt-1-core", "wire ce-core", "node ce"]
)
def test_the_network_that_is_built_breaks_as_the_drawing_says(broken: str) -> None:
    """Every rung of every prober, by packets and by the drawing; then everything answers again."""
    try:
        check()
    except NoBox as problem:
        pytest.skip(str(problem))
    done = subprocess.run([sys.executable, BUILD_AND_COMPARE, *broken.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "as drawn, and healed\n"), done.stdout + done.stderr
