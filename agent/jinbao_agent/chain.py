"""From open records to signed batches: each names the one before it by hash. Pure; kept on disk by jinbao_agent.spool."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinbao_agent import sample as words
from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Event, Sample
from jinbao_agent.wire import GENESIS, Batch, encode_body, make_batch

BODY_LIMIT = 256 * 1024
"""Bytes of a batch's body before compression (docs/wire.md)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last batch of a chain: its number and the hash that the next one names. A chain without batches is at GENESIS."""

    chain: str
    number: int = 0
    hash: str = GENESIS

    def as_predecessor(self, reason: str) -> dict[str, Any]:
        """How the first batch of the chain after this one declares it."""
        return {"chain": self.chain, "number": self.number, "hash": self.hash, "reason": reason}


@dataclass(frozen=True, slots=True)
class Author:
    """Who signs: what stands in every header, whatever the batch holds. `agent` is "" until enrolment gave a name; `config`
    says under which configuration of the centre it lives, None where the centre configures nothing."""

    agent: str
    install: str
    version: str
    key: SigningKey
    config: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """What one boot recorded at one vantage, and what its header is to say about the time it was recorded in."""

    vantage: str
    boot: str
    samples: Sequence[Sample]
    events: Sequence[Event]
    clock: Mapping[str, Any]


def sign_batches(
    head: Head,
    records: Records,
    author: Author,
    seen: str,
    further: Mapping[str, Any],
    limit: int = BODY_LIMIT,
    *,
    waiting: int,
) -> Iterator[tuple[Head, Batch, int]]:
    """Batches that continue `head`, each with the head it makes and its number of samples. `further` header fields stand
    in the first only; `waiting` batches are not acknowledged yet, and each new one waits too."""
    for samples, events in pieces(records.samples, records.events, limit):
        header = {
            "agent": author.agent,
            "vantage": records.vantage,
            "chain": head.chain,
            "number": head.number + 1,
            "prev": head.hash,
            "seen": seen,
            "boot": records.boot,
            "clock": records.clock,
            "install": author.install,
            "version": author.version,
            "waiting": waiting,
            **({} if author.config is None else {"config": author.config}),
            **further,
        }
        batch = make_batch(header, samples, events, author.key)
        head = replace(head, number=head.number + 1, hash=batch.signed.hash)
        further, waiting = {}, waiting + 1
        yield head, batch, len(samples)


def pieces(
    samples: Sequence[Sample], events: Sequence[Event], limit: int
) -> Iterator[tuple[Sequence[Sample], Sequence[Event]]]:
    """The same records in order, cut where a body would grow beyond `limit` bytes; a single record is never cut."""
    if len(samples) + len(events) < 2 or len(encode_body(samples, events)) <= limit:
        yield samples, events
        return
    half, half_events = (len(samples) + 1) // 2, len(events) // 2
    yield from pieces(samples[:half], events[:half_events], limit)
    yield from pieces(samples[half:], events[half_events:], limit)


class Turns:
    """Notices when a rung changes state, so that its batch need not wait for its minute.

    Three states: it answers, it refuses, nothing comes back. A sample that was not sent tells of no state. Which ICMP error
    stands for "nothing" changes from probe to probe and is no turn.
    """

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], str] = {}

    def see(self, samples: Iterable[Sample]) -> bool:
        """Whether any rung is now in another state than before. A rung seen for the first time has not turned."""
        turned = False
        for sample in samples:
            state = _state(sample.outcome)
            if state is not None:
                rung = (sample.link, sample.target)
                turned |= self._states.get(rung, state) != state
                self._states[rung] = state
        return turned


def _state(outcome: str) -> str | None:
    if outcome.startswith("not_sent:"):
        return None
    if outcome in (words.REPLY, words.LATE):
        return "answers"
    return "refuses" if outcome == words.REFUSED else "silent"
