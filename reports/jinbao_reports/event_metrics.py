"""What a link's outages say about failure and repair: MTRS, MTBF, MTBSI, response and repair (methods A4, judgement R5.7)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from jinbao_collector.entry import Entry
from jinbao_collector.series import Ints
from jinbao_collector.store import SeriesKey
from jinbao_reports.attribution import County
from jinbao_reports.interval import intersect, total
from jinbao_reports.judge import Case, JudgedOutage, Judgement, LinkJudgement
from jinbao_reports.notation import exact, ratio, seconds
from jinbao_reports.quantiles import chi_square
from jinbao_reports.service_time import service_spans
from jinbao_reports.state import Outage
from jinbao_reports.timeline import Results

CONFIDENCE = Fraction(95, 100)

Json = dict[str, Any]


def failures(judged: LinkJudgement, case: Case) -> list[JudgedOutage]:
    """The outages of N: with counted time, and their onset in the period."""
    start, end = case.period.span
    return [found for found in counted(judged) if start <= found.outage.onset < end]


def counted(judged: LinkJudgement) -> list[JudgedOutage]:
    """The outages of the line with counted time in the period, wherever their onset lies."""
    return [found for found in judged.outages if found.outage.scope == "link" and found.counted]


def metrics(judged: LinkJudgement, judgement: Judgement) -> Json:
    """None is not defined: no mean over nothing, no MTBF without an outage. An open outage is in N, not in MTRS."""
    case, denominator = judgement.case, judged.sums.denominator(judgement.case.contract.value.mode)
    found = failures(judged, case)
    restored = [item.outage.restored - item.outage.onset for item in found if item.outage.restored is not None]
    n, limits = len(found), case.contract.value.limits
    return {
        "n": n,
        "open": n - len(restored),
        "mtrs": seconds(_mean(restored)),
        "mtbf": seconds(Fraction(denominator - judged.sums.counted, n)) if n else None,
        "mtbsi": seconds(Fraction(denominator, n)) if n else None,
        "lower_bound_mtbsi": None if n or judged.verdict == "no_data" else seconds(lower_bound_mtbsi(denominator)),
        "response": _kept(responses(judged, case), limits.response),
        "repair": _kept(repairs(judged, case), limits.repair.limit if limits.repair else None),
    }


def lower_bound_mtbsi(exposure: int) -> Fraction:
    """With no event in so many milliseconds, the mean time between events is at least this, with 95 % confidence (A3.5)."""
    return exposure / (chi_square(CONFIDENCE, 2) / 2)


def _mean(durations: list[int]) -> Fraction | None:
    return Fraction(sum(durations), len(durations)) if durations else None


def _kept(durations: Iterable[int], limit: int | None) -> Json:
    """How many of these durations keep the contract's limit; no share without a limit, none of nothing."""
    found = list(durations)
    in_time = None if limit is None else sum(duration <= limit for duration in found)
    share = None if in_time is None or not found else Fraction(in_time, len(found))
    return {
        "n": len(found),
        "mean": seconds(_mean(found)),
        "longest": seconds(max(found, default=None)),
        "in_time": in_time,
        "ratio": ratio(share),
        "exact": exact(share),
    }


def responses(judged: LinkJudgement, case: Case) -> Iterator[int]:
    """Report to acknowledgement, milliseconds, of the tickets acknowledged in the period."""
    start, end = case.period.span
    for found in _reported(judged):
        lasted = response(found.claim.ticket)
        if lasted is not None and found.claim.ticket and start <= (found.claim.ticket.acked_at or 0) < end:
            yield lasted


def response(ticket: Entry | None) -> int | None:
    """Report to acknowledgement, milliseconds; None where either is not known."""
    if ticket is None or ticket.reported_at is None or ticket.acked_at is None:
        return None
    return max(0, ticket.acked_at - ticket.reported_at)


def repairs(judged: LinkJudgement, case: Case) -> Iterator[int]:
    """Report to restoration, milliseconds, of the outages restored in the period; on a working clock only service hours run."""
    (start, end), contract = case.period.span, case.contract.value
    working = contract.limits.repair is not None and contract.limits.repair.clock == "working"
    for found in _reported(judged):
        ticket, restored = found.claim.ticket, found.outage.restored
        if ticket is not None and ticket.reported_at is not None and restored is not None and start <= restored < end:
            span = ticket.reported_at, max(restored, ticket.reported_at)
            hours = service_spans(span, contract.service_hours, contract.zone, case.legal) if working else (span,)
            yield total(intersect((span,), hours))


def _reported(judged: LinkJudgement) -> list[JudgedOutage]:
    """The counted outages whose ticket may fall into the period, those of other periods too."""
    return [*counted(judged), *(found for found in judged.elsewhere if found.counted)]


def detected_at(judgement: Judgement, outage: Outage) -> int | None:
    """The instant of the n-th bad result in a row, from which the outage could be known; None in a history of intervals."""
    basis, rule = judgement.basis, judgement.case.outage_rule
    if not isinstance(basis, County):
        return None
    key, service = _that_gave(basis, outage)
    results = basis.measured.judged(key, rule, service=service)
    if rule.dt is None:
        rung = basis.measured.rung(*key, service=service)
        begun = _run_around(results, rung.samples.last, outage.onset)
        known = None if begun is None else rung.following(begun, rule.n)
    else:
        begun = _run_around(results, results.at, outage.onset)
        known = None if begun is None else results.held[results.at >= begun]
    if known is None or len(known) < rule.n:
        return None
    return max(outage.onset, int(known[rule.n - 1]))


def _that_gave(county: County, outage: Outage) -> tuple[SeriesKey, bool]:
    """The series that decided at the outage's onset, and whether a refusal was a failure of it."""
    if outage.scope == "service":
        name = county.contract.state.service
        return (outage.link, name.vantage, name.target), True
    givers = county.states[outage.link].givers
    return next(key for spans, key in givers if intersect(((outage.onset, outage.onset + 1),), spans)), False


def _run_around(results: Results, last: Ints, instant: int) -> int | None:
    """Where the consecutive bad results begin that are under way at an instant; `last` are their rows' ends."""
    row = int(last.searchsorted(instant))
    if row < len(results) and results.ok[row] and results.at[row] < instant:
        return instant
    while row and not results.ok[row - 1] and (row == len(results) or results.held[row - 1] == results.at[row]):
        row -= 1
    return int(results.at[row]) if row < len(results) else None
