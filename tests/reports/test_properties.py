"""The invariants of design section 7.6, for any county hypothesis can draw. (The table's own: test_table.py.)"""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_county import (
    CODES,
    PERIOD,
    START,
    Key,
    T,
    contracts,
    events,
    instants,
    judged,
    ledgers,
    marks,
    picture,
    pictures,
    results_of,
    samples_of,
)
from jinbao_agent.sample import Event
from jinbao_collector.entry import Entry
from jinbao_reports.interval import Span, Spans, complement, intersect, merge, subtract, total, union
from jinbao_reports.judge import LinkJudgement
from jinbao_reports.service_time import Period
from jinbao_reports.statement import statement
from jinbao_reports.timeline import Timeline, as_spans, hysteresis, within

CLASSES = ("up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")
County = dict[Key, tuple[str, int]]
Ledger = tuple[Entry, ...]

spans = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=12)


@settings(deadline=None)
@given(spans, spans)
def test_sets_of_time_obey_the_laws_of_sets(left: list[Span], right: list[Span]) -> None:
    a, b = merge(left), merge(right)
    assert all(first[1] < second[0] for first, second in pairwise(a))
    assert total(union(a, b)) == total(a) + total(b) - total(intersect(a, b))
    assert union(intersect(a, b), subtract(a, b)) == a
    assert complement(complement(a)) == a


@settings(deadline=None)
@given(spans)
def test_columns_of_starts_and_ends_are_the_same_set_of_time(drawn: list[Span]) -> None:
    drawn = sorted(drawn)
    starts, ends = (np.array([span[edge] for span in drawn], np.int64) for edge in (0, 1))
    assert as_spans(starts, ends) == merge(drawn)


@settings(deadline=None)
@given(spans, st.lists(st.integers(0, 500), max_size=12))
def test_an_instant_lies_within_half_open_spans(drawn: list[Span], instants: list[int]) -> None:
    instants, known = sorted(instants), merge(drawn)
    assert within(known, np.array(instants, np.int64)).tolist() == [any(a <= at < b for a, b in known) for at in instants]


@settings(deadline=None)
@given(marks)
def test_up_and_down_never_overlap_and_stay_inside_the_holds(signs: str) -> None:
    samples = results_of(signs)
    timeline = hysteresis(samples, 3)
    held = merge(zip(samples.at.tolist(), samples.held.tolist(), strict=True))
    assert not intersect(timeline.up, timeline.down)
    assert subtract(timeline.known, held) == ()


@settings(deadline=None)
@given(marks, st.data())
def test_what_is_known_stays_so_however_the_gaps_would_have_come_out(signs: str, data: st.DataObject) -> None:
    ends = st.text("of", min_size=3, max_size=6)
    before, after = data.draw(ends), data.draw(ends)
    filled = "".join(data.draw(st.sampled_from("of")) if sign in ".n" else sign for sign in signs)
    known = hysteresis(results_of(signs), 3)
    complete = hysteresis(results_of(before + filled + after), 3)
    early = len(before) * T
    assert subtract(tuple((start + early, end + early) for start, end in known.up), complete.up) == ()
    assert subtract(tuple((start + early, end + early) for start, end in known.down), complete.down) == ()


@settings(max_examples=100, deadline=None)
@given(pictures, events, contracts)
def test_up_down_and_unknown_cover_the_span_once(county: County, happened: list[Event], terms: dict[str, Any]) -> None:
    """The link's, the service's and the user's timeline, under any profile."""
    for link in judged(samples_of(county), happened, **terms).links:
        assert link.in_force == (PERIOD.span,)
        assert subtract(link.service, link.in_force) == ()
        for timeline in (link.state.link, link.state.user(), link.state.service or link.state.link):
            _assert_covered_once(timeline, link.in_force)


def _assert_covered_once(timeline: Timeline, whole: Spans) -> None:
    parts = [intersect(whole, spans) for spans in (timeline.up, timeline.down, timeline.unknown)]
    assert union(*parts) == whole
    assert sum(map(total, parts)) == total(whole)


@settings(max_examples=200, deadline=None)
@given(pictures, events, ledgers, contracts)
def test_classes_sum_to_the_service_time_to_the_millisecond(
    county: County, happened: list[Event], ledger: Ledger, terms: dict[str, Any]
) -> None:
    """In the judgement, and again in what the Statement prints."""
    judgement = judged(samples_of(county), happened, ledger, **terms)
    printed = statement(judgement, {}, ())["links"]
    for link, told in zip(judgement.links, printed, strict=True):
        parts = [getattr(link.sums, name) for name in CLASSES]
        assert min(parts) >= 0
        assert sum(parts) == link.sums.service == total(link.service)
        assert sum(_milliseconds(told["seconds"][name]) for name in CLASSES) == _milliseconds(told["seconds"]["service"])


def _milliseconds(seconds: int | str) -> int:
    whole, _, rest = str(seconds).partition(".")
    return int(whole) * 1000 + int(rest or 0)


@settings(deadline=None, max_examples=150)
@given(pictures, events, ledgers, contracts)
def test_the_bounds_are_ordered_and_the_identities_hold(
    county: County, happened: list[Event], ledger: Ledger, terms: dict[str, Any]
) -> None:
    for link in judged(samples_of(county), happened, ledger, **terms).links:
        ratios = link.ratios
        if ratios.low is None or ratios.high is None or ratios.coverage is None:
            assert link.verdict == "no_data"
            continue
        assert 0 <= ratios.low <= ratios.high <= 1
        if not link.sums.disputed and ratios.measured is not None:
            assert ratios.low == ratios.measured * ratios.coverage
            assert ratios.high == 1 - (1 - ratios.measured) * ratios.coverage


