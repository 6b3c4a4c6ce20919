"""The journal read in place, put together so that order of arrival does not show: slow, and what other readers must equal."""

from collections.abc import Mapping
from pathlib import Path

from jinbao_agent.sample import Event
from jinbao_collector.series import NO_SAMPLES, Series
from jinbao_collector.store import Flaw, SeriesKey, in_order
from jinbao_collector.store.journal_rows import JournalRows
from jinbao_collector.store.samples import resolved, together, within
from jinbao_collector.stretches import Stretches, fold

_EVER = -(2**62), 2**62


class JournalReader:
    """A snapshot of a collector's data directory, by its journal alone."""

    def __init__(self, directory: Path) -> None:
        self._rows = JournalRows(directory)
        self._conflicts: set[Flaw] = set()
        self._read: dict[SeriesKey, Series] = {}

    def close(self) -> None:
        self._rows.close()

    def __enter__(self) -> "JournalReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> set[SeriesKey]:
        return self._rows.names()

    def series(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> Series:
        found = within(self._whole((link, vantage, target)), since_ms, until_ms)
        self._conflicts.update(Flaw("conflict", link, target, at) for at in found.conflicts)
        return found

    def _whole(self, key: SeriesKey) -> Series:
        """All of it: what contradicts a sample may have been stamped at any time."""
        if key not in self._read:
            parts = [self._rows.samples(part) for part in self._rows.columns(*key, *_EVER)]
            self._read[key] = resolved(together(parts)) if parts else NO_SAMPLES
        return self._read[key]

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        return fold(self.series(link, vantage, target, since_ms, until_ms), wait_us)

    def events(self, since_ms: int, until_ms: int) -> tuple[Event, ...]:
        return in_order(self._rows.events(since_ms, until_ms))

    def inputs(self) -> Mapping[str, str]:
        return self._rows.inputs()

    def flaws(self) -> tuple[Flaw, ...]:
        return tuple(sorted(self._conflicts | self._rows.flaws()))
