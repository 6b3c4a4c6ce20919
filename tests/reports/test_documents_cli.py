"""`jinbao-report documents` and `template` as a person meets them, over a county that is really judged."""

import json
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import docx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from drawn_statements import office, told

from county import FIRST, County
from jinbao_reports.cli import main
from jinbao_reports.render.fonts import register_with_matplotlib

poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (Debian package poppler-utils)")
SECOND = "510422102"
OFFICE = (
    "--office",
    str(office.CONFIG / "office.example.toml"),
    "--indicators",
    str(office.CONFIG / "indicators.example.toml"),
)
NAMES = f"乡镇,speed,faults,repair\n{FIRST},很满意,满意,一般\n{SECOND},5,4,\n"


@pytest.fixture
def county(tmp_path: Path) -> County:
    """A year of two links as intervals: one outage of the carrier's, a power cut nobody proved, a month of silence."""
    register_with_matplotlib()
    made = County(tmp_path, links=(FIRST, SECOND), contract="")
    made.interval("2021-01-01 00:00", "2021-04-10 09:00", "up").interval(
        "2021-04-10 09:00", "2021-04-10 10:00", "down", cause="CARRIER_CORE"
    )
    made.interval("2021-04-10 10:00", "2021-12-31 23:30", "up").interval(
        "2021-12-31 23:30", "2022-01-01 00:00", "down", cause="POWER_SUSPECTED"
    )
    made.interval("2021-01-01 00:00", "2021-07-01 00:00", "up", link=SECOND).interval(
        "2021-08-01 00:00", "2022-01-01 00:00", "up", link=SECOND
    )
    return made


def run(capsys: pytest.CaptureFixture[str], *asked: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(asked))
    said = capsys.readouterr()
    return code, said.out, said.err


def files(out: str) -> dict[str, Path]:
    return {Path(item["path"]).name: Path(item["path"]) for item in json.loads(out)["files"]}


