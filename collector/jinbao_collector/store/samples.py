"""Samples of one rung as they were sent: a set without order, which is all that a store keeps of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import NO_SAMPLES, Ints, Series, build_series, ints
from jinbao_collector.store.block import Columns, Words


@dataclass(frozen=True, slots=True)
class Samples:
    """Columns in one order; microseconds, `interval` milliseconds, NONE (-1) for absent. `outcome` and `boot` are codes.

    Samples that contradict each other (judgement R1.4) are all in it: who they are may change with the next that comes.
    """

    sent: Ints
    outcome: Ints
    rtt: Ints
    interval: Ints
    boot: Ints
    seq: Ints
    mono: Ints
    outcomes: tuple[str, ...]
    boots: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sent)

    def take(self, which: slice | Ints | npt.NDArray[np.bool_]) -> "Samples":
        columns: dict[str, Any] = {name: getattr(self, name)[which] for name in NUMBERS}
        return replace(self, **columns)


_EMPTY = np.zeros(0, np.int64)
NOT_ONE = Samples(_EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, _EMPTY, (), ())
NUMBERS = ("sent", "outcome", "rtt", "interval", "boot", "seq", "mono")
_READ = ("sent_us", *NUMBERS[1:])


def of_columns(columns: Columns, outcomes: Words, boots: Words) -> Samples:
    """What was read of the journal, its codes named."""
    numbers: dict[str, Any] = {name: getattr(columns, read).astype(np.int64) for name, read in zip(NUMBERS, _READ, strict=True)}
    return Samples(**numbers, outcomes=tuple(outcomes.names), boots=tuple(boots.names))


def together(parts: Sequence[Samples]) -> Samples:
    """End to end, over one sorted table of outcomes and one of boots."""
    outcomes, outcome = _named([(part.outcomes, part.outcome) for part in parts])
    boots, boot = _named([(part.boots, part.boot) for part in parts])
    sent, rtt, interval, seq, mono = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("sent", "rtt", "interval", "seq", "mono")
    )
    return Samples(sent, outcome, rtt, interval, boot, seq, mono, outcomes, boots)


def distinct(parts: Sequence[Samples]) -> Samples:
    """All that is in any of the parts, each once, in the one order that depends on nothing else: boot, seq, the rest."""
    whole = together(parts)
    if _rising(whole.boot, whole.seq):
        return whole
    columns = (whole.boot, whole.seq, whole.sent, whole.mono, whole.interval, whole.outcome, whole.rtt)
    order = np.lexsort(columns[::-1])
    again = np.logical_and.reduce([column[order[1:]] == column[order[:-1]] for column in columns])
    return whole.take(order[np.append(True, ~again)])


def _rising(boot: Ints, seq: Ints) -> bool:
    """Whether they are distinct and in order already, as what one healthy agent sends always is."""
    return bool(((boot[1:] > boot[:-1]) | ((boot[1:] == boot[:-1]) & (seq[1:] > seq[:-1]))).all())


def resolved(samples: Samples) -> Series:
    """What judgement gets of them: those that no other contradicts, each once, in order of time."""
    if not len(samples):
        return replace(NO_SAMPLES, outcomes=samples.outcomes, boots=samples.boots)
    columns: dict[str, Any] = {name: getattr(samples, name) for name in NUMBERS[1:]}
    return build_series(samples.sent, **columns, outcomes=samples.outcomes, boots=samples.boots)


def within(series: Series, since_ms: int, until_ms: int) -> Series:
    """Samples and conflicts of [since, until)."""
    conflicts = tuple(at for at in series.conflicts if since_ms <= at < until_ms)
    return replace(series.between(since_ms, until_ms), conflicts=conflicts)


def _named(coded: Iterable[tuple[tuple[str, ...], Ints]]) -> tuple[tuple[str, ...], Ints]:
    """Codes over several tables of names -> the names in use, sorted, and codes over them."""
    names: list[str] = []
    codes = []
    for table, code in coded:
        codes.append(code + len(names))
        names += table
    code = np.concatenate(codes)
    used = np.flatnonzero(np.bincount(code, minlength=len(names)))
    ordered = tuple(sorted({names[index] for index in used.tolist()}))
    place = {name: index for index, name in enumerate(ordered)}
    return ordered, ints(place.get(name, -1) for name in names)[code]
