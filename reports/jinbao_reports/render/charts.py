"""Two pictures a layman reads at once: when each link was cut and why, and how many minutes fall into which class.

Colours are Okabe and Ito's, told apart by the colour-blind; hatches and symbols tell the kinds apart in black-and-white print.
SVG with text as outlines and fixed ids: the same statement draws the same bytes.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jinbao_reports import words
from jinbao_reports.render import figures, fonts, month_words, time_axis
from jinbao_reports.render.report import CLASSED, Link, Outage, Report, Span

LANES_A_PAGE = 12
_WIDTH_IN = 156 / 25.4
_LEFT_IN, _RIGHT_IN = 1.1, 0.15
_LANE_IN, _BAR_IN = 0.26, 0.21
_SIZE = 7.5  # points
_NARROWEST = 1 / 110  # of the period: what the eye still finds on paper
_INK, _GREY = "#222222", "#8a8a8a"


@dataclass(frozen=True, slots=True)
class Look:
    colour: str
    hatch: str
    marker: str = ""


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
_NO_DATA = Look("#EDEDED", "////")
CLASSES = {
    "counted": Look("#D55E00", ""),
    "excluded": Look("#009E73", "----"),
    "not_carrier": Look("#56B4E9", "\\\\\\\\"),
    "disputed": Look("#FFFFFF", "++++"),
    "unclaimed": Look("#F0E442", "oo"),
}
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [fonts.SANS, "DejaVu Sans"],
    "font.size": _SIZE,
    "axes.unicode_minus": False,
    "axes.edgecolor": _GREY,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "jinbao",
    "path.simplify": False,
}


def kind(cause: str) -> str:
    """Which of the six kinds a cause is drawn as; a cause nobody has named is open."""
    return next((kind for start, kind in _KIND_OF.items() if cause.startswith(start)), "open")


def timeline(report: Report, links: Sequence[Link], lang: str) -> bytes:
    """SVG: one lane a link, its outages by kind of cause, time without data hatched."""
    return _svg(len(links), _LANE_IN, 0.75, lambda figure, axes: _draw_timeline(figure, axes, report, links, lang))


def minutes(links: Sequence[Link], lang: str) -> bytes:
    """SVG: one bar a link, its minutes by class, the allowance as a tick."""
    return _svg(len(links), _BAR_IN, 0.8, lambda figure, axes: _draw_minutes(figure, axes, links, lang))


def _svg(lanes: int, lane_in: float, rest_in: float, draw: Callable[[Figure, Axes], None]) -> bytes:
    fonts.register_with_matplotlib()
    with matplotlib.rc_context(_STYLE):
        height = lanes * lane_in + rest_in
        figure = Figure(figsize=(_WIDTH_IN, height))
        axes = figure.add_axes(
            (_LEFT_IN / _WIDTH_IN, 0.32 / height, 1 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN, lanes * lane_in / height)
        )
        draw(figure, axes)
        out = io.BytesIO()
        FigureCanvasSVG(figure)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _lanes(axes: Axes, links: Sequence[Link]) -> None:
    axes.set_ylim(len(links) - 0.5, -0.5)
    axes.set_yticks(range(len(links)), [short(fonts.drawable(link.name)) for link in links])
    axes.tick_params(length=0, pad=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def short(name: str) -> str:
    """A name cut to the margin's width; the tables carry it whole."""
    room = _LEFT_IN * 72 - 8
    if fonts.width(name, _SIZE) <= room:
        return name
    return next(cut for kept in range(len(name), -1, -1) if fonts.width(cut := name[:kept] + "…", _SIZE) <= room)


def _draw_timeline(figure: Figure, axes: Axes, report: Report, links: Sequence[Link], lang: str) -> None:
    period = report.period
    length = max(period.seconds, 1.0)
    axes.set_xlim(0, length)
    _lanes(axes, links)
    marks = time_axis.ticks(period.start, period.end)
    axes.set_xticks([place for place, _ in marks], [label for _, label in marks])
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    for lane, link in enumerate(links):
        axes.axhline(lane + 0.5, color="#dddddd", linewidth=0.5, zorder=0.5)
        _bars(axes, [_place(span, period) for span in link.unknown], lane, 0.7, _NO_DATA, 1.0)
        for outage in link.outages:
            if outage.scope == "link":
                _draw_outage(axes, outage, period, lane)
    _legend(figure, _timeline_legend(lang))


