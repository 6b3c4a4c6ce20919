"""Common events: one fault that hits many links must be told as one (judgement R4.7)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinbao_lab.compare import Slack, slack_of
from jinbao_lab.county import County
from jinbao_lab.found import Event
from jinbao_lab.ideal import Ideal
from jinbao_lab.rulebook import ONE_EVENT, Finding
from jinbao_lab.truth import Truth


@dataclass(frozen=True, slots=True, order=True)
class _Hit:
    """A cause that is common, on one link: [since, until), microseconds UTC."""

    kind: tuple[str, str]
    since_us: int
    until_us: int
    link: str


def torn(ideals: Mapping[str, Ideal], events: Sequence[Event], county: County, truth: Truth) -> Iterator[str]:
    """Hits that overlap for certain and are not told as one event."""
    slack = slack_of(truth)
    for cluster in _clusters(_hits(ideals, county, truth, slack), slack):
        named = {_event_of(hit, events, slack) for hit in cluster}
        if len(named) > 1:
            links = sorted({hit.link for hit in cluster})
            told = sorted(str(name) for name in named)
            yield f"{cluster[0].kind[0]} on {', '.join(links)}: {len(named)} events instead of one: {told}"


def _hits(ideals: Mapping[str, Ideal], county: County, truth: Truth, slack: Slack) -> list[_Hit]:
    """Those that last long enough to be told whatever the sampling."""
    found = []
    for code, one in ideals.items():
        for piece in (piece for pieces in one.pieces.values() for piece in pieces):
            (said, *more) = piece.may
            since, until = max(piece.since_us, truth.from_us), min(piece.until_us, truth.to_us)
            if not more and isinstance(said, Finding) and said.row in ONE_EVENT and until - since > slack.smoothed:
                group = county.group(one.township) if said.row == "12" else ""
                found.append(_Hit((said.cause, group), since, until, code))
    return sorted(found)


def _clusters(hits: Sequence[_Hit], slack: Slack) -> Iterator[list[_Hit]]:
    cluster: list[_Hit] = []
    for hit in hits:
        if cluster and not (
            hit.kind == cluster[0].kind and hit.since_us + slack.cause < max(one.until_us for one in cluster) - slack.cause
        ):
            yield cluster
            cluster = []
        cluster.append(hit)
    if cluster:
        yield cluster


def _event_of(hit: _Hit, events: Sequence[Event], slack: Slack) -> str | None:
    """The one told of its cause and link while it lasts."""
    since, until = hit.since_us + slack.cause, hit.until_us - slack.cause
    mine = (one for one in events if one.cause == hit.kind[0] and hit.link in one.links)
    return next((one.id for one in mine if max(since, one.since_us) < min(until, one.until_us)), None)
