"""One suite for all readers: the same county, the same questions, the same answers, wherever the sealer happens to be."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, centre_in, enrolled, post, sealed
from jinbao_agent.sample import Event, Sample
from jinbao_agent.wire import Batch
from jinbao_collector.journal import position_held
from jinbao_collector.series import Series
from jinbao_collector.store import Reader, open_store
from jinbao_collector.store.embedded import EmbeddedReader
from jinbao_collector.store.journal_reader import JournalReader
from jinbao_collector.stretches import COLUMNS, Stretches, fold

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


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Two days with everything that makes sealing hard."""
    folder = tmp_path_factory.mktemp("ground")
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


@settings(max_examples=20, deadline=None)
@given(chance=st.data(), asked=questions)
def test_the_store_answers_as_its_journal_does_wherever_the_sealer_is(
    ground: Ground, chance: st.DataObject, asked: list[Question]
) -> None:
    count = len(ground.batches)
    order = chance.draw(st.permutations(range(count)), label="order")
    seals = chance.draw(st.dictionaries(st.integers(1, count), st.integers(1, 60), min_size=1, max_size=4), label="seals")
    asked = [*asked, Question(*EVER, 2_000_000)]
    tidy = chance.draw(st.booleans(), label="tidy")
    with collector(ground, order, seals, tidy) as data, JournalReader(data) as journal, EmbeddedReader(data) as store:
        assert answers(store, asked) == answers(journal, asked)


def test_stretches_are_the_samples_run_together(ground: Ground) -> None:
    order = list(range(len(ground.batches)))
    with collector(ground, order, {len(order): 1000}) as data, EmbeddedReader(data) as store:
        for key in sorted(store.names()):
            series, found = store.series(*key, *EVER), store.stretches(*key, *EVER, 2_000_000)
            assert spans(found) == spans(fold(series, 2_000_000))
            assert int(found.count.sum()) == len(series)
            assert (found.at[1:] >= found.last[:-1]).all()


def test_what_is_told_does_not_depend_on_the_order_of_arrival(ground: Ground) -> None:
    order = list(range(len(ground.batches)))
    told = []
    for turned in (order, order[::-1]):
        with collector(ground, turned, {len(order): 1000}) as data, EmbeddedReader(data) as store:
            told.append(answers(store, [Question(*EVER, 2_000_000)])[:-1])
    assert told[0] == told[1]


def test_what_comes_after_a_revocation_is_never_sealed(ground: Ground, tmp_path: Path) -> None:
    shutil.copytree(ground.folder, tmp_path, dirs_exist_ok=True)
    with centre_in(tmp_path, TestClock(NOON + 2 * DAY_MS)) as opened:
        first, second = ground.batches[:2]
        post(opened, first)
        with position_held(opened.place.home.journal) as position:
            opened.enrolment.revoke("tw-01", position, NOON)
        post(opened, second)
        sealed(opened)
        with EmbeddedReader(opened.place.home.root) as store, JournalReader(opened.place.home.root) as journal:
            assert len(store.series(LINK, "township", "core", *EVER)) == 30
            asked = [Question(*EVER, 2_000_000)]
            assert answers(store, asked) == answers(journal, asked)


def test_a_snapshot_stays_as_it_was_while_the_sealer_goes_on(ground: Ground, tmp_path: Path) -> None:
    shutil.copytree(ground.folder, tmp_path, dirs_exist_ok=True)
    with centre_in(tmp_path, TestClock(NOON + 2 * DAY_MS)) as opened:
        post(opened, *ground.batches[:3])
        sealed(opened, 1)
        asked = [Question(*EVER, 2_000_000)]
        with open_store(opened.place.home.root) as reader:
            before = answers(reader, asked)
            post(opened, ground.batches[3])
            sealed(opened)
            assert answers(reader, asked) == before
        with open_store(opened.place.home.root) as reader:
            assert answers(reader, asked) != before


def test_what_was_read_has_one_digest_wherever_the_sealer_is_in_a_month(tmp_path: Path) -> None:
    clock = TestClock()
    with centre_in(tmp_path, clock) as opened:
        tower, data = enrolled(opened), opened.place.home.root
        for days in (0, 0, 31, 0, 31):
            clock.now_ms += days * DAY_MS
            post(opened, *tower.minutes(2, clock.now_ms))
        with JournalReader(data) as journal:
            expected = journal.inputs()
            while sealed(opened, 1) < opened.journal.position:
                with EmbeddedReader(data) as store:
                    assert store.inputs() == expected
        with EmbeddedReader(data) as store:
            assert store.inputs() == expected
