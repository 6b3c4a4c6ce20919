"""The journal: every authentic batch, verbatim, durable before it is acknowledged. One process writes, any may read.

What is known of the chains changes only after COMMIT, and is drawn anew from the files when a commit did not come about. Files
are monthly; the last row of a finished month closes it and carries the chains' state. Format: docs/wire.md.
"""

import datetime
import sqlite3
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import GENESIS, Signed
from jinbao_collector import CollectorError
from jinbao_collector.agents import Roster
from jinbao_collector.arrival import Arrival
from jinbao_collector.ledger import LedgerError
from jinbao_collector.placing import Placing, Receipt
from jinbao_collector.recovery import Chains, recover
from jinbao_collector.volume import CLOSED_TAG, Volume, digest_of
from jinbao_collector.volume_file import VolumeError, check_quickly, is_full, month_files, trouble

_HOUR_MS = 3_600_000


class JournalError(CollectorError):
    """The journal cannot be opened, or cannot be written now: ask again later."""


class JournalFull(JournalError):
    """There is no room on its disk."""


class Journal:
    """The writing side. One thread writes; others may look at `position`, `failure`, `committed_ms` and `chains`."""

    def __init__(self, directory: Path, key: SigningKey, roster: Callable[[], Roster], zone: zoneinfo.ZoneInfo) -> None:
        """`key` signs the rows that close a month, `zone` says when one ends. Raises JournalError."""
        self._directory, self._key, self._roster, self._zone = directory, key, roster, zone
        self._volumes: list[Volume] = []
        self._looked = 0
        self.position = 0
        self.failure: str | None = None
        self.committed_ms: int | None = None
        self._open()
        with _refusing_damage(self.current):
            check_quickly(self.current.db, self.current.file)

    @classmethod
    def create(cls, directory: Path, zone: zoneinfo.ZoneInfo, now_ms: int) -> None:
        """An empty one. Raises JournalError if there is one already."""
        if month_files(directory):
            raise JournalError(f"{directory}: there is a journal already; it is never begun anew")
        directory.mkdir(parents=True, exist_ok=True)
        Volume.create(directory / f"{_month(now_ms, zone)}.db", 1, GENESIS).close()

    def append(self, requests: Sequence[Sequence[Arrival]]) -> list[Receipt]:
        """Requests of one chain's batches each, in order, all in one transaction: durable when it returns.

        Raises JournalError; then nobody has been promised anything, and the files are read anew before the next attempt.
        """
        try:
            if self.failure is not None:
                self._open()
            receipts = self._commit(requests)
        except (sqlite3.Error, OSError, LedgerError, VolumeError) as problem:
            self.failure = f"{self._directory}: {problem}"
            raise (JournalFull if is_full(problem) else JournalError)(self.failure) from problem
        except BaseException as problem:
            self.failure = f"{self._directory}: {problem!r}"
            raise
        self.failure = None
        return receipts

    @property
    def current(self) -> Volume:
        """The month that is being written."""
        return self._volumes[-1]

    @property
    def chains(self) -> Chains:
        return self._chains

    def close(self) -> None:
        self._close_files()

    def _commit(self, requests: Sequence[Sequence[Arrival]]) -> list[Receipt]:
        now_ms = max(arrival.arrived_ms for arrivals in requests for arrival in arrivals)
        self._look_again(now_ms)
        self._turn_month(now_ms)
        with _transaction(self.current.db):
            # The roster is read under the lock, so that a revocation lies wholly before or wholly after these rows.
            placing = Placing(self._chains, self._volumes, self._roster(), self.position)
            receipts = [placing.take(arrivals) for arrivals in requests]
        for agent, chains in placing.chains.items():
            self._chains.setdefault(agent, {}).update(chains)
        self.position, self.committed_ms = placing.position, now_ms
        return receipts

    def _look_again(self, now_ms: int) -> None:
        """Once an hour: a closed month may have been packed or removed, and its old file takes room while it is open."""
        if now_ms // _HOUR_MS == self._looked:
            return
        self._looked = now_ms // _HOUR_MS
        for number, volume in enumerate(self._volumes[:-1]):
            if volume.is_replaced:
                volume.close()
                self._volumes[number] = Volume(volume.file, writing=False)
        for volume in [one for one in self._volumes[:-1] if not one.file.exists()]:
            volume.close()
            self._volumes.remove(volume)

    def _turn_month(self, now_ms: int) -> None:
        """Closes the file of a month that is over and begins the next. A clock that was set back keeps the file it has."""
        month, volume = _month(now_ms, self._zone), self.current
        if month <= volume.name:
            return
        signed = Signed.make(CLOSED_TAG, self._closing_facts(volume), self._key)
        with _transaction(volume.db):
            volume.insert_own(self.position + 1, now_ms, signed)
        self.position += 1
        self._volumes.append(Volume.create(self._directory / f"{month}.db", self.position + 1, signed.hash))

    def _closing_facts(self, volume: Volume) -> dict[str, object]:
        oldest, newest = volume.span()
        return {
            "month": volume.name,
            "first": volume.first,
            "last": self.position,
            "prev": volume.prev,
            "digest": digest_of(volume.all_hashes(self.position)),
            "oldest_ms": oldest,
            "newest_ms": newest,
            "chains": [
                self._chains[agent][name].facts() for agent in sorted(self._chains) for name in sorted(self._chains[agent])
            ],
        }

    def _open(self) -> None:
        self._close_files()
        files = month_files(self._directory)
        if not files:
            raise JournalError(f"{self._directory}: there is no journal; run `jinbao-collector init` first")
        try:
            self._volumes = [Volume(file, writing=False) for file in files[:-1]] + [Volume(files[-1], writing=True)]
            self._check_order()
            if (closed := self.current.closed) is not None:
                # Killed between closing a month and beginning the next.
                following = self._directory / f"{_month_after(files[-1].stem)}.db"
                self._volumes.append(Volume.create(following, self.current.last + 1, closed.hash))
            with _refusing_damage(self.current):
                self._chains = recover(self._volumes[-2] if len(self._volumes) > 1 else None, self.current)
                self.position = self.current.last
        except VolumeError as problem:
            raise JournalError(str(problem)) from problem
        except sqlite3.Error as problem:
            raise JournalError(f"{self._directory}: cannot be read: {problem}") from problem

    def _check_order(self) -> None:
        """Each file but the last is closed, and the next one says so."""
        for one, two in zip(self._volumes, self._volumes[1:], strict=False):
            closed = one.closed
            if closed is None or two.prev != closed.hash or two.first != one.last + 1:
                raise JournalError(
                    f"{two.file}: does not follow on {one.file}; restore the file that is missing or was changed"
                )

    def _close_files(self) -> None:
        for volume in self._volumes:
            volume.close()
        self._volumes = []


