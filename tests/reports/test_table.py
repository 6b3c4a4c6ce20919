"""The decision table is total and ordered, and blames nobody without evidence: every observation of the ladder, one by one."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinbao_config.contract import Contract, Demarcation, Effective
from jinbao_config.links import Link
from jinbao_config.units import day, ratio
from jinbao_reports.table import (
    CAUSES,
    ROWS,
    UNATTRIBUTED,
    Everywhere,
    Observation,
    Sight,
    class_of,
    decide,
    party_of,
    verdict_of,
)

SIGHTS = tuple(Sight)
LADDER = ("nic", "lan", "cpe", "edge", "core", "gw", "ce", "carrier", "county_cpe")
ALIVE = {"agent_silent": False}
REBOOTED = {"agent_silent": True, "agent_recovered": True, "new_boot": True, "clean_stop": False}
STOPPED = {**REBOOTED, "clean_stop": True}
GONE = {"agent_silent": True, "agent_recovered": False}
FLAGS = (
    "mains_off",
    "county_mains_off",
    "los",
    "cutover",
    "power_notice",
    "server_notice",
    "grace",
    "group_cut",
    "app_refused",
)
CARRIER_ROWS = {"11", "12", "13", "13b", "11/13"}

LINK = Link(code="510422101", name="红格镇")
CONTRACT = Contract(schema="jinbao.contract/1", effective=Effective(from_=day("2021-01-01")), target=ratio("99.9%"))

observations = st.builds(
    Observation,
    service=st.booleans(),
    **{name: st.sampled_from(SIGHTS) for name in (*LADDER, "app", "county_app")},
    **dict.fromkeys((*FLAGS, "agent_silent", "agent_recovered", "new_boot", "clean_stop"), st.booleans()),
    cores=st.sampled_from(Everywhere),
    county_cpes=st.sampled_from(Everywhere),
)


def link_observations() -> Iterator[Observation]:
    for sights in product(SIGHTS, repeat=len(LADDER)):
        ladder: dict[str, Any] = dict(zip(LADDER, sights, strict=True))
        if Sight.DOWN in (ladder["gw"], ladder["ce"]) and Sight.UNSEEN not in (ladder["carrier"], ladder["county_cpe"]):
            continue  # what lies beyond a dead county edge is never looked at (R4.3)
        for agent, cores in product((ALIVE, REBOOTED, STOPPED, GONE), (Everywhere.DOWN, Everywhere.MIXED)):
            yield Observation(**ladder, **agent, cores=cores)


def matching(seen: Observation) -> list[str]:
    return [row.number for row in ROWS if row.first_failing(seen) is None]


def test_every_observation_of_the_ladder_lands_in_exactly_one_row() -> None:
    """The first that matches; and no row blames the carrier's line while the county reaches the cpe."""
    landed = dict.fromkeys([row.number for row in (*ROWS, UNATTRIBUTED)], 0)
    for seen in link_observations():
        row = decide.__wrapped__(seen)
        landed[row.number] += 1
        matches = matching(seen)
        assert row.number == (matches[0] if matches else UNATTRIBUTED.number)
        if row.number in CARRIER_ROWS:
            assert seen.county_cpe is Sight.DOWN, seen
            assert seen.cpe is Sight.UP or seen.edge is Sight.UP, seen
        if row.number in ("9", "9b", "10"):
            assert not seen.agent_silent or row.number == "10"
    reachable_here = {"15", "14", "7", "9", "9b", "10", "11", "13", "13b", "11/13", "18b", UNATTRIBUTED.number}
    assert {number for number, count in landed.items() if count} == reachable_here


