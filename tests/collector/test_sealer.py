"""The sealer: what it makes of the journal, how it makes it again, and what it leaves alone when something goes wrong."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, ack, centre_in, enrolled, post, sealed
from jinbao_agent.sample import Event
from jinbao_collector.centre import Centre
from jinbao_collector.cli import main
from jinbao_collector.follower import Feed, advance
from jinbao_collector.store import StoreError, open_store
from jinbao_collector.store.embedded import EmbeddedReader
from jinbao_collector.store.file import StoreUnreadable
from jinbao_collector.store.journal_reader import JournalReader
from jinbao_collector.store.sealer import Sealer
from jinbao_collector.store.sealing import Unsealable, keep_sealing, opened, seal, seal_again
from jinbao_collector.store.writing import StoreWriting

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EVER = (-(2**62), 2**62)
NOON_HOUR = NOON // HOUR_MS
DAY = date(2021, 4, 9)


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


def told(centre: Centre) -> Any:
    """All that a reader says, whichever it is."""
    with open_store(centre.place.home.root) as reader:
        return everything(reader)


def everything(reader: Any) -> Any:
    series = {key: reader.series(*key, *EVER) for key in sorted(reader.names())}
    columns = ("at", "outcome", "rtt", "interval", "boot", "seq", "mono")
    spelt = {key: [getattr(one, name).tolist() for name in columns] for key, one in series.items()}
    return spelt, reader.events(*EVER), reader.flaws(), dict(reader.inputs())


def by_journal(centre: Centre) -> Any:
    with JournalReader(centre.place.home.root) as reader:
        return everything(reader)


def rows(centre: Centre, query: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(f"{centre.place.home.store.as_uri()}?mode=ro", uri=True)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def change(centre: Centre, statement: str) -> None:
    db = sqlite3.connect(centre.place.home.store)
    db.execute(statement)
    db.commit()
    db.close()


def bytes_of(centre: Centre) -> Any:
    segments = "SELECT link, vantage, target, begin, hours, samples, head, late, drift, rtt FROM segment JOIN detail"
    segments += " USING (series, begin) JOIN series ON series.id = series ORDER BY 1, 2, 3, 4"
    return rows(centre, segments), rows(centre, "SELECT * FROM event"), rows(centre, "SELECT * FROM store")


def command(centre: Centre, *words: str) -> int:
    return main(["--config", str(centre.place.file), "--lang", "en", *words])


def minutes_of_a_day(speaker: Speaker, since: int, clock: TestClock, centre: Centre) -> None:
    for minute in range(0, 24 * 60, 60):
        clock.now_ms = since + minute * 60_000
        post(centre, speaker.batch(clock.now_ms))


# Hours and days


def test_hours_become_a_day_when_it_is_over(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    minutes_of_a_day(tower, NOON // DAY_MS * DAY_MS, clock, centre)
    sealed(centre)
    assert rows(centre, "SELECT hours, count(*) FROM segment GROUP BY hours") == [(1, 24)]
    clock.now_ms += 4 * HOUR_MS
    post(centre, tower.batch(clock.now_ms))
    sealed(centre)
    assert rows(centre, "SELECT begin / 24, hours, samples FROM segment") == [
        (NOON // DAY_MS, 24, 144),
        (NOON // DAY_MS + 1, 1, 6),
    ]
    assert told(centre) == by_journal(centre)


def test_a_late_batch_opens_its_day_again_and_nothing_else(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON), tower.batch(NOON + DAY_MS))
    clock.now_ms += 3 * DAY_MS
    post(centre, tower.batch(clock.now_ms))
    sealed(centre)
    before = dict(rows(centre, "SELECT begin, head FROM segment"))
    post(centre, tower.batch(NOON + HOUR_MS))
    assert sealed(centre) == 4
    after = dict(rows(centre, "SELECT begin, head FROM segment"))
    changed = [begin for begin in after if after[begin] != before.get(begin)]
    assert [begin // 24 for begin in changed] == [NOON // DAY_MS]
    assert rows(centre, f"SELECT hours, samples FROM segment WHERE begin = {changed[0]}") == [(24, 12)]
    assert told(centre) == by_journal(centre)


def test_what_contradicts_is_unknown_and_flagged_whenever_the_sealer_looked(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    clone = tower.again(chain="c" * 32)
    post(centre, tower.batch(NOON))
    sealed(centre)
    other = [replace(sample, outcome="lost", rtt_us=None) for sample in clone.minute(NOON)[:2]]
    post(centre, clone.batch(NOON, other))
    unsealed = told(centre)
    sealed(centre)
    assert told(centre) == unsealed == by_journal(centre)
    assert unsealed[0][LINK, "township", "core"][0] == [NOON + step * 10_000 for step in range(2, 6)]
    assert [flaw.at for flaw in unsealed[2] if flaw.kind == "conflict"] == [NOON, NOON + 10_000]


def test_a_batch_that_comes_again_changes_no_byte(centre: Centre) -> None:
    tower = enrolled(centre)
    batch = tower.batch(NOON)
    post(centre, batch)
    sealed(centre)
    before = bytes_of(centre)
    same = tower.again(chain="c" * 32, number=0, head="0" * 64)
    assert ack(post(centre, same.batch(NOON)))["verdicts"] == {"1": ["overlap"]}
    sealed(centre)
    assert bytes_of(centre)[0] == before[0]


def test_far_stamps_rest_where_they_say_they_were(centre: Centre) -> None:
    """A box without a clock says 1970 until somebody tells it the time; a mad one says 2099."""
    tower = enrolled(centre)
    for shift in (-NOON, 80 * 365 * DAY_MS, -3 * NOON):
        moved = [
            replace(sample, sent_us=sample.sent_us + shift * 1000, seq=shift + n) for n, sample in enumerate(tower.minute(NOON))
        ]
        post(centre, tower.batch(NOON, moved, clock={"sync": 0, "maxerror_us": 1, "esterror_us": 1, "state": "ERROR"}))
    sealed(centre)
    assert told(centre) == by_journal(centre)


# Again from the journal


def full_centre(centre: Centre, clock: TestClock) -> Speaker:
    """Three days of two townships and the county."""
    tower, other = enrolled(centre), enrolled(centre, "tw-02", links=(OTHER_LINK,))
    county = enrolled(centre, "county", "county", ("*",))
    for step in range(36):
        clock.now_ms = NOON + step * 2 * HOUR_MS
        started = Event(link=LINK, vantage="township", at_us=clock.now_ms * 1000, event="start", boot=tower.boot)
        post(centre, tower.batch(clock.now_ms, None, [started]))
        post(centre, other.batch(clock.now_ms, other.minute(clock.now_ms, "app")))
        post(
            centre,
            county.batch(clock.now_ms, [*county.minute(clock.now_ms, "gw", "*"), *county.minute(clock.now_ms, "cpe", LINK)]),
        )
        if step % 5 == 0:
            sealed(centre, 7)
    return tower


def test_everything_made_again_from_the_journal_is_the_same_to_the_byte(centre: Centre, clock: TestClock) -> None:
    full_centre(centre, clock)
    assert command(centre, "seal") == 0
    before = bytes_of(centre)
    assert command(centre, "seal", "--rebuild") == 0
    assert bytes_of(centre) == before
    assert told(centre) == by_journal(centre)


def test_one_agents_day_made_again_is_the_same_to_the_byte(
    centre: Centre, clock: TestClock, capsys: pytest.CaptureFixture[str]
) -> None:
    full_centre(centre, clock)
    seal(centre.place.home)
    before = bytes_of(centre)
    for column in ("late", "drift", "rtt"):
        change(centre, f"UPDATE detail SET {column} = x'00' WHERE begin / 24 = {NOON // DAY_MS}")
    change(centre, f"UPDATE segment SET head = x'0100' WHERE begin / 24 = {NOON // DAY_MS}")
    change(centre, f"DELETE FROM event WHERE at_us / 86400000000 = {NOON // DAY_MS}")
    for agent in ("tw-01", "tw-02", "county"):
        assert command(centre, "seal", "--rebuild", "--day", str(DAY), "--agent", agent) == 0
    assert "tw-01 2021-04-09: 60 samples made again" in capsys.readouterr().out
    assert bytes_of(centre) == before


@pytest.mark.parametrize("column", ["head", "late", "rtt"])
def test_a_damaged_blob_is_named_with_the_command_that_mends_it(
    centre: Centre, clock: TestClock, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    full_centre(centre, clock)
    seal(centre.place.home)
    whole = told(centre)
    table = "segment" if column == "head" else "detail"
    number = rows(centre, "SELECT id FROM series WHERE target = 'core'")[0][0]
    change(centre, f"UPDATE {table} SET {column} = x'00deadbeef' WHERE series = {number} AND begin / 24 = {NOON // DAY_MS + 1}")
    with EmbeddedReader(centre.place.home.root) as reader, pytest.raises(StoreError) as damage:
        reader.series(LINK, "township", "core", *EVER)
    assert f"store.db: the segment of {LINK} township core of 2021-04-10 is damaged: its checksum is wrong" in str(damage.value)
    mending = str(damage.value).split("`")[1].split()
    assert mending == ["jinbao-collector", "seal", "--rebuild", "--day", "2021-04-10", "--agent", "tw-01"]
    # A late batch for that day finds the damage too, and moves no cursor.
    cursor = rows(centre, "SELECT cursor FROM store")
    post(centre, enrolled(centre, "tw-03").batch(NOON + DAY_MS))
    assert command(centre, "seal") == 3
    assert "is damaged" in capsys.readouterr().err
    assert rows(centre, "SELECT cursor FROM store") == cursor
    assert command(centre, *mending[1:]) == 0
    assert command(centre, "seal") == 0
    assert told(centre) == by_journal(centre) != whole


def test_day_and_agent_go_together_and_must_be_known(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(centre, "seal", "--day", "2021-04-09") == 2
    assert command(centre, "seal", "--rebuild", "--agent", "tw-01") == 2
    assert "--day and --agent go together" in capsys.readouterr().err
    with pytest.raises(Unsealable, match="'tw-09': is not enrolled"):
        seal_again(centre.place.home, "tw-09", DAY)


# What goes wrong


def test_a_full_disk_leaves_the_cursor_where_it_was(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(30))
    sealed(centre)
    before = bytes_of(centre)
    lossy = [
        replace(sample, rtt_us=1000 + 7919 * step % 9973, target=f"t{step % 50}")
        for step, sample in enumerate(sample for n in range(100) for sample in tower.minute(NOON + n * 60_000))
    ]
    post(centre, tower.batch(NOON, lossy))
    with StoreWriting(centre.place.home.store) as store:
        sealer, feed = Sealer(store, centre.roster), Feed(centre.place.home.journal)
        pages = store.db.execute("PRAGMA page_count").fetchone()[0]
        # The real error of a full disk, from SQLite itself: this connection's file may not grow.
        store.db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            advance(sealer, feed, 1000)
        assert sealer.cursor == 30
        assert bytes_of(centre) == before
        store.db.execute("PRAGMA max_page_count=1000000")
        advance(sealer, feed, 1000)
    assert told(centre) == by_journal(centre)


def test_a_store_of_another_version_is_named_and_sealed_anew(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    post(centre, *enrolled(centre).minutes(3))
    seal(centre.place.home)
    change(centre, "UPDATE store SET schema = 99")
    change(centre, "CREATE TABLE later (x)")
    with pytest.raises(
        StoreError, match=r"has schema 99, this version knows 1; make it again by `jinbao-collector seal --rebuild`"
    ):
        open_store(centre.place.home.root)
    assert command(centre, "seal") == 0
    assert told(centre) == by_journal(centre)
    assert rows(centre, "SELECT count(*) FROM sqlite_master WHERE name = 'later'") == [(0,)]


def test_a_damaged_file_is_named_and_made_again_only_when_asked(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    post(centre, *enrolled(centre).minutes(3))
    seal(centre.place.home)
    centre.place.home.store.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnreadable, match=r"store\.db: cannot be read: .*made again from the journal by"):
        open_store(centre.place.home.root)
    assert command(centre, "seal") == 3
    assert "cannot be read" in capsys.readouterr().err
    assert command(centre, "seal", "--rebuild") == 0
    assert told(centre) == by_journal(centre)


def test_a_store_from_another_journal_is_named_and_sealed_anew(centre: Centre, tmp_path: Path) -> None:
    """As after an older journal was restored beside a newer store: its rows would be passed over otherwise."""
    tower = enrolled(centre)
    post(centre, *tower.minutes(2))
    (tmp_path / "twin").mkdir()
    with centre_in(tmp_path / "twin", TestClock()) as twin:
        stranger = enrolled(twin)
        post(twin, *stranger.minutes(2))
        seal(twin.place.home)
        shutil.copy(twin.place.home.store, centre.place.home.store)
    with pytest.raises(StoreError, match=r"row 2 of this journal is not the one it was sealed from"):
        open_store(centre.place.home.root)
    seal(centre.place.home)
    assert told(centre) == by_journal(centre)
    shorter = centre.place.home.store
    change(centre, "UPDATE store SET cursor = 7")
    with pytest.raises(StoreError, match="row 7 of this journal"):
        open_store(shorter.parent)


def test_rows_wait_for_company_and_are_sealed_when_they_waited_long(centre: Centre, caplog: pytest.LogCaptureFixture) -> None:
    post(centre, *enrolled(centre).minutes(2))
    home, cursors = centre.place.home, []

    def looked(now_ms: int) -> None:
        rounds = iter([False, True])

        def wait(seconds: float) -> bool:
            cursors.append((rows(centre, "SELECT cursor FROM store")[0][0], seconds))
            # Between two passes too there is a log, so that a user who may not write in there can read.
            assert home.store.with_name("store.db-wal").exists()
            return next(rounds)

        keep_sealing(home, wait, lambda: now_ms)

    looked(NOON + 1000)
    assert cursors == [(0, 5.0), (0, 5.0)]
    looked(NOON + 300_000)
    assert cursors[2:] == [(2, 5.0), (2, 5.0)]
    home.ledger.rename(home.root / "away")
    looked(NOON)
    assert [seconds for _, seconds in cursors[4:]] == [60.0, 60.0]
    failures = [record.message for record in caplog.records if "nothing can be sealed just now" in record.message]
    assert failures == [f"nothing can be sealed just now: {home.ledger}: there is no ledger; run `jinbao-collector init` first"]


# Killed

_SEAL_ROW_BY_ROW = """
import sys
from pathlib import Path
from jinbao_collector.follower import advance
from jinbao_collector.home import Home
from jinbao_collector.store.sealing import opened
with opened(Home(Path(sys.argv[1]))) as (sealer, store, feed):
    print(sealer.cursor, flush=True)
    while advance(sealer, feed, 1):
        sealer.tidy(1)
        print(sealer.cursor, flush=True)
