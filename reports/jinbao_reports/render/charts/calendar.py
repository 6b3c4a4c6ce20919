"""Which days were clean: one row a link, one cell a day. How far a cell is filled tells the kind without any colour."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jinbao_reports.render import time_axis
from jinbao_reports.render.chart_words import LABELS
from jinbao_reports.render.charts.style import CLASSES, FAINT, GREY, INK, NO_DATA, Look, Picture, framed, lanes, legend, patch
from jinbao_reports.render.parts import Day
from jinbao_reports.render.report import Link, Report

_LANE_IN = 0.26
_NONE = Look("#BBBBBB", "....")
_LOOKS = {
    "counted": CLASSES["counted"],
    "disputed": CLASSES["disputed"],
    "excused": CLASSES["not_carrier"],
    "unknown": NO_DATA,
    "none": _NONE,
}
_FILLED = {"counted": 0.84, "disputed": 0.56, "excused": 0.28, "unknown": 0.84, "none": 0.12}


def calendar(report: Report, links: Sequence[Link], lang: str) -> Picture:
    return framed(len(links) * _LANE_IN, 0.95, lambda figure, axes: _draw(figure, axes, report, links, lang))


def worst(day: Day) -> str:
    """What a day's cell shows: the gravest of what it holds."""
    if not day.seconds["service"]:
        return "none"
    for kind, classes in (
        ("counted", ("counted",)),
        ("disputed", ("disputed",)),
        ("unknown", ("unknown",)),
        ("excused", ("excluded", "not_carrier", "unclaimed")),
    ):
        if any(day.seconds[klass] for klass in classes):
            return kind
    return "none"


def _draw(figure: Figure, axes: Axes, report: Report, links: Sequence[Link], lang: str) -> None:
    start = report.period.start
    first = start.date()
    last = (report.period.end - timedelta(microseconds=1)).date()
    count = (last - first).days + 1
    axes.set_xlim(0, count)
    lanes(axes, links)
    _axis(axes, start, count)
    for lane, link in enumerate(links):
        axes.axhspan(lane - 0.42, lane + 0.42, facecolor="#F7FAFC", edgecolor=FAINT, linewidth=0.4, zorder=0.5)
        for kind, begin, days in _runs(link, first):
            look, height = _LOOKS[kind], _FILLED[kind]
            axes.broken_barh(
                [(begin, days)],
                (lane + 0.42 - height, height),
                facecolor=look.colour,
                edgecolor=GREY if kind in ("unknown", "none") else INK,
                hatch=look.hatch or None,
                linewidth=0.3,
                zorder=2,
            )
    legend(figure, _legend(lang), 3)


def _axis(axes: Axes, start: datetime, count: int) -> None:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    marks = time_axis.ticks(midnight, midnight + timedelta(days=count))
    days = [(seconds / 86_400, label) for seconds, label in marks if seconds % 86_400 == 0] or [(0.0, start.strftime("%m-%d"))]
    axes.set_xticks([place for place, _ in days], [label for _, label in days])


def _runs(link: Link, first: date) -> list[tuple[str, int, int]]:
    """(kind, first day, days): neighbours of one kind are one bar."""
    placed = [((day.day - first).days, worst(day)) for day in link.days]
    runs = []
    for (_, kind), group in groupby(enumerate(placed), key=lambda item: (item[1][0] - item[0], item[1][1])):
        days = [place for _, (place, _) in group]
        runs.append((kind, days[0], len(days)))
    return runs


def _legend(lang: str) -> list[Any]:
    named = [patch(look, LABELS[kind].to(lang)) for kind, look in _LOOKS.items()]
    return [*named, patch(Look("#F7FAFC", ""), LABELS["up"].to(lang))]