@contextmanager
def position_held(directory: Path) -> Iterator[int]:
    """The journal's last position, which cannot grow while the context lasts: for revocations by another process.

    Raises JournalError or VolumeError.
    """
    while True:
        files = month_files(directory)
        if not files:
            raise JournalError(f"{directory}: there is no journal; run `jinbao-collector init` first")
        volume = Volume(files[-1], writing=True)
        try:
            volume.db.execute("BEGIN IMMEDIATE")
            if volume.closed is None or month_files(directory) == files:
                yield volume.last
                return
        except sqlite3.Error as problem:
            raise JournalError(f"{directory}: cannot be locked: {problem}") from problem
        finally:
            volume.close()


@contextmanager
def _refusing_damage(volume: Volume) -> Iterator[None]:
    """Whoever opens a file for writing is told by SQLite what is wrong, but not of which file. Raises JournalError."""
    try:
        yield
    except VolumeError as problem:
        raise JournalError(str(problem)) from problem
    except sqlite3.Error as problem:
        raise JournalError(str(trouble(volume.file, problem))) from problem


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _month(now_ms: int, zone: zoneinfo.ZoneInfo) -> str:
    return datetime.datetime.fromtimestamp(now_ms / 1000, zone).strftime("%Y-%m")


def _month_after(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"
