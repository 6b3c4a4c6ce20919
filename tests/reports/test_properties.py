"""The invariants of design section 7.6, for any samples hypothesis can draw."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from jinbao_agent.sample import Sample
from jinbao_collector.entry import Entry
from jinbao_collector.series import Series
from jinbao_config.contract import Contract, Effective, ExclusionRule, Rule
from jinbao_config.links import Link, Links
from jinbao_config.shape import Document
from jinbao_config.units import day
from jinbao_reports.interval import complement, intersect, merge, subtract, total, union
from jinbao_reports.judge import Case, Judgement, LinkJudgement, judge_samples
from jinbao_reports.service_time import Period, parse_period
from jinbao_reports.source import Recorded
from jinbao_reports.statement import statement
from jinbao_reports.timeline import Results, hysteresis, results
from samples import series_of

T = 10_000
START = 1_617_984_000_000  # 2021-04-10 00:00 Asia/Shanghai
CODES = ("510422101", "510422102")
KEYS = [(code, "township", target) for code in CODES for target in ("lan", "cpe", "core", "app")]
KEYS += [(code, "county", "cpe") for code in CODES] + [("*", "county", target) for target in ("gw", "ce", "carrier")]

# One sign a slot: answered, lost, refused, no sample, our own fault.
marks = st.text("oooofffr.n", min_size=1, max_size=40)
OUTCOME = {"o": "reply", "f": "lost", "r": "refused", "n": "not_sent:skipped"}
spans = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=12)


def picture(signs: str, key: tuple[str, str, str] = KEYS[0], shift: int = 0) -> list[Sample]:
    link, vantage, target = key
    return [
        Sample(
            link=link,
            vantage=vantage,
            target=target,
            sent_us=(START + index * T + shift) * 1000,
            outcome=OUTCOME[sign],
            rtt_us=9000 if sign == "o" else None,
            boot="b1",
            seq=index,
        )
        for index, sign in enumerate(signs)
        if sign != "."
    ]


counties = st.fixed_dictionaries({}, optional={key: st.tuples(marks, st.integers(0, 3000)) for key in KEYS})
entries = st.lists(
    st.builds(
        lambda kind, link, start, length, approver: Entry(
            id="",
            kind=kind,
            type="cutover",
            links=(link,),
            from_=START + start * 5000,
            to=START + (start + length) * 5000,
            notified_at=0,
            author="a",
            approved_by=approver,
        ),
        st.sampled_from(["exclusion", "power_notice", "server_notice"]),
        st.sampled_from([*CODES, "*"]),
        st.integers(-10, 80),
        st.integers(1, 40),
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=4,
).map(lambda drawn: tuple(replace(entry, id=f"L{index}") for index, entry in enumerate(drawn)))

LINKS = Links(schema="jinbao.links/1", link=tuple(Link(code=code, name=code, group="olt") for code in CODES))
PERIOD = parse_period("2021-04-10T00:00:00+08:00/2021-04-10T00:06:40+08:00", ZoneInfo("Asia/Shanghai"))


def contract(**more: Any) -> Document[Contract]:
    made = Contract(
        schema="jinbao.contract/1",
        effective=Effective(from_=day("2010-01-01")),
        target=Fraction(999, 1000),
        exclusion={"cutover": ExclusionRule()},
        rule=Rule(),
        **more,
    )
    return Document(made, "contract.toml", "0" * 64, ())


def recorded(samples: list[Sample]) -> Recorded:
    by_key: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in samples:
        by_key.setdefault((sample.link, sample.vantage, sample.target), []).append(sample)
    return Recorded({key: series_of(rows, T) for key, rows in by_key.items()})


def drawn_samples(county: dict[tuple[str, str, str], tuple[str, int]]) -> list[Sample]:
    return [sample for key, (signs, shift) in county.items() for sample in picture(signs, key, shift)]


def judged(samples: list[Sample], ledger: tuple[Entry, ...] = (), period: Period = PERIOD, **more: Any) -> Judgement:
    return judge_samples(recorded(samples), Case(LINKS, contract(**more), period, ledger, None))


def results_of(signs: str) -> Results:
    series: Series = series_of(picture(signs), T)
    return results(series, 2000, "")


@given(spans, spans)
def test_sets_of_time_obey_the_laws_of_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    a, b = merge(left), merge(right)
    assert all(first[1] < second[0] for first, second in pairwise(a))
    assert total(union(a, b)) == total(a) + total(b) - total(intersect(a, b))
    assert union(intersect(a, b), subtract(a, b)) == a
    assert complement(complement(a)) == a


@given(marks)
def test_up_and_down_never_overlap_and_stay_inside_the_holds(signs: str) -> None:
    samples = results_of(signs)
    timeline = hysteresis(samples, 3)
    held = merge(zip(samples.at.tolist(), samples.held.tolist(), strict=True))
    assert not intersect(timeline.up, timeline.down)
    assert subtract(timeline.known, held) == ()


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


@settings(max_examples=150, deadline=None)
@given(counties, entries, st.sampled_from(["remove", "credit"]))
def test_classes_sum_to_the_service_time_to_the_millisecond(county: Any, ledger: tuple[Entry, ...], mode: str) -> None:
    for link in judged(drawn_samples(county), ledger, mode=mode).links:
        sums = link.sums
        parts = (sums.up, sums.counted, sums.excluded, sums.not_carrier, sums.disputed, sums.unclaimed, sums.unknown)
        assert min(parts) >= 0
        assert sum(parts) == sums.service == total((PERIOD.span,))


@settings(max_examples=100, deadline=None)
@given(counties, entries)
def test_the_bounds_are_ordered_and_the_identities_hold(county: Any, ledger: tuple[Entry, ...]) -> None:
    for link in judged(drawn_samples(county), ledger).links:
        ratios = link.ratios
        if ratios.low is None or ratios.high is None or ratios.coverage is None:
            assert link.verdict == "no_data"
            continue
        assert 0 <= ratios.low <= ratios.high <= 1
        if not link.sums.disputed and ratios.measured is not None:
            assert ratios.low == ratios.measured * ratios.coverage
            assert ratios.high == 1 - (1 - ratios.measured) * ratios.coverage


@settings(max_examples=60, deadline=None)
@given(counties, entries, st.randoms(use_true_random=False))
def test_order_and_repetition_of_arrival_change_no_figure(county: Any, ledger: tuple[Entry, ...], chance: Any) -> None:
    samples = drawn_samples(county)
    again = samples + chance.choices(samples, k=len(samples) // 2) if samples else []
    chance.shuffle(again)
    first, second = (statement(judged(rows, ledger), {}, ()) for rows in (samples, again))
    assert first == second


@settings(max_examples=60, deadline=None)
@given(counties, st.integers(1, 39))
def test_seconds_are_additive_over_any_breakdown(county: Any, cut: int) -> None:
    samples = drawn_samples(county)
    middle = PERIOD.span[0] + cut * T
    whole, first, second = (
        judged(samples, period=Period("", span, "span")).links
        for span in (PERIOD.span, (PERIOD.span[0], middle), (middle, PERIOD.span[1]))
    )
    for name in ("up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown"):
        assert [getattr(link.sums, name) for link in whole] == [
            getattr(left.sums, name) + getattr(right.sums, name) for left, right in zip(first, second, strict=True)
        ]


@settings(max_examples=150, deadline=None)
@given(marks, st.data())
def test_a_reference_sample_turned_to_lost_raises_neither_bound(signs: str, data: st.DataObject) -> None:
    """With attribution held: the reference alone, everything unattributed and counted."""
    answered = [index for index, sign in enumerate(signs) if sign == "o"]
    if not answered:
        return
    worse = data.draw(st.sampled_from(answered))
    key = (CODES[0], "township", "core")
    before, after = (
        _first(judged(picture(text, key), unattributed="counted")).ratios
        for text in (signs, signs[:worse] + "f" + signs[worse + 1 :])
    )
    for name in ("low", "high"):
        left, right = getattr(before, name), getattr(after, name)
        if left is not None and right is not None:
            assert right <= left


@settings(max_examples=80, deadline=None)
@given(counties, entries)
def test_the_slices_of_an_outage_cover_its_down_time_once(county: Any, ledger: tuple[Entry, ...]) -> None:
    for link in judged(drawn_samples(county), ledger).links:
        for found in link.outages:
            assert merge(part.span for part in found.parts) == merge(found.outage.down)
            assert all(before.end <= after.start for before, after in pairwise(found.parts))


def _first(judgement: Judgement) -> LinkJudgement:
    return judgement.links[0]
