"""The found timeline of one link held against the ideal one, instant by instant, outside what the sampling leaves open.

An outage's edge is found at the first sample after it: within T. A cause's edge inside an outage is decided by samples of
both ends: a slice begins at a sample of the one end and looks for the other's within T/2, lasts T, and one that fits neither
side of the edge goes to the longer neighbour; and an agent counts as silent 1.5 T after its last record, which it did not
finish writing when it died. So that edge is known only within 2.5 T.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinbao_lab import found
from jinbao_lab.ideal import UNKNOWN, UNTOLD, UP, Ideal, Outage, Piece, Said
from jinbao_lab.rulebook import Finding
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
                if said not in may and not (said == UP and UNTOLD in may):
                    for first, last in left(max(since, begin), min(until, end), fringes):
                        where = "" if scope == "link" else "service: "
                        yield Miss(first, last, f"{where}{said} instead of {words(may)}")


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
    """What a short cause may have become; how short it is cannot be told where the line may be up as well."""
    is_long = piece.length >= slack.smoothed and not piece.may & {UP, UNKNOWN, UNTOLD}
    if is_long or "down" not in _states(piece.may):
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


def unjust(told: "found.Found", blamed: Sequence[Span], slack: Slack) -> Iterator[Miss]:
    """Counted against the carrier where nothing of his was broken: `blamed` is when something was. Whatever else is so."""
    widened = sorted((since - slack.edge, until + slack.cause) for since, until in blamed)
    for since, until, said in told.told("link"):
        if isinstance(said, Finding) and said.klass == "counted":
            for begin, end in left(since, until, widened):
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
