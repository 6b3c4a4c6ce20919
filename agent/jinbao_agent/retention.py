"""What the spool forgets, and when: acknowledged bodies first, then waiting ones; headers outlive them and keep the chain.

Three bounds, from agent.toml: age, bytes, and free space on the disk. SQLite itself watches the latter two, by a page limit:
where the file may not grow, the oldest bodies make room for the newest records.
"""

import logging
import sqlite3

from jinbao_agent.spool import Spool
from jinbao_agent.wire import Signed
from jinbao_config.services import SpoolLimits

log = logging.getLogger(__name__)

_AT_ONCE = 200  # bodies dropped in one transaction: a few hundred kilobytes of the write-ahead log
_OLDEST = "SELECT id, samples FROM body JOIN batch USING (id) WHERE batch.acked = ? AND body.id <= ? ORDER BY body.id LIMIT ?"
_HEADERS = 4  # headers of acknowledged batches stay so many times as long as bodies: a year
_ALL = 2**62
_SPARE_PAGES = 1024  # with these free inside it, a file that takes nothing has met a full disk, not its own limit


def forget_old(spool: Spool, keep_ms: int, now_ms: int, *, clock_trusted: bool) -> None:
    """Drops the bodies of batches older than `keep_ms`.

    A clock nobody disciplines must not declare waiting samples too old: it could be years off. Nor do batches of a boot in
    1970 say themselves how old they are: they go with the next batch after them whose clock was right.
    """
    old = _last_before(spool, "body", now_ms - keep_ms)
    for acked in (True, False) if clock_trusted else (True,):
        while _drop(spool, acked=acked, through=old):
            pass
    very_old = _last_before(spool, "batch", now_ms - _HEADERS * keep_ms)
    while _drop_headers(spool, through=very_old):
        pass


def _last_before(spool: Spool, table: str, before_ms: int) -> int:
    """The place of the last batch that is so old, by a clock that was right; 0 for none. Looks at the oldest ones only."""
    first = spool.db.execute(f"SELECT min(id) FROM {table}").fetchone()[0] or 0
    last = 0
    for place, last_ms, head in spool.db.execute("SELECT id, last_ms, head FROM batch WHERE id >= ? ORDER BY id", (first,)):
        if Signed(head, b"").fields()["clock"].get("sync") == 1:
            if last_ms >= before_ms:
                break
            last = place
    return last


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
    """The file is full: drops the oldest bodies, acknowledged ones before waiting ones, then headers.

    False if that is no help.
    """
    if _pragma(spool, "freelist_count") >= _SPARE_PAGES:
        return False
    return bool(_drop(spool, acked=True) or _drop(spool, acked=False) or _drop_headers(spool, through=_ALL))


def is_full(problem: sqlite3.Error) -> bool:
    return getattr(problem, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL


def _drop(spool: Spool, *, acked: bool, through: int = _ALL) -> int:
    """The oldest bodies of one kind, up to a place in the spool; how many. What the centre never had is counted and told."""
    with spool.transaction():
        rows = spool.db.execute(_OLDEST, (int(acked), through, _AT_ONCE)).fetchall()
        spool.db.executemany("DELETE FROM body WHERE id = ?", [(place,) for place, _ in rows])
        samples = sum(count for _, count in rows)
        if samples and not acked:
            spool.put("dropped", (spool.get("dropped") or 0) + samples)
    if samples and not acked:
        log.error("samples dropped that the centre never had batches=%d samples=%d", len(rows), samples)
    return len(rows)


def _drop_headers(spool: Spool, *, through: int) -> int:
    """The oldest acknowledged headers whose bodies are gone, but never the newest batch; how many."""
    with spool.transaction():
        return spool.db.execute(
            "DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE acked = 1 AND id <= ?"
            " AND id < (SELECT max(id) FROM batch) AND id NOT IN (SELECT id FROM body) ORDER BY id LIMIT ?)",
            (through, _AT_ONCE),
        ).rowcount


def _pragma(spool: Spool, text: str) -> int:
    return int(spool.db.execute(f"PRAGMA {text}").fetchone()[0])