def test_every_observation_of_the_service_lands_in_exactly_one_row() -> None:
    landed = set()
    for core, app, county_app in product(SIGHTS, repeat=3):
        for refused, notice, cutover, cores in product((False, True), (False, True), (False, True), Everywhere):
            seen = Observation(
                service=True,
                core=core,
                app=app,
                county_app=county_app,
                app_refused=refused,
                server_notice=notice,
                cutover=cutover,
                cores=cores,
            )
            row = decide.__wrapped__(seen)
            landed.add(row.number)
            assert row.number == (matching(seen) or [UNATTRIBUTED.number])[0]
            assert verdict_of(row, LINK, CONTRACT, service=True).klass != "counted"
    assert landed == {"4", "16", "17", "18", "19", "-"}


@given(observations)
def test_whatever_the_flags_the_first_matching_row_decides(seen: Observation) -> None:
    assert decide(seen).number == (matching(seen) or [UNATTRIBUTED.number])[0]
    rows = [row for row in ROWS if row.first_failing(seen) is None]
    if seen.service:
        assert not {row.number for row in rows} - {"4", "16", "17", "18", "19"}


@given(observations)
def test_time_counts_only_where_the_row_names_the_carrier(seen: Observation) -> None:
    verdict = verdict_of(decide(seen), LINK, CONTRACT, service=seen.service)
    assert (verdict.klass == "counted") == (verdict.party == "carrier" and verdict.cause != "PLANNED_CUTOVER")


def test_every_row_can_be_reached() -> None:
    """Each row's own conditions can all hold at once with no earlier row matching."""
    reached = {decide(seen).number for seen in _witnesses()}
    assert reached == {row.number for row in (*ROWS, UNATTRIBUTED)}


def _witnesses() -> Iterator[Observation]:
    down, up = Sight.DOWN, Sight.UP
    county = {"gw": up, "ce": up}
    yield Observation(cutover=True)
    yield Observation(mains_off=True, cpe=down)
    yield Observation(grace=True)
    yield Observation(gw=down, cores=Everywhere.DOWN)
    yield Observation(**county, carrier=down, cores=Everywhere.DOWN)
    yield Observation(county_cpe=down, power_notice=True, **REBOOTED)
    yield Observation(county_cpe=down, **GONE)
    yield Observation(lan=down, county_cpe=up)
    yield Observation(lan=down, county_cpe=down)
    yield Observation(lan=up, cpe=down, county_cpe=down)
    yield Observation(group_cut=True)
    yield Observation(cpe=up, los=True, county_cpe=down)
    yield Observation(edge=up, core=down, county_cpe=down, carrier=up, **county)
    yield Observation(edge=up, core=down, county_cpe=down, carrier=up, cores=Everywhere.DOWN, **county)
    yield Observation(edge=up, core=down, county_cpe=down, **county)
    yield Observation(core=down, county_cpe=up)
    service = {"service": True, "core": up, "app": down}
    yield Observation(**service, county_app=down, cores=Everywhere.UP, server_notice=True)
    yield Observation(**service, county_app=down, cores=Everywhere.UP)
    yield Observation(**service, county_app=up)
    yield Observation(**service, app_refused=True)
    yield Observation()


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_every_cause_has_a_party_and_a_class(cause: str) -> None:
    assert party_of(cause, LINK) in ("carrier", "centre", "township", "grid", "app_owner", "unknown")
    assert class_of(cause, LINK, CONTRACT) in ("counted", "excluded", "not_carrier", "disputed")


def test_who_owns_the_county_line_is_for_the_contract_to_say() -> None:
    theirs = Contract(
        schema="jinbao.contract/1",
        effective=Effective(from_=day("2021-01-01")),
        target=ratio("99.9%"),
        demarcation=Demarcation(county_line_in_contract=False),
    )
    assert class_of("COUNTY_ACCESS", LINK, CONTRACT) == "counted"
    assert class_of("COUNTY_ACCESS", LINK, theirs) == "not_carrier"


def test_a_cause_only_people_can_name_is_disputed_until_they_name_its_class() -> None:
    assert class_of("FLOOD", LINK, CONTRACT) == "disputed"
    assert party_of("FLOOD", LINK) == "unknown"
