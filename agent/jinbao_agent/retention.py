"""What the spool forgets, and when: acknowledged bodies first, then waiting ones; headers outlive them and keep the chain.

Three bounds, from agent.toml: age, bytes, and free space on the disk. SQLite itself watches the latter two, by a page limit:
where the file may not grow, the oldest bodies make room for the newest records.
"""

import logging
import sqlite3

from jinbao_agent.spool import Spool
from jinbao_config.services import SpoolLimits

log = logging.getLogger(__name__)

_AT_ONCE = 200  # bodies dropped in one transaction: a few hundred kilobytes of the write-ahead log
_OLDEST = (
    "SELECT id, samples FROM body JOIN batch USING (id) WHERE batch.acked = ? AND batch.last_ms < ? ORDER BY body.id LIMIT ?"
)
_NEVER_MS = 2**62
_SPARE_PAGES = 1024  # with these free inside it, a file that takes nothing has met a full disk, not its own limit


def forget_old(spool: Spool, keep_ms: int, now_ms: int, *, clock_trusted: bool) -> None:
    """Drops the bodies of batches older than `keep_ms`.

    A clock nobody disciplines must not declare waiting samples too old: it could be years off.
    """
    for acked in (True, False) if clock_trusted else (True,):
        while _drop(spool, acked=acked, before_ms=now_ms - keep_ms):
            pass


def keep_within(spool: Spool, limits: SpoolLimits, free: int) -> None:
    """Sets how far the file may grow, and below the floor gives space back that only acknowledged bodies took.

    `free` is what the disk has left, bytes. Waiting bodies do not make room for what others put on the disk.
    """
    page = _pragma(spool, "page_size")
    shortage = limits.floor - free
    while shortage > _pragma(spool, "freelist_count") * page and _drop(spool, acked=True):
        pass
    if shortage > 0:
        # As a script: execute() steps a statement without columns once, and each step gives back one page.
        spool.db.executescript(f"PRAGMA incremental_vacuum({shortage // page + 1})")
    may_be = min(limits.max, _pragma(spool, "page_count") * page + max(0, -shortage))
    # Where the file is larger than that already, SQLite takes its present size: it then lives off its own free pages.
    _pragma(spool, f"max_page_count = {may_be // page}")


def make_room(spool: Spool) -> bool:
    """The file is full: drops the oldest bodies, acknowledged ones before waiting ones. False if that is no help."""
    if _pragma(spool, "freelist_count") >= _SPARE_PAGES:
        return False
    return bool(_drop(spool, acked=True) or _drop(spool, acked=False))


def is_full(problem: sqlite3.Error) -> bool:
    return getattr(problem, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL


def _drop(spool: Spool, *, acked: bool, before_ms: int = _NEVER_MS) -> int:
    """The oldest bodies of one kind; how many. Samples the centre never had are counted and told."""
    with spool.transaction():
        rows = spool.db.execute(_OLDEST, (int(acked), before_ms, _AT_ONCE)).fetchall()
        spool.db.executemany("DELETE FROM body WHERE id = ?", [(place,) for place, _ in rows])
        samples = sum(count for _, count in rows)
        if samples and not acked:
            spool.put("dropped", (spool.get("dropped") or 0) + samples)
    if samples and not acked:
        log.error("samples dropped that the centre never had batches=%d samples=%d", len(rows), samples)
    return len(rows)


def _pragma(spool: Spool, text: str) -> int:
    return int(spool.db.execute(f"PRAGMA {text}").fetchone()[0])
