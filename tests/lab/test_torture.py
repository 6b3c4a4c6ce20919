"""kill -9 at random moments: the same seed the same moments, and never where the truth itself would change."""

from dataclasses import replace
from pathlib import Path

import pytest

from jinbao_lab.scenario import Fault, read_scenario
from jinbao_lab.torture import COLLECTOR, kills

MIXED = read_scenario(Path(__file__).parents[2] / "lab" / "scenarios" / "mixed.toml").value
SEEDS = range(40)


MEMBERS = {fault.on: MIXED.county.members(fault.on) for fault in MIXED.fault}


def touching(agent: str) -> list[Fault]:
    return [fault for fault in MIXED.fault if agent == "centre" or agent.removeprefix("a") in MEMBERS[fault.on]]


def test_the_same_seed_kills_the_same_at_the_same_moments() -> None:
    assert kills(MIXED, 7) == kills(MIXED, 7)
    assert kills(MIXED, 7) != kills(MIXED, 8)


@pytest.mark.parametrize("seed", SEEDS)
def test_agents_die_clear_of_every_edge_of_their_own_faults(seed: int) -> None:
    agents = [(at, who) for at, who in kills(MIXED, seed) if who != COLLECTOR]
    assert agents
    for at, who in agents:
        for fault in touching(who):
            assert all(abs(at - edge) >= 5_900 for edge in (fault.at, fault.end)), (at, who, fault.id)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_agent_dies_while_it_alone_sees_a_fault(seed: int) -> None:
    alone = {"lan_dead", "county_site_dead", "power_cut", "agent_crash"}
    for at, who in kills(MIXED, seed):
        if who != COLLECTOR:
            assert not [f.id for f in touching(who) if f.kind in alone and f.at <= at <= f.end]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_county_never_falls_silent_together_with_a_township(seed: int) -> None:
    agents = [(at, who) for at, who in kills(MIXED, seed) if who != COLLECTOR]
    centre = [at for at, who in agents if who == "centre"]
    assert all(abs(at - other) > 11_000 for at in centre for other, who in agents if who != "centre")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_collector_that_is_down_is_not_killed_again(seed: int) -> None:
    down = replace(MIXED, fault=(Fault(id="down", kind="collector_dead", at=300, for_=MIXED.duration - 10_000),))
    killed = [at for at, who in kills(down, seed) if who == COLLECTOR]
    assert len(killed) == 5
    assert all(at >= MIXED.duration - 10_000 + 6_000 for at in killed)


def test_agents_also_die_in_the_middle_of_faults_that_both_sides_see() -> None:
    inside = [
        (seed, who, fault.id)
        for seed in SEEDS
        for at, who in kills(MIXED, seed)
        if who != COLLECTOR
        for fault in touching(who)
        if fault.at < at < fault.end
    ]
    assert inside
