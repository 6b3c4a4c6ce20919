"""Every row of the decision table from files: what each rung showed in an outage, and the row it lands in (judgement R4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from county import FIRST, County, at

OTHER, THIRD = "510422102", "510422103"
DAY = ("2021-04-10 09:00", "2021-04-10 11:00")
OUTAGE = ("2021-04-10 10:00", "2021-04-10 10:05")
TOWNSHIP = ("lan", "cpe", "edge", "core", "app")


@dataclass(frozen=True)
class Seen:
    """What failed at FIRST, at the others, and at the county during the outage; `unseen` rungs have no sample at all."""

    township: str = ""
    county: str = ""
    others: str = ""
    others_county: str = ""
    site: str = ""
    unseen: str = ""
    silent_agent: str = ""
    links: tuple[str, ...] = (FIRST, OTHER)
    events: tuple[tuple[str, str, Mapping[str, str]], ...] = ()
    notices: tuple[str, ...] = ()
    link_more: str = ""
    contract: str = 'unattributed = "disputed"'
    scope: str = "link"
    bad: str = "lost"


MAINS = (("2021-04-10 09:59:59", "mains_off", {}), ("2021-04-10 10:06", "mains_on", {}))
OLT = 'group = "olt"'
NOT_THE_COUNTY_LINE = "[demarcation]\ncounty_line_in_contract = false"
REBOOT = (("2021-04-10 10:05:01", "boot", {"boot": "b2"}),)
EVERY_CUT = "edge core app"

CASES: dict[str, tuple[Seen, tuple[str, str, str, str]]] = {
    "4 cutover": (Seen("edge core app", "cpe app", notices=("exclusion",)), ("4", "PLANNED_CUTOVER", "carrier", "excluded")),
    "5 mains off": (
        Seen("cpe edge core app", "cpe app", events=MAINS),
        ("5", "POWER_TOWNSHIP", "grid", "not_carrier"),
    ),
    "6 documented": (
        Seen(county="cpe app", silent_agent="b2", events=REBOOT, notices=("power_notice",)),
        ("6", "POWER_DOCUMENTED", "grid", "not_carrier"),
    ),
    "7 suspected": (Seen(county="cpe app", silent_agent="b2", events=REBOOT), ("7", "POWER_SUSPECTED", "unknown", "disputed")),
    "7 never recovered": (Seen(county="cpe app", silent_agent="-"), ("7", "POWER_SUSPECTED", "unknown", "disputed")),
    "9 lan": (Seen("lan cpe edge core app"), ("9", "LAN_LOCAL", "township", "not_carrier")),
    "9b lan and cpe": (Seen("lan cpe edge core app", "cpe app"), ("9b", "CPE_FAULT", "carrier", "counted")),
    "10 cpe": (Seen("cpe edge core app", "cpe app"), ("10", "CPE_FAULT", "carrier", "counted")),
    "10 cpe of the township": (
        Seen("cpe edge core app", "cpe app", link_more='cpe_owner = "township"'),
        ("10", "CPE_FAULT", "township", "not_carrier"),
    ),
    "10 on battery": (
        Seen("cpe edge core app", "cpe app", link_more="agent_on_battery = true"),
        ("10", "POWER_SUSPECTED", "unknown", "disputed"),
    ),
    "11 access": (Seen(EVERY_CUT, "cpe app"), ("11", "CARRIER_ACCESS", "carrier", "counted")),
    "11 in a group alone": (Seen(EVERY_CUT, "cpe app", link_more=OLT), ("11", "CARRIER_ACCESS", "carrier", "counted")),
    "12 aggregation": (
        Seen(EVERY_CUT, "cpe app", EVERY_CUT, "cpe app", link_more=OLT, links=(FIRST, OTHER, THIRD)),
        ("12", "CARRIER_AGG", "carrier", "counted"),
    ),
    "13 core": (Seen("core app", "cpe app"), ("13", "CARRIER_CORE", "carrier", "counted")),
    "13b core for all": (Seen("core app", "cpe app", "core app", "cpe app"), ("13b", "CARRIER_CORE", "carrier", "counted")),
    "11/13 hidden edge": (Seen("core app", "cpe app", unseen="edge"), ("11/13", "CARRIER_PATH", "carrier", "counted")),
    "11/13 hidden carrier": (Seen("core app", "cpe app", unseen="carrier"), ("11/13", "CARRIER_PATH", "carrier", "counted")),
    "14 county access": (
        Seen("core app", "cpe app", "core app", "cpe app", site="carrier"),
        ("14", "COUNTY_ACCESS", "carrier", "counted"),
    ),
    "14 not in the contract": (
        Seen(
            "core app", "cpe app", "core app", "cpe app", site="carrier", contract=NOT_THE_COUNTY_LINE
        ),
        ("14", "COUNTY_ACCESS", "carrier", "not_carrier"),
    ),
    "14 hidden carrier": (
        Seen("core app", "cpe app", "core app", "cpe app", unseen="carrier"),
        ("14", "COUNTY_ACCESS", "carrier", "counted"),
    ),
    "7 among others' outages, carrier hidden": (
        Seen(
            county="cpe app",
            others="core app",
            others_county="cpe app",
            silent_agent="b2",
            events=REBOOT,
            unseen="carrier",
            links=(FIRST, OTHER, "510422104"),
        ),
        ("7", "POWER_SUSPECTED", "unknown", "disputed"),
    ),
    "15 county site": (
        Seen("core app", "cpe app", "core app", "cpe app", site="gw ce carrier"),
        ("15", "COUNTY_SITE", "centre", "not_carrier"),
    ),
    "16 maintenance": (
        Seen("app", "app", "app", "app", scope="service", bad="refused", notices=("server_notice",)),
        ("16", "SERVER_MAINT", "app_owner", "not_carrier"),
    ),
    "17 server fault": (Seen("app", "app", "app", "app", scope="service"), ("17", "SERVER_FAULT", "app_owner", "not_carrier")),
    "18 policy": (Seen("app", scope="service"), ("18", "PATH_OR_POLICY", "unknown", "disputed")),
    "18b core alone": (Seen("core app"), ("18b", "PATH_OR_POLICY", "unknown", "disputed")),
    "19 refused": (
        Seen("app", unseen="county_app", scope="service", bad="refused"),
        ("19", "SERVICE_DOWN_LINK_UP", "app_owner", "not_carrier"),
    ),
    "nothing else measured": (
        Seen("core", unseen="lan cpe edge app county_cpe county_app gw ce carrier"),
        ("-", "UNATTRIBUTED", "unknown", "disputed"),
    ),
    "unattributed may count": (
        Seen("core", unseen="lan cpe edge app county_cpe county_app gw ce carrier", contract='unattributed = "counted"'),
        ("-", "UNATTRIBUTED", "unknown", "counted"),
    ),
    "power not excused": (
        Seen(
            "cpe edge core app",
            "cpe app",
            events=MAINS,
            contract="[power]\nexcused = false",
        ),
        ("5", "POWER_TOWNSHIP", "grid", "counted"),
    ),
}  # fmt: skip


def drawn(seen: Seen, folder: Path) -> County:
    county = County(folder, step=10, links=seen.links, link_more=seen.link_more, contract=seen.contract)
    for link in seen.links:
        mine = link == FIRST
        # In the case of an aggregation cut the third link stays up, so that not every core is down.
        others, others_county = (seen.others, seen.others_county) if link != THIRD else ("", "")
        for target in TOWNSHIP:
            failing = (seen.township if mine else others).split()
            silent = seen.silent_agent if mine else ""
            if target not in seen.unseen.split():
                _township(county, link, target, target in failing, silent, seen.bad)
        for target in ("cpe", "app"):
            failing = (seen.county if mine else others_county).split()
            if f"county_{target}" not in seen.unseen.split():
                down = [OUTAGE] if target in failing else []
                county.series(*DAY, down, link=link, vantage="county", target=target, bad=seen.bad)
    for target in ("gw", "ce", "carrier"):
        if target not in seen.unseen.split():
            county.series(*DAY, [OUTAGE] if target in seen.site.split() else [], link="*", vantage="county", target=target)
    for when, kind, more in seen.events:
        county.event(when, kind, **more)  # type: ignore[arg-type]
    for kind in seen.notices:
        _notice(county, kind)
    return county


def _township(county: County, link: str, target: str, failing: bool, silent: str, bad: str) -> None:
    if not silent:
        county.series(*DAY, [OUTAGE] if failing else [], link=link, target=target, bad=bad)
        return
    county.series(DAY[0], OUTAGE[0], link=link, target=target)
    if silent != "-":
        county.series(OUTAGE[1], DAY[1], link=link, target=target, boot=silent)


def _notice(county: County, kind: str) -> None:
    if kind == "exclusion":
        county.contract += "\n[exclusion.cutover]\n"
        county.exclusion("2021-04-10 09:55", "2021-04-10 10:10")
    else:
        since, until = "2021-04-10 09:55", "2021-04-10 10:10"
        county.entry(id=kind, kind=kind, links=["*"], from_=since, to=until, author="a", approved_by="b")


@pytest.mark.parametrize("name", CASES)
def test_each_row_of_the_table(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, (row, cause, party, klass) = CASES[name]
    made = drawn(seen, tmp_path).compute(capsys, f"{at(OUTAGE[0]).date()}")
    found = [
        (piece["row"], piece["cause"], piece["party"], piece["class"])
        for outage in made.outages(scope=seen.scope)
        for piece in outage["slices"]
    ]
    assert set(found) - {("8", "POWER_RECOVERY", "grid", "not_carrier")} == {(row, cause, party, klass)}
    if seen.scope == "service":
        assert made.outages() == []


def test_nothing_beyond_the_county_edge_is_believed_while_the_edge_is_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One link only: 'all links' needs two, so the county's own fault leaves the cause open instead of blaming the carrier."""
    made = drawn(Seen("core app", "cpe app", site="gw ce carrier", links=(FIRST,)), tmp_path).compute(capsys, "2021-04-10")
    assert made.rows() == [("-", "UNATTRIBUTED", "disputed")]


