"""对账单: what the carrier's tickets and our measurements say of the same faults, to be signed by both."""

from collections.abc import Mapping
from typing import Any

from jinbao_reports.comparison import Figure
from jinbao_reports.comparison_table import figure_rows
from jinbao_reports.render import figures, sheet
from jinbao_reports.render.blocks import Block, Cell, Column, lines, note, table
from jinbao_reports.render.document import Document
from jinbao_reports.render.month_words import COLUMNS
from jinbao_reports.render.node import Node
from jinbao_reports.render.paper_words import RECONCILE
from jinbao_reports.render.papers import Told, paper
from jinbao_reports.render.report import Report

_LISTS = ("matched", "only_ours", "only_theirs", "outside")


def build(report: Report, facts: Mapping[str, Any], effect: tuple[Figure, ...], digest: str, lang: str) -> Document:
    """`facts`: jinbao.reconciliation/1; `effect`: the figures in which the accounts differ."""
    told: Told = (
        ("compared", _compared(report, Node(facts), lang)),
        ("effect", _effect(report, effect, lang)),
        ("signatures", [note(RECONCILE["dispute"].to(lang), leads=True), *sheet.signed(report, digest, lang)]),
    )
    return paper(report, "reconciliation", report.name, told, lang, digest=digest)


def _compared(report: Report, top: Node, lang: str) -> list[Block]:
    found = {kind: top.nodes(kind) for kind in _LISTS}
    if not any(found.values()):
        return [note(RECONCILE["nothing"].to(lang))]
    columns = [
        Column(COLUMNS["link"].to(lang), 25),
        Column(RECONCILE["state"].to(lang), 17),
        Column(RECONCILE["ticket"].to(lang), 26),
        Column(RECONCILE["ours"].to(lang), 31, nowrap=True),
        Column(RECONCILE["theirs"].to(lang), 31, nowrap=True),
        Column(RECONCILE["apart"].to(lang), 22, "right", nowrap=True),
    ]
    rows = [_row(kind, node, report, lang) for kind in _LISTS for node in found[kind]]
    counts = {kind: len(nodes) for kind, nodes in found.items()}
    return [note(RECONCILE["lead"].to(lang, **counts), leads=True), table(columns, rows)]


def _row(kind: str, node: Node, report: Report, lang: str) -> list[Cell]:
    ours = node.maybe_node("outage") if "outage" in node.fields else None
    theirs = node.maybe_node("ticket") if "ticket" in node.fields else None
    apart: Cell = "—"
    if kind == "matched":
        minutes = node.node("minutes")
        apart = " / ".join(_minutes(minutes.fields[edge]) for edge in ("onset", "restored"))
    return [
        node.text("name"),
        RECONCILE[kind].to(lang),
        (theirs and theirs.maybe_text("number")) or "—",
        _edges(ours, ("onset",), "restored", report) if ours else "—",
        _edges(theirs, ("onset", "reported_at"), "restored_at", report) if theirs else "—",
        apart,
    ]


def _edges(node: Node, starts: tuple[str, ...], end: str, report: Report) -> Cell:
    """From and to; the carrier's onset where it states one, else the time of the report."""
    start = next((at for name in starts if (at := node.maybe_instant(name))), None)
    last = node.maybe_instant(end)
    home = report.period.start
    shown = [figures.day_and_time(at, home) if at else "—" for at in (start, last)]
    return lines(shown[0], f"– {shown[1]}")


def _minutes(value: object) -> str:
    return "—" if value is None else f"{value:+}" if value else "0"


def _effect(report: Report, effect: tuple[Figure, ...], lang: str) -> list[Block]:
    if not effect:
        return [note(RECONCILE["no_effect"].to(lang))]
    names = {link.code: link.name for link in report.links}
    columns = [
        Column(COLUMNS["link"].to(lang), 30),
        Column(RECONCILE["figure"].to(lang), 42),
        *(Column(RECONCILE[key].to(lang), 28, "right") for key in ("our_account", "their_times", "their_list")),
    ]
    return [table(columns, [list(row) for row in figure_rows(effect, names, lang)])]
