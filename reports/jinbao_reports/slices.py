"""An outage's parts as a page shows them: within the period, cut where the class changes, joined where nothing does."""

from collections.abc import Iterator

from jinbao_reports.interval import Span, intersect, subtract
from jinbao_reports.judge import JudgedOutage, LinkJudgement, Part

Shown = tuple[Part, Span, str | None]
"""The part, the span shown, and its class; None outside the service hours."""


def shown_slices(found: JudgedOutage, judged: LinkJudgement) -> Iterator[Shown]:
    joined: list[Shown] = []
    for part in found.parts:
        for span, klass in _classes_of(part, found, judged):
            before = joined[-1] if joined else None
            if before and before[1][1] == span[0] and before[2] == klass and before[0].verdict == part.verdict:
                joined[-1] = before[0], (before[1][0], span[1]), klass
            else:
                joined.append((part, span, klass))
    yield from joined


def _classes_of(part: Part, found: JudgedOutage, judged: LinkJudgement) -> list[tuple[Span, str | None]]:
    """A part clipped to the period, with its class; None outside the service hours."""
    mine = intersect((part.span,), judged.in_force)
    pieces: list[tuple[Span, str | None]] = [(span, None) for span in subtract(mine, judged.service)]
    for klass, spans in found.classed.items():
        pieces += [(span, klass) for span in intersect(intersect(mine, judged.service), spans)]
    return sorted(pieces, key=lambda piece: piece[0])
