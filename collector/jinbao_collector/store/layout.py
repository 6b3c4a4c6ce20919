"""The strides and runs of many segments of one rung, side by side: what can be said without touching a single sample."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jinbao_collector.series import NONE, Ints, ints
from jinbao_collector.store.blob import Damaged, unpack
from jinbao_collector.store.samples import Samples
from jinbao_collector.store.segment import HEAD, MOST, RUN, STRIDE, unplanes
from jinbao_collector.stretches import Bools, Stretches


@dataclass(frozen=True, slots=True)
class Parsed:
    """A segment's head taken apart; `words` are bytes, for most segments of a boot share them."""

    strides: bytes
    runs: bytes
    words: bytes
    least_rtt: int


def parse(blob: bytes, begin: int) -> Parsed:
    """The head of the segment that begins at this hour. Raises Damaged."""
    try:
        payload = unpack(blob)
        strides, runs, least = HEAD.unpack_from(payload)
    except (Damaged, struct.error) as problem:
        raise Damaged(str(problem), begin) from None
    first = HEAD.size + strides * STRIDE.itemsize
    end = first + runs * RUN.itemsize
    return Parsed(payload[HEAD.size : first], payload[first:end], payload[end:], least)


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment as a reader holds it: its head, and a way to its columns late, drift and rtt, unpacked.

    `columns` raises Damaged or StoreError.
    """

    begin: int
    parsed: Parsed
    columns: Callable[[], tuple[bytes, bytes, bytes]]


class Layout:
    """Numbers of strides and runs, in order of segments. `at` and `last` are milliseconds, all else as in the segment."""

    def __init__(self, pieces: Sequence[Piece], names: "Names") -> None:
        self.pieces = pieces
        parsed = [piece.parsed for piece in pieces]
        self.strides = np.frombuffer(b"".join(one.strides for one in parsed), STRIDE)
        self.runs = np.frombuffer(b"".join(one.runs for one in parsed), RUN)
        self.boots, self.outcomes, boot_codes, outcome_codes = names.over([one.words for one in parsed])
        per_piece = np.array([len(one.strides) // STRIDE.itemsize for one in parsed], np.int64)
        self.piece = np.repeat(np.arange(len(parsed)), per_piece)
        self.boot = boot_codes[ints(names.boots_before)[self.piece] + self.strides["boot"]]
        self.run_stride = np.repeat(np.arange(len(self.strides)), self.strides["runs"])
        code = self.runs["code"].astype(np.int64)
        self.answered = code % 2 == 1
        self.outcome = outcome_codes[ints(names.outcomes_before)[self.piece[self.run_stride]] + code // 2]
        self._place()

    def _place(self) -> None:
        """When the first and the last sample of each run and stride left, and by which monotonic clock."""
        count = self.runs["count"].astype(np.int64)
        self.run_count = count
        ends = np.cumsum(count)
        self.run_first = np.searchsorted(self.run_stride, np.arange(len(self.strides)))
        before = np.append(0, ends)[self.run_first]
        first = ends - count - before[self.run_stride]
        step = self.strides["interval"].astype(np.int64)[self.run_stride] * 1000
        base, lead = (self.strides[name].astype(np.int64)[self.run_stride] for name in ("sent", "mono"))
        sent_first = base + first * step + self.runs["first_late"]
        sent_last = base + (first + count - 1) * step + self.runs["last_late"]
        self.run_at, self.run_last = sent_first // 1000, sent_last // 1000
        self.run_mono = sent_first + lead + self.runs["first_drift"]
        self.run_mono_last = sent_last + lead + self.runs["last_drift"]
        self.run_seq = self.strides["seq"].astype(np.int64)[self.run_stride] + first
        self.count = self.strides["count"].astype(np.int64)
        self.at = self.run_at[self.run_first]
        run_end = np.append(self.run_first[1:], len(self.runs)) - 1
        self.last = self.run_last[run_end]
        self.seq = self.strides["seq"].astype(np.int64)

    def stretches(self, of: Bools, wait_us: int) -> tuple[Stretches, Bools]:
        """The runs of these strides as rows, in order of time, not yet joined; and the strides with answers quick and slow in
        one run."""
        chosen = np.flatnonzero(of[self.run_stride])
        chosen = chosen[np.argsort(self.run_at[chosen], kind="stable")]
        runs = self.runs[chosen]
        quick = self.answered[chosen] & (runs["most_rtt"] <= wait_us) & (runs["most_rtt"] < MOST)
        mixed = self.answered[chosen] & ~quick & ((runs["least_rtt"] <= wait_us) | (runs["least_rtt"] == MOST))
        stride = self.run_stride[chosen]
        rows = Stretches(
            self.run_at[chosen],
            self.run_last[chosen],
            self.run_count[chosen],
            self.outcome[chosen],
            quick,
            self.strides["interval"].astype(np.int64)[stride],
            self.boot[stride],
            self.run_seq[chosen],
            self.run_mono[chosen],
            self.run_mono_last[chosen],
            self.outcomes,
            self.boots,
        )
        both = np.zeros(len(self.strides), bool)
        both[stride[mixed]] = True
        return rows, both

    def samples(self, piece: int) -> Samples:
        """Every sample of one segment, in its order. Raises Damaged or StoreError."""
        mine = np.flatnonzero(self.piece == piece)
        first_run, end_run = np.searchsorted(self.run_stride, [mine[0], mine[-1] + 1])
        runs, strides = slice(int(first_run), int(end_run)), self.strides[mine]
        count, total = self.count[mine], int(self.count[mine].sum())
        answered = np.repeat(self.answered[runs], self.run_count[runs])
        late, drift, rtt = self._columns(piece, total, int(answered.sum()))
        number = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
        step = np.repeat(strides["interval"].astype(np.int64), count)
        sent = np.repeat(strides["sent"].astype(np.int64), count) + number * step * 1000 + late
        trips = np.full(total, NONE, np.int64)
        trips[answered] = rtt + self.pieces[piece].parsed.least_rtt
        return Samples(
            sent,
            np.repeat(self.outcome[runs], self.run_count[runs]),
            trips,
            step,
            np.repeat(self.boot[mine], count),
            np.repeat(strides["seq"].astype(np.int64), count) + number,
            sent + np.repeat(strides["mono"].astype(np.int64), count) + drift,
            self.outcomes,
            self.boots,
        )

    def _columns(self, piece: int, count: int, answered: int) -> tuple[Ints, Ints, Ints]:
        try:
            late, drift, rtt = self.pieces[piece].columns()
            return unplanes(late, count), unplanes(drift, count), unplanes(rtt, answered)
        except Damaged as problem:
            raise Damaged(str(problem), self.pieces[piece].begin) from None
        except ValueError:
            raise Damaged("its columns do not have the length its head says", self.pieces[piece].begin) from None


class Names:
    """The texts of many segments as one sorted table each. Segments of one boot share theirs, so each is read once."""

    def __init__(self) -> None:
        self._read: dict[bytes, tuple[list[str], list[str]]] = {}
        self.boots_before: list[int] = []
        self.outcomes_before: list[int] = []

    def over(self, words: Sequence[bytes]) -> tuple[tuple[str, ...], tuple[str, ...], Ints, Ints]:
        """Boots and outcomes in use, and each segment's own codes, end to end, as codes over them."""
        tables = list(dict.fromkeys(words))
        place, boots, outcomes = dict[bytes, tuple[int, int]](), list[str](), list[str]()
        for table in tables:
            place[table] = len(boots), len(outcomes)
            some_boots, some_outcomes = self._of(table)
            boots += some_boots
            outcomes += some_outcomes
        self.boots_before = [place[table][0] for table in words]
        self.outcomes_before = [place[table][1] for table in words]
        sorted_boots, boot_codes = _sorted(boots)
        sorted_outcomes, outcome_codes = _sorted(outcomes)
        return sorted_boots, sorted_outcomes, boot_codes, outcome_codes

    def _of(self, table: bytes) -> tuple[list[str], list[str]]:
        if table not in self._read:
            read = json.loads(table)
            self._read[table] = read["boots"], read["outcomes"]
        return self._read[table]


def _sorted(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    ordered = tuple(sorted(set(names)))
    place = {name: index for index, name in enumerate(ordered)}
    return ordered, ints(place[name] for name in names)
