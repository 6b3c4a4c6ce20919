"""The figures of a Statement (judgement R7) that documents show, read once and checked; nothing here is computed.

Durations are exact seconds, ratios exact fractions (None = no data), instants keep the offset they were given with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from jinbao_reports.render.parts import Band, Day, Month

CLASSED = ("counted", "excluded", "not_carrier", "disputed", "unclaimed")


@dataclass(frozen=True, slots=True)
class Span:
    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """For drawing only."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one rung showed at the start of a slice: its outcome token (judgement R1.3)."""

    vantage: str
    target: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Slice:
    span: Span
    seconds: Fraction
    cause: str
    party: str
    class_: str | None  # None: outside service hours
    row: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Outage:
    id: str
    scope: str
    onset: datetime
    restored: datetime | None
    seconds: Fraction
    period_seconds: Fraction
    suspect: bool
    ticket: str | None
    reported_at: datetime | None
    acked_at: datetime | None
    claim_state: str | None
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """How the link felt while it was up: flaps, packet loss, delay in milliseconds; None = not measured."""

    flap_count: int | None
    flap_seconds: Fraction | None
    loss: Fraction | None
    p50: Fraction | None
    p95: Fraction | None


@dataclass(frozen=True, slots=True)
class Exclusion:
    entry: str
    type: str
    span: Span
    applied: Fraction
    reason: str | None
    notified_at: datetime | None
    author: str
    approved_by: str | None
    approved_at: datetime | None
    document: str | None


@dataclass(frozen=True, slots=True)
class Clause:
    id: str
    actual: Fraction | None
    limit: Fraction
    verdict: str


@dataclass(frozen=True, slots=True)
class Link:
    code: str
    name: str
    seconds: Mapping[str, Fraction]
    service_down: Fraction | None  # None: the service was never measured
    ratios: Mapping[str, Fraction | None]
    coverage: Fraction | None
    edge_error: Fraction
    verdict: str
    within_edge_error: bool
    n: int
    mtrs: Fraction | None
    allowed: Fraction | None
    quality: Quality
    outages: tuple[Outage, ...]
    unknown: tuple[Span, ...]
    exclusions: tuple[Exclusion, ...]
    clauses: tuple[Clause, ...]
    months: tuple[Month, ...]
    days: tuple[Day, ...]
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Event:
    cause: str
    party: str
    span: tuple[datetime, datetime | None]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CauseTotal:
    cause: str
    party: str
    class_: str | None
    outages: int
    seconds: Fraction


@dataclass(frozen=True, slots=True)
class Group:
    low: Fraction | None
    high: Fraction | None
    links: int
    verdicts: Mapping[str, int]
    link_outages: int
    counted: int
    seconds: Mapping[str, Fraction]
    causes: tuple[CauseTotal, ...]


@dataclass(frozen=True, slots=True)
class IntegrityNote:
    kind: str
    link: str | None
    target: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Contract:
    title: str
    customer: str
    carrier: str
    version: str
    effective: tuple[str, str | None]  # first day in force, first day no longer
    target: Fraction
    claim_window: Fraction | None  # within it an outage must be reported; None: it need not
    placeholders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """`profile` holds the judging rule's parameters as the statement gives them: text, numbers (seconds) or None."""

    name: str
    period: Span
    as_of: datetime | None
    profile: Mapping[str, str | Fraction | None]
    contract: Contract
    links: tuple[Link, ...]
    group: Group
    events: tuple[Event, ...]
    credits: tuple[Fraction | None, Fraction | None] | None
    integrity: tuple[IntegrityNote, ...]
    inputs: Mapping[str, str]
    version: str
    manifest: tuple[str, str] | None  # day and hash of the latest daily manifest covering the period
    demonstration: bool  # made-up data: every page says so
    number: tuple[int, int | None] | None  # of a frozen report, and of the one it amends (docs/evidence.md)

    @property
    def imported(self) -> bool:
        """A history of intervals, which no probing rule of ours has judged."""
        return "intervals" in self.inputs

    def ratio(self, key: str) -> Fraction | None:
        """A share among the profile's parameters."""
        value = self.profile[key]
        return value if isinstance(value, Fraction) else None
