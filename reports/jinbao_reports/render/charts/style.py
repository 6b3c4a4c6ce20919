"""One look for all charts: Okabe and Ito's colours, told apart by the colour-blind; hatches and symbols tell the kinds apart in
black-and-white print. Text is drawn as outlines, ids are fixed: the same statement draws the same bytes.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jinbao_reports.render import fonts
from jinbao_reports.render.report import Link

WIDTH_IN = 156 / 25.4
LEFT_IN, RIGHT_IN = 1.1, 0.15
SIZE = 7.5  # points
INK, GREY, FAINT = "#222222", "#8a8a8a", "#dddddd"
BLUE, VERMILION = "#0072B2", "#D55E00"
_PNG_DPI = 200
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [fonts.SANS, "DejaVu Sans"],
    "font.size": SIZE,
    "axes.unicode_minus": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "jinbao",
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True)
class Look:
    colour: str
    hatch: str
    marker: str = ""


NO_DATA = Look("#EDEDED", "////")
CLASSES = {
    "counted": Look(VERMILION, ""),
    "excluded": Look("#009E73", "----"),
    "not_carrier": Look("#56B4E9", "\\\\\\\\"),
    "disputed": Look("#FFFFFF", "++++"),
    "unclaimed": Look("#F0E442", "oo"),
}


@dataclass(frozen=True)
class Picture:
    """A chart that is drawn when it is asked for, as SVG for pages and as PNG for Word."""

    height_in: float
    draw: Callable[[Figure], None]

    @cached_property
    def svg(self) -> bytes:
        out = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            figure = self._drawn()
            FigureCanvasSVG(figure)
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        return out.getvalue()

    @cached_property
    def png(self) -> bytes:
        out = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            figure = self._drawn()
            FigureCanvasAgg(figure)
            figure.savefig(out, format="png", dpi=_PNG_DPI, metadata={"Software": None})
        return out.getvalue()

    def _drawn(self) -> Figure:
        fonts.register_with_matplotlib()
        figure = Figure(figsize=(WIDTH_IN, self.height_in))
        self.draw(figure)
        return figure


def framed(axes_in: float, rest_in: float, draw: Callable[[Figure, Axes], None], *, left_in: float = LEFT_IN) -> Picture:
    """One field of this height above its time axis, with room for a legend on top."""
    height = axes_in + rest_in

    def drawn(figure: Figure) -> None:
        place = (left_in / WIDTH_IN, 0.32 / height, 1 - (left_in + RIGHT_IN) / WIDTH_IN, axes_in / height)
        draw(figure, figure.add_axes(place))

    return Picture(height, drawn)


def lanes(axes: Axes, links: Sequence[Link]) -> None:
    """One lane a link, the first on top."""
    axes.set_ylim(len(links) - 0.5, -0.5)
    axes.set_yticks(range(len(links)), [short(fonts.drawable(link.name)) for link in links])
    plain(axes)


def plain(axes: Axes) -> None:
    axes.tick_params(length=0, pad=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def short(name: str, room_in: float = LEFT_IN) -> str:
    """A name cut to the margin's width; the tables carry it whole."""
    room = room_in * 72 - 8
    if fonts.width(name, SIZE) <= room:
        return name
    return next(cut for kept in range(len(name), -1, -1) if fonts.width(cut := name[:kept] + "…", SIZE) <= room)


def patch(look: Look, label: str) -> Patch:
    return Patch(facecolor=look.colour, edgecolor=INK, hatch=look.hatch or None, linewidth=0.4, label=label)


def legend(figure: Figure, handles: Sequence[Any], columns: int = 4) -> None:
    figure.legend(
        handles=list(handles),
        loc="upper center",
        ncols=columns,
        frameon=False,
        fontsize=SIZE,
        handlelength=1.6,
        handleheight=1.1,
        borderaxespad=0.1,
        columnspacing=1.6,
    )


def said_across(axes: Axes, text: str) -> None:
    """One sentence in the middle of a field that has nothing to draw."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", size=10, backgroundcolor="white", zorder=5)
