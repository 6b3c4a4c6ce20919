"""Two days of a small county with everything that makes keeping hard, and what a reader is asked about them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, centre_in, enrolled, post, sealed
from jinbao_agent.sample import Event, Sample
from jinbao_agent.wire import Batch
from jinbao_collector.series import Series
from jinbao_collector.store import Reader
from jinbao_collector.stretches import COLUMNS, Stretches

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EVER = (-(2**62), 2**62)
TOKENS = ("reply", "reply", "reply", "lost", "late", "refused", "not_sent:skipped", "unreachable:3:1:10.0.0.9")


def rows(series: Series) -> list[tuple[object, ...]]:
    numbers = (series.at, series.outcome, series.rtt, series.interval, series.boot, series.seq, series.mono)
    return [
        (at, series.outcomes[outcome], rtt, interval, series.boots[boot], seq, mono)
        for at, outcome, rtt, interval, boot, seq, mono in zip(*(column.tolist() for column in numbers), strict=True)
    ]


def spans(found: Stretches) -> list[tuple[object, ...]]:
    named = {"outcome": found.outcomes, "boot": found.boots}
    columns = [getattr(found, name).tolist() for name in COLUMNS]
    return [
        tuple(named[name][value] if name in named else value for name, value in zip(COLUMNS, row, strict=True))
        for row in zip(*columns, strict=True)
    ]


@dataclass(frozen=True)
class Question:
    """A window, and a wait."""

    since: int
    until: int
    wait_us: int


def answers(reader: Reader, questions: list[Question]) -> Any:
    names = reader.names()
    told: list[object] = [names, reader.events(*EVER)]
    for asked in questions:
        window = asked.since, asked.until
        for key in sorted(names):
            series, found = reader.series(*key, *window), reader.stretches(*key, *window, asked.wait_us)
            told.append((key, rows(series), series.conflicts, spans(found), found.conflicts))
        told.append(reader.events(*window))
    return [*told, reader.flaws(), dict(reader.inputs())]


@dataclass(frozen=True)
class Ground:
    """A collector that knows its agents and has received nothing; and what it will receive."""

    folder: Path
    batches: list[Batch]


def drifting(speaker: Speaker, since: int, count: int, **changes: Any) -> list[Sample]:
    """Samples as they really leave: a little late each time, by clocks that are not read at the same instant."""
    return [
        replace(
            sample,
            sent_us=sample.sent_us + 977 * step % 1500,
            mono_us=(sample.mono_us or 0) + 977 * step % 1500 + step % 2,
            rtt_us=2000 + 7919 * step % 900,
            **changes,
        )
        for minute in range(count)
        for step, sample in enumerate(speaker.minute(since + minute * 60_000), 6 * minute)
    ]


def two_days(folder: Path) -> Ground:
    """Two days with everything that makes sealing hard."""
    with centre_in(folder, TestClock()) as opened:
        tower, county = enrolled(opened), enrolled(opened, "county", "county", ("*",))
        other = enrolled(opened, "tw-02", links=(OTHER_LINK,))
    sent = [tower.batch(at, drifting(tower, at, 5)) for at in range(NOON, NOON + 3 * HOUR_MS, 300_000)]
    # Losses, one slow answer and one beyond any wait, and an hour later a day that nobody heard of until now.
    late = drifting(tower, NOON + 4 * HOUR_MS, 4)
    slow, skipped = (9, "late", 2_400_000), (15, "not_sent:skipped", None)
    for step, token, rtt in ((3, "lost", None), (4, "lost", None), slow, (11, "reply", 2_000_001), skipped):
        late[step] = replace(late[step], outcome=token, rtt_us=rtt)
    sent.append(tower.batch(NOON + 4 * HOUR_MS, late))
    sent.append(tower.batch(NOON - 2 * DAY_MS, drifting(tower, NOON - 2 * DAY_MS, 2)))
    # A clone whose samples contradict the first ones, one of them stamped hours away; then the same agent re-installed.
    clone = tower.again(chain="d" * 32, number=0, head="0" * 64)
    twins = drifting(clone, NOON, 2)
    twins[2:5] = [replace(sample, outcome="lost", rtt_us=None) for sample in twins[2:5]]
    twins[7] = replace(twins[7], sent_us=twins[7].sent_us + 6 * HOUR_MS * 1000)
    sent.append(clone.batch(NOON, twins, [heartbeat(LINK, NOON + 1000, clone)]))
    again = tower.again(chain="c" * 32, number=0, head="0" * 64, boot="a" * 8)
    sent += [again.batch(NOON + 50_000), again.batch(NOON + DAY_MS - 30_000), again.batch(NOON + 2 * DAY_MS - HOUR_MS)]
    # A boot without a clock, set right after a minute: its stamps stay as they were signed.
    unset = tower.again(chain="e" * 32, number=0, head="0" * 64, boot="e" * 8)
    lost = [replace(sample, sent_us=sample.sent_us - NOON * 1000) for sample in drifting(unset, NOON + 9 * HOUR_MS, 1)]
    step = f"delta_ms={NOON};synced=1;mono_ns={(10**9 + 9 * HOUR_MS * 1000 + 60_000_000) * 1000}"
    unsynced = {"sync": 0, "maxerror_us": 16_000_000, "esterror_us": 16_000_000, "state": "ERROR"}
    sent.append(unset.batch(0, lost, clock=unsynced))
    anchored = drifting(unset, NOON + 9 * HOUR_MS + 60_000, 2)
    event = Event(link=LINK, vantage="township", at_us=anchored[0].sent_us, event="clock_step", boot="e" * 8, detail=step)
    sent.append(unset.batch(0, anchored, [event]))
    # The county sees many links and itself; another township rests on a slow grid of its own.
    for minute in range(3):
        at = NOON + minute * 60_000
        seen = [*county.minute(at, "cpe", LINK), *county.minute(at, "cpe", OTHER_LINK), *county.minute(at, "gw")]
        sent.append(county.batch(at, seen, [heartbeat("*", at, county)]))
    # Names that other people's query languages would stumble over.
    odd = {"target": 'a"b\\ ${x},=é%41', "boot": "a =,\\", "outcome": 'not_sent:"${x}\n%'}
    sent.append(other.batch(NOON, [replace(sample, **odd, rtt_us=None) for sample in drifting(other, NOON, 2)]))
    same = [replace(sample, interval_ms=10_500, seq=3) for sample in other.minute(NOON, link=OTHER_LINK)]
    sent += [other.batch(NOON, same), other.unknown(NOON + 60_000), other.batch(NOON + 120_000, vantage="county")]
    return Ground(folder, sent)


def heartbeat(link: str, at_ms: int, speaker: Speaker) -> Event:
    return Event(link=link, vantage=speaker.vantage, at_us=at_ms * 1000, event="start", boot=speaker.boot, detail="é")


@contextmanager
def collector(ground: Ground, order: list[int], seals: dict[int, int], tidy: bool = True) -> Iterator[Path]:
    """A data directory that got the batches in this order; before some of them the sealer took so many rows."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(ground.folder, scratch, dirs_exist_ok=True)
        clock = TestClock(NOON + 2 * DAY_MS)
        with centre_in(Path(scratch), clock) as opened:
            for place, index in enumerate(order):
                if place in seals:
                    sealed(opened, seals[place], tidy=tidy)
                clock.now_ms += HOUR_MS
                post(opened, ground.batches[index])
            if len(order) in seals:
                sealed(opened, seals[len(order)], tidy=tidy)
            yield opened.place.home.root


edges = st.one_of(
    st.sampled_from([*EVER, 0, NOON]),
    st.integers(NOON - 3 * DAY_MS, NOON + 3 * DAY_MS),
    st.integers(NOON, NOON + 300_000),
)
questions = st.lists(
    st.builds(
        lambda edges, wait: Question(min(edges), max(edges), wait),
        st.tuples(edges, edges),
        st.sampled_from([0, 2100, 2500, 2_000_000, 10**9, 2**40]),
    ),
    max_size=4,
)
