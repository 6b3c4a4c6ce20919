"""The legal calendar: every day of 2007 to 2026, its source notices, its editions, and what was known when."""

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest

from county import County
from jinbao_config.shape import ConfigError
from jinbao_reports.cli import main
from jinbao_reports.files import parse_as_of
from jinbao_reports.legal_days import SHIPPED, LegalDays, read_legal_days, shipped
from jinbao_reports.source import BadInput

OFFICE_HOURS = '[service_hours]\ndays = "legal_workdays"\nspans = ["09:00-12:00", "13:30-17:00"]\n'


def day(text: str) -> date:
    return date.fromisoformat(text)


def known(at: str) -> LegalDays:
    return shipped().known_at(parse_as_of(f"{at}+08:00"))


def test_every_day_agrees_with_a_calendar_that_others_made() -> None:
    """chinesecalendar took the same notices down on its own: no day of twenty years differs."""
    days = [date(2007, 1, 1) + timedelta(after) for after in range((date(2027, 1, 1) - date(2007, 1, 1)).days)]
    assert len(days) == 7305
    assert [str(day) for day in days if shipped().is_workday(day) != chinese_calendar.is_workday(day)] == []


def test_only_weekend_days_are_made_worked_and_no_day_is_both() -> None:
    for notice in shipped().notices:
        named = dict(notice.days())
        assert all(day.weekday() >= 5 for day, worked in named.items() if worked), notice.number
        assert {day.year for day in named} <= {notice.year - 1, notice.year}
        assert notice.published.year in (notice.year - 1, notice.year)
        assert f"〔{notice.published.year}〕" in notice.number


