"""The parts of a link's period in a Statement (jinbao_reports.breakdown): its months, its eventful days, how its delay went."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from jinbao_reports import words
from jinbao_reports.render.node import Node, StatementError

_SECONDS = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")


@dataclass(frozen=True, slots=True)
class Month:
    """`name` is "2021-04"."""

    name: str
    seconds: Mapping[str, Fraction]
    low: Fraction | None
    high: Fraction | None
    coverage: Fraction | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day in which not all of the service time was up, or none was promised."""

    day: date
    seconds: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Band:
    """Delay in milliseconds and probes lost, over a day or a month; None where nothing arrived."""

    start: datetime
    end: datetime
    sent: int
    lost: int
    p50: Fraction | None
    p95: Fraction | None
    p99: Fraction | None


def read_month(node: Node) -> Month:
    bounds = node.node("availability")
    return Month(
        name=node.text("month"),
        seconds={key: node.node("seconds").number(key) for key in (*_SECONDS, "denominator")},
        low=bounds.maybe_number("low"),
        high=bounds.maybe_number("high"),
        coverage=node.maybe_number("coverage"),
        verdict=node.code("verdict", words.VERDICTS),
    )


def read_day(node: Node) -> Day:
    try:
        day = date.fromisoformat(node.text("day"))
    except ValueError:
        raise StatementError(node.at("day"), f"{node.text('day')!r}: expected a day such as 2021-04-10") from None
    return Day(day, {key: node.number(key) for key in _SECONDS})


def read_band(node: Node) -> Band:
    delays = {key: node.maybe_number(key) for key in ("p50", "p95", "p99")}
    return Band(node.instant("from"), node.instant("to"), node.count("sent"), node.count("lost"), **delays)
