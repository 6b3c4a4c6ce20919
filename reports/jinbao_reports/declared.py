"""A history that is intervals already, such as another tool's: it bypasses samples, timeline and attribution (judgement R6)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from jinbao_config.links import ALL_LINKS
from jinbao_reports.attribution import Attributed
from jinbao_reports.files import StateSpan
from jinbao_reports.interval import FOREVER, Span, Spans, intersect, merge, union
from jinbao_reports.quality import NOTHING_ASKED, Quality
from jinbao_reports.smoothing import Slice
from jinbao_reports.state import LinkState, Outage
from jinbao_reports.stated import Stated
from jinbao_reports.table import ROWS, UNATTRIBUTED, Observation, Row
from jinbao_reports.timeline import Timeline

_ROW_OF = {row.cause: row for row in reversed(ROWS)} | {"": UNATTRIBUTED, UNATTRIBUTED.cause: UNATTRIBUTED}


@dataclass(frozen=True)
class Declared:
    """The rows of an intervals file as a basis of judgement. Its edges are exact."""

    spans: tuple[StateSpan, ...]
    stated: Mapping[str, Stated]
    codes: tuple[str, ...]
    as_of: int | None = None

    @property
    def states(self) -> Mapping[str, LinkState]:
        return {code: _state(tuple(self._of(code))) for code in self.codes}

    def _of(self, code: str) -> Iterator[StateSpan]:
        known = ((FOREVER[0][0], FOREVER[0][1] if self.as_of is None else self.as_of),)
        for piece in self.spans:
            if piece.link in (code, ALL_LINKS):
                for span in intersect((piece.span,), known):
                    yield StateSpan(code, span, piece.state, piece.cause)

    def attributed(self, outage: Outage, carried: Spans) -> Attributed:
        wanted = "down" if outage.scope == "link" else "service_down"
        pieces = [piece for piece in self._of(outage.link) if piece.state == wanted]
        slices = [
            Slice(start, end, row_of(piece.cause), Observation(service=outage.scope == "service"))
            for piece in pieces
            for span in intersect((piece.span,), outage.down)
            for start, end in self._cut(outage.link, span)
        ]
        return Attributed(tuple(sorted(slices, key=lambda piece: piece.start)), carried)

    def _cut(self, link: str, span: Span) -> Iterator[Span]:
        """At the exact instants of the ledger, as samples would be (R4.1)."""
        inside = {edge for edge in self.stated[link].edges() if span[0] < edge < span[1]}
        yield from pairwise(sorted({*span, *inside}))

    def quality(self, link: str, spans: Spans) -> Quality:
        return NOTHING_ASKED


def row_of(cause: str) -> Row:
    """The row that gives a cause. Raises KeyError for a cause the table does not know."""
    return _ROW_OF[cause]


def is_cause(text: str) -> bool:
    return text in _ROW_OF


def _state(spans: Iterable[StateSpan]) -> LinkState:
    by_state: dict[str, Spans] = {}
    for piece in spans:
        by_state[piece.state] = merge((*by_state.get(piece.state, ()), piece.span))
    up, down, service_down = (by_state.get(name, ()) for name in ("up", "down", "service_down"))
    service = Timeline(up, service_down) if service_down else None
    return LinkState(Timeline(union(up, service_down), down), service, (), ())
