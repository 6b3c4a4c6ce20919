"""`jinbao-report what-if`: what a hypothesis would change, and that it changes nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from county import County
from golden_files import assert_golden
from jinbao_reports.cli import main

FIRST, SECOND = "510422101", "510422102"
GOLDEN = Path(__file__).parent / "golden"
APRIL = ("2021-04-01 00:00", "2021-05-01 00:00")
TERMS = """
unattributed = "counted"
[parties]
annual_fee = "8400.00"
[exclusion.cutover]
notice = "72h"
[limits]
outages = { max = 1, per = "month" }
[[credit]]
below = "99.9%"
percent = "10%"
"""


@pytest.fixture
def county(tmp_path: Path) -> County:
    """Two outages on the first link, one of them inside an approved cutover of an hour; none on the second."""
    made = County(tmp_path, links=(FIRST, SECOND), contract=TERMS)
    down = (("2021-04-10 14:00", "2021-04-10 15:00"), ("2021-04-20 08:00", "2021-04-20 09:00"))
    now = APRIL[0]
    for since, until in down:
        made.interval(now, since, "up").interval(since, until, "down")
        now = until
    made.interval(now, APRIL[1], "up").interval(*APRIL, "up", link=SECOND)
    return made.exclusion("2021-04-20 08:00", "2021-04-20 09:00", id="割接-1", links=[FIRST])


class Desk:
    def __init__(self, county: County, capsys: pytest.CaptureFixture[str]) -> None:
        self.county, self.capsys = county, capsys

    def run(self, *more: str, lang: str = "zh") -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(["--lang", lang, "what-if", *self.county.write(), "--period", "2021-04", *more])
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def ask(self, *more: str) -> dict[str, Any]:
        code, out, err = self.run("--json", *more)
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def compute(self, *more: str) -> dict[str, Any]:
        self.capsys.readouterr()
        main(["compute", *self.county.write(), "--period", "2021-04", "--json", *more])
        made: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return made


@pytest.fixture
def desk(county: County, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(county, capsys)


def figure(found: dict[str, Any], name: str, link: str | None = FIRST) -> tuple[Any, Any] | None:
    rows = [row for row in found["figures"] if (row["link"], row["figure"]) == (link, name)]
    return (rows[0]["as_declared"], rows[0]["what_if"]) if rows else None


def outages(found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {row["id"]: (row["as_declared"], row["what_if"]) for row in found["outages"]}


def test_another_target_changes_verdict_allowance_and_promise_alone(desk: Desk) -> None:
    found = desk.ask("--target", "99.5%")
    assert found["hypothesis"] == {"target": "99.5%"}
    assert figure(found, "verdict") == ("fail", "pass")
    assert figure(found, "clauses.availability.limit") == (0.999, 0.995)
    assert figure(found, "group.passing", None) == (1, 2)
    # 30 days less an hour of cutover: 0.1 % and 0.5 % of 2588400 s.
    assert figure(found, "allowance.allowed") == ("2588.400", 12942)
    assert figure(found, "seconds.counted") is None
    assert found["outages"] == []


def test_without_an_exclusion_its_outage_counts(desk: Desk) -> None:
    found = desk.ask("--without", "割接-1")
    assert figure(found, "seconds.excluded") == (3600, 0)
    assert figure(found, "seconds.counted") == (3600, 7200)
    assert figure(found, "clauses.outages.verdict") == ("pass", "fail")
    assert outages(found) == {
        f"{FIRST}-1618876800000": ({"excluded/UNATTRIBUTED": "3600"}, {"counted/UNATTRIBUTED": "3600"}),
    }


def test_an_exclusion_that_nobody_approved_yet_is_tried(desk: Desk) -> None:
    more = desk.county.folder / "more.toml"
    more.write_text(
        '[[entry]]\nid = "割接-2"\nkind = "exclusion"\ntype = "cutover"\nlinks = ["510422101"]\n'
        "from = 2021-04-10T14:00:00+08:00\nto = 2021-04-10T14:30:00+08:00\nnotified_at = 2021-04-01T00:00:00+08:00\n",
        encoding="utf-8",
    )
    found = desk.ask("--with-ledger", str(more))
    assert figure(found, "seconds.excluded") == (3600, 5400)
    assert figure(found, "seconds.counted") == (3600, 1800)
    assert outages(found)[f"{FIRST}-1618034400000"][1] == {"excluded/UNATTRIBUTED": "1800", "counted/UNATTRIBUTED": "1800"}
    assert figure(found, "seconds.counted", SECOND) is None


def test_an_exclusion_that_has_no_effect_is_named_with_the_reason(desk: Desk) -> None:
    more = desk.county.folder / "more.toml"
    more.write_text(
        '[[entry]]\nid = "割接-2"\nkind = "exclusion"\ntype = "cutover"\nlinks = ["*"]\n'
        "from = 2021-04-10T14:00:00+08:00\nto = 2021-04-10T14:30:00+08:00\nnotified_at = 2021-04-09T00:00:00+08:00\n",
        encoding="utf-8",
    )
    code, out, _ = desk.run("--with-ledger", str(more))
    assert code == 0
    assert "没有差异：各项数字和认定均不变" in out
    assert "割接-2 在假设中没有作用：通知时间不足" in out


def test_an_assumed_cause_has_the_last_word(desk: Desk) -> None:
    span = {
        "from_": "2021-04-10 14:00",
        "to": "2021-04-10 15:00",
        "link": FIRST,
        "kind": "cause",
        "author": "a",
        "approved_by": "b",
    }
    desk.county.entry(id="认定-1", cause="CARRIER_ACCESS", entered_at="2021-04-11 00:00", **span)
    more = desk.county.folder / "more.toml"
    more.write_text(
        '[[entry]]\nid = "认定-2"\nkind = "cause"\nlink = "510422101"\ncause = "LAN_LOCAL"\n'
        "entered_at = 2021-04-10T20:00:00+08:00\n"
        "from = 2021-04-10T14:00:00+08:00\nto = 2021-04-10T15:00:00+08:00\n",
        encoding="utf-8",
    )
    for asked in ((), ("--as-of", "2021-04-12T00:00:00+08:00")):
        found = desk.ask("--with-ledger", str(more), *asked)
        assert figure(found, "seconds.not_carrier") == (0, 3600)
        assert outages(found)[f"{FIRST}-1618034400000"] == (
            {"counted/CARRIER_ACCESS": "3600"},
            {"not_carrier/LAN_LOCAL": "3600"},
        )


@pytest.mark.parametrize(
    ("asked", "term"),
    [
        (("--mode", "credit"), 'mode = "credit"'),
        (("--unattributed", "disputed"), None),
        (("--claim-window", "5d"), 'claim_window = "5d"'),
        (("--claim-window", "5d", "--clock-start", "report"), 'claim_window = "5d"\nclock_start = "report"'),
        (("--target", "99.95%"), None),
    ],
)
def test_a_hypothesis_gives_the_statement_of_a_contract_that_says_so(
    desk: Desk, asked: tuple[str, ...], term: str | None
) -> None:
    desk.county.entry(id="T1", kind="ticket", link=FIRST, reported_at="2021-04-10 14:20")
    supposed = desk.ask(*asked)["statements"]["what_if"]
    desk.county.contract = (f"{term}\n" if term else "") + desk.county.contract
    if "--unattributed" in asked:
        desk.county.contract = desk.county.contract.replace("counted", "disputed", 1)
    if "--target" in asked:
        desk.county.target = "99.95%"
    declared = desk.compute()
    for name in ("links", "group", "credits", "events", "profile"):
        assert supposed[name] == declared[name], name


def test_a_stricter_rule_finds_outages_that_the_contract_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two lost probes in a row are no outage under n = 3, and one under n = 2."""
    county = County(tmp_path, step=60, contract=TERMS)
    county.series("2021-04-10 00:00", "2021-04-11 00:00", [("2021-04-10 14:00", "2021-04-10 14:02")])
    desk = Desk(county, capsys)
    found = desk.ask("--n", "2")
    assert figure(found, "flaps") == (1, 0)
    assert outages(found) == {f"{FIRST}-1618034400000": (None, {"counted/UNATTRIBUTED": "120"})}
    supposed = desk.ask("--profile", "y1540-2016")
    declared = desk.compute("--profile", "y1540-2016")
    assert supposed["statements"]["what_if"]["links"] == declared["links"]
    assert supposed["statements"]["as_declared"]["profile"]["name"] == "default"
    # 2 of 1440 were lost; all others took 20 ms.
    assert figure(desk.ask("--wait", "10ms"), "loss") == (0.001388888888, 1.0)


