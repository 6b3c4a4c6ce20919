"""One agent's batches of one day, decoded once into columns and kept small."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import Event
from jinbao_agent.wire import Signed, read_columns
from jinbao_collector.series import NONE, Ints, ints

RungName = tuple[str, str]
"""(link, target)"""


class Words:
    """Texts and the small numbers that stand for them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self.names)
            self.names.append(name)
        return self._places[name]

    def sorted(self, codes: Ints) -> tuple[tuple[str, ...], Ints]:
        """Those in use, in order of name, and the codes over them: the same whatever came first."""
        used, codes = np.unique(codes, return_inverse=True)
        names = [self.names[code] for code in used.tolist()]
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names))
        return tuple(names[index] for index in order), rank[codes]


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples of one rung, in no order; each column in the smallest integers that hold it. NONE stands for absent."""

    sent_us: Any
    outcome: Any
    rtt: Any
    interval: Any
    boot: Any
    seq: Any
    mono: Any

    def __len__(self) -> int:
        return len(self.sent_us)


@dataclass(frozen=True, slots=True)
class Block:
    rungs: dict[RungName, Columns]
    events: tuple[Event, ...]


class _Gathered:
    """Columns of many batches, end to end. Differences are summed for all of them at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.series_at: list[int] = []
        self.outcomes_at: list[int] = []
        self.boots: list[int] = []
        self.series: list[int] = []
        self.intervals: list[int] = []
        self.outcomes: list[int] = []
        self.of: list[int] = []
        self.outcome: list[int] = []
        self.sent: list[int] = []
        self.mono: list[int] = []
        self.seq: list[int] = []
        self.rtt: list[int | None] = []

    def summed(self, differences: list[int]) -> Ints:
        """First value and differences of each batch -> values. Wraps like any int64, so the sum over batches may."""
        total = np.cumsum(np.array(differences, np.int64))
        sizes = ints(self.sizes)
        first = np.cumsum(sizes) - sizes
        before = np.concatenate((np.zeros(1, np.int64), total))[first]
        values: Ints = total - np.repeat(before, sizes)
        return values


def decode(
    rows: Iterable[tuple[bytes, bytes]],
    agent: str,
    vantage: str,
    speaks_for: Callable[[str], bool],
    outcomes: Words,
    boots: Words,
) -> Block:
    """Rows are head and compressed body, of a known schema. What the key may not speak of is left out."""
    gathered, names, events = _Gathered(), dict[RungName, int](), list[Event]()
    for head, body in rows:
        fields = Signed(head, b"").fields()
        # An agent that was not enrolled yet had no name; its key vouches for it all the same.
        if fields["agent"] not in ("", agent) or fields["vantage"] != vantage:
            continue
        columns = read_columns(zlib.decompress(body))
        events += [Event(link=row[0], vantage=vantage, at_us=row[1], event=row[2], boot=row[3], detail=row[4])
                   for row in columns.events if speaks_for(row[0])]  # fmt: skip
        gathered.sizes.append(len(columns.of))
        gathered.series_at.append(len(gathered.series))
        gathered.outcomes_at.append(len(gathered.outcomes))
        gathered.boots.append(boots.place(fields["boot"]))
        for link, target, interval in columns.series:
            gathered.series.append(names.setdefault((link, target), len(names)) if speaks_for(link) else NONE)
            gathered.intervals.append(NONE if interval is None else interval)
        gathered.outcomes += [outcomes.place(token) for token in columns.outcomes]
        gathered.of += columns.of
        gathered.outcome += columns.outcome
        gathered.sent += columns.sent_us
        gathered.mono += columns.mono_us
        gathered.seq += columns.seq
        gathered.rtt += columns.rtt_us
    return Block(_by_rung(gathered, list(names)), tuple(events))


def _by_rung(gathered: _Gathered, names: Sequence[RungName]) -> dict[RungName, Columns]:
    sizes = np.array(gathered.sizes, np.int64)
    of = np.array(gathered.of, np.int64) + np.repeat(ints(gathered.series_at), sizes)
    outcome = np.array(gathered.outcome, np.int64) + np.repeat(ints(gathered.outcomes_at), sizes)
    rung = ints(gathered.series)[of]
    columns = (
        gathered.summed(gathered.sent),
        ints(gathered.outcomes)[outcome],
        ints(NONE if value is None else value for value in gathered.rtt),
        ints(gathered.intervals)[of],
        np.repeat(ints(gathered.boots), sizes),
        gathered.summed(gathered.seq),
        gathered.summed(gathered.mono),
    )
    order = np.argsort(rung, kind="stable")
    edges = np.searchsorted(rung[order], np.arange(len(names) + 1))
    return {
        name: Columns(*(_small(column[order[edges[index] : edges[index + 1]]]) for column in columns))
        for index, name in enumerate(names)
        if edges[index] < edges[index + 1]
    }


def _small(column: Ints) -> npt.NDArray[np.signedinteger[Any]]:
    """The same values in the narrowest type: a month of a county would not fit in memory otherwise."""
    if not len(column):
        return column
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= column.min() and column.max() <= limits.max:
            return column.astype(kind)
    return column
