"""A basis of judgement in which the carrier's times stand in place of measured outages: the same judging, other intervals.

Attribution is held: a moment that was measured DOWN keeps its cause, a longer outage carries on with the cause before it (ahead
of the first: with the first), and an outage that only the carrier knows is UNATTRIBUTED. Approved exclusions and causes of the
ledger act on all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from jinbao_reports.attribution import Attributed
from jinbao_reports.interval import FOREVER, Span, Spans, intersect, merge, subtract, union
from jinbao_reports.judge import Basis
from jinbao_reports.quality import Quality
from jinbao_reports.smoothing import Slice
from jinbao_reports.state import LinkState, Outage, outages
from jinbao_reports.stated import Stated
from jinbao_reports.table import UNATTRIBUTED, Observation
from jinbao_reports.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Retiming:
    """On one link: a measured outage gives way (`measured`), a span stands in its place (`span`), or both.

    `ends`: the span ends because somebody says so, not because no more is known.
    """

    measured: Outage | None
    span: Span | None
    ends: bool = False


@dataclass(frozen=True)
class Retimed:
    """Another basis with some outages retimed."""

    basis: Basis
    stated: Mapping[str, Stated]
    states: Mapping[str, LinkState]
    known: Mapping[str, Attributed]
    laid: Mapping[str, tuple[Slice, ...]]

    def attributed(self, outage: Outage, carried: Spans) -> Attributed:
        if outage.scope == "service":
            return self.basis.attributed(outage, carried)
        before = self.known.get(outage.id)
        if before is not None and merge((piece.start, piece.end) for piece in before.slices) == outage.down:
            return before  # untouched: with its edge error, and suspect if it was
        return Attributed(tuple(_cut(_within(self.laid[outage.link], outage.down), set(self.stated[outage.link].edges()))))

    def quality(self, link: str, spans: Spans) -> Quality:
        return self.basis.quality(link, spans)


def retimed(basis: Basis, stated: Mapping[str, Stated], changes: Mapping[str, Iterable[Retiming]]) -> Retimed:
    """`changes` by link; `stated` is what people state, with tickets that name the outages they belong to by their new ids."""
    states, known, laid = dict(basis.states), dict[str, Attributed](), dict[str, tuple[Slice, ...]]()
    for link, state in basis.states.items():
        mine = tuple(changes.get(link, ()))
        found = dict(_attributed(basis, link))
        known |= {outage.id: attributed for outage, attributed in found.items()}
        states[link] = replace(state, link=retimed_timeline(state.link, mine))
        laid[link] = _laid(found, mine)
    return Retimed(basis, stated, states, known, laid)


def retimed_timeline(measured: Timeline, changes: Iterable[Retiming]) -> Timeline:
    """Where a measured outage gives way the link was up, also in the unknown time within it; then the spans are down."""
    changes = tuple(changes)
    gone = merge(whole(change.measured) for change in changes if change.measured is not None)
    said = merge(change.span for change in changes if change.span is not None)
    down = union(subtract(measured.down, gone), said)
    last = {end for _, end in down}
    ended = {change.span[1] for change in changes if change.span is not None and change.ends}
    return Timeline(subtract(union(measured.up, gone), said), down, tuple(sorted(ended & last)))


def whole(outage: Outage) -> Span:
    """From onset to restoration; of an open one, to the end of what is known."""
    return outage.onset, outage.down[-1][1] if outage.restored is None else outage.restored


def _attributed(basis: Basis, link: str) -> Iterator[tuple[Outage, Attributed]]:
    """Every measured outage in order, for grace carries from one to the next."""
    grace: Spans = ()
    for outage in outages(link, "link", basis.states[link].link):
        attributed = basis.attributed(outage, grace)
        grace = attributed.grace
        yield outage, attributed


def _laid(found: Mapping[Outage, Attributed], changes: Iterable[Retiming]) -> tuple[Slice, ...]:
    """Slices that cover the DOWN time after the changes, each moment once."""
    gone = {change.measured for change in changes}
    pieces = [piece for outage, attributed in found.items() if outage not in gone for piece in attributed.slices]
    covered = merge((piece.start, piece.end) for piece in pieces)
    said = [(change.span, change.measured) for change in changes if change.span is not None]
    for span, measured in sorted(said, key=lambda item: item[0]):
        causes = () if measured is None else found[measured].slices
        for free in subtract((span,), covered):
            pieces += _spread(free, causes)
        covered = union(covered, (span,))
    return tuple(sorted(pieces, key=lambda piece: piece.start))


def _spread(span: Span, causes: tuple[Slice, ...]) -> Iterator[Slice]:
    """The span cut into the causes that were measured, the first and the last carried on to its ends; without evidence."""
    if not causes:
        yield Slice(*span, UNATTRIBUTED, Observation(service=False))
        return
    edges = [FOREVER[0][0], *(piece.start for piece in causes[1:]), FOREVER[0][1]]
    for piece, reach in zip(causes, pairwise(edges), strict=True):
        for start, end in intersect((reach,), (span,)):
            yield Slice(start, end, piece.row, piece.seen)


def _within(slices: Iterable[Slice], spans: Spans) -> Iterator[Slice]:
    for piece in slices:
        for start, end in intersect(((piece.start, piece.end),), spans):
            yield replace(piece, start=start, end=end)


def _cut(slices: Iterable[Slice], edges: set[int]) -> Iterator[Slice]:
    """At the exact instants of the ledger, as measured outages are (R4.1)."""
    for piece in slices:
        inside = {edge for edge in edges if piece.start < edge < piece.end}
        for start, end in pairwise(sorted({piece.start, piece.end, *inside})):
            yield replace(piece, start=start, end=end)