@pytest.mark.parametrize(("year", "workdays"), [(2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_as_many_workdays_as_the_state_council_says(
    capsys: pytest.CaptureFixture[str], year: int, workdays: int
) -> None:
    assert main(["calendar", str(year), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["workdays"] == workdays


def test_a_notice_reaches_into_the_december_before_its_year() -> None:
    """2019's: Saturday 29 December 2018 is worked, Monday the 31st is off."""
    assert shipped().is_workday(day("2018-12-29"))
    assert not shipped().is_workday(day("2018-12-31"))
    before = known("2018-12-05T12:00:00")
    assert (before.is_workday(day("2018-12-29")), before.is_workday(day("2018-12-31"))) == (False, True)


@pytest.mark.parametrize(
    ("instant", "worked"),
    [
        ("2015-05-12T23:59:59", {"2015-09-03": True, "2015-09-06": False}),
        ("2015-05-13T00:00:00", {"2015-09-03": False, "2015-09-06": True}),
        ("2019-03-21T00:00:00", {"2019-05-02": True, "2019-05-03": True, "2019-04-28": False, "2019-05-05": False}),
        ("2019-03-22T00:00:00", {"2019-05-02": False, "2019-05-03": False, "2019-04-28": True, "2019-05-05": True}),
        ("2020-01-26T23:59:59", {"2020-01-31": True, "2020-02-01": True, "2020-02-03": True}),
        ("2020-01-27T00:00:00", {"2020-01-31": False, "2020-02-01": False, "2020-02-03": True}),
    ],
)
def test_of_two_notices_about_a_day_the_later_decides_once_it_is_published(instant: str, worked: dict[str, bool]) -> None:
    assert {text: known(instant).is_workday(day(text)) for text in worked} == worked


@pytest.mark.parametrize("text", ["2006-12-29", "2027-01-04"])
def test_a_year_without_a_notice_raises_even_where_another_year_names_its_days(text: str) -> None:
    with pytest.raises(BadInput, match=f"no legal calendar is known for {text[:4]}: cn-legal-days .* 2007 to 2026"):
        shipped().is_workday(day(text))


def test_before_its_notice_a_year_has_no_calendar() -> None:
    with pytest.raises(BadInput, match="no legal calendar is known for 2021"):
        known("2020-11-24T12:00:00").is_workday(day("2021-01-04"))


@pytest.fixture
def offices(tmp_path: Path) -> County:
    """A link that is up day and night, judged in office hours."""
    county = County(tmp_path, step=900, contract=OFFICE_HOURS)
    return county.series("2020-01-01 00:00", "2020-03-01 00:00")


def test_the_statement_names_the_calendar_its_digest_and_the_notices(
    offices: County, capsys: pytest.CaptureFixture[str]
) -> None:
    made = offices.compute(capsys, "2020-02").json
    digest = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert made["inputs"]["calendar:cn-legal-days/2026.1"] == digest
    assert (made["calendar"]["name"], made["calendar"]["version"]) == ("cn-legal-days", "2026.1")
    assert made["calendar"]["sha256"] == digest
    assert [notice["number"] for notice in made["calendar"]["notices"]] == ["国办发明电〔2019〕16号", "国办发明电〔2020〕1号"]
    assert made["calendar"]["notices"][1]["url"].endswith("2020-01/27/content_5472352.htm")


def test_all_days_alike_need_no_calendar(offices: County, capsys: pytest.CaptureFixture[str]) -> None:
    offices.contract = ""
    made = offices.compute(capsys, "2020-02").json
    assert made["calendar"] is None
    assert not [name for name in made["inputs"] if name.startswith("calendar")]


def test_a_judgement_uses_the_notices_known_when_it_was_made(offices: County, capsys: pytest.CaptureFixture[str]) -> None:
    """1 February 2020 was to be worked until the holiday was made longer."""
    early = offices.compute(capsys, "2020-02-01", "--as-of", "2020-01-20T00:00:00+08:00")
    late = offices.compute(capsys, "2020-02-01")
    assert (early.seconds("service"), late.seconds("service")) == (23400, 0)
    assert [notice["year"] for notice in early.json["calendar"]["notices"]] == [2020]


@pytest.mark.parametrize(
    ("period", "at"),
    [
        ("2025-12", None),
        ("2026-11", None),
        ("2026-12", "2026-12-01T00:00:00+08:00"),
        ("2026-12-30", "2026-12-30T00:00:00+08:00"),
    ],
)
def test_a_december_judged_before_the_next_notice_says_that_it_may_change(
    offices: County, capsys: pytest.CaptureFixture[str], period: str, at: str | None
) -> None:
    flags = [(flaw["kind"], flaw["at"]) for flaw in offices.compute(capsys, period).json["integrity"]]
    assert flags == ([("calendar_open", at)] if at else [])


def test_another_edition_can_be_judged_by_and_is_told_apart(
    offices: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A county that gave 3 February 2020 off, in a file of its own."""
    mine = tmp_path / "mine.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    mine.write_text(text.replace('version = "2026.1"', 'version = "mine"').replace("31..2020-02-02", "31..2020-02-03"), "utf-8")
    made = offices.compute(capsys, "2020-02-03", "--calendar", str(mine))
    assert made.seconds("service") == 0
    assert made.json["inputs"]["calendar:cn-legal-days/mine"] == hashlib.sha256(mine.read_bytes()).hexdigest()
    assert offices.compute(capsys, "2020-02-03").seconds("service") == 23400


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            '"2020-01-31..2020-02-02"',
            '"2020-02-02..2020-01-31"',
            r"notice\[国办发明电〔2020〕1号\]\.off\[0\]: .* first and last",
        ),
        ("work = []", 'work = ["2020-02-02"]', "2020-02-02 is named twice"),
        ("published = 2020-01-27", 'published = "soon"', r"notice\[国办发明电〔2020〕1号\]\.published: 'soon'"),
    ],
)
def test_a_wrong_calendar_file_is_refused_with_its_place(tmp_path: Path, wrong: str, right: str, message: str) -> None:
    file = tmp_path / "calendar.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    assert text.count(wrong) == 1
    file.write_text(text.replace(wrong, right), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_legal_days(file)


def test_calendar_prints_a_year_with_its_source_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calendar", "2021"]) == 0
    told = capsys.readouterr().out
    assert "2021年法定工作日共250天" in told
    assert "国办发明电〔2020〕27号" in told
    assert "www.gov.cn/zhengce/zhengceku/2020-11/25/content_5564127.htm" in told
    assert "调休上班的周末：02-07 02-20 · 04-25 · 05-08 · 09-18 09-26 · 10-09" in told
    assert main(["calendar", "2020", "--lang", "en", "--as-of", "2020-01-20T00:00:00+08:00"]) == 0
    assert "2020 has 251 legal workdays" in capsys.readouterr().out


def test_calendar_refuses_a_year_without_notice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calendar", "2049"]) == 2
    assert "no legal calendar is known for 2049" in capsys.readouterr().err


def test_what_lies_in_a_year_without_notice_does_not_hinder_the_year_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ticket of January 2027 is read with all the rest, but December 2026 needs no calendar for it."""
    county = County(tmp_path, step=900, contract=OFFICE_HOURS)
    county.series("2026-12-28 00:00", "2027-01-08 00:00", down=[("2027-01-05 10:00", "2027-01-05 12:00")])
    county.entry(id="T1", kind="ticket", link=county.links[0], reported_at="2027-01-05 10:30", acked_at="2027-01-05 11:00")
    made = county.compute(capsys, "2026-12")
    assert made.outages() == []
    assert main(["compute", *county.write(), "--period", "2027-01"]) == 2
    assert "no legal calendar is known for 2027" in capsys.readouterr().err
