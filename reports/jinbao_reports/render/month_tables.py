"""The tables of the monthly document: rows of text out of the report's own figures."""

from collections.abc import Iterable
from fractions import Fraction

from jinbao_reports import words
from jinbao_reports.render import figures, month_words
from jinbao_reports.render.blocks import Block, Cell, Column, cell, lines, note, table
from jinbao_reports.render.month_text import CAUSES_IN_A_SENTENCE, class_word, link_names
from jinbao_reports.render.report import CLASSED, Evidence, Link, Outage, Report, Slice

_LONG_S = 100 * 3600  # figures of nine characters in eight columns


def column(key: str, mm: float, lang: str, align: str = "left", nowrap: bool = False) -> Column:
    return Column(month_words.COLUMNS[key].to(lang), mm, align, nowrap)


def figure_column(key: str, mm: float, lang: str) -> Column:
    return column(key, mm, lang, "right", nowrap=True)


def summary(report: Report, lang: str) -> list[Block]:
    """One row a link with its bounds and its verdict, the mean last."""
    columns = [
        column("link", 27, lang),
        figure_column("range", 25, lang),
        figure_column("coverage", 19, lang),
        figure_column("counted", 18, lang),
        figure_column("not_counted", 33, lang),
        column("verdict", 34, lang, nowrap=True),
    ]
    rows: list[list[Cell]] = [_summary_row(link, lang) for link in report.links]
    rows.append(_mean_row(report, lang))
    return [note(month_words.NOTES["summary"].to(lang), leads=True), table(columns, rows, keep=True)]


def verdicts(report: Report, lang: str) -> Block:
    """The shortest summary: bounds and verdict, for a page that is signed."""
    columns = [
        column("link", 50, lang),
        figure_column("range", 60, lang),
        column("verdict", 46, lang, nowrap=True),
    ]
    rows: list[list[Cell]] = []
    for link in report.links:
        low, high = (figures.percent(link.ratios[key], lang) for key in ("low", "high"))
        shown = cell(words.verdict(link.verdict, lang), tone=link.verdict)
        rows.append([link.name, low if low == high else f"{low} – {high}", shown])
    return table(columns, rows, keep=True)


def _bounds(low: str, high: str) -> Cell:
    return low if low == high else lines(low, f"– {high}")


def _summary_row(link: Link, lang: str) -> list[Cell]:
    low, high = (figures.percent(link.ratios[key], lang) for key in ("low", "high"))
    dagger = " †" if link.within_edge_error else ""
    return [
        lines(link.name, link.code),
        _bounds(low, high),
        figures.percent(link.coverage, lang),
        _counted(link.n, link.seconds["counted"], link.verdict == "no_data", lang),
        _aside(link, lang),
        cell(words.verdict(link.verdict, lang) + dagger, tone=link.verdict),
    ]


def _counted(n: int, seconds: Fraction, unmeasured: bool, lang: str) -> Cell:
    """How often and how long; without data nothing was seen, which is not the same as nothing happening."""
    if unmeasured:
        return figures.NO_DATA.to(lang)
    return lines(month_words.CELLS["times"].to(lang, n=n), figures.duration(seconds))


def _aside(link: Link, lang: str) -> Cell:
    """The classes that are not counted, each by its name, only those that hold any time."""
    shown = [
        f"{words.CLASSES[code].to(lang)} {figures.duration(link.seconds[code])}"
        for code in CLASSED
        if code != "counted" and link.seconds[code]
    ]
    return shown or "—"


def _mean_row(report: Report, lang: str) -> list[Cell]:
    group = report.group
    low, high = figures.percent(group.low, lang), figures.percent(group.high, lang)
    counted = _counted(group.counted, group.seconds["counted"], group.low is None, lang)
    return [month_words.CELLS["mean"].to(lang), _bounds(low, high), "", counted, "", ""]


