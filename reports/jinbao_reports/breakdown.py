"""A link's figures by local month and day, and its delay through the period: what pages draw and the workbook adds up.

Seconds are additive, so the months of a year sum to it. Caps, notices and claim windows were applied to the whole before the
cut (judgement R5.5, R5.6), so a month here says what its own statement says.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_reports import sla
from jinbao_reports.interval import Span, Spans, intersect, subtract, total, union
from jinbao_reports.judge import Judgement, LinkJudgement
from jinbao_reports.notation import Writer, exact, milliseconds, ratio, seconds
from jinbao_reports.service_time import calendar_spans, local_day, midnight_ms

DAILY_UP_TO = 100
"""Days: a longer period shows its delay by months."""
_SUMS = ("service", "up", *sla.CLASSES, "unknown")

Json = dict[str, Any]


def breakdown(judged: LinkJudgement, judgement: Judgement) -> Json:
    """`months`: every local month the period touches; `days`: those in which anything but up time passed, or none was promised;
    `bands`: delay and loss by day, in a long period by month.
    """
    zone, period = judgement.case.contract.value.zone, judgement.case.period.span
    spans = _by_class(judged)
    days = list(_days(period, zone))
    months = [(start, end) for part in calendar_spans(period, "month", zone) for start, end in intersect((part,), (period,))]
    by_day = [(day, _sums(spans, day)) for day in days if intersect((day,), judged.in_force)]
    write = Writer(zone)
    return {
        "months": [_month(part, _sums(spans, part), judged, judgement) for part in months],
        "days": [
            {"day": str(local_day(day[0], zone)), **{name: seconds(getattr(found, name)) for name in _SUMS}}
            for day, found in by_day
            if found.up != found.service or not found.service
        ],
        "bands": [_band(part, judged, judgement, write) for part in (days if len(days) <= DAILY_UP_TO else months)],
    }


def _days(period: Span, zone: ZoneInfo) -> Iterator[Span]:
    """The local days that a period touches, the first and the last clipped to it."""
    day = local_day(period[0], zone)
    while (start := midnight_ms(day, zone)) < period[1]:
        day += timedelta(days=1)
        yield max(start, period[0]), min(midnight_ms(day, zone), period[1])


def _by_class(judged: LinkJudgement) -> dict[str, Spans]:
    """The service time of each class; each instant in one, the first that applies (R5.2)."""
    named: dict[str, list[Spans]] = {klass: [] for klass in sla.CLASSES}
    named["excluded"].append(judged.stated.excluded)
    for found in judged.outages:
        if found.outage.scope == "link":
            for klass, spans in found.classed.items():
                named[klass].append(spans)
    left, cut = judged.service, {"service": judged.service}
    for klass in sla.CLASSES:
        cut[klass] = intersect(left, union(*named[klass]))
        left = subtract(left, cut[klass])
    cut["up"] = intersect(left, judged.state.link.up)
    return {**cut, "unknown": subtract(left, cut["up"])}


def _sums(spans: dict[str, Spans], part: Span) -> sla.Sums:
    return sla.Sums(**{name: total(intersect((part,), spans[name])) for name in _SUMS})


def _month(part: Span, sums: sla.Sums, judged: LinkJudgement, judgement: Judgement) -> Json:
    contract = judgement.case.contract.value
    ratios = sla.availability(sums, judged.state.user(), intersect((part,), judged.service), contract.mode)
    bounds = {"low": ratios.low, "high": ratios.high}
    return {
        "month": str(local_day(part[0], contract.zone))[:7],
        "seconds": {
            **{name: seconds(getattr(sums, name)) for name in _SUMS},
            "denominator": seconds(sums.denominator(contract.mode)),
        },
        "availability": {name: ratio(value) for name, value in bounds.items()},
        "exact": {name: exact(value) for name, value in bounds.items()},
        "coverage": ratio(ratios.coverage),
        "verdict": sla.verdict(ratios, contract.target),
    }


def _band(part: Span, judged: LinkJudgement, judgement: Judgement, write: Writer) -> Json:
    quality = judgement.basis.quality(judged.link.code, intersect((part,), judged.in_force))
    return {
        "from": write.instant(part[0]),
        "to": write.instant(part[1]),
        "n": quality.n,
        "sent": quality.sent,
        "lost": quality.lost,
        **{f"p{percent}": milliseconds(quality.percentiles.get(percent)) for percent in (50, 95, 99)},
    }
