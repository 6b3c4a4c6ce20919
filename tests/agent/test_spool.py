"""Each record is in the spool exactly once, in a batch that names the one before it, whatever happens in between."""

import contextlib
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_records import BOOT, CLOCK, T0_US, author, batches_of, check_chain, event, everything_in, records_of, sample, samples
from jinbao_agent.chain import Head, Records, Turns, pieces, sign_batches
from jinbao_agent.retention import forget_old, keep_within, make_room
from jinbao_agent.sample import Event, Sample
from jinbao_agent.spool import Spool
from jinbao_agent.wire import GENESIS, encode_body
from jinbao_config.services import SpoolLimits

ALICE = author()
DAY_MS = 86_400_000


def spool_with(folder: Path, batches: int, per_batch: int = 6) -> Spool:
    spool = Spool(folder / "spool.db")
    for index in range(batches):
        spool.append(samples(range(index * per_batch, (index + 1) * per_batch)), [], boot=BOOT, clock=CLOCK)
        spool.close(author())
    return spool


# Chaining

outcomes = st.sampled_from(["reply", "lost", "late", "refused", "unreachable:3:1:10.0.0.1", "not_sent:skipped"])
one_sample = st.builds(lambda number, word: sample(number, outcome=word), st.integers(0, 10**6), outcomes)
sample_lists = st.lists(one_sample, max_size=60)
event_lists = st.lists(st.builds(event, st.sampled_from(["start", "stop", "clock_step"]), st.integers(0, 10**6)), max_size=5)


@settings(deadline=None)
@given(sample_lists, event_lists, st.integers(200, 4000))
def test_pieces_are_the_same_records_in_order_and_no_body_is_too_long(
    many: list[Sample], events: list[Event], limit: int
) -> None:
    cut = list(pieces(many, events, limit))
    assert [row for part, _ in cut for row in part] == many
    assert [row for _, part in cut for row in part] == events
    for part, told in cut:
        assert len(part) + len(told) <= 1 or len(encode_body(part, told)) <= limit


