"""The commands as a person meets them: what they print, what they refuse, how they exit."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from county import FIRST, County
from jinbao_collector.entry import Entry
from jinbao_collector.home import Home
from jinbao_collector.ledger import Ledger
from jinbao_reports import words
from jinbao_reports.cli import main

DAY = ("2021-04-10 09:00", "2021-04-10 11:00")
OUTAGE = ("2021-04-10 10:00", "2021-04-10 10:05")
ID = f"{FIRST}-1618020000000"


@pytest.fixture
def county(tmp_path: Path) -> County:
    made = County(tmp_path, step=10, target="99%")
    for target in ("lan", "cpe"):
        made.series(*DAY, target=target)
    for target in ("edge", "core", "app"):
        made.series(*DAY, [OUTAGE], target=target)
    return made.series(*DAY, [OUTAGE], vantage="county", target="cpe")


def run(capsys: pytest.CaptureFixture[str], *asked: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(asked))
    told = capsys.readouterr()
    return code, told.out, told.err


def refused(capsys: pytest.CaptureFixture[str], *asked: str) -> str:
    code, out, err = run(capsys, *asked)
    assert (code, out) == (2, "")
    return err


def test_compute_prints_a_table_in_chinese_and_in_english(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["compute", *county.write(), "--period", "2021-04-10"]
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert words.verdict("inconclusive", "zh") in out
    code, out, _ = run(capsys, "--lang", "en", *asked)
    assert words.verdict("inconclusive", "en") in out


def test_outages_lists_every_slice_with_cause_party_and_class(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "outages", *county.write(), "--period", "2021-04-10")
    assert code == 0
    assert ID in out
    assert "运营商接入段故障" in out
    code, out, _ = run(capsys, "outages", *county.write(), "--period", "2021-04-10", "--json")
    (outage,) = json.loads(out)
    assert (outage["id"], outage["link"], outage["seconds"]) == (ID, FIRST, 300)


def test_explain_shows_the_row_that_matched_and_why_the_earlier_ones_did_not(
    county: County, capsys: pytest.CaptureFixture[str]
) -> None:
    county.entry(id="T1", kind="ticket", link=FIRST, number="GD-7", reported_at="2021-04-10 10:02")
    county.entry(id="P1", kind="power_notice", links=[FIRST], from_="2021-04-10 10:01", to="2021-04-10 12:00", author="a")
    code, out, _ = run(capsys, "--lang", "en", "explain", *county.write(), "--period", "2021-04-10", "--json", ID)
    told = json.loads(out)
    assert code == 0
    table = told["parts"][0]["table"]
    assert [step["row"] for step in table][:3] == ["4", "5", "8"]
    assert table[-1] == {"row": "11", "cause": "CARRIER_ACCESS", "matched": True, "because": "all conditions hold"}
    assert {step["row"]: step["because"] for step in table}["10"] == "township modem is down"
    vantages = {(edge["vantage"], edge["target"]) for edge in told["edges"] if edge["edge"] == "onset"}
    assert vantages == {("county", "cpe"), *(("township", target) for target in ("lan", "cpe", "edge", "core", "app"))}
    assert [entry["id"] for entry in told["entries"]] == ["T1", "P1"]
    code, out, _ = run(capsys, "explain", *county.write(), "--period", "2021-04-10", ID)
    assert "→    11 CARRIER_ACCESS" in out
    assert "不成立：乡镇侧光猫断" in out


def test_explain_names_the_outages_there_are(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    err = refused(capsys, "explain", *county.write(), "--period", "2021-04-10", "510422101-1")
    assert f"outage '510422101-1' is not in this period; it has {ID}" in err


def test_month_writes_the_page_and_the_figures_it_was_made_from(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    out = county.folder / "out"
    code, told, _ = run(capsys, "month", *county.write(), "--period", "2021-04", "--out", str(out), "--json")
    made = json.loads(told)
    assert code == 0
    assert Path(made["pdf"]).read_bytes().startswith(b"%PDF")
    assert json.loads(Path(made["statement"]).read_text())["schema"] == "jinbao.statement/1"
    first = {file.name: file.read_bytes() for file in out.iterdir()}
    run(capsys, "month", *county.write(), "--period", "2021-04", "--out", str(out))
    assert {file.name: file.read_bytes() for file in out.iterdir()} == first


def test_wrong_rows_are_listed_with_their_line_numbers(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    asked = county.write()
    file = county.folder / "samples.csv"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace("reply", "alive")
    lines[2] = lines[2].replace("2021-04-10T", "10.04.2021 ")
    lines[3] = lines[3].replace(",20000,", ",-1,")
    file.write_text("\n".join(lines) + "\n")
    err = refused(capsys, "compute", *asked, "--period", "2021-04-10")
    assert "line 2: outcome 'alive': expected reply, lost, late" in err
    assert "line 3: sent_at '10.04.2021 09:00:10+08:00': expected an RFC 3339 time" in err
    assert "line 4: rtt_us '-1': expected a whole number, other than -1, or nothing" in err


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("link,vantage,target,sent_at,outcome", "column rtt_us is missing"),
        ("link,vantage,target,sent_at,outcome,rtt_us,color", "unknown column color"),
    ],
)
def test_a_wrong_header_is_named(county: County, capsys: pytest.CaptureFixture[str], header: str, message: str) -> None:
    asked = county.write()
    (county.folder / "samples.csv").write_text(header + "\n")
    assert message in refused(capsys, "compute", *asked, "--period", "2021-04-10")


def test_rows_with_more_or_fewer_fields_than_the_header_are_refused(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    asked = county.write()
    file = county.folder / "samples.csv"
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([header, *(row + "," for row in rows)]) + "\n")
    assert "line 2: more fields than the header names" in refused(capsys, "compute", *asked, "--period", "2021-04-10")
    file.write_text("\n".join([header, rows[0], "", rows[1].rpartition(",")[0], rows[2]]) + "\n")
    assert "line 4: fewer fields than the header names" in refused(capsys, "compute", *asked, "--period", "2021-04-10")


@pytest.mark.parametrize("period", ["2021-13", "April", "2021-04-10/2021-04-09", "2021-Q5"])
def test_a_wrong_period_says_what_would_be_right(county: County, capsys: pytest.CaptureFixture[str], period: str) -> None:
    err = refused(capsys, "compute", *county.write(), "--period", period)
    assert f"--period {period!r}: " in err


def test_a_period_before_the_contract_is_refused(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no contract is in force at its start" in refused(capsys, "compute", *county.write(), "--period", "2009")


def test_a_missing_file_is_named(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    asked = county.write()
    (county.folder / "samples.csv").unlink()
    assert "samples.csv: cannot be read: No such file" in refused(capsys, "compute", *asked, "--period", "2021-04-10")


def test_overlapping_intervals_are_refused(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    county.interval("2021-04-10 09:00", "2021-04-10 10:00", "up").interval("2021-04-10 09:59", "2021-04-10 10:30", "down")
    assert "line 3: overlaps line 2" in refused(capsys, "compute", *county.write(), "--period", "2021-04-10")


def test_a_cause_that_the_table_does_not_know_is_refused(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    county.interval("2021-04-10 09:00", "2021-04-10 10:00", "down", "GREMLINS")
    assert "cause 'GREMLINS'" in refused(capsys, "compute", *county.write(), "--period", "2021-04-10")


def test_as_of_ignores_what_came_later(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    made = county.compute(capsys, "2021-04-10", "--as-of", "2021-04-10T10:02:00+08:00")
    (outage,) = made.outages()
    assert outage["restored"] is None
    assert made.json["as_of"] == "2021-04-10T10:02:00+08:00"
    assert made.seconds("unknown") == 86400 - 3600 - 120


def test_another_tools_csv_becomes_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "theirs.csv").write_text("when,ok,ms\n2021-04-10 09:00:00,1,20.5\n2021-04-10 09:01:00,0,\n", encoding="utf-8")
    asked = ["import", "--from", "csv", str(tmp_path / "theirs.csv"), "--rtt-unit", "ms", "--zone", "Asia/Shanghai"]
    for pair in ("sent_at=when", "outcome=ok", "rtt_us=ms"):
        asked += ["--column", pair]
    for pair in (f"link={FIRST}", "vantage=township", "target=core"):
        asked += ["--constant", pair]
    asked += ["--outcome", "1=reply", "--outcome", "0=lost"]
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert out.splitlines() == [
        "link,vantage,target,sent_at,outcome,rtt_us",
        f"{FIRST},township,core,2021-04-10T01:00:00Z,reply,20500",
        f"{FIRST},township,core,2021-04-10T01:01:00Z,lost,",
    ]


def test_an_import_lists_what_it_cannot_read_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, out = tmp_path / "theirs.csv", tmp_path / "out.csv"
    theirs.write_text(f"link,vantage,target,sent_at,outcome,rtt_us\n{FIRST},township,core,yesterday,up,1\n")
    err = refused(capsys, "import", "--from", "csv", str(theirs), "--out", str(out))
    assert "line 2: sent_at 'yesterday'" in err
    assert "line 2: outcome 'up'" in err
    assert not out.exists()


def test_the_installed_command_exits_as_it_promises(county: County) -> None:
    asked = [str(Path(sys.executable).with_name("jinbao-report")), "compute", *county.write(), "--period", "2021-04-10"]
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 0
    failing = county.folder / "contract.toml"
    failing.write_text(failing.read_text().replace('"99%"', '"100%"'))
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 1
    assert subprocess.run([*asked[:2], "--period", "2021"], capture_output=True, check=False).returncode == 2


def test_a_ledger_changed_by_hand_is_broken_evidence(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    """Not a matter of figures: the command ends with 1 and prints none."""
    asked = county.write()
    store = county.folder / "store"
    store.mkdir()
    with Ledger.create(Home(store).ledger) as ledger:
        ledger.enter([Entry(id="N1", kind="document", author="a")], 0)
    with sqlite3.connect(Home(store).ledger) as changed:
        changed.executescript("DROP TRIGGER no_update; UPDATE ledger SET facts = replace(facts, 'N1', 'N2')")
    changed.close()
    asked[asked.index("--samples") : asked.index("--samples") + 2] = ["--store", str(store)]
    code, out, err = run(capsys, "compute", *asked, "--period", "2021-04-10")
    assert (code, out) == (1, "")
    assert "ledger.db" in err


def test_the_sliver_of_service_failure_beside_a_link_outage_is_listed_and_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = County(tmp_path).series(*DAY, down=[OUTAGE]).series(*DAY, [(OUTAGE[0], "2021-04-10 10:06")], target="app")
    (sliver,) = made.compute(capsys, "2021-04-10").outages(scope="service")
    assert (sliver["seconds"], sliver["edge"]) == (60, True)


def test_a_cutover_that_no_approved_exclusion_covers_is_disputed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = County(tmp_path).interval("2021-04-10 09:00", "2021-04-10 12:00", "down", "PLANNED_CUTOVER")
    made = county.compute(capsys, "2021-04-10")
    assert (made.seconds("excluded"), made.seconds("disputed")) == (0, 10800)


def test_a_share_just_below_the_target_is_never_printed_as_the_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    county = County(tmp_path).interval("2021-04-01 00:00", "2021-04-10 09:00", "up")
    county.interval("2021-04-10 09:00", "2021-04-10 09:43:13", "down").interval("2021-04-10 09:43:13", "2021-05-01 00:00", "up")
    code, out, _ = run(capsys, "compute", *county.write(), "--period", "2021-04")
    assert code == 1
    assert "99.8999%" in out


def test_a_year_without_a_published_calendar_raises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county = County(tmp_path).series(*DAY)
    county.contract += '\n[service_hours]\ndays = "legal_workdays"\n'
    assert "no legal calendar is known for 2049" in refused(capsys, "compute", *county.write(), "--period", "2049")
