"""Scenarios drawn by chance: reproducible, writable, makeable, and decidable by construction."""

from dataclasses import replace
from pathlib import Path

import pytest

from jinbao_lab.chance import Wish, as_toml, draw, is_decidable
from jinbao_lab.cli import main
from jinbao_lab.faults import FAULTS
from jinbao_lab.kind import Need
from jinbao_lab.scenario import Fault, Rhythm, Scenario, read_scenario

WISHES = [Wish(seed, minutes=0.7, townships=3) for seed in range(12)]
DRAWN = [draw(wish) for wish in WISHES]


def test_the_same_wish_draws_the_same_scenario() -> None:
    assert [draw(wish) for wish in WISHES[:3]] == DRAWN[:3]
    assert draw(replace(WISHES[0], seed=99)) != DRAWN[0]


def test_what_is_drawn_can_be_written_down_and_played_again(tmp_path: Path) -> None:
    for at, scenario in enumerate(DRAWN):
        file = tmp_path / f"{at}.toml"
        file.write_text(as_toml(scenario))
        assert read_scenario(file).value == scenario


def test_there_are_faults_inside_faults_short_ones_and_notices() -> None:
    faults = [fault for scenario in DRAWN for fault in scenario.fault]
    assert len({fault.kind for fault in faults}) > len(FAULTS) // 2
    assert any(fault.notice for fault in faults)
    assert any(fault.for_ < 2_000 for fault in faults)
    assert any(fault.rhythm for fault in faults)
    overlaps = [
        (one, other)
        for scenario in DRAWN
        for one in scenario.fault
        for other in scenario.fault
        if one.at < other.at < one.end and set(_members(scenario, one)) & set(_members(scenario, other))
    ]
    assert overlaps


def _members(scenario: Scenario, fault: Fault) -> tuple[str, ...]:
    return scenario.county.members(fault.on)


def test_what_needs_something_that_is_not_there_is_not_drawn() -> None:
    wish = replace(WISHES[0], lacking=frozenset({Need.LINE, Need.CLOCK, Need.BOXES}))
    drawn = [fault.kind for seed in range(6) for fault in draw(replace(wish, seed=seed)).fault]
    assert drawn
    assert all(not FAULTS[kind].needs for kind in drawn)


def scenario(*faults: Fault, **more: object) -> Scenario:
    facts: dict[str, object] = {"schema": "jinbao.scenario/1", "name": "", "duration": 60_000, "townships": ("01", "05", "09")}
    return Scenario(**{**facts, **more}, fault=faults)  # type: ignore[arg-type]  # one dict for several keys


def fault(kind: str, at: int, lasting: int, on: str = "01", rhythm: Rhythm | None = None) -> Fault:
    return Fault(id=f"{kind}-{at}", kind=kind, on=on, at=at, for_=lasting, rhythm=rhythm)


DECIDABLE = {
    "one outage": [fault("link_cut", 10_001, 9_000)],
    "one inside another": [fault("cpe_dead", 10_001, 30_000), fault("lan_dead", 20_001, 9_000)],
    "too short to be one": [fault("link_cut", 10_001, 1_500)],
    "a restart during an outage": [fault("link_cut", 10_001, 40_000), fault("agent_crash", 20_001, 15_000)],
}
UNDECIDABLE = {
    "between never and always seen": [fault("link_cut", 10_001, 2_500)],
    "too short for its edges": [fault("link_cut", 10_001, 4_200)],
    "an edge too near another": [fault("cpe_dead", 10_001, 30_000), fault("lan_dead", 20_001, 4_500)],
    "a hop that answers half the time, asked why": [
        fault("hop_limited", 1_001, 55_000, "olt-1"), fault("core_cut", 20_001, 20_000, "olt-1")
    ],
    "a hop that was silent half the time": [
        fault("hop_filtered", 6_001, 50_000, "olt-1"), fault("core_cut", 20_001, 20_000, "olt-1")
    ],
    "what only the agent saw, that dies with a full disk": [
        fault("disk_full", 5_001, 40_000), fault("lan_dead", 12_001, 9_000), fault("agent_crash", 30_001, 20_000)
    ],
    "a clock set while an agent is dead": [fault("agent_crash", 10_001, 30_000), fault("clock_step", 20_001, 30_000, "*")],
    "a boot with a clock that is wrong": [fault("clock_step", 10_001, 40_000, "*"), fault("power_cut", 20_001, 10_000)],
    "two mistreatments of one line": [fault("delay", 10_001, 30_000), fault("loss_some", 20_001, 9_000)],
    "a battery with mains sense": [fault("mains_cut", 10_001, 10_000), fault("office_dark", 30_001, 9_000)],
    "an outage that heals into half a line": [fault("link_cut", 10_001, 10_000), fault("loss_icmp_half", 15_001, 30_000)],
}  # fmt: skip


@pytest.mark.parametrize("name", DECIDABLE)
def test_decidable(name: str) -> None:
    assert is_decidable(scenario(*DECIDABLE[name]))


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_undecidable(name: str) -> None:
    assert not is_decidable(scenario(*UNDECIDABLE[name]))


# The commands


def test_random_writes_its_scenario_replays_it_and_says_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--lang", "en", "random", "--seed", "5", "--minutes", "0.7", "--townships", "3", "--replay"]
    assert main([*words, "--out", str(tmp_path / "lab")]) == 0
    assert "seed 5: " in capsys.readouterr().out
    assert read_scenario(tmp_path / "random-5.toml").value == draw(Wish(5, 0.7, 3))


def test_many_replays_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "replay", "--seeds", "1..4", "--minutes", "0.7", "--townships", "3"]) == 0
    told = capsys.readouterr().out
    assert "4 scenarios, " in told
    assert "0 scenarios with a miss, seeds: –" in told
    assert "times faster than packets" in told


def test_a_miss_is_told_with_its_seed_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("jinbao_reports.attribution.smooth", lambda slices, edges, least_ms: ())
    assert main(["--lang", "en", "replay", "mixed", "--seeds", "3"]) == 1
    assert "1 scenarios with a miss, seeds: 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("replay mixed --minutes 2", "replay --minutes, --townships: only of drawn scenarios"),
        ("replay mixed --townships 3", "replay --minutes, --townships: only of drawn scenarios"),
        ("run mixed --loopback --seed 3", "run --seed: only --torture draws anything"),
    ],
)
def test_options_without_effect_are_refused(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.startswith(said)


def test_a_folder_that_is_no_runs_is_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(tmp_path)]) == 3
    assert "not the folder of a run" in capsys.readouterr().err
