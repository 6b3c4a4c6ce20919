"""The same scenarios on generated samples: judged by the product, held against nature; the way they arrive changes nothing."""

import csv
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collecting import Speaker, TestClock, centre_in, enrolled, post
from jinbao_agent.sample import Event, Sample
from jinbao_collector.series import NONE, Series
from jinbao_collector.store import SeriesKey, open_store
from jinbao_config.links import ALL_LINKS
from jinbao_lab.chance import Wish, draw
from jinbao_lab.county import County
from jinbao_lab.equipment import equipment_for
from jinbao_lab.faults import FAULTS
from jinbao_lab.files import contract_toml, links_toml, notices
from jinbao_lab.judge import period_of
from jinbao_lab.namespaces import rungs_of
from jinbao_lab.replay import Records, judged, planned, record, replay
from jinbao_lab.replays import problems
from jinbao_lab.scenario import Fault, Notice, Scenario, read_scenario
from jinbao_reports.life import AgentLife, begun_ms
from jinbao_reports.load import Asked, answer
from jinbao_reports.smoothing import smooth
from jinbao_reports.source import Recorded
from jinbao_reports.table import ROWS, UNATTRIBUTED, decide
from jinbao_reports.timeline import hysteresis

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "lab" / "scenarios").glob("*.toml"))
TROUBLED = Wish(seed=17, minutes=1, townships=4)


def one_fault(kind: str, lasting: int = 20_000, notice: Notice | None = None) -> Scenario:
    place = FAULTS[kind].places(County(("01", "05", "09")))[0]
    fault = Fault(id=kind, kind=kind, on=place, at=10_400, for_=lasting, notice=notice)
    townships = ("01", "05", "09") if kind != "olt_dead" else ("01", "02", "05")
    battery = (place,) if kind == "office_dark" else ()  # else the carrier would be wronged
    facts = {"schema": "jinbao.scenario/1", "name": kind, "duration": 50_000}
    return Scenario(**facts, townships=townships, battery=battery, fault=(fault,))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_alone_is_judged_in_its_own_row(kind: str) -> None:
    done = replay(one_fault(kind), seed=1)
    assert list(problems(done)) == []
    told = {re.split(r" → | ", line.judged)[3] for line in done.score.lines if line.found}
    assert told == ({FAULTS[kind].row} if FAULTS[kind].row else set())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_shipped_scenarios_are_judged_as_nature_says(file: Path) -> None:
    assert list(problems(replay(read_scenario(file).value, seed=1))) == []


@pytest.mark.parametrize("seed", range(1, 61))
def test_a_scenario_drawn_by_chance_is_judged_as_nature_says(seed: int) -> None:
    done = replay(draw(Wish(seed, minutes=1, townships=4)), seed)
    assert list(problems(done)) == []


# Arrival


@pytest.fixture(scope="module")
def troubled() -> tuple[Scenario, Records]:
    scenario = draw(TROUBLED)
    return scenario, record(planned(scenario), seed=3)


@pytest.mark.parametrize("seed", range(5))
def test_order_repetition_and_delay_of_batches_change_nothing(troubled: tuple[Scenario, Records], seed: int) -> None:
    scenario, records = troubled
    truth = planned(scenario)
    in_order = judged(scenario, truth, records.arrived())
    assert judged(scenario, truth, records.arrived(random.Random(seed))) == in_order
    assert any(link["outages"] for link in in_order["links"])


def test_the_command_line_says_the_same_of_the_same_records_as_files(
    troubled: tuple[Scenario, Records], tmp_path: Path
) -> None:
    scenario, records = troubled
    truth, arrived = planned(scenario), records.arrived()
    files = {name: tmp_path / name for name in ("links.toml", "contract.toml", "ledger.toml", "samples.csv", "events.csv")}
    files["links.toml"].write_text(links_toml(scenario, equipment_for(scenario, ()), rungs_of(scenario.county)))
    files["contract.toml"].write_text(contract_toml(scenario))
    files["ledger.toml"].write_text(notices(scenario.fault, scenario.county, truth.from_us))
    write_samples(files["samples.csv"], arrived)
    write_events(files["events.csv"], arrived.recorded_events)
    asked = Asked(
        files["links.toml"],
        [files["contract.toml"]],
        period_of(truth),
        samples=files["samples.csv"],
        events=files["events.csv"],
        ledgers=[files["ledger.toml"]],
    )
    told, in_memory = answer(asked).statement(), judged(scenario, truth, arrived)
    differ = {"inputs", "contract"}  # the digests of the files, which lay elsewhere
    assert {key: told[key] for key in told if key not in differ} == {key: in_memory[key] for key in told if key not in differ}