@poppler
def test_a_year_is_judged_evaluated_and_written(county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forms = tmp_path / "答卷.csv"
    forms.write_bytes(NAMES.encode("gb18030"))
    asked = [
        "documents",
        "set",
        *county.write(),
        "--period",
        "2021",
        *OFFICE,
        "--census",
        str(forms),
        "--out",
        str(tmp_path / "out"),
    ]
    code, out, _ = run(capsys, *asked, "--formats", "pdf,json", "--json")
    written = files(out)
    assert code == 0
    assert sorted(written) == sorted(
        [
            *(f"{name}-2021.pdf" for name in ("金保网年度SLA报告", "绩效自评附件", "中断台账", "会签页", "验证说明")),
            "考核数据-2021.json",
        ]
    )
    made = json.loads(written["考核数据-2021.json"].read_text(encoding="utf-8"))
    first, second = made["links"]
    assert [month["seconds"]["counted"] for month in first["months"]] == [0, 0, 0, 3600, *[0] * 8]
    assert [month["verdict"] for month in second["months"]] == [*["pass"] * 6, "no_data", *["pass"] * 5]
    assert [day["day"] for day in first["days"]] == ["2021-04-10", "2021-12-31"]
    assert sum(day["counted"] for day in first["days"]) == first["seconds"]["counted"]
    census = next(row for row in made["indicators"] if row["measure"] == "satisfaction")
    assert Fraction(census["exact"]["actual"]) == Fraction(4, 5)
    assert Fraction(census["exact"]["score"]) == 10 * Fraction(4, 5) / Fraction(9, 10)
    assert {"office", "census"} <= set(made["inputs"])
    assert "由外部记录导入" in told(written["绩效自评附件-2021.pdf"])  # intervals: nobody probed each 10 s
    assert "发放12份,收回2份,满意率80.00%" in told(written["绩效自评附件-2021.pdf"])


@poppler
def test_documents_of_a_frozen_report_are_those_of_its_figures(
    county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "compute", *county.write(), "--period", "2021-04", "--json")
    report = tmp_path / "report.json"
    report.write_text(json.dumps({**json.loads(out), "issue": {"number": 7, "amends": 3}}), encoding="utf-8")
    code, out, _ = run(
        capsys, "documents", "month", "--report", str(report), "--out", str(tmp_path), "--formats", "pdf", "--json"
    )
    assert code == 1  # April is bad news
    assert "第7号,修正并取代第3号" in told(files(out)["金保网月度运行简报-2021-04.pdf"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["month", "--period", "2021"], "--period 2021: is a year, no month"),
        (["annex", "--period", "2021"], "the annex needs --office office.toml and --indicators indicators.toml"),
        (["reconciliation", "--period", "2021-04"], "a reconciliation needs the carrier's list"),
        (["form", "--period", "2021-04"], "a questionnaire needs --office FILE"),
        (["claim", "--period", "2021-04", "--outage", "X"], "--outage X: no outage of a link in this period"),
        (["month", "--period", "2021-04", "--census", "x.csv"], "--census needs --office"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_reason(
    asked: list[str], said: str, county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "documents", asked[0], *county.write(), *asked[1:], "--out", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_without_inputs_and_without_a_report_it_says_what_is_expected(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "documents", "month")
    assert code == 2
    assert "expected --report FILE, or --store, --samples or --intervals with --links, --contract, --period" in err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (f"link,speed,faults\n{FIRST},5,5\n", "row 1: missing ['repair']"),
        (f"link,speed,faults,repair,mood\n{FIRST},5,5,5,5\n", "unknown ['mood']"),
        ("link,speed,faults,repair\n火星镇,5,5,5\n", "row 2: link '火星镇': expected a code or name of links.toml"),
        (f"link,speed,faults,repair\n{FIRST},5,6,5\n", "row 2: faults '6': expected one of"),
        (f"link,speed,faults,repair\n{FIRST},5,5,5\n{FIRST},4,4,4\n", "row 3: 510422101 (no clerk named) answered twice"),
        (f"link,speed,faults,repair\n{FIRST},,,\n", "row 2: no question is answered"),
        (
            "link,clerk,speed,faults,repair\n" + "".join(f"{FIRST},{clerk},5,5,5\n" for clerk in range(13)),
            "13 forms came back of 12 handed out",
        ),
    ],
)
def test_a_census_with_a_wrong_row_is_refused_whole(
    rows: str, said: str, county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "census.csv"
    file.write_text(rows, encoding="utf-8")
    code, _, err = run(capsys, "documents", "annex", *county.write(), "--period", "2021", *OFFICE, "--census", str(file))
    assert code == 2
    assert said in err


def test_a_census_that_is_a_torn_workbook_is_refused(
    county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "census.xlsx"
    file.write_bytes(b"PK\x03\x04 and no more")
    code, _, err = run(capsys, "documents", "annex", *county.write(), "--period", "2021", *OFFICE, "--census", str(file))
    assert code == 2
    assert f"{file}: is no workbook of Excel that can be read" in err


def test_a_template_is_written_checked_and_used(county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = tmp_path / "模板.docx"
    assert run(capsys, "template", "new", str(template))[0] == 0
    assert run(capsys, "template", "check", str(template)) == (0, "模板可用：所有字段都存在\n", "")
    assert run(capsys, "template", "new", str(template))[0] == 2  # what the office has edited is never overwritten
    edited = docx.Document(str(template))
    edited.add_paragraph("平均不低于{{ value.mean_low }}。")
    edited.add_paragraph("{{p chapter.outages }}")
    edited.save(str(template))
    asked = [
        "documents",
        "month",
        *county.write(),
        "--period",
        "2021-04",
        "--formats",
        "docx",
        "--out",
        str(tmp_path),
        "--json",
    ]
    code, out, _ = run(capsys, *asked, "--template", str(template))
    assert code == 1  # April is bad news
    texts = [paragraph.text for paragraph in docx.Document(str(files(out)["金保网月度运行简报-2021-04.docx"])).paragraphs]
    assert "平均不低于99.9305%。" in texts
    assert texts.count("四、线路中断明细") == 2


def test_a_template_that_asks_for_what_does_not_exist_is_named_field_by_field(
    county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "模板.docx"
    run(capsys, "template", "new", str(template))
    edited = docx.Document(str(template))
    edited.add_paragraph("{{ value.weather }} {{ titel }} {% for row in rows %}{{ row }}{% endfor %}")
    split = edited.add_paragraph("{{ chap")  # as WPS does
    split.add_run("ter.sunshine }}")
    edited.save(str(template))
    code, out, _ = run(capsys, "template", "check", str(template), "--json")
    assert code == 2
    assert json.loads(out)["unknown"] == ["value.weather", "titel", "rows", "chapter.sunshine"]
    asked = ["documents", "month", *county.write(), "--period", "2021-04", "--formats", "docx", "--out", str(tmp_path / "out")]
    code, _, err = run(capsys, *asked, "--template", str(template))
    assert code == 2
    assert "unknown fields: value.weather, titel, rows, chapter.sunshine" in err


def test_a_file_that_is_no_word_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "模板.docx"
    file.write_text("not Word", encoding="utf-8")
    code, _, err = run(capsys, "template", "check", str(file))
    assert code == 2
    assert "is no Word file" in err


def test_every_field_that_is_listed_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "template", "fields")
    document = docx.Document()
    for field in out.splitlines():
        document.add_paragraph(field)
    document.save(str(tmp_path / "all.docx"))
    assert len(out.splitlines()) > 60
    assert run(capsys, "template", "check", str(tmp_path / "all.docx"))[0] == 0