@settings(deadline=None)
@given(sample_lists, event_lists, st.integers(200, 4000))
def test_batches_continue_the_chain_and_bear_its_authors_signature(many: list[Sample], events: list[Event], limit: int) -> None:
    records = Records("township", BOOT, many, events, CLOCK)
    signed = list(sign_batches(Head("c" * 32), records, ALICE, "", {"predecessor": {"chain": "b"}}, limit, waiting=5))
    check_chain(batch for _, batch, _ in signed)
    assert records_of(batch for _, batch, _ in signed) == (many, events)
    assert [count for _, _, count in signed] == [len(records_of([batch])[0]) for _, batch, _ in signed]
    assert all(batch.signed.verified_by(ALICE.key.public) for _, batch, _ in signed)
    assert ["predecessor" in batch.fields() for _, batch, _ in signed] == [True] + [False] * (len(signed) - 1)
    assert [batch.fields()["waiting"] for _, batch, _ in signed] == [5 + index for index in range(len(signed))]
    assert [head.hash for head, _, _ in signed] == [batch.signed.hash for _, batch, _ in signed]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 9)),
        st.tuples(st.sampled_from(["close", "crash", "boot", "new chain"]), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_any_life_of_the_spool_keeps_every_record_once_in_unbroken_chains(life: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spool.db"
        spool, told, boot = Spool(file), 0, 0
        for step, count in life:
            if step == "append":
                numbers = range(told, told + count)
                spool.append([sample(number, boot=f"boot-{boot}") for number in numbers], [], boot=f"boot-{boot}", clock=CLOCK)
                told += count
            elif step == "close":
                spool.close(author())
            elif step == "new chain":
                spool.begin_chain("fork")
            else:
                boot += step == "boot"
                spool.close_file()
                spool = Spool(file)
        spool.close_file()
        batches, kept, _ = everything_in(file)
        check_chain(batches)
        assert [row.seq for row in kept] == list(range(told))
        for batch in batches:
            assert {row.boot for row in records_of([batch])[0]} == {batch.fields()["boot"]}


def test_a_batch_says_when_how_far_its_clock_is_trusted_and_what_the_centre_last_showed(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 1)
    spool.ack(spool.head.chain, 1, "m" * 64)
    spool.append(samples([7]), [], boot=BOOT, clock={**CLOCK, "sync": 0})
    spool.close(author())
    (second,) = batches_of(spool)
    fields = second.fields()
    assert (fields["seen"], fields["clock"]["sync"], fields["number"]) == ("m" * 64, 0, 2)
    assert fields["slots"] == [sample(7).sent_us // 1000] * 2
    assert (fields["agent"], fields["install"], fields["version"]) == ("yanbian-01", "install-1", "0.1.0")
    spool.close_file()


def test_what_an_older_boot_left_open_becomes_a_batch_of_that_boot(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"
    spool = Spool(file)
    spool.append([sample(1, boot="old")], [event("start", 0, boot="old")], boot="old", clock=CLOCK)
    spool.append([sample(2, boot="new")], [event("heartbeat", 1, boot="old")], boot="new", clock=CLOCK)
    assert spool.close(ALICE) == 2
    old, new = (records_of([batch]) for batch in batches_of(spool))
    assert [batch.fields()["boot"] for batch in batches_of(spool)] == ["old", "new"]
    assert (old[0][0].seq, old[1][0].event) == (1, "start")
    # An event about the former life is recorded in this one, and keeps the former life's boot.
    assert (new[1][0].event, new[1][0].boot) == ("heartbeat", "old")
    spool.close_file()


def test_a_closed_batch_and_its_open_records_never_stand_side_by_side(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append(samples(range(3)), [], boot=BOOT, clock=CLOCK)
    spool.db.execute("CREATE TRIGGER no_body BEFORE INSERT ON body BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(sqlite3.IntegrityError):
        spool.close(author())
    assert (spool.open_count(), spool.head.number, batches_of(spool)) == (3, 0, [])
    spool.db.execute("DROP TRIGGER no_body")
    assert spool.close(ALICE) == 1
    assert spool.open_count() == 0
    spool.close_file()


def test_a_body_that_the_disk_spoiled_leaves_its_header_and_the_chain_goes_on(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    spool.db.execute("UPDATE body SET packed = x'00' WHERE id = 2")
    batches = batches_of(spool)
    assert [batch.body is None for batch in batches] == [False, True, False]
    check_chain(batches)
    spool.close_file()


def test_it_is_written_through_to_the_disk_at_every_commit(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    assert spool.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert spool.db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    spool.close_file()


# When a rung turns


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        ("reply", "late", False),
        ("reply", "lost", True),
        ("lost", "unreachable:3:1:10.0.0.1", False),
        ("unreachable:3:1:10.0.0.1", "bad_reply", False),
        ("reply", "refused", True),
        ("refused", "lost", True),
        ("lost", "reply", True),
        ("reply", "not_sent:skipped", False),
    ],
)
def test_a_rung_turns_when_it_answers_refuses_or_falls_silent_anew(before: str, after: str, turns: bool) -> None:
    seen = Turns()
    assert not seen.see([sample(1, outcome=before)])
    assert seen.see([sample(2, outcome=after)]) is turns
    assert not seen.see([sample(3, target="app", outcome=after)])


# What is forgotten, and when


def test_acknowledged_bodies_go_first_and_headers_stay(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 5)
    spool.ack(spool.head.chain, 2, "")
    assert make_room(spool)
    assert [batch.body is None for batch in batches_of(spool)] == [False] * 3
    assert spool.get("dropped") is None
    assert make_room(spool)
    remains = batches_of(spool)
    assert [batch.body is None for batch in remains] == [True] * 3
    assert [batch.fields()["number"] for batch in remains] == [3, 4, 5]
    assert spool.get("dropped") == 18
    assert make_room(spool), "two headers of what was acknowledged"
    assert [batch.fields()["number"] for batch in batches_of(spool)] == [3, 4, 5]
    assert not make_room(spool)
    spool.close_file()


def test_what_is_too_old_goes_but_a_clock_nobody_disciplines_drops_nothing_that_waits(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    spool.ack(spool.head.chain, 1, "")
    late_ms = sample(17).sent_us // 1000 + 90 * DAY_MS + 1
    forget_old(spool, 90 * DAY_MS, late_ms, clock_trusted=False)
    assert [batch.body is None for batch in batches_of(spool)] == [False, False]
    assert spool.db.execute("SELECT count(*) FROM body").fetchone() == (2,)
    forget_old(spool, 90 * DAY_MS, late_ms, clock_trusted=True)
    assert [batch.body is None for batch in batches_of(spool)] == [True, True]
    spool.close_file()


def bodies(spool: Spool) -> list[int]:
    return [place for (place,) in spool.db.execute("SELECT id FROM body ORDER BY id")]


def test_what_was_measured_in_1970_is_as_old_as_what_came_after_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    unsure = {**CLOCK, "sync": 0}
    in_1970 = [replace(one, sent_us=one.sent_us - T0_US) for one in samples(range(6))]
    spool.append(in_1970, [], boot=BOOT, clock=unsure)
    spool.close(author())
    spool.append(samples(range(6, 12)), [], boot=BOOT, clock=CLOCK)
    spool.close(author())
    spool.ack(spool.head.chain, 1, "")
    now_ms = T0_US // 1000 + 120_000
    forget_old(spool, 90 * DAY_MS, now_ms, clock_trusted=True)
    assert len(bodies(spool)) == 2
    forget_old(spool, 90 * DAY_MS, now_ms + 91 * DAY_MS, clock_trusted=True)
    assert bodies(spool) == []


def test_headers_outlive_bodies_and_go_after_a_year_or_where_nothing_else_is_left(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 5)
    head = spool.head
    spool.ack(head.chain, 4, "")
    born_ms = sample(29).sent_us // 1000

    def headers() -> int:
        return int(spool.db.execute("SELECT count(*) FROM batch").fetchone()[0])

    forget_old(spool, 90 * DAY_MS, born_ms + 359 * DAY_MS, clock_trusted=True)
    assert (bodies(spool), headers()) == ([], 5)
    forget_old(spool, 90 * DAY_MS, born_ms + 361 * DAY_MS, clock_trusted=True)
    assert headers() == 1, "the one that waits stays, whatever its age"
    assert spool.head == head
    assert spool.knows(head.chain, 2, "of one it has forgotten") is True
    spool.close_file()
    (tmp_path / "other").mkdir()
    spool = spool_with(tmp_path / "other", 3)
    spool.ack(spool.head.chain, 3, "")
    assert [make_room(spool) for _ in range(3)] == [True, True, False]
    assert headers() == 1
    spool.close_file()


def test_nothing_young_is_forgotten(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    forget_old(spool, 90 * DAY_MS, sample(0).sent_us // 1000 + 90 * DAY_MS, clock_trusted=True)
    assert all(batch.body is not None for batch in batches_of(spool))
    spool.close_file()


def test_the_file_never_outgrows_its_bytes_and_becomes_a_ring(tmp_path: Path) -> None:
    limits = SpoolLimits(max=400_000, floor=0)
    spool = spool_with(tmp_path, 1)
    keep_within(spool, limits, free=10**12)
    for index in range(1, 300):
        spool.append(samples(range(index * 100, index * 100 + 100)), [], boot=BOOT, clock=CLOCK)
        while spool.open_count():
            with contextlib.suppress(sqlite3.OperationalError):
                spool.close(author())
            assert not spool.open_count() or make_room(spool)
    assert (tmp_path / "spool.db").stat().st_size <= 400_000
    batches = batches_of(spool)
    check_chain(batches)
    assert len(batches) == 300
    with_body = [batch.fields()["number"] for batch in batches if batch.body is not None]
    assert with_body == list(range(with_body[0], 301))
    assert spool.get("dropped") == 6 + 100 * (with_body[0] - 2)
    spool.close_file()


def test_below_the_floor_acknowledged_bodies_are_given_back_to_the_disk_and_waiting_ones_are_not(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 400, per_batch=40)
    file = tmp_path / "spool.db"
    limits = SpoolLimits(max=10**9, floor=10**6)

    def size() -> int:
        spool.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.stat().st_size

    before = size()
    keep_within(spool, limits, free=0)
    assert size() == before
    spool.ack(spool.head.chain, 300, "")
    keep_within(spool, limits, free=0)
    assert size() < before - 75_000  # three hundred bodies
    assert sum(batch.body is not None for batch in batches_of(spool)) == 100
    grown = size()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        spool.append(samples(range(50_000)), [], boot=BOOT, clock=CLOCK)
    assert size() == grown
    spool.close_file()


# What the centre has


def test_the_same_batches_wait_until_acknowledged_and_again_when_the_centre_lost_them(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 4)
    chain = spool.head.chain
    spool.ack(chain, 3, "")
    assert [row.number for row in spool.waiting(0, 64, 10**6)] == [4]
    place = spool.reopen(chain, 1)
    assert place is not None
    assert [row.number for row in spool.waiting(place - 1, 64, 10**6)] == [2, 3, 4]
    assert spool.reopen(chain, 4) is None
    spool.close_file()


def test_a_request_is_bounded_in_batches_and_bytes_and_never_mixes_chains(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    spool.begin_chain("fork")
    spool.append(samples([99]), [], boot=BOOT, clock=CLOCK)
    spool.close(author())
    assert [row.number for row in spool.waiting(0, 2, 10**6)] == [1, 2]
    assert [row.number for row in spool.waiting(0, 64, 1)] == [1]
    assert [row.number for row in spool.waiting(0, 64, 10**6)] == [1, 2, 3]
    (first_of_next,) = spool.waiting(3, 64, 10**6)
    predecessor = first_of_next.batch.fields()["predecessor"]
    assert (predecessor["number"], predecessor["reason"]) == (3, "fork")
    spool.close_file()


def test_a_header_says_how_many_batches_waited_when_it_was_formed(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 3)
    spool.ack(spool.head.chain, 2, "")
    spool.append(samples([99]), [], boot=BOOT, clock=CLOCK)
    spool.close(author())
    assert [batch.fields()["waiting"] for batch in batches_of(spool)] == [2, 1]
    spool.close_file()


def test_it_knows_its_own_batches_by_hash(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, 2)
    chain, hash = spool.head.chain, spool.head.hash
    assert spool.knows(chain, 2, hash) is True
    assert spool.knows(chain, 1, hash) is False
    assert spool.knows(chain, 0, GENESIS) is True
    assert spool.knows(chain, 0, hash) is False
    assert spool.knows(chain, 3, hash) is None
    spool.close_file()