"""


def kill_trials(centre: Centre, clock: TestClock, trials: int, chance: random.Random) -> int:
    """Kills a sealer at random moments until it is through, so many times at most; whatever it had said was sealed, is."""
    full_centre(centre, clock)
    home = centre.place.home
    home.store.unlink()
    whole, kills = by_journal(centre), 0
    while kills < trials:
        process = subprocess.Popen([sys.executable, "-c", _SEAL_ROW_BY_ROW, str(home.root)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said, stop_after = 0, chance.randint(0, 12)
        for line in process.stdout:
            said, stop_after = int(line), stop_after - 1
            if stop_after <= 0:
                process.send_signal(signal.SIGKILL)
                break
        said = max([said, *(int(line) for line in process.stdout)])
        process.stdout.close()
        ended = process.wait() == 0
        assert rows(centre, "SELECT cursor FROM store")[0][0] >= said
        assert rows(centre, "PRAGMA integrity_check") == [("ok",)]
        assert told(centre) == whole
        if ended:
            home.store.unlink()
        kills += not ended
    seal(home)
    assert told(centre) == whole
    return kills


def test_a_sealer_killed_at_any_moment_loses_and_doubles_nothing(centre: Centre, clock: TestClock) -> None:
    assert kill_trials(centre, clock, 8, random.Random(1)) == 8


@pytest.mark.soak
def test_a_sealer_killed_a_hundred_times(centre: Centre, clock: TestClock) -> None:
    assert kill_trials(centre, clock, 100, random.Random()) == 100


_COUNT_AGAIN_AND_AGAIN = """
import sys
from pathlib import Path
from jinbao_collector.store import open_store
for line in sys.stdin:
    with open_store(Path(sys.argv[1])) as reader:
        counts = [sum(len(reader.series(*key, -2**62, 2**62)) for key in sorted(reader.names()))]
        counts += [int(sum(reader.stretches(*key, -2**62, 2**62, 10**6).count.sum() for key in sorted(reader.names())))]
    print(*counts, flush=True)
"""


def test_another_process_finds_every_sample_once_while_this_one_seals(centre: Centre, clock: TestClock) -> None:
    full_centre(centre, clock)
    home = centre.place.home
    home.store.unlink()
    total = sum(len(columns[0]) for columns in by_journal(centre)[0].values())
    command = [sys.executable, "-c", _COUNT_AGAIN_AND_AGAIN, str(home.root)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
        opened(home) as (sealer, _, feed),
    ):
        assert other.stdin is not None
        assert other.stdout is not None
        while advance(sealer, feed, 5):
            # Asked before, answered during or after the next steps: sealed meanwhile or not, each sample is there once.
            other.stdin.write("\n")
            other.stdin.flush()
            sealer.tidy(3)
            advance(sealer, feed, 2)
            assert other.stdout.readline().split() == [str(total), str(total)]
        other.stdin.close()