def _place(span: Span, period: Span, narrowest: float = 0.0) -> tuple[float, float]:
    """(start, width) in seconds of the period's axis, kept inside it."""
    start = max(0.0, (span.start - period.start).total_seconds())
    end = min(period.seconds, (span.end - period.start).total_seconds())
    width = max(end - start, narrowest)
    return min(start, period.seconds - width), width


def _draw_outage(axes: Axes, outage: Outage, period: Span, lane: int) -> None:
    """Slices in a row; the narrow ones are widened to be seen, all of an outage by the same rule."""
    for piece in outage.slices:
        look = KINDS[kind(piece.cause)]
        _bars(axes, [_place(piece.span, period, period.seconds * _NARROWEST)], lane, 0.5, look, 2.0)
    if outage.slices:
        first = outage.slices[0]
        look = KINDS[kind(first.cause)]
        start, width = _place(first.span, period, period.seconds * _NARROWEST)
        axes.plot(
            [start + min(width, period.seconds * _NARROWEST) / 2],
            [lane - 0.36],
            marker=look.marker,
            markersize=3.6,
            color=look.colour,
            markeredgecolor=_INK,
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
            edgecolor=_GREY if look is _NO_DATA else _INK,
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
            markeredgecolor=_INK,
            markeredgewidth=0.5,
            linestyle="none",
            label=month_words.KINDS[code].to(lang),
        )
        for code, look in KINDS.items()
    ]
    up, no_data = month_words.CHARTS["up"].to(lang), month_words.CHARTS["no_data"].to(lang)
    return [*named, _patch(_NO_DATA, no_data), _patch(Look("#FFFFFF", ""), up)]


def _patch(look: Look, label: str) -> Patch:
    return Patch(facecolor=look.colour, edgecolor=_INK, hatch=look.hatch or None, linewidth=0.4, label=label)


def _legend(figure: Figure, handles: Sequence[Any]) -> None:
    figure.legend(
        handles=list(handles),
        loc="upper center",
        ncols=4,
        frameon=False,
        fontsize=7.5,
        handlelength=1.6,
        handleheight=1.1,
        borderaxespad=0.1,
        columnspacing=1.6,
    )


def _draw_minutes(figure: Figure, axes: Axes, links: Sequence[Link], lang: str) -> None:
    _lanes(axes, links)
    ends = [_stack(axes, link, lane) for lane, link in enumerate(links)]
    allowed = [(lane, float(link.allowed) / 60) for lane, link in enumerate(links) if link.allowed is not None]
    widest = max([*ends, *(minute for _, minute in allowed), 1.0]) * 1.25
    axes.set_xlim(0, widest)
    for lane, minute in allowed:
        axes.plot([minute, minute], [lane - 0.45, lane + 0.45], color=_INK, linewidth=1.4, zorder=4)
    for lane, (link, end) in enumerate(zip(links, ends, strict=True)):
        if link.seconds["unknown"]:
            seconds = figures.duration(link.seconds["unknown"])
            beside = max([end, *(minute for place, minute in allowed if place == lane)])
            axes.text(beside + widest / 80, lane, month_words.CHARTS["unknown_beside"].to(lang, seconds=seconds), va="center")
    if not any(ends):
        blind = all(link.verdict == "no_data" for link in links)
        said = month_words.CHARTS["unmeasured" if blind else "none"].to(lang)
        axes.text(
            0.4, 0.5, said, transform=axes.transAxes, ha="center", va="center", size=10, backgroundcolor="white", zorder=5
        )
    axes.set_xlabel(month_words.CHARTS["minutes_axis"].to(lang), labelpad=1)
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    _legend(figure, _minutes_legend(lang))


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
                edgecolor=_INK,
                hatch=look.hatch or None,
                linewidth=0.4,
                zorder=2,
            )
            end += width
    return end


def _minutes_legend(lang: str) -> list[Any]:
    handles: list[Any] = [_patch(look, words.CLASSES[code].to(lang)) for code, look in CLASSES.items()]
    return [*handles, Line2D([], [], color=_INK, linewidth=1.4, label=month_words.CHARTS["allowed"].to(lang))]