def write_samples(file: Path, arrived: Recorded) -> None:
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["link", "vantage", "target", "sent_at", "outcome", "rtt_us", "boot_id", "seq", "mono_ns", "interval_ms"])
        for sample in samples_in(arrived):
            rtt = "" if sample.rtt_us is None else sample.rtt_us
            mono_ns = (sample.mono_us or 0) * 1000
            row = (sample.sent_us // 1000, sample.outcome, rtt, sample.boot, sample.seq, mono_ns, sample.interval_ms)
            rows.writerow((sample.link, sample.vantage, sample.target, *row))


def write_events(file: Path, events: tuple[Event, ...]) -> None:
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["link", "vantage", "at", "event", "boot_id", "detail"])
        rows.writerows((one.link, one.vantage, one.at_us // 1000, one.event, one.boot, one.detail) for one in events)


def samples_in(arrived: Recorded) -> Iterator[Sample]:
    for key, series in arrived.recorded.items():
        yield from samples_of(key, series)


def samples_of(key: SeriesKey, series: Series) -> Iterator[Sample]:
    link, vantage, target = key
    for at in range(len(series)):
        yield Sample(
            link=link,
            vantage=vantage,
            target=target,
            sent_us=int(series.at[at]) * 1000,
            outcome=series.outcomes[series.outcome[at]],
            rtt_us=None if series.rtt[at] == NONE else int(series.rtt[at]),
            boot=series.boots[series.boot[at]],
            seq=int(series.seq[at]),
            mono_us=int(series.mono[at]),
            interval_ms=int(series.interval[at]),
        )


def test_a_collectors_store_says_the_same_however_late_and_often_the_batches_came(tmp_path: Path) -> None:
    """Real batches, signed and chained, through the collector's intake into its journal; agents take turns by chance."""
    scenario = draw(Wish(seed=17, minutes=0.5, townships=2))
    truth = planned(scenario)
    arrived, chance = record(truth, seed=3).arrived(), random.Random(1)
    codes = [scenario.county.code(township) for township in scenario.county.townships]
    with centre_in(tmp_path, TestClock(truth.to_us // 1000)) as centre:
        speakers = [enrolled(centre, f"a-{code}", "township", (code,)) for code in codes]
        speakers.append(enrolled(centre, "centre", "county", codes))
        waiting = {speaker.agent: list(batches_of(arrived, speaker)) for speaker in speakers}
        sent = []
        while any(waiting.values()):
            speaker = chance.choice([one for one in speakers if waiting[one.agent]])
            boot, samples, events = waiting[speaker.agent].pop(0)
            sent.append(speaker.batch(0, samples, events, boot=boot))
            for batch in (sent[-1], *chance.sample(sent, k=min(len(sent), chance.randrange(3)))):
                assert post(centre, batch).status == 200
    store = open_store(tmp_path / "data")
    try:
        assert judged(scenario, truth, store) == judged(scenario, truth, arrived)
    finally:
        store.close()


def batches_of(arrived: Recorded, speaker: Speaker) -> Iterator[tuple[str, list[Sample], list[Event]]]:
    """What one agent recorded, by boot, in batches of ten seconds of its own clock."""
    vantage, link = speaker.vantage, speaker.link
    samples = [one for one in samples_in(arrived) if one.vantage == vantage and (vantage == "county" or one.link == link)]
    mine = ALL_LINKS if vantage == "county" else link
    events = [one for one in arrived.recorded_events if (one.link, one.vantage) == (mine, vantage)]
    for boot in dict.fromkeys(one.boot for one in events):
        own = [one for one in samples if one.boot == boot]
        spans = sorted({(one.mono_us or 0) // 10_000_000 for one in own}) or [0]
        for span in spans:
            told = [one for one in events if one.boot == boot] if span == spans[0] else []
            yield boot, [one for one in own if (one.mono_us or 0) // 10_000_000 == span], told


# What the agents would have recorded


def facts_documented() -> dict[str, set[str]]:
    """Event → the facts of its detail, from the table of docs/agent.md."""
    found = {}
    _, _, table = (ROOT / "docs" / "agent.md").read_text().partition("| event | when | detail |\n")
    for line in table.partition("\n\n")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3:
            for event in re.findall(r"`([a-z_]+)`", cells[0]):
                found[event] = {*re.findall(r"`([a-z_]+)`", cells[2]), "mono_ns"}
    return found


def test_its_events_carry_the_facts_that_an_agents_do() -> None:
    documented = facts_documented()
    optional = {"within_ms", "charge", "config"}
    seen = set()
    for seed in range(12):
        for event in record(planned(draw(Wish(seed, 1, 3))), seed).events:
            facts = set(re.findall(r"(?:^|;)([a-z_]+)=", event.detail))
            assert documented[event.event] - optional <= facts <= documented[event.event], event
            seen.add(event.event)
    assert seen == {"heartbeat", "boot", "start", "stop", "clock_step", "mains_off", "mains_on"}


def test_a_power_cut_is_a_heartbeat_of_the_old_boot_and_a_new_one() -> None:
    events = [one for one in record(planned(one_fault("power_cut")), seed=1).events if one.link != ALL_LINKS]
    told = [(one.event, one.boot) for one in events if one.link == events[0].link]
    names, boots = [name for name, _ in told], list(dict.fromkeys(boot for _, boot in told))
    assert [name for name in names if name != "clock_step"] == ["start", "heartbeat", "boot", "start", "stop"]
    assert len(boots) == 2
    assert told[1] == ("heartbeat", boots[0])


def test_a_restart_goes_on_counting_where_the_grid_is() -> None:
    records = record(planned(one_fault("agent_crash")), seed=1)
    series = records.arrived().recorded[County().code("01"), "township", "core"]
    assert len(set(series.boot.tolist())) == 1
    gap = max(series.seq[1:] - series.seq[:-1])
    assert 20 <= gap <= 26
    assert (abs(series.mono[1:] - series.mono[:-1] - (series.seq[1:] - series.seq[:-1]) * 1_000_000) < 100_000).all()


def test_the_same_seed_records_the_same_and_another_does_not() -> None:
    truth = planned(one_fault("link_cut"))
    first, again, other = (record(truth, seed).arrived().recorded for seed in (1, 1, 2))
    key = County().code("01"), "township", "core"
    assert first[key].at.tolist() == again[key].at.tolist() != other[key].at.tolist()


ROW = {row.number: row for row in (*ROWS, UNATTRIBUTED)}
WORKS = Notice(kind="exclusion", type="cutover", from_=-2_000, to=8_000, notified=-100 * 3_600_000)
TWO_CAUSES = (
    Fault(id="core", kind="core_cut", on="olt-1", at=14_600, for_=8_000),
    Fault(id="cpe", kind="cpe_dead", on="01", at=22_600, for_=15_000),
)
BENT = {
    "every outage is the carrier's": (decide, lambda seen: ROW["11"], one_fault("power_cut"), "unjust"),
    "no outage is anybody's": (decide, lambda seen: ROW["-"], one_fault("link_cut"), "lines"),
    "one failure is an outage": (
        hysteresis,
        lambda samples, n: hysteresis(samples, 1),
        one_fault("link_cut", lasting=1_500),
        "lines",
    ),
    "a power cut begins when it was told": (begun_ms, lambda event: event.at_us // 1000, one_fault("mains_cut"), "unjust"),
    "every cause gives way": (
        smooth,
        lambda slices, edges, least: smooth(slices, edges, 10**5),
        replace(one_fault("cpe_dead"), fault=TWO_CAUSES),
        "lines",
    ),
    "no statement stops a cause": (
        smooth,
        lambda slices, edges, least: smooth(slices, (), 9_000),
        one_fault("link_cut", notice=WORKS),
        "lines",
    ),
    "every agent lives": (AgentLife.silent, lambda life, starts: starts < 0, one_fault("power_cut"), "lines"),
}


def bend(straight: Callable[..., object], bent: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the judge has it from."""
    if "." in straight.__qualname__:
        monkeypatch.setattr(f"{straight.__module__}.{straight.__qualname__}", bent)
        return
    for module in [one for name, one in sys.modules.items() if name.startswith("jinbao_reports")]:
        for name in [name for name, value in vars(module).items() if value is straight]:
            monkeypatch.setattr(module, name, bent)


@pytest.mark.parametrize("how", BENT)
def test_a_bent_judge_is_found_out(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The score is no echo of the judge."""
    straight, bent, scenario, where = BENT[how]
    assert list(problems(replay(scenario, 1))) == []
    bend(straight, bent, monkeypatch)
    scores = [replay(scenario, seed).score for seed in range(4)]
    wrong = [[line for line in one.lines if line.misses] if where == "lines" else one.unjust for one in scores]
    assert any(wrong)
