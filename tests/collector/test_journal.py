"""The journal: what it knows is in its files, months close, and a disk that fills up loses nothing that was promised."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecting import LINK, NOON, Speaker, TestClock, ack, centre_in, enrolled, post
from jinbao_agent.wire import Batch, Signed
from jinbao_collector.centre import AlreadyServing, Centre
from jinbao_collector.heard import last_heard
from jinbao_collector.journal import JournalError, position_held
from jinbao_collector.recovery import recover
from jinbao_collector.store.journal_reader import JournalReader
from jinbao_collector.volume import Volume, digest_of, month_files

DAY_MS = 86_400_000


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


def journal_of(centre: Centre) -> Path:
    return centre.place.home.journal


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Batch]]:
    """Batches of two chains with a fork, an overlap, a mad clock and a declared successor."""
    folder = tmp_path_factory.mktemp("ground")
    with centre_in(folder, TestClock()) as opened:
        tower = enrolled(opened)
    sent = tower.minutes(2)
    fork = tower.again()
    sent += [
        tower.batch(NOON + 120_000),
        fork.batch(NOON + 121_000),
        tower.batch(NOON + 90 * DAY_MS),
        tower.batch(NOON + 180_000),
    ]
    named = {"chain": tower.chain, "number": 3, "hash": "", "reason": "rolled_back"}
    other = tower.again(chain="c" * 32, number=0, head="0" * 64)
    sent += [other.batch(NOON + 30_000, predecessor=named), *(other.batch(NOON + 300_000 + n * 60_000) for n in range(2))]
    return folder, sent


@settings(max_examples=40, deadline=None)
@given(picks=st.data())
def test_chains_drawn_from_the_files_are_those_known_while_serving(
    ground: tuple[Path, list[Batch]], picks: st.DataObject
) -> None:
    folder, batches = ground
    order = picks.draw(st.lists(st.sampled_from(range(len(batches))), max_size=14), label="arrivals")
    turn = picks.draw(st.integers(0, 14), label="the month turns before")
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(folder, scratch, dirs_exist_ok=True)
        clock = TestClock()
        with centre_in(Path(scratch), clock) as opened:
            for place, index in enumerate(order):
                clock.now_ms = NOON + (30 * DAY_MS if place >= turn else 0)
                post(opened, batches[index])
            known = opened.journal.chains
            volumes = [Volume(file, writing=False) for file in month_files(journal_of(opened))]
            assert recover(volumes[-2] if len(volumes) > 1 else None, volumes[-1]) == known
            for volume in volumes:
                volume.close()


def test_a_restart_goes_on_where_the_journal_ends(tmp_path: Path, clock: TestClock) -> None:
    with centre_in(tmp_path, clock) as opened:
        tower = enrolled(opened)
        one, two, three = tower.minutes(3)
        post(opened, one, three)
    with centre_in(tmp_path, clock) as opened:
        assert opened.journal.position == 2
        assert ack(post(opened, one))["number"] == 1
        assert ack(post(opened, two))["number"] == 3
        assert opened.journal.position == 3


def test_a_month_closes_with_a_signed_row_that_the_next_one_names(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(3))
    clock.now_ms += 30 * DAY_MS
    post(centre, tower.batch(clock.now_ms))
    april, may = (Volume(file, writing=False) for file in month_files(journal_of(centre)))
    closed = april.closed
    assert closed is not None
    fields = closed.fields()
    assert closed.verified_by(centre.authority.signing.public)
    assert (fields["month"], fields["first"], fields["last"]) == ("2021-04", 1, 3)
    assert fields["digest"] == digest_of(april.hashes(1, 3)) == digest_of(april.all_hashes(3))
    assert (may.name, may.first, may.prev, may.last) == ("2021-05", 5, closed.hash, 5)
    for volume in (april, may):
        volume.close()


def test_replays_and_overlaps_are_seen_across_months(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    first = tower.batch(NOON)
    post(centre, first)
    clock.now_ms += 30 * DAY_MS
    assert ack(post(centre, tower.batch(clock.now_ms)))["number"] == 2
    post(centre, first)
    assert centre.journal.position == 3
    other = tower.again(chain="c" * 32, number=0, head="0" * 64)
    assert ack(post(centre, other.batch(NOON + 10_000)))["verdicts"] == {"1": ["overlap"]}


def test_a_kill_between_closing_and_beginning_a_month_is_made_good(tmp_path: Path, clock: TestClock) -> None:
    with centre_in(tmp_path, clock) as opened:
        tower = enrolled(opened)
        post(opened, tower.batch(NOON))
        clock.now_ms += 30 * DAY_MS
        post(opened, tower.batch(clock.now_ms))
        files = month_files(journal_of(opened))
    files[1].unlink()
    with centre_in(tmp_path, clock) as opened:
        assert opened.journal.position == 2
        assert ack(post(opened, tower.batch(clock.now_ms + 60_000)))["number"] == 1
        assert month_files(journal_of(opened)) == files


def test_a_month_that_is_missing_or_was_changed_stops_the_start(tmp_path: Path, clock: TestClock) -> None:
    with centre_in(tmp_path, clock) as opened:
        tower = enrolled(opened)
        for _ in range(3):
            post(opened, tower.batch(clock.now_ms))
            clock.now_ms += 31 * DAY_MS
        files = month_files(journal_of(opened))
    files[1].rename(tmp_path / "away")
    with (
        pytest.raises(JournalError, match=r"2021-06\.db: does not follow on .*2021-04\.db; restore the file"),
        centre_in(tmp_path, clock),
    ):
        pass


def test_a_clock_set_back_keeps_the_month_it_has(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    clock.now_ms += 30 * DAY_MS
    post(centre, tower.batch(clock.now_ms))
    clock.now_ms -= 30 * DAY_MS
    assert post(centre, tower.batch(clock.now_ms)).status == 200
    assert len(month_files(journal_of(centre))) == 2


def test_requests_that_come_together_are_committed_together_and_each_is_answered(centre: Centre) -> None:
    speakers = [enrolled(centre, f"tw-{number:02d}") for number in range(8)]
    answers: list[int] = []

    def speak(speaker: Speaker) -> None:
        for batch in speaker.minutes(10):
            answer = post(centre, batch)
            answers.append(answer.status)

    threads = [threading.Thread(target=speak, args=(speaker,)) for speaker in speakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 80
    assert centre.journal.position == 80
    assert {chain.head.number for chains in centre.journal.chains.values() for chain in chains.values()} == {10}


def test_a_full_disk_is_answered_later_and_when_there_is_room_everything_goes_on(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(2))
    (file,) = month_files(journal_of(centre))
    # The real error of a full disk, from SQLite itself: this connection's file may not grow.
    db = centre.journal.current.db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    many = tower.minutes(400, NOON + 120_000)
    answer = post(centre, *many)
    assert (answer.status, answer.headers["Retry-After"]) == (507, "30")
    assert b"full" in answer.body
    assert any("full" in trouble for trouble in centre.troubles())
    assert read(file, "SELECT count(*) FROM batch") == [(2,)]
    with JournalReader(centre.place.home.root) as reader:
        assert len(reader.series(LINK, "township", "core", 0, 2**60)) == 12
    # The next request finds the files opened anew, without the bound.
    again = post(centre, *many)
    assert (again.status, ack(again)["number"]) == (200, 402)
    assert centre.troubles() == []
    assert read(file, "SELECT count(*), count(DISTINCT number) FROM batch") == [(402, 402)]


def read(file: Path, query: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_a_revocation_waits_for_no_position_to_move(centre: Centre) -> None:
    """While another process holds the position, a batch is not placed; once it lets go, the batch falls after it."""
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    answers = []
    with position_held(journal_of(centre)) as position:
        late = threading.Thread(target=lambda: answers.append(post(centre, tower.batch(NOON + 60_000))))
        late.start()
        assert position == 1
        centre.enrolment.revoke("tw-01", position, NOON)
        assert centre.journal.position == 1
    late.join()
    assert ack(answers[0])["verdicts"] == {"2": ["revoked_key"]}


def test_the_bytes_are_kept_as_they_were_signed(centre: Centre) -> None:
    tower = enrolled(centre)
    batch = tower.batch(NOON)
    post(centre, batch)
    (file,) = month_files(journal_of(centre))
    ((head, signature, body),) = read(file, "SELECT head, signature, body FROM batches")
    kept = Batch(Signed(head, signature), zlib.decompress(body))  # type: ignore[arg-type]
    assert kept == batch


def test_two_processes_do_not_serve_one_journal(centre: Centre) -> None:
    with pytest.raises(AlreadyServing, match="another process serves"):
        Centre(centre.place, centre.now_ms)
    script = "import sys; from pathlib import Path; from jinbao_collector.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "--config", str(centre.place.file), "--lang", "en", "serve"]
    other = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert other.returncode == 2
    assert "another process serves this data directory" in other.stderr


def test_who_was_heard_last_is_read_from_the_journal(centre: Centre, clock: TestClock) -> None:
    tower, county = enrolled(centre), enrolled(centre, "county", "county", ("*",))
    post(centre, tower.batch(NOON, waiting=7))
    clock.now_ms += 5000
    post(centre, tower.batch(NOON + 60_000, waiting=3), tower.batch(NOON + 120_000, waiting=2))
    county.link = LINK
    post(centre, county.batch(NOON))
    heard = last_heard(journal_of(centre))
    assert heard == centre.intake.heard
    assert (heard["tw-01"].arrived_ms, heard["tw-01"].waiting, heard["tw-01"].synchronised) == (NOON + 5000, 2, True)
    assert heard["tw-01"].newest_ms == NOON + 170_000
    assert set(heard) == {"tw-01", "county"}
