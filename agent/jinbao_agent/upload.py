"""Spool → POST → signed acknowledgement → may be forgotten. In order, in bounded requests, until the centre has everything.

Nothing is believed that the key pinned at enrolment did not sign. Sending twice is harmless, forgetting is not: the spool
keeps what was acknowledged as long as it has room, and opens it again when the centre says it lacks it.
"""

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jinbao_agent.chain import Head
from jinbao_agent.clock import Clock
from jinbao_agent.https import Answer, Https, Unreachable, in_thread
from jinbao_agent.identity import Enrolment, Home
from jinbao_agent.pace import Pace
from jinbao_agent.recorder import Recorder
from jinbao_agent.spool import Spool, Waiting
from jinbao_agent.wire import Signed, WireError, pack

log = logging.getLogger(__name__)

ACK_TAG = "jinbao-ack/1"
MOST_BATCHES, MOST_BYTES = 64, 512 * 1024
_LONGEST_BODY_S = 10  # the centre hangs up on whoever takes three times as long
_LONGEST_DELAY = 8  # times the usual pause between uploads
_LONGEST_RETRY_AFTER_S = 3600.0
_ENDS_CHAIN = ("fork", "retired_chain")


@dataclass(frozen=True, slots=True)
class Ack:
    """What the centre has of a chain: everything through `head`; `manifest` is its latest daily manifest's hash, `peers` names
    the secrets it has for us, "" where it does not say; `config` is the version of our configuration there, 0 for none."""

    head: Head
    manifest: str
    verdicts: dict[str, list[str]]
    peers: str = ""
    config: int = 0


def read_ack(body: bytes, enrolment: Enrolment, chain: str, agent: str) -> Ack:
    """Raises WireError unless the centre signed this for this agent and this chain."""
    signed = Signed.from_lines(body)
    if signed.tag != ACK_TAG or not signed.verified_by(enrolment.collector):
        raise WireError("not an acknowledgement signed by the centre's key")
    fields = signed.fields()
    if (fields.get("agent"), fields.get("chain")) != (agent, chain):
        raise WireError("an acknowledgement of another agent or chain")
    number, hash, manifest, verdicts = (fields.get(name) for name in ("number", "hash", "manifest", "verdicts"))
    if not (isinstance(number, int) and isinstance(hash, str) and isinstance(manifest, str) and isinstance(verdicts, dict)):
        raise WireError("an acknowledgement lacks number, hash, manifest or verdicts")
    peers, config = fields.get("peers"), fields.get("config")
    return Ack(
        Head(chain, number, hash),
        manifest,
        verdicts,
        peers if isinstance(peers, str) else "",
        config if type(config) is int else 0,
    )