def test_power_recovery_is_excused_for_the_grace_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen(
        "cpe edge core app",
        "cpe app",
        events=(("2021-04-10 09:59:59", "mains_off", {}), ("2021-04-10 10:01", "mains_on", {})),
        contract='[power]\ngrace = "2m"',
    )
    made = drawn(seen, tmp_path).compute(capsys, "2021-04-10")
    (outage,) = made.outages()
    assert [(piece["row"], piece["seconds"]) for piece in outage["slices"]] == [("5", 60), ("8", 120), ("10", 120)]


def test_a_rung_that_never_answers_is_silent_not_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = drawn(Seen("core app", "cpe app", unseen="edge"), tmp_path)
    county.series(*DAY, [DAY], target="edge")
    assert county.compute(capsys, "2021-04-10").rows() == [("11/13", "CARRIER_PATH", "counted")]


def test_a_short_run_takes_the_cause_of_its_longer_neighbour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = drawn(Seen("core app", "cpe app", unseen="edge"), tmp_path)
    county.series(*DAY, [("2021-04-10 10:02", "2021-04-10 10:02:20")], target="edge")
    assert county.compute(capsys, "2021-04-10").rows() == [("13", "CARRIER_CORE", "counted")]


def test_a_cause_entry_overrules_the_table_from_its_own_instants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = drawn(Seen(EVERY_CUT, "cpe app"), tmp_path)
    county.entry(
        id="C1", kind="cause", link=FIRST, from_="2021-04-10 10:02", to="2021-04-10 10:05", cause="LAN_LOCAL",
        entered_at="2021-04-12 00:00", author="a", approved_by="b", reason="挖断",
    )  # fmt: skip
    made = county.compute(capsys, "2021-04-10")
    assert [(piece["cause"], piece["class"], piece["seconds"]) for piece in made.outages()[0]["slices"]] == [
        ("CARRIER_ACCESS", "counted", 120),
        ("LAN_LOCAL", "not_carrier", 180),
    ]
    county.ledger = county.ledger.replace('approved_by = "b"', 'approved_by = "a"')
    assert county.compute(capsys, "2021-04-10").rows() == [("11", "CARRIER_ACCESS", "counted")]


