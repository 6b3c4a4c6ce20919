"""Segments: whatever was sent comes back, to the microsecond; the same set gives the same bytes."""

import json
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinbao_collector.series import NONE, ints
from jinbao_collector.store.blob import Damaged, pack, unpack
from jinbao_collector.store.layout import Layout, Names, Piece, parse
from jinbao_collector.store.samples import NUMBERS, Samples, distinct
from jinbao_collector.store.sealer import read_segment
from jinbao_collector.store.segment import RUN, STRIDE, Segment, encode

Row = tuple[int, str, int, int, str, int, int]

TOKENS = ("reply", "lost", "late", "refused", "unreachable:3:1:10.0.0.9", "not_sent:error")
any_number = st.one_of(st.integers(-5, 5), st.integers(-(2**62), 2**62))
rows = st.tuples(
    st.one_of(st.integers(0, 3 * 10**7), any_number),
    st.sampled_from(TOKENS),
    st.one_of(st.just(NONE), st.integers(0, 3000), any_number),
    st.one_of(st.sampled_from([1, 1000, 10_000]), st.integers(1, 2**62)),
    st.sampled_from(["", "boot-a", "boot-\ud800"]),
    st.one_of(st.integers(-2, 4), any_number),
    st.one_of(st.integers(0, 3 * 10**7), any_number),
)
in_step = st.builds(
    lambda count, phase, seq, boot, late, tokens: [
        (phase + i * 10**7 + late[i % len(late)], tokens[i % len(tokens)], 2000 + i, 10_000, boot, seq + i, 55 + i * 10**7)
        for i in range(count)
    ],
    st.integers(1, 60),
    st.integers(0, 10**8),
    st.integers(0, 20),
    st.sampled_from(["boot-a", "boot-b"]),
    st.lists(st.integers(0, 4 * 10**6), min_size=1, max_size=4),
    st.lists(st.sampled_from(TOKENS), min_size=1, max_size=9),
)
sets = st.builds(
    lambda loose, strides: [*loose, *(row for one in strides for row in one)], st.lists(rows), st.lists(in_step)
).filter(len)


def samples_of(drawn: Sequence[Row]) -> Samples:
    outcomes, boots = [row[1] for row in drawn], [row[4] for row in drawn]
    named = ({name: index for index, name in enumerate(dict.fromkeys(names))} for names in (outcomes, boots))
    outcome_codes, boot_codes = named
    numbers = [(at, outcome_codes[word], rtt, t, boot_codes[boot], seq, mono) for at, word, rtt, t, boot, seq, mono in drawn]
    columns = zip(*numbers, strict=True)
    return Samples(*(ints(column) for column in columns), tuple(outcome_codes), tuple(boot_codes))


def spelt(samples: Samples) -> set[Row]:
    columns = zip(*(getattr(samples, name).tolist() for name in NUMBERS), strict=True)
    return {
        (at, samples.outcomes[word], rtt, t, samples.boots[boot], seq, mono) for at, word, rtt, t, boot, seq, mono in columns
    }


def read(segment: Segment) -> Samples:
    return read_segment(0, segment.head, (segment.late, segment.drift, segment.rtt))


@settings(max_examples=300, deadline=None)
@given(sets)
def test_what_was_sent_comes_back_to_the_microsecond(drawn: list[Row]) -> None:
    whole = distinct([samples_of(drawn)])
    back = read(encode(whole))
    assert len(back) == len(set(drawn))
    assert spelt(back) == set(drawn)


@settings(max_examples=150, deadline=None)
@given(sets, st.data())
def test_the_same_set_gives_the_same_bytes_however_it_came_together(drawn: list[Row], chance: st.DataObject) -> None:
    once = encode(distinct([samples_of(drawn)]))
    shuffled = chance.draw(st.permutations([*drawn, *drawn[:3]]))
    cut = chance.draw(st.integers(1, len(shuffled)))
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    first = read(encode(distinct([samples_of(parts[0])])))
    assert encode(distinct([first, *(samples_of(part) for part in parts[1:])])) == once


