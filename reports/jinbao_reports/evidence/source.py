"""What a collector's data directory has to offer as evidence, in one snapshot that ends with its newest manifest."""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_agent.keys import VerifyKey
from jinbao_collector import CollectorError
from jinbao_collector.agents import Roster, read_roster
from jinbao_collector.home import Home
from jinbao_collector.ledger import ENROLMENT, REPAIRED, REVOCATION, Ledger, LedgerText
from jinbao_collector.manifest import Manifests
from jinbao_collector.volume import Volume, month_files
from jinbao_reports.evidence.selection import Day
from jinbao_reports.load import Asked


class EvidenceError(CollectorError):
    """No package can be made of this: says what would be right."""

    exit_code = 2


class NoManifest(EvidenceError):
    """No daily manifest reaches so far back, or there is none yet."""


@dataclass(frozen=True)
class Source:
    """Open for reading. `days` are those that have a manifest; what came after the last of them is no evidence yet, and
    `ledger` and `roster` are as that one attests them."""

    home: Home
    volumes: tuple[Volume, ...]
    ledger: tuple[LedgerText, ...]
    roster: Roster
    days: tuple[Day, ...]
    mended: int = 0
    """The first ledger row of a repair that no manifest attests yet; 0 if there is none."""

    @property
    def newest(self) -> Day:
        return self.days[-1]

    @property
    def key(self) -> VerifyKey:
        """The centre's public key. Raises EvidenceError."""
        file = self.home.keys / "collector.pub"
        try:
            return VerifyKey.from_pem(file.read_bytes())
        except (OSError, ValueError) as problem:
            raise EvidenceError(f"{file}: the centre's public key cannot be read: {problem}") from None

    def attested(self) -> dict[str, Any]:
        """Digests of the declared files, as the newest manifest attests them."""
        return self.newest.signed.fields()

    def end_of_newest(self, zone: ZoneInfo) -> int:
        """Up to when the newest manifest can know anything, milliseconds: its day's end, or when it was made."""
        following = datetime.date.fromisoformat(self.newest.after)
        end = datetime.datetime(following.year, following.month, following.day, tzinfo=zone)
        return min(int(end.timestamp() * 1000), int(self.attested()["at"]))

    def flagged(self) -> frozenset[str]:
        """Fingerprints of the enrolled keys that have rows with verdicts."""
        query = "SELECT DISTINCT key FROM batch JOIN sender ON sender.id = sender WHERE verdicts <> '[]'"
        found = frozenset(key for volume in self.volumes for (key,) in volume.db.execute(query))
        return found & self.roster.members.keys()


def own_store(asked: Asked) -> Path:
    """The collector's data directory that a report is to be proven from. Raises EvidenceError."""
    if asked.server is not None:
        raise EvidenceError(f"{asked.server}: a server's copy proves nothing; name the collector's data directory")
    if asked.store is None:
        raise EvidenceError(
            "what samples or intervals of a file say cannot be proven; name a collector's data directory by --store"
        )
    return asked.store


@contextmanager
def opened(directory: Path, zone: ZoneInfo) -> Iterator[Source]:
    """Raises NoManifest, LedgerError, ManifestError or VolumeError."""
    home = Home(directory)
    manifests = Manifests(home.manifests, home.journal, zone)
    days = tuple(Day.of(manifests.read(day)) for day in manifests.days())
    if not days:
        raise NoManifest(f"{home.manifests}: there is no daily manifest yet; `jinbao-collector manifest DAY` makes one")
    attested = days[-1].signed.fields()["ledger"]["position"]
    with Ledger(home.ledger) as ledger:
        ledger.verify()
        texts = ledger.texts()[:attested]
        roster = read_roster(row for row in ledger.rows(ENROLMENT, REVOCATION) if row.position <= attested)
        mended = next((row.position for row in ledger.rows(REPAIRED) if row.position > attested), 0)
    volumes = tuple(Volume(file, writing=False) for file in month_files(home.journal))
    try:
        yield Source(home, volumes, texts, roster, days, mended)
    finally:
        for volume in volumes:
            volume.close()


def as_json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()
