"""A window on one rung's layout: which strides may be taken as they stand, and which must be looked into."""

from dataclasses import replace
from typing import Any

import numpy as np

from jinbao_collector.series import Ints, Series
from jinbao_collector.store.layout import Layout
from jinbao_collector.store.samples import NOT_ONE, NUMBERS, Samples, within
from jinbao_collector.stretches import Bools, Stretches, joined, over, singly

_SERIES_COLUMNS = ("at", "outcome", "rtt", "interval", "boot", "seq", "mono")


class View:
    """The samples of [since, until) of a layout.

    Strides that share moments or numbers with another one, wherever that is, are `doubted`; `resolved` has what became of their
    samples. All others stand as they are; those that reach over an edge are opened and cut.
    """

    def __init__(self, layout: Layout, doubted: Bools, resolved: Series, since_ms: int, until_ms: int) -> None:
        self._layout, self._window = layout, (since_ms, until_ms)
        self._whole = (layout.at >= since_ms) & (layout.last < until_ms) & ~doubted
        self._cut = (layout.last >= since_ms) & (layout.at < until_ms) & ~self._whole & ~doubted
        self._resolved = within(over(resolved, layout.outcomes, layout.boots), since_ms, until_ms)

    def series(self) -> Series:
        """Raises Damaged or StoreError, as do all that follow."""
        plain, resolved = self._plain(self._whole | self._cut), self._resolved
        return plain if not len(resolved) and not resolved.conflicts else merged(plain, resolved)

    def stretches(self, wait_us: int) -> Stretches:
        rows, mixed = self._layout.stretches(self._whole, wait_us)
        if mixed.any():
            # Quick and slow answers in one run: only the round trips themselves can tell them apart.
            rows, _ = self._layout.stretches(self._whole & ~mixed, wait_us)
        for found in (self._plain(self._cut | mixed), self._resolved):
            if len(found) or found.conflicts:
                rows = interleaved(rows, singly(found, wait_us))
        return joined(rows)

    def _plain(self, of: Bools) -> Series:
        """What these strides have inside of the window, when nothing contradicts them."""
        samples = samples_of(self._layout, of)
        order = np.argsort(samples.sent, kind="stable")
        if not (order[1:] > order[:-1]).all():
            samples = samples.take(order)
        whole = Series(
            samples.sent // 1000,
            samples.outcome,
            samples.rtt,
            samples.interval,
            samples.boot,
            samples.seq,
            samples.mono,
            samples.outcomes,
            samples.boots,
        )
        return whole.between(*self._window)


def samples_of(layout: Layout, of: Bools) -> Samples:
    """Those of these strides, segment after segment. Raises Damaged or StoreError."""
    parts = []
    for piece in np.unique(layout.piece[of]).tolist():
        samples = layout.samples(piece)
        mine = np.flatnonzero(layout.piece == piece)
        wanted = of[mine]
        parts.append(samples if wanted.all() else samples.take(np.repeat(wanted, layout.count[mine])))
    return _end_to_end(parts) if parts else replace(NOT_ONE, outcomes=layout.outcomes, boots=layout.boots)


def _end_to_end(parts: list[Samples]) -> Samples:
    """Parts of one layout: their codes are over the same names."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in NUMBERS}
    return replace(parts[0], **columns)


def meeting(layout: Layout) -> Bools:
    """The strides that share a moment, or the number of a sample, with another one."""
    found = np.zeros(len(layout.at), bool)
    by_time = np.lexsort((layout.last, layout.at))
    found[_touching(by_time, layout.at, layout.last)] = True
    # Numbers of different boots have nothing to do with each other: each boot has a range of its own.
    by_number = np.lexsort((layout.seq, layout.boot))
    edges = np.flatnonzero(np.diff(layout.boot[by_number])) + 1
    for of_boot in np.split(by_number, edges):
        found[_touching(of_boot, layout.seq, layout.seq + layout.count - 1)] = True
    return found


def _touching(order: Ints, first: Ints, last: Ints) -> Ints:
    """Of intervals in order of their first: those that meet the one before or after."""
    reach = np.maximum.accumulate(last[order])
    meets = first[order[1:]] <= reach[:-1]
    touching: Ints = order[np.append(False, meets) | np.append(meets, False)]
    return touching


def merged(clean: Series, resolved: Series) -> Series:
    pairs = ((name, [getattr(clean, name), getattr(resolved, name)]) for name in _SERIES_COLUMNS)
    columns: dict[str, Any] = {name: np.concatenate(pair) for name, pair in pairs}
    whole = replace(clean, **columns, conflicts=resolved.conflicts)
    return whole.take(np.lexsort((whole.seq, whole.boot, whole.at)))


def interleaved(rows: Stretches, found: Stretches) -> Stretches:
    whole = replace(rows.followed_by(found), conflicts=(*rows.conflicts, *found.conflicts))
    return whole.take(np.lexsort((whole.seq, whole.boot, whole.at)))