def causes(report: Report, lang: str, *, always: bool = False) -> list[Block]:
    """The causes in a table, where they are too many for a sentence, or always."""
    if not report.group.causes or (len(report.group.causes) <= CAUSES_IN_A_SENTENCE and not always):
        return []
    columns = [
        column("cause", 60, lang),
        column("party", 30, lang),
        column("class", 30, lang),
        figure_column("outages", 16, lang),
        figure_column("duration", 20, lang),
    ]
    rows: list[list[Cell]] = [
        [
            words.word(words.CAUSES, total.cause, lang),
            words.word(words.PARTIES, total.party, lang),
            class_word(total.class_, lang),
            str(total.outages),
            figures.duration(total.seconds),
        ]
        for total in report.group.causes
    ]
    return [table(columns, rows)]


def outages(report: Report, scope: str, lang: str, most: int | None = None) -> Block | None:
    """One row a slice; number, link and span stand once for each outage. `most`: only so many, the longest.

    None when there is none.
    """
    columns = [
        column("number", 8, lang, "right", nowrap=True),
        column("link", 21, lang),
        column("span", 29, lang, "left", nowrap=True),
        figure_column("duration", 16.5, lang),
        column("cause", 19, lang),
        column("party_class", 20, lang),
        column("evidence", 42.5, lang),
    ]
    found = [(link, outage) for link in report.links for outage in link.outages if outage.scope == scope]
    if most is not None:
        found = sorted(found, key=lambda pair: (-pair[1].period_seconds, pair[1].onset, pair[0].code))[:most]
    found.sort(key=lambda pair: (pair[1].onset, pair[0].code))
    rows = [row for number, (link, outage) in enumerate(found, 1) for row in _outage_rows(number, link, outage, report, lang)]
    return table(columns, rows) if rows else None


def _outage_rows(number: int, link: Link, outage: Outage, report: Report, lang: str) -> Iterable[list[Cell]]:
    # An outage the period only touches may have no slice inside it.
    first, *others = [_slice_cells(piece, lang) for piece in outage.slices] or [["—"] * 4]
    span = 1 + len(others)
    yield [
        cell(str(number), rowspan=span),
        cell(lines(link.name, *_remarks(outage, lang)), rowspan=span),
        cell(_span_lines(outage, report, lang), rowspan=span),
        *first,
    ]
    yield from others


def _span_lines(outage: Outage, report: Report, lang: str) -> list[str]:
    home = report.period.start
    end = figures.day_and_time(outage.restored, home) if outage.restored else month_words.CELLS["open_end"].to(lang)
    return [figures.day_and_time(outage.onset, home), f"– {end}"]


def _remarks(outage: Outage, lang: str) -> Iterable[str]:
    """What else a reader must know of an outage: ticket, claim, a span wider than the period, a stepped clock."""
    if outage.ticket:
        yield month_words.CELLS["ticket"].to(lang, ticket=outage.ticket)
    if outage.claim_state:
        yield words.word(words.CLAIM_STATES, outage.claim_state, lang)
    if outage.period_seconds != outage.seconds:
        yield month_words.CELLS["whole"].to(lang, seconds=figures.duration(outage.seconds))
    if outage.suspect:
        yield month_words.CELLS["suspect"].to(lang)


def _slice_cells(piece: Slice, lang: str) -> list[Cell]:
    return [
        figures.duration(piece.seconds),
        words.word(words.CAUSES, piece.cause, lang),
        lines(words.word(words.PARTIES, piece.party, lang), class_word(piece.class_, lang)),
        lines(_row(piece.row, lang), *ladders(piece.evidence, lang)),
    ]


