"""The contract's further promises, and what it pays back when they are broken (judgement R5.7, R5.8)."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from jinbao_reports.interval import intersect, total
from jinbao_reports.judge import JudgedOutage, Judgement, LinkJudgement
from jinbao_reports.service_time import calendar_spans, service_spans
from jinbao_reports.sla import Clause, clause

_PERIODS_A_YEAR = {"month": 12, "quarter": 4, "year": 1}


def clauses(judged: LinkJudgement, judgement: Judgement) -> Iterator[Clause]:
    """Availability first, then each limit the contract sets. Durations are milliseconds."""
    contract, limits = judgement.case.contract.value, judgement.case.contract.value.limits
    yield Clause("availability", judged.ratios.low, contract.target, judged.verdict)
    failures = [found for found in judged.outages if found.outage.scope == "link" and found.counted]
    reported = [*failures, *(found for found in judged.elsewhere if found.counted)]
    if limits.response is not None:
        yield clause("response", max(_responses(reported, judgement), default=None), limits.response)
    if limits.repair is not None:
        yield clause("repair", max(_repairs(reported, judgement), default=None), limits.repair.limit)
    if limits.outages is not None:
        yield clause("outages", _most_outages(failures, judgement, limits.outages.per), limits.outages.max)
    if limits.longest is not None:
        yield clause("longest", max((found.counted for found in failures), default=0), limits.longest)
    if limits.loss is not None:
        yield clause("loss", judged.quality.loss, limits.loss)
    if limits.p95_ms is not None:
        p95 = judged.quality.percentiles.get(95)
        yield clause("p95_ms", None if p95 is None else Fraction(p95, 1000), limits.p95_ms)


def _responses(failures: list[JudgedOutage], judgement: Judgement) -> Iterator[int]:
    """Report to acknowledgement, of the tickets acknowledged in the period."""
    start, end = judgement.case.period.span
    for found in failures:
        ticket = found.claim.ticket
        if ticket and ticket.reported_at is not None and ticket.acked_at is not None and start <= ticket.acked_at < end:
            yield max(0, ticket.acked_at - ticket.reported_at)


def _repairs(failures: list[JudgedOutage], judgement: Judgement) -> Iterator[int]:
    """Report to restoration, of the outages restored in the period; on a working clock only the service hours run."""
    (start, end), contract = judgement.case.period.span, judgement.case.contract.value
    for found in failures:
        ticket, restored = found.claim.ticket, found.outage.restored
        if ticket is None or ticket.reported_at is None or restored is None or not start <= restored < end:
            continue
        span = ticket.reported_at, max(restored, ticket.reported_at)
        working = contract.limits.repair is not None and contract.limits.repair.clock == "working"
        hours = service_spans(span, contract.service_hours, contract.zone, judgement.case.legal) if working else (span,)
        yield total(intersect((span,), hours))


def _most_outages(failures: list[JudgedOutage], judgement: Judgement, per: str) -> int:
    """The most outages with onset in one calendar month, quarter or year of the period."""
    period, zone = judgement.case.period.span, judgement.case.contract.value.zone
    onsets = [found.outage.onset for found in failures if period[0] <= found.outage.onset < period[1]]
    return max(sum(start <= onset < end for onset in onsets) for start, end in calendar_spans(period, per, zone))


def credits_of(judgement: Judgement) -> dict[str, Any]:
    """What the carrier owes: claimed on `high`, shown on `low` too; for a whole contract period only. Yuan, cut to the fen."""
    case, contract = judgement.case, judgement.case.contract.value
    if not contract.credit or contract.parties.annual_fee is None or case.period.kind != contract.period:
        return {"on_high": None, "on_low": None, "rows": []}
    fee = (
        contract.parties.annual_fee / len(judgement.links) / _PERIODS_A_YEAR[contract.period]
        if judgement.links
        else Fraction(0)
    )
    rows = [
        (judged, _credit(judged.ratios.high, judgement, fee), _credit(judged.ratios.low, judgement, fee))
        for judged in judgement.links
    ]
    return {
        "on_high": _yuan(sum((high for _, high, _ in rows), Fraction(0))),
        "on_low": _yuan(sum((low for _, _, low in rows), Fraction(0))),
        "rows": [
            {"link": judged.link.code, "fee": _yuan(fee), "on_high": _yuan(high), "on_low": _yuan(low)}
            for judged, high, low in rows
            if low
        ],
    }


def _credit(availability: Fraction | None, judgement: Judgement, fee: Fraction) -> Fraction:
    if availability is None:
        return Fraction(0)
    bands = judgement.case.contract.value.credit
    return next((band.percent * fee for band in bands if availability < band.below), Fraction(0))


def _yuan(value: Fraction) -> str:
    return f"{int(value * 100) / 100:.2f}"
