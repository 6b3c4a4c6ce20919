"""contract.toml: what the carrier promised, and what is not the carrier's fault. Format: docs/config.md."""

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from jinbao_config import units
from jinbao_config.links import COUNTY_TARGETS, NOTHING, TOWNSHIP_TARGETS
from jinbao_config.shape import (
    ConfigError,
    Document,
    choice,
    flag,
    key,
    list_of,
    map_of,
    read_document,
    table,
    tables,
    text,
    whole,
    words,
)

duration = words(units.duration_ms, "10s")
ratio = words(units.ratio, "99.9%")
decimal = words(units.decimal, "8400.00")
_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _clock_span(value: object) -> tuple[int, int]:
    """'09:00-12:00' -> milliseconds after local midnight, half-open."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match:
        first, last = (int(match[1]) * 60 + int(match[2])) * 60_000, (int(match[3]) * 60 + int(match[4])) * 60_000
        if first < last <= units.DAY_MS:
            return first, last
    raise ValueError('expected a span of one day that ends after it begins, such as "09:00-12:00"')


def _timezone(value: object) -> str:
    try:
        return zoneinfo.ZoneInfo(value).key  # type: ignore[arg-type]  # it raises for anything else
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        raise ValueError('expected a time zone name such as "Asia/Shanghai"') from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    from_: date = key(words(units.day, "2021-01-01"), doc="first day in force", name="from")
    to: date | None = key(words(units.day, "2022-01-01"), None, doc="first day no longer in force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    customer: str = key(text, "", doc="甲方")
    carrier: str = key(text, "", doc="乙方")
    title: str = key(text, "", doc="the contract's title")
    annual_fee: Fraction | None = key(decimal, None, doc="yuan a year for all links together")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a link counts as down; `dt`, `c` and `p` serve the windowed profiles only."""

    profile: str = key(choice("default", "mef", "y1540-2011", "y1540-2016"), "default", doc="the rule's name")
    n: int | None = key(whole(1), None, doc="consecutive results that turn the state")
    wait: int = key(duration, 2000, doc="W: an answer later than this is a failure")
    dt: int | None = key(duration, None, doc="length of a window")
    c: Fraction | None = key(ratio, None, doc="loss ratio above which a window is bad")
    p: int | None = key(whole(1), None, doc="consecutive bad windows that make a CHLI")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesName:
    vantage: str = key(choice("township", "county"), doc="who probes")
    target: str = key(choice(*dict.fromkeys(TOWNSHIP_TARGETS + COUNTY_TARGETS)), doc="which rung")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    reference: SeriesName = key(table(SeriesName), SeriesName(vantage="township", target="core"), doc="decides the link")
    substitute: SeriesName = key(
        table(SeriesName), SeriesName(vantage="county", target="cpe"), doc="decides where the reference is unknown"
    )
    service: SeriesName = key(table(SeriesName), SeriesName(vantage="township", target="app"), doc="decides the service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demarcation:
    county_line_in_contract: bool = key(flag, True, doc="whether the county's own line is the carrier's too")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHours:
    days: str = key(choice("all", "legal_workdays"), "all", doc="which days count")
    spans: tuple[tuple[int, int], ...] = key(
        list_of(words(_clock_span, "09:00-12:00")), ((0, units.DAY_MS),), doc="local hours that count"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    hours: int = key(duration, doc="the most that may be excluded")
    per: str = key(choice("month", "year"), doc="of each calendar month or year")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRule:
    notice: int | None = key(duration, None, doc="how long before its start it must have been announced")
    cap: Cap | None = key(table(Cap), None, doc="the most of it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    excused: bool = key(flag, True, doc="whether a power cut in the township is excused")
    grace: int = key(duration, 300_000, doc="time to come back after the power did")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    limit: int = key(duration, doc="from report to restoration")
    clock: str = key(choice("natural", "working"), "natural", doc="which hours run")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageCount:
    max: int = key(whole(0), doc="the most counted outages")
    per: str = key(choice("month", "quarter", "year"), "month", doc="in each of these")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    response: int | None = key(duration, None, doc="from report to acknowledgement")
    repair: Repair | None = key(table(Repair), None, doc="from report to restoration")
    outages: OutageCount | None = key(table(OutageCount), None, doc="how many outages")
    longest: int | None = key(duration, None, doc="the longest counted outage")
    loss: Fraction | None = key(ratio, None, doc="probe loss while up and down")
    p95_ms: Fraction | None = key(decimal, None, doc="95th percentile of the round trip, milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditBand:
    below: Fraction = key(ratio, doc="availability below this")
    percent: Fraction = key(ratio, doc="of the link's fee for the period")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    schema: str = key(choice("jinbao.contract/1"), doc="the format of this file")
    effective: Effective = key(table(Effective), doc="the days this version is in force")
    timezone: str = key(words(_timezone, "Asia/Shanghai"), "Asia/Shanghai", doc="where its days begin")
    target: Fraction = key(ratio, doc="promised availability")
    period: str = key(choice("month", "quarter", "year"), "month", doc="the period that is judged")
    mode: str = key(choice("remove", "credit"), "remove", doc="whether excused time leaves the denominator or counts as up")
    clock_start: str = key(choice("onset", "report"), "onset", doc="when the carrier's clock starts")
    unattributed: str = key(choice("counted", "disputed"), "disputed", doc="the class of an outage without a cause")
    claim_window: int | None = key(duration, None, doc="how long after onset a fault may be reported; absent: no ticket needed")
    parties: Parties = key(table(Parties), Parties, doc="who signed")
    rule: Rule = key(table(Rule), Rule, doc="when a link is down")
    state: State = key(table(State), State, doc="which series decide")
    demarcation: Demarcation = key(table(Demarcation), Demarcation, doc="where the carrier's part ends")
    service_hours: ServiceHours = key(table(ServiceHours), ServiceHours, doc="absent: 24x7")
    exclusion: Mapping[str, ExclusionRule] = key(
        map_of(table(ExclusionRule)), lambda: NOTHING, doc="kinds of agreed interruption"
    )
    power: Power = key(table(Power), Power, doc="power cuts in the township")
    limits: Limits = key(table(Limits), Limits, doc="further promises")
    credit: tuple[CreditBand, ...] = key(tables(CreditBand), (), doc="违约金 bands; the first that matches holds")

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


def read_contract(file: Path) -> Document[Contract]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Contract, file)
    for where, problem in _contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _contradictions(contract: Contract) -> Iterator[tuple[str, str]]:
    if contract.effective.to is not None and contract.effective.to <= contract.effective.from_:
        yield "effective.to", f"{contract.effective.to}: must lie after from, {contract.effective.from_}"
    if contract.target > 1:
        yield "target", f"{float(contract.target):.6%}: availability cannot exceed 100%"
    for (_, end), (start, _) in zip(contract.service_hours.spans, contract.service_hours.spans[1:], strict=False):
        if start < end:
            yield (
                "service_hours.spans",
                "the spans overlap or are out of order; write them in order, each after the one before",
            )
    for name, side in (
        ("reference", contract.state.reference),
        ("substitute", contract.state.substitute),
        ("service", contract.state.service),
    ):
        known = TOWNSHIP_TARGETS if side.vantage == "township" else COUNTY_TARGETS
        if side.target not in known:
            yield (
                f"state.{name}.target",
                f"{side.target!r}: the {side.vantage} agent has no such rung; it has {', '.join(known)}",
            )
