"""What a period lets us expect of the years to come: estimates with their confidence (methods A3.5), labelled as such.

The period's own figures are a census: they need no interval, and no figure of compliance comes from here. Failures are taken as
a Poisson process, times up and down as exponential. Probes are never the sample: those inside one outage are not independent.
What cannot be said stays None, with the reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

from jinbao_reports.event_metrics import CONFIDENCE, failures
from jinbao_reports.judge import JudgedOutage, Judgement, LinkJudgement
from jinbao_reports.notation import exact, ratio, seconds
from jinbao_reports.quantiles import chi_square, fisher

HOUR_MS = 3_600_000
_DIGITS = 9

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observed:
    """`down` has the counted milliseconds of each independent event; `exposure` is the time in which one could be seen.

    `ended`: each event was over within the period, so that its whole length is known.
    """

    exposure: int
    up: int
    down: tuple[int, ...]
    ended: bool

    @property
    def n(self) -> int:
        return len(self.down)


def event_bounds(n: int, confidence: Fraction) -> tuple[Fraction, Fraction]:
    """Bounds on the events expected where n were seen: two-sided; with none seen 0 and the one-sided upper bound."""
    if not n:
        return Fraction(0), chi_square(confidence, 2) / 2
    tail = (1 - confidence) / 2
    return chi_square(tail, 2 * n) / 2, chi_square(1 - tail, 2 * n + 2) / 2


def availability_low(up: int, down: int, n: int, confidence: Fraction) -> Fraction:
    """One-sided lower bound on the share of time up, from n exponential times up and as many down."""
    return 1 / (1 + Fraction(down, up) * fisher(confidence, 2 * n))


def inference(judgement: Judgement) -> Json:
    found = {judged.link.code: failures(judged, judgement.case) for judged in judgement.links}
    period_end = judgement.case.period.span[1]
    links = [_observed([judged], ([item] for item in found[judged.link.code]), period_end) for judged in judgement.links]
    every = [item for items in found.values() for item in items]
    group = _observed(judgement.links, _independent(every, judgement), period_end)
    return {
        "labelled": True,
        "about": "long_run",
        "confidence": exact(CONFIDENCE),
        "assumes": ["poisson_events", "exponential_times", "common_events_are_one"],
        "links": [
            {"link": judged.link.code, **_inferred(observed)} for judged, observed in zip(judgement.links, links, strict=True)
        ],
        "group": {"links": len(judgement.links), "outages": len(every), **_inferred(group)},
    }


def _observed(judged: Iterable[LinkJudgement], events: Iterable[list[JudgedOutage]], period_end: int) -> Observed:
    sums, found = [link.sums for link in judged], list(events)
    return Observed(
        exposure=sum(sum_.up + sum_.counted + sum_.disputed + sum_.unclaimed for sum_ in sums),
        up=sum(sum_.up for sum_ in sums),
        down=tuple(sum(item.counted for item in event) for event in found),
        ended=all(item.outage.restored is not None and item.outage.restored <= period_end for event in found for item in event),
    )


def _independent(outages: list[JudgedOutage], judgement: Judgement) -> Iterator[list[JudgedOutage]]:
    """Outages that a common event ties together are one event."""
    event_of = {item.outage.id: {item.outage.id} for item in outages}
    for event in judgement.events:
        tied = set().union(*(event_of[outage] for outage in event.outages if outage in event_of))
        event_of |= dict.fromkeys(tied, tied)
    by_id = {item.outage.id: item for item in outages}
    for tied in {min(tied): tied for tied in event_of.values()}.values():
        yield [by_id[outage] for outage in sorted(tied)]


def _inferred(observed: Observed) -> Json:
    return {
        "n": observed.n,
        "exposure_seconds": seconds(observed.exposure),
        "up_seconds": seconds(observed.up),
        "down_seconds": seconds(sum(observed.down)),
        **_rates(observed),
        **_durations(observed),
    }


def _rates(observed: Observed) -> Json:
    """Events an hour, time between their onsets, time up between them; without an event only one bound of each is known."""
    if not observed.exposure:
        nothing = {"estimate": None, "low": None, "high": None, "sides": None, "reason": "no_data"}
        return {name: dict(nothing) for name in ("rate_per_hour", "mtbsi", "mtbf")}
    n, (low, high) = observed.n, event_bounds(observed.n, CONFIDENCE)
    shared = {"sides": 2 if n else 1, "reason": None if n else "no_outage"}
    hours = Fraction(observed.exposure, HOUR_MS)
    return {
        "rate_per_hour": {"estimate": _number(n / hours), "low": _number(low / hours), "high": _number(high / hours), **shared},
        "mtbsi": {**_between(observed.exposure, n, low, high), **shared},
        "mtbf": {**_between(observed.up, n, low, high), **shared},
    }


def _between(time: int, n: int, low: Fraction, high: Fraction) -> Json:
    """Mean time between events, seconds: the more events are expected, the shorter."""
    return {
        "estimate": seconds(time / Fraction(n)) if n else None,
        "low": seconds(time / high),
        "high": seconds(time / low) if n else None,
    }


def _durations(observed: Observed) -> Json:
    """How far the sum of downtime scatters, and the availability that the link exceeds in the long run."""
    n, down = observed.n, sum(observed.down)
    reason = _why_not(observed)
    if reason:
        return {
            "downtime_sd": {"estimate": None, "reason": reason},
            "availability": {"estimate": None, "low": None, "sides": None, "reason": reason},
        }
    spread = Fraction(isqrt(sum(lasted * lasted for lasted in observed.down) * 10**6), 1000)
    return {
        "downtime_sd": {"estimate": seconds(spread), "reason": None},
        "availability": {
            "estimate": ratio(Fraction(observed.up, observed.up + down)),
            "low": ratio(availability_low(observed.up, down, n, CONFIDENCE)),
            "sides": 1,
            "reason": None,
        },
    }


def _why_not(observed: Observed) -> str | None:
    if not observed.exposure:
        return "no_data"
    if not observed.n:
        return "no_outage"
    if not observed.ended:
        return "outage_not_over"
    return None if observed.up else "never_up"


def _number(value: Fraction) -> float:
    """Nine significant digits."""
    return float(f"{float(value):.{_DIGITS}g}")
