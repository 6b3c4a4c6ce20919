"""How long a year takes to judge once its samples are read: `python bench/judging.py [--links 12] [--days 365]`.

A drawn county: every rung of every link each 10 s, from both ends; some six hundred outages of many kinds in the year, losses
too few to be outages, restarts of agents; a contract with every clause, a ledger with notices, cutovers and tickets. The clock
runs from the loaded series to the finished Statement. To reach: 2 s for 12 links and a year.

What a file or a store takes to hand over the samples is not in it. So that 275 million samples fit into a gigabyte, the rungs
of one agent share the columns in which they do not differ, and each column is as narrow as its numbers allow; with --wide every
column has 64 bits, as the readers of today make them (4 GB).
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.entry import Entry
from jinbao_collector.series import NONE, Ints, Series
from jinbao_collector.store import SeriesKey
from jinbao_config import contract as terms
from jinbao_config.links import Link, Links
from jinbao_config.shape import Document
from jinbao_config.units import day
from jinbao_reports.judge import Case, judge_samples
from jinbao_reports.service_time import parse_period
from jinbao_reports.source import Recorded
from jinbao_reports.statement import statement

T = 10_000
HOUR = 3_600_000
TARGET_S = 2.0
START = 1_609_430_400_000  # 2021-01-01, Asia/Shanghai
OUTCOMES = ("reply", "lost", "not_sent:skipped")
LOST, NOT_SENT = 1, 2
TOWNSHIP, COUNTY, SITE = ("lan", "cpe", "edge", "core", "app"), ("cpe", "app"), ("gw", "ce", "carrier")
# What fails in a fault: the township's rungs, the county's view of the link; and whether the agent falls silent.
FAULTS = (
    (("edge", "core", "app"), ("cpe", "app"), False),
    (("core", "app"), ("cpe", "app"), False),
    (("cpe", "edge", "core", "app"), ("cpe", "app"), False),
    (("lan", "cpe", "edge", "core", "app"), (), False),
    (("core", "app"), (), False),
    (("app",), ("app",), False),
    ((), ("cpe", "app"), True),
)


def main() -> int:
    options = _options()
    chance = random.Random(options.seed)
    codes = [f"510422{101 + number}" for number in range(options.links)]
    print("drawing the county …", file=sys.stderr)
    source = _county(codes, options.days, options.outages, chance, wide=options.wide)
    case = _case(codes, options.days, chance)
    rounds = []
    for _ in range(options.rounds):
        begun, worked = time.perf_counter(), time.process_time()
        made = statement(judge_samples(source, case), {}, ())
        rounds.append((time.perf_counter() - begun, time.process_time() - worked))
    samples = sum(len(series) for series in source.recorded.values())
    outages = sum(len(link["outages"]) for link in made["links"])
    elapsed, worked = min(rounds)
    print(f"{options.links} links, {options.days} days, {samples / 1e6:.0f} million samples, {outages} outages")
    print(f"judged in {elapsed:.2f} s, {worked:.2f} s of processor (to reach: {TARGET_S} s; best of {options.rounds})")
    print(f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB, the samples included")
    return 0 if elapsed <= TARGET_S else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--links", type=int, default=12)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--outages", type=int, default=50, help="faults of a link in a year")
    parser.add_argument("--wide", action="store_true", help="64 bits for every column")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2021)
    return parser.parse_args()


def _county(codes: list[str], days: int, outages: int, chance: random.Random, *, wide: bool) -> Recorded:
    slots = days * 86_400_000 // T
    found: dict[SeriesKey, Series] = {}
    events: list[Event] = []
    for number, code in enumerate(codes):
        faults = [_fault(slots, chance) for _ in range(outages * days // 365)]
        restarts = [(at, at + chance.randrange(5, 60)) for at in chance.sample(range(slots - 60), 12)]
        silent = [(start, end) for start, end, _, _, quiet in faults if quiet]
        mine = [(start, end, township) for start, end, township, _, _ in faults]
        theirs = [(start, end, county) for start, end, _, county, _ in faults]
        for vantage, rungs, absent, failing in (
            ("township", TOWNSHIP, [*silent, *restarts], mine),
            ("county", COUNTY, [], theirs),
        ):
            ladder = _ladder(slots, absent, failing, number, rungs, wide=wide)
            found |= {(code, vantage, rung): series for rung, series in ladder.items()}
        events += [
            Event(link=code, vantage="township", at_us=(START + end * T) * 1000, event="boot", boot="b2") for _, end in restarts
        ]
    site = _ladder(slots, [], [], 99, SITE, wide=wide)
    found |= {("*", "county", rung): series for rung, series in site.items()}
    return Recorded(found, tuple(sorted(events, key=lambda event: event.at_us)))


Fault = tuple[int, int, tuple[str, ...], tuple[str, ...], bool]


def _fault(slots: int, chance: random.Random) -> Fault:
    """Minutes mostly, hours sometimes."""
    length = min(int(chance.lognormvariate(4.0, 1.2)) + 3, 4000)
    start = chance.randrange(slots - length)
    return start, start + length, *chance.choice(FAULTS)


def _ladder(
    slots: int,
    absent: list[tuple[int, int]],
    failing: list[tuple[int, int, tuple[str, ...]]],
    seed: int,
    rungs: tuple[str, ...],
    *,
    wide: bool,
) -> dict[str, Series]:
    """One agent's rungs: the same instants, each rung its own losses. One sample of ten thousand was never sent."""
    dice = np.random.default_rng([seed, len(rungs)])
    small, middle = ("i8", "i8") if wide else ("i1", "i4")
    there = np.ones(slots, bool)
    for start, end in absent:
        there[start:end] = False
    at = START + np.flatnonzero(there) * T + int(dice.integers(0, T))
    rtt: Ints = (dice.gamma(4, 5000, len(at)) + 2000).astype(middle)
    boot: Ints = np.searchsorted([end for _, end in sorted(absent)], np.flatnonzero(there)).astype(small)
    found = {}
    for rung in rungs:
        outcome: Ints = np.zeros(slots, small)
        outcome[dice.integers(0, slots, slots // 5000)] = LOST
        for start, end, which in failing:
            if rung in which:
                outcome[start:end] = LOST
        outcome[dice.integers(0, slots, slots // 10_000)] = NOT_SENT
        found[rung] = Series(at, outcome[there], rtt, _all(T, at), boot, _all(NONE, at), _all(NONE, at),
                             OUTCOMES, tuple(f"b{number:04d}" for number in range(len(absent) + 1)))  # fmt: skip
    return found


def _all(value: int, like: Ints) -> Ints:
    """A column of one value, which takes no memory."""
    return np.broadcast_to(np.int64(value), like.shape)


def _case(codes: list[str], days: int, chance: random.Random) -> Case:
    contract = terms.Contract(
        schema="jinbao.contract/1",
        effective=terms.Effective(from_=day("2020-01-01")),
        target=Fraction(999, 1000),
        period="year",
        claim_window=5 * 86_400_000,
        parties=replace(terms.Parties(), annual_fee=Fraction(8400)),
        service_hours=terms.ServiceHours(days="legal_workdays", spans=((9 * HOUR, 12 * HOUR), (27 * HOUR // 2, 17 * HOUR))),
        exclusion={"cutover": terms.ExclusionRule(notice=72 * HOUR, cap=terms.Cap(hours=4 * HOUR, per="month"))},
        limits=terms.Limits(
            response=HOUR // 2,
            repair=terms.Repair(limit=4 * HOUR, clock="working"),
            outages=terms.OutageCount(max=3, per="month"),
            longest=8 * HOUR,
            loss=Fraction(1, 100),
            p95_ms=Fraction(50),
        ),
        credit=(terms.CreditBand(below=Fraction(999, 1000), percent=Fraction(1, 10)),),
    )
    links = tuple(Link(code=code, name=code, group=f"olt-{number // 4}") for number, code in enumerate(codes))
    period = "2021" if days == 365 else f"2021-01-01/{np.datetime64('2021-01-01') + days}"
    entries = tuple(_entries(codes, days, chance))
    return Case(
        Links(schema="jinbao.links/1", link=links),
        Document(contract, "contract.toml", "0" * 64, ()),
        parse_period(period, contract.zone),
        entries,
        None,
    )


def _entries(codes: list[str], days: int, chance: random.Random) -> Iterator[Entry]:
    for number in range(days):
        at = START + chance.randrange(days * 24) * HOUR
        kind = ("ticket", "exclusion", "power_notice", "server_notice")[number % 4]
        yield Entry(
            id=f"L{number}",
            kind=kind,
            type="cutover" if kind == "exclusion" else "",
            links=(chance.choice(codes),),
            from_=at,
            to=at + 3 * HOUR,
            notified_at=at - 96 * HOUR,
            reported_at=at,
            acked_at=at + HOUR // 4,
            author="a",
            approved_by="b",
        )


if __name__ == "__main__":
    sys.exit(main())
