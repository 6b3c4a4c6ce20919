"""The found timeline of one link held against the ideal one, instant by instant, outside what the sampling leaves open.

What it leaves open, and no more:

1. An outage's edge is found at the first sample after it: within T. Nothing is asked there (`Slack.edge`).
2. A cause's edge inside an outage is decided by samples of both ends: a slice begins at a sample of the one end and looks for
   the other's within T/2, lasts T, and one that fits neither side of the edge goes to the longer neighbour; and an agent counts
   as silent 1.5 T after its last record, which it did not finish writing when it died. So that edge is known only within
   2.5 T (`Slack.cause`); where what may be said only grows or shrinks at it, within T.
3. A cause of less than n T and that gives way to its neighbour, so that either is right (`Slack.smoothed`).
4. No cause spreads across an exact instant (R4.2). Between one and an edge less than that away, 2.5 T more on either side, may
   stand: any cause that is right there (`_from_beside`); and within 2.5 T of the edge the row of a look with samples of both
   sides of it, which elsewhere is smoothed away (`_across`). That row must follow from such a look, by the rule book.
5. Of one cause any of its rows is right within 2.5 T of an edge (`_around`).
6. Line and service are not probed at one instant: what is left of a service's outage at the line's edge (`_edges`).

Time counted against the carrier while nothing of his was broken is a miss besides, wherever and however short, but for 4: there
beside instants of the ledger, and for looks across an edge that lie within T of it, as the statement's own edge error does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinbao_lab import found
from jinbao_lab.ideal import UNKNOWN, UNTOLD, UP, Ideal, Outage, Piece, Said
from jinbao_lab.rulebook import FINDINGS, Finding
from jinbao_lab.truth import Span, Truth

_LATENESS = 20  # a probe leaves up to this part of T late, measured on a busy machine; two samples are so much further apart


@dataclass(frozen=True, slots=True, order=True)
class Miss:
    """What is wrong in [since, until), microseconds UTC, of one link."""

    since_us: int
    until_us: int
    says: str


@dataclass(frozen=True, slots=True)
class Slack:
    """How far an edge may be found from its true instant, microseconds."""

    interval_us: int

    @property
    def edge(self) -> int:
        return self.interval_us + self.interval_us // _LATENESS

    @property
    def cause(self) -> int:
        return self.interval_us * 5 // 2 + self.interval_us // _LATENESS

    @property
    def smoothed(self) -> int:
        """A cause of less, found a little shorter yet, may have to give way to its neighbour (R4.2)."""
        return 3 * self.interval_us + self.cause


def slack_of(truth: Truth) -> Slack:
    return Slack(truth.interval_ms * 1000)


def wrong(ideal: Ideal, told: "found.Found", slack: Slack) -> Iterator[Miss]:
    """Wherever something else is told than may be."""
    for scope, pieces in ideal.pieces.items():
        # Line and service are not probed at one instant: at the line's edges a little is left of the service's outage.
        fringes = list(_edges(ideal.pieces["link"], slack)) if scope == "service" else []
        parts = told.told(scope)
        for since, until, may in certain(pieces, slack):
            for begin, end, said in parts:
                if said not in may and not (said == UP and UNTOLD in may) and begin < until and since < end:
                    free = sorted((*fringes, *_free(ideal, scope, said, may, slack)))
                    for first, last in left(max(since, begin), min(until, end), free):
                        where = "" if scope == "link" else "service: "
                        yield Miss(first, last, f"{where}{said} instead of {words(may)}")


def _free(ideal: Ideal, scope: str, said: Finding | str, may: Said, slack: Slack) -> Iterator[Span]:
    """Where another cause may stand than the right ones: beside an exact instant, and of one cause any row beside an edge."""
    if isinstance(said, Finding) and "down" in _states(may):
        yield from _from_beside(ideal, scope, ideal.exact, said, slack)
        yield from _across(ideal, scope, said, slack, slack.cause)
        if _is_same_cause(said, may):
            yield from _around(ideal.pieces[scope], slack)


def _from_beside(ideal: Ideal, scope: str, exact: Sequence[Span], said: Finding, slack: Slack) -> Iterator[Span]:
    """Where a neighbour's cause may stand, since an exact instant keeps it from what is right."""
    for edge, near in _edges_near(ideal.pieces[scope], exact, slack):
        for begin, end in near:
            span = min(begin, edge) - slack.cause, max(end, edge) + slack.cause
            if said in _right_in(ideal, scope, span):
                yield span


