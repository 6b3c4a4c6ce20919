"""The slices of an outage, and how a short run of one cause gives way to its longer neighbour (judgement R4.1, R4.2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from jinbao_reports.table import UNATTRIBUTED, Observation, Row, usual_party


@dataclass(frozen=True, slots=True)
class Look:
    """The sample that stands for one rung in a slice."""

    vantage: str
    target: str
    at: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of an outage with one cause: [start, end), the row that matched, and what was seen at its start."""

    start: int
    end: int
    row: Row
    seen: Observation
    looks: tuple[Look, ...]


Edges = Mapping[int, frozenset[str]]
"""Exact instants of statements and events, milliseconds UTC, with the rows that begin or end there."""


def smooth(slices: tuple[Slice, ...], edges: Edges, least_ms: int) -> tuple[Slice, ...]:
    """A cause run shorter than `least_ms` takes the cause of its longer neighbour, never across an edge of its own row or of
    that neighbour's.

    Shortest run first, ties the earliest; of two equally long neighbours the earlier gives the cause (R4.2, R9). Of one
    cause's rows a short one gives way to a long one beside it. A cause that would so come to lie on `least_ms` or more in
    which another party's was seen is none there.
    """
    smoothed: list[Slice] = []
    for segment in _segments(slices, edges):
        for run in _smoothed(segment, least_ms):
            smoothed += _in_long_rows(run, least_ms)
    return tuple(_held_back(slices, smoothed, least_ms))


def _cause(piece: Slice) -> str:
    return piece.row.cause


def _row(piece: Slice) -> str:
    return piece.row.number


def _smoothed(slices: list[Slice], least_ms: int) -> list[list[Slice]]:
    """Runs of one cause, each at least `least_ms` long unless it is the only one."""
    runs = _runs(slices, _cause)
    while len(runs) > 1:
        index, shortest = min(enumerate(runs), key=lambda item: _length(item[1]))
        if _length(shortest) >= least_ms:
            break
        giver = runs[_longer_neighbour(runs, index)]
        nearest = giver[-1] if giver[-1].end <= shortest[0].start else giver[0]
        runs[index] = [replace(piece, row=nearest.row) for piece in shortest]
        runs = _runs([piece for run in runs for piece in run], _cause)
    return runs


def _longer_neighbour(runs: list[list[Slice]], index: int) -> int:
    neighbours = [i for i in (index - 1, index + 1) if 0 <= i < len(runs)]
    return max(neighbours, key=lambda i: (_length(runs[i]), -i))


def _in_long_rows(slices: list[Slice], least_ms: int) -> list[Slice]:
    """Slices of one cause; several rows may stand for it."""
    runs = _runs(slices, _row)
    settled: list[Slice] = []
    for index, run in enumerate(runs):
        giver = runs[_longer_neighbour(runs, index)] if len(runs) > 1 else run
        gives_way = _length(run) < least_ms <= _length(giver)
        settled += [replace(piece, row=giver[0].row) for piece in run] if gives_way else run
    return settled


def _segments(slices: tuple[Slice, ...], edges: Edges) -> Iterator[list[Slice]]:
    """Parts between which no cause may spread. Where rows rest on samples, a statement or an event means nothing to them, and
    what it cut off would be too short to be known."""
    segment: list[Slice] = []
    for piece in slices:
        if segment:
            last = segment[-1]
            here = edges.get(last.end, frozenset()) | edges.get(piece.start, frozenset())
            if not here.isdisjoint((last.row.number, piece.row.number)):
                yield segment
                segment = []
        segment.append(piece)
    if segment:
        yield segment


def _runs(slices: list[Slice], key: Callable[[Slice], str]) -> list[list[Slice]]:
    return [list(run) for _, run in groupby(slices, key)]


def _length(run: list[Slice]) -> int:
    return sum(piece.end - piece.start for piece in run)


def _held_back(seen: tuple[Slice, ...], smoothed: list[Slice], least_ms: int) -> Iterator[Slice]:
    """Many short runs in a row could each give way to the same neighbour, without end."""
    pairs = list(zip(seen, smoothed, strict=True))
    for is_spread, run in groupby(pairs, lambda pair: usual_party(pair[0].row.cause) != usual_party(pair[1].row.cause)):
        pieces = [piece for _, piece in run]
        unknown = is_spread and _length(pieces) >= least_ms
        yield from (replace(piece, row=UNATTRIBUTED) if unknown else piece for piece in pieces)
