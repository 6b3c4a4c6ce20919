"""Measurements, contract and statements -> everything a Statement says, still exact. The summary of the whole is `judge`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jinbao_collector.entry import Entry
from jinbao_collector.store import Reader
from jinbao_config.contract import Contract, Rule
from jinbao_config.links import Link, Links
from jinbao_config.shape import Document
from jinbao_reports import sla
from jinbao_reports.attribution import Attributed, County
from jinbao_reports.claims import NO_CLAIM, Claim, claim, tickets_of
from jinbao_reports.common_events import CommonEvent, common_events
from jinbao_reports.direction import PeerCounts, around, direction
from jinbao_reports.interval import FOREVER, Span, Spans, intersect, merge, subtract, total
from jinbao_reports.legal_days import LegalDays, shipped
from jinbao_reports.measured import Measured
from jinbao_reports.profiles import OutageRule, outage_rule
from jinbao_reports.quality import Quality
from jinbao_reports.service_time import Period, midnight_ms, parse_period, service_spans, validity
from jinbao_reports.smoothing import Slice
from jinbao_reports.source import BadInput
from jinbao_reports.state import LinkState, Outage, is_edge, link_state, outages, service_only
from jinbao_reports.stated import Stated, known_at, span_of, stated_about
from jinbao_reports.table import Verdict, class_of, party_of, verdict_of
from jinbao_reports.timeline import Flap


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged, and under what: the contract in force at the period's start, entries known at `as_of`, and
    the legal days as they had been published then.
    """

    links: Links
    contract: Document[Contract]
    period: Period
    entries: tuple[Entry, ...]
    as_of: int | None
    legal: LegalDays = field(default_factory=shipped)

    @property
    def rule(self) -> Rule:
        return self.contract.value.rule

    @property
    def outage_rule(self) -> OutageRule:
        return outage_rule(self.rule)

    def in_force(self) -> tuple[Link, ...]:
        """Links whose validity touches the period."""
        zone = self.contract.value.zone
        return tuple(link for link in self.links.link if intersect((self.period.span,), validity(link, zone)))

    def stated(self) -> dict[str, Stated]:
        known = known_at(self.entries, self.as_of)
        return {link.code: stated_about(link.code, known, self.contract.value) for link in self.in_force()}


class Basis(Protocol):
    """What judgement stands on: samples from both ends (County), or a history that is intervals already (Declared)."""

    @property
    def states(self) -> Mapping[str, LinkState]: ...

    @property
    def stated(self) -> Mapping[str, Stated]: ...

    def attributed(self, outage: Outage, carried: Spans) -> Attributed: ...

    def quality(self, link: str, spans: Spans) -> Quality: ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an outage, [start, end), with one cause and how it is classed on 24x7 time."""

    start: int
    end: int
    verdict: Verdict
    slice: Slice

    @property
    def span(self) -> Span:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class JudgedOutage:
    """An outage with its causes; `classed` says, class by class, what of the service time it took, `counts` what both ends'
    reflectors counted around it."""

    outage: Outage
    parts: tuple[Part, ...]
    claim: Claim
    classed: Mapping[str, Spans]
    suspect: bool
    edge_error: int
    is_edge: bool
    counts: tuple[PeerCounts, ...] = ()

    @property
    def counted(self) -> int:
        return total(self.classed["counted"])

    def direction(self, span: Span, interval: int) -> str | None:
        """In which direction the line was down in this part of it: up, down, both, or not known (row 21)."""
        return direction(around(self.counts, span, interval))


@dataclass(frozen=True, slots=True)
class LinkJudgement:
    """One link's figures. `in_force` is the period within its validity, `service` that within the service hours.

    `outages` have DOWN time in the period. `elsewhere` are reported outages without, whose ticket or restoration falls into it.
    """

    link: Link
    in_force: Spans
    service: Spans
    state: LinkState
    stated: Stated
    outages: tuple[JudgedOutage, ...]
    elsewhere: tuple[JudgedOutage, ...]
    sums: sla.Sums
    ratios: sla.Availability
    edge_error: int
    verdict: str
    verdict_within_edge_error: bool
    quality: Quality
    flaps: tuple[Flap, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    case: Case
    basis: Basis
    links: tuple[LinkJudgement, ...]
    events: tuple[CommonEvent, ...]


def contract_in_force(contracts: Sequence[Document[Contract]], period: str) -> tuple[Document[Contract], Period]:
    """The contract version in force at the period's start, and the period read in its time zone. Raises BadInput."""
    for document in contracts:
        effective, zone = document.value.effective, document.value.zone
        parsed = parse_period(period, zone)
        ends = FOREVER[0][1] if effective.to is None else midnight_ms(effective.to, zone)
        if midnight_ms(effective.from_, zone) <= parsed.span[0] < ends:
            return document, parsed
    files = ", ".join(document.file for document in contracts)
    raise BadInput(f"--period {period}: no contract is in force at its start; looked in {files}")


def judge_samples(source: Reader, case: Case) -> Judgement:
    """From samples: state, then attribution, both on 24x7 time, then `judge`."""
    # All that is known, however far: a ticket, a boot or a clock step long after the period may decide what lies in it (R2.4).
    window = FOREVER[0][0], FOREVER[0][1] if case.as_of is None else case.as_of
    measured = Measured(source, case.links, case.rule.wait, window)
    states = {link.code: link_state(measured, link.code, case.contract.value, case.outage_rule) for link in case.in_force()}
    return judge(County(measured, case.contract.value, case.outage_rule.n, case.in_force(), states, case.stated()), case)


