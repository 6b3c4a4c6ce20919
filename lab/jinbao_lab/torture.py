"""kill -9 at random moments, of the collector and of agents, each started again at once: the statement must not change.

An agent is left alone where its death would really change what can be known: near the edges of a fault on its own link, and
while a fault lasts that only it can see. There the truth itself would be another.
"""

import random
from collections.abc import Iterator, Sequence

from jinbao_lab.county import EVERYWHERE
from jinbao_lab.faults import FAULTS
from jinbao_lab.scenario import Fault, Scenario

COLLECTOR = "collector"
_AGENT_KILLS, _COLLECTOR_KILLS = 12, 5
# Dead, started again, and three answers later: nothing may turn meanwhile.
_CLEAR_MS = 6_000
_OFF = frozenset({"power_cut", "power_cut_disk", "agent_crash", "agent_reboot", "county_agent_crash"})
_DOWN = frozenset({"collector_dead"})


def kills(scenario: Scenario, seed: int) -> list[tuple[int, str]]:
    """(milliseconds after the warm-up, what is killed), in order."""
    chance = random.Random(seed)
    lives = [at for at in range(scenario.duration) if not any(_is_near(one, at) for one in scenario.fault if one.kind in _DOWN)]
    found = [(chance.choice(lives), COLLECTOR) for _ in range(_COLLECTOR_KILLS if lives else 0)]
    agents = [*(f"a{one}" for one in scenario.county.townships), "centre"]
    for _ in range(_AGENT_KILLS):
        agent = chance.choice(agents)
        # Where both sides of a line are silent nobody sees it: the county's agent dies alone.
        taken = [at for at, who in found if who == agent or (who != COLLECTOR and "centre" in (who, agent))]
        faults = tuple(_faults_of(scenario, agent))
        moments = [at for at in range(_CLEAR_MS, scenario.duration, 100) if _may_die(faults, at) and _apart(at, taken)]
        if moments:
            found.append((chance.choice(moments) + chance.randrange(100), agent))
    return sorted(found)


def _is_near(fault: Fault, at: int) -> bool:
    return fault.at - _CLEAR_MS < at < fault.end + _CLEAR_MS


def _apart(at: int, taken: list[int]) -> bool:
    return all(abs(at - other) > 2 * _CLEAR_MS for other in taken)


def _may_die(faults: Sequence[Fault], at: int) -> bool:
    for fault in faults:
        edges = [edge for span in fault.spans for edge in span]
        edges += [fault.at + fault.notice.from_, fault.at + fault.notice.to] if fault.notice else []
        if any(abs(edge - at) < _CLEAR_MS for edge in edges):
            return False
        only_it_sees = fault.kind in _OFF or not FAULTS[fault.kind].stands_in
        if only_it_sees and fault.at <= at <= fault.end:
            return False
    return True


def _faults_of(scenario: Scenario, agent: str) -> Iterator[Fault]:
    """The faults it sees. The county's agent sees them all, and its own silence matters most where a township is silent too."""
    county = scenario.county
    for fault in scenario.fault:
        if agent == "centre" or fault.on == EVERYWHERE or agent.removeprefix("a") in county.members(fault.on):
            yield fault
