"""The monthly document (月度运行简报): one Statement in, one PDF out. Nothing is computed here."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinbao_reports import words
from jinbao_reports.render import charts, figures, month_tables, month_text, month_words, pdf
from jinbao_reports.render.blocks import Block, figure, heading, items, note, signatures
from jinbao_reports.render.report import Report, read_report

_CHINESE_NUMBERS = "一二三四五六七八九十"


def statement_bytes(statement: Mapping[str, Any]) -> bytes:
    """The JSON file that belongs beside the document: its SHA-256 is the one the document prints."""
    return (json.dumps(statement, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()


def render_month(statement: Mapping[str, Any], out: Path, lang: str = "zh") -> Path:
    """Writes the PDF into the folder `out` (made if missing), whole or not at all, and returns its path.

    Raises StatementError when a figure is missing or not what judgement R7 says, RenderError when the page cannot be set,
    ValueError for a language other than zh and en. The same statement gives the same bytes.
    """
    if lang not in words.LANGUAGES:
        raise ValueError(f"lang: {lang!r}: expected one of {', '.join(words.LANGUAGES)}")
    report = read_report(statement)
    digest = hashlib.sha256(statement_bytes(statement)).hexdigest()
    pictures = _pictures(report, lang)
    made = pdf.make_pdf(_document(report, digest, list(pictures), lang), pictures, report.period.end)
    out.mkdir(parents=True, exist_ok=True)
    return _write_whole(out / _file_name(report, lang), made)


def _file_name(report: Report, lang: str) -> str:
    name = re.sub(r"[^0-9A-Za-z+-]+", "_", report.name)  # FROM/TO holds characters no file name may
    return month_words.TITLE["file"].to(lang, name=name)


def _write_whole(path: Path, content: bytes) -> Path:
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".month-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return path


def _pictures(report: Report, lang: str) -> dict[str, bytes]:
    """SVG files by name, so many links to a page."""
    count = len(report.links)
    lanes = -(-count // max(1, -(-count // charts.LANES_A_PAGE)))  # as even as can be: 13 links are 7 and 6, not 12 and 1
    pages = [report.links[at : at + lanes] for at in range(0, count, max(1, lanes))]
    drawn = {f"timeline-{number}.svg": charts.timeline(report, links, lang) for number, links in enumerate(pages)}
    return drawn | {f"minutes-{number}.svg": charts.minutes(links, lang) for number, links in enumerate(pages)}


def _document(report: Report, digest: str, pictures: list[str], lang: str) -> dict[str, Any]:
    name, when = month_text.title(report, lang)
    return {
        "lang": lang,
        "title": f"{name} {when}",
        "author": report.contract.customer,
        "description": month_words.TITLE["description"].to(lang),
        "running_head": "　".join(filter(None, (report.contract.title, name, when))),
        "over_title": report.contract.title,
        "title_line": name,
        "under_title": when,
        "unbroken": month_words.PLACEHOLDER["tag"].to(lang),
        "blocks": [*month_text.head(report, lang), *_sections(report, digest, pictures, lang)],
    }


def _sections(report: Report, digest: str, pictures: list[str], lang: str) -> list[Block]:
    """The chapters that have something to say, numbered in order."""
    chapters: list[tuple[str, list[Block]]] = [
        ("conclusion", [*month_text.conclusion(report, lang), *month_tables.causes(report, lang)]),
        ("summary", month_tables.summary(report, lang)),
        ("charts", _charts(pictures, lang)),
        ("outages", _outages(report, lang)),
        ("events", _with_note("events", month_tables.events(report, lang), lang)),
        ("service", _with_note("service", month_tables.outages(report, "service", lang), lang)),
        ("quality", _quality(report, lang)),
        ("exclusions", [month_tables.exclusions(report, lang) or note(month_words.NOTES["exclusions"].to(lang))]),
        ("clauses", [*_with_note("clauses", month_tables.clauses(report, lang), lang), *_credits(report, lang)]),
        ("method", month_text.method(report, lang)),
        ("integrity", month_tables.integrity(report, lang)),
        ("limits", month_text.limits(lang)),
        ("inputs", month_tables.inputs(report, lang)),
        ("signatures", _signed(report, digest, lang)),
    ]
    spoken = [(key, blocks) for key, blocks in chapters if blocks]
    return [
        block
        for number, (key, blocks) in enumerate(spoken, 1)
        for block in [heading(_numbered(number, month_words.HEADINGS[key].to(lang), lang)), *blocks]
    ]


def _numbered(number: int, text: str, lang: str) -> str:
    if lang != "zh":
        return f"{number}. {text}"
    ten, one = divmod(number, 10)
    numeral = ("十" if ten else "") + (_CHINESE_NUMBERS[one - 1] if one else "")
    return f"{numeral}、{text}"


def _with_note(key: str, block: Block | None, lang: str) -> list[Block]:
    return [note(month_words.NOTES[key].to(lang), leads=True), block] if block else []


def _charts(pictures: list[str], lang: str) -> list[Block]:
    say = month_words.CHARTS
    drawn = [
        figure(name, say[kind].to(lang), say[f"{kind}_alt"].to(lang)) for name in pictures for kind in [name.partition("-")[0]]
    ]
    return [note(say["narrow"].to(lang), leads=True), *drawn]


def _outages(report: Report, lang: str) -> list[Block]:
    listed = month_tables.outages(report, "link", lang)
    if listed:
        return [listed]
    unmeasured = report.group.low is None
    return [note(month_words.NOTES["no_outages_unmeasured" if unmeasured else "no_outages"].to(lang))]


def _quality(report: Report, lang: str) -> list[Block]:
    lead = note(month_words.NOTES["quality"].to(lang), leads=True)
    return [lead, month_tables.time_parts(report, lang), month_tables.quality(report, lang)]


def _credits(report: Report, lang: str) -> list[Block]:
    if report.credits is None or report.credits == (None, None):
        return []
    high, low = (figures.NO_DATA.to(lang) if amount is None else figures.plain(amount) for amount in report.credits)
    return [items([month_words.NOTES["credits"].to(lang, high=high, low=low)])]


def _signed(report: Report, digest: str, lang: str) -> list[Block]:
    """The lines to sign, on one page with the digests that the signatures fix."""
    say = month_words.NOTES
    anchored = say["no_manifest"].to(lang)
    if report.manifest is not None:
        day, hash_ = report.manifest
        anchored = say["manifest"].to(lang, day=day, hash=hash_)
    statement = say["statement"].to(lang, digest=digest, version=report.version)
    return [note(statement, leads=True), note(anchored, leads=True), _signatures(report, lang)]


def _signatures(report: Report, lang: str) -> Block:
    say = month_words.SIGNATURES
    return signatures(
        [(say["customer"].to(lang), report.contract.customer), (say["carrier"].to(lang), report.contract.carrier)],
        {key: say[key].to(lang) for key in ("person", "date", "blank_date", "opinion", "colon")},
    )
