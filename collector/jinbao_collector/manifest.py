"""Daily manifests: the centre signs what it had, in the order it came, chained from day to day. Format: docs/wire.md."""

import datetime
import logging
import threading
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.wire import GENESIS, Signed, WireError
from jinbao_collector import CollectorError
from jinbao_collector.home import write_durably
from jinbao_collector.volume import Volume, digest_of, month_files

log = logging.getLogger(__name__)

MANIFEST_TAG = "jinbao-manifest/1"


class ManifestError(CollectorError):
    """A manifest cannot be made."""

    exit_code = 2


class ManifestBroken(ManifestError):
    """A manifest, or what it attests, is not as it was."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Context:
    """What a manifest attests beside the journal: ledger head, roster digest, digests of the declared files, code version."""

    ledger: tuple[int, str]
    roster: str
    declared: Mapping[str, Any]
    version: str


class Manifests:
    """The directory of manifests, a file a day. Any process may make the next one; none is ever replaced."""

    def __init__(self, directory: Path, journal: Path, zone: zoneinfo.ZoneInfo) -> None:
        self._directory, self._journal, self._zone = directory, journal, zone
        self._lock = threading.Lock()
        self._latest: tuple[int, str] = (-1, "")

    def days(self) -> list[str]:
        return sorted(file.stem for file in self._directory.glob("*.manifest"))

    def read(self, day: str) -> Signed:
        """Raises ManifestBroken."""
        file = self._directory / f"{day}.manifest"
        try:
            return Signed.from_lines(file.read_bytes())
        except (OSError, WireError) as problem:
            raise ManifestBroken(f"{file}: cannot be read: {problem}") from None

    def latest_hash(self) -> str:
        """Of the latest day; "" if there is none yet or it cannot be read: acks must go out all the same.

        Cheap: the directory is looked into only when it changed.
        """
        changed = self._directory.stat().st_mtime_ns
        with self._lock:
            if self._latest[0] != changed:
                self._latest = changed, self._read_latest()
            return self._latest[1]

    def _read_latest(self) -> str:
        days = self.days()
        try:
            return self.read(days[-1]).hash if days else ""
        except ManifestBroken as problem:
            log.error("the latest manifest is broken: %s", problem)
            return ""

    def due(self, now_ms: int) -> list[datetime.date]:
        """The local days that have ended and have no manifest yet, from the first one with a batch."""
        days = self.days()
        if days:
            first = datetime.date.fromisoformat(days[-1]) + datetime.timedelta(days=1)
        else:
            begun = self._first_arrival()
            if begun is None:
                return []
            first = self._day_of(begun)
        today = self._day_of(now_ms)
        return [first + datetime.timedelta(days=n) for n in range((today - first).days)]

    def make_due(self, now_ms: int, context: Context, key: SigningKey) -> list[Signed]:
        return [self._make(day, now_ms, context, key) for day in self.due(now_ms)]

    def make(self, day: datetime.date, now_ms: int, context: Context, key: SigningKey) -> Signed:
        """The manifest of a day: as it stands, or made now, after those still due before it.

        Of a day that has not ended it covers what has come so far; the rest falls to the next day's. Raises ManifestError.
        """
        if day.isoformat() in self.days():
            return self.read(day.isoformat())
        if day > self._day_of(now_ms):
            raise ManifestError(f"{day}: lies in the future")
        if (days := self.days()) and day.isoformat() < days[-1]:
            raise ManifestError(f"{day}: has no manifest, and {days[-1]} has one already; the first is of {days[0]}")
        for earlier in self.due(now_ms):
            if earlier < day:
                self._make(earlier, now_ms, context, key)
        return self._make(day, now_ms, context, key)

    def verify(self, key: VerifyKey, removed: Mapping[str, int] = MappingProxyType({})) -> None:
        """Signatures, the chain of days and the journal rows they cover; of `removed` months (hash of the closing row -> its
        position) only that row is known.

        Raises ManifestBroken naming the first break, or VolumeError.
        """
        before, next_position, gone_to = GENESIS, 1, max(removed.values(), default=0)
        gone = [(position, hashed) for hashed, position in removed.items() if position == gone_to]
        for day in self.days():
            signed = self.read(day)
            if not signed.verified_by(key) or signed.tag != MANIFEST_TAG or signed.fields()["day"] != day:
                raise ManifestBroken(f"{day}: is not a manifest signed by the centre")
            fields = signed.fields()
            first, last = fields["positions"]
            if fields["prev"] != before or first != next_position:
                raise ManifestBroken(f"{day}: does not follow on the manifest before it")
            rows = [*(gone if first == gone_to <= last else ()), *self._hashes(first, last)]
            if first >= gone_to and digest_of(rows) != fields["digest"]:
                raise ManifestBroken(f"{day}: the journal's rows {first} to {last} are not those it attests")
            if altered := [position for volume in self._volumes() for position in volume.altered(first, last)]:
                raise ManifestBroken(f"{day}: the journal's row {altered[0]} is not the batch it attests")
            before, next_position = signed.hash, last + 1

    def _make(self, day: datetime.date, now_ms: int, context: Context, key: SigningKey) -> Signed:
        days = self.days()
        before = self.read(days[-1]) if days else None
        first = before.fields()["positions"][1] + 1 if before else 1
        last = self._last_before(self._end_of(day), first)
        fields = {
            "day": day.isoformat(),
            "positions": [first, last],
            "digest": digest_of(self._hashes(first, last)),
            "chains": self._chains(first, last),
            "ledger": {"position": context.ledger[0], "hash": context.ledger[1]},
            "roster": context.roster,
            **context.declared,
            "version": context.version,
            "prev": before.hash if before else GENESIS,
            "at": now_ms,
        }
        signed = Signed.make(MANIFEST_TAG, fields, key)
        try:
            write_durably(self._directory / f"{day}.manifest", signed.to_lines())
        except FileExistsError:
            # Another process was faster; its manifest stands.
            return self.read(day.isoformat())
        return signed

    def _hashes(self, first: int, last: int) -> list[tuple[int, str]]:
        return [row for volume in self._volumes() for row in volume.hashes(first, last)]

    def _chains(self, first: int, last: int) -> list[dict[str, Any]]:
        """Per chain what came in these positions: first and last number, how many, and the last one's hash."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for volume in self._volumes():
            for agent, chain, number, hashed in volume.numbers(first, last):
                one = found.setdefault((agent, chain), {"first": number, "last": number, "count": 0, "hash": hashed})
                one["count"] += 1
                one["first"] = min(one["first"], number)
                if number > one["last"]:
                    one["last"], one["hash"] = number, hashed
        return [{"agent": agent, "chain": chain, **found[agent, chain]} for agent, chain in sorted(found)]

    def _last_before(self, end_ms: int, first: int) -> int:
        return max([first - 1, *(volume.last_arrived_before(end_ms) or 0 for volume in self._volumes())])

    def _first_arrival(self) -> int | None:
        for volume in self._volumes():
            row = volume.db.execute("SELECT arrived_ms FROM batch ORDER BY position LIMIT 1").fetchone()
            if row:
                return int(row[0])
        return None

    def _volumes(self) -> Iterator[Volume]:
        """Each month's file, open while it is looked at."""
        for file in month_files(self._journal):
            volume = Volume(file, writing=False)
            try:
                yield volume
            finally:
                volume.close()

    def _day_of(self, at_ms: int) -> datetime.date:
        return datetime.datetime.fromtimestamp(at_ms / 1000, self._zone).date()

    def _end_of(self, day: datetime.date) -> int:
        following = day + datetime.timedelta(days=1)
        return int(datetime.datetime(following.year, following.month, following.day, tzinfo=self._zone).timestamp() * 1000)
