"""The tables of what people entered and promised, and of what the data says of itself."""

from fractions import Fraction

from jinbao_config.links import ALL_LINKS
from jinbao_reports import words
from jinbao_reports.render import figures, month_words
from jinbao_reports.render.blocks import Block, Cell, cell, lines, note, table
from jinbao_reports.render.month_tables import column, figure_column
from jinbao_reports.render.month_text import link_names
from jinbao_reports.render.report import Clause, Exclusion, Link, Report

_INTEGRITY_SHOWN = 30


def exclusions(report: Report, lang: str) -> Block | None:
    """One row an entry, with the links that share its outcome."""
    shared: dict[Exclusion, list[str]] = {}
    for link in report.links:
        for exclusion in link.exclusions:
            shared.setdefault(exclusion, []).append(link.code)
    columns = [
        column("entry", 22, lang),
        column("span", 29, lang, nowrap=True),
        column("links", 34, lang),
        figure_column("applied", 17, lang),
        column("approval", 28, lang),
        column("reason", 26, lang),
    ]
    rows = [_exclusion_row(exclusion, link_names(report, codes, lang), report, lang) for exclusion, codes in shared.items()]
    return table(columns, rows, keep=True) if rows else None


def _exclusion_row(exclusion: Exclusion, names: str, report: Report, lang: str) -> list[Cell]:
    home = report.period.start
    start, end = (figures.day_and_time(moment, home) for moment in (exclusion.span.start, exclusion.span.end))
    approved = figures.day_and_time(exclusion.approved_at, home) if exclusion.approved_at else ""
    return [
        lines(exclusion.entry, exclusion.type),
        [start, f"– {end}"],
        names,
        figures.duration(exclusion.applied),
        lines(exclusion.approved_by or "—", approved),
        "—" if exclusion.reason is None else words.word(words.REASONS, exclusion.reason, lang),
    ]


def clauses(report: Report, lang: str) -> Block | None:
    """The further promises that were broken or cannot be judged; availability has its own table."""
    columns = [
        column("link", 40, lang),
        column("clause", 36, lang),
        figure_column("actual", 28, lang),
        figure_column("limit", 28, lang),
        column("verdict", 24, lang, "left", nowrap=True),
    ]
    rows = [
        _clause_row(link, clause, lang)
        for link in report.links
        for clause in link.clauses
        if clause.id != "availability" and clause.verdict not in ("pass", "not_applicable")
    ]
    return table(columns, rows, keep=True) if rows else None


def _clause_row(link: Link, clause: Clause, lang: str) -> list[Cell]:
    actual = figures.NO_DATA.to(lang) if clause.actual is None else _clause_figure(clause.id, clause.actual, lang)
    limit = _clause_figure(clause.id, clause.limit, lang)
    verdict = cell(words.verdict(clause.verdict, lang), tone=clause.verdict)
    return [link.name, words.word(words.CLAUSES, clause.id, lang), actual, limit, verdict]


def _clause_figure(clause: str, value: Fraction, lang: str) -> str:
    """The unit follows the clause; a clause nobody has named shows its plain number."""
    if clause in ("response", "repair", "longest"):
        return figures.duration_words(value, lang)
    if clause == "loss":
        return figures.percent(value, lang)
    forms = {"outages": month_words.CELLS["times"], "p95_ms": month_words.CELLS["ms"]}
    return (
        forms[clause].to(lang, n=figures.plain(value), value=figures.plain(value)) if clause in forms else figures.plain(value)
    )


def integrity(report: Report, lang: str) -> list[Block]:
    """What the data says against itself; beyond 30 notes the rest is left to the JSON, and the page says how many."""
    if not report.integrity:
        return [note(month_words.NOTES["integrity"].to(lang))]
    columns = [
        column("kind", 64, lang),
        column("link", 36, lang),
        column("place", 22, lang),
        column("at", 34, lang, "left", nowrap=True),
    ]
    names = {ALL_LINKS: month_words.CELLS["all_links"].to(lang), **{link.code: link.name for link in report.links}}
    rows: list[list[Cell]] = [
        [
            words.word(words.INTEGRITY, item.kind, lang),
            "—" if item.link is None else names.get(item.link, item.link),
            "—" if item.target is None else words.word(words.RUNGS, item.target, lang),
            "—" if item.at is None else figures.day_and_time(item.at, report.period.start),
        ]
        for item in report.integrity[:_INTEGRITY_SHOWN]
    ]
    more = len(report.integrity) - _INTEGRITY_SHOWN
    rest = [note(month_words.NOTES["integrity_more"].to(lang, more=more))] if more > 0 else []
    return [table(columns, rows), *rest]


def inputs(report: Report, lang: str) -> list[Block]:
    columns = [column("file", 34, lang), column("digest", 122, lang)]
    return [table(columns, [[name, digest] for name, digest in report.inputs.items()])] if report.inputs else []
