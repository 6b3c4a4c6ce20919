"""What holds of every list and every measurement hypothesis can draw."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_county import CODES, LINKS, PERIOD, START, contract, contracts, events, ledgers, pictures, recorded, samples_of
from jinbao_collector.entry import Entry
from jinbao_reports.comparison import differing_figures, differing_outages
from jinbao_reports.hypothesis import Hypothesis, under
from jinbao_reports.interval import merge, total
from jinbao_reports.judge import Case
from jinbao_reports.load import Gathered
from jinbao_reports.state import Outage, outages
from jinbao_reports.tickets.headers import Header
from jinbao_reports.tickets.matching import Side, match
from jinbao_reports.tickets.reconcile import account, reconcile
from jinbao_reports.tickets.rows import Ticket, TicketList, begin
from jinbao_reports.tickets.sheet import Sheet

STEP = 5000
spans = st.tuples(st.integers(-10, 90), st.integers(0, 30)).map(
    lambda drawn: (START + drawn[0] * STEP, START + sum(drawn) * STEP)
)


def _ticket(number: int, code: str, span: tuple[int, int], delay: int, told: tuple[bool, bool]) -> Entry:
    """`told`: whether the carrier says when it began, and when it ended."""
    return Entry(
        id=f"T-{number}",
        kind="ticket",
        number=str(number),
        links=(code,),
        from_=span[0] if told[0] else None,
        reported_at=span[0] + (delay * STEP if told[0] else 0),
        restored_at=span[1] if told[1] else None,
    )


tickets = st.lists(
    st.tuples(st.sampled_from([*CODES, "*"]), spans, st.integers(0, 20), st.tuples(st.booleans(), st.booleans())), max_size=6
).map(lambda drawn: tuple(_ticket(number, *parts) for number, parts in enumerate(drawn)))
drawn_outages = st.lists(st.tuples(st.sampled_from(CODES), spans), max_size=6).map(
    lambda drawn: {code: tuple(_outages(code, [span for of, span in drawn if of == code])) for code in CODES}
)


def _outages(code: str, drawn: list[tuple[int, int]]) -> list[Outage]:
    return [Outage(code, "link", start, end, ((start, end),)) for start, end in merge(drawn)]


def listed(entries: tuple[Entry, ...]) -> TicketList:
    sheet = Sheet(Path("list.csv"), "0" * 64, "UTF-8, comma", "line", Header(0, (), {}), 1, ())
    return TicketList(sheet, tuple(Ticket(line, entry) for line, entry in enumerate(entries, 2)), (), False)


def gathered(county: Any, happened: Any, ledger: tuple[Entry, ...], terms: dict[str, Any], as_of: int | None) -> Gathered:
    return Gathered(Case(LINKS, contract(**terms), PERIOD, ledger, as_of), {}, recorded(samples_of(county), happened))


def overlap(side: Side, outage: Outage) -> int:
    return 0 if side.end is None else min(side.end, outage.restored or 0) - max(side.begin, outage.onset)


@settings(deadline=None)
@given(drawn_outages, tickets, st.randoms(use_true_random=False))
def test_a_matching_is_one_to_one_whole_and_independent_of_order(found: Any, entries: tuple[Entry, ...], chance: Any) -> None:
    sides = [Side(code, entry) for entry in entries for code in (CODES if "*" in entry.links else entry.links)]
    matched = match(found, sides, 60_000)
    partnered = [pair.side for pair in matched.pairs]
    assert Counter([*partnered, *matched.only_theirs]) == Counter(sides)
    ours = [pair.outage for pair in matched.pairs] + list(matched.only_ours)
    assert Counter(ours) == Counter(outage for of_link in found.values() for outage in of_link)
    shuffled = chance.sample(sides, len(sides))
    assert match(found, shuffled, 60_000) == matched
    best = {side: overlap(pair.side, pair.outage) for pair in matched.pairs for side in (pair.side, pair.outage)}
    for side in sides:
        for outage in found[side.link]:
            # Two that overlap are apart only where one of them overlaps as much with its partner.
            assert overlap(side, outage) <= max(best.get(side, 0), best.get(outage, 0), 0)


@settings(max_examples=80, deadline=None)
@given(pictures, events, ledgers, contracts, tickets)
def test_every_outage_of_the_period_and_every_ticket_is_told_exactly_once(
    county: Any, happened: Any, ledger: tuple[Entry, ...], terms: dict[str, Any], entries: tuple[Entry, ...]
) -> None:
    found = reconcile(gathered(county, happened, ledger, terms, None), listed(entries))
    told = [pair.side for pair in found.matching.pairs] + [*found.matching.only_theirs, *found.outside]
    sides = [(code, entry.number) for entry in entries for code in (CODES if "*" in entry.links else entry.links)]
    assert Counter((side.link, side.ticket.number) for side in told) == Counter(sides)
    ours = [pair.outage for pair in found.matching.pairs] + list(found.matching.only_ours)
    assert len(set(ours)) == len(ours)
    measured = {seen.outage for link in found.judgement.links for seen in link.outages if seen.outage.scope == "link"}
    assert measured <= set(ours)


@settings(max_examples=80, deadline=None)
@given(pictures, events, ledgers, contracts, tickets, st.booleans(), st.none() | st.integers(0, 80))
def test_the_carriers_times_are_judged_to_the_millisecond_like_ours(
    county: Any,
    happened: Any,
    ledger: tuple[Entry, ...],
    terms: dict[str, Any],
    entries: tuple[Entry, ...],
    whole_list: bool,
    as_of: int | None,
) -> None:
    inputs = gathered(county, happened, ledger, terms, None if as_of is None else START + as_of * STEP)
    found = reconcile(inputs, listed(entries))
    theirs = account(inputs.answer(), found.matching, whole_list=whole_list).judgement
    for link in theirs.links:
        parts = link.sums
        classes = (parts.up, parts.counted, parts.excluded, parts.not_carrier, parts.disputed, parts.unclaimed, parts.unknown)
        assert min(classes) >= 0
        assert sum(classes) == parts.service == total(link.service)
        for outage in outages(link.link.code, "link", link.state.link):
            slices = theirs.basis.attributed(outage, ()).slices
            assert merge((piece.start, piece.end) for piece in slices) == outage.down
            assert sum(piece.end - piece.start for piece in slices) == total(outage.down)


@settings(max_examples=60, deadline=None)
@given(pictures, contracts)
def test_tickets_that_say_what_we_measured_change_nothing_but_the_edge_error(county: Any, terms: dict[str, Any]) -> None:
    """Where an outage is one stretch of DOWN time: an unknown moment inside would be the carrier's word too."""
    inputs = gathered(county, [], (), terms, None)
    seen = [
        outage
        for code, state in inputs.answer().judgement.basis.states.items()
        for outage in outages(code, "link", state.link)
        if outage.restored == outage.down[-1][1] and len(outage.down) == 1
    ]
    entries = tuple(
        _ticket(number, outage.link, (outage.onset, outage.down[0][1]), 0, (True, True)) for number, outage in enumerate(seen)
    )
    found = reconcile(inputs, listed(entries))
    assert len(found.matching.pairs) == len(entries)
    both = [
        account(inputs.answer(replace(inputs.case, entries=entries)), found.matching, whole_list=False).statement(),
        inputs.answer(replace(inputs.case, entries=entries)).statement(),
    ]
    differing = {figure.name for figure in differing_figures(both)}
    assert differing <= {"edge_error_seconds", "verdict_within_edge_error"}


