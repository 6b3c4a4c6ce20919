"""What is turned away at the door, and what is remembered of it."""

from pathlib import Path

from jinbao_collector.admission import RateLimit, RefusedRing


def test_a_sender_gets_its_minute_worth_at_once_and_then_one_by_one() -> None:
    limit = RateLimit(60)
    assert [limit.delay_s("a", 100.0) for _ in range(60)] == [0] * 60
    assert limit.delay_s("a", 100.0) == 2
    assert limit.delay_s("b", 100.0) == 0
    assert limit.delay_s("a", 101.0) == 0
    assert limit.delay_s("a", 101.5) > 0
    assert limit.delay_s("a", 1000.0) == 0


def test_being_told_to_wait_costs_nothing_more() -> None:
    limit = RateLimit(1)
    assert limit.delay_s("a", 0.0) == 0
    assert [limit.delay_s("a", 30.0) for _ in range(100)] == [31] * 100
    assert limit.delay_s("a", 61.0) == 0


def test_a_flood_of_senders_does_not_fill_memory() -> None:
    limit = RateLimit(60)
    for number in range(25_000):
        limit.delay_s(str(number), float(number))
    assert len(limit._used) == 10_000


def test_the_ring_keeps_the_last_ones_across_restarts(tmp_path: Path) -> None:
    size = 4 * (RefusedRing.HEADER + RefusedRing.KEPT)
    for number in range(10):
        ring = RefusedRing(tmp_path / "ring", size)
        ring.put(bytes([number]) * (2000 if number % 2 else 10), "2001:db8::1", "malformed", number)
        ring.close()
    ring = RefusedRing(tmp_path / "ring", size)
    kept = sorted(ring.records(), key=lambda record: record[0]["counter"])
    ring.close()
    assert [facts["at_ms"] for facts, _ in kept] == [6, 7, 8, 9]
    assert [(facts["length"], data) for facts, data in kept[:2]] == [(10, b"\6" * 10), (2000, b"\7" * 1024)]
    assert (tmp_path / "ring").stat().st_size == size


def test_the_ring_is_16_mib_at_most(tmp_path: Path) -> None:
    ring = RefusedRing(tmp_path / "ring")
    last = ring._records - 1
    ring._next = last
    ring.put(b"x" * 5000, "a", "oversized", 1)
    ring.put(b"y" * 5000, "a", "oversized", 2)
    ring.close()
    assert 16 * 2**20 - 2000 < (tmp_path / "ring").stat().st_size <= 16 * 2**20


def test_a_torn_record_is_left_out(tmp_path: Path) -> None:
    ring = RefusedRing(tmp_path / "ring")
    ring.put(b"one", "a", "malformed", 1)
    ring.put(b"two", "a", "malformed", 2)
    ring.close()
    data = bytearray((tmp_path / "ring").read_bytes())
    data[5:200] = bytes(195)
    (tmp_path / "ring").write_bytes(data)
    ring = RefusedRing(tmp_path / "ring")
    assert [kept for _, kept in ring.records()] == [b"two"]
    ring.close()
