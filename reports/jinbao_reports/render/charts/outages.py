"""When each link was cut and why, and how many minutes fall into which class."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jinbao_reports import words
from jinbao_reports.render import figures, month_words, time_axis
from jinbao_reports.render.charts.style import (
    CLASSES,
    FAINT,
    GREY,
    INK,
    NO_DATA,
    Look,
    Picture,
    framed,
    lanes,
    legend,
    patch,
    said_across,
)
from jinbao_reports.render.report import CLASSED, Link, Outage, Report, Span

_LANE_IN, _BAR_IN = 0.26, 0.21
_NARROWEST, _CROWDED = 1 / 110, 1 / 400  # of the period: what the eye still finds on paper, alone and among many
_CROWD = 30  # outages of one link

KINDS = {
    "carrier": Look("#D55E00", "", "v"),
    "power": Look("#E69F00", "....", "s"),
    "township": Look("#56B4E9", "\\\\\\\\", "^"),
    "centre": Look("#CC79A7", "xxxx", "D"),
    "planned": Look("#009E73", "----", "o"),
    "open": Look("#FFFFFF", "++++", "P"),
}
_KIND_OF = {
    "CARRIER_": "carrier",
    "COUNTY_ACCESS": "carrier",
    "CPE_FAULT": "carrier",
    "POWER_": "power",
    "LAN_LOCAL": "township",
    "AGENT_HOST": "township",
    "COUNTY_SITE": "centre",
    "SERVER_": "centre",
    "SERVICE_DOWN_LINK_UP": "centre",
    "MON_": "centre",
    "PLANNED_CUTOVER": "planned",
}


def kind(cause: str) -> str:
    """Which of the six kinds a cause is drawn as; a cause nobody has named is open."""
    return next((kind for start, kind in _KIND_OF.items() if cause.startswith(start)), "open")


def timeline(report: Report, links: Sequence[Link], lang: str) -> Picture:
    """One lane a link, its outages by kind of cause, time without data hatched."""
    height = len(links) * _LANE_IN
    return framed(height, 0.75, lambda figure, axes: _draw_timeline(figure, axes, report, links, lang))


def minutes(links: Sequence[Link], lang: str) -> Picture:
    """One bar a link, its minutes by class, the allowance as a tick."""
    return framed(len(links) * _BAR_IN, 0.8, lambda figure, axes: _draw_minutes(figure, axes, links, lang))


def _draw_timeline(figure: Figure, axes: Axes, report: Report, links: Sequence[Link], lang: str) -> None:
    period = report.period
    length = max(period.seconds, 1.0)
    axes.set_xlim(0, length)
    lanes(axes, links)
    marks = time_axis.ticks(period.start, period.end)
    axes.set_xticks([place for place, _ in marks], [label for _, label in marks])
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    for lane, link in enumerate(links):
        axes.axhline(lane + 0.5, color=FAINT, linewidth=0.5, zorder=0.5)
        _bars(axes, [_place(span, period) for span in link.unknown], lane, 0.7, NO_DATA, 1.0)
        on_link = [outage for outage in link.outages if outage.scope == "link"]
        for outage in on_link:
            _draw_outage(axes, outage, period, lane, _NARROWEST if len(on_link) <= _CROWD else _CROWDED)
    legend(figure, _timeline_legend(lang))


def _place(span: Span, period: Span, narrowest: float = 0.0) -> tuple[float, float]:
    """(start, width) in seconds of the period's axis, kept inside it."""
    start = max(0.0, (span.start - period.start).total_seconds())
    end = min(period.seconds, (span.end - period.start).total_seconds())
    width = max(end - start, narrowest)
    return min(start, period.seconds - width), width


def _draw_outage(axes: Axes, outage: Outage, period: Span, lane: int, narrowest: float) -> None:
    """Slices in a row; the narrow ones are widened to be seen, all of an outage by the same rule."""
    for piece in outage.slices:
        look = KINDS[kind(piece.cause)]
        _bars(axes, [_place(piece.span, period, period.seconds * narrowest)], lane, 0.5, look, 2.0)
    if outage.slices:
        first = outage.slices[0]
        look = KINDS[kind(first.cause)]
        start, width = _place(first.span, period, period.seconds * narrowest)
        axes.plot(
            [start + min(width, period.seconds * narrowest) / 2],
            [lane - 0.36],
            marker=look.marker,
            markersize=3.6,
            color=look.colour,
            markeredgecolor=INK,
            markeredgewidth=0.4,
            zorder=3,
            clip_on=False,
        )


def _bars(axes: Axes, places: Sequence[tuple[float, float]], lane: int, height: float, look: Look, zorder: float) -> None:
    if places:
        axes.broken_barh(
            places,
            (lane - height / 2 + 0.1, height),
            facecolor=look.colour,
            edgecolor=GREY if look is NO_DATA else INK,
            hatch=look.hatch or None,
            linewidth=0.4,
            zorder=zorder,
        )


def _timeline_legend(lang: str) -> list[Any]:
    named: list[Any] = [
        Line2D(
            [],
            [],
            marker=look.marker,
            markersize=5,
            color=look.colour,
            markeredgecolor=INK,
            markeredgewidth=0.5,
            linestyle="none",
            label=month_words.KINDS[code].to(lang),
        )
        for code, look in KINDS.items()
    ]
    up, no_data = month_words.CHARTS["up"].to(lang), month_words.CHARTS["no_data"].to(lang)
    return [*named, patch(NO_DATA, no_data), patch(Look("#FFFFFF", ""), up)]


def _draw_minutes(figure: Figure, axes: Axes, links: Sequence[Link], lang: str) -> None:
    lanes(axes, links)
    ends = [_stack(axes, link, lane) for lane, link in enumerate(links)]
    allowed = [(lane, float(link.allowed) / 60) for lane, link in enumerate(links) if link.allowed is not None]
    widest = max([*ends, *(minute for _, minute in allowed), 1.0]) * 1.25
    axes.set_xlim(0, widest)
    for lane, minute in allowed:
        axes.plot([minute, minute], [lane - 0.45, lane + 0.45], color=INK, linewidth=1.4, zorder=4)
    for lane, (link, end) in enumerate(zip(links, ends, strict=True)):
        if link.seconds["unknown"]:
            seconds = figures.duration(link.seconds["unknown"])
            beside = max([end, *(minute for place, minute in allowed if place == lane)])
            axes.text(beside + widest / 80, lane, month_words.CHARTS["unknown_beside"].to(lang, seconds=seconds), va="center")
    if not any(ends):
        blind = all(link.verdict == "no_data" for link in links)
        said = month_words.CHARTS["unmeasured" if blind else "none"].to(lang)
        said_across(axes, said)
    axes.set_xlabel(month_words.CHARTS["minutes_axis"].to(lang), labelpad=1)
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    legend(figure, _minutes_legend(lang))


def _stack(axes: Axes, link: Link, lane: int) -> float:
    """Draws one link's minutes, returns where the bar ends."""
    end = 0.0
    for code in CLASSED:
        width = float(link.seconds[code]) / 60
        if width:
            look = CLASSES[code]
            axes.barh(
                lane,
                width,
                0.6,
                left=end,
                facecolor=look.colour,
                edgecolor=INK,
                hatch=look.hatch or None,
                linewidth=0.4,
                zorder=2,
            )
            end += width
    return end


def _minutes_legend(lang: str) -> list[Any]:
    handles: list[Any] = [patch(look, words.CLASSES[code].to(lang)) for code, look in CLASSES.items()]
    return [*handles, Line2D([], [], color=INK, linewidth=1.4, label=month_words.CHARTS["allowed"].to(lang))]
