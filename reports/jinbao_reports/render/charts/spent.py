"""How the allowance was used up, and by what."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jinbao_reports import words
from jinbao_reports.render import fonts, time_axis
from jinbao_reports.render.chart_words import LABELS
from jinbao_reports.render.charts.style import (
    CLASSES,
    FAINT,
    GREY,
    INK,
    NO_DATA,
    VERMILION,
    Look,
    Picture,
    framed,
    legend,
    plain,
    said_across,
    short,
)
from jinbao_reports.render.report import CauseTotal, Link, Report

Dashes = Literal["-", "--", ":"]

MOST_CAUSES = 12
_NAMED = 3
_DASHES: tuple[Dashes, ...] = ("-", "--", ":")
_CAUSES_LEFT_IN = 1.9
_ROW_IN = 0.24


def burn(report: Report, lang: str) -> Picture:
    """Each link's share of the allowance left; the three that used most by name."""
    return framed(2.2, 0.75, lambda figure, axes: _draw_burn(figure, axes, report, lang), left_in=0.6)


def _draw_burn(figure: Figure, axes: Axes, report: Report, lang: str) -> None:
    axes.set_xlim(0, max(report.period.seconds, 1.0))
    plain(axes)
    marks = time_axis.ticks(report.period.start, report.period.end)
    axes.set_xticks([place for place, _ in marks], [label for _, label in marks])
    axes.plot([0, report.period.seconds], [100, 0], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.axhline(0, color=INK, linewidth=1.0, zorder=1.5)
    known = [link for link in report.links if link.allowed and link.verdict != "no_data"]
    used_most = sorted(known, key=lambda link: (-_used(link), link.code))
    named = [link for link in used_most[:_NAMED] if _used(link)]
    handles = [_line(axes, report, link, dashes) for link, dashes in zip(named, _DASHES, strict=False)]
    for link in known:
        if link not in named:
            axes.plot(*_steps(report, link), color=GREY, linewidth=0.7, zorder=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.set_ylim(bottom=min(-10.0, axes.get_ylim()[0]), top=108)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    if not known:
        said_across(axes, LABELS["no_data"].to(lang))
    pace = Line2D([], [], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), label=LABELS["pace"].to(lang))
    others = Line2D([], [], color=GREY, linewidth=0.7, label=LABELS["others"].to(lang))
    legend(figure, [*handles, others, pace], 5)


def _used(link: Link) -> float:
    return float(link.seconds["counted"] / link.allowed) if link.allowed else 0.0


def _line(axes: Axes, report: Report, link: Link, dashes: Dashes) -> Line2D:
    axes.plot(*_steps(report, link), color=VERMILION, linewidth=1.4, linestyle=dashes, zorder=3)
    return Line2D([], [], color=VERMILION, linewidth=1.4, linestyle=dashes, label=short(fonts.drawable(link.name), 1.4))


def _steps(report: Report, link: Link) -> tuple[list[float], list[float]]:
    """(seconds of the period, per cent left): down while counted time runs, level between."""
    begin, allowed = report.period.start, float(link.allowed or 1)
    pieces = [
        piece.span for outage in link.outages if outage.scope == "link" for piece in outage.slices if piece.class_ == "counted"
    ]
    places, left, used = [0.0], [100.0], 0.0
    for span in sorted(pieces, key=lambda span: span.start):
        before = used
        used += span.seconds
        places += [(span.start - begin).total_seconds(), (span.end - begin).total_seconds()]
        left += [100 * (1 - before / allowed), 100 * (1 - used / allowed)]
    return [*places, report.period.seconds], [*left, 100 * (1 - used / allowed)]


def causes(report: Report, lang: str) -> Picture:
    """One bar a cause, the longest first."""
    shown = report.group.causes[:MOST_CAUSES]
    height = max(len(shown), 2) * _ROW_IN
    nothing = LABELS["no_data" if report.group.low is None else "nothing"].to(lang)
    return framed(height, 0.5, lambda _, axes: _draw_causes(axes, shown, nothing, lang), left_in=_CAUSES_LEFT_IN)


def _draw_causes(axes: Axes, shown: Sequence[CauseTotal], nothing: str, lang: str) -> None:
    axes.set_ylim(max(len(shown), 2) - 0.5, -0.5)
    plain(axes)
    names = [short(fonts.drawable(words.word(words.CAUSES, total.cause, lang)), _CAUSES_LEFT_IN) for total in shown]
    axes.set_yticks(range(len(shown)), names)
    longest = max((float(total.seconds) / 60 for total in shown), default=1.0)
    axes.set_xlim(0, longest * 1.75)  # the words stand beside the bar
    for lane, total in enumerate(shown):
        minutes = float(total.seconds) / 60
        look = CLASSES.get(total.class_ or "", NO_DATA)
        _bar(axes, lane, minutes, look)
        class_ = words.CLASSES[total.class_].to(lang) if total.class_ else LABELS["none"].to(lang)
        said = LABELS["bar"].to(lang, party=words.word(words.PARTIES, total.party, lang), outages=total.outages, class_=class_)
        axes.text(minutes + longest / 60, lane, fonts.drawable(said), va="center")
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(LABELS["minutes"].to(lang), labelpad=1)
    if not shown:
        axes.set_xticks([])
        said_across(axes, nothing)


def _bar(axes: Axes, lane: int, minutes: float, look: Look) -> None:
    axes.barh(lane, minutes, 0.6, facecolor=look.colour, edgecolor=INK, hatch=look.hatch or None, linewidth=0.4, zorder=2)
