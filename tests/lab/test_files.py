"""What the lab declares is what a site would: the product's own readers take it, with everything the faults need in it."""

from pathlib import Path

import pytest

from jinbao_config.contract import read_contract
from jinbao_config.links import Links, read_links
from jinbao_config.services import read_agent, read_collector
from jinbao_lab.equipment import Equipment
from jinbao_lab.files import COLLECTOR_PORT, Desk, declare
from jinbao_lab.kind import Need
from jinbao_lab.loopback import Loopback
from jinbao_lab.namespaces import rungs_of
from jinbao_lab.scenario import Scenario

EQUIPMENT = Equipment(frozenset(), frozenset({"01", "*"}), {"02": Need.SMALL_DISK}, frozenset())


def declared(tmp_path: Path, **how: bool) -> Desk:
    scenario = Scenario(
        schema="jinbao.scenario/1", name="x", duration=60_000, townships=("01", "02", "05"), battery=("02",), **how
    )  # fmt: skip
    desk = Desk(tmp_path)
    desk.make()
    declare(desk, scenario, EQUIPMENT, Loopback(scenario.county), rungs_of(scenario.county), COLLECTOR_PORT)
    return desk


def links_of(desk: Desk, agent: str) -> Links:
    file = desk.agent(agent)
    return read_links(file.parent / read_agent(file).value.links).value


def test_links_say_whose_mains_is_sensed_and_who_lives_on_a_battery(tmp_path: Path) -> None:
    links = read_links(declared(tmp_path).links).value
    assert [link.mains_sense for link in links.link] == [True, False, False]
    assert [link.agent_on_battery for link in links.link] == [False, True, False]
    assert links.county.mains_sense
    assert [link.group for link in links.link] == ["olt-1", "olt-1", "olt-2"]


def test_agents_ask_the_ups_that_is_there_and_know_the_size_of_their_disk(tmp_path: Path) -> None:
    desk = declared(tmp_path)
    agents = {name: read_agent(desk.agent(name)).value for name in ("a01", "a02", "a05", "centre")}
    assert [str(one.mains.ups) if one.mains else "" for one in agents.values()] == [
        "ups@127.0.0.1:3493",
        "",
        "",
        "ups@127.0.0.1:3493",
    ]
    assert [one.spool.floor for one in agents.values()] == [200_000_000, 2_000_000, 200_000_000, 200_000_000]
    assert read_collector(desk.collector).value.listen[1] == COLLECTOR_PORT
    assert read_contract(desk.contract).value.rule.n == 3


@pytest.mark.parametrize("unprobed", [True, False])
def test_the_county_may_leave_the_server_unprobed_and_the_townships_do_not(tmp_path: Path, unprobed: bool) -> None:
    desk = declared(tmp_path, app_unprobed=unprobed)
    assert all("app" in link.targets for link in links_of(desk, "a01").link)
    assert ["app" in link.seen_from_county() for link in links_of(desk, "centre").link] == [not unprobed] * 3
    assert "app" in read_links(desk.links).value.link[0].seen_from_county()