@settings(max_examples=60, deadline=None)
@given(pictures, events, ledgers, contracts, st.none() | st.integers(0, 80))
def test_a_hypothesis_that_says_nothing_changes_nothing(
    county: Any, happened: Any, ledger: tuple[Entry, ...], terms: dict[str, Any], as_of: int | None
) -> None:
    inputs = gathered(county, happened, ledger, terms, None if as_of is None else START + as_of * STEP)
    both = [inputs.answer(case).statement() for case in (inputs.case, under(inputs.case, Hypothesis()))]
    assert both[0] == both[1]
    assert (differing_figures(both), differing_outages(both)) == ([], [])


@settings(max_examples=60, deadline=None)
@given(pictures, events, ledgers, contracts)
def test_an_entry_that_is_added_and_one_that_is_left_out_are_each_others_undoing(
    county: Any, happened: Any, ledger: tuple[Entry, ...], terms: dict[str, Any]
) -> None:
    """To assume a ledger's entries is to have them approved; to leave them out is never to have had them."""
    inputs = gathered(county, happened, ledger, terms, None)
    bare = replace(inputs.case, entries=())
    without = under(inputs.case, Hypothesis(without=tuple(entry.id for entry in ledger)))
    assert inputs.answer(without).statement() == inputs.answer(bare).statement()
    assumed = under(bare, Hypothesis(entries=ledger))
    approved = tuple(replace(entry, approved_by="b", entered_at=1) for entry in ledger)
    differing = differing_figures(
        [inputs.answer(case).statement() for case in (assumed, replace(inputs.case, entries=approved))]
    )
    assert differing == []


def test_a_ticket_begins_when_the_carrier_says_else_when_it_was_reported() -> None:
    ticket = Entry(id="T", kind="ticket", link=CODES[0], reported_at=5, from_=3)
    assert (begin(ticket), begin(replace(ticket, from_=None))) == (3, 5)
