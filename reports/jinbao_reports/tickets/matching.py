"""Which of the carrier's tickets speaks of which measured outage, one to one on each link.

Judgement asks another question, whether an outage was claimed, and answers it by the time of the report alone (R5.6). Here two
records of the same fault are sought, so the times during which they say it lasted go first:

1. a ticket that names an outage has it;
2. then pairs that overlap, the greatest overlap first, ties to the earlier outage, then to the earlier ticket;
3. what is left, by R5.6: in order of report, each ticket has the latest free outage around it.

An outage has one ticket and a ticket one outage; whatever remains has no partner.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from jinbao_collector.entry import Entry
from jinbao_reports.claims import latest_around
from jinbao_reports.interval import FOREVER
from jinbao_reports.state import Outage
from jinbao_reports.tickets.rows import begin

NAMED, OVERLAP, REPORT = "named", "overlap", "report"


@dataclass(frozen=True, slots=True)
class Side:
    """A ticket on one of its links: what is matched."""

    link: str
    ticket: Entry

    @property
    def begin(self) -> int:
        return begin(self.ticket)

    @property
    def end(self) -> int | None:
        return self.ticket.restored_at


@dataclass(frozen=True, slots=True)
class Pair:
    """`by` says which of the three rules joined them."""

    side: Side
    outage: Outage
    by: str


@dataclass(frozen=True, slots=True)
class Matching:
    """Every outage and every side of a ticket exactly once."""

    pairs: tuple[Pair, ...]
    only_ours: tuple[Outage, ...]
    only_theirs: tuple[Side, ...]


def match(outages: Mapping[str, Sequence[Outage]], sides: Iterable[Side], window: int) -> Matching:
    """`outages` by link; `window` is the contract's claim window in milliseconds."""
    free = {(outage.link, outage.id): outage for found in outages.values() for outage in found}
    left = sorted(sides, key=lambda side: (side.ticket.reported_at or 0, side.ticket.id, side.link))
    pairs: list[Pair] = []
    for propose in (_named, _overlapping, partial(_around, window=window)):
        for pair in propose(left, free):
            # Overlaps are proposed for all; the first that finds both free is the best.
            name = pair.outage.link, pair.outage.id
            if pair.side in left and name in free:
                left.remove(pair.side)
                del free[name]
                pairs.append(pair)
    ours = sorted(free.values(), key=lambda outage: (outage.link, outage.onset))
    return Matching(tuple(sorted(pairs, key=_place)), tuple(ours), tuple(left))


_Free = Mapping[tuple[str, str], Outage]


def _place(pair: Pair) -> tuple[str, int]:
    return pair.outage.link, pair.outage.onset


def _named(sides: Sequence[Side], free: _Free) -> Iterator[Pair]:
    for side in tuple(sides):
        outage = free.get((side.link, side.ticket.outage))
        if outage:
            yield Pair(side, outage, NAMED)


def _overlapping(sides: Sequence[Side], free: _Free) -> Iterator[Pair]:
    """A ticket that is not restored has no time of its own; an outage that is not lasts as long as is known."""
    timed = [side for side in sides if side.end is not None]
    theirs = pd.DataFrame([(side.link, side.begin, side.end, side) for side in timed], columns=["link", "begin", "end", "side"])
    ours = pd.DataFrame(
        [(outage.link, outage.onset, _until(outage), outage) for outage in free.values()],
        columns=["link", "onset", "restored", "outage"],
    )
    both = theirs.merge(ours, on="link")
    if both.empty:
        return
    both["overlap"] = both[["end", "restored"]].min(axis=1) - both[["begin", "onset"]].max(axis=1)
    both["place"] = both.index  # of equal tickets, the one that was reported first
    ranked = both[both["overlap"] > 0].sort_values(["overlap", "onset", "begin", "place"], ascending=[False, True, True, True])
    for side, outage in zip(ranked["side"], ranked["outage"], strict=True):
        yield Pair(side, outage, OVERLAP)


def _until(outage: Outage) -> int:
    return FOREVER[0][1] if outage.restored is None else outage.restored


def _around(sides: Sequence[Side], free: _Free, window: int) -> Iterator[Pair]:
    for side in tuple(sides):
        mine = [outage for outage in free.values() if outage.link == side.link]
        found = latest_around(mine, side.ticket, window)
        if found:
            yield Pair(side, found, REPORT)
