"""Giving each arrival its position, its place in its chain and its verdicts, inside one transaction of the journal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinbao_agent.wire import Signed
from jinbao_collector.agents import Roster
from jinbao_collector.arrival import Arrival, read_slots
from jinbao_collector.chains import FORK, OVERLAP, REVOKED_KEY, Chain, Part
from jinbao_collector.recovery import Chains, unplaced_by
from jinbao_collector.volume import Version, Volume


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one request: its chain's head afterwards, all verdicts by number, and those of the new batches."""

    head: Part
    verdicts: Mapping[int, tuple[str, ...]]
    given: Mapping[int, tuple[str, ...]]
    fresh: int
    replayed: int


class Placing:
    """One transaction. `chains` that changed, and `position` of the last row, hold only if it is committed."""

    def __init__(self, known: Chains, volumes: Sequence[Volume], roster: Roster, position: int) -> None:
        """`volumes` oldest first; rows go into the last."""
        self._known, self._volumes, self._roster = known, volumes, roster
        self.position = position
        self.chains: dict[str, dict[str, Chain]] = {}

    def take(self, arrivals: Sequence[Arrival]) -> Receipt:
        """The batches of one request, all of one chain. What is kept already is not kept twice."""
        known: dict[int, tuple[str, ...]] = {}
        given: dict[int, tuple[str, ...]] = {}
        begun = self.position
        for arrival in arrivals:
            versions = self._versions(arrival)
            before = _given_before(arrival, versions)
            if before is None:
                given[arrival.part.number] = self._keep(arrival, versions)
            else:
                known[arrival.part.number] = before
        verdicts = {number: found for number, found in {**known, **given}.items() if found}
        fresh = self.position - begun
        return Receipt(self._chain_of(arrivals[0]).head, verdicts, given, fresh, len(arrivals) - fresh)

    def _keep(self, arrival: Arrival, versions: Sequence[Version]) -> tuple[str, ...]:
        self.position += 1
        chain = self._chain_of(arrival)
        found = {*arrival.verdicts, *_contradictions(arrival, chain, versions)}
        if not self._roster.members[arrival.key].holds_at(self.position):
            found.add(REVOKED_KEY)
        if not unplaced_by(found):
            if self._meets_another(arrival, chain):
                found.add(OVERLAP)
            chain = chain.enclosing(arrival.oldest_ms, arrival.newest_ms)
        self._put(chain if versions else chain.with_part(arrival.part))
        # A revoked key must not be able to retire its successor's chain.
        if arrival.predecessor and REVOKED_KEY not in found:
            ended = self._chain(arrival.agent, arrival.predecessor.chain, arrival.vantage)
            self._put(ended.retired(arrival.predecessor.number))
        verdicts = tuple(sorted(found))
        self._volumes[-1].insert(self.position, arrival, verdicts)
        return verdicts

    def _versions(self, arrival: Arrival) -> list[Version]:
        """What is kept under its number, first arrived first."""
        if not self._chain_of(arrival).may_know(arrival.part.number):
            return []
        return [
            version
            for volume in self._volumes
            for version in volume.versions(arrival.agent, arrival.chain, arrival.part.number)
        ]

    def _meets_another(self, arrival: Arrival, chain: Chain) -> bool:
        """Whether a batch of another chain of the same agent and vantage has slots in common with it."""
        part = arrival.part
        return any(
            not unplaced_by(verdicts) and _touches(head, part)
            for other in self._others(chain)
            if other.might_meet(part)
            for volume in self._volumes
            for head, verdicts in volume.heads_within(other.agent, other.name, part.first_ms, part.last_ms)
        )

    def _others(self, chain: Chain) -> Iterator[Chain]:
        for other in {**self._known.get(chain.agent, {}), **self.chains.get(chain.agent, {})}.values():
            if other.vantage == chain.vantage and other.name != chain.name:
                yield other

    def _chain_of(self, arrival: Arrival) -> Chain:
        return self._chain(arrival.agent, arrival.chain, arrival.vantage)

    def _chain(self, agent: str, name: str, vantage: str) -> Chain:
        known = self.chains.get(agent, {}).get(name) or self._known.get(agent, {}).get(name)
        return known or Chain(agent, name, vantage)

    def _put(self, chain: Chain) -> None:
        self.chains.setdefault(chain.agent, {})[chain.name] = chain


def _given_before(arrival: Arrival, versions: Sequence[Version]) -> tuple[str, ...] | None:
    """The verdicts of a batch that is kept already; None if it is not, or only without the body it now brings."""
    for version in versions:
        if version.hash == arrival.part.hash and (version.has_body or arrival.batch.body is None):
            return version.verdicts
    return None


def _contradictions(arrival: Arrival, chain: Chain, versions: Sequence[Version]) -> list[str]:
    if not versions:
        return chain.verdicts_on(arrival.part)
    return [] if any(version.hash == arrival.part.hash for version in versions) else [FORK]


def _touches(head: bytes, part: Part) -> bool:
    slots = read_slots(Signed(head, b"").fields())
    return slots is not None and slots[0] <= part.last_ms and part.first_ms <= slots[1]
