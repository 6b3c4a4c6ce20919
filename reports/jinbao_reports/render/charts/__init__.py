"""Pictures a layman reads at once, each drawn from the report's own figures."""

from jinbao_reports.render.charts.calendar import calendar
from jinbao_reports.render.charts.outages import KINDS, kind, minutes, timeline
from jinbao_reports.render.charts.quality import bands, coverage
from jinbao_reports.render.charts.spent import burn, causes
from jinbao_reports.render.charts.style import CLASSES, Look, Picture, short

LANES_A_PAGE = 12

__all__ = [
    "CLASSES",
    "KINDS",
    "LANES_A_PAGE",
    "Look",
    "Picture",
    "bands",
    "burn",
    "calendar",
    "causes",
    "coverage",
    "kind",
    "minutes",
    "short",
    "timeline",
]
