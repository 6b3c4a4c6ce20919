"""A window on one rung's layout: which strides may be taken as they stand, and which must be looked into."""

from dataclasses import replace
from typing import Any

import numpy as np

from jinbao_collector.series import Ints, Series
from jinbao_collector.store.layout import Layout
from jinbao_collector.store.samples import MARGIN_MS, NOT_ONE, NUMBERS, Samples, resolved
from jinbao_collector.stretches import Bools, Stretches, joined, singly

_SERIES_COLUMNS = ("at", "outcome", "rtt", "interval", "boot", "seq", "mono")


class View:
    """The samples of [since, until) of a layout.

    Strides that share moments or numbers with another one are taken apart, put together and resolved as if they came from the
    journal; so are those beyond the window's edges that share numbers with one inside. All others stand as they are; those
    that reach over an edge are opened and cut.
    """

    def __init__(self, layout: Layout, since_ms: int, until_ms: int) -> None:
        self._layout, self._window = layout, (since_ms, until_ms)
        near = (layout.last >= since_ms - MARGIN_MS) & (layout.at < until_ms + MARGIN_MS)
        touching = (layout.last >= since_ms) & (layout.at < until_ms)
        self._doubted = near & _meeting(layout, near)
        self._whole = (layout.at >= since_ms) & (layout.last < until_ms) & ~self._doubted
        self._cut = touching & ~self._whole & ~self._doubted

    def series(self) -> Series:
        """Raises Damaged or StoreError, as do all that follow."""
        plain, doubted = self._plain(self._whole | self._cut), self._resolved()
        return plain if not len(doubted) and not doubted.conflicts else _merged(plain, doubted)

    def stretches(self, wait_us: int) -> Stretches:
        rows, mixed = self._layout.stretches(self._whole, wait_us)
        if mixed.any():
            # Quick and slow answers in one run: only the round trips themselves can tell them apart.
            rows, _ = self._layout.stretches(self._whole & ~mixed, wait_us)
        opened = [self._plain(self._cut | mixed), self._resolved()]
        for found in opened:
            if len(found) or found.conflicts:
                rows = _interleaved(rows, singly(found, wait_us))
        return joined(rows)

    def _plain(self, of: Bools) -> Series:
        """What these strides have inside of the window, when nothing contradicts them."""
        samples = self._samples(of)
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

    def _resolved(self) -> Series:
        return resolved(self._samples(self._doubted), *self._window)

    def _samples(self, of: Bools) -> Samples:
        """Those of these strides, segment after segment."""
        layout, parts = self._layout, []
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


def _meeting(layout: Layout, near: Bools) -> Bools:
    """Strides that share a moment, or the number of a sample, with another one."""
    found = np.zeros(len(near), bool)
    chosen = np.flatnonzero(near)
    if len(chosen) < 2:
        return found
    by_time = chosen[np.lexsort((layout.last[chosen], layout.at[chosen]))]
    found[_touching(by_time, layout.at, layout.last)] = True
    # Numbers of different boots have nothing to do with each other: each boot has a range of its own.
    for boot in np.unique(layout.boot[chosen]).tolist():
        of_boot = chosen[layout.boot[chosen] == boot]
        by_number = of_boot[np.argsort(layout.seq[of_boot], kind="stable")]
        found[_touching(by_number, layout.seq, layout.seq + layout.count - 1)] = True
    return found


def _touching(order: Ints, first: Ints, last: Ints) -> Ints:
    """Of intervals in order of their first: those that meet the one before or after."""
    reach = np.maximum.accumulate(last[order])
    meets = first[order[1:]] <= reach[:-1]
    touching: Ints = order[np.append(False, meets) | np.append(meets, False)]
    return touching


def _merged(clean: Series, resolved: Series) -> Series:
    pairs = ((name, [getattr(clean, name), getattr(resolved, name)]) for name in _SERIES_COLUMNS)
    columns: dict[str, Any] = {name: np.concatenate(pair) for name, pair in pairs}
    whole = replace(clean, **columns, conflicts=resolved.conflicts)
    return whole.take(np.lexsort((whole.seq, whole.boot, whole.at)))


def _interleaved(rows: Stretches, found: Stretches) -> Stretches:
    whole = replace(rows.followed_by(found), conflicts=(*rows.conflicts, *found.conflicts))
    return whole.take(np.lexsort((whole.seq, whole.boot, whole.at)))
