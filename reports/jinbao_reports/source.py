"""Samples and events from files, offered as a store offers them: judgement asks only jinbao_collector.store.Reader."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jinbao_agent.sample import Event
from jinbao_collector.series import NO_SAMPLES, Series
from jinbao_collector.store import Flaw, SeriesKey
from jinbao_collector.stretches import Stretches, fold


class BadInput(Exception):
    """A file cannot be used: where, what, and what would be right. Ends a command with exit code 2."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A Reader held in memory, as read from files."""

    recorded: Mapping[SeriesKey, Series]
    recorded_events: tuple[Event, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    found: tuple[Flaw, ...] = ()

    def names(self) -> set[SeriesKey]:
        return set(self.recorded)

    def series(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> Series:
        return self.recorded.get((link, vantage, target), NO_SAMPLES).between(since_ms, until_ms)

    def stretches(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int, wait_us: int) -> Stretches:
        return fold(self.series(link, vantage, target, since_ms, until_ms), wait_us)

    def events(self, since_ms: int, until_ms: int) -> tuple[Event, ...]:
        return tuple(event for event in self.recorded_events if since_ms <= event.at_us // 1000 < until_ms)

    def inputs(self) -> Mapping[str, str]:
        return dict(self.digests)

    def flaws(self) -> tuple[Flaw, ...]:
        return self.found

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def digest(file: Path) -> str:
    """SHA-256 of a file's bytes. Raises BadInput."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
