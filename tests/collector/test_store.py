"""What judgement gets to read, whatever came when, how often and in which order."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, centre_in, enrolled, post
from jinbao_agent.sample import Event
from jinbao_agent.wire import Batch
from jinbao_collector.centre import Centre
from jinbao_collector.journal import position_held
from jinbao_collector.series import Series
from jinbao_collector.store import Flaw, StoreError, open_store
from jinbao_collector.store.journal_reader import JournalReader
from jinbao_collector.volume import VolumeError, month_files

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EVER = (-(2**62), 2**62)


def rows(series: Series) -> list[tuple[int, str, int, int, str, int, int]]:
    """A series with its codes spelt out."""
    numbers = (series.at, series.outcome, series.rtt, series.interval, series.boot, series.seq, series.mono)
    return [
        (at, series.outcomes[outcome], rtt, interval, series.boots[boot], seq, mono)
        for at, outcome, rtt, interval, boot, seq, mono in zip(*(column.tolist() for column in numbers), strict=True)
    ]


def everything(directory: Path) -> Any:
    """All that a reader hands out and finds wrong."""
    with JournalReader(directory) as reader:
        names = reader.names()
        series = {name: reader.series(*name, *EVER) for name in names}
        told = {name: (rows(one), one.conflicts, one.outcomes, one.boots) for name, one in series.items()}
        return names, told, reader.events(*EVER), reader.flaws()


def data(centre: Centre) -> Path:
    return centre.place.home.root


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with centre_in(tmp_path, TestClock()) as opened:
        yield opened


def event(link: str, at_ms: int, kind: str = "heartbeat", vantage: str = "township") -> Event:
    return Event(link=link, vantage=vantage, at_us=at_ms * 1000, event=kind, boot="b" * 8, detail="interval_ms=10000")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Batch]]:
    """A collector with two agents enrolled and nothing received, and the batches to come: one agent is cloned, then
    re-installed while its old self still speaks."""
    folder = tmp_path_factory.mktemp("ground")
    with centre_in(folder, TestClock()) as opened:
        tower, county = enrolled(opened), enrolled(opened, "county", "county", ("*",))
    sent = tower.minutes(2)
    clone, third = tower.again(), NOON + 120_000
    sent += [tower.batch(third, tower.minute(third, "app"), [event(LINK, third - 1000, "stop")])]
    lost = [replace(sample, outcome="lost", rtt_us=None) for sample in clone.minute(third, "app")]
    sent += [clone.batch(third, lost, [event(LINK, third - 1000, "stop")])]
    again = tower.again(chain="c" * 32, number=0, head="0" * 64, boot="a" * 8)
    sent += [again.batch(third + 50_000), again.batch(NOON + 2 * DAY_MS - HOUR_MS)]
    seen = [*county.minute(NOON, "cpe", LINK), *county.minute(NOON, "gw")]
    sent += [county.batch(NOON, seen, [event("*", NOON, vantage="county")])]
    return folder, sent


def told_after(folder: Path, batches: list[Batch]) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(folder, scratch, dirs_exist_ok=True)
        with centre_in(Path(scratch), TestClock(NOON + 2 * DAY_MS)) as opened:
            for batch in batches:
                post(opened, batch)
        return everything(Path(scratch) / "data")


@settings(max_examples=25, deadline=None)
@given(picks=st.data())
def test_order_and_repetition_of_arrival_change_nothing(ground: tuple[Path, list[Batch]], picks: st.DataObject) -> None:
    folder, batches = ground
    order = picks.draw(st.permutations(range(len(batches))), label="order")
    repeats = picks.draw(st.lists(st.sampled_from(range(len(batches))), max_size=4), label="sent again")
    arrived = [batches[index] for index in [*order, *repeats]]
    assert told_after(folder, arrived) == told_after(folder, batches)


def test_what_is_told_is_what_was_measured(ground: tuple[Path, list[Batch]]) -> None:
    names, told, events, flaws = told_after(*ground)
    assert names == {(LINK, "township", "core"), (LINK, "township", "app"), (LINK, "county", "cpe"), ("*", "county", "gw")}
    core, _, _, _ = told[LINK, "township", "core"]
    assert [row[0] for row in core[:12]] == [NOON + step * 10_000 for step in range(12)]
    assert core[0][1:4] == ("reply", 2000, 10_000)
    app, conflicts, _, _ = told[LINK, "township", "app"]
    assert (app, len(conflicts)) == ([], 6)
    assert [(one.event, one.at_us) for one in events] == [("heartbeat", NOON * 1000), ("stop", (NOON + 119_000) * 1000)]
    assert {(flaw.kind, flaw.target, flaw.at) for flaw in flaws if flaw.kind != "conflict"} == {
        ("fork", "", NOON + 120_000),
        ("overlap", "", NOON + 170_000),
    }


def test_a_window_is_half_open_and_exact(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(3))
    with JournalReader(data(centre)) as reader:
        cut = reader.series(LINK, "township", "core", NOON + 10_000, NOON + 60_000)
        assert cut.at.tolist() == [NOON + step * 10_000 for step in range(1, 6)]
        assert len(reader.series(LINK, "township", "core", NOON + HOUR_MS, EVER[1])) == 0
        assert len(reader.series(LINK, "township", "edge", *EVER)) == 0


def test_a_batch_is_found_by_any_instant_in_it(centre: Centre) -> None:
    """A batch that spans midnight and more, as after a clock step, is found from both sides."""
    tower = enrolled(centre)
    long = [*tower.minute(NOON - 20 * HOUR_MS), *tower.minute(NOON)]
    post(centre, tower.batch(NOON, long, [event(LINK, NOON - 40 * HOUR_MS, "start")]))
    with JournalReader(data(centre)) as reader:
        for at in (NOON - 20 * HOUR_MS, NOON):
            assert reader.series(LINK, "township", "core", at, at + 1).at.tolist() == [at]
        assert [one.event for one in reader.events(NOON - 41 * HOUR_MS, NOON - 39 * HOUR_MS)] == ["start"]


def test_records_outside_the_keys_scope_are_never_handed_out(centre: Centre) -> None:
    tower = enrolled(centre)
    foreign = [*tower.minute(NOON), *tower.minute(NOON, link=OTHER_LINK), *tower.minute(NOON, "gw", "*")]
    post(centre, tower.batch(NOON, foreign, [event(OTHER_LINK, NOON), event("*", NOON, "mains_off"), event(LINK, NOON)]))
    post(centre, tower.batch(NOON + 60_000, vantage="county"))
    post(centre, tower.batch(NOON + 120_000, agent="tw-02"))
    names, told, events, flaws = everything(data(centre))
    assert names == {(LINK, "township", "core")}
    assert len(told[LINK, "township", "core"][0]) == 6
    assert [one.link for one in events] == [LINK]
    assert flaws == (Flaw("out_of_scope", LINK, "", NOON),)


def test_what_an_agent_measured_before_it_had_a_name_counts(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON, agent=""))
    _, told, _, flaws = everything(data(centre))
    assert (len(told[LINK, "township", "core"][0]), flaws) == (6, ())


def test_what_comes_after_a_revocation_is_kept_but_never_handed_out(centre: Centre) -> None:
    tower = enrolled(centre)
    before, after = tower.minutes(2)
    post(centre, before)
    with position_held(centre.place.home.journal) as position:
        centre.enrolment.revoke(tower.agent, position, NOON)
    post(centre, after)
    post(centre, tower.batch(NOON + 120_000, tower.minute(NOON + 120_000, "app"), [event(LINK, NOON + 120_000)]))
    names, told, events, flaws = everything(data(centre))
    assert names == {(LINK, "township", "core")}
    assert len(told[LINK, "township", "core"][0]) == 6
    assert events == ()
    assert flaws == (Flaw("revoked_key", LINK, "", NOON + 60_000),)


def test_an_unknown_schema_is_kept_but_never_handed_out(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    post(centre, tower.unknown(NOON + 60_000))
    bare = tower.batch(NOON + 120_000)
    post(centre, Batch(bare.signed, None))
    post(centre, enrolled(centre, "tw-02", links=(OTHER_LINK,)).unknown(NOON))
    _, told, _, _ = everything(data(centre))
    assert [len(one[0]) for one in told.values()] == [6]


def test_the_same_sample_with_other_content_across_a_windows_edge_is_seen_from_both_sides(centre: Centre) -> None:
    tower = enrolled(centre)
    clone = tower.again(chain="c" * 32)
    post(centre, tower.batch(NOON))
    moved = [replace(sample, sent_us=sample.sent_us + 5_000_000) for sample in clone.minute(NOON)]
    post(centre, clone.batch(NOON + 5_000, moved))
    with JournalReader(data(centre)) as reader:
        whole = reader.series(LINK, "township", "core", *EVER)
        left = reader.series(LINK, "township", "core", EVER[0], NOON + 2_000)
        right = reader.series(LINK, "township", "core", NOON + 2_000, EVER[1])
        assert (len(whole), len(left), len(right)) == (0, 0, 0)
        assert [flaw.target for flaw in reader.flaws() if flaw.kind == "conflict"] == ["core"] * len(whole.conflicts)


def test_a_reader_is_a_snapshot_and_a_new_one_sees_more(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(2))
    with JournalReader(data(centre)) as reader:
        before = reader.inputs()
        late = tower.batch(NOON + 120_000, [*tower.minute(NOON + 120_000), *tower.minute(NOON, "app")])
        post(centre, late)
        assert len(reader.series(LINK, "township", "core", *EVER)) == 12
        assert reader.names() == {(LINK, "township", "core")}
        assert reader.inputs() == before
    with JournalReader(data(centre)) as reader:
        assert len(reader.series(LINK, "township", "core", *EVER)) == 18
        assert reader.inputs() != before


def test_another_process_reads_while_this_one_writes(centre: Centre) -> None:
    tower = enrolled(centre)
    script = (
        "import sys; from pathlib import Path; from jinbao_collector.store import open_store\n"
        "for line in sys.stdin:\n"
        "    reader = open_store(Path(sys.argv[1]))\n"
        f"    print(len(reader.series('{LINK}', 'township', 'core', 0, 2**60)), flush=True)\n"
        "    reader.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(data(centre))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for count in range(1, 6):
            post(centre, tower.batch(NOON + count * 60_000))
            other.stdin.write("\n")
            other.stdin.flush()
            assert int(other.stdout.readline()) == 6 * count
        other.stdin.close()


def test_months_are_read_as_one(tmp_path: Path) -> None:
    clock = TestClock()
    with centre_in(tmp_path, clock) as opened:
        tower = enrolled(opened)
        post(opened, tower.batch(NOON))
        clock.now_ms += 30 * DAY_MS
        post(opened, tower.batch(NOON + 60_000), tower.batch(clock.now_ms))
        assert len(list(opened.place.home.journal.glob("*.db"))) == 2
        with JournalReader(data(opened)) as reader:
            assert len(reader.series(LINK, "township", "core", *EVER)) == 18
            assert len(reader.series(LINK, "township", "core", NOON, NOON + DAY_MS)) == 12


def test_columns_that_need_all_their_bits_come_back_whole(centre: Centre) -> None:
    tower: Speaker = enrolled(centre)
    far = [replace(sample, rtt_us=2**40, mono_us=2**61, seq=2**50 + index) for index, sample in enumerate(tower.minute(NOON))]
    post(centre, tower.batch(NOON, far))
    with JournalReader(data(centre)) as reader:
        series = reader.series(LINK, "township", "core", *EVER)
    assert np.unique(series.rtt).tolist() == [2**40]
    assert np.unique(series.mono).tolist() == [2**61]
    assert series.seq.tolist() == [2**50 + index for index in range(6)]


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no journal in here; expected a collector's data directory"):
        open_store(tmp_path)


def test_a_damaged_file_is_named_whenever_it_comes_to_light(centre: Centre) -> None:
    post(centre, *enrolled(centre).minutes(20))
    centre.close()
    (file,) = month_files(data(centre) / "journal")
    with JournalReader(data(centre)) as reader:
        whole = file.read_bytes()
        # The reader has the small tables already; what is damaged are the pages of the batches.
        file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
        with pytest.raises(VolumeError, match=r"2021-04\.db: is damaged: .*jinbao-collector repair`"):
            reader.series(LINK, "township", "core", *EVER)
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(VolumeError, match=r"2021-04\.db: is damaged: file is not a database"):
        open_store(data(centre))