def judge(basis: Basis, case: Case) -> Judgement:
    """Service hours, classes, sums and verdicts of every link, and the events they share."""
    links = tuple(_judge_link(basis, case, link) for link in case.in_force())
    return Judgement(case, basis, links, common_events(links, case.links.interval(case.contract.value.state.reference.target)))


def _judge_link(basis: Basis, case: Case, link: Link) -> LinkJudgement:
    contract, state, stated = case.contract.value, basis.states[link.code], basis.stated[link.code]
    in_force = intersect((case.period.span,), validity(link, contract.zone))
    service = intersect(in_force, service_spans(case.period.span, contract.service_hours, contract.zone, case.legal))
    known = tuple(_judge_outages(basis, case, link, in_force, service))
    judged = tuple(found for found in known if intersect(found.outage.down, in_force))
    on_link = [found for found in judged if found.outage.scope == "link"]
    classed = [(spans, klass) for found in on_link for klass, spans in found.classed.items()]
    seconds = sla.sums(service, state.link, classed, stated.excluded)
    ratios = sla.availability(seconds, state.user(), service, contract.mode)
    edge_error = sum(found.edge_error for found in on_link if found.counted)
    return LinkJudgement(
        link=link,
        in_force=in_force,
        service=service,
        state=state,
        stated=stated,
        outages=judged,
        elsewhere=tuple(found for found in known if found not in judged),
        sums=seconds,
        ratios=ratios,
        edge_error=edge_error,
        verdict=sla.verdict(ratios, contract.target),
        verdict_within_edge_error=sla.within_edge_error(
            ratios, contract.target, edge_error, seconds.denominator(contract.mode)
        ),
        quality=basis.quality(link.code, in_force),
        flaps=tuple(flap for flap in state.flaps if intersect(flap.holds, in_force)),
    )


def _judge_outages(basis: Basis, case: Case, link: Link, in_force: Spans, service: Spans) -> Iterator[JudgedOutage]:
    """Every outage is attributed, for grace carries from one to the next.

    Kept are those with DOWN time in the period, classed by its service time, and those of other periods whose ticket was
    acknowledged, or which were restored, in this one.
    """
    state, stated, contract = basis.states[link.code], basis.stated[link.code], case.contract.value
    interval = case.links.interval(contract.state.service.target)
    for scope, timeline in (("link", state.link), ("service", service_only(state))):
        found = list(outages(link.code, scope, timeline))
        tickets = tickets_of(found, stated.tickets, contract) if scope == "link" else {}
        grace: Spans = ()
        for outage in found:
            attributed = basis.attributed(outage, grace)
            grace = attributed.grace
            ticket = tickets.get(outage.id)
            within = bool(intersect(outage.down, in_force))
            if within or (ticket and _falls_into(case.period.span, ticket, outage)):
                parts = tuple(_parts(attributed.slices, link, contract, stated, scope))
                claimed = claim(outage, ticket, contract, case.as_of) if scope == "link" else NO_CLAIM
                hours = service if within else _hours_of(outage, link, case)
                classed = _classed(parts, claimed, hours, stated.excluded)
                edge = is_edge(outage, state, interval)
                yield JudgedOutage(
                    outage, parts, claimed, classed, attributed.suspect, attributed.edge_error, edge, attributed.counts
                )


def _falls_into(period: Span, ticket: Entry, outage: Outage) -> bool:
    return any(at is not None and period[0] <= at < period[1] for at in (ticket.acked_at, outage.restored))


def _hours_of(outage: Outage, link: Link, case: Case) -> Spans:
    """The service time that an outage of another period touched."""
    contract, whole = case.contract.value, (outage.onset, outage.down[-1][1])
    return intersect(validity(link, contract.zone), service_spans(whole, contract.service_hours, contract.zone, case.legal))


def _parts(slices: Iterable[Slice], link: Link, contract: Contract, stated: Stated, scope: str) -> Iterator[Part]:
    """Each slice's verdict; an approved `cause` entry overrules the table, the one entered later the one before."""
    for piece in slices:
        verdict = verdict_of(piece.row, link, contract, service=scope == "service")
        for entry in stated.causes:
            start, end = span_of(entry)
            if start <= piece.start < end:
                party = entry.party or party_of(entry.cause, link)
                verdict = Verdict(
                    f"ledger:{entry.id}", entry.cause, party, entry.klass or class_of(entry.cause, link, contract)
                )
        yield Part(piece.start, piece.end, verdict, piece)


def _classed(parts: Iterable[Part], claimed: Claim, service: Spans, excluded: Spans) -> dict[str, Spans]:
    """What each class takes of the service time; an exclusion goes before any cause (R5.2)."""
    found: dict[str, list[Span]] = {klass: [] for klass in sla.CLASSES}
    for part in parts:
        inside = intersect((part.span,), service)
        found["excluded"] += intersect(inside, excluded)
        rest = subtract(inside, excluded)
        if part.verdict.klass == "counted":
            found["unclaimed"] += intersect(rest, claimed.unclaimed)
            rest = subtract(rest, claimed.unclaimed)
        by_hand = part.verdict.row.startswith("ledger:")
        # Only an approved exclusion excludes; a cutover that none covers stays open, unless an approved entry classes it.
        found["disputed" if part.verdict.klass == "excluded" and not by_hand else part.verdict.klass] += rest
    return {klass: merge(spans) for klass, spans in found.items()}
