"""A scenario is played as it is written, and its truth is on the clock as it stood at the start."""

import time
from io import StringIO

import pytest
from rich.console import Console

from jinbao_lab.county import County
from jinbao_lab.defects import Cut, Damage, Defect
from jinbao_lab.play import Play, utc_us
from jinbao_lab.scenario import Fault, Notice, Rhythm, Scenario
from jinbao_lab.show import Show
from jinbao_lab.truth import Noticed

SINCE_US = 1_700_000_000_000_000


class Recorded:
    """As much of a stage as lines and the clock need."""

    def __init__(self, county: County) -> None:
        self.county = county
        self.ahead_ms = 0
        self.log: list[tuple[str, object]] = []
        self.broken = Damage()

    def damage(self, *defects: Defect) -> None:
        self.broken.add(*defects)
        self.log += [("broken", one) for one in defects]

    def repair(self, *defects: Defect) -> None:
        self.broken.remove(*defects)
        self.log += [("whole", one) for one in defects]

    def step_clock(self, milliseconds: int) -> None:
        self.ahead_ms += milliseconds
        self.log.append(("clock", milliseconds))


def scenario(*faults: Fault) -> Scenario:
    return Scenario(schema="jinbao.scenario/1", name="x", duration=120, townships=("01", "02"), fault=faults)


def play(stage: Recorded, played: Scenario) -> tuple[int, Play]:
    return utc_us() + 20_000, Play(stage, played, Show("en", Console(file=StringIO())), SINCE_US)  # type: ignore[arg-type]


def test_a_rhythm_is_made_and_healed_in_turns_and_every_turn_is_told() -> None:
    fault = Fault(id="f", kind="link_cut", on="01", at=10, for_=70, rhythm=Rhythm(down=20, up=10), rows=("11",))
    stage = Recorded(scenario().county)
    start_us, played = play(stage, scenario(fault))
    truth = played.run(start_us)
    cut = Cut("p01-olt-1")
    assert stage.log == [("broken", cut), ("whole", cut), ("broken", cut), ("whole", cut), ("broken", cut), ("whole", cut)]
    (injected,) = truth.faults
    assert (injected.id, injected.kind, injected.on, injected.rows) == ("f", "link_cut", "01", ("11",))
    for planned, told in zip(fault.spans, injected.spans, strict=True):
        assert start_us + planned[0] * 1000 <= told[0] < told[1]
        assert start_us + planned[1] * 1000 <= told[1]
    assert (truth.since_us, truth.from_us, truth.to_us) == (SINCE_US, start_us, start_us + 120_000)
    assert truth.townships == ("01", "02")


def test_what_is_filed_is_told_as_the_ledger_has_it() -> None:
    notice = Notice(kind="exclusion", type="cutover", from_=-2000, to=8000, notified=-1000)
    fault = Fault(id="f", kind="olt_dead", on="olt-1", at=10, for_=20, notice=notice)
    start_us, played = play(Recorded(scenario().county), scenario(fault))
    truth = played.run(start_us)
    onset_us = start_us // 1000 * 1000 + 10_000
    links = ("510422100", "510422101")
    wanted = Noticed(kind="exclusion", type="cutover", links=links, from_us=onset_us - 2_000_000, to_us=onset_us + 8_000_000)
    assert truth.notices == (wanted,)


def test_a_clock_that_a_fault_sets_does_not_move_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, honest = Recorded(scenario().county), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: honest() + stage.ahead_ms * 10**6)
    step = Fault(id="step", kind="clock_step", at=10, for_=80)
    cut = Fault(id="cut", kind="link_cut", on="01", at=30, for_=20)
    start_us, played = play(stage, scenario(step, cut))
    truth = played.run(start_us)
    assert [what for what, _ in stage.log] == ["clock", "broken", "whole", "clock"]
    edges = [edge for fault in truth.faults for span in fault.spans for edge in span]
    assert all(start_us < edge < start_us + 60_000_000 for edge in edges)
    assert abs(truth.clock_step_us) < 60_000_000
