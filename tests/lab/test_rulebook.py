"""The rule book written a second time says of every look at the ladder what the judge's table says."""

import random
from collections import Counter

from jinbao_lab import rulebook
from jinbao_lab.rulebook import FINDINGS, ON_BATTERY, Look
from jinbao_reports.table import Everywhere, Observation, Sight, cut_beyond_cpe, decide

SIGHTS = {True: Sight.UP, False: Sight.DOWN, None: Sight.UNSEEN}
EVERYWHERE = {rulebook.ALL: Everywhere.UP, rulebook.NONE: Everywhere.DOWN, rulebook.SOME: Everywhere.MIXED}
RUNGS = ("nic", "lan", "cpe", "edge", "core", "app", "gw", "ce", "carrier", "county_cpe", "county_app")
FLAGS = ("refused", "neighbour_cut", "silent", "rebooted", "returned", "mains_off", "county_mains_off", "cutover")
NOTICES = ("power_notice", "server_notice", "grace")


def drawn(chance: random.Random) -> Look:
    """Facts that go before everything are rare, so that the rows behind them are reached."""
    facts: dict[str, object] = {name: chance.choice((True, False, None)) for name in RUNGS}
    facts |= {name: chance.random() < 0.5 for name in (*FLAGS, *NOTICES)}
    facts |= {name: chance.random() < 0.1 for name in ("cutover", "grace")}
    facts |= {name: chance.choice((*EVERYWHERE, rulebook.NONE)) for name in ("cores", "county_cpes")}
    return Look(**facts)  # type: ignore[arg-type]  # one dict for all keys


def as_the_judge_sees(look: Look, *, service: bool) -> Observation:
    return Observation(
        service=service,
        **{name: SIGHTS[getattr(look, name)] for name in RUNGS},
        **{name: getattr(look, name) for name in ("mains_off", "county_mains_off", "cutover", *NOTICES)},
        app_refused=look.refused,
        cores=EVERYWHERE[look.cores],
        county_cpes=EVERYWHERE[look.county_cpes],
        group_cut=look.neighbour_cut and rulebook.cut(look),
        agent_silent=look.silent,
        agent_recovered=look.returned,
        new_boot=look.rebooted,
    )


def test_both_tables_land_every_look_in_the_same_row() -> None:
    chance, seen = random.Random(1), Counter[str]()
    for _ in range(20_000):
        look = drawn(chance)
        for service, row in ((False, rulebook.line_row(look)), (True, rulebook.service_row(look))):
            assert decide(as_the_judge_sees(look, service=service)).number == row, look
            seen[row] += 1
    assert set(seen) == set(FINDINGS)


def test_both_mean_the_same_by_a_line_that_is_cut_beyond_its_modem() -> None:
    chance = random.Random(2)
    looks = [drawn(chance) for _ in range(5_000)]
    assert [rulebook.cut(look) for look in looks] == [cut_beyond_cpe(as_the_judge_sees(look, service=False)) for look in looks]


def test_a_battery_takes_the_blame_off_the_modem_only() -> None:
    assert set(ON_BATTERY) == {row for row, finding in FINDINGS.items() if finding.cause == "CPE_FAULT"}
    assert {finding.klass for finding in ON_BATTERY.values()} == {"disputed"}
