"""The monthly document, made for real and read back with poppler: what a clerk, a carrier and an auditor would see."""

import copy
import hashlib
import importlib.util
import json
import os
import re
import shutil
import string
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from jinbao_reports import words
from jinbao_reports.render import (
    annex_words,
    blocks,
    chart_words,
    charts,
    figures,
    fonts,
    month_words,
    paper_words,
    sheet_words,
    workbook_words,
)
from jinbao_reports.render.month import render_month, statement_bytes
from jinbao_reports.render.node import StatementError
from jinbao_reports.render.reading import read_report
from jinbao_reports.render.report import CLASSED
from jinbao_reports.render.time_axis import ticks
from jinbao_reports.table import CAUSES

HERE = Path(__file__).parent / "statements"
NAMES = sorted(file.stem for file in HERE.glob("*.json"))
# Fewest and most pages: a month without trouble stays short, forty outages stay readable.
PAGES = {"forty_outages": (8, 12), "long_names": (5, 9)}
poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (Debian package poppler-utils)")


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def told(page: Path) -> str:
    """The document's text without blanks and line ends, so that a name broken over two lines is still one name."""
    text = subprocess.run(["pdftotext", "-raw", str(page), "-"], check=True, capture_output=True, text=True).stdout
    return squeezed(text)


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def info(page: Path, *more: str) -> str:
    return subprocess.run(["pdfinfo", *more, str(page)], check=True, capture_output=True, text=True).stdout


def every_text() -> Iterator[tuple[str, words.Text]]:
    tables = {name: value for name, value in vars(words).items() if name.isupper() and isinstance(value, dict)}
    modules = (annex_words, chart_words, month_words, paper_words, sheet_words, workbook_words)
    of_pages = ((f"{module.__name__}[{place}]", table) for module in modules for place, table in enumerate(module.CATALOGUES))
    listed = [*tables.items(), *of_pages]
    for name, table in listed:
        yield from ((f"{name}.{code}", text) for code, text in table.items() if isinstance(text, words.Text))
    yield from ((name, value) for name, value in vars(words).items() if isinstance(value, words.Text))
    yield from ((name, value) for name, value in vars(figures).items() if isinstance(value, words.Text))