def ladders(evidence: tuple[Evidence, ...], lang: str) -> Iterable[str]:
    """One line a vantage: which rungs answered, which refused, which did not answer. Outcomes in full are in the JSON."""
    for vantage in words.VANTAGES:
        seen: dict[str, list[str]] = {"answered": [], "refused": [], "silent": []}
        for item in evidence:
            if item.vantage == vantage:
                answer = {"reply": "answered", "late": "answered", "refused": "refused"}.get(item.outcome, "silent")
                seen[answer].append(words.word(words.RUNGS, item.target, lang))
        told = [_ladder_part(answer, rungs, lang) for answer, rungs in seen.items() if rungs]
        if told:
            side = words.word(words.VANTAGES, vantage, lang)
            yield month_words.CELLS["seen"].to(lang, rung=side, outcome=month_words.CELLS["clause_list"].to(lang).join(told))


def _ladder_part(answer: str, rungs: list[str], lang: str) -> str:
    return month_words.CELLS[answer].to(lang, rungs=month_words.CELLS["list"].to(lang).join(rungs))


def _row(row: str, lang: str) -> str:
    """Which row of judgement R4.4 matched; "-" is none of them, "ledger:ID" an approved entry that overruled the table."""
    kind, _, entry = row.partition(":")
    if kind == "ledger":
        return month_words.CELLS["ruled"].to(lang, entry=entry)
    return month_words.CELLS["no_row" if row == "-" else "row"].to(lang, row=row)


def events(report: Report, lang: str) -> Block | None:
    """Faults that hit more than one link."""
    columns = [
        column("span", 32, lang, "left", nowrap=True),
        column("cause", 36, lang),
        column("party", 22, lang),
        column("links", 66, lang),
    ]
    rows: list[list[Cell]] = []
    for event in report.events:
        if len(event.links) > 1:
            start, end = event.span
            home = report.period.start
            ended = figures.day_and_time(end, home) if end else month_words.CELLS["open_end"].to(lang)
            rows.append(
                [
                    [figures.day_and_time(start, home), f"– {ended}"],
                    words.word(words.CAUSES, event.cause, lang),
                    words.word(words.PARTIES, event.party, lang),
                    link_names(report, event.links, lang),
                ]
            )
    return table(columns, rows, keep=True) if rows else None


def time_parts(report: Report, lang: str) -> Block:
    """The identity an auditor checks first: service time is the sum of its parts."""
    parts = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")
    heads = ("service", "up", "down", "removed", "others", "disputed", "unclaimed", "unknown")
    columns = [column("link", 25.6, lang), *(figure_column(head, 16.3, lang) for head in heads)]
    rows = [[link.name, *(figures.duration(link.seconds[part]) for part in parts)] for link in report.links]
    return table(columns, rows, keep=True, small=report.period.seconds >= _LONG_S)


def quality(report: Report, lang: str) -> Block:
    columns = [
        column("link", 25.6, lang),
        figure_column("user", 22, lang),
        figure_column("service_down", 17, lang),
        figure_column("mtrs", 17, lang),
        figure_column("flaps", 21, lang),
        figure_column("loss", 16.4, lang),
        figure_column("delay", 19, lang),
        figure_column("edge", 18, lang),
    ]
    return table(columns, [_quality_row(link, lang) for link in report.links], keep=True)


def _quality_row(link: Link, lang: str) -> list[Cell]:
    feel, nothing = link.quality, figures.NO_DATA.to(lang)
    low, high = (figures.percent(link.ratios[key], lang) for key in ("user_low", "user_high"))
    flaps = nothing
    if feel.flap_count is not None and feel.flap_seconds is not None and link.verdict != "no_data":
        flaps = f"{month_words.CELLS['times'].to(lang, n=feel.flap_count)} {figures.duration(feel.flap_seconds)}"
    return [
        link.name,
        _bounds(low, high),
        nothing if link.service_down is None else figures.duration(link.service_down),
        "—" if link.mtrs is None else figures.duration(link.mtrs),
        flaps,
        figures.percent(feel.loss, lang),
        nothing if feel.p50 is None else f"{figures.milliseconds(feel.p50)} / {figures.milliseconds(feel.p95)}",
        f"±{figures.duration(link.edge_error)}",
    ]