def _across(ideal: Ideal, scope: str, said: Finding, slack: Slack, reach_us: int) -> Iterator[Span]:
    """Where this may stand as what a look says whose samples lie on both sides of an edge, since an exact instant keeps it from
    its longer neighbour; anywhere else that is smoothed away. Only so far from the edge."""
    for edge, _ in _edges_near(ideal.pieces[scope], ideal.exact, slack):
        if said in ideal.mixed(scope, edge - slack.edge, edge + slack.edge):
            yield edge - reach_us, edge + reach_us


def _edges_near(pieces: Sequence[Piece], exact: Sequence[Span], slack: Slack) -> Iterator[tuple[int, list[Span]]]:
    for piece in pieces[1:]:
        near = [one for one in exact if one[0] - slack.smoothed < piece.since_us < one[1] + slack.smoothed]
        if near:
            yield piece.since_us, near


def _right_in(ideal: Ideal, scope: str, span: Span) -> Said:
    """All that is right somewhere in it, and before and after it in the same outage, where that is not down between."""
    beside = [span]
    for outage in ideal.outages:
        if outage.scope == scope and _touches_span(outage.certain, span):
            beside += [one for one in outage.certain if one[1] <= span[0]][-1:]
            beside += [one for one in outage.certain if one[0] >= span[1]][:1]
    right = (one.may for one in ideal.pieces[scope] if _touches_span(beside, (one.since_us, one.until_us)))
    return frozenset().union(*right)


def _touches_span(spans: Sequence[Span], span: Span) -> bool:
    return any(since < span[1] and span[0] < until for since, until in spans)


def _around(pieces: Sequence[Piece], slack: Slack) -> Iterator[Span]:
    yield from ((piece.since_us - slack.cause, piece.since_us + slack.cause) for piece in pieces[1:])


def _is_same_cause(said: Finding, may: Said) -> bool:
    """Another row of the rule book for it."""
    return FINDINGS.get(said.row) == said and any(isinstance(one, Finding) and one.cause == said.cause for one in may)


def _edges(pieces: Sequence[Piece], slack: Slack) -> Iterator[Span]:
    for before, after in pairwise(pieces):
        if _states(before.may) != _states(after.may):
            yield after.since_us - slack.edge, after.since_us + slack.cause


def words(may: Said) -> str:
    return " or ".join(sorted(map(str, may)))


def certain(pieces: Sequence[Piece], slack: Slack) -> Iterator[tuple[int, int, Said]]:
    """The pieces without the time around their edges."""
    for at, piece in enumerate(pieces):
        before, after = pieces[at - 1] if at else None, pieces[at + 1] if at + 1 < len(pieces) else None
        since = piece.since_us + (_open(before, piece, slack) if before else 0)
        until = piece.until_us - (_open(piece, after, slack) if after else 0)
        if since < until:
            yield since, until, piece.may | _smoothing(before, piece, after, slack)


def _open(one: Piece, other: Piece, slack: Slack) -> int:
    """Around the edge between two pieces; a cause's edge, where the line may be down on both sides.

    Where what may be said only grows or shrinks, the piece with more in it stands for the sampling already.
    """
    both_down = "down" in _states(one.may) & _states(other.may)
    return slack.cause if both_down and not (one.may <= other.may or other.may <= one.may) else slack.edge


def _states(may: Said) -> frozenset[str]:
    return frozenset("down" if isinstance(said, Finding) else said for said in may)


