"""How the links felt while they were up, and how much of the time was measured at all."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jinbao_reports.render import figures, fonts, time_axis
from jinbao_reports.render.chart_words import LABELS
from jinbao_reports.render.charts.style import (
    BLUE,
    FAINT,
    INK,
    NO_DATA,
    WIDTH_IN,
    Look,
    Picture,
    framed,
    lanes,
    legend,
    patch,
    plain,
    said_across,
    short,
)
from jinbao_reports.render.parts import Band
from jinbao_reports.render.report import Link, Report

_COLUMNS, _PANEL_IN, _GAP_IN = 3, 0.95, 0.42
_BAND = "#9ecae1"
_BAR_IN = 0.21


def bands(report: Report, links: Sequence[Link], lang: str) -> Picture:
    """Small charts of one scale, so that a slow link shows at once."""
    rows = -(-len(links) // _COLUMNS)
    height = rows * (_PANEL_IN + _GAP_IN) + 0.35

    def draw(figure: Figure) -> None:
        highest = max((float(band.p99) for link in links for band in link.bands if band.p99 is not None), default=1.0)
        for place, link in enumerate(links):
            row, column = divmod(place, _COLUMNS)
            axes = figure.add_axes(_panel(row, column, height))
            _draw_panel(axes, report, link, highest, lang)
        named = [
            Line2D([], [], color=INK, linewidth=1.3, label=LABELS["p50"].to(lang)),
            patch(Look(_BAND, ""), LABELS["p95"].to(lang)),
            Line2D([], [], color=BLUE, linewidth=0.7, linestyle="--", label=LABELS["p99"].to(lang)),
        ]
        legend(figure, named, 3)

    return Picture(height, draw)


def _panel(row: int, column: int, height: float) -> tuple[float, float, float, float]:
    wide = (WIDTH_IN - 0.15) / _COLUMNS
    left = 0.3 + column * wide
    top = height - 0.35 - row * (_PANEL_IN + _GAP_IN)
    return left / WIDTH_IN, (top - _PANEL_IN) / height, (wide - 0.35) / WIDTH_IN, (_PANEL_IN - 0.12) / height


def _draw_panel(axes: Axes, report: Report, link: Link, highest: float, lang: str) -> None:
    axes.set_xlim(0, max(report.period.seconds, 1.0))
    axes.set_ylim(0, highest * 1.1)
    axes.set_title(short(fonts.drawable(link.name), 1.9), fontsize=7.5, pad=2)
    plain(axes)
    marks = time_axis.ticks(report.period.start, report.period.end)
    few = marks[:: max(1, len(marks) // 3)]
    axes.set_xticks([place for place, _ in few], [label for _, label in few], fontsize=6.5)
    axes.tick_params(axis="y", labelsize=6.5)
    axes.locator_params(axis="y", nbins=4)
    axes.grid(axis="y", color=FAINT, linewidth=0.4)
    axes.set_axisbelow(True)
    pieces = list(_measured_runs(link.bands))
    for piece in pieces:
        places, (p50, p95, p99) = _stairs(piece, report)
        axes.fill_between(places, p50, p95, color=_BAND, linewidth=0)
        axes.plot(places, p99, color=BLUE, linewidth=0.7, linestyle="--")
        axes.plot(places, p50, color=INK, linewidth=1.3)
    if not pieces:
        axes.text(0.5, 0.5, LABELS["no_delay"].to(lang), transform=axes.transAxes, ha="center", va="center", size=7)


def _measured_runs(found: Sequence[Band]) -> list[list[Band]]:
    """Neighbouring parts in which something arrived: no line is drawn across time without data."""
    runs: list[list[Band]] = []
    for band in found:
        if band.p50 is None:
            continue
        if runs and runs[-1][-1].end == band.start:
            runs[-1].append(band)
        else:
            runs.append([band])
    return runs


def _stairs(piece: Sequence[Band], report: Report) -> tuple[list[float], list[list[float]]]:
    begin = report.period.start
    places = [(edge - begin).total_seconds() for band in piece for edge in (band.start, band.end)]
    levels = [[float(value or 0) for band in piece for value in (getattr(band, name),) * 2] for name in ("p50", "p95", "p99")]
    return places, levels


def coverage(links: Sequence[Link], lang: str) -> Picture:
    """One bar a link: the share of time that was measured."""
    return framed(len(links) * _BAR_IN, 0.35, lambda _, axes: _draw_coverage(axes, links, lang))


def _draw_coverage(axes: Axes, links: Sequence[Link], lang: str) -> None:
    lanes(axes, links)
    axes.set_xlim(0, 118)
    axes.set_xticks(range(0, 101, 20), [f"{share}%" for share in range(0, 101, 20)])
    for lane, link in enumerate(links):
        share = float(link.coverage or 0) * 100
        axes.barh(lane, share, 0.6, facecolor=BLUE, edgecolor=INK, linewidth=0.4, zorder=2)
        axes.barh(
            lane, 100 - share, 0.6, left=share, facecolor=NO_DATA.colour, hatch=NO_DATA.hatch, edgecolor=INK, linewidth=0.4
        )
        axes.text(101, lane, figures.percent(link.coverage, lang, 2), va="center")
    if not links:
        said_across(axes, LABELS["no_data"].to(lang))