def test_the_tables_are_as_people_read_them(desk: Desk) -> None:
    asked = ("--without", "割接-1", "--target", "99.8%", "--mode", "credit")
    assert_golden(GOLDEN / "what_if.zh.txt", desk.run(*asked)[1])
    assert_golden(GOLDEN / "what_if.en.txt", desk.run(*asked, lang="en")[1])


def test_nothing_said_is_nothing_changed(desk: Desk) -> None:
    code, out, _ = desk.run()
    assert (code, out) == (0, "没有差异：各项数字和认定均不变\n")
    assert (
        desk.run("--target", "99.9%", "--mode", "remove", lang="en")[1]
        == "nothing changes: every figure and every class stays\n"
    )


def test_nothing_is_touched(desk: Desk) -> None:
    more = desk.county.folder / "more.toml"
    more.write_text("", encoding="utf-8")
    desk.county.write()
    before = {file.name: file.read_bytes() for file in desk.county.folder.iterdir()}
    desk.ask("--without", "割接-1", "--with-ledger", str(more), "--profile", "mef")
    assert {file.name: file.read_bytes() for file in desk.county.folder.iterdir()} == before


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--target", "0.995"), "--target '0.995': a ratio is a percentage in quotes"),
        (("--target", "101%"), "availability cannot exceed 100%"),
        (("--n", "0"), "--n '0': expected a whole number, at least 1"),
        (("--n", "2", "--profile", "y1540-2011"), "--n: y1540-2011 turns with every window and knows no n"),
        (("--wait", "soon"), "--wait 'soon': a duration is a whole number with its unit"),
        (("--claim-window", "5"), "--claim-window '5': a duration is a whole number with its unit"),
        (("--without", "割接-9"), "--without 割接-9: there is no such entry; there are 割接-1"),
    ],
)
def test_a_hypothesis_that_cannot_be_says_what_would_be_right(desk: Desk, asked: tuple[str, ...], message: str) -> None:
    code, out, err = desk.run(*asked)
    assert (code, out) == (2, "")
    assert message in err


def test_an_assumed_entry_must_not_take_an_id_that_stands_unless_that_one_is_left_out(desk: Desk) -> None:
    more = desk.county.folder / "more.toml"
    more.write_text(
        '[[entry]]\nid = "割接-1"\nkind = "exclusion"\ntype = "cutover"\nlinks = ["*"]\n'
        "from = 2021-04-20T08:00:00+08:00\nto = 2021-04-20T08:30:00+08:00\nnotified_at = 2021-04-01T00:00:00+08:00\n",
        encoding="utf-8",
    )
    code, _, err = desk.run("--with-ledger", str(more))
    assert (code, "entry '割接-1' stands in the ledger; leave that one out by --without 割接-1" in err) == (2, True)
    found = desk.ask("--with-ledger", str(more), "--without", "割接-1")
    assert figure(found, "seconds.excluded") == (3600, 1800)
    assert figure(found, "seconds.excluded", SECOND) == (0, 1800)
