"""Sealing as a deed: by hand, again from the journal, or for as long as the collector serves, in a process of its own.

A process of its own, so that it never holds up an acknowledgement: packing numbers would compete with the thread that verifies
and journals. It ends with the process that started it, for it listens to a pipe that only that one holds open.
"""

import argparse
import contextlib
import datetime
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jinbao_agent.wire import GENESIS
from jinbao_collector import CollectorError
from jinbao_collector.agents import LiveRoster, Member
from jinbao_collector.follower import Feed, advance
from jinbao_collector.follower_process import hung_up
from jinbao_collector.home import Home
from jinbao_collector.ledger import Ledger
from jinbao_collector.store import StoreError
from jinbao_collector.store.file import HOUR_US, HOURS, StoreOutdated, StoreUnreadable
from jinbao_collector.store.journal_rows import JournalRows
from jinbao_collector.store.samples import distinct
from jinbao_collector.store.sealer import Sealer
from jinbao_collector.store.writing import StoreWriting, held_for_writing, remove, renew
from jinbao_config import units

log = logging.getLogger(__name__)

_AT_ONCE = 2000
"""Rows in one transaction: a minute of ten thousand links takes a few seconds, a county's day less."""
_PATIENCE_MS = 300_000
"""So long rows may wait for company: each sealing writes the current hour anew."""
_LOOK_S, _RETRY_S = 5.0, 60.0
_FLOOR = 400 * 10**6
"""Free space that is left to the journal, which must go on when the store cannot."""


class Unsealable(StoreError):
    """What was asked for cannot be sealed."""

    exit_code = 2


@contextlib.contextmanager
def opened(home: Home, *, anew: bool = False) -> Iterator[tuple[Sealer, StoreWriting, Feed]]:
    """Everything that sealing needs, nobody else sealing meanwhile. `anew`: as if nothing had been sealed.

    Raises StoreError, LedgerError, VolumeError or OSError.
    """
    with held_for_writing(home.sealing), Ledger(home.ledger) as ledger, _store(home.store, anew=anew) as store:
        feed = Feed(home.journal)
        if store.cursor and feed.hash_at(store.cursor) != store.hash:
            log.warning("%s was sealed from another journal than this one; it is sealed anew", store.file)
            anew = True
        if anew:
            with store.transaction():
                store.clear()
        begun, hashed = feed.beginning()
        if store.cursor < begun:
            # What was removed from the journal is not waited for.
            with store.transaction():
                store.move(begun, hashed, GENESIS, 0)
        yield Sealer(store, LiveRoster(ledger)), store, feed


def _store(file: Path, *, anew: bool) -> StoreWriting:
    try:
        return StoreWriting(file)
    except StoreOutdated as problem:
        log.warning("%s", problem)
        renew(file)
    except StoreUnreadable:
        # Only by hand: whoever says so has read what is wrong, and may want to look at the disk first.
        if not anew:
            raise
        remove(file)
    return StoreWriting(file)


def seal(home: Home, *, anew: bool = False, sealed: Callable[[int, int], None] = lambda cursor, last: None) -> int:
    """Seals all there is; the cursor then. `sealed` hears how far it is. Raises as `opened`, and sqlite3.Error."""
    with opened(home, anew=anew) as (sealer, _, feed):
        last = feed.last()
        while advance(sealer, feed, _AT_ONCE):
            sealed(sealer.cursor, last)
        while sealer.tidy():
            pass
        return sealer.cursor


def seal_again(home: Home, agent: str, day: datetime.date) -> int:
    """One agent's samples and events of one day (UTC) again from the journal; how many samples. All or nothing."""
    with opened(home) as (sealer, store, _), JournalRows(home.root, last=store.cursor) as rows:
        members = rows.roster.of_agent(agent)
        if not members:
            raise Unsealable(f"{agent!r}: is not enrolled; `jinbao-collector agents` lists who is")
        begin = (day - datetime.date(1970, 1, 1)).days * HOURS
        with store.transaction():
            return _replace(sealer, store, rows, members, begin)


def _replace(sealer: Sealer, store: StoreWriting, rows: JournalRows, members: list[Member], begin: int) -> int:
    since = begin * HOUR_US // 1000
    until, count = since + units.DAY_MS, 0

    def concerned(link: str, vantage: str) -> bool:
        return any(member.vantage == vantage and member.speaks_for(link) for member in members)

    for key in sorted(rows.names() | store.names):
        if concerned(key[0], key[1]):
            store.drop(store.number(key), begin, HOURS)
            parts = [rows.samples(part) for part in rows.columns(*key, since, until)]
            within = [part.take((part.sent // 1000 >= since) & (part.sent // 1000 < until)) for part in parts]
            if any(map(len, within)):
                samples = distinct(within)
                sealer.merge({key: [samples]})
                count += len(samples)
    store.replace_events(since, until, concerned, rows.events(since, until))
    return count


def keep_sealing(home: Home, wait: Callable[[float], bool], now_ms: Callable[[], int]) -> None:
    """Until `wait`, which is given seconds, says that it is to stop. What fails is tried again, and said once."""
    failing = ""
    with contextlib.closing(_Guest(home.store)) as guest:
        while True:
            try:
                if home.store.exists():
                    # Before anything may fail: on a full disk nobody could come in any more.
                    guest.stay()
                more = _seal_ripe(home, now_ms())
                guest.stay()
                failing = ""
            except (CollectorError, sqlite3.Error, OSError) as problem:
                if failing != str(problem):
                    log.error("nothing can be sealed just now: %s", problem)
                failing, more = str(problem), False
            if wait(_RETRY_S if failing else 0 if more else _LOOK_S):
                return


class _Guest:
    """An idle connection. The last one to leave takes SQLite's log away, and then whoever may not write there cannot read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def stay(self) -> None:
        inode = self._file.stat().st_ino
        if self._db is None or inode != self._inode:
            self.close()
            self._db, self._inode = sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True), inode
            self._db.execute("SELECT schema FROM store").fetchall()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _seal_ripe(home: Home, now_ms: int) -> bool:
    """Seals what has waited long enough, or is enough together; whether there is more to do at once."""
    disk = os.statvfs(home.root)
    if disk.f_bavail * disk.f_frsize < _FLOOR:
        raise StoreError(f"{home.root}: fewer than {_FLOOR // 10**6} MB are free; they are left to the journal")
    with opened(home) as (sealer, _, feed):
        rows = feed.rows(sealer.cursor, _AT_ONCE)
        if len(rows) == _AT_ONCE or (rows and rows[0].arrived_ms <= now_ms - _PATIENCE_MS):
            sealer.take(rows)
        return sealer.tidy() > 0 or len(rows) == _AT_ONCE


def main() -> int:
    """`python -m jinbao_collector.store.sealing DIRECTORY`: until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    home = Home(parser.parse_args().directory)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    os.nice(10)
    keep_sealing(home, hung_up, lambda: time.time_ns() // 1_000_000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