def has_han(text: str) -> bool:
    return any("CJK" in unicodedata.name(char, "") for char in text)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Every statement in both languages, made once."""
    return {
        (name, lang): render_month(load(name), tmp_path_factory.mktemp(name), lang)
        for name in NAMES
        for lang in words.LANGUAGES
    }


# What a reader finds


@poppler
@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_text_gives_back_every_link_and_its_verdict(name: str, lang: str, pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages[name, lang])
    for link in load(name)["links"]:
        assert squeezed(fonts.drawable(link["name"])) in text
        assert squeezed(words.verdict(link["verdict"], lang)) in text


@poppler
@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_pages_stays_in_bounds(name: str, lang: str, pages: dict[tuple[str, str], Path]) -> None:
    fewest, most = PAGES.get(name, (3, 7))
    assert fewest <= int(re.search(r"Pages:\s+(\d+)", info(pages[name, lang]))[1]) <= most


@poppler
@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_no_data_is_never_a_hundred_percent_nor_an_absence_of_faults(lang: str, pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["all_unknown", lang])
    assert "100.0000%" not in text
    assert "0次" not in text
    assert squeezed(figures.NO_DATA.to(lang)) in text
    assert squeezed(month_words.NOTES["no_outages_unmeasured"].to(lang)) in text
    assert squeezed(month_words.NOTES["no_outages"].to(lang)) not in text


@poppler
def test_one_second_too_much_never_reads_as_the_target(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["fail", "zh"])
    assert "99.8999%" in text
    assert "99.9000%" not in text
    assert "×未达标" in text


@poppler
def test_exactly_the_target_is_met(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["one_link", "zh"])
    assert "99.9000%" in text
    assert "●达标" in text
    assert "×未达标" not in text


@poppler
def test_what_is_not_established_says_which_evidence_would_settle_it(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["inconclusive", "zh"])
    for remedy, name in (("POWER_SUSPECTED", "桐子林镇"), ("UNATTRIBUTED", "永兴镇"), ("unknown", "渔门镇、永兴镇、新九镇")):
        assert f"{name}:{squeezed(month_words.REMEDIES[remedy].to('zh'))}" in text


@poppler
@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_placeholder_values_are_marked_where_they_are_used(lang: str, pages: dict[tuple[str, str], Path]) -> None:
    tag = squeezed(month_words.PLACEHOLDER["tag"].to(lang))
    text = told(pages["inconclusive", lang])
    assert squeezed(month_words.PLACEHOLDER["warning"].to(lang, keys="")[:20]) in text
    for value in ("盐边县社会保险事务中心", "中国电信攀枝花分公司", "盐边县乡镇金保网网络运行维护合同", "99.9%"):
        assert f"{value}{tag}" in text
    assert tag not in told(pages["forty_outages", lang])


@poppler
def test_an_outage_shows_its_instants_cause_party_class_and_evidence(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["one_outage", "zh"])
    for said in (
        "04-1009:00:00–04-1009:30:00",
        "0:30:00",
        "运营商接入段故障",
        "计入考核",
        "判定表第11行",
        "县侧:断光猫",
        "工单GD2021041001",
    ):
        assert said in text


@poppler
def test_a_refused_exclusion_says_why(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["forty_outages", "zh"])
    assert "通知时间不足" in text
    assert "审批人与录入人相同" in text
    assert "未经审批" in text


@poppler
@pytest.mark.parametrize(("lang", "whose"), [("zh", "全部线路"), ("en", "All links")])
def test_what_concerns_every_link_says_so(lang: str, whose: str, tmp_path: Path) -> None:
    made = load("quiet")
    made["integrity"] = [{"kind": "calendar_open", "link": "*", "target": "", "at": made["period"]["from"]}]
    text = told(render_month(made, tmp_path, lang))
    assert squeezed(words.INTEGRITY["calendar_open"].to(lang) + whose) in text


@poppler
def test_an_outage_across_the_edge_and_one_not_restored_say_so(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["forty_outages", "zh"])
    assert "03-3123:30:00" in text
    assert "跨期,全长0:45:00" in text
    assert "未恢复" in text


@poppler
def test_the_english_edition_has_no_chinese_of_its_own(tmp_path: Path) -> None:
    """With the county's own names spelled in Latin letters not one Chinese character is left."""
    for name in ("forty_outages", "inconclusive", "all_unknown"):
        plain = json.loads(re.sub(r"[㐀-鿿]+", "X", json.dumps(load(name), ensure_ascii=False)))
        text = told(render_month(plain, tmp_path / name, "en"))
        assert [char for char in text if has_han(char)] == []


@poppler
def test_characters_no_font_has_become_a_visible_mark(pages: dict[tuple[str, str], Path]) -> None:
    text = told(pages["long_names", "zh"])
    assert "〓〓〓乡" in text  # two Yi characters and an emoji
    assert "堽城镇㙍" in text  # rare, and ours
    assert "#*_`$@<>{}[]\\" in text  # nothing of it is markup


@poppler
def test_the_sheet_prints_the_digest_of_the_json_beside_it(pages: dict[tuple[str, str], Path]) -> None:
    assert hashlib.sha256(statement_bytes(load("quiet"))).hexdigest() in told(pages["quiet", "zh"])
    assert json.loads(statement_bytes(load("quiet"))) == load("quiet")


@poppler
@pytest.mark.parametrize("name", NAMES)
def test_the_digest_stands_on_the_page_that_is_signed(name: str, pages: dict[tuple[str, str], Path]) -> None:
    raw = subprocess.run(["pdftotext", str(pages[name, "zh"]), "-"], check=True, capture_output=True, text=True).stdout
    signed = squeezed(raw.strip("\f").split("\f")[-1])
    assert hashlib.sha256(statement_bytes(load(name))).hexdigest() in signed
    assert "经办人" in signed


