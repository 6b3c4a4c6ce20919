"""The carrier's tickets beside the measured outages of a period: who knows of what, how far the times lie apart, and what would
become of every figure if the carrier's times stood in place of ours.

Three accounts are judged by the same code. `ours`: as measured, the tickets entered. `their_times`: outages that both know last
as the carrier says. `their_list`: only what the carrier lists was down.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from jinbao_config.links import ALL_LINKS
from jinbao_reports.comparison import Figure, differing_figures
from jinbao_reports.interval import FOREVER, Span
from jinbao_reports.judge import Case, Judgement, judge
from jinbao_reports.load import Answer, Gathered
from jinbao_reports.state import Outage, outages
from jinbao_reports.stated import Stated
from jinbao_reports.tickets.matching import Matching, Side, match
from jinbao_reports.tickets.retimed import Retiming, retimed, retimed_timeline, whole
from jinbao_reports.tickets.rows import TicketList, touches
from jinbao_reports.tickets.versions import Version, links_of, same_ticket, versions

ACCOUNTS = ("ours", "their_times", "their_list")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`matching` holds what touches the period, `outside` the sides of tickets that do not; `effect` the figures in which the
    accounts differ; `to_enter` how many tickets the ledger lacks or has less of."""

    judgement: Judgement
    listed: TicketList
    matching: Matching
    outside: tuple[Side, ...]
    effect: tuple[Figure, ...]
    to_enter: int

    @property
    def case(self) -> Case:
        return self.judgement.case


def reconcile(gathered: Gathered, listed: TicketList) -> Reconciliation:
    """Raises as judging does."""
    found = versions(listed.tickets, gathered.case.entries)
    entered = tuple(entry for version in found if (entry := version.to_enter(take_theirs=False)))
    answer = gathered.answer(replace(gathered.case, entries=(*gathered.case.entries, *entered)))
    judgement = answer.judgement
    sides, foreign = _sides(found, judgement.case)
    measured = {code: tuple(outages(code, "link", state.link)) for code, state in judgement.basis.states.items()}
    every = match(measured, sides, judgement.case.contract.value.claim_window or 0)
    matching, outside = _of_period(every, judgement)
    accounts = [answer, *(account(answer, matching, whole_list=alone) for alone in (False, True))]
    effect = tuple(differing_figures([judged.statement() for judged in accounts]))
    return Reconciliation(judgement, listed, matching, (*outside, *foreign), effect, len(entered))


def _sides(found: Iterable[Version], case: Case) -> tuple[list[Side], list[Side]]:
    """Each ticket on each of its links; those on links that are not in force in the period apart."""
    codes = [link.code for link in case.in_force()]
    mine: list[Side] = []
    foreign: list[Side] = []
    for version in found:
        for code in links_of(version.theirs):
            for link in codes if code == ALL_LINKS else [code]:
                (mine if link in codes else foreign).append(Side(link, version.theirs))
    return mine, foreign


def _of_period(every: Matching, judgement: Judgement) -> tuple[Matching, list[Side]]:
    period = judgement.case.period.span
    ours = {found.outage for link in judgement.links for found in link.outages if found.outage.scope == "link"}
    pairs = tuple(pair for pair in every.pairs if pair.outage in ours or touches(pair.side.ticket, period))
    theirs = tuple(side for side in every.only_theirs if touches(side.ticket, period))
    inside = Matching(pairs, tuple(outage for outage in every.only_ours if outage in ours), theirs)
    elsewhere = [pair.side for pair in every.pairs if pair not in pairs]
    return inside, elsewhere + [side for side in every.only_theirs if side not in theirs]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the carrier says of one outage on one link. `span`: when it lasted, as far as that is known; `ends`: whether its end
    is the carrier's word."""

    side: Side
    outage: Outage | None
    span: Span | None
    ends: bool


def _told(side: Side, outage: Outage | None, until: int) -> _Told:
    """A ticket without a restoration ends with the measured outage, if that was not over before the ticket began."""
    if side.end is not None:
        return _Told(side, outage, (side.begin, min(side.end, until)), side.end <= until)
    last = None if outage is None else whole(outage)[1]
    return _Told(side, outage, None if last is None or last <= side.begin else (side.begin, last), False)


def account(answer: Answer, matching: Matching, *, whole_list: bool) -> Answer:
    """The same inputs judged with the carrier's times where both know of a fault; `whole_list`: and nowhere else."""
    judgement = answer.judgement
    until = FOREVER[0][1] if judgement.case.as_of is None else judgement.case.as_of
    told = [_told(pair.side, pair.outage, until) for pair in matching.pairs]
    changes: dict[str, list[Retiming]] = {code: [] for code in judgement.basis.states}
    if whole_list:
        told += [_told(side, None, until) for side in matching.only_theirs]
        for outage in matching.only_ours:
            changes[outage.link].append(Retiming(outage, None))
    for one in told:
        if one.span is not None:
            changes[one.side.link].append(Retiming(one.outage, one.span, one.ends))
    stated = {code: _restated(judgement, code, changes[code], told) for code in changes}
    return replace(answer, judgement=judge(retimed(judgement.basis, stated, changes), judgement.case))


def _restated(judgement: Judgement, link: str, changes: Sequence[Retiming], told: Iterable[_Told]) -> Stated:
    """The carrier's tickets in place of the ledger's own; where one names an outage, by the id that moved with its onset."""
    stated = judgement.basis.stated[link]
    after = tuple(outages(link, "link", retimed_timeline(judgement.basis.states[link].link, changes)))
    mine = [one for one in told if one.side.link == link]
    theirs = [one.side.ticket for one in mine]
    others = [ticket for ticket in stated.tickets if not any(same_ticket(ticket, their) for their in theirs)]
    moved = {one.outage.id: _holding(after, one) for one in mine if one.outage is not None}
    tickets = (replace(ticket, outage=moved.get(ticket.outage, ticket.outage)) for ticket in (*others, *theirs))
    return replace(stated, tickets=tuple(tickets))


def _holding(after: Iterable[Outage], told: _Told) -> str:
    """The outage in which the carrier's span begins now; the measured one where there is no span; '' where it is empty."""
    if told.span is None:
        return "" if told.outage is None else told.outage.id
    within = (outage.id for outage in after for start, end in outage.down if start <= told.span[0] < end)
    return next(within, "")
