"""Classes, sums and the verdict of one link (judgement R5). Exact: milliseconds and fractions, nothing is rounded here."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from jinbao_config.contract import Contract
from jinbao_reports.interval import Spans, intersect, subtract, total, union
from jinbao_reports.timeline import Timeline

CLASSES = ("excluded", "not_carrier", "disputed", "unclaimed", "counted")


@dataclass(frozen=True, slots=True)
class Sums:
    """Milliseconds by class; `service` is their sum."""

    service: int
    up: int
    counted: int
    excluded: int
    not_carrier: int
    disputed: int
    unclaimed: int
    unknown: int

    def denominator(self, mode: str) -> int:
        return self.service - self.excluded - self.not_carrier if mode == "remove" else self.service

    def numerator(self, mode: str) -> int:
        excused = self.excluded + self.not_carrier if mode == "credit" else 0
        return self.up + self.unclaimed + excused


@dataclass(frozen=True, slots=True)
class Availability:
    """Exact ratios; None where nothing was measured. `low` takes unknown and disputed as down, `high` as up."""

    low: Fraction | None
    high: Fraction | None
    measured: Fraction | None
    coverage: Fraction | None
    user_low: Fraction | None
    user_high: Fraction | None


def sums(service: Spans, state: Timeline, classed: Iterable[tuple[Spans, str]], excluded: Spans) -> Sums:
    """Each instant of the service time in exactly one class, the first that applies: the exclusions, then the DOWN classes."""
    by_class: dict[str, Spans] = {"excluded": excluded}
    for spans, klass in classed:
        by_class[klass] = union(by_class.get(klass, ()), spans)
    left, found = service, {}
    for klass in CLASSES:
        mine = intersect(left, by_class.get(klass, ()))
        found[klass] = total(mine)
        left = subtract(left, mine)
    up = total(intersect(left, state.up))
    return Sums(service=total(service), up=up, unknown=total(left) - up, **found)


def availability(seconds: Sums, user: Timeline, service: Spans, mode: str) -> Availability:
    return ratios(seconds, total(intersect(service, user.up)), total(intersect(service, user.down)), mode)


def ratios(seconds: Sums, user_up: int, user_down: int, mode: str) -> Availability:
    """Of one link, or of many whose sums were added. `user_up` and `user_down`: milliseconds of service as its users saw it."""
    denominator, numerator = seconds.denominator(mode), seconds.numerator(mode)
    user_low = user_high = None
    if user_up + user_down:
        user_low, user_high = Fraction(user_up, seconds.service), 1 - Fraction(user_down, seconds.service)
    if not denominator or seconds.unknown == denominator:
        return Availability(None, None, None, None, user_low, user_high)
    judged = numerator + seconds.counted
    return Availability(
        low=Fraction(numerator, denominator),
        high=1 - Fraction(seconds.counted, denominator),
        measured=Fraction(numerator, judged) if judged else None,
        coverage=1 - Fraction(seconds.unknown, denominator),
        user_low=user_low,
        user_high=user_high,
    )


def verdict(ratios: Availability, target: Fraction, shift: Fraction = Fraction(0)) -> str:
    """pass, fail, inconclusive (证据不足) or no_data; `shift` moves both bounds."""
    if ratios.low is None or ratios.high is None:
        return "no_data"
    if ratios.low + shift >= target:
        return "pass"
    return "fail" if ratios.high + shift < target else "inconclusive"


def within_edge_error(ratios: Availability, target: Fraction, edge_error_ms: int, denominator: int) -> bool:
    """Whether shifting both bounds by the edge error could change the verdict."""
    if not denominator:
        return False
    shift = Fraction(edge_error_ms, denominator)
    return len({verdict(ratios, target, moved) for moved in (-shift, Fraction(0), shift)}) > 1


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise and what became of it. `actual` and `limit` are exact.

    not_applicable where nothing called for it, no_data where nothing was measured.
    """

    id: str
    actual: Fraction | None
    limit: Fraction
    verdict: str


def clause(id: str, actual: Fraction | int | None, limit: Fraction | int, absent: str = "not_applicable") -> Clause:
    """A promise kept as long as `actual` does not exceed `limit`; `absent` is the verdict where there is no actual."""
    if actual is None:
        return Clause(id, None, Fraction(limit), absent)
    return Clause(id, Fraction(actual), Fraction(limit), "pass" if actual <= limit else "fail")


def allowance_ms(contract: Contract, denominator: int) -> Fraction:
    """Counted downtime that still meets the target."""
    return (1 - contract.target) * denominator