@poppler
def test_the_manifest_hash_is_printed_or_its_absence_is(pages: dict[tuple[str, str], Path]) -> None:
    assert load("quiet")["manifest"]["hash"] in told(pages["quiet", "zh"])
    assert "未经平台以外固定" in told(pages["fail", "zh"])


def test_the_file_is_named_after_the_period(pages: dict[tuple[str, str], Path]) -> None:
    assert pages["fail", "zh"].name == "金保网月度运行简报-2021-04.pdf"
    assert pages["fail", "en"].name == "jinbao-monthly-2021-04.pdf"
    assert re.fullmatch(r"[A-Za-z0-9_+.-]+", pages["three_minutes", "en"].name)


# The file itself


@poppler
@pytest.mark.parametrize("name", NAMES)
def test_the_pdf_declares_archive_and_accessibility_and_embeds_its_fonts(name: str, pages: dict[tuple[str, str], Path]) -> None:
    page = pages[name, "zh"]
    told_of_itself = info(page)
    assert re.search(r"Tagged:\s+yes", told_of_itself)
    assert re.search(r"Page size:\s+595\.\d+ x 841\.\d+ pts \(A4\)", told_of_itself)
    meta = info(page, "-meta")
    assert "<pdfaid:part>2</pdfaid:part>" in meta
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in meta
    assert "<pdfuaid:part>1</pdfuaid:part>" in meta
    listed = subprocess.run(["pdffonts", str(page)], check=True, capture_output=True, text=True).stdout.splitlines()[2:]
    assert listed
    assert all(re.search(r"Noto(Sans|Serif)SC", line) and re.search(r"\byes +yes +yes\b", line) for line in listed)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_statement_gives_the_same_bytes(name: str, tmp_path: Path, pages: dict[tuple[str, str], Path]) -> None:
    for lang in words.LANGUAGES:
        assert render_month(load(name), tmp_path, lang).read_bytes() == pages[name, lang].read_bytes()


