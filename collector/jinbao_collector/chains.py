"""What the centre knows of an agent's chain, and what a new batch contradicts. Pure: no file, no clock.

A chain's batches are numbered from 1; each names the hash of the one before. The *head* is the last batch up to which none is
missing. Batches beyond a gap wait. The first batch that arrived under a number stands for it; another one is a fork.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from jinbao_agent.wire import GENESIS

CLOCK_SUSPECT, SCHEMA_UNKNOWN, OUT_OF_SCOPE = "clock_suspect", "schema_unknown", "out_of_scope"
FORK, REVOKED_KEY, OVERLAP, RETIRED_CHAIN = "fork", "revoked_key", "overlap", "retired_chain"

# A probe waits for its answer while its batch closes, so neighbours may interleave by the length of a batch.
_INTERLEAVE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Part:
    """One batch as its neighbours see it: its number, hash and slots (milliseconds)."""

    number: int
    hash: str
    prev: str
    first_ms: int
    last_ms: int


_BEGIN = Part(0, GENESIS, "", 0, 0)


@dataclass(frozen=True, slots=True)
class Chain:
    """`oldest_ms` and `newest_ms` enclose its samples and events, without batches whose times say nothing.

    `retired_after`: a later chain named this one as its predecessor; numbers beyond this one should not come any more.
    """

    agent: str
    name: str
    vantage: str
    head: Part = _BEGIN
    waiting: Mapping[int, Part] = field(default_factory=lambda: MappingProxyType({}))
    oldest_ms: int | None = None
    newest_ms: int | None = None
    retired_after: int | None = None

    def part(self, number: int) -> Part | None:
        """What stands under a number; None if it is unknown or lies before the head."""
        return self.head if number == self.head.number else self.waiting.get(number)

    def may_know(self, number: int) -> bool:
        """Whether a batch of this number is kept: then its other versions must be looked up."""
        return number <= self.head.number or number in self.waiting

    def verdicts_on(self, part: Part) -> list[str]:
        """What a batch under a new number contradicts: its neighbours' hashes or slots, or this chain's end."""
        before, after = self.part(part.number - 1), self.waiting.get(part.number + 1)
        pairs = [(one, two) for one, two in ((before, part), (part, after)) if one is not None and two is not None]
        found = []
        if any(two.prev != one.hash for one, two in pairs):
            found.append(FORK)
        if any(goes_back(one, two) for one, two in pairs if one.number):
            found.append(OVERLAP)
        if self.retired_after is not None and part.number > self.retired_after:
            found.append(RETIRED_CHAIN)
        return found

    def with_part(self, part: Part) -> "Chain":
        """After a batch under a new number; the head moves on as far as numbers follow."""
        if part.number == self.head.number + 1 and not self.waiting:
            return replace(self, head=part)
        if part.number <= self.head.number:
            return self
        waiting, head = {**self.waiting, part.number: part}, self.head
        while head.number + 1 in waiting:
            head = waiting.pop(head.number + 1)
        return replace(self, head=head, waiting=MappingProxyType(waiting))

    def enclosing(self, first_ms: int, last_ms: int) -> "Chain":
        """With these instants too."""
        oldest = first_ms if self.oldest_ms is None else min(self.oldest_ms, first_ms)
        newest = last_ms if self.newest_ms is None else max(self.newest_ms, last_ms)
        return replace(self, oldest_ms=oldest, newest_ms=newest)

    def might_meet(self, part: Part) -> bool:
        """Whether the slots of another chain's batch fall between this chain's oldest and newest."""
        if self.oldest_ms is None or self.newest_ms is None:
            return False
        return self.oldest_ms <= part.last_ms and part.first_ms <= self.newest_ms

    def retired(self, after: int) -> "Chain":
        """Its agent went on in another chain and knew of this one up to `after`; what we had by then is as good."""
        if self.retired_after is not None:
            return self
        return replace(self, retired_after=max(after, self.head.number))

    def facts(self) -> dict[str, Any]:
        """For the row that closes a month."""
        return {
            "agent": self.agent,
            "chain": self.name,
            "vantage": self.vantage,
            "head": _part_facts(self.head),
            "waiting": [_part_facts(self.waiting[number]) for number in sorted(self.waiting)],
            "oldest_ms": self.oldest_ms,
            "newest_ms": self.newest_ms,
            "retired_after": self.retired_after,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Chain":
        waiting = [Part(*values) for values in facts["waiting"]]
        return cls(
            facts["agent"],
            facts["chain"],
            facts["vantage"],
            Part(*facts["head"]),
            MappingProxyType({part.number: part for part in waiting}),
            facts["oldest_ms"],
            facts["newest_ms"],
            facts["retired_after"],
        )


def _part_facts(part: Part) -> list[int | str]:
    return [part.number, part.hash, part.prev, part.first_ms, part.last_ms]


def goes_back(one: Part, two: Part) -> bool:
    """Whether a batch's slots begin well before those of the batch before it end."""
    return two.first_ms < one.last_ms - _INTERLEAVE_MS


def contiguous(head: int, numbers: Iterable[int]) -> int:
    """The last number up to which none is missing, counting on from `head`."""
    known = set(numbers)
    while head + 1 in known:
        head += 1
    return head
