"""Records get to disk off the event loop, and neither a full nor a broken disk stops the agent."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from agent_records import BOOT, author, check_chain, event, everything_in, sample, samples
from hand_clock import HandClock
from jinbao_agent.chain import Author, Head
from jinbao_agent.recorder import Recorder
from jinbao_agent.spool import Spool

ALICE = author()
BATCH_MS = 60_000


def life(
    file: Path,
    work: Callable[[Recorder, HandClock], Awaitable[None]],
    *,
    known: Head | None = None,
    by: Author = ALICE,
    boot: str = BOOT,
) -> Head | None:
    """One life of a recorder, ended cleanly; the head it ended with."""

    async def main() -> Head | None:
        clock = HandClock()
        recorder = Recorder(file, known, by, clock, boot=boot, batch_ms=BATCH_MS)
        await work(recorder, clock)
        await recorder.close()
        return recorder.head

    return asyncio.run(main())


async def ten(recorder: Recorder, _: HandClock) -> None:
    recorder.put(samples(range(10)))
    assert await recorder.flush()


def test_a_batch_closes_after_its_time_when_a_rung_turns_and_at_the_end(tmp_path: Path) -> None:
    turns = []

    async def work(recorder: Recorder, clock: HandClock) -> None:
        recorder.turned = lambda: turns.append(clock.boottime)
        numbers = []
        for number, outcome, pause_ms in (
            (1, "reply", 0),
            (2, "reply", BATCH_MS - 1),
            (3, "reply", 1),  # its minute is over
            (4, "reply", 10),
            (5, "lost", 10),  # it turns
            (6, "lost", 10),
        ):
            clock.forward(pause_ms * 1000)
            recorder.put([sample(number, outcome=outcome)])
            await recorder.flush()
            numbers.append(recorder.head.number if recorder.head else None)
        assert numbers == [0, 0, 1, 1, 2, 2]

    life(tmp_path / "spool.db", work)
    batches, kept, _ = everything_in(tmp_path / "spool.db")
    assert [batch.fields()["number"] for batch in batches] == [1, 2, 3]
    assert [row.seq for row in kept] == [1, 2, 3, 4, 5, 6]
    assert len(turns) == 1


def test_a_batch_closes_when_its_body_is_full(tmp_path: Path) -> None:
    async def work(recorder: Recorder, _: HandClock) -> None:
        recorder.put(samples(range(20_000)))
        await recorder.flush()

    life(tmp_path / "spool.db", work)
    batches, kept, _ = everything_in(tmp_path / "spool.db")
    check_chain(batches)
    assert len(batches) > 1
    assert all(len(batch.body or b"") <= 256 * 1024 for batch in batches)
    assert [row.seq for row in kept] == list(range(20_000))


def test_what_is_put_during_a_commit_goes_into_the_next_one(tmp_path: Path) -> None:
    async def work(recorder: Recorder, _: HandClock) -> None:
        running = asyncio.create_task(recorder.run())
        for number in range(50):
            recorder.put([sample(number)])
            await asyncio.sleep(0)
        running.cancel()

    life(tmp_path / "spool.db", work)
    assert [row.seq for row in everything_in(tmp_path / "spool.db")[1]] == list(range(50))


def test_a_damaged_spool_is_set_aside_and_a_new_chain_names_the_one_it_follows(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"
    head = life(file, ten)
    file.write_bytes(b"\0" * 4096)

    life(file, ten, known=head)
    batches, kept, _ = everything_in(file)
    assert head is not None
    assert batches[0].fields()["predecessor"] == head.as_predecessor("spool_damaged")
    assert batches[0].fields()["chain"] != head.chain
    assert len(kept) == 10
    assert (tmp_path / "spool.db.damaged").read_bytes() == b"\0" * 4096


def test_a_spool_damaged_while_it_is_used_costs_only_what_was_in_it(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"

    async def work(recorder: Recorder, _: HandClock) -> None:
        recorder.put(samples(range(3000)))
        await recorder.flush()
        await recorder.use(lambda spool: spool.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        with file.open("r+b") as raw:
            raw.seek(4096)
            raw.write(os.urandom(file.stat().st_size - 4096))
        await recorder.use(lambda spool: spool.db.execute("PRAGMA shrink_memory").fetchall())
        recorder.put(samples(range(5000, 5010)))
        assert await recorder.flush()

    life(file, work)
    batches, kept, _ = everything_in(file)
    assert [row.seq for row in kept] == list(range(5000, 5010))
    assert batches[0].fields()["predecessor"]["reason"] == "spool_damaged"


def test_a_lost_spool_is_declared_too(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"
    head = life(file, ten)
    file.unlink()
    life(file, ten, known=head)
    assert everything_in(file)[0][0].fields()["predecessor"]["reason"] == "spool_lost"


def test_a_spool_restored_from_an_old_copy_does_not_number_on_but_begins_a_new_chain(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"
    life(file, ten)
    copy = file.read_bytes()
    head = life(file, ten)
    file.write_bytes(copy)
    assert head is not None
    assert head.number == 2

    after = life(file, ten, known=head)
    batches, _, _ = everything_in(file)
    assert after is not None
    assert [batch.fields()["number"] for batch in batches] == [1, 1]
    assert batches[1].fields()["predecessor"] == head.as_predecessor("spool_rolled_back")


def test_a_new_key_begins_a_new_chain(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"
    head = life(file, ten)
    life(file, ten, known=head, by=author())
    first, second = everything_in(file)[0]
    assert head is not None
    assert second.fields()["predecessor"] == head.as_predecessor("new_key")
    assert first.fields()["key"] != second.fields()["key"]


def test_the_next_life_goes_on_with_the_chain_and_closes_what_was_left_open(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"

    async def unclean() -> None:
        """As after kill -9: what is committed is in the file, nothing is closed."""
        recorder = Recorder(file, None, ALICE, HandClock(), boot="old", batch_ms=BATCH_MS)
        recorder.put([sample(1, boot="old")])
        await recorder.flush()
        spool = await recorder.use(lambda spool: spool)
        await recorder.use(lambda _: spool.close_file())

    asyncio.run(unclean())
    life(file, ten, boot="new")
    batches, kept, _ = everything_in(file)
    check_chain(batches)
    assert [batch.fields()["boot"] for batch in batches] == ["old", BOOT]
    assert len(kept) == 11


# Full disks


def test_a_full_spool_holds_records_in_memory_and_stores_them_once_there_is_room(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"

    async def work(recorder: Recorder, _: HandClock) -> None:
        await ten(recorder, _)
        pages = await recorder.use(lambda spool: spool.db.execute("PRAGMA page_count").fetchone()[0])
        await recorder.use(lambda spool: spool.db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
        recorder.put(samples(range(1000, 3000)), [event("clock_step", 1000)])
        assert not await recorder.flush()
        recorder.put(samples(range(3000, 3010)))
        assert not await recorder.flush()
        await recorder.use(lambda spool: spool.db.execute("PRAGMA max_page_count = 100000").fetchone())
        assert await recorder.flush()

    life(file, work)
    _, kept, events = everything_in(file)
    assert [row.seq for row in kept] == [*range(10), *range(1000, 3010)]
    assert [row.event for row in events] == ["clock_step"]


def test_what_memory_cannot_hold_either_is_counted_in_the_next_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "spool.db"

    async def work(recorder: Recorder, _: HandClock) -> None:
        await recorder.use(lambda spool: spool.db.execute("PRAGMA max_page_count = 1").fetchone())
        recorder.put(samples(range(60_000)))
        assert not await recorder.flush()
        await recorder.use(lambda spool: spool.db.execute("PRAGMA max_page_count = 1000000").fetchone())
        assert await recorder.flush()

    life(file, work)
    batches, kept, _ = everything_in(file)
    assert batches[0].fields()["unstored"] == 10_000
    assert [row.seq for row in kept] == list(range(10_000, 60_000))
    assert "samples given up while no disk took them samples=10000" in caplog.text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid():
        pytest.skip("mounting needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "jinbao-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    """To the last block."""
    with file.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass


@pytest.mark.root
def test_a_full_disk_stops_nothing_and_loses_nothing_that_memory_can_hold(small_disk: Path) -> None:
    file, filler = small_disk / "spool.db", small_disk / "filler"

    async def work(recorder: Recorder, _: HandClock) -> None:
        await ten(recorder, _)
        fill(filler)
        told = 10
        while await recorder.flush():  # the log still has room of its own
            recorder.put(samples(range(told, told + 500)))
            told += 500
        recorder.put(samples(range(told, told + 10)))
        assert not await recorder.flush()
        filler.unlink()
        assert await recorder.flush()
        recorder.put(samples([told + 10]))
        assert await recorder.flush()
        assert len(everything_in(file)[1]) == told + 11

    life(file, work)
    _, kept, _ = everything_in(file)
    assert [row.seq for row in kept] == list(range(len(kept)))


@pytest.mark.root
def test_an_agent_that_starts_on_a_full_disk_records_once_there_is_room(small_disk: Path) -> None:
    file, filler = small_disk / "spool.db", small_disk / "filler"

    async def work(recorder: Recorder, _: HandClock) -> None:
        fill(filler)
        recorder.put(samples(range(10)))
        assert not await recorder.flush()
        filler.unlink()
        assert await recorder.flush()

    life(file, work)
    assert len(everything_in(file)[1]) == 10


def test_no_half_spool_is_left_where_none_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Spool(tmp_path / "missing" / "spool.db")


def test_a_handle_that_has_become_useless_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(recorder: Recorder, _: HandClock) -> None:
        await ten(recorder, _)
        await recorder.use(lambda spool: spool.db.execute("PRAGMA query_only = 1"))  # as after a disk went read-only
        recorder.put(samples(range(10, 20)))
        assert not await recorder.flush()
        assert await recorder.flush()

    life(tmp_path / "spool.db", work)
    assert [row.seq for row in everything_in(tmp_path / "spool.db")[1]] == list(range(20))
    assert "they wait in memory: attempt to write a readonly database" in caplog.text
