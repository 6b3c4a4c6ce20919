"""An agent's own life, as its records tell it: when it was alive, its boots, when its mains was off (judgement R4.3)."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import Ints
from jinbao_collector.stretches import Stretches
from jinbao_reports.interval import FOREVER, Span, Spans, merge
from jinbao_reports.timeline import Bools, within


@dataclass(frozen=True, slots=True)
class _Boot:
    """First and last record of one boot, milliseconds."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class AgentLife:
    """Everything an agent recorded itself, and when it was therefore alive (R4.3)."""

    records: tuple[Stretches, ...]
    events: tuple[Event, ...]
    interval: int

    def silent(self, starts: Ints) -> Bools:
        """No record proves life at these instants: each record does so for 1.5 T, a heartbeat for 1.5 of its own interval."""
        alive = within(self._proven_by_events, starts)
        for rows in self.records:
            if len(rows):
                pick = rows.at.searchsorted(starts, "right") - 1
                before = np.maximum(pick, 0)
                # Within a row each record comes at most 1.5 T after the one before, so all of it is life.
                alive |= (pick >= 0) & (2 * (starts - rows.last[before]) < 3 * rows.interval[before])
        return ~alive

    @cached_property
    def _proven_by_events(self) -> Spans:
        lasting = ((event.at_us // 1000, event.number("interval_ms") or self.interval) for event in self.events)
        return merge((at, at - (-3 * interval // 2)) for at, interval in lasting)

    @cached_property
    def boots(self) -> tuple[_Boot, ...]:
        """In order of their first record."""
        found: dict[str, _Boot] = {}
        for name, first, last in (
            *self._series_boots(),
            *((event.boot, event.at_us // 1000, event.at_us // 1000) for event in self.events),
        ):
            known = found.get(name, _Boot(name, first, last))
            found[name] = _Boot(name, min(first, known.first), max(last, known.last))
        return tuple(sorted(found.values(), key=lambda boot: (boot.first, boot.last, boot.name)))

    def _series_boots(self) -> Iterator[tuple[str, int, int]]:
        for rows in self.records:
            if len(rows):
                first = np.flatnonzero(np.append(True, rows.boot[1:] != rows.boot[:-1]))
                last = np.append(first[1:], len(rows)) - 1
                for start, end in zip(first.tolist(), last.tolist(), strict=True):
                    yield rows.boots[rows.boot[start]], int(rows.at[start]), int(rows.last[end])

    @cached_property
    def turns(self) -> Ints:
        """The first and last records of all boots, in order."""
        return np.array(sorted(edge for boot in self.boots for edge in (boot.first, boot.last)), np.int64)

    def recovered_after(self, instant: int) -> bool:
        return any(boot.last > instant for boot in self.boots)

    def old_boot(self, instant: int) -> str | None:
        """The boot of the last record before an instant that names its boot, else ""; None if there is no record.

        Asked where the agent is silent: there no row reaches over the instant.
        """
        before = []
        for events in self._events_by_naming:
            place = bisect_left(events, (instant,)) - 1
            if place >= 0:
                before.append(events[place])
        for rows in self.records:
            pick = int(rows.at.searchsorted(instant)) - 1
            if pick >= 0:
                before.append((min(int(rows.last[pick]), instant - 1), rows.boots[rows.boot[pick]]))
        return max(before, key=lambda record: (bool(record[1]), record[0]))[1] if before else None

    @cached_property
    def _events_by_naming(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Instants and boots of the events that name their boot, and of those that do not; each in order."""
        found = sorted((event.at_us // 1000, event.boot) for event in self.events)
        return [event for event in found if event[1]], [event for event in found if not event[1]]

    def new_boot(self, instant: int) -> _Boot | None:
        """The next boot with another, non-empty boot_id."""
        old = self.old_boot(instant)
        return next((boot for boot in self.boots if boot.first >= instant and boot.name and boot.name != old), None)

    def clean_stop(self, instant: int) -> bool:
        """Whether the old boot recorded any stop."""
        old = self.old_boot(instant)
        return old is not None and any(event.event == "stop" and event.boot == old for event in self.events)

    def periods(self, begin: str, end: str) -> Spans:
        """Spans between two kinds of event; one never ended ends at the first record of another boot (R9).

        Each begins when what its first event tells may have happened first.
        """
        spans: list[Span] = []
        opened: int | None = None
        resets = sorted((event for event in self.events if event.event in (begin, end)), key=lambda event: event.at_us)
        lost = FOREVER[0][1]
        for event in resets:
            at = event.at_us // 1000
            if event.event == end and opened is not None:
                spans.append((opened, at))
                opened = None
            elif event.event == begin:
                if opened is not None and lost <= at:
                    spans.append((opened, lost))
                    opened = None
                opened = begun_ms(event) if opened is None else opened
                lost = self._other_boot_after(event)
        if opened is not None:
            spans.append((opened, lost))
        return merge(spans)

    def _other_boot_after(self, event: Event) -> int:
        later = [boot.first for boot in self.boots if boot.name not in ("", event.boot) and boot.first > event.at_us // 1000]
        return min(later, default=FOREVER[0][1])


def begun_ms(event: Event) -> int:
    """When what an event tells may have begun, milliseconds: a mains_off says how long before it the mains was last seen, and
    until it was told a dead cpe looked like the carrier's (`within_ms`, docs/agent.md). Others tell of their own instant."""
    within = event.number("within_ms") if event.event == "mains_off" else None
    return event.at_us // 1000 - (within or 0)
