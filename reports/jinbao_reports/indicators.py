"""The 绩效 indicators of a period, each with what was measured and the points it earns (methods C2).

At least (正向): full points from the target on, else actual / target of them. At most (反向): full points up to the target,
else target / actual. What is not defined is not scored: "无故障，不适用" is no hundred per cent.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from jinbao_config.indicators import Indicator, Indicators
from jinbao_reports.event_metrics import counted, failures, repairs, responses
from jinbao_reports.interval import intersect, total
from jinbao_reports.judge import Judgement, LinkJudgement
from jinbao_reports.notation import exact, ratio

MONITORED = Fraction(95, 100)
"""A link counts as monitored from this coverage on."""
_MINUTE_MS = 60_000

Json = dict[str, Any]
Measure = Callable[[Judgement], Fraction | None]


def scored(indicators: Indicators, judgement: Judgement) -> list[Json]:
    """What the office states is taken as stated; what the census says comes with the office's word (office.word)."""
    return [score_row(item, _actual(item, judgement)) for item in indicators.indicator]


def _actual(item: Indicator, judgement: Judgement) -> Fraction | None:
    if item.measure == "satisfaction":
        return None
    return item.actual.value if item.actual else MEASURES[item.measure](judgement)


def score_row(item: Indicator, actual: Fraction | None) -> Json:
    points = score(item, actual)
    return {
        "id": item.id,
        "level": item.level,
        "kind": item.kind,
        "name": item.name,
        "measure": item.measure,
        "direction": item.direction,
        "is_share": item.target.is_share,
        "unit": item.unit,
        "wanted": item.wanted,
        "reason": item.reason,
        "target": exact(item.target.value),
        "actual": ratio(actual),
        "points": exact(item.points),
        "score": ratio(points),
        "exact": {"actual": exact(actual), "score": exact(points)},
    }


def score(item: Indicator, actual: Fraction | None) -> Fraction | None:
    return points_for(actual, item.direction, item.target.value, item.points)


def points_for(actual: Fraction | None, direction: str, target: Fraction, points: Fraction) -> Fraction | None:
    """Exact, and never more than the indicator's points."""
    if actual is None:
        return None
    better, worse = (actual, target) if direction == "at_least" else (target, actual)
    return points if better >= worse else points * better / worse


def _share(over: Callable[[LinkJudgement], tuple[int, int]]) -> Measure:
    """Sums over sums of the links of which anything is known; None if that is none."""

    def measure(judgement: Judgement) -> Fraction | None:
        known = [over(link) for link in judgement.links if link.ratios.low is not None]
        whole = sum(denominator for _, denominator in known)
        return Fraction(sum(part for part, _ in known), whole) if whole else None

    return measure


def _availability(judgement: Judgement, *, high: bool) -> Fraction | None:
    mode = judgement.case.contract.value.mode

    def over(link: LinkJudgement) -> tuple[int, int]:
        denominator = link.sums.denominator(mode)
        return denominator - link.sums.counted if high else link.sums.numerator(mode), denominator

    return _share(over)(judgement)


def _coverage(judgement: Judgement) -> Fraction | None:
    """Over all links in force: one of which nothing is known was not monitored at all."""
    whole = sum(link.sums.denominator(judgement.case.contract.value.mode) for link in judgement.links)
    return 1 - Fraction(sum(link.sums.unknown for link in judgement.links), whole) if whole else None


def _user(link: LinkJudgement, *, high: bool) -> tuple[int, int]:
    user = link.state.user()
    down = total(intersect(link.service, user.down))
    return link.sums.service - down if high else total(intersect(link.service, user.up)), link.sums.service


def _passing(judgement: Judgement) -> Fraction | None:
    links = judgement.links
    return Fraction(sum(link.verdict == "pass" for link in links), len(links)) if links else None


def _in_time(judgement: Judgement, durations: Callable[..., Iterator[int]], limit: int | None) -> Fraction | None:
    """None without a limit, and where nothing called for it."""
    found = [lasted for link in judgement.links for lasted in durations(link, judgement.case)]
    return Fraction(sum(lasted <= limit for lasted in found), len(found)) if limit is not None and found else None


def _repair_limit(judgement: Judgement) -> int | None:
    repair = judgement.case.contract.value.limits.repair
    return None if repair is None else repair.limit


def _minutes(judgement: Judgement, most: Callable[[list[int]], int], of: Callable[[LinkJudgement], int]) -> Fraction | None:
    """Of the links of which anything is known."""
    known = [of(link) for link in judgement.links if link.ratios.low is not None]
    return Fraction(most(known), _MINUTE_MS) if known else None


def _failures(judgement: Judgement) -> Fraction | None:
    """None where nothing at all is known: no outage seen by nobody is not no outage."""
    known = any(link.ratios.low is not None for link in judgement.links)
    return Fraction(sum(len(failures(link, judgement.case)) for link in judgement.links)) if known else None


def _longest(link: LinkJudgement) -> int:
    return max((found.counted for found in counted(link)), default=0)


MEASURES: Mapping[str, Measure] = {
    "availability_low": lambda judgement: _availability(judgement, high=False),
    "availability_high": lambda judgement: _availability(judgement, high=True),
    "user_low": _share(lambda link: _user(link, high=False)),
    "user_high": _share(lambda link: _user(link, high=True)),
    "coverage": _coverage,
    "passing": _passing,
    "response": lambda judgement: _in_time(judgement, responses, judgement.case.contract.value.limits.response),
    "repair": lambda judgement: _in_time(judgement, repairs, _repair_limit(judgement)),
    "links_monitored": lambda judgement: Fraction(sum((link.ratios.coverage or 0) >= MONITORED for link in judgement.links)),
    "outages": lambda judgement: _failures(judgement),
    "longest_minutes": lambda judgement: _minutes(judgement, max, _longest),
    "counted_minutes": lambda judgement: _minutes(judgement, sum, lambda link: link.sums.counted),
    "counted_minutes_worst": lambda judgement: _minutes(judgement, max, lambda link: link.sums.counted),
}
