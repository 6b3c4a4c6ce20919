"""`store.db` as such: its tables, its version, and what may be wrong with it. Format: docs/store.md.

All of it is derived and can be made again from the journal, so a file of another version is never migrated: it is sealed anew.
"""

import datetime
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jinbao_agent.wire import GENESIS
from jinbao_collector.agents import Roster
from jinbao_collector.store import SeriesKey, StoreError
from jinbao_collector.store.blob import Damaged

SCHEMA = 1
HOUR_US = 3_600_000_000
HOURS = 24
REBUILD = "jinbao-collector seal --rebuild"

TABLES = f"""
CREATE TABLE store (
    schema INTEGER NOT NULL, cursor INTEGER NOT NULL, hash TEXT NOT NULL, digest TEXT NOT NULL, arrived_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE series (
    id INTEGER PRIMARY KEY, link TEXT NOT NULL, vantage TEXT NOT NULL, target TEXT NOT NULL, UNIQUE (link, vantage, target)
) STRICT;
CREATE TABLE segment (
    series INTEGER NOT NULL REFERENCES series, begin INTEGER NOT NULL, hours INTEGER NOT NULL, samples INTEGER NOT NULL,
    head BLOB NOT NULL, PRIMARY KEY (series, begin)
) STRICT, WITHOUT ROWID;
CREATE INDEX segment_hourly ON segment (begin) WHERE hours = 1;
CREATE TABLE detail (
    series INTEGER NOT NULL, begin INTEGER NOT NULL, late BLOB NOT NULL, drift BLOB NOT NULL, rtt BLOB NOT NULL,
    PRIMARY KEY (series, begin)
) STRICT;
CREATE TABLE event (at_us INTEGER NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (at_us, facts)) STRICT, WITHOUT ROWID;
INSERT INTO store VALUES ({SCHEMA}, 0, '', '{GENESIS}', 0);
"""


class StoreUnreadable(StoreError):
    """The file is damaged, or its disk."""

    def __init__(self, file: Path, problem: object) -> None:
        super().__init__(f"{file}: cannot be read: {problem}; it is made again from the journal by `{REBUILD}`")


class StoreOutdated(StoreError):
    """The file was written by another version."""

    def __init__(self, file: Path, schema: int) -> None:
        super().__init__(f"{file}: has schema {schema}, this version knows {SCHEMA}; make it again by `{REBUILD}`")


class StoreForeign(StoreError):
    """The file was sealed from another journal, such as one that was restored since."""

    def __init__(self, file: Path, cursor: int) -> None:
        super().__init__(
            f"{file}: row {cursor} of this journal is not the one it was sealed from; make it again by `{REBUILD}`"
        )


def damage(file: Path, key: SeriesKey, problem: Damaged, roster: Roster) -> StoreError:
    """A segment is damaged: which one, and the command that makes it again."""
    link, vantage, target = key
    agents = sorted({one.agent for one in roster.members.values() if one.vantage == vantage and one.speaks_for(link)})
    try:
        day = str(datetime.date(1970, 1, 1) + datetime.timedelta(days=(problem.begin or 0) // HOURS))
    except OverflowError:
        # A clock that was far off: no calendar has this day, so it can only be made again with all the others.
        day, agents = f"hour {problem.begin}", []
    command = f"{REBUILD} --day {day} --agent {agents[0]}" if agents else REBUILD
    return StoreError(f"{file}: the segment of {link} {vantage} {target} of {day} is damaged: {problem}; run `{command}`")


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """What SQLite complains of without saying of which file."""
    try:
        yield
    except sqlite3.Error as problem:
        raise StoreUnreadable(file, problem) from problem


def cursor_of(db: sqlite3.Connection, file: Path) -> tuple[int, str, str]:
    """The cursor, the hash of its row, and the digest there. Raises StoreUnreadable or StoreOutdated."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "store" not in tables:
        raise StoreUnreadable(file, "it is no store")
    schema = db.execute("SELECT schema FROM store").fetchone()
    if schema != (SCHEMA,):
        raise StoreOutdated(file, schema[0] if schema else 0)
    cursor, hashed, digest = db.execute("SELECT cursor, hash, digest FROM store").fetchone()
    return cursor, hashed, digest
