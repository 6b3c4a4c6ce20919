"""What is kept, read back: the reading half that judgement asks, in another process while the collector writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Protocol, Self

from jinbao_agent.sample import Event
from jinbao_collector import CollectorError
from jinbao_collector.home import Home
from jinbao_collector.series import Series
from jinbao_collector.stretches import Stretches

SeriesKey = tuple[str, str, str]
"""(link, vantage, target)"""


class StoreError(CollectorError):
    """There is no store to read, or it cannot be read."""


@dataclass(frozen=True, slots=True, order=True)
class Flaw:
    """Something kept contradicts itself. `at` is milliseconds UTC; `target` is "" where a whole batch is meant."""

    kind: str
    link: str
    target: str
    at: int


class Reader(Protocol):
    """One snapshot: what arrives after opening changes nothing it says.

    Never handed out: records beyond their key's scope, of a key after its revocation, of an unknown schema; nor samples that
    another one contradicts, wherever that one was stamped.
    """

    def names(self) -> set[SeriesKey]:
        """Every rung there is a sample of."""
        ...

    def series(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> Series:
        """The samples of [since, until)."""
        ...

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        """The same samples run together, by whether they were answered within `wait_us`: cheap, however long the window."""
        ...

    def events(self, since_ms: int, until_ms: int) -> tuple[Event, ...]:
        """In order of time, each once."""
        ...

    def inputs(self) -> Mapping[str, str]:
        """Name -> SHA-256 of what this snapshot rests on."""
        ...

    def flaws(self) -> tuple[Flaw, ...]:
        """Verdicts of the journal, and the conflicts of the series handed out so far."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_store(directory: Path) -> Reader:
    """Over a collector's data directory: what is sealed, and the journal behind it. Raises StoreError, LedgerError, or
    VolumeError naming a damaged file; so does whatever the reader is asked later."""
    from jinbao_collector.store.embedded import EmbeddedReader
    from jinbao_collector.store.journal_reader import JournalReader

    return EmbeddedReader(directory) if Home(directory).store.exists() else JournalReader(directory)


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """The one order of events, whatever order they came in; each once."""
    return tuple(sorted(set(events), key=attrgetter("at_us", "link", "vantage", "event", "boot", "detail")))
