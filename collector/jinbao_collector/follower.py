"""Followers of the journal: whoever derives something from it, each with a cursor of its own.

The journal is the only thing written while agents wait. A follower reads behind it, at its own pace and in its own process;
its cursor is as durable as what it made of the rows before it, so a kill between two rows costs nothing and doubles nothing.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jinbao_agent.wire import GENESIS
from jinbao_collector.volume import CLOSED_TAG, Volume, month_files


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the journal. `body` is compressed, None where only the head is kept; the centre's own rows have no `agent`."""

    position: int
    arrived_ms: int
    agent: str
    key: str
    chain: str
    vantage: str
    number: int
    head: bytes
    body: bytes | None
    verdicts: tuple[str, ...]

    @property
    def closes_month(self) -> bool:
        return not self.agent and self.head.startswith(CLOSED_TAG.encode())


class Follower(Protocol):
    """Takes each row once, in order of position; what it does not want it passes over, but its cursor moves on all the same."""

    @property
    def name(self) -> str:
        """By which commands and metrics call it."""
        ...

    @property
    def cursor(self) -> int:
        """The last position that is dealt with, durably; 0 at first."""
        ...

    def take(self, rows: Sequence[Row]) -> None:
        """Deals with rows that follow on the cursor, all or none: if it raises, or is killed, the cursor stays."""
        ...


class Feed:
    """The journal in order of position, read beside its writer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def rows(self, after: int, most: int) -> list[Row]:
        """At most so many rows behind a position, oldest first. Raises VolumeError."""
        found: list[Row] = []
        for volume in self._volumes(after):
            found += self._of(volume, after, most - len(found))
            if len(found) == most:
                break
        return found

    def hash_at(self, position: int) -> str | None:
        """Of the row at a position; None where there is none. Raises VolumeError."""
        for volume in self._volumes(position - 1):
            if position == volume.first - 1:
                return str(volume.prev)
            for _, hashed in volume.hashes(position, position):
                return hashed
        return None

    def beginning(self) -> tuple[int, str]:
        """The position before the first row there is, and its hash: 0 and genesis unless months were removed."""
        for file in month_files(self._directory)[:1]:
            with closing(Volume(file, writing=False)) as volume:
                return volume.first - 1, volume.prev
        return 0, GENESIS

    def last(self) -> int:
        """The last position there is; 0 in an empty journal. Raises VolumeError."""
        return max((volume.last for volume in self._volumes(2**62)), default=0)

    def before(self, arrived_ms: int) -> int:
        """The position before the first row that arrived then or later; the last one if none did. Raises VolumeError."""
        for volume in self._volumes(0):
            found = volume.db.execute("SELECT min(position) FROM batch WHERE arrived_ms >= ?", (arrived_ms,)).fetchone()[0]
            if found is not None:
                return int(found) - 1
        return self.last()

    def _volumes(self, after: int) -> Iterator[Volume]:
        """From the file on that may hold the position after this one; the last one in any case."""
        files = month_files(self._directory)
        firsts = []
        for file in reversed(files):
            volume = Volume(file, writing=False)
            firsts.append(volume)
            if volume.first <= after + 1:
                break
        try:
            yield from reversed(firsts)
        finally:
            for volume in firsts:
                volume.close()

    def _of(self, volume: Volume, after: int, most: int) -> Iterator[Row]:
        rows = volume.db.execute(
            f"SELECT position, arrived_ms, agent, key, chain, vantage, number, {volume.head}, {volume.body}, verdicts"
            " FROM batch JOIN sender ON sender.id = batch.sender WHERE position > ? ORDER BY position LIMIT ?",
            (after, most),
        )
        for *facts, verdicts in rows:
            yield Row(*facts, tuple(json.loads(verdicts)))  # type: ignore[call-arg]  # the columns in order of the fields


def advance(follower: Follower, feed: Feed, most: int) -> int:
    """Gives a follower the next rows there are, at most so many; how many there were."""
    rows = feed.rows(follower.cursor, most)
    if rows:
        follower.take(rows)
    return len(rows)