def test_a_healthy_day_is_one_stride_and_one_run_and_its_lateness_costs_nothing() -> None:
    day = [(7 + i * 10**7, "reply", 2000 + i * 7919 % 1000, 10_000, "boot", i, 99 + i * 10**7) for i in range(8640)]
    segment = encode(distinct([samples_of(day)]))
    parsed = parse(segment.head, 0)
    assert (len(parsed.strides), len(parsed.runs)) == (STRIDE.itemsize, RUN.itemsize)
    assert (unpack(segment.late), unpack(segment.drift)) == (b"", b"")
    assert len(segment.head) < 200


def test_an_outsider_reads_a_segment_with_the_documented_layout() -> None:
    """Written after docs/store.md alone: struct, zlib and json, none of our own code."""
    drawn = []
    for i in range(9):
        token, rtt = ("lost", NONE) if i == 4 else ("reply", 2000 + i)
        left = i * 10**7 + i % 3
        drawn.append((10**15 + left, token, rtt, 10_000, "boot", 50 + i, 9 * 10**8 + left + i % 2))
    segment = encode(distinct([samples_of(drawn)]))

    def opened(blob: bytes) -> bytes:
        codec, checksum = struct.unpack_from("<BI", blob)
        assert zlib.crc32(blob[:1] + blob[5:]) == checksum
        return zlib.decompress(blob[5:]) if codec == 1 else blob[5:]

    def values(blob: bytes, count: int) -> list[int]:
        planes = opened(blob)
        width = len(planes) // count
        return [sum(planes[plane * count + i] << 8 * plane for plane in range(width)) for i in range(count)]

    head = opened(segment.head)
    strides, runs, least_rtt = struct.unpack_from("<IIq", head)
    words = json.loads(head[16 + strides * 44 + runs * 32 :])
    late, drift = values(segment.late, 9), values(segment.drift, 9)
    rtt = iter(values(segment.rtt, 8))
    boot, interval, count, of_runs, seq, sent, mono = struct.unpack_from("<IqIIqqq", head, 16)
    assert (strides, of_runs, count) == (1, 3, 9)
    found, i = [], 0
    for number in range(runs):
        code, length, *_ = struct.unpack_from("<8I", head, 16 + strides * 44 + number * 32)
        for _ in range(length):
            at = sent + i * interval * 1000 + late[i]
            trip = least_rtt + next(rtt) if code % 2 else NONE
            found.append(
                (at, words["outcomes"][code // 2], trip, interval, words["boots"][boot], seq + i, at + mono + drift[i])
            )
            i += 1
    assert found == drawn


@given(st.binary(max_size=300), st.integers(0, 9), st.data())
def test_a_flipped_bit_anywhere_is_noticed(payload: bytes, level: int, chance: st.DataObject) -> None:
    blob = pack(payload, level)
    assert unpack(blob) == payload
    bit = chance.draw(st.integers(0, 8 * len(blob) - 1))
    broken = bytearray(blob)
    broken[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        unpack(bytes(broken))


def test_columns_of_another_length_are_noticed() -> None:
    one, two = (
        encode(distinct([samples_of([(i * 10**7, "reply", i * i, 10_000, "b", i, i) for i in range(n)])])) for n in (5, 9)
    )
    with pytest.raises(Damaged, match="length"):
        read_segment(3, one.head, (two.late, two.drift, two.rtt))


def test_names_of_many_segments_are_one_table() -> None:
    pieces = []
    for boot, token in (("b", "reply"), ("a", "lost"), ("b", "reply")):
        segment = encode(distinct([samples_of([(0, token, NONE, 10_000, boot, 1, 1)])]))
        pieces.append(Piece(0, parse(segment.head, 0), lambda: (b"", b"", b"")))
    layout = Layout(pieces, Names())
    assert (layout.boots, layout.outcomes) == (("a", "b"), ("lost", "reply"))
    assert (layout.boot.tolist(), layout.outcome.tolist()) == ([1, 0, 1], [1, 0, 1])
    assert np.array_equal(layout.count, [1, 1, 1])
