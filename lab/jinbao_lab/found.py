"""What a Statement says of one link, on a line of time: microseconds UTC, findings in the words of the rule book."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from jinbao_config.units import instant_us
from jinbao_lab.ideal import UNKNOWN, UP
from jinbao_lab.rulebook import Finding
from jinbao_lab.truth import Span

Told = tuple[int, int, Finding | str]


@dataclass(frozen=True, slots=True)
class Outage:
    """As listed; `until_us` None while it is open. `parts` are its slices, neighbours with one finding joined."""

    id: str
    scope: str
    since_us: int
    until_us: int | None
    parts: tuple[Told, ...]

    @property
    def judged(self) -> str:
        return " → ".join(str(finding) for _, _, finding in self.parts)


@dataclass(frozen=True, slots=True)
class Event:
    """A common event."""

    id: str
    cause: str
    since_us: int
    until_us: int
    links: frozenset[str]


@dataclass(frozen=True)
class Found:
    """One link of a Statement over a period."""

    facts: Mapping[str, Any]
    period: Span

    @cached_property
    def outages(self) -> tuple[Outage, ...]:
        return tuple(_outage(one) for one in self.facts["outages"])

    def told(self, scope: str) -> tuple[Told, ...]:
        """The period once: findings, UNKNOWN where the line's state is, else UP."""
        parts = [part for outage in self.outages if outage.scope == scope for part in outage.parts]
        if scope == "link":
            spans = self.facts["unknown_spans"]
            parts += [(instant_us(one["from"]), instant_us(one["to"]), UNKNOWN) for one in spans]
        return tuple(_filled(sorted(parts, key=lambda part: part[:2]), self.period))

    def directions(self, since_us: int, until_us: int) -> set[str | None]:
        """Which way the line is said to be down in [since, until)."""
        slices = (one for outage in self.facts["outages"] for one in outage["slices"] if outage["scope"] == "link")
        return {one["direction"] for one in slices if instant_us(one["from"]) < until_us and since_us < instant_us(one["to"])}

    @property
    def flaps(self) -> int:
        return int(self.facts["flaps"]["count"])

    @property
    def lost(self) -> int:
        return int(self.facts["loss"]["lost"])

    @property
    def p99_us(self) -> float:
        return float(self.facts["latency"]["p99"] or 0) * 1000


def found_in(statement: Mapping[str, Any]) -> dict[str, Found]:
    """By link."""
    period = instant_us(statement["period"]["from"]), instant_us(statement["period"]["to"])
    return {link["link"]: Found(link, period) for link in statement["links"]}


def events_in(statement: Mapping[str, Any]) -> tuple[Event, ...]:
    return tuple(
        Event(one["id"], one["cause"], instant_us(one["from"]), instant_us(one["to"]), frozenset(one["links"]))
        for one in statement["events"]
    )


def _outage(facts: Mapping[str, Any]) -> Outage:
    until = facts["restored"]
    parts = tuple(_joined(facts["slices"]))
    return Outage(facts["id"], facts["scope"], instant_us(facts["onset"]), until and instant_us(until), parts)


def _joined(slices: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
    last: Told | None = None
    for one in slices:
        finding = Finding(str(one["row"]), one["cause"], one["party"], one["class"])
        since, until = instant_us(one["from"]), instant_us(one["to"])
        if last and last[1:] == (since, finding):
            last = last[0], until, finding
            continue
        if last:
            yield last
        last = since, until, finding
    if last:
        yield last


def _filled(parts: Sequence[Told], period: Span) -> Iterator[Told]:
    edges = [(period[0], period[0], UP), *parts, (period[1], period[1], UP)]
    for before, after in pairwise(edges):
        if before[0] < before[1]:
            yield before
        if before[1] < after[0]:
            yield before[1], after[0], UP