@settings(max_examples=80, deadline=None)
@given(pictures, events, ledgers, contracts, st.randoms(use_true_random=False))
def test_order_and_repetition_of_arrival_change_no_figure(
    county: County, happened: list[Event], ledger: Ledger, terms: dict[str, Any], chance: Any
) -> None:
    """Of samples, events and statements alike. (A collector's journal: test_arrival.py.)"""
    samples, stated = samples_of(county), list(ledger)
    again = samples + chance.choices(samples, k=len(samples) // 2) if samples else []
    events_again = happened * 2
    for rows in (again, events_again, stated):
        chance.shuffle(rows)
    first = statement(judged(samples, happened, ledger, **terms), {}, ())
    assert statement(judged(again, events_again, tuple(stated), **terms), {}, ()) == first


@settings(max_examples=80, deadline=None)
@given(pictures, events, ledgers, contracts, st.lists(st.integers(1, 399_999), min_size=1, max_size=4, unique=True))
def test_seconds_are_additive_over_any_breakdown(
    county: County, happened: list[Event], ledger: Ledger, terms: dict[str, Any], cuts: list[int]
) -> None:
    """Cut where you like, between two samples too: the parts' seconds sum to the whole's, by class and in the user's view."""
    samples = samples_of(county)
    edges = [PERIOD.span[0], *(START + cut for cut in sorted(cuts)), PERIOD.span[1]]
    whole, *parts = (
        judged(samples, happened, ledger, Period("", span, "span"), **terms).links for span in (PERIOD.span, *pairwise(edges))
    )
    for link, *pieces in zip(whole, *parts, strict=True):
        for name in ("service", *CLASSES):
            assert getattr(link.sums, name) == sum(getattr(piece.sums, name) for piece in pieces)
        assert _user(link) == tuple(map(sum, zip(*map(_user, pieces), strict=True)))


def _user(link: LinkJudgement) -> tuple[int, int]:
    user = link.state.user()
    return total(intersect(link.service, user.up)), total(intersect(link.service, user.down))


@settings(max_examples=200, deadline=None)
@given(pictures, marks, events, ledgers, st.sampled_from(["counted", "disputed"]), contracts, st.data())
def test_a_reference_sample_turned_to_lost_raises_neither_bound(
    county: County,
    signs: str,
    happened: list[Event],
    ledger: Ledger,
    held: str,
    terms: dict[str, Any],
    data: st.DataObject,
) -> None:
    """With attribution held, here by an approved entry that classes all of it, and claims, by asking for none.

    Counted or disputed only: time that turns from unknown to somebody else's fault leaves the denominator, and may raise low.
    """
    answered = [index for index, sign in enumerate(signs) if sign == "o"]
    if not answered:
        return
    worse = data.draw(st.sampled_from(answered), label="slot")
    stated = tuple(entry for entry in ledger if entry.kind not in ("cause", "ticket"))
    everything = Entry(
        id="held", kind="cause", links=("*",), from_=0, to=2**60, cause="FLOOD", klass=held, author="a", approved_by="b"
    )
    free = {name: value for name, value in terms.items() if name not in ("claim_window", "clock_start")}
    reference = (CODES[0], "township", "core")
    before, after = (
        judged(samples_of({**county, reference: (text, 0)}), happened, (*stated, everything), **free).links[0].ratios
        for text in (signs, signs[:worse] + "f" + signs[worse + 1 :])
    )
    for name in ("low", "high"):
        left, right = getattr(before, name), getattr(after, name)
        if left is not None and right is not None:
            assert right <= left


@settings(max_examples=100, deadline=None)
@given(pictures, events, ledgers, contracts)
def test_the_slices_of_an_outage_cover_its_down_time_once(
    county: County, happened: list[Event], ledger: Ledger, terms: dict[str, Any]
) -> None:
    for link in judged(samples_of(county), happened, ledger, **terms).links:
        for found in link.outages:
            assert merge(part.span for part in found.parts) == merge(found.outage.down)
            assert all(before.end <= after.start for before, after in pairwise(found.parts))


@settings(max_examples=100, deadline=None)
@given(pictures, events, ledgers, contracts, instants)
def test_what_came_after_as_of_changes_no_figure(
    county: County, happened: list[Event], ledger: Ledger, terms: dict[str, Any], as_of: int
) -> None:
    """Asked as of an instant, a judgement is what it would have been with nothing later known."""
    samples = samples_of(county)
    whole = judged(samples, happened, ledger, as_of=as_of, **terms)
    then = judged(
        [sample for sample in samples if sample.sent_us // 1000 < as_of],
        [event for event in happened if event.at_us // 1000 < as_of],
        tuple(entry for entry in ledger if (entry.entered_at or 0) <= as_of),
        as_of=as_of,
        **terms,
    )
    assert statement(whole, {}, ()) == statement(then, {}, ())


def test_a_picture_is_as_it_is_drawn() -> None:
    """The strategies draw what their names say: a lost sample a slot, nothing for a dot, a record for our own fault."""
    drawn = [(sample.sent_us // 1000 - START, sample.outcome) for sample in picture("of.n")]
    assert drawn == [(0, "reply"), (T, "lost"), (3 * T, "not_sent:skipped")]