def test_a_second_mains_off_does_not_excuse_what_lay_between(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """mains_off without mains_on ends at the first record of another boot, even if another mains_off follows later."""
    county = drawn(Seen("cpe edge core app", "cpe app"), tmp_path)
    county.event("2021-04-10 07:00", "mains_off", boot="b0").event("2021-04-10 08:00", "boot", boot="b1")
    county.event("2021-04-10 10:30", "mains_off").event("2021-04-10 10:40", "mains_on")
    assert county.compute(capsys, "2021-04-10").rows() == [("10", "CPE_FAULT", "counted")]


@pytest.mark.parametrize(
    ("detail", "rows"),
    [("within_ms=5000", ["5"]), ("within_ms=2000", ["9b", "5"]), ("", ["9b", "5"])],
)
def test_a_power_cut_is_one_from_when_the_mains_may_have_gone_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], detail: str, rows: list[str]
) -> None:
    """The UPS is asked every few seconds; what fails before it has told must not look like the carrier's."""
    off = ("2021-04-10 10:00:04", "mains_off", {"detail": detail})
    seen = Seen("lan cpe edge core app", "cpe app", events=(off, ("2021-04-10 10:06", "mains_on", {})))
    assert [row for row, _, _ in drawn(seen, tmp_path).compute(capsys, "2021-04-10").rows()] == rows


