"""Every document, made for real in every format and read back: what the office hands in and an auditor opens."""

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import docx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from drawn_statements import forms, load, make, office, squeezed, told, without_han

from jinbao_config.office import read_office
from jinbao_reports import words
from jinbao_reports.render import annex_words, paper_words
from jinbao_reports.render.month import statement_bytes
from jinbao_reports.render.node import StatementError
from jinbao_reports.render.written import DATA, PAGES, Wanted, Written, write_documents
from jinbao_reports.source import BadInput

poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (Debian package poppler-utils)")
qpdf = pytest.mark.skipif(shutil.which("qpdf") is None, reason="needs qpdf")
SMALL = ("sheet", "guide", "form", "claim")
KINDS = ("year", "annex", "ledger", *SMALL)
OFFICE = read_office(office.CONFIG / "office.example.toml").value


def issued(made: dict[str, Any], out: Path, *kinds: str, **more: Any) -> dict[str, Path]:
    """Kinds in both languages -> the files by name."""
    wanted = {"formats": (*PAGES, *DATA), "langs": words.LANGUAGES, "office": OFFICE}
    files = write_documents(made, Wanted(kinds=kinds, **wanted | more), out)
    return {item.path.name: item.path for item in files}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return office.evaluated(make.year(outages=14), tmp_path_factory.mktemp("year"), forms(11))


