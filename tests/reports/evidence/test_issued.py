"""Issued reports are frozen and numbered; what must be corrected is superseded, with what changed."""

import json
from pathlib import Path

import pytest

from evidence import DAYS, Site, make_site
from jinbao_collector.centre import Centre
from jinbao_collector.entry import Entry
from jinbao_collector.ledger import ISSUED, Ledger
from jinbao_config import units
from jinbao_reports.cli import main
from jinbao_reports.evidence.issued import issued_reports
from jinbao_reports.evidence.verification import Known, verify_package


def run(capsys: pytest.CaptureFixture[str], *asked: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(asked))
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_report_is_frozen_numbered_and_entered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = make_site(tmp_path)
    code, out, _ = run(capsys, "issue", *site.asked("--by", "张三", "--json"))
    told = json.loads(out)
    assert (code, told["number"], told["superseded_by"]) == (0, 1, 0)
    folder = site.data / "issued" / "0001"
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "report.json": 0o444,
        "evidence.zip": 0o444,
    }
    assert json.loads((folder / "report.json").read_text())["issue"]["number"] == 1
    with Ledger(site.data / "ledger.db") as ledger:
        (row,) = ledger.rows(ISSUED)
        ledger.verify()
    assert (row.facts["report"], row.facts["by"]) == (told["report"], "张三")
    assert verify_package(folder / "evidence.zip", Known(sheets=[site.manifest_hash(DAYS[-1])])).report == told["report"]
    code, out, _ = run(capsys, "issued", "--store", str(site.data))
    assert code == 0
    assert "有效" in out


def cause(site: Site) -> None:
    """Somebody finds out, and somebody else approves, that the first outage was not the carrier's."""
    site.clock.now_ms += 3_600_000
    with Centre(site.place, site.clock) as centre:
        span = {"from_": units.instant_ms("2021-04-09T09:00:00+08:00"), "to": units.instant_ms("2021-04-09T10:00:00+08:00")}
        facts = {"cause": "POWER_DOCUMENTED", "author": "a", "approved_by": "b", "reason": "供电所证明"}
        centre.ledger.enter([Entry(id="C1", kind="cause", link="510422101", **span, **facts)], site.clock())  # type: ignore[arg-type]
        site.clock.now_ms += 86_400_000
        centre.make_due_manifests()


def test_an_amendment_supersedes_and_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = make_site(tmp_path)
    assert run(capsys, "issue", *site.asked("--by", "张三"))[0] == 0
    first = (site.data / "issued" / "0001" / "report.json").read_bytes()
    code, _, err = run(capsys, "issue", *site.asked("--by", "张三"))
    assert (code, "--amends 1" in err) == (2, True)
    assert run(capsys, "issue", *site.asked("--by", "张三", "--amends", "1"))[0] == 2
    cause(site)
    code, out, _ = run(
        capsys, "--lang", "en", "issue", *site.asked("--by", "李四", "--amends", "1", "--reason", "停电证明到了")
    )
    assert code == 0
    assert "report 2 supersedes 1: 停电证明到了" in out
    changed = json.loads((site.data / "issued" / "0002" / "changes.json").read_text())
    assert {row["figure"]: (row["before"], row["after"]) for row in changed["figures"]}["seconds.counted"] == (300, 0)
    assert len(changed["outages"]) == 1
    assert (site.data / "issued" / "0001" / "report.json").read_bytes() == first
    assert [one.superseded_by for one in issued_reports(site.data)] == [2, 0]
    code, out, _ = run(capsys, "issued", "--store", str(site.data), "2", "--json")
    assert json.loads(out) == changed
    # Only what stands can be amended, and numbers go on.
    assert run(capsys, "issue", *site.asked("--by", "x", "--amends", "1", "--reason", "y"))[0] == 2
    assert run(capsys, "issued", "--store", str(site.data), "7")[0] == 2
    # The first is proven by its own package still, as it was known then.
    assert verify_package(site.data / "issued" / "0001" / "evidence.zip", Known()).outcome == "unanchored"


def test_a_frozen_report_that_was_altered_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = make_site(tmp_path)
    assert run(capsys, "issue", *site.asked("--by", "张三"))[0] == 0
    file = site.data / "issued" / "0001" / "report.json"
    file.chmod(0o644)
    file.write_text(file.read_text().replace('"counted": 300', '"counted": 0'))
    code, _, err = run(capsys, "issued", "--store", str(site.data))
    assert (code, "is not the one that was issued as number 1" in err) == (1, True)


def test_what_was_cut_short_is_not_issued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without its row in the ledger is cleared away by the next report; a refused one leaves nothing."""
    site = make_site(tmp_path)
    orphan = site.data / "issued" / "0001"
    orphan.mkdir(parents=True)
    (orphan / "report.json").write_text("{}")
    assert issued_reports(site.data) == ()
    assert run(capsys, "issue", *site.asked("--by", "张三", period="1999-01"))[0] == 2
    assert [path.name for path in (site.data / "issued").iterdir()] == ["0001"]
    assert run(capsys, "issue", *site.asked("--by", "张三"))[0] == 0
    issued_reports(site.data)[0].check()


def test_the_sheet_names_the_hash_the_keys_and_the_reports(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "sheet", "--store", str(site.data), "--period", "2021-04", "--json")
    told = json.loads(out)
    assert (code, told["complete"], told["demonstration"]) == (0, False, False)
    assert told["manifest"]["hash"] == site.manifest_hash(DAYS[-1])
    assert {agent["agent"] for agent in told["agents"]} == {"tw-01", "county"}
    code, out, _ = run(capsys, "sheet", "--store", str(site.data), "--period", DAYS[1])
    assert (code, site.manifest_hash(DAYS[1]) in out) == (0, True)
    assert run(capsys, "sheet", "--store", str(site.data), "--period", "2020-01")[0] == 2
