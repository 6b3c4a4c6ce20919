"""The Statement: every number a page may show, as JSON (judgement R7)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib import metadata
from typing import Any

from jinbao_collector.store import Flaw
from jinbao_reports import calendar, sla
from jinbao_reports.clauses import clauses, credits_of
from jinbao_reports.common_events import CommonEvent
from jinbao_reports.event_metrics import detected_at, metrics, response
from jinbao_reports.group import group
from jinbao_reports.inference import inference
from jinbao_reports.interval import Span, Spans, contains, intersect, subtract, total
from jinbao_reports.judge import JudgedOutage, Judgement, LinkJudgement, Part
from jinbao_reports.notation import Writer, exact, milliseconds, ratio, seconds
from jinbao_reports.profiles import OutageRule
from jinbao_reports.quality import Quality
from jinbao_reports.slices import shown_slices
from jinbao_reports.stated import Exclusion
from jinbao_reports.terms import terms_of
from jinbao_reports.timeline import Flap

SCHEMA = "jinbao.statement/1"
_RATIOS = ("low", "high", "measured", "user_low", "user_high")

Json = dict[str, Any]


def statement(judgement: Judgement, inputs: Mapping[str, str], flaws: Iterable[Flaw]) -> Json:
    case, contract = judgement.case, judgement.case.contract.value
    write = Writer(contract.zone)
    links = [_link(judged, judgement, write) for judged in judgement.links]
    return {
        "schema": SCHEMA,
        "as_of": write.instant(case.as_of),
        "period": {
            "name": case.period.name,
            "from": write.instant(case.period.span[0]),
            "to": write.instant(case.period.span[1]),
            "seconds": seconds(total((case.period.span,))),
        },
        "profile": _profile(judgement),
        "contract": _contract(judgement),
        "placeholders": list(case.contract.placeholders),
        "inputs": dict(sorted({**inputs, **calendar.inputs_of(case)}.items())),
        "calendar": calendar.described(case),
        "integrity": [
            {"kind": flaw.kind, "link": flaw.link, "target": flaw.target, "at": write.instant(flaw.at)}
            for flaw in sorted({*flaws, *calendar.flaws_of(case)})
        ],
        "links": links,
        "events": [_event(event, write) for event in judgement.events],
        "group": group(judgement),
        "inference": inference(judgement),
        "credits": credits_of(judgement),
        "made_by": {"name": "jinbao-uptime", "version": metadata.version("jinbao-uptime")},
    }


def _profile(judgement: Judgement) -> Json:
    case, contract, rule = judgement.case, judgement.case.contract.value, judgement.case.outage_rule
    return {
        "name": rule.name,
        "T": seconds(case.links.interval(contract.state.reference.target)),
        "n": rule.n,
        "dt": seconds(rule.dt),
        "C": exact(rule.c),
        "p": rule.p,
        "W": seconds(case.rule.wait),
        "mode": contract.mode,
        "clock_start": contract.clock_start,
        "target": exact(contract.target),
        "unattributed": contract.unattributed,
    }


def _contract(judgement: Judgement) -> Json:
    document, contract = judgement.case.contract, judgement.case.contract.value
    return {
        "title": contract.parties.title,
        "customer": contract.parties.customer,
        "carrier": contract.parties.carrier,
        "annual_fee": exact(contract.parties.annual_fee),
        "target": exact(contract.target),
        "period": contract.period,
        "claim_window": seconds(contract.claim_window),
        "timezone": contract.timezone,
        "effective": {"from": str(contract.effective.from_), "to": contract.effective.to and str(contract.effective.to)},
        "version": document.sha256,
        "terms": terms_of(contract),
    }


def _link(judged: LinkJudgement, judgement: Judgement, write: Writer) -> Json:
    contract, sums, ratios = judgement.case.contract.value, judged.sums, judged.ratios
    denominator = sums.denominator(contract.mode)
    return {
        "link": judged.link.code,
        "name": judged.link.name,
        "group": judged.link.group,
        "seconds": _seconds(judged, judgement.case.period.span, denominator),
        "service_seconds": _service_seconds(judged),
        "availability": {name: ratio(getattr(ratios, name)) for name in _RATIOS},
        "exact": {name: exact(getattr(ratios, name)) for name in _RATIOS},
        "coverage": ratio(ratios.coverage),
        "coverage_exact": exact(ratios.coverage),
        "edge_error_seconds": seconds(judged.edge_error),
        "verdict": judged.verdict,
        "verdict_within_edge_error": judged.verdict_within_edge_error,
        "outages": [_outage(found, judged, judgement, write) for found in judged.outages],
        "unknown_spans": _unknown_spans(judged, write),
        "flaps": _flaps(judged.flaps, judged.in_force),
        **_high_loss(judged, judgement.case.outage_rule),
        **_quality(judged.quality),
        "metrics": metrics(judged, judgement),
        "allowance": _allowance(sla.allowance_ms(contract, denominator), sums.counted),
        "exclusions": [_exclusion(item, judged, write) for item in _of_period(judged)],
        "clauses": [
            {"id": item.id, "actual": _figure(item, item.actual), "limit": _figure(item, item.limit), "verdict": item.verdict}
            for item in clauses(judged, judgement)
        ],
    }


def _seconds(judged: LinkJudgement, period: Span, denominator: int) -> Json:
    sums = judged.sums
    named = {
        "period": total((period,)),
        "service": sums.service,
        "up": sums.up,
        "counted": sums.counted,
        "excluded": sums.excluded,
        "not_carrier": sums.not_carrier,
        "disputed": sums.disputed,
        "unclaimed": sums.unclaimed,
        "unknown": sums.unknown,
        "denominator": denominator,
    }
    return {name: seconds(ms) for name, ms in named.items()}


def _service_seconds(judged: LinkJudgement) -> Json:
    up, down = (), ()  # type: tuple[Spans, Spans]
    if judged.state.service is not None:
        up, down = judged.state.service.up, judged.state.service.down
    known = total(intersect(judged.service, up)), total(intersect(judged.service, down))
    return {"up": seconds(known[0]), "down": seconds(known[1]), "unknown": seconds(total(judged.service) - sum(known))}


def _unknown_spans(judged: LinkJudgement, write: Writer) -> list[Json]:
    """Service time in which neither side knows the state, and no exclusion covers it."""
    unknown = subtract(intersect(judged.service, judged.state.link.unknown), judged.stated.excluded)
    return [{"from": write.instant(start), "to": write.instant(end)} for start, end in unknown]


def _outage(found: JudgedOutage, judged: LinkJudgement, judgement: Judgement, write: Writer) -> Json:
    outage, ticket = found.outage, found.claim.ticket
    event = next((event for event in judgement.events if outage.id in event.outages), None)
    repair = None
    if ticket is not None and ticket.reported_at is not None and outage.restored is not None:
        repair = max(0, outage.restored - ticket.reported_at)
    return {
        "id": outage.id,
        "scope": outage.scope,
        "onset": write.instant(outage.onset),
        "detected_at": write.instant(detected_at(judgement, outage)),
        "restored": write.instant(outage.restored),
        "seconds": seconds(total(outage.down)),
        "period_seconds": seconds(total(intersect(outage.down, judged.in_force))),
        "counted": seconds(found.counted if outage.scope == "link" else 0),
        "suspect": found.suspect,
        "edge": found.is_edge,
        "event_id": event.id if event else None,
        "ticket": ticket and (ticket.number or ticket.id),
        "reported_at": write.instant(ticket.reported_at if ticket else None),
        "acked_at": write.instant(ticket.acked_at if ticket else None),
        "response_seconds": seconds(response(ticket)),
        "repair_seconds": seconds(repair),
        "claim_state": found.claim.state or None,
        "slices": [
            _slice(part, span, klass, found.direction(span, judgement.case.links.interval("peer")), write)
            for part, span, klass in shown_slices(found, judged)
        ],
    }


def _slice(part: Part, span: Span, klass: str | None, direction: str | None, write: Writer) -> Json:
    return {
        "from": write.instant(span[0]),
        "to": write.instant(span[1]),
        "seconds": seconds(total((span,))),
        "cause": part.verdict.cause,
        "party": part.verdict.party,
        "class": klass,
        "row": part.verdict.row,
        "direction": direction,
        "evidence": [
            {"vantage": look.vantage, "target": look.target, "at": write.instant(look.at), "outcome": look.outcome}
            for look in part.slice.looks(span[0])
        ],
    }


def _flaps(flaps: Sequence[Flap], in_force: Spans) -> Json:
    return {
        "count": len(flaps),
        "samples": sum(contains(in_force, at) for flap in flaps for at in flap.instants),
        "seconds": seconds(sum(total(intersect(flap.holds, in_force)) for flap in flaps)),
    }


def _high_loss(judged: LinkJudgement, rule: OutageRule) -> Json:
    """Bad windows inside available time, and the runs of at least p of them (MEF 10.3); None where no windows are judged."""
    if judged.state.bad_windows is None:
        return {"hli": None, "chli_runs": None}
    runs = [[at for at in run.instants if contains(judged.in_force, at)] for run in judged.state.bad_windows]
    return {"hli": sum(map(len, runs)), "chli_runs": rule.p and sum(len(run) >= rule.p for run in runs)}


def _quality(quality: Quality) -> Json:
    return {
        "loss": {"sent": quality.sent, "lost": quality.lost, "ratio": ratio(quality.loss)},
        "latency": {
            "n": quality.n,
            **{f"p{percent}": milliseconds(quality.percentiles.get(percent)) for percent in (50, 95, 99)},
            "median": milliseconds(quality.median),
            "min": milliseconds(quality.least),
            "pdv_p99": milliseconds(quality.pdv_p99),
        },
        "ipdv": {"mean_abs": milliseconds(quality.ipdv_mean_abs), "j": milliseconds(quality.jitter)},
    }


def _allowance(allowed: Fraction, used: int) -> Json:
    return {"allowed": seconds(allowed), "used": seconds(used), "left": seconds(allowed - used)}


def _of_period(judged: LinkJudgement) -> Iterator[Exclusion]:
    return (item for item in judged.stated.exclusions if intersect((item.span,), judged.in_force))


def _exclusion(item: Exclusion, judged: LinkJudgement, write: Writer) -> Json:
    return {
        "entry": item.entry.id,
        "type": item.entry.type,
        "from": write.instant(item.span[0]),
        "to": write.instant(item.span[1]),
        "notified_at": write.instant(item.entry.notified_at),
        "author": item.entry.author,
        "approved_by": item.entry.approved_by,
        "approved_at": write.instant(item.entry.approved_at),
        "document": item.entry.document,
        "applied_seconds": seconds(total(intersect(item.applied, judged.service))),
        "reason_if_not": item.refused or None,
    }


def _figure(item: sla.Clause, value: Fraction | None) -> float | int | str | None:
    """A clause's figure in its own unit: ratio, count, milliseconds, or seconds."""
    if value is None:
        return None
    if item.id in ("availability", "loss"):
        return ratio(value)
    if item.id == "outages":
        return int(value)
    return float(value) if item.id == "p95_ms" else seconds(value)


def _event(event: CommonEvent, write: Writer) -> Json:
    return {
        "id": event.id,
        "cause": event.cause,
        "party": event.party,
        "from": write.instant(event.start),
        "to": write.instant(event.end),
        "links": list(event.links),
    }
