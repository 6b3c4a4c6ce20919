"""All links together: sums over sums, never a mean of percentages, and what took the time."""

from fractions import Fraction
from typing import Any

from jinbao_reports.interval import total
from jinbao_reports.judge import Judgement
from jinbao_reports.notation import exact, ratio, seconds
from jinbao_reports.slices import shown_slices

_VERDICTS = ("pass", "fail", "inconclusive", "no_data")
_TOTALS = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")

Json = dict[str, Any]


def group(judgement: Judgement) -> Json:
    """Time-weighted means (sums over sums, never a mean of percentages), the worst link, and how many pass."""
    mode = judgement.case.contract.value.mode
    judged = [link for link in judgement.links if link.ratios.low is not None]
    denominator = sum(link.sums.denominator(mode) for link in judgement.links)
    low = high = None
    if judged and denominator:
        low = Fraction(sum(link.sums.numerator(mode) for link in judgement.links), denominator)
        high = 1 - Fraction(sum(link.sums.counted for link in judgement.links), denominator)
    worst = min(judged, key=lambda link: (link.ratios.low or 0, link.link.code), default=None)
    return {
        "mean_low": ratio(low),
        "mean_high": ratio(high),
        "exact": {"mean_low": exact(low), "mean_high": exact(high)},
        "worst": worst.link.code if worst else None,
        "passing": sum(link.verdict == "pass" for link in judgement.links),
        "links": len(judgement.links),
        "counted": sum(found.counted > 0 for link in judgement.links for found in link.outages if found.outage.scope == "link"),
        "outages": {scope: _outages(judgement, scope) for scope in ("link", "service")},
        "seconds": {name: seconds(sum(getattr(link.sums, name) for link in judgement.links)) for name in _TOTALS},
        "causes": _causes(judgement),
        "verdicts": {name: sum(link.verdict == name for link in judgement.links) for name in _VERDICTS},
    }


def _outages(judgement: Judgement, scope: str) -> int:
    return sum(found.outage.scope == scope and not found.is_edge for link in judgement.links for found in link.outages)


def _causes(judgement: Judgement) -> list[Json]:
    """Link outages by cause, party and class, the longest first; each outage counts once in each."""
    lasting: dict[tuple[str, str, str | None], int] = {}
    outages: dict[tuple[str, str, str | None], set[str]] = {}
    for link in judgement.links:
        for found in link.outages:
            if found.outage.scope == "link":
                for part, span, klass in shown_slices(found, link):
                    key = part.verdict.cause, part.verdict.party, klass
                    lasting[key] = lasting.get(key, 0) + total((span,))
                    outages.setdefault(key, set()).add(found.outage.id)
    longest_first = sorted(lasting, key=lambda key: (-lasting[key], key[0], key[1], key[2] or ""))
    return [
        {"cause": cause, "party": party, "class": klass, "outages": len(outages[key]), "seconds": seconds(lasting[key])}
        for key in longest_first
        for cause, party, klass in (key,)
    ]
