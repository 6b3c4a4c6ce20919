"""However samples are run together, what is judged of them is the same: a reader that folds nothing is the measure."""

import random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jinbao_agent.sample import Event, Sample
from jinbao_collector.store import SeriesKey
from jinbao_collector.stretches import Stretches, fold, singly
from jinbao_config.contract import Contract, Effective, Rule
from jinbao_config.links import Link, Links
from jinbao_config.shape import Document
from jinbao_config.units import day
from jinbao_reports.explain import explanation
from jinbao_reports.interval import FOREVER
from jinbao_reports.judge import Case, judge_samples
from jinbao_reports.measured import Measured
from jinbao_reports.service_time import parse_period
from jinbao_reports.source import Recorded
from jinbao_reports.statement import statement
from samples import series_of

T = 10_000
START = 1_617_984_000_000
CODES = ("510422101", "510422102")
RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
KEYS: list[SeriesKey] = [(code, "township", target) for code in CODES for target in RUNGS]
KEYS += [(code, "county", target) for code in CODES for target in ("cpe", "app")]
KEYS += [("*", "county", target) for target in ("gw", "ce", "carrier")]
LINKS = Links(schema="jinbao.links/1", link=tuple(Link(code=code, name=code, group="olt") for code in CODES))
PERIOD = parse_period("2021-04-10", ZoneInfo("Asia/Shanghai"))
STEPS_MS = (300, -300, 2000, -7000, 12_000, -40_000, 3_600_000, -86_400_000)


class Unfolded(Recorded):
    """Hands out every sample by itself."""

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        return singly(self.series(link, vantage, target, since_ms, until_ms), wait_us)


def drawn_rung(chance: random.Random, key: SeriesKey, steps: list[Event], count: int) -> list[Sample]:
    """Mostly answers in step; runs of failures, gaps, a reboot, and stamps that jump where the clock was set."""
    failing = [(first, first + chance.choice([1, 2, 3, 5, 40])) for first in chance.sample(range(count), 4)]
    missing = [(first, first + chance.choice([1, 2, 9])) for first in chance.sample(range(count), 2)]
    reboot = chance.choice([count, count // 2])
    found = []
    for number in range(count):
        if any(first <= number < end for first, end in missing):
            continue
        outcome = "reply"
        if any(first <= number < end for first, end in failing):
            outcome = chance.choice(["lost", "lost", "unreachable:3:1:10.0.0.9", "refused"])
        elif chance.random() < 0.03:
            outcome = chance.choice(["late", "not_sent:skipped", "refused", "bad_reply"])
        boot, mono = "b1" if number < reboot else "b2", (1000 + number * 10) * 10**6 + chance.randrange(900)
        sent = (START + number * T) * 1000 + mono % 1000 + chance.choice([0] * 30 + [4_900_000, 5_100_000])
        for step in steps:
            wrong = mono < int(step.fact("mono_ns") or 0) // 1000
            if step.boot == boot and wrong == (step.fact("synced") == "1"):
                sent += (step.number("delta_ms") or 0) * (-1000 if wrong else 1000)
        rtt = {"reply": 2000 + chance.randrange(300), "late": chance.choice([1_900_000, 2_400_000])}.get(outcome)
        link, vantage, target = key
        found.append(
            Sample(link=link, vantage=vantage, target=target, sent_us=sent, outcome=outcome, rtt_us=rtt, boot=boot, seq=number,
                   mono_us=mono, interval_ms=T)
        )  # fmt: skip
    return found


def drawn_step(chance: random.Random, code: str, vantage: str) -> Event:
    mono_ns = chance.randrange(1000, 2500) * 10**9
    detail = f"delta_ms={chance.choice(STEPS_MS)};synced={chance.randrange(2)};mono_ns={mono_ns}"
    boot = chance.choice(["b1", "b2"])
    return Event(link=code, vantage=vantage, at_us=START * 1000, event="clock_step", boot=boot, detail=detail)


def drawn_county(seed: int, count: int = 150) -> Recorded:
    chance = random.Random(seed)
    events: list[Event] = []
    recorded = {}
    for code, vantage in ((CODES[0], "township"), (CODES[1], "township"), ("*", "county")):
        steps = [drawn_step(chance, code, vantage) for _ in range(chance.choice([0, 0, 1, 3]))]
        for kind in ("start", "stop", "mains_off", "mains_on"):
            if chance.random() < 0.3:
                at = START + chance.randrange(count) * T
                events.append(Event(link=code, vantage=vantage, at_us=at * 1000, event=kind, boot=chance.choice(["b1", "b2"])))
        events += steps
        for key in KEYS:
            if key[1] == vantage and code in (key[0], "*") and chance.random() < 0.85:
                recorded[key] = series_of(drawn_rung(chance, key, steps, count), T)
    return Recorded(recorded, tuple(events))


def told(source: Recorded, rule: Rule, as_of: int | None) -> Any:
    contract = Contract(schema="jinbao.contract/1", effective=Effective(from_=day("2010-01-01")), target=1, rule=rule)
    case = Case(LINKS, Document(contract, "contract.toml", "0" * 64, ()), PERIOD, (), as_of)
    judgement = judge_samples(source, case)
    made = statement(judgement, {}, ())
    return made, [explanation(judgement, outage["id"]) for link in made["links"] for outage in link["outages"]]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([Rule(), Rule(n=2), Rule(profile="mef"), Rule(profile="y1540-2016")]),
    st.sampled_from([None, START + 700_001]),
)
def test_the_statement_is_the_same_however_samples_are_run_together(seed: int, rule: Rule, as_of: int | None) -> None:
    source = drawn_county(seed)
    unfolded = Unfolded(source.recorded, source.recorded_events)
    assert told(source, rule, as_of) == told(unfolded, rule, as_of)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(-50_000, 1_600_000), min_size=1, max_size=30))
