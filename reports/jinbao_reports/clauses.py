"""The contract's further promises, and what it pays back when they are broken (judgement R5.7, R5.8)."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from jinbao_reports.event_metrics import counted, failures, repairs, responses
from jinbao_reports.judge import Case, JudgedOutage, Judgement, LinkJudgement
from jinbao_reports.service_time import calendar_spans
from jinbao_reports.sla import Clause, clause

_PERIODS_A_YEAR = {"month": 12, "quarter": 4, "year": 1}


def clauses(judged: LinkJudgement, judgement: Judgement) -> Iterator[Clause]:
    """Availability first, then each limit the contract sets. Durations are milliseconds."""
    case, contract, limits = judgement.case, judgement.case.contract.value, judgement.case.contract.value.limits
    yield Clause("availability", judged.ratios.low, contract.target, judged.verdict)
    if limits.response is not None:
        yield clause("response", max(responses(judged, case), default=None), limits.response)
    if limits.repair is not None:
        yield clause("repair", max(repairs(judged, case), default=None), limits.repair.limit)
    yield from _measured(judged, case)


def _measured(judged: LinkJudgement, case: Case) -> Iterator[Clause]:
    """The limits on what was measured: no_data where nothing was."""
    limits, seen = case.contract.value.limits, judged.verdict != "no_data"
    if limits.outages is not None:
        most = _most_outages(failures(judged, case), case, limits.outages.per) if seen else None
        yield clause("outages", most, limits.outages.max, "no_data")
    if limits.longest is not None:
        longest = max((found.counted for found in counted(judged)), default=0) if seen else None
        yield clause("longest", longest, limits.longest, "no_data")
    if limits.loss is not None:
        yield clause("loss", judged.quality.loss, limits.loss, "no_data")
    if limits.p95_ms is not None:
        p95 = judged.quality.percentiles.get(95)
        yield clause("p95_ms", None if p95 is None else Fraction(p95, 1000), limits.p95_ms, "no_data")


def _most_outages(found: list[JudgedOutage], case: Case, per: str) -> int:
    """The most outages with onset in one calendar month, quarter or year of the period."""
    onsets = [item.outage.onset for item in found]
    calendar = calendar_spans(case.period.span, per, case.contract.value.zone)
    return max(sum(start <= onset < end for onset in onsets) for start, end in calendar)


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
