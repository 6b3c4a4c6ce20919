"""Which time counts: the period, a link's validity, and the contract's service hours (judgement R5.1, R5.10).

Local time exists only here and on the page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from jinbao_config import units
from jinbao_config.contract import ServiceHours
from jinbao_config.links import Link
from jinbao_reports.interval import FOREVER, Span, Spans, intersect, merge
from jinbao_reports.legal_days import LegalDays
from jinbao_reports.source import BadInput

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """What is judged: its name as asked for, its span in milliseconds UTC, and its kind (day, month, quarter, year, span)."""

    name: str
    span: Span
    kind: str


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """Local midnight at which a day begins."""
    return units.datetime_us(datetime.combine(day, time(), zone)) // 1000


def local_day(instant_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(instant_ms // 1000, UTC).astimezone(zone).date()


def parse_period(text: str, zone: ZoneInfo) -> Period:
    """'2021', '2021-Q2', '2021-04', '2021-04-10' or 'FROM/TO', half-open. Raises BadInput."""
    try:
        if "/" in text:
            start, end = (_edge(edge, zone) for edge in text.split("/"))
            kind = "span"
        else:
            first, last, kind = _calendar_days(text)
            start, end = midnight_ms(first, zone), midnight_ms(last, zone)
    except ValueError:
        raise BadInput(
            f"--period {text!r}: expected 2021, 2021-Q2, 2021-04, 2021-04-10 or FROM/TO with dates or RFC 3339 times"
        ) from None
    if start >= end:
        raise BadInput(f"--period {text!r}: must end after it begins")
    return Period(text, (start, end), kind)


def _edge(text: str, zone: ZoneInfo) -> int:
    return midnight_ms(date.fromisoformat(text), zone) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else units.instant_ms(text)


def _calendar_days(text: str) -> tuple[date, date, str]:
    if re.fullmatch(r"\d{4}", text):
        return date(int(text), 1, 1), date(int(text) + 1, 1, 1), "year"
    if match := re.fullmatch(r"(\d{4})-Q([1-4])", text):
        first = date(int(match[1]), 3 * int(match[2]) - 2, 1)
        return first, _months_later(first, 3), "quarter"
    if re.fullmatch(r"\d{4}-\d\d", text):
        first = date.fromisoformat(f"{text}-01")
        return first, _months_later(first, 1), "month"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError(text)
    first = date.fromisoformat(text)
    return first, first + _DAY, "day"


def _months_later(day: date, months: int) -> date:
    months += day.month - 1
    return date(day.year + months // 12, months % 12 + 1, 1)


def calendar_spans(span: Span, per: str, zone: ZoneInfo) -> Iterator[Span]:
    """The local months, quarters or years that touch a span, in order of time."""
    day = local_day(span[0], zone)
    length = {"month": 1, "quarter": 3, "year": 12}[per]
    first = date(day.year, (day.month - 1) // length * length + 1, 1)
    while (start := midnight_ms(first, zone)) < span[1]:
        first = _months_later(first, length)
        yield start, midnight_ms(first, zone)


def validity(link: Link, zone: ZoneInfo) -> Spans:
    """When the link is under contract."""
    end = FOREVER[0][1] if link.to is None else midnight_ms(link.to, zone)
    return ((midnight_ms(link.from_, zone), end),)


def service_spans(span: Span, hours: ServiceHours, zone: ZoneInfo, legal: LegalDays) -> Spans:
    """The contract's service hours within a span. Raises BadInput for a year whose legal calendar is not known."""
    if hours.days == "all" and hours.spans == ((0, units.DAY_MS),):
        return (span,)
    return intersect((span,), merge(_daily(span, hours, zone, legal)))


def _daily(span: Span, hours: ServiceHours, zone: ZoneInfo, legal: LegalDays) -> Iterator[Span]:
    day = local_day(span[0], zone)
    while midnight_ms(day, zone) < span[1]:
        if hours.days == "all" or legal.is_workday(day):
            following = midnight_ms(day + _DAY, zone)
            for first, last in hours.spans:
                yield _clock_ms(day, first, zone), following if last == units.DAY_MS else _clock_ms(day, last, zone)
        day += _DAY


def _clock_ms(day: date, after_midnight: int, zone: ZoneInfo) -> int:
    """The instant at which the local clock shows a time: not midnight plus hours, on a day when the clock changes."""
    hour, minute = divmod(after_midnight // 60_000, 60)
    return units.datetime_us(datetime.combine(day, time(hour, minute), zone)) // 1000
