"""The workbook: its formulas are the judgement's own, and LibreOffice, told to recalculate, comes to the same figures."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from drawn_statements import load, make

from jinbao_reports import words
from jinbao_reports.render.reading import read_report
from jinbao_reports.render.workbook import make_xlsx

soffice = pytest.mark.skipif(shutil.which("soffice") is None, reason="needs soffice (Debian package libreoffice-calc-nogui)")
# LibreOffice trusts cached values unless its profile says otherwise: such a test would prove nothing.
RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode"><value>0</value></prop></item>
</oor:items>"""
LOW, HIGH, COVERAGE, VERDICT = "可用率下限", "可用率上限", "覆盖率", "结论"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LibreOffice profile that recalculates on load."""
    profile = tmp_path_factory.mktemp("profile")
    (profile / "user").mkdir()
    (profile / "user" / "registrymodifications.xcu").write_text(RECALCULATE, encoding="utf-8")
    return profile


def recalculated(profile: Path, *files: Path) -> list[Path]:
    out = files[0].parent / "recalculated"
    arguments = [
        "soffice",
        "--headless",
        f"-env:UserInstallation={profile.as_uri()}",
        "--convert-to",
        "xlsx",
        "--outdir",
        str(out),
    ]
    subprocess.run([*arguments, *map(str, files)], check=True, capture_output=True, timeout=180)
    return [out / file.name for file in files]


def summary(file: Path) -> dict[str, dict[str, Any]]:
    """The summary's values by link name and heading."""
    sheet = openpyxl.load_workbook(file, data_only=True)["汇总"]
    head, *rows = sheet.iter_rows(values_only=True)
    return {row[1]: dict(zip(head, row, strict=True)) for row in rows if row[1]}


def written(made: dict[str, Any], file: Path, lang: str = "zh") -> Path:
    file.write_bytes(make_xlsx(read_report(made), "0" * 64, lang))
    return file


def with_false_values(file: Path, into: Path) -> Path:
    """Every cached value of a formula replaced by 0.5, so that only a recalculation can come to the right one."""
    book = openpyxl.load_workbook(file)
    book.save(into)  # openpyxl writes formulas without any value
    return into


def differences(made: dict[str, Any], file: Path) -> Iterator[float]:
    rows = summary(file)
    for link in made["links"]:
        row = rows[link["name"]]
        for head, value in ((LOW, link["exact"]["low"]), (HIGH, link["exact"]["high"]), (COVERAGE, link["coverage"])):
            if value is None:
                assert row[head] == "无数据"
            else:
                yield abs(row[head] - float(Fraction(value)))
        assert row[VERDICT] == words.VERDICTS[link["verdict"]].to("zh") == row["文件结论"]


@pytest.mark.parametrize("name", ["forty_outages", "inconclusive", "all_unknown", "one_link"])
def test_the_cached_values_are_the_statement_s_figures(name: str, tmp_path: Path) -> None:
    made = load(name)
    assert max(differences(made, written(made, tmp_path / "w.xlsx")), default=0) < 1e-12


@soffice
def test_libreoffice_recalculates_every_availability(office: Path, tmp_path: Path) -> None:
    names = ("forty_outages", "inconclusive", "all_unknown", "fail", "one_link")
    files = [with_false_values(written(load(name), tmp_path / "w.xlsx"), tmp_path / f"{name}.xlsx") for name in names]
    for name, file in zip(names, recalculated(office, *files), strict=True):
        assert max(differences(load(name), file), default=0) < 1e-9, name


@soffice
def test_changing_one_drop_down_changes_the_summary_as_it_should(office: Path, tmp_path: Path) -> None:
    """G01's outage is 2592 of 2592000 s. 否: the time is removed, or in mode credit counted as up. 争议: high rises."""
    made, source = load("one_link"), written(load("one_link"), tmp_path / "w.xlsx")
    changes = {"no": ("J2", "否"), "disputed": ("J2", "争议"), "target": ("B10", 0.9995), "credit": ("B11", "视同正常")}
    files = []
    for name, (cell, value) in changes.items():
        book = openpyxl.load_workbook(source)
        sheet = book["中断台账" if cell == "J2" else "说明"]
        assert sheet[cell].value in ("是", 0.999, "扣除"), (cell, sheet[cell].value)
        sheet[cell] = value
        if name == "credit":
            book["中断台账"]["J2"] = "否"
        book.save(tmp_path / f"{name}.xlsx")
        files.append(tmp_path / f"{name}.xlsx")
    name = made["links"][0]["name"]
    no, disputed, target, credit = (summary(file)[name] for file in recalculated(office, *files))
    assert (no[LOW], no[HIGH], no["分母（秒）"], no[VERDICT]) == (1, 1, 2592000 - 2592, "达标")
    assert (round(disputed[LOW], 12), disputed[HIGH], disputed[VERDICT]) == (0.999, 1, "达标")
    assert (round(target[LOW], 12), target[VERDICT]) == (0.999, "未达标")
    assert (credit[LOW], credit["分母（秒）"]) == (1, 2592000)


def test_the_sheets_are_those_an_auditor_expects_and_fit_the_paper(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written(load("forty_outages"), tmp_path / "w.xlsx"))
    assert book.sheetnames == ["说明", "汇总", "中断台账", "每日", "维护与停电"]
    assert all(sheet.page_setup.paperSize == 9 and sheet.sheet_properties.pageSetUpPr.fitToPage for sheet in book)
    assert str(next(iter(book["中断台账"].data_validations.dataValidation)).sqref).startswith("J2:")
    assert sum(row[0].value is not None for row in book["每日"].iter_rows(min_row=2)) > 30


def test_imported_text_never_becomes_a_formula(tmp_path: Path) -> None:
    made = load("one_outage")
    made["links"][1]["name"] = "=1+1"
    made["links"][1]["outages"][0]["ticket"] = "@SUM(A1)"
    book = openpyxl.load_workbook(written(made, tmp_path / "w.xlsx"))
    cell, ticket = book["汇总"]["B3"], book["中断台账"]["M2"]
    assert (cell.value, cell.data_type, ticket.value, ticket.data_type) == ("=1+1", "s", "@SUM(A1)", "s")


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_the_same_statement_gives_the_same_workbook(lang: str, tmp_path: Path) -> None:
    first, again = (written(make.year(outages=9), tmp_path / f"{number}.xlsx", lang) for number in (1, 2))
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as parts:
        assert {item.date_time for item in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
