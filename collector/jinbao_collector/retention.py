"""Months that are old enough are removed, oldest first, never one between others; the ledger says which, and their hashes."""

import datetime
import zoneinfo
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from jinbao_agent.wire import GENESIS
from jinbao_collector import CollectorError
from jinbao_collector.home import Home
from jinbao_collector.ledger import REMOVAL, Ledger
from jinbao_collector.volume import Volume
from jinbao_collector.volume_file import month_files


class Incomplete(CollectorError):
    """The journal's first months are missing, and nobody removed them."""


@dataclass(frozen=True, slots=True)
class Month:
    """A closed month's file. `newest_ms`: no sample in it is younger."""

    file: Path
    first: int
    last: int
    hash: str
    digest: str
    newest_ms: int

    def facts(self) -> dict[str, object]:
        return {
            "month": self.file.stem,
            "first": self.first,
            "last": self.last,
            "hash": self.hash,
            "digest": self.digest,
            "newest_ms": self.newest_ms,
        }


def removable(home: Home, months: int, now_ms: int, zone: zoneinfo.ZoneInfo) -> list[Month]:
    """The oldest files, as far as all their samples are older than so many months. Whoever follows may not have them yet."""
    end = _months_before(now_ms, months, zone)
    found = []
    for month in _closed(home.journal):
        if month.newest_ms >= end:
            break
        found.append(month)
    return found


def remove(month: Month, ledger: Ledger, now_ms: int) -> None:
    """Entered first: whoever is killed in between finds it in the ledger and goes on. Raises LedgerError or OSError."""
    if month.hash not in removed(ledger):
        ledger.append(REMOVAL, month.facts(), now_ms)
    for suffix in ("", "-wal", "-shm"):
        month.file.with_name(month.file.name + suffix).unlink(missing_ok=True)


def removed(ledger: Ledger) -> dict[str, int]:
    """Hash of the closing row -> its position, of the months that were removed."""
    return {row.facts["hash"]: row.facts["last"] for row in ledger.rows(REMOVAL)}


def check_beginning(home: Home, ledger: Ledger) -> None:
    """Raises Incomplete unless the first file is the first of all, or follows on one that was removed by intent."""
    for file in month_files(home.journal)[:1]:
        with closing(Volume(file, writing=False)) as volume:
            if volume.prev != GENESIS and volume.prev not in removed(ledger):
                raise Incomplete(
                    f"{file}: is not the journal's first month, and the ledger knows of none that was removed before it;"
                    " restore the files that are missing"
                )


def _closed(directory: Path) -> Iterator[Month]:
    for file in month_files(directory):
        with closing(Volume(file, writing=False)) as volume:
            if (closing_row := volume.closed) is None:
                return
            fields = closing_row.fields()
            (arrived,) = volume.db.execute("SELECT max(arrived_ms) FROM batch WHERE position < ?", (volume.last,)).fetchone()
            # Nothing is measured after it arrived, whatever a wrong clock says. A month without any batch has nothing to keep.
            newest = 0 if arrived is None or fields["newest_ms"] is None else min(fields["newest_ms"], arrived)
            yield Month(file, volume.first, volume.last, closing_row.hash, fields["digest"], newest)


def _months_before(now_ms: int, months: int, zone: zoneinfo.ZoneInfo) -> int:
    """The local midnight that begins the month which was so many months ago, milliseconds."""
    now = datetime.datetime.fromtimestamp(now_ms / 1000, zone)
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return int(datetime.datetime(year, month + 1, 1, tzinfo=zone).timestamp()) * 1000
