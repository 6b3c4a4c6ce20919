"""The same scenario without packets: generated samples, the ordinary judge, the same score; thousands of times faster.

From samples on, everything is the product's own: its Series, its clock steps, its judgement, its Statement.
"""

import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.entry import Entry, read_entries
from jinbao_collector.series import Series, build_series
from jinbao_collector.store import SeriesKey
from jinbao_config.contract import Contract, read_contract
from jinbao_config.links import ALL_LINKS, Links, read_links
from jinbao_config.shape import Document
from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.diary import Clock, Diary
from jinbao_lab.equipment import equipment_for
from jinbao_lab.files import Desk, contract_toml, links_toml, notices
from jinbao_lab.generated import Pretender, Rows, lanes
from jinbao_lab.judge import period_of
from jinbao_lab.namespaces import rungs_of
from jinbao_lab.observer import observer_of
from jinbao_lab.play import noticed
from jinbao_lab.scenario import Scenario
from jinbao_lab.score import Score, score
from jinbao_lab.truth import Injected, Truth
from jinbao_reports.files import in_order
from jinbao_reports.judge import Case, contract_in_force, judge_samples
from jinbao_reports.load import Answer
from jinbao_reports.source import Recorded

Thing = TypeVar("Thing")

START_US = 1_772_416_800_000_000
"""When every replay begins: 2026-03-02 10:00 in Shanghai. Nothing reads the wall clock."""
_AFTERWARDS = 6  # T: so long the agents run on, for the judge looks ahead


@dataclass(frozen=True)
class Records:
    """All that a county's agents recorded, in batches as they would arrive: by rung, and the events of every agent."""

    rows: Mapping[SeriesKey, tuple[Rows, ...]]
    events: tuple[Event, ...]
    outcomes: tuple[str, ...]
    boots: tuple[str, ...]
    interval_ms: int

    def arrived(self, chance: random.Random | None = None) -> Recorded:
        """As a store offers them once all of it is there; with `chance` out of order, and some of it more than once."""
        series = {key: self._series(_order(batches, chance)) for key, batches in self.rows.items()}
        return Recorded(series, tuple(sorted(set(_order(self.events, chance)), key=in_order)))

    def _series(self, batches: Sequence[Rows]) -> Series:
        rows = Rows.joined(batches)
        interval = np.full(len(rows.sent), self.interval_ms)
        return build_series(rows.sent, rows.word, rows.rtt, interval, rows.boot, rows.seq, rows.mono, self.outcomes, self.boots)


def _order(things: Sequence[Thing], chance: random.Random | None) -> list[Thing]:
    if chance is None:
        return list(things)
    again = [*things, *chance.choices(things, k=len(things) // 2)] if things else []
    chance.shuffle(again)
    return again


def planned(scenario: Scenario, start_us: int = START_US) -> Truth:
    """What is true if every fault is made and healed at its moment."""
    begin = start_us + scenario.warm_up * 1000
    return Truth(
        interval_ms=scenario.interval,
        from_us=begin,
        to_us=begin + scenario.duration * 1000,
        since_us=start_us,
        clock_step_us=0,
        townships=scenario.county.townships,
        mute=scenario.mute,
        battery=scenario.battery,
        app_unprobed=scenario.app_unprobed,
        notices=tuple(noticed(scenario, begin)),
        faults=tuple(
            Injected(
                id=fault.id,
                kind=fault.kind,
                on=fault.on,
                rows=fault.rows,
                spans=tuple((begin + onset * 1000, begin + restored * 1000) for onset, restored in fault.spans),
            )
            for fault in scenario.fault
        ),
    )


def record(truth: Truth, seed: int) -> Records:
    """What the agents would have recorded. `seed` draws phases, lateness, round trips, start-ups."""
    chance = random.Random(seed)
    observer = observer_of(truth)
    county, interval_us = observer.county, truth.interval_ms * 1000
    pretender = Pretender(county, observer.history, interval_us, chance)
    end_us = truth.to_us + _AFTERWARDS * interval_us
    diaries = {
        place: Diary(*_voice(county, place), interval_us, agent, Clock(observer.history), end_us, chance)
        for place, agent in observer.agents.items()
    }
    rows: dict[SeriesKey, tuple[Rows, ...]] = {}
    for place, lane in lanes(county, app_probed=not truth.app_unprobed):
        code = ALL_LINKS if lane.place == EVERYWHERE else county.code(lane.place)
        for rung, taken in pretender.climb(lane, diaries[place]).items():
            rows[code, lane.vantage, rung] = tuple(_batches(taken, 2 * interval_us))
    events = tuple(event for diary in diaries.values() for event in diary.events())
    return Records(rows, events, tuple(pretender.outcomes), tuple(pretender.boots), truth.interval_ms)


def _voice(county: County, place: str) -> tuple[str, str]:
    return (ALL_LINKS, "county") if place == EVERYWHERE else (county.code(place), "township")


def _batches(rows: Rows, batch_us: int) -> list[Rows]:
    """Cut where the agent would close a batch: with its time, and with its boot."""
    if not len(rows.sent):
        return [rows]
    place = rows.mono // batch_us
    turns = np.flatnonzero((np.diff(place) != 0) | (np.diff(rows.boot) != 0)) + 1
    return [rows.take(part) for part in np.split(np.arange(len(place)), turns)]


def judged(scenario: Scenario, truth: Truth, recorded: Recorded) -> dict[str, Any]:
    """The Statement, by the product's own way from samples on."""
    links, contract, entries = declared(scenario, truth)
    document, period = contract_in_force([contract], period_of(truth))
    return Answer(judge_samples(recorded, Case(links, document, period, entries, None)), {}, ()).statement()


def declared(scenario: Scenario, truth: Truth) -> tuple[Links, Document[Contract], tuple[Entry, ...]]:
    """links.toml, contract.toml and ledger.toml as a run writes them, read as a command reads them."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        desk.config.mkdir()
        desk.links.write_text(links_toml(scenario, equipment_for(scenario, ()), rungs_of(scenario.county)))
        desk.contract.write_text(contract_toml(scenario))
        text = notices(scenario.fault, scenario.county, truth.from_us)
        entries: tuple[Entry, ...] = ()
        if text:
            desk.ledger.write_text(text)
            entries = read_entries(desk.ledger).value.entry
        return read_links(desk.links).value, read_contract(desk.contract), entries


@dataclass(frozen=True, slots=True)
class Replayed:
    truth: Truth
    statement: Mapping[str, Any]
    score: Score
    took_s: float

    @property
    def lasted_s(self) -> float:
        """What it would have lasted with packets, without building and draining."""
        return (self.truth.to_us - self.truth.since_us) / 1e6


def replay(scenario: Scenario, seed: int) -> Replayed:
    """`seed` draws how it is sampled."""
    begin = time.perf_counter()
    truth = planned(scenario)
    made = judged(scenario, truth, record(truth, seed).arrived())
    return Replayed(truth, made, score(truth, made), time.perf_counter() - begin)
