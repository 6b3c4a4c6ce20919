"""The slices of an outage, and how a short run of one cause gives way to its longer neighbour (judgement R4.1, R4.2)."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from jinbao_reports.table import Observation, Row


@dataclass(frozen=True, slots=True)
class Look:
    """The sample that stands for one rung in a slice."""

    vantage: str
    target: str
    at: int
    outcome: str


Looks = tuple[Look, ...]


def _nothing_seen(instant: int) -> Looks:
    return ()


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of an outage with one cause: [start, end), the row that matched, and what was seen all through it.

    `looks` tells which samples stood for the rungs at an instant of it.
    """

    start: int
    end: int
    row: Row
    seen: Observation
    looks: Callable[[int], Looks] = _nothing_seen


def smooth(slices: tuple[Slice, ...], edges: tuple[int, ...], least_ms: int) -> tuple[Slice, ...]:
    """A cause run shorter than `least_ms` takes the cause of its longer neighbour, never across a statement or event edge.

    Shortest run first, ties the earliest; of two equally long neighbours the earlier gives the cause (R4.2, R9).
    """
    smoothed: list[Slice] = []
    for segment in _segments(slices, edges):
        runs = _runs(segment)
        while len(runs) > 1:
            index, shortest = min(enumerate(runs), key=lambda item: _length(item[1]))
            if _length(shortest) >= least_ms:
                break
            neighbours = [i for i in (index - 1, index + 1) if 0 <= i < len(runs)]
            giver = runs[max(neighbours, key=lambda i: (_length(runs[i]), -i))]
            nearest = giver[-1] if giver[-1].end <= shortest[0].start else giver[0]
            runs[index] = [replace(piece, row=nearest.row) for piece in shortest]
            runs = _runs([piece for run in runs for piece in run])
        smoothed += [piece for run in runs for piece in run]
    return tuple(smoothed)


def _segments(slices: tuple[Slice, ...], edges: tuple[int, ...]) -> Iterator[list[Slice]]:
    """Parts between which no cause may spread. `edges` are sorted."""
    segment: list[Slice] = []
    for piece in slices:
        if segment:
            edge = bisect_left(edges, segment[-1].end)
            if edge < len(edges) and edges[edge] <= piece.start:
                yield segment
                segment = []
        segment.append(piece)
    if segment:
        yield segment


def _runs(slices: list[Slice]) -> list[list[Slice]]:
    runs: list[list[Slice]] = []
    for piece in slices:
        if runs and runs[-1][-1].row.cause == piece.row.cause:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _length(run: list[Slice]) -> int:
    return sum(piece.end - piece.start for piece in run)
