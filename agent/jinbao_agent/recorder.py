"""Brings records to disk on a thread of its own, so that no fsync ever holds up a probe.

What arrives during a commit goes into the next one. While no disk takes them, records wait in memory, up to a bound; beyond it
the oldest samples are given up and counted, and the count is in the next header that can be written.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from jinbao_agent.chain import Author, Head, Turns
from jinbao_agent.clock import Clock, clock_quality
from jinbao_agent.retention import is_full, make_room
from jinbao_agent.sample import Event, Sample
from jinbao_agent.spool import Spool
from jinbao_config.links import NOTHING

log = logging.getLogger(__name__)
T = TypeVar("T")

HELD = 50_000
"""Samples in memory while the disk takes none: most of a day of a township, and about 14 MB."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Recorder:
    """The spool as the event loop sees it. `author` may be replaced while it runs, when enrolment gives the agent its name."""

    def __init__(
        self,
        file: Path,
        known: Head | None,
        author: Author,
        clock: Clock,
        *,
        boot: str,
        batch_ms: int,
        held: int = HELD,
    ) -> None:
        """`known`: the last head an earlier life remembers; a spool that has to be made anew declares it as predecessor.
        `held`: samples in memory at most."""
        self.author = author
        self.head = known
        self.turned: Callable[[], None] = lambda: None  # called on the loop after a rung turned and its batch was closed
        self._file, self._boot, self._batch_us, self._clock = file, boot, batch_ms * 1000, clock
        self._thread = ThreadPoolExecutor(1, "spool")
        self._spool: Spool | None = None
        self._lost = "spool_lost"
        self._open_since_us = 0
        self._turns = Turns()
        self._samples: list[Sample] = []
        self._held = held
        self._events: list[Event] = []
        self._facts: dict[str, Any] = {}
        self._given_up = 0
        self._failing = False
        self._wanted = asyncio.Event()
        self._one_flush = asyncio.Lock()

    # On the event loop

    def put(self, samples: Sequence[Sample], events: Sequence[Event] = (), facts: Mapping[str, Any] = NOTHING) -> None:
        """Takes records over; they are durable after the next flush. `facts` go into the spool's small facts with them."""
        self._samples.extend(samples)
        self._events.extend(events)
        self._facts.update(facts)
        self._bound()
        self._wanted.set()

    async def run(self) -> None:
        """Flushes whenever something was put, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self.flush()

    async def flush(self) -> bool:
        """Whether everything put so far is now on disk. A flush that has begun ends, whoever stops waiting for it."""
        return await asyncio.shield(asyncio.create_task(self._flush()))

    async def _flush(self) -> bool:
        async with self._one_flush:
            samples, self._samples = self._samples, []
            events, self._events = self._events, []
            facts, self._facts = self._facts, {}
            try:
                turned = await self._on_thread(lambda: self._store(samples, events, facts))
            except (sqlite3.Error, OSError) as problem:
                self._samples[:0], self._events[:0], self._facts = samples, events, facts | self._facts
                self._bound()
                self._tell_failure(problem)
                return False
            try:
                await self._on_thread(lambda: self._guarded(lambda spool: self._close_if_ripe(spool, turned=turned)))
            except (sqlite3.Error, OSError) as problem:
                self._tell_failure(problem)
                return True
        self._tell_recovery()
        if turned:
            self.turned()
        return True

    async def use(self, work: Callable[[Spool], T]) -> T:
        """Something done with the spool on its thread. Raises sqlite3.Error or OSError."""
        return await self._on_thread(lambda: self._guarded(work))

    async def close(self) -> None:
        """The last flush and the last batch; the thread and the file are closed whatever comes of it."""
        try:
            if await self.flush():
                await self.use(self._close_batch)
        except (sqlite3.Error, OSError) as problem:
            self._tell_failure(problem)
        finally:
            await self._on_thread(self._let_go)
            self._thread.shutdown()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _bound(self) -> None:
        excess = len(self._samples) - self._held
        if excess > 0:
            del self._samples[:excess]
            self._given_up += excess

    def _tell_failure(self, problem: Exception) -> None:
        if not self._failing:
            log.error("the spool takes no records, they wait in memory: %s", problem)
        self._failing = True

    def _tell_recovery(self) -> None:
        if self._failing:
            log.warning("the spool takes records again")
        self._failing = False

    # On the spool's thread

    def _store(self, samples: Sequence[Sample], events: Sequence[Event], facts: Mapping[str, Any]) -> bool:
        """Commits. Whether a rung turned."""
        if self._given_up:
            self._guarded(self._own_up)
        if samples or events or facts:
            quality = trust()
            self._guarded(lambda spool: spool.append(samples, events, facts, boot=self._boot, clock=quality))
        return self._turns.see(samples)

    def _own_up(self, spool: Spool) -> None:
        spool.count_up("unstored", self._given_up)
        log.error("samples given up while no disk took them samples=%d", self._given_up)
        self._given_up = 0

    def _close_if_ripe(self, spool: Spool, *, turned: bool) -> None:
        now_us = self._clock.boottime_us()
        if not spool.open_count():
            self._open_since_us = now_us
        elif turned or spool.is_full() or now_us - self._open_since_us >= self._batch_us:
            self._close_batch(spool)

    def _close_batch(self, spool: Spool) -> None:
        spool.close(self.author)
        self._open_since_us = self._clock.boottime_us()

    def _guarded(self, work: Callable[[Spool], T]) -> T:
        """With an open spool; room is made where the file is full, and a damaged file is replaced, once."""
        for mend in (True, False):
            try:
                return self._with_room(self._opened(), work)
            except sqlite3.DatabaseError as problem:
                if not _is_damaged(problem):
                    if not is_full(problem):
                        self._let_go()  # opened anew the next time: perhaps only this handle is of no use any more
                    raise
                if not mend:
                    raise
                log.error("the spool is damaged and set aside file=%s: %s", self._file, problem)
                self._let_go()
                self._lost = "spool_damaged"
                _set_aside(self._file)
        raise AssertionError("unreachable: the second round returns or raises")

    def _with_room(self, spool: Spool, work: Callable[[Spool], T]) -> T:
        while True:
            try:
                result = work(spool)
                self.head = spool.head
                return result
            except sqlite3.Error as problem:
                if not is_full(problem) or not make_room(spool):
                    raise

    def _opened(self) -> Spool:
        if self._spool is None:
            spool = Spool(self._file, self.head.as_predecessor(self._lost) if self.head else None)
            self._spool = spool
            self._open_since_us = self._clock.boottime_us()
            self._with_room(spool, self._take_up)
        return self._spool

    def _take_up(self, spool: Spool) -> None:
        """Goes on where an earlier life ended."""
        known, key = self.head, self.author.key.public.fingerprint
        if known and known.chain == spool.head.chain and known.number > spool.head.number:
            spool.begin_chain("spool_rolled_back", known)
        elif spool.signer() not in (None, key):
            spool.begin_chain("new_key")
        self.head = spool.head
        if spool.open_count():
            # It becomes a batch of its own, with its own boot and its own trust in the clock.
            self._close_batch(spool)

    def _let_go(self) -> None:
        if self._spool is not None:
            self._spool.close_file()
            self._spool = None


def trust() -> Mapping[str, Any]:
    """The header's `clock`: how far UTC may be believed now."""
    quality = asdict(clock_quality())
    return {**quality, "sync": int(quality["sync"])}


def _is_damaged(problem: sqlite3.DatabaseError) -> bool:
    return getattr(problem, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _aside(file: Path) -> Path:
    return file.with_name(file.name + ".damaged")


def _set_aside(file: Path) -> None:
    """Kept for whoever wants to look, one at most; its journal goes with it, or the new file would inherit it."""
    for suffix in ("", "-wal"):
        source = file.with_name(file.name + suffix)
        if source.exists():
            source.replace(_aside(file).with_name(_aside(file).name + suffix))
    file.with_name(file.name + "-shm").unlink(missing_ok=True)