def test_the_first_word_of_a_life_on_the_mains_holds_from_its_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen(
        "lan cpe edge core app",
        "cpe app",
        events=(("2021-04-10 09:59:58", "start", {}), ("2021-04-10 10:00:03", "mains_off", {})),
    )
    assert drawn(seen, tmp_path).compute(capsys, "2021-04-10").rows() == [("5", "POWER_TOWNSHIP", "not_carrier")]


def test_a_clean_stop_counts_even_where_samples_name_no_boot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = drawn(Seen(county="cpe app", silent_agent="b2", events=REBOOT), tmp_path)
    county.samples = [row.replace(",b1,", ",,").replace(",b2,", ",,") for row in county.samples]
    county.event("2021-04-10 09:59:55", "stop")
    assert county.compute(capsys, "2021-04-10").rows() == [("-", "UNATTRIBUTED", "disputed")]


def test_rows_of_one_cause_are_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """20 s of row 9b and 20 s of row 10 are 40 s of CPE_FAULT: long enough to stand beside CARRIER_ACCESS."""
    county = drawn(Seen(EVERY_CUT, "cpe app", unseen="cpe lan"), tmp_path)
    county.series(*DAY, [("2021-04-10 10:04:20", OUTAGE[1])], target="cpe")
    county.series(*DAY, [("2021-04-10 10:04:20", "2021-04-10 10:04:40")], target="lan")
    (outage,) = county.compute(capsys, "2021-04-10").outages()
    assert [(piece["cause"], piece["seconds"]) for piece in outage["slices"]] == [
        ("CARRIER_ACCESS", 260),
        ("CPE_FAULT", 20),
        ("CPE_FAULT", 20),
    ]


def test_what_came_back_long_after_the_period_still_tells_the_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen(county="cpe app", silent_agent="-", events=(("2021-04-20 08:00", "boot", {"boot": "b2"}),))
    county = drawn(replace(seen, notices=("power_notice",)), tmp_path)
    assert county.compute(capsys, "2021-04-10").rows() == [("6", "POWER_DOCUMENTED", "not_carrier")]


def test_declared_intervals_are_cut_at_the_ledgers_instants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = County(tmp_path).interval("2021-04-10 09:00", "2021-04-10 12:00", "down", "CARRIER_ACCESS")
    facts = {"entered_at": "2021-04-12 00:00", "author": "a", "approved_by": "b"}
    county.entry(id="C1", kind="cause", link=FIRST, from_="2021-04-10 08:30", to="2021-04-10 10:00", cause="LAN_LOCAL", **facts)
    made = county.compute(capsys, "2021-04-10")
    assert (made.seconds("not_carrier"), made.seconds("counted")) == (3600, 7200)


def test_a_cutover_that_no_approved_exclusion_covers_is_disputed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = County(tmp_path).interval("2021-04-10 09:00", "2021-04-10 12:00", "down", "PLANNED_CUTOVER")
    made = county.compute(capsys, "2021-04-10")
    assert (made.seconds("excluded"), made.seconds("disputed")) == (0, 10800)
