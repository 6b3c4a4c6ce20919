"""What the centre knows of the chains, drawn from the journal alone when it starts."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from jinbao_agent.wire import Signed
from jinbao_collector.arrival import read_predecessor, read_slots
from jinbao_collector.chains import CLOCK_SUSPECT, REVOKED_KEY, SCHEMA_UNKNOWN, Chain, Part, contiguous
from jinbao_collector.volume import Volume

ChainName = tuple[str, str]
Chains = Mapping[str, Mapping[str, Chain]]
"""By agent, then by the chain's name."""

UNPLACED = (CLOCK_SUSPECT, SCHEMA_UNKNOWN, REVOKED_KEY)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The first batch that arrived under a number."""

    position: int
    hash: str


def recover(closed: Volume | None, current: Volume) -> dict[str, dict[str, Chain]]:
    """The chains' state after the last row of `current`; `closed` is the file before it, whose last row says what was then."""
    closing = closed.closed if closed else None
    base = {(chain.agent, chain.name): chain for chain in map(Chain.from_facts, closing.fields()["chains"])} if closing else {}
    kept = {name: _first_arrived(current, name) for name in dict.fromkeys((a, c) for a, _, c, _ in current.senders) if name[0]}
    chains = dict(base)
    for name, numbers in kept.items():
        chains[name] = _grown(current, base.get(name) or _begun(current, name), numbers)
    for position, agent, vantage, named, number in _retirements(current):
        before = {at for at, one in kept.get((agent, named), {}).items() if one.position < position}
        known = base.get((agent, named))
        then = contiguous(known.head.number, before | set(known.waiting)) if known else contiguous(0, before)
        chain = chains.get((agent, named)) or Chain(agent, named, vantage)
        if chain.retired_after is None:
            chains[agent, named] = replace(chain, retired_after=max(number, then))
    found: dict[str, dict[str, Chain]] = {}
    for (agent, named), chain in chains.items():
        found.setdefault(agent, {})[named] = chain
    return found


def _first_arrived(volume: Volume, name: ChainName) -> dict[int, _Kept]:
    found: dict[int, _Kept] = {}
    for sender in volume.senders_of(*name):
        # Answered from the index alone: a month's rows need not be read.
        rows = volume.db.execute("SELECT number, position, hash FROM batch INDEXED BY batch_number WHERE sender = ?", (sender,))
        for number, position, hashed in rows:
            if number not in found or position < found[number].position:
                found[number] = _Kept(position, hashed.hex())
    return found


def _begun(volume: Volume, name: ChainName) -> Chain:
    """An empty chain of the vantage its first batch named."""
    first = "SELECT min(position), vantage FROM batch JOIN sender ON sender.id = sender WHERE sender = ?"
    found = [volume.db.execute(first, (sender,)).fetchone() for sender in volume.senders_of(*name)]
    return Chain(name[0], name[1], min(row for row in found if row[0] is not None)[1])


def _grown(volume: Volume, base: Chain, kept: Mapping[int, _Kept]) -> Chain:
    last = contiguous(base.head.number, base.waiting.keys() | kept.keys())
    beyond = sorted(number for number in base.waiting.keys() | kept.keys() if number > last)

    def part(number: int) -> Part:
        known = base.part(number)
        return known if known is not None else _part(volume, number, kept[number])

    waiting = MappingProxyType({number: part(number) for number in beyond})
    grown = replace(base, head=part(last), waiting=waiting)
    for oldest, newest in _spans(volume, (base.agent, base.name)):
        grown = grown.enclosing(oldest, newest)
    return grown


def _part(volume: Volume, number: int, kept: _Kept) -> Part:
    head, arrived = volume.db.execute("SELECT head, arrived_ms FROM batch WHERE position = ?", (kept.position,)).fetchone()
    fields = Signed(head, b"").fields()
    first, last = read_slots(fields) or (arrived, arrived)
    return Part(number, kept.hash, fields["prev"], first, last)


def _spans(volume: Volume, name: ChainName) -> list[tuple[int, int]]:
    """What the batches whose slots can be believed enclose."""
    flagged = volume.db.execute("SELECT position, verdicts FROM batch INDEXED BY batch_flagged WHERE verdicts <> '[]'")
    unplaced = [position for position, verdicts in flagged if unplaced_by(json.loads(verdicts))]
    query = (
        "SELECT min(oldest_ms), max(newest_ms) FROM batch INDEXED BY batch_time WHERE sender = ?"
        " AND position NOT IN (SELECT value FROM json_each(?))"
    )
    found = [volume.db.execute(query, (sender, json.dumps(unplaced))).fetchone() for sender in volume.senders_of(*name)]
    return [(oldest, newest) for oldest, newest in found if oldest is not None]


def unplaced_by(verdicts: Collection[str]) -> bool:
    """Whether a batch with these verdicts says nothing about when its agent spoke."""
    return any(verdict in verdicts for verdict in UNPLACED)


def _retirements(volume: Volume) -> list[tuple[int, str, str, str, int]]:
    """(position, agent, vantage, chain, its last known number) of every first batch that names a predecessor."""
    found = []
    for (agent, _, _, vantage), sender in volume.senders.items():
        rows = volume.db.execute("SELECT position, head, verdicts FROM batch WHERE sender = ? AND number = 1", (sender,))
        for position, head, verdicts in rows:
            named = read_predecessor(Signed(head, b"").fields())
            if named and REVOKED_KEY not in json.loads(verdicts):
                found.append((position, agent, vantage, named.chain, named.number))
    return sorted(found)