def _smoothing(before: Piece | None, piece: Piece, after: Piece | None, slack: Slack) -> Said:
    """What a short cause may have become."""
    if piece.may & {UP, UNKNOWN, UNTOLD} or piece.length >= slack.smoothed:
        return frozenset()
    sides = (side.may for side in (before, after) if side is not None)
    return frozenset(said for may in sides for said in may if isinstance(said, Finding))


def torn(ideal: Ideal, told: "found.Found", slack: Slack) -> Iterator[Miss]:
    """One outage told as several."""
    for outage in ideal.outages:
        cores = [(since + slack.edge, until - slack.edge) for since, until in _within(outage.certain, told.period)]
        named = [one for one in told.outages if one.scope == outage.scope and _touches(one, cores)]
        if len(named) > 1:
            yield Miss(
                outage.certain[0][0], outage.certain[-1][1], f"one outage told as {len(named)}: {[one.id for one in named]}"
            )


def _within(spans: Sequence[Span], period: Span) -> Iterator[Span]:
    yield from ((max(since, period[0]), min(until, period[1])) for since, until in spans)


def _touches(outage: "found.Outage", cores: Sequence[Span]) -> bool:
    parts = [(since, until) for since, until, _ in outage.parts]
    return any(max(begin, since) < min(end, until) for begin, end in parts for since, until in cores)


def faint(ideal: Ideal, told: "found.Found") -> Iterator[Miss]:
    """What is no outage must still be in the figures."""
    traces, (since, until) = ideal.traces, told.period
    if told.flaps < len(traces.flaps):
        yield Miss(since, until, f"{told.flaps} flaps in the figures, of {len(traces.flaps)} at least")
    if told.lost < traces.lost:
        yield Miss(since, until, f"{told.lost} lost samples in the figures, of {traces.lost} at least")
    if told.p99_us < traces.slow_us:
        yield Miss(
            since, until, f"p99 is {told.p99_us / 1000:.0f} ms, though many round trips took {traces.slow_us / 1000:.0f} ms"
        )


def unjust(ideal: Ideal, told: "found.Found", blamed: Sequence[Span], slack: Slack) -> Iterator[Miss]:
    """Counted against the carrier where nothing of his was broken; `blamed` is when something was."""
    stated = [(begin, end) for begin, end in ideal.exact if begin == end]
    known = [(since - slack.edge, until + slack.cause) for since, until in blamed]
    for since, until, said in told.told("link"):
        if isinstance(said, Finding) and said.klass == "counted":
            kept = _from_beside(ideal, "link", stated, said, slack)
            across = _across(ideal, "link", said, slack, slack.edge)
            whole = (span for span in across if span[0] <= since and until <= span[1])
            for begin, end in left(since, until, sorted((*known, *kept, *whole))):
                yield Miss(begin, end, f"{said}: counted, and nothing of the carrier's was broken")


def left(since: int, until: int, taken: Sequence[Span]) -> Iterator[Span]:
    """What of [since, until) is not taken; `taken` in order."""
    for begin, end in taken:
        if since < min(begin, until):
            yield since, min(begin, until)
        since = max(since, end)
    if since < until:
        yield since, until


def best(outages: Sequence["found.Outage"], span: Span, slack: Slack) -> "found.Outage | None":
    """The one that shares most with a fault; touching is enough."""

    def shared(one: "found.Outage") -> int:
        ends = [until for _, until, _ in one.parts]
        return min(max(ends, default=one.since_us), span[1] + slack.edge) - max(one.since_us, span[0] - slack.edge)

    likely = max(outages, key=shared, default=None)
    return likely if likely is not None and shared(likely) > 0 else None


def nearest(outages: Sequence[Outage], like: "found.Outage") -> Outage | None:
    """The ideal outage that a found one is."""
    same = [one for one in outages if one.scope == like.scope]
    return min(same, key=lambda one: abs(one.certain[0][0] - like.since_us), default=None)
