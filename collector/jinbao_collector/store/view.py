"""A window on one rung's layout: which strides may be taken as they stand, and which must be looked into."""

from dataclasses import replace
from typing import Any

import numpy as np

from jinbao_collector.series import NO_SAMPLES, Ints, Series
from jinbao_collector.store.layout import Layout
from jinbao_collector.store.samples import MARGIN_MS, NUMBERS, Samples, resolved
from jinbao_collector.stretches import Bools, Stretches, joined, singly

_SERIES_COLUMNS = ("at", "outcome", "rtt", "interval", "boot", "seq", "mono")


class View:
    """The samples of [since, until) of a layout.

    A stride stands as it is if it lies inside the window, and no other one has samples of its times or of its numbers. The
    others are taken apart, put together with each other and resolved as if they came from the journal.
    """

    def __init__(self, layout: Layout, since_ms: int, until_ms: int) -> None:
        self._layout, self._window = layout, (since_ms, until_ms)
        first, end = since_ms - MARGIN_MS, until_ms + MARGIN_MS
        near = (layout.last >= first) & (layout.at < end)
        cut = np.zeros(len(near), bool)
        for edge in (first, since_ms, until_ms, end):
            cut |= (layout.at < edge) & (layout.last >= edge)
        within = (layout.at >= since_ms) & (layout.last < until_ms)
        self._doubted = near & (cut | _meeting(layout, near))
        self._clean = within & ~self._doubted

    def series(self) -> Series:
        """Raises Damaged or StoreError, as do all that follow."""
        clean, doubted = self._samples(self._clean), self._resolved(self._doubted)
        if clean is None:
            return doubted
        order = np.argsort(clean.sent, kind="stable")
        if not (order[1:] > order[:-1]).all():
            clean = clean.take(order)
        at, names = clean.sent // 1000, (clean.outcomes, clean.boots)
        whole = Series(at, clean.outcome, clean.rtt, clean.interval, clean.boot, clean.seq, clean.mono, *names)
        return _merged(whole, doubted) if len(doubted) or doubted.conflicts else whole

    def stretches(self, wait_us: int) -> Stretches:
        rows, mixed = self._layout.stretches(self._clean, wait_us)
        doubted = self._doubted
        if mixed.any():
            # Quick and slow answers in one run: only the round trips themselves can tell them apart.
            doubted = doubted | mixed
            rows, _ = self._layout.stretches(self._clean & ~mixed, wait_us)
        if not doubted.any():
            return joined(rows)
        found = singly(self._resolved(doubted), wait_us)
        return joined(_interleaved(rows, found)) if len(found) or found.conflicts else joined(rows)

    def _resolved(self, of: Bools) -> Series:
        samples = self._samples(of)
        return NO_SAMPLES if samples is None else resolved(samples, *self._window)

    def _samples(self, of: Bools) -> Samples | None:
        """Those of these strides, strides in order of time; None if there are no strides."""
        chosen = np.flatnonzero(of)
        if not len(chosen):
            return None
        layout, parts = self._layout, []
        for piece in np.unique(layout.piece[chosen]).tolist():
            samples = layout.samples(piece)
            mine = np.flatnonzero(layout.piece == piece)
            wanted = of[mine]
            parts.append(samples if wanted.all() else samples.take(np.repeat(wanted, layout.count[mine])))
        return parts[0] if len(parts) == 1 else _end_to_end(parts)


def _end_to_end(parts: list[Samples]) -> Samples:
    """Parts of one layout: their codes are over the same names."""
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
    whole = replace(rows.followed_by(found), conflicts=found.conflicts)
    return whole.take(np.lexsort((whole.seq, whole.boot, whole.at)))