@pytest.fixture(scope="module")
def pages(year: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The whole set of a year in every format, made once; of the small papers an English edition too."""
    first = next(link["outages"][0]["id"] for link in year["links"] if link["outages"])
    out = tmp_path_factory.mktemp("set")
    english = issued(year, out, *SMALL, outages=(first,), langs=("en",))
    report = issued(year, out, "year", langs=("zh",), formats=("pdf", "html"))
    return english | report | issued(year, out, *KINDS[1:], outages=(first,), langs=("zh",))


# The set


def test_the_set_has_each_document_in_each_format_and_language(pages: dict[str, Path]) -> None:
    made = {(path.suffix, lang) for name, path in pages.items() for lang in ("zh" if re.search("[㐀-鿿]", name) else "en",)}
    assert made == {(f".{form}", lang) for form in (*PAGES, *DATA) for lang in words.LANGUAGES}
    assert len(pages) == (len(KINDS) + len(SMALL)) * len(PAGES) + 8 - 1


def test_an_issue_made_again_has_the_same_bytes(year: dict[str, Any], pages: dict[str, Path], tmp_path: Path) -> None:
    again = issued(year, tmp_path, "annex", "sheet", langs=("zh",))
    assert {name: path.read_bytes() for name, path in again.items()} == {name: pages[name].read_bytes() for name in again}


def test_the_digests_told_are_those_of_the_files(tmp_path: Path) -> None:
    wanted = Wanted(kinds=("sheet",), formats=("html", "json"), langs=("zh",))
    done = []
    files = write_documents(load("quiet"), wanted, tmp_path, lambda number, of: done.append((number, of)))
    assert [item.sha256 for item in files] == [hashlib.sha256(item.path.read_bytes()).hexdigest() for item in files]
    assert done == [(1, 2), (2, 2)]
    assert isinstance(files[0], Written)


@poppler
@pytest.mark.parametrize(
    "name", ["会签页-2021.pdf", "验证说明-2021.pdf", "金保网年度SLA报告-2021.pdf", "绩效自评附件-2021.pdf"]
)
def test_each_names_the_digest_of_the_json_issued_with_it(name: str, year: dict[str, Any], pages: dict[str, Path]) -> None:
    digest = hashlib.sha256(statement_bytes(year)).hexdigest()
    assert hashlib.sha256(pages["考核数据-2021.json"].read_bytes()).hexdigest() == digest
    assert digest in told(pages[name])


@poppler
@pytest.mark.soak
@pytest.mark.parametrize("name", ["quiet", "one_link", "all_unknown", "long_names", "forty_outages", "inconclusive"])
def test_any_statement_makes_a_year_report_and_an_annex_in_both_languages(name: str, tmp_path: Path) -> None:
    made = office.evaluated(load(name), tmp_path)
    files = issued(made, tmp_path, "year", "annex", "ledger", formats=("pdf", "docx", "html", "xlsx"))
    for path in files.values():
        if path.suffix == ".pdf":
            assert "□" not in told(path).replace("□无异议□有异议", "").replace("□agreed□disputed", "")


# PDF


@poppler
@qpdf
def test_poppler_and_qpdf_accept_every_pdf(pages: dict[str, Path]) -> None:
    for path in (path for path in pages.values() if path.suffix == ".pdf"):
        subprocess.run(["qpdf", "--check", str(path)], check=True, capture_output=True)
        meta = subprocess.run(["pdfinfo", "-meta", str(path)], check=True, capture_output=True, text=True).stdout
        assert "<pdfaid:part>2</pdfaid:part>" in meta
        assert "<pdfuaid:part>1</pdfuaid:part>" in meta


@poppler
def test_made_up_data_says_so_on_every_page_and_in_every_format(tmp_path: Path) -> None:
    made = {**load("one_outage"), "demonstration": True}
    for path in issued(made, tmp_path, "month", "sheet", langs=("zh",)).values():
        if path.suffix == ".pdf":
            text = subprocess.run(["pdftotext", str(path), "-"], check=True, capture_output=True, text=True).stdout
            assert all("演示数据" in squeezed(page) for page in text.strip("\f").split("\f"))
        elif path.suffix in (".docx", ".xlsx"):
            with zipfile.ZipFile(path) as parts:
                assert any("演示数据" in parts.read(part).decode(errors="replace") for part in parts.namelist())
        elif path.suffix == ".html":
            assert "演示数据" in path.read_text(encoding="utf-8")
        elif path.suffix == ".json":
            assert json.loads(path.read_text(encoding="utf-8"))["demonstration"] is True


@poppler
def test_the_english_edition_has_no_chinese_of_its_own(tmp_path: Path) -> None:
    made = without_han(office.evaluated(load("inconclusive"), tmp_path, forms(2)))
    for path in issued(made, tmp_path, *KINDS[:5], langs=("en",), formats=("pdf",)).values():
        assert re.findall("[㐀-鿿]", told(path)) == [], path.name


# What the documents say


@poppler
def test_the_annex_has_the_chapters_of_the_county_s_reports(pages: dict[str, Path]) -> None:
    text = told(pages["绩效自评附件-2021.pdf"])
    places = [
        text.index(squeezed(annex_words.HEADINGS[key].to("zh"))) for key in ("management", "completion", "benefit", "problems")
    ]
    assert places == sorted(places)
    for said in ("预算执行率100.00%", "收回11份", "没有答卷的乡镇:格萨拉彝族乡", "评价等级", "对中断不敏感", "占位"):
        assert said in text


@poppler
def test_a_year_without_data_gets_no_grade_and_no_hundred_percent(tmp_path: Path) -> None:
    made = office.evaluated(load("all_unknown"), tmp_path)
    assert (made["assessment"]["grade"], made["assessment"]["of_100"]) == (None, None)
    text = told(issued(made, tmp_path, "annex", langs=("zh",), formats=("pdf",))["绩效自评附件-2021-04.pdf"])
    assert "证据不足,不评定等级" in text
    assert "100.0000%" not in text
    assert "不能说正常,也不能说中断" in text


@poppler
def test_each_figure_table_carries_its_profile_and_formula(pages: dict[str, Path]) -> None:
    for name in ("金保网年度SLA报告-2021.pdf", "绩效自评附件-2021.pdf", "中断台账-2021.pdf"):
        assert "口径“default”:T=10秒,n=3,W=2秒。公式:下限=" in told(pages[name])


@poppler
def test_placeholder_values_of_contract_and_office_are_marked(tmp_path: Path) -> None:
    made = office.evaluated(load("inconclusive"), tmp_path)
    text = told(issued(made, tmp_path, "annex", "claim", langs=("zh",), formats=("pdf",))["绩效自评附件-2021-04.pdf"])
    for value in ("99.9%", "中国电信攀枝花分公司", "盐边县人力资源和社会保障局", "执行8400"):
        assert f"{value}〔占位〕" in text


@poppler
def test_a_fault_report_has_the_receipt_of_the_ledger_or_blanks_to_fill_in(tmp_path: Path) -> None:
    made = load("one_outage")
    outage = made["links"][1]["outages"][0]
    outage |= {"reported_at": "2021-04-10T09:10:00.000+08:00", "acked_at": "2021-04-10T09:20:00.000+08:00"}
    name = f"故障申告单-{outage['id']}.pdf"
    text = told(issued(made, tmp_path, "claim", langs=("zh",), formats=("pdf",), outages=(outage["id"],))[name])
    for said in (
        "GD2021041001",
        "2021-04-1009:10:00",
        "2021-04-1009:20:00",
        "运营商接入段故障",
        "2021-04-1509:00:00",
        "红格镇",
    ):
        assert said in text
    outage |= {"ticket": None, "reported_at": None, "acked_at": None}
    text = told(issued(made, tmp_path, "claim", langs=("zh",), formats=("pdf",))[name])
    assert text.count("(填写)") == 4


def test_without_an_outage_to_report_there_is_no_fault_report(tmp_path: Path) -> None:
    assert issued(load("quiet"), tmp_path, "claim", formats=("pdf",)) == {}
    with pytest.raises(BadInput, match="no outage of a link in this period"):
        issued(load("quiet"), tmp_path, "claim", outages=("X",))


@poppler
def test_the_digests_stand_on_the_page_that_is_signed(year: dict[str, Any], pages: dict[str, Path]) -> None:
    raw = subprocess.run(["pdftotext", str(pages["会签页-2021.pdf"]), "-"], check=True, capture_output=True, text=True).stdout
    first = squeezed(raw.split("\f")[0])
    assert year["manifest"]["hash"] in first
    assert "经办人" in first


def test_the_annex_without_the_office_s_word_says_which_option_lacks(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match="office: missing; the self-evaluation needs --office"):
        issued(load("quiet"), tmp_path, "annex")


# Word


def test_word_files_are_set_after_gb_t_9704(pages: dict[str, Path]) -> None:
    document = docx.Document(str(pages["绩效自评附件-2021.docx"]))
    section = document.sections[0]
    assert [round(length.mm) for length in (section.page_width, section.page_height)] == [210, 297]
    margins = (section.top_margin, section.bottom_margin, section.left_margin, section.right_margin)
    assert [round(length.mm) for length in margins] == [37, 35, 28, 26]
    normal = document.styles["Normal"]
    assert normal.font.size.pt == 16
    assert 'eastAsia="仿宋"' in normal.element.xml
    assert round(normal.paragraph_format.line_spacing.pt, 1) == 28.9
    assert "三（二）项目管理情况" in [
        paragraph.text for paragraph in document.paragraphs if paragraph.style.name == "Heading 1"
    ]


def test_word_pictures_tell_what_they_show(pages: dict[str, Path]) -> None:
    with zipfile.ZipFile(pages["绩效自评附件-2021.docx"]) as parts:
        xml = parts.read("word/document.xml").decode()
    assert len(re.findall(r'descr="[^"]{20,}"', xml)) == 3
    assert len(set(re.findall(r'<wp:docPr id="(\d+)"', xml))) == 3


def test_every_row_of_a_word_table_is_as_wide_as_its_head(pages: dict[str, Path]) -> None:
    document = docx.Document(str(pages["绩效自评附件-2021.docx"]))
    assert len(document.tables) > 8
    for table in document.tables:
        assert {len(row.cells) for row in table.rows} == {len(table.columns)}


# HTML, CSV


def test_the_html_stands_alone(pages: dict[str, Path]) -> None:
    text = pages["金保网年度SLA报告-2021.html"].read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)|url\((?!#)|@import|<script', text)
    assert text.count("<img ") == len(re.findall(r'<img [^>]*alt="[^"]{20,}"', text)) > 6


def test_names_are_never_markup(tmp_path: Path) -> None:
    made = load("quiet")
    made["links"][0]["name"] = "<script>alert(1)</script>{{ 7 * 7 }}&amp;"
    files = issued(made, tmp_path, "month", langs=("zh",), formats=("html", "docx"))
    html = files["金保网月度运行简报-2021-04.html"].read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}&amp;amp;" in html
    document = docx.Document(str(files["金保网月度运行简报-2021-04.docx"]))
    assert any(made["links"][0]["name"] in cell.text for table in document.tables for cell in table._cells)


def test_what_no_xml_can_hold_is_marked_in_word_as_in_print(tmp_path: Path) -> None:
    made = load("one_link")
    made["links"][0]["name"] = "红\u0001格\uffff镇"
    files = issued(made, tmp_path, "month", formats=("docx",), langs=("zh",))
    document = docx.Document(str(files["金保网月度运行简报-2021-04.docx"]))
    assert any("红〓格〓镇" in cell.text for table in document.tables for cell in table._cells)


def test_csv_gives_back_the_figures_and_no_formula(tmp_path: Path) -> None:
    made = load("forty_outages")
    made["links"][0]["name"] = "=cmd|' /C calc'!A0"
    files = issued(made, tmp_path, langs=("zh",), formats=("csv",))
    rows = list(csv.DictReader(io.StringIO(files["线路-2021-04.csv"].read_text(encoding="utf-8-sig"))))
    assert rows[0]["name"] == "'=cmd|' /C calc'!A0"
    for row, link in zip(rows, made["links"], strict=True):
        assert abs(Fraction(row["low"]) - Fraction(link["exact"]["low"])) < Fraction(1, 10**12)
        assert Fraction(row["counted"]) == link["seconds"]["counted"]
    slices = list(csv.DictReader(io.StringIO(files["中断-2021-04.csv"].read_text(encoding="utf-8-sig"))))
    assert len(slices) == sum(len(outage["slices"]) for link in made["links"] for outage in link["outages"])


def test_words_of_papers_are_all_used() -> None:
    assert set(paper_words.TITLES) == set(paper_words.FILES)
