"""From the bytes of a request to its answer: verify, journal, acknowledge. No HTTP library in here."""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import Batch, Signed, TooLarge, WireError, unpack
from jinbao_collector.admission import RateLimit, RefusedRing
from jinbao_collector.agents import Member, Roster
from jinbao_collector.arrival import Arrival, examine
from jinbao_collector.heard import Heard
from jinbao_collector.journal import Journal, JournalError, JournalFull
from jinbao_collector.ledger import LedgerError
from jinbao_collector.metrics import Metrics
from jinbao_collector.placing import Receipt
from jinbao_config.services import Refusal

log = logging.getLogger(__name__)

ACK_TAG = "jinbao-ack/1"
_RETRY_S = 30
_MOST_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: status, body and headers."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Refused(Exception):
    """These bytes get an HTTP status instead of a place in the journal."""

    def __init__(self, status: int, label: str, reason: str, retry_s: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.label, self.retry_s = status, label, retry_s


def refusal(problem: Refused) -> Answer:
    headers = {"Content-Type": "application/json"}
    if problem.retry_s is not None:
        headers["Retry-After"] = str(problem.retry_s)
    return Answer(problem.status, json.dumps({"error": str(problem)}, ensure_ascii=False).encode(), headers)


@dataclass(frozen=True, slots=True)
class _Letter:
    """One request's body on its way through."""

    data: bytes
    address: str
    answer: "Future[Answer]"


class Intake:
    """The door for batches. One thread takes whatever requests wait, verifies them, commits them together, answers them."""

    def __init__(
        self,
        journal: Journal,
        roster: Callable[[], Roster],
        key: SigningKey,
        bounds: Refusal,
        ring: RefusedRing,
        metrics: Metrics,
        manifest: Callable[[], str],
        heard: Mapping[str, Heard],
        now_ms: Callable[[], int],
        peers: Callable[[str], str] = lambda key: "",
        config: Callable[[str], int] = lambda agent: 0,
    ) -> None:
        """`manifest` gives the hash of the latest daily manifest, "" if there is none yet; `heard` is what was heard before;
        `peers` names the secrets of peers that a key may know now, `config` an agent's newest configuration."""
        self._peers, self._config = peers, config
        self._journal, self._roster, self._key, self._bounds = journal, roster, key, bounds
        self._ring, self._metrics, self._manifest, self._now_ms = ring, metrics, manifest, now_ms
        self._by_address, self._by_key = RateLimit(bounds.per_minute), RateLimit(bounds.per_minute)
        self.heard = dict(heard)
        self._letters: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Answers what waits, then stops."""
        self._letters.put(None)
        self._thread.join()

    def admit(self, address: str) -> None:
        """Before a request's body is read. Raises Refused."""
        if delay := self._by_address.delay_s(address, time.monotonic()):
            raise Refused(429, "address_rate", "too many requests from this address", delay)

    def receive(self, data: bytes, address: str) -> "Future[Answer]":
        """One request's body -> its answer, in time. What is acknowledged in it is on the disk."""
        letter = _Letter(data, address, Future())
        self._letters.put(letter)
        return letter.answer

    def refuse(self, problem: Refused, data: bytes, address: str) -> Answer:
        """Counted; and what is not authentic leaves its first KiB in the ring."""
        self._metrics.refused(problem.label)
        if problem.status in (400, 401, 413):
            self._ring.put(data, address, problem.label, self._now_ms())
        return refusal(problem)

    def _work(self) -> None:
        while (letter := self._letters.get()) is not None:
            letters = [letter, *self._waiting()]
            try:
                for one, answer in zip(letters, self._answers(letters), strict=True):
                    one.answer.set_result(answer)
            except Exception as problem:
                # A mistake of ours: these senders are told so and the next are served.
                log.exception("a request could not be answered")
                for one in letters:
                    if not one.answer.done():
                        one.answer.set_exception(problem)

    def _waiting(self) -> Iterator[_Letter]:
        for _ in range(_MOST_TOGETHER):
            try:
                letter = self._letters.get_nowait()
            except queue.Empty:
                return
            if letter is None:
                self._letters.put(None)
                return
            yield letter

    def _answers(self, letters: Sequence[_Letter]) -> list[Answer]:
        """In the order of the letters. Answered only after the one commit that keeps them all."""
        read = [self._read(letter) for letter in letters]
        authentic = [one for one in read if not isinstance(one, Refused)]
        receipts = iter(self._kept(authentic))
        return [
            self.refuse(one, letter.data, letter.address) if isinstance(one, Refused) else self._settle(one, next(receipts))
            for letter, one in zip(letters, read, strict=True)
        ]

    def _read(self, letter: _Letter) -> list[Arrival] | Refused:
        try:
            return self._authentic(letter.data)
        except Refused as problem:
            return problem

    def _kept(self, requests: list[list[Arrival]]) -> list[Receipt | Refused]:
        if not requests:
            return []
        try:
            return [*self._journal.append(requests)]
        except JournalFull as problem:
            return [Refused(507, "disk_full", str(problem), _RETRY_S)] * len(requests)
        except JournalError as problem:
            return [Refused(503, "unavailable", str(problem), _RETRY_S)] * len(requests)

    def _settle(self, arrivals: list[Arrival], receipt: Receipt | Refused) -> Answer:
        if isinstance(receipt, Refused):
            return self.refuse(receipt, b"", "")
        self._metrics.kept(receipt)
        last = arrivals[-1]
        self.heard[last.agent] = Heard.of(last.arrived_ms, last.fields)
        return self._acknowledge(arrivals, receipt)

    def _authentic(self, data: bytes) -> list[Arrival]:
        """Size before anything else, then signatures, then what the batches say. Raises Refused."""
        if len(data) > self._bounds.request:
            raise Refused(413, "oversized", f"a request may have {self._bounds.request} bytes")
        try:
            batches = unpack(data, self._bounds.inflated)
        except TooLarge as problem:
            raise Refused(413, "inflates_too_far", str(problem)) from None
        except WireError as problem:
            raise Refused(400, "malformed", str(problem)) from None
        roster = self._known()
        signed = [(batch, *self._signer(batch, roster)) for batch in batches]
        for key in {member.key.fingerprint for _, _, member in signed}:
            if delay := self._by_key.delay_s(key, time.monotonic()):
                raise Refused(429, "key_rate", "too many requests of this key", delay)
        now = self._now_ms()
        try:
            arrivals = [examine(batch, fields, member, now) for batch, fields, member in signed]
        except WireError as problem:
            raise Refused(400, "malformed", str(problem)) from None
        if len({(arrival.agent, arrival.chain) for arrival in arrivals}) != 1:
            raise Refused(400, "malformed", "the batches of one request are all of one chain")
        return arrivals

    def _known(self) -> Roster:
        try:
            return self._roster()
        except LedgerError as problem:
            raise Refused(503, "unavailable", str(problem), _RETRY_S) from None

    def _signer(self, batch: Batch, roster: Roster) -> tuple[dict[str, Any], Member]:
        """What its head says, and whose key signed it. Raises Refused."""
        try:
            fields = batch.signed.fields()
        except WireError as problem:
            raise Refused(400, "malformed", str(problem)) from None
        key = fields.get("key")
        member = roster.members.get(key) if isinstance(key, str) else None
        if member is None:
            raise Refused(401, "unknown_key", f"key {key}: is not enrolled here")
        if not batch.signed.verified_by(member.key):
            raise Refused(401, "bad_signature", f"the signature is not of key {key}")
        return fields, member

    def _config_of(self, agent: str) -> int:
        try:
            return self._config(agent)
        except LedgerError as problem:
            log.error("which configuration there is cannot be told: %s", problem)
            return 0

    def _acknowledge(self, arrivals: list[Arrival], receipt: Receipt) -> Answer:
        first = arrivals[0]
        fields = {
            "agent": first.agent,
            "chain": first.chain,
            "number": receipt.head.number,
            "hash": receipt.head.hash,
            "manifest": self._manifest(),
            "peers": self._peers(first.key),
            "config": self._config_of(first.agent),
            "at": self._now_ms(),
            "verdicts": {str(number): list(found) for number, found in receipt.verdicts.items()},
        }
        whole = all(arrival.part.number <= receipt.head.number for arrival in arrivals)
        signed = Signed.make(ACK_TAG, fields, self._key)
        return Answer(200 if whole else 409, signed.to_lines(), {"Content-Type": "application/octet-stream"})
