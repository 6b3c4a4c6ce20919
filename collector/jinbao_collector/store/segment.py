"""Samples of one rung and one hour or day as bytes, and back. The byte layout is documented in docs/store.md.

An agent probes on a grid of its own: sample `seq` leaves at phase + seq·T, a little late. So a segment is a list of *strides*:
samples of one boot whose numbers follow on each other, with the grid they keep to. Their outcomes are *runs* of the same
code. How late each left, how the two clocks differ and the round trips are columns apart, read only by who looks closer.
"""

import json
import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import NONE, Ints
from jinbao_collector.store.blob import pack, pack_often_read
from jinbao_collector.store.samples import Samples

Records = npt.NDArray[np.void]

HEAD = struct.Struct("<IIq")
STRIDE = np.dtype(
    [
        ("boot", "<u4"),
        ("interval", "<i8"),
        ("count", "<u4"),
        ("runs", "<u4"),
        ("seq", "<i8"),
        ("sent", "<i8"),
        ("mono", "<i8"),
    ]
)
RUN = np.dtype(
    [
        ("code", "<u4"),
        ("count", "<u4"),
        ("first_late", "<u4"),
        ("last_late", "<u4"),
        ("first_drift", "<u4"),
        ("last_drift", "<u4"),
        ("least_rtt", "<u4"),
        ("most_rtt", "<u4"),
    ]
)
MOST = 2**32 - 1
"""A round trip in a run's bounds that is this long or longer."""

_LEAST_INTERVAL_MS, _MOST_INTERVAL_MS = 100, 2**36
_MOST_LATE_US = 2**31


@dataclass(frozen=True, slots=True)
class Segment:
    """`head` says all that is needed to judge; `late`, `drift` and `rtt` are the columns behind it. Framed blobs."""

    samples: int
    head: bytes
    late: bytes
    drift: bytes
    rtt: bytes


def encode(samples: Samples, level: int = 6) -> Segment:
    """A set in its canonical order (`distinct`). The same set gives the same bytes."""
    starts = _stride_starts(samples)
    count = np.diff(np.append(starts, len(samples)))
    stride = np.repeat(np.arange(len(starts)), count)
    grid = (np.arange(len(samples)) - starts[stride]) * samples.interval * 1000
    late = samples.sent - grid
    base = np.minimum.reduceat(late, starts)
    drift = samples.mono - samples.sent
    lead = np.minimum.reduceat(drift, starts)
    late, drift = late - base[stride], drift - lead[stride]
    answered = samples.rtt != NONE
    least = int(samples.rtt[answered].min()) if answered.any() else 0
    runs, run_starts = _runs(samples, starts, late, drift, answered)
    strides = np.zeros(len(starts), STRIDE)
    strides["boot"], strides["interval"] = samples.boot[starts], samples.interval[starts]
    strides["count"], strides["runs"] = count, np.diff(np.searchsorted(run_starts, np.append(starts, len(samples))))
    strides["seq"], strides["sent"], strides["mono"] = samples.seq[starts], base, lead
    words = json.dumps({"boots": samples.boots, "outcomes": samples.outcomes}, separators=(",", ":"))
    head = HEAD.pack(len(strides), len(runs), least) + strides.tobytes() + runs.tobytes() + words.encode("ascii")
    columns = (pack(_planes(column), level) for column in (late, drift, samples.rtt[answered] - least))
    return Segment(len(samples), pack_often_read(head), *columns)


def _stride_starts(samples: Samples) -> Ints:
    """Where boot, interval or numbering break off, or a sample leaves the grid of either clock by more than an eighth of T.

    So within a stride each sample is at most 1.25 T after the one before, whatever clock one asks.
    """
    step_us = samples.interval * 1000
    slack = np.minimum(step_us // 8, _MOST_LATE_US)
    plain = (samples.interval >= _LEAST_INTERVAL_MS) & (samples.interval <= _MOST_INTERVAL_MS)
    sent, mono = np.diff(samples.sent), np.diff(samples.mono)
    goes_on = (
        plain[1:]
        & (samples.interval[1:] == samples.interval[:-1])
        & (samples.boot[1:] == samples.boot[:-1])
        & (np.diff(samples.seq) == 1)
        & _within(sent - step_us[1:], slack[1:])
        & _within(mono - sent, slack[1:])
    )
    starts = np.flatnonzero(np.append(True, ~goes_on))
    found: list[int] = []
    for first, end in pairwise([*starts.tolist(), len(samples)]):
        while first < end:
            found.append(first)
            first += _kept_to_grid(samples, first, end, int(slack[first]))
    return np.array(found, np.int64)


def _within(values: Ints, bound: Ints) -> npt.NDArray[np.bool_]:
    # Not by abs(): the least int64, which a difference may wrap to, has none.
    inside: npt.NDArray[np.bool_] = (values <= bound) & (values >= -bound)
    return inside


def _kept_to_grid(samples: Samples, first: int, end: int, slack: int) -> int:
    """How many samples from `first` on stay within `slack` of one grid, and their clocks within it of each other."""
    if end - first == 1:
        return 1
    grid = np.arange(end - first) * samples.interval[first] * 1000
    drift = samples.mono[first:end] - samples.sent[first:end]
    strays = _range(samples.sent[first:end] - grid) > slack
    strays |= _range(drift) > slack
    return int(strays.argmax()) if strays.any() else end - first


def _range(values: Ints) -> Ints:
    """Greatest less least, so far."""
    widened: Ints = np.maximum.accumulate(values) - np.minimum.accumulate(values)
    return widened


def _runs(samples: Samples, starts: Ints, late: Ints, drift: Ints, answered: npt.NDArray[np.bool_]) -> tuple[Records, Ints]:
    """Samples of one stride and one code, and the row each run begins with."""
    code = samples.outcome * 2 + answered
    begins = np.append(True, code[1:] != code[:-1])
    begins[starts] = True
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(samples)) - 1
    runs = np.zeros(len(first), RUN)
    runs["code"], runs["count"] = code[first], last - first + 1
    runs["first_late"], runs["last_late"] = late[first], late[last]
    runs["first_drift"], runs["last_drift"] = drift[first], drift[last]
    bounded = np.clip(samples.rtt, 0, MOST)
    runs["least_rtt"], runs["most_rtt"] = np.minimum.reduceat(bounded, first), np.maximum.reduceat(bounded, first)
    return runs, first


def _planes(values: Ints) -> bytes:
    """All lowest bytes, then all second-lowest … as many planes as the greatest value needs; nothing if all are 0."""
    whole = np.ascontiguousarray(values.astype(np.uint64))
    width = (int(whole.max(initial=0)).bit_length() + 7) // 8
    return whole.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()


def unplanes(data: bytes, count: int) -> Ints:
    """The inverse of `_planes`. Raises ValueError unless the bytes are whole planes."""
    if not data or not count:
        return np.zeros(count, np.int64)
    planes = np.frombuffer(data, np.uint8).reshape(-1, count)
    values = planes[0].astype(np.uint64)
    for power, plane in enumerate(planes[1:], start=1):
        values |= plane.astype(np.uint64) << np.uint64(8 * power)
    whole: Ints = values.view(np.int64)
    return whole
