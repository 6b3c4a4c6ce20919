"""Whatever arrives when: a collector's journal and shuffled files give the same Statement in the end (judgement R1.4)."""

import random
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecting import LINK, NOON, Speaker, TestClock, centre_in, enrolled, post
from jinbao_agent.sample import Event, Sample
from jinbao_agent.wire import Batch
from jinbao_reports.load import Asked, answer

MINUTES = 6
PERIOD = "2021-04-09T12:00:00+08:00/2021-04-09T12:10:00+08:00"
CONTRACT = 'schema = "jinbao.contract/1"\neffective = { from = 2010-01-01 }\ntarget = "99.9%"\nunattributed = "counted"\n'
SAMPLES = "link,vantage,target,sent_at,outcome,rtt_us,boot_id,seq,mono_ns,interval_ms"
EVENTS = "link,vantage,at,event,boot_id,detail"
# Ten-second slots of six minutes, answered or failed; the modem's and the county's view tell a cause.
PICTURES = {
    ("township", "lan"): "o" * 36,
    ("township", "cpe"): "o" * 12 + "f" * 9 + "o" * 15,
    ("township", "core"): "o" * 10 + "f" * 12 + "oooo" + "f" + "o" * 9,
    ("township", "app"): "o" * 8 + "f" * 16 + "o" * 12,
    ("county", "cpe"): "o" * 11 + "f" * 11 + "o" * 14,
    ("county", "gw"): "o" * 36,
    ("county", "ce"): "o" * 36,
}


def minute_of(speaker: Speaker, minute: int) -> list[Sample]:
    """What an agent sent in one minute, on every rung it has."""
    found = []
    for (vantage, target), signs in PICTURES.items():
        if vantage == speaker.vantage:
            drawn = speaker.minute(NOON + minute * 60_000, target, "*" if target in ("gw", "ce") else LINK)
            for sample, sign in zip(drawn, signs[minute * 6 : minute * 6 + 6], strict=True):
                found.append(sample if sign == "o" else replace(sample, outcome="lost", rtt_us=None))
    return found


@dataclass(frozen=True)
class Minute:
    """One batch, and what is in it."""

    batch: Batch
    samples: list[Sample]
    events: list[Event]


class Ground:
    """A collector that has heard nothing yet, and what two agents are about to send. No dataclass: hypothesis prints those."""

    def __init__(self, folder: Path) -> None:
        with centre_in(folder, TestClock()) as opened:
            speakers = enrolled(opened), enrolled(opened, "county", "county", ("*",))
        (folder / "terms.toml").write_text(CONTRACT, encoding="utf-8")
        self.folder = folder
        self.minutes = [_minute(speaker, minute) for minute in range(MINUTES) for speaker in speakers]
        (self.statement,) = from_store(folder, [self.minutes])


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"))


def _minute(speaker: Speaker, minute: int) -> Minute:
    at, samples = NOON + minute * 60_000, minute_of(speaker, minute)
    alive = Event(
        link=speaker.link,
        vantage=speaker.vantage,
        at_us=at * 1000,
        event="heartbeat",
        boot=speaker.boot,
        detail="interval_ms=60000",
    )
    return Minute(speaker.batch(at, samples, [alive]), samples, [alive])


def stated(folder: Path, **basis: Path) -> dict[str, Any]:
    """The Statement, without what names its inputs."""
    asked = Asked(links=folder / "links.toml", contracts=[folder / "terms.toml"], period=PERIOD, **basis)  # type: ignore[arg-type]
    made = answer(asked).statement()
    return {name: value for name, value in made.items() if name not in ("inputs", "manifest")}


def from_store(ground: Path, arrivals: Iterable[Sequence[Minute]]) -> list[dict[str, Any]]:
    """A Statement after each delivery."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(ground, scratch, dirs_exist_ok=True)
        made = []
        with centre_in(Path(scratch), TestClock(NOON + 3_600_000)) as opened:
            for delivery in arrivals:
                for minute in delivery:
                    post(opened, minute.batch)
                made.append(stated(Path(scratch), store=Path(scratch) / "data"))
        return made


places = st.integers(0, 2 * MINUTES - 1)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(2 * MINUTES)), st.integers(0, 2 * MINUTES), st.lists(places, max_size=4))
def test_late_and_repeated_batches_in_any_order_end_in_the_same_statement(
    ground: Ground, order: list[int], late: int, repeats: list[int]
) -> None:
    first, rest = ([ground.minutes[place] for place in part] for part in (order[late:], [*order[:late], *repeats]))
    before, after = from_store(ground.folder, [first, rest])
    assert after == ground.statement
    assert late or before == ground.statement


def rows_of(minutes: Iterable[Minute]) -> tuple[list[str], list[str]]:
    """The same samples and events as rows of CSV."""
    samples = [
        f"{one.link},{one.vantage},{one.target},{_time(one.sent_us)},{one.outcome},{'' if one.rtt_us is None else one.rtt_us},"
        f"{one.boot},{one.seq},{(one.mono_us or 0) * 1000},{one.interval_ms}"
        for minute in minutes
        for one in minute.samples
    ]
    events = [
        f"{one.link},{one.vantage},{_time(one.at_us)},{one.event},{one.boot},{one.detail}"
        for minute in minutes
        for one in minute.events
    ]
    return samples, events


def _time(at_us: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_us)).isoformat()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rows_in_any_order_and_number_give_the_statement_of_the_store(ground: Ground, seed: int) -> None:
    chance, (samples, events) = random.Random(seed), rows_of(ground.minutes)
    tables = {"samples": (SAMPLES, samples), "events": (EVENTS, events)}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (header, rows) in tables.items():
            shuffled = rows + chance.choices(rows, k=len(rows) // 2)
            chance.shuffle(shuffled)
            (Path(scratch) / f"{name}.csv").write_text("\n".join([header, *shuffled]) + "\n", "utf-8")
        assert stated(ground.folder, **{name: Path(scratch) / f"{name}.csv" for name in tables}) == ground.statement


def test_there_is_something_to_judge(ground: Ground) -> None:
    link = ground.statement["links"][0]
    (outage,) = [outage for outage in link["outages"] if outage["scope"] == "link"]
    assert (outage["seconds"], outage["slices"][-1]["cause"]) == (120, "CPE_FAULT")
    assert link["flaps"]["count"] == 1