class Uploader:
    """One agent's way to its collector. `send` is run again and again; between runs it remembers where it was."""

    def __init__(
        self,
        home: Home,
        recorder: Recorder,
        clock: Clock,
        *,
        url: str | None,
        every_s: float,
        rate: int = 64_000,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`url` overrides the enrolment's; `rate` in bytes a second; `chance` in [0, 1) spreads the retries of many agents."""
        self.told: Callable[[Ack], None] = lambda ack: None  # called with each acknowledgement
        self._home, self._recorder, self._clock = home, recorder, clock
        self._url, self._every_s, self._chance = url, every_s, chance
        self._pace, self._most_bytes = Pace(rate), min(MOST_BYTES, rate * _LONGEST_BODY_S)
        self._line: tuple[Enrolment, Https] | None = None
        self._after = 0  # place in the spool up to which everything was sent
        self._most = MOST_BATCHES
        self._rewound: Head | None = None
        self._failures = 0
        self._not_before_us = 0
        self._told = ""

    @property
    def is_deferred(self) -> bool:
        return self._clock.boottime_us() < self._not_before_us

    def close(self) -> None:
        """Lets go of idle connections."""
        if self._line is not None:
            self._line[1].close()
            self._line = None

    async def send(self) -> None:
        """Sends what waits until nothing does or the centre cannot take more."""
        if self.is_deferred:
            return
        line = self._line or await self._ready()
        if line is None:
            return
        while waiting := await self._recorder.use(lambda spool: spool.waiting(self._after, self._most, self._most_bytes)):
            body = await in_thread(lambda waiting=waiting: pack(row.batch for row in waiting))  # type: ignore[misc]
            began_us = self._clock.boottime_us()
            if not await self._send_one(*line, waiting, body):
                return
            # A line thinner than the pace was full all that time: it is left alone for as long.
            over_s = (self._clock.boottime_us() - began_us) / 1e6 - self._pace.seconds(len(body))
            await asyncio.sleep(max(0.0, over_s))

    async def _ready(self) -> tuple[Enrolment, Https] | None:
        try:
            self._line = await in_thread(self._connect)
        except (ValueError, OSError) as problem:
            self._tell(f"the enrolment is unusable: {problem}")
        return self._line

    def _connect(self) -> tuple[Enrolment, Https] | None:
        """To the collector of the enrolment on disk, if there is one: somebody may have enrolled a running agent."""
        enrolment, author = self._home.read_enrolment(), self._recorder.author
        if enrolment is None:
            self._tell("not enrolled yet; batches wait")
            return None
        if enrolment.key != author.key.public.fingerprint:
            self._tell("the enrolment is of another key than this agent's; enrol again")
            return None
        https = Https(self._url or enrolment.url, self._home.ca.read_bytes())
        self._recorder.author = replace(author, agent=enrolment.agent)
        log.info("enrolled agent=%s collector=%s", enrolment.agent, https.url)
        return enrolment, https

    async def _send_one(self, enrolment: Enrolment, https: Https, waiting: Sequence[Waiting], body: bytes) -> bool:
        """One request. Whether to go on at once."""
        try:
            answer = await in_thread(lambda: https.post("/v1/batches", body, pace=self._pace))
            if answer.status not in (200, 409):
                return self._refused(answer, waiting)
            # What was signed under an earlier enrolment is acknowledged to the name it bears.
            agent = str(waiting[0].batch.signed.fields()["agent"]) or enrolment.agent
            ack = read_ack(answer.body, enrolment, waiting[0].chain, agent)
        except (Unreachable, WireError) as problem:
            self._most = max(1, len(waiting) // 2)  # perhaps it is too much for the line
            return self._defer(str(problem), None)
        self._failures, self._told, self._most = 0, "", min(MOST_BATCHES, 2 * self._most)
        await self._take(ack, waiting)
        return True

    async def _take(self, ack: Ack, waiting: Sequence[Waiting]) -> None:
        self.told(ack)
        for number, words in ack.verdicts.items():
            log.warning("the centre keeps a batch with verdicts chain=%s number=%s: %s", ack.head.chain, number, words)
        try:
            place = await self._recorder.use(lambda spool: self._settle(spool, ack, waiting))
        except (sqlite3.Error, OSError) as problem:
            # It was taken all the same, and the next acknowledgement says so too.
            self._tell(f"the disk does not take an acknowledgement: {problem}")
            place = None
        if place is not None:
            log.warning("the centre lacks batches, sending them again chain=%s after=%d", ack.head.chain, ack.head.number)
            self._after, self._rewound = place - 1, ack.head
            return
        self._after = waiting[-1].id

    def _settle(self, spool: Spool, ack: Ack, waiting: Sequence[Waiting]) -> int | None:
        """On the spool's thread. The place to send again from, if the centre's head lies before what was sent."""
        head = ack.head
        ours = spool.knows(head.chain, head.number, head.hash)
        if ours:
            spool.ack(head.chain, head.number, ack.manifest)
        else:
            spool.ack_these([row.id for row in waiting if row.number <= head.number])
        self._end_chain(spool, ack, ours)
        if head.number + 1 < waiting[0].number and head != self._rewound:
            return spool.reopen(head.chain, head.number)
        return None

    def _end_chain(self, spool: Spool, ack: Ack, ours: bool | None) -> None:
        """Where our chain contradicts what the centre has of it, we go on in a new one that says so."""
        verdicts = [word for words in ack.verdicts.values() for word in words if word in _ENDS_CHAIN]
        reason = "rolled_back" if ours is None else "fork" if not ours else verdicts[0] if verdicts else ""
        if reason and ack.head.chain == spool.head.chain:
            log.error("the chain ends here, a new one begins chain=%s reason=%s", ack.head.chain, reason)
            spool.begin_chain(reason, None if ours else ack.head)

    def _refused(self, answer: Answer, waiting: Sequence[Waiting]) -> bool:
        why = f"{answer.status} {answer.body[:200].decode(errors='replace').strip()}"
        if answer.status == 408:
            self._most = max(1, len(waiting) // 2)
        if answer.status == 401 and waiting[0].batch.signed.fields()["key"] != self._recorder.author.key.public.fingerprint:
            log.error("nobody vouches for batches of an earlier key, they stay here chain=%s: %s", waiting[0].chain, why)
            self._after = waiting[-1].id
            return True
        if answer.status not in (400, 413):
            if answer.status == 401:
                self.close()  # perhaps somebody is enrolling it anew
            return self._defer(why, answer.retry_after_s)
        if len(waiting) > 1:
            self._most = len(waiting) // 2
            return True
        log.error("the centre refuses a batch, it stays here chain=%s number=%d: %s", waiting[0].chain, waiting[0].number, why)
        self._after = waiting[0].id
        return True

    def _defer(self, why: str, retry_after_s: float | None) -> bool:
        """Waits longer each time, never the same time as the other agents."""
        self._failures += 1
        delay_s = self._every_s * min(_LONGEST_DELAY, 2 ** min(self._failures - 1, 10)) * (0.5 + self._chance())
        if retry_after_s is not None:
            delay_s = max(delay_s, min(retry_after_s, _LONGEST_RETRY_AFTER_S) + self._every_s * self._chance())
        self._not_before_us = self._clock.boottime_us() + int(delay_s * 1e6)
        self._tell(f"upload deferred: {why}")
        return False

    def _tell(self, text: str) -> None:
        """Once, until something else is the matter."""
        if text != self._told:
            log.warning("%s", text)
        self._told = text
