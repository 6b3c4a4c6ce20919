"""Availability of each link by month, half a year to a table."""

from collections.abc import Sequence

from jinbao_reports import words
from jinbao_reports.render import figures
from jinbao_reports.render.blocks import Block, Cell, Column, cell, lines, note, table
from jinbao_reports.render.month_words import COLUMNS
from jinbao_reports.render.parts import Month
from jinbao_reports.render.report import Report
from jinbao_reports.render.sheet_words import MONTHS

_A_TABLE = 6
_DECIMALS = 3  # cut, as everywhere: six months stand side by side
_LINK_MM, _MONTH_MM = 30, 21


def months(report: Report, lang: str) -> list[Block]:
    """Nothing for a period within one month."""
    names = [month.name for month in report.links[0].months] if report.links else []
    if len(names) < 2:
        return []
    tables = [_table(report, names[at : at + _A_TABLE], at, lang) for at in range(0, len(names), _A_TABLE)]
    return [note(MONTHS["lead"].to(lang), leads=True), *tables]


def _table(report: Report, names: Sequence[str], at: int, lang: str) -> Block:
    heads = [_head(name, names[0], lang) for name in names]
    columns = [Column(COLUMNS["link"].to(lang), _LINK_MM), *(Column(head, _MONTH_MM, "right", nowrap=True) for head in heads)]
    rows: list[list[Cell]] = [
        [link.name, *(_cell(month, lang) for month in link.months[at : at + len(names)])] for link in report.links
    ]
    return table(columns, rows, keep=True)


def _head(name: str, first: str, lang: str) -> str:
    """The month alone; the year with it in another year than the table's first."""
    year, month = name.split("-")
    return name if year != first[:4] else MONTHS["month"].to(lang, month=int(month))


def _cell(month: Month, lang: str) -> Cell:
    mark = words.VERDICT_MARKS[month.verdict]
    if month.low is None or month.high is None:
        return cell(f"{mark} {figures.NO_DATA.to(lang)}", tone=month.verdict)
    low, high = (figures.percent(bound, lang, _DECIMALS) for bound in (month.low, month.high))
    return cell(lines(f"{mark} {low}", "" if low == high else f"– {high}"), tone=month.verdict)
