"""In which direction a line was down, from the counts of both ends' questions (R4.4 row 21: it annotates, it classes nothing).

`up` is from the township to the county. A township's question goes up and its answer down, a county's the other way. What did
not arrive was lost on the question's way, what arrived and brought no answer on the answer's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jinbao_agent.sample import Event
from jinbao_reports.interval import Span

COUNTED = "peer_counts"


@dataclass(frozen=True, slots=True)
class PeerCounts:
    """One episode of losses as the asker at `vantage` counted it; [start, end] in milliseconds UTC."""

    vantage: str
    start: int
    end: int
    sent: int
    arrived: int
    returned: int

    def lost(self) -> tuple[int, int]:
        """(up, down)"""
        there, back = self.sent - self.arrived, self.arrived - self.returned
        return (there, back) if self.vantage == "township" else (back, there)

    def tried(self) -> tuple[int, int]:
        """(up, down): how many set out in each direction. No answer sets out to a question that never came."""
        return (self.sent, self.arrived) if self.vantage == "township" else (self.arrived, self.sent)


def peer_counts(link: str, events: Iterable[Event]) -> tuple[PeerCounts, ...]:
    """The episodes recorded about one link, in order of time. What contradicts itself is left out."""
    return tuple(sorted(_read(link, events), key=lambda counts: (counts.start, counts.end, counts.vantage)))


def _read(link: str, events: Iterable[Event]) -> Iterator[PeerCounts]:
    for event in events:
        if event.event != COUNTED or event.link != link:
            continue
        start, end, sent, arrived, returned = map(event.number, ("from_ms", "to_ms", "sent", "arrived", "returned"))
        if start is None or end is None or sent is None or arrived is None or returned is None:
            continue
        if start <= end and 0 <= returned <= arrived <= sent:
            yield PeerCounts(event.vantage, start, end, sent, arrived, returned)


def direction(counts: Iterable[PeerCounts]) -> str | None:
    """up, down or both; None where nobody knows. A direction that nothing tried to go is not known to have worked: of a line
    that is cut, one end alone sees only that its questions do not arrive."""
    known = [*counts]
    up_lost, down_lost = (sum(one.lost()[way] for one in known) for way in (0, 1))
    up_tried, down_tried = (sum(one.tried()[way] for one in known) for way in (0, 1))
    if up_lost and down_lost:
        return "both"
    if up_lost and down_tried:
        return "up"
    return "down" if down_lost and up_tried else None


def around(counts: Iterable[PeerCounts], span: Span, interval: int) -> tuple[PeerCounts, ...]:
    """The episodes that touch a span; each of their instants may lie one interval (milliseconds) off its edge, for another rung
    drew that."""
    start, end = span
    return tuple(one for one in counts if one.start < end + interval and one.end >= start - interval)
