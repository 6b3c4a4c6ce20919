"""The journal's verdicts as flaws, worked out so that the order of arrival does not show where that can be had.

Which of two batches that contradict each other carries the verdict depends on which came second; so forks and overlaps are
told by the pair. A suspect clock and a retired chain are judgements on an arrival, and stay so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinbao_agent.wire import GENESIS, Signed
from jinbao_collector.arrival import read_slots
from jinbao_collector.chains import FORK, OVERLAP, REVOKED_KEY, Part, goes_back
from jinbao_collector.recovery import unplaced_by
from jinbao_collector.store import Flaw
from jinbao_collector.volume import Volume
from jinbao_config import units


@dataclass(frozen=True, slots=True)
class Flagged:
    """A row with verdicts, and the links its key speaks for."""

    agent: str
    chain: str
    vantage: str
    links: tuple[str, ...]
    number: int
    oldest_ms: int
    newest_ms: int
    verdicts: tuple[str, ...]


class FlawFinder:
    """Over the files of one snapshot."""

    def __init__(self, volumes: list[Volume], snapshot: int) -> None:
        self._volumes, self._snapshot = volumes, snapshot

    def find(self, rows: list[Flagged]) -> set[Flaw]:
        """At most one of a kind, link and day (UTC): a clone would fill pages."""
        first: dict[tuple[str, str, int], int] = {}
        for row in rows:
            for kind, at in self._instants(row):
                for link in row.links:
                    name = (kind, link, at // units.DAY_MS)
                    first[name] = min(at, first.get(name, at))
        return {Flaw(kind, link, "", at) for (kind, link, _), at in first.items()}

    def _instants(self, row: Flagged) -> Iterator[tuple[str, int]]:
        if REVOKED_KEY in row.verdicts:
            yield REVOKED_KEY, row.oldest_ms
            return
        for verdict in row.verdicts:
            if verdict == FORK:
                yield from ((FORK, at) for at in self._forks(row))
            elif verdict == OVERLAP:
                yield from ((OVERLAP, at) for at in (*self._steps_back(row), *self._meetings(row)))
            else:
                yield verdict, row.oldest_ms

    def _forks(self, row: Flagged) -> Iterator[int]:
        """Numbers around it with two heads, or that follow on nothing kept under the number before."""
        near = self._near(row)
        for number in (row.number, row.number + 1):
            here, before = near[number], near[number - 1]
            unlinked = bool(before) and not {part.prev for part in here} & {part.hash for part in before}
            if here and (len({part.hash for part in here}) > 1 or unlinked):
                yield min(part.first_ms for part in here)

    def _steps_back(self, row: Flagged) -> Iterator[int]:
        near = self._near(row)
        for number in (row.number, row.number + 1):
            yield from (two.first_ms for one in near[number - 1] for two in near[number] if one.number and goes_back(one, two))

    def _meetings(self, row: Flagged) -> Iterator[int]:
        """Where its slots begin to lie on those of other chains of its agent and vantage."""
        mine = [
            part for part in self._near(row)[row.number] if row.oldest_ms <= part.last_ms and part.first_ms <= row.newest_ms
        ]
        for volume in self._volumes:
            for agent, _, chain, vantage in volume.senders:
                if (agent, vantage) == (row.agent, row.vantage) and chain != row.chain:
                    for part in self._parts_within(volume, agent, chain, row):
                        yield from (
                            max(one.first_ms, part.first_ms)
                            for one in mine
                            if one.first_ms <= part.last_ms and part.first_ms <= one.last_ms
                        )

    def _near(self, row: Flagged) -> Mapping[int, list[Part]]:
        """All kept versions of its number, the one before and the one after."""
        found: dict[int, list[Part]] = {number: [] for number in range(row.number - 1, row.number + 2)}
        if row.number == 1:
            found[0].append(Part(0, GENESIS, "", 0, 0))
        for volume in self._volumes:
            for sender in volume.senders_of(row.agent, row.chain):
                heads = volume.db.execute(
                    f"SELECT {volume.head}, arrived_ms FROM batch"
                    " WHERE sender = ? AND number BETWEEN ? AND ? AND position <= ?",
                    (sender, row.number - 1, row.number + 1, self._snapshot),
                )
                for head, arrived in heads:
                    part = _part(head, arrived)
                    found[part.number].append(part)
        return found

    def _parts_within(self, volume: Volume, agent: str, chain: str, row: Flagged) -> Iterator[Part]:
        for head, verdicts in volume.heads_within(agent, chain, row.oldest_ms, row.newest_ms):
            if not unplaced_by(verdicts):
                yield _part(head, 0)


def _part(head: bytes, arrived_ms: int) -> Part:
    signed = Signed(head, b"")
    fields = signed.fields()
    first, last = read_slots(fields) or (arrived_ms, arrived_ms)
    return Part(fields["number"], signed.hash, fields["prev"], first, last)
