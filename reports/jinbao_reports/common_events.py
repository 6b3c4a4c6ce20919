"""One fault that hits many links is one event (judgement R4.7)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinbao_reports.judge import LinkJudgement, Part

_COMMON_ROWS = ("12", "13b", "14", "15", "16", "17")


@dataclass(frozen=True, slots=True)
class CommonEvent:
    """A cause on one or more links at once. `outages` are the ids it touches; milliseconds UTC."""

    cause: str
    party: str
    start: int
    end: int
    links: tuple[str, ...]
    outages: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.cause}-{self.start}"


@dataclass(frozen=True, slots=True, order=True)
class _Hit:
    kind: tuple[str, str, str]
    start: int
    end: int
    link: str
    outage: str


def common_events(links: "Iterable[LinkJudgement]", interval_ms: int) -> tuple[CommonEvent, ...]:
    """Hits of the same cause (and, for row 12, the same group) that overlap or start at most 2 T apart are one event."""
    events: list[CommonEvent] = []
    cluster: list[_Hit] = []
    for hit in sorted(hit for link in links for hit in _hits(link)):
        if cluster and not (hit.kind == cluster[0].kind and _together(cluster, hit, interval_ms)):
            events.append(_event(cluster))
            cluster = []
        cluster.append(hit)
    if cluster:
        events.append(_event(cluster))
    return tuple(sorted(events, key=lambda event: (event.start, event.cause, event.links)))


def _hits(judged: "LinkJudgement") -> Iterator[_Hit]:
    for found in judged.outages:
        runs: list[tuple[tuple[str, str, str], int, int]] = []
        for part in found.parts:
            kind = _kind(part, judged.link.group)
            if runs and runs[-1][0] == kind and runs[-1][2] == part.start:
                runs[-1] = kind, runs[-1][1], part.end
            else:
                runs.append((kind, part.start, part.end))
        yield from (_Hit(kind, start, end, judged.link.code, found.outage.id) for kind, start, end in runs if kind[0])


def _kind(part: "Part", group: str) -> tuple[str, str, str]:
    """(cause, party, group) of a row that hits many; empty for the others."""
    if part.verdict.row not in _COMMON_ROWS:
        return "", "", ""
    return part.verdict.cause, part.verdict.party, group if part.verdict.row == "12" else ""


def _together(cluster: list[_Hit], hit: _Hit, interval_ms: int) -> bool:
    return hit.start < max(known.end for known in cluster) or hit.start - cluster[-1].start <= 2 * interval_ms


def _event(cluster: list[_Hit]) -> CommonEvent:
    cause, party, _ = cluster[0].kind
    links = tuple(sorted({hit.link for hit in cluster}))
    outages = tuple(sorted({hit.outage for hit in cluster}))
    return CommonEvent(cause, party, cluster[0].start, max(hit.end for hit in cluster), links, outages)
