"""One suite for all readers: the same county, the same questions, the same answers, wherever the sealer happens to be."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecting import LINK, NOON, TestClock, centre_in, enrolled, post, sealed
from jinbao_collector.journal import position_held
from jinbao_collector.store import open_store
from jinbao_collector.store.embedded import EmbeddedReader
from jinbao_collector.store.journal_reader import JournalReader
from jinbao_collector.stretches import fold
from two_days import DAY_MS, EVER, Ground, Question, answers, collector, questions, spans, two_days


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return two_days(tmp_path_factory.mktemp("ground"))


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
