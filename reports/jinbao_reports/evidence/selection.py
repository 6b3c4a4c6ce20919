"""Which rows of a journal a package holds whole, and these rows day by day."""

import datetime
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jinbao_agent.wire import Signed
from jinbao_collector.volume import Volume
from jinbao_reports.evidence.verify.late import INTERLEAVED_MS
from jinbao_reports.evidence.verify.rows import Row

_FAR = 2**62 // 1000


@dataclass(frozen=True, slots=True)
class Window:
    """Rows that arrived in, or tell of, [since, until) milliseconds; of these agents, or of all. Of the centre's own
    those that it wrote then. And the rows at the positions `also`."""

    since: int = -_FAR
    until: int = _FAR
    agents: frozenset[str] | None = None
    also: frozenset[int] = frozenset()

    def wants(self, position: int, arrived: int, oldest: int, newest: int, agent: str) -> bool:
        if position in self.also:
            return True
        if not agent:
            return self.since <= arrived < self.until
        if self.agents is not None and agent not in self.agents:
            return False
        return self.since <= arrived < self.until or (oldest < self.until and newest >= self.since)

    @property
    def whole(self) -> bool:
        return self == Window()


@dataclass(frozen=True, slots=True)
class Day:
    """A manifest of the centre's, and where its rows lie."""

    name: str
    signed: Signed
    first: int
    last: int

    @classmethod
    def of(cls, signed: Signed) -> "Day":
        fields = signed.fields()
        first, last = fields["positions"]
        return cls(fields["day"], signed, first, last)

    @property
    def after(self) -> str:
        """The day after it."""
        return str(datetime.date.fromisoformat(self.name) + datetime.timedelta(days=1))


def wanted(volumes: Sequence[Volume], days: Iterable[Day], window: Window) -> dict[Day, int]:
    """The days of which a batch is wanted, and how many; the others need no rows in the package."""
    facts = "position, arrived_ms, oldest_ms, newest_ms, agent"
    counts = {day: sum(window.wants(*row) for row in _within(volumes, lambda volume: facts, day)) for day in days}
    return {day: count for day, count in counts.items() if count}


def rows_of(volumes: Sequence[Volume], day: Day, window: Window) -> Iterator[Row]:
    """All rows of a day in order of position; those that are not wanted with nothing but their hash."""

    def facts(volume: Volume) -> str:
        """Bodies as they came to be stored first, so that a package does not depend on whether a month was packed since."""
        whole = f"{volume.head}, {volume.signature}, {volume.squeezed_body}"
        return f"position, lower(hex(hash)), arrived_ms, verdicts, {whole}, oldest_ms, newest_ms, agent"

    for *row, oldest, newest, agent in _within(volumes, facts, day):
        whole = Row(*row)
        wanted = window.wants(whole.position, whole.arrived_ms, oldest, newest, agent)
        yield whole if wanted else Row(whole.position, whole.hash, 0, "", b"", b"", None)


def tell_of_before(volumes: Sequence[Volume], end_ms: int, after: int) -> frozenset[int]:
    """The positions behind `after` whose batches may tell of the time before an instant: of each chain those up to the first
    one that begins after it, that one too; and forks, whose numbers say nothing. `verify` misses each of them."""
    beyond: dict[str, int] = {}
    for volume in volumes:
        begun = volume.db.execute(
            "SELECT chain, min(number) FROM batch JOIN sender ON sender.id = sender"
            " WHERE agent <> '' AND verdicts = '[]' AND oldest_ms >= ? GROUP BY chain",
            (end_ms + INTERLEAVED_MS,),
        )
        for chain, number in begun:
            beyond[chain] = min(number, beyond.get(chain, number))
    found: set[int] = set()
    for volume in volumes:
        for sender, chain in volume.db.execute("SELECT id, chain FROM sender WHERE agent <> ''").fetchall():
            rows = volume.db.execute(
                "SELECT position FROM batch WHERE sender = ? AND position > ? AND (number <= ? OR verdicts LIKE '%fork%')",
                (sender, after, beyond.get(chain, _FAR)),
            )
            found.update(position for (position,) in rows)
    return frozenset(found)


def verdicts_of(row: Row) -> tuple[str, ...]:
    return tuple(json.loads(row.verdicts))


def _within(volumes: Sequence[Volume], facts: Callable[[Volume], str], day: Day) -> Iterator[Any]:
    for volume in volumes:
        query = f"SELECT {facts(volume)} FROM batch JOIN sender ON sender.id = sender"
        yield from volume.db.execute(f"{query} WHERE position BETWEEN ? AND ? ORDER BY position", (day.first, day.last))
