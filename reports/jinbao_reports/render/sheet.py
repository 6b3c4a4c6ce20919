"""The reports of a month (月度运行简报), a quarter (季度运行报告), a year (年度SLA报告). Nothing is computed here."""

from collections.abc import Sequence

from jinbao_reports.render import (
    chart_words,
    charts,
    figures,
    month_tables,
    month_text,
    month_words,
    record_tables,
    sheet_words,
)
from jinbao_reports.render.blocks import Block, figure, items, note, signatures
from jinbao_reports.render.charts import Picture
from jinbao_reports.render.document import DEMONSTRATION, Chapter, Document, stem_of
from jinbao_reports.render.months_table import months
from jinbao_reports.render.report import Link, Report
from jinbao_reports.render.values import values_of

KINDS = ("month", "quarter", "year")
LISTED = 60
"""Outages that a report of a quarter or a year lists; a ledger holds more."""
_DRAWN = {
    "month": ("timeline", "minutes"),
    "quarter": ("calendar", "timeline", "minutes", "burn", "causes", "bands", "coverage"),
    "year": ("calendar", "timeline", "minutes", "burn", "causes", "bands", "coverage"),
}


def build(report: Report, digest: str, kind: str, lang: str) -> Document:
    """`digest`: the SHA-256 of the statement's JSON; `kind`: month, quarter or year."""
    name, when = month_text.title(report, lang, kind)
    pictures = draw(report, _DRAWN[kind], lang)
    return Document(
        lang=lang,
        stem=sheet_words.FILES[kind].to(lang, name=stem_of(report.name)),
        title=f"{name} {when}",
        author=report.contract.customer,
        description=month_words.TITLE["description"].to(lang),
        running_head="　".join(filter(None, (report.contract.title, name, when))),
        over_title=report.contract.title,
        title_line=name,
        under_title=when,
        at=report.period.end,
        opening=tuple(month_text.head(report, lang)),
        chapters=_chapters(report, digest, kind, pictures, lang),
        pictures=pictures,
        values=values_of(report, digest, lang),
        mark=DEMONSTRATION.to(lang) if report.demonstration else "",
        unbroken=month_words.PLACEHOLDER["tag"].to(lang),
    )


def _chapters(report: Report, digest: str, kind: str, pictures: dict[str, Picture], lang: str) -> tuple[Chapter, ...]:
    """In the order of reading; those with nothing to say are left out when the document is set."""
    told: tuple[tuple[str, Sequence[Block]], ...] = (
        ("conclusion", [*month_text.conclusion(report, lang), *month_tables.causes(report, lang)]),
        ("summary", [*month_tables.summary(report, lang), note(month_text.basis(report, lang))]),
        ("months", months(report, lang)),
        ("charts", captioned(pictures, lang, narrow=True)),
        ("outages", _outages(report, kind, lang)),
        ("events", _with_note("events", month_tables.events(report, lang), lang)),
        ("service", _with_note("service", month_tables.outages(report, "service", lang), lang)),
        ("quality", _quality(report, lang)),
        ("exclusions", [record_tables.exclusions(report, lang) or note(month_words.NOTES["exclusions"].to(lang))]),
        ("clauses", [*_with_note("clauses", record_tables.clauses(report, lang), lang), *_credits(report, lang)]),
        ("method", month_text.method(report, lang)),
        ("integrity", record_tables.integrity(report, lang)),
        ("limits", month_text.limits(lang)),
        ("inputs", record_tables.inputs(report, lang)),
        ("signatures", signed(report, digest, lang)),
    )
    headings = {**month_words.HEADINGS, **sheet_words.HEADINGS}
    return tuple(Chapter(key, headings[key].to(lang), tuple(blocks)) for key, blocks in told)


def draw(report: Report, kinds: Sequence[str], lang: str) -> dict[str, Picture]:
    """Pictures by name, "timeline-0" and so on: so many links to a page, spread as evenly as can be."""
    count = len(report.links)
    lanes = -(-count // max(1, -(-count // charts.LANES_A_PAGE)))  # 13 links are 7 and 6, not 12 and 1
    pages = [report.links[at : at + lanes] for at in range(0, count, max(1, lanes))]
    drawn: dict[str, Picture] = {}
    for kind in kinds:
        if kind in ("burn", "causes"):
            drawn[f"{kind}-0"] = charts.burn(report, lang) if kind == "burn" else charts.causes(report, lang)
        elif kind != "bands" or any(band.p50 is not None for link in report.links for band in link.bands):
            drawn |= {f"{kind}-{number}": _per_link(kind, report, links, lang) for number, links in enumerate(pages)}
    return drawn


def _per_link(kind: str, report: Report, links: Sequence[Link], lang: str) -> Picture:
    match kind:
        case "timeline":
            return charts.timeline(report, links, lang)
        case "minutes":
            return charts.minutes(links, lang)
        case "calendar":
            return charts.calendar(report, links, lang)
        case "bands":
            return charts.bands(report, links, lang)
        case _:
            return charts.coverage(links, lang)


def captioned(pictures: dict[str, Picture], lang: str, *, narrow: bool = False) -> list[Block]:
    """Figures with their numbers: the pages of one chart share a number. `narrow` says that short outages are widened."""
    say = {**month_words.CHARTS, **chart_words.CAPTIONS}
    kinds = list(dict.fromkeys(name.partition("-")[0] for name in pictures))
    lead = [note(month_words.CHARTS["narrow"].to(lang), leads=True)] if narrow and pictures else []
    return lead + [
        figure(name, say[kind].to(lang, number=kinds.index(kind) + 1), say[f"{kind}_alt"].to(lang))
        for name in pictures
        for kind in [name.partition("-")[0]]
    ]


def _with_note(key: str, block: Block | None, lang: str) -> list[Block]:
    return [note(month_words.NOTES[key].to(lang), leads=True), block] if block else []


def _outages(report: Report, kind: str, lang: str) -> list[Block]:
    most = None if kind == "month" else LISTED
    listed = month_tables.outages(report, "link", lang, most)
    if listed:
        count = sum(outage.scope == "link" for link in report.links for outage in link.outages)
        if most is None or count <= most:
            return [listed]
        return [note(sheet_words.NOTES["longest"].to(lang, all=count, shown=most), leads=True), listed]
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


def signed(report: Report, digest: str, lang: str) -> list[Block]:
    """The lines to sign, on one page with the digests that the signatures fix."""
    say = month_words.NOTES
    anchored = say["no_manifest"].to(lang)
    if report.manifest is not None:
        day, hash_ = report.manifest
        anchored = say["manifest"].to(lang, day=day, hash=hash_)
    statement = say["statement"].to(lang, digest=digest, version=report.version)
    return [note(statement, leads=True), note(anchored, leads=True), parties(report, lang)]


def parties(report: Report, lang: str) -> Block:
    say = month_words.SIGNATURES
    return signatures(
        [(say["customer"].to(lang), report.contract.customer), (say["carrier"].to(lang), report.contract.carrier)],
        {key: say[key].to(lang) for key in ("person", "date", "blank_date", "opinion", "colon")},
    )