def test_another_process_clock_zone_and_language_give_the_same_bytes(
    tmp_path: Path, pages: dict[tuple[str, str], Path]
) -> None:
    program = (
        "import json, pathlib, sys\n"
        "from jinbao_reports.render.month import render_month\n"
        "render_month(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')), pathlib.Path(sys.argv[2]), 'zh')\n"
    )
    surroundings = os.environ | {"TZ": "America/St_Johns", "LANG": "C", "PYTHONHASHSEED": "7", "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, "-c", program, HERE / "forty_outages.json", tmp_path], check=True, env=surroundings)
    assert next(tmp_path.iterdir()).read_bytes() == pages["forty_outages", "zh"].read_bytes()


# When it cannot be made


def places(made: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every key of a statement: (its path, the object that holds it, the key)."""
    for key in made if isinstance(made, dict) else range(len(made)) if isinstance(made, list) else ():
        inner = f"{path}.{key}" if isinstance(made, dict) and path else f"{path}[{key}]" if isinstance(made, list) else str(key)
        if isinstance(made, dict):
            yield inner, made, key
        yield from places(made[key], inner)


def reading(made: dict[str, Any]) -> Any:
    """The report, or where the statement is wrong and how."""
    try:
        return read_report(made)
    except StatementError as error:
        return f"{error.path}: {error.problem.partition(';')[0]}"


def test_a_missing_figure_is_named_and_never_made_up() -> None:
    """Each key of a full statement is left out in turn: either the page has no use for it, or the error names it."""
    whole = load("forty_outages")
    whole["links"] = [whole["links"][11]]
    report, named = read_report(whole), 0
    for path, holder, key in list(places(whole)):
        if path.startswith("inputs."):
            continue  # names of files, not figures
        kept = holder.pop(key)
        read = reading(whole)
        assert read in (report, f"{path}: missing"), path
        named += read != report
        holder[key] = kept
    assert named > 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.pop("links"), "statement: links: missing; expected a list"),
        (
            lambda made: made["links"][0]["seconds"].pop("counted"),
            "statement: links[0].seconds.counted: missing; expected a number",
        ),
        (
            lambda made: made.update(schema="jinbao.statement/2"),
            "statement: schema: 'jinbao.statement/2': expected 'jinbao.statement/1'",
        ),
        (
            lambda made: made["links"][1].update(verdict="good"),
            "statement: links[1].verdict: 'good': expected one of pass, fail, inconclusive, no_data",
        ),
        (lambda made: made["links"][0].update(coverage="much"), "statement: links[0].coverage: 'much': expected a number"),
        (
            lambda made: made["period"].update({"from": "2021-04-01T00:00:00"}),
            "statement: period.from: '2021-04-01T00:00:00': expected an instant such as 2021-04-10T09:00:00+08:00",
        ),
        (lambda made: made["links"][2].update(outages=None), "statement: links[2].outages: None: expected a list"),
        (lambda made: made["links"][0]["metrics"].update(n="3"), "statement: links[0].metrics.n: '3': expected a whole number"),
        (
            lambda made: made["links"][0]["outages"][0]["slices"][0].update({"class": "guilty"}),
            "statement: links[0].outages[0].slices[0].class: 'guilty': expected one of "
            "counted, excluded, not_carrier, disputed, unclaimed",
        ),
    ],
)
def test_a_wrong_statement_says_where_and_leaves_no_file(change: Any, message: str, tmp_path: Path) -> None:
    made = copy.deepcopy(load("fail"))
    made["links"].insert(0, made["links"].pop(1))
    change(made)
    with pytest.raises(StatementError) as caught:
        render_month(made, tmp_path / "out", "zh")
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "金保网月度运行简报-2021-04.pdf" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="简报-2021-04"):
        render_month(load("fail"), tmp_path, "zh")
    assert [item.name for item in tmp_path.iterdir()] == ["金保网月度运行简报-2021-04.pdf"]


def test_a_language_we_do_not_speak_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lang: 'fr': expected one of zh, en"):
        render_month(load("fail"), tmp_path, "fr")


# Words and figures


@pytest.mark.parametrize(("where", "text"), list(every_text()), ids=[where for where, _ in every_text()])
def test_each_text_is_complete_in_both_languages(where: str, text: words.Text) -> None:
    fields = [{name for _, name, _, _ in string.Formatter().parse(said) if name is not None} for said in (text.zh, text.en)]
    assert fields[0] == fields[1]
    assert text.zh
    assert text.en
    assert not has_han(text.en)
    assert has_han(text.zh) or not re.search("[a-z]{2}", re.sub(r"\{.*?\}", "", text.zh))
    assert fonts.drawable(text.zh + text.en) == text.zh + text.en


def test_every_cause_party_and_class_the_judgement_speaks_has_a_word() -> None:
    assert set(words.CAUSES) >= CAUSES
    assert list(words.PARTIES) == ["carrier", "centre", "township", "grid", "app_owner", "unknown"]  # judgement R9
    assert tuple(words.CLASSES) == CLASSED  # judgement R5.2


def test_an_unknown_code_is_shown_and_an_unknown_verdict_is_not() -> None:
    assert words.word(words.CAUSES, "SOLAR_FLARE", "zh") == "SOLAR_FLARE"
    with pytest.raises(KeyError):
        words.verdict("splendid", "zh")


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("lost", "无应答"),
        ("unreachable:3:1:10.0.0.1", "不可达（类型3代码1，10.0.0.1告知）"),
        ("unreachable:1:4:2001:db8::1", "不可达（类型1代码4，2001:db8::1告知）"),
        ("not_sent:clock", "未发出（clock）"),
        ("weather", "weather"),
    ],
)
def test_outcome_tokens_in_words(token: str, said: str) -> None:
    assert words.outcome(token, "zh") == said


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (None, "无数据"),
        (Fraction(1), "100.0000%"),
        (Fraction("0.999999999999"), "99.9999%"),
        (1 - Fraction(2592, 2592000), "99.9000%"),
        (1 - Fraction(2593, 2592000), "99.8999%"),
        (Fraction(0), "0.0000%"),
    ],
)
def test_a_share_is_cut_never_rounded_up(ratio: Fraction | None, shown: str) -> None:
    assert figures.percent(ratio, "zh") == shown


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        ("0", "0:00:00", "0秒"),
        ("0.25", "<0:00:01", "不足1秒"),
        ("59.999", "0:00:59", "59秒"),
        ("3980", "1:06:20", "1小时06分20秒"),
        ("2592000", "720:00:00", "720小时00分00秒"),
    ],
)
def test_durations_are_cut_to_the_second(seconds: str, short: str, long: str) -> None:
    assert figures.duration(Fraction(seconds)) == short
    assert figures.duration_words(Fraction(seconds), "zh") == long


def test_a_table_wider_than_the_page_is_refused() -> None:
    with pytest.raises(ValueError, match="the page holds 156 mm"):
        blocks.table([blocks.Column("a", 100), blocks.Column("b", 57)], [])


# Charts


@pytest.mark.parametrize(
    ("start", "length", "first", "labels"),
    [
        ("2021-04-01T00:00:00+08:00", timedelta(days=30), "04-01", 15),
        ("2026-11-22T17:04:30+08:00", timedelta(minutes=3), "17:04:30", 6),
        ("2026-11-22T17:04:31+08:00", timedelta(minutes=3), "17:05:00", 6),
        ("2021-01-01T00:00:00+08:00", timedelta(days=365), "01-01", 13),
        ("2021-04-10T00:00:00+08:00", timedelta(days=1), "00:00", 8),
        ("2021-04-10T12:00:00+08:00", timedelta(days=20), "04-11", 10),
    ],
)
def test_the_axis_has_round_local_instants(start: str, length: timedelta, first: str, labels: int) -> None:
    begin = datetime.fromisoformat(start)
    marks = ticks(begin, begin + length)
    assert (marks[0][1], len(marks)) == (first, labels)
    assert all(0 <= place < length.total_seconds() for place, _ in marks)


def test_time_without_data_is_hatched_and_time_with_data_is_not() -> None:
    unknown, quiet = read_report(load("all_unknown")), read_report(load("quiet"))
    hatched = charts.timeline(unknown, unknown.links, "zh").svg.count(b"url(#h")
    assert hatched - charts.timeline(quiet, quiet.links, "zh").svg.count(b"url(#h") == len(unknown.links)


def test_kinds_and_classes_are_told_apart_without_colour() -> None:
    assert len({look.marker for look in charts.KINDS.values()}) == len(charts.KINDS) == len(month_words.KINDS)
    assert len({look.hatch for look in charts.CLASSES.values()}) == len(charts.CLASSES)


def test_every_cause_is_drawn_as_a_kind_and_only_open_ones_as_open() -> None:
    drawn = {cause: charts.kind(cause) for cause in words.CAUSES}
    assert {cause for cause, kind in drawn.items() if kind == "open"} == {"PATH_OR_POLICY", "UNATTRIBUTED", "DEGRADED"}


def test_a_long_name_is_cut_to_the_margin_of_the_chart() -> None:
    assert charts.short("红宝苗族彝族乡") == "红宝苗族彝族乡"
    assert charts.short("积石山保安族东乡族撒拉族自治县").endswith("…")


@poppler
def test_thirteen_links_are_spread_evenly_over_two_pages_of_charts(tmp_path: Path) -> None:
    made = load("quiet")
    made["links"].append(made["links"][0] | {"link": "510422999", "name": "第十三乡"})
    made["group"]["links"] = 13
    text = told(render_month(made, tmp_path, "zh"))
    assert text.count("图1") == text.count("图2") == 2


def test_the_statements_here_are_what_their_maker_makes() -> None:
    spec = importlib.util.spec_from_file_location("make", HERE / "make.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert sorted(maker.STATEMENTS) == NAMES
    for name, make in maker.STATEMENTS.items():
        assert (HERE / f"{name}.json").read_text(encoding="utf-8") == maker.written(make())


def test_only_a_page_loads_matplotlib_and_typst() -> None:
    program = "import sys, jinbao_reports.commands; sys.exit(bool({'matplotlib', 'typst'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], check=True)