def test_what_a_rung_showed_is_what_its_nearest_sample_says(seed: int, instants: list[int]) -> None:
    source = drawn_county(seed)
    measured = Measured(source, LINKS, 2000, FOREVER[0])
    starts = np.array(sorted(START + at for at in instants))
    t_ref = np.full(len(starts), T)
    for key in source.names():
        rung = measured.rung(*key)
        close = rung.close_up(FOREVER[0])
        picks = close.nearest(starts, t_ref)
        expected = np.where(picks >= 0, close.results.ok[picks], -1)
        ok, refused = rung.showed(starts, t_ref)
        words = [close.series.outcomes[close.series.outcome[pick]] if pick >= 0 else "" for pick in picks]
        assert (ok.tolist(), refused.tolist()) == (expected.tolist(), [word == "refused" for word in words])
        up = ((START, START + 400_000), (START + 500_000, START + 1_200_000))
        inside = np.array([any(first <= at < end for first, end in up) for at in close.results.at], bool)
        inside &= (close.results.at >= starts[0]) & (close.results.at < starts[-1])
        good, all_ = int((inside & close.results.ok).sum()), int(inside.sum())
        fails = rung.mostly_fails(up, starts[:1], starts[-1:])
        assert fails.tolist() == [all_ > 0 and 2 * good < all_]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(-20_000, 1_600_000), st.integers(1, 400_000))
@example(1044, 0, 1)  # re-stamping moves a sample by the millisecond that is cut off, but not its row's ends
def test_a_close_up_is_a_cut_of_the_whole(seed: int, since: int, lasting: int) -> None:
    source = drawn_county(seed)
    measured = Measured(source, LINKS, 2000, FOREVER[0])
    for key in source.names():
        rung = measured.rung(*key)
        whole, part = rung.close_up(FOREVER[0]), rung.close_up((START + since, START + since + lasting))
        cut = whole.records.between(START + since, START + since + lasting)
        assert (part.records.at.tolist(), part.records.seq.tolist()) == (cut.at.tolist(), cut.seq.tolist())
        assert part.suspect == {at for at in whole.suspect if START + since <= at < START + since + lasting}
        middle = int(np.searchsorted(whole.records.at, START + since))
        around = whole.records.take(slice(max(middle - 4, 0), middle + 4))
        assert rung.around(START + since, 4).at.tolist() == around.at.tolist()
        parts = list(rung.close_ups(START - 10**6, START + 10**7, 70_000))
        assert sum(len(one.records) for one in parts) == len(whole.records.between(START - 10**6, START + 10**7))


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_healthy_stretch_is_one_row_and_a_slow_answer_ends_it(count: int) -> None:
    slow = {count: 3_000_000}
    samples = [
        Sample(
            link=CODES[0],
            vantage="township",
            target="core",
            sent_us=(START + n * T) * 1000,
            outcome="reply",
            rtt_us=slow.get(n, 2000 + n),
            boot="b",
            seq=n,
            mono_us=10**9 + n * T * 1000,
            interval_ms=T,
        )
        for n in range(count + 1)
    ]
    found = fold(series_of(samples, T), 2_000_000)
    assert (found.at.tolist(), found.last.tolist()) == (
        [START, START + count * T],
        [START + (count - 1) * T, START + count * T],
    )
    assert (found.count.tolist(), found.seq.tolist(), found.in_time.tolist()) == ([count, 1], [0, count], [True, False])
