"""The serving collector put together: which parts there are and what they are given."""

import contextlib
import datetime
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from jinbao_collector import CollectorError
from jinbao_collector.admission import RefusedRing
from jinbao_collector.agents import LiveRoster
from jinbao_collector.authority import Authority, AuthorityError, exposed
from jinbao_collector.configurations import Configurations
from jinbao_collector.door import Door
from jinbao_collector.enrolment import Enrolment
from jinbao_collector.heard import last_heard
from jinbao_collector.home import Home
from jinbao_collector.ingest import Intake
from jinbao_collector.journal import Journal
from jinbao_collector.ledger import DECLARED, Ledger
from jinbao_collector.manifest import Context, Manifests
from jinbao_collector.metrics import Metrics, gauge, of_agents, of_door
from jinbao_collector.peers import Peers
from jinbao_collector.place import DeclaredLinks, Place
from jinbao_collector.replica.lag import Lag, lags, of_lags
from jinbao_collector.retention import check_beginning
from jinbao_collector.stamps import Stamper
from jinbao_collector.unsigned import UnsignedStore
from jinbao_collector.volume import VolumeError

log = logging.getLogger(__name__)

_DISK_FLOOR = 200 * 10**6


class AlreadyServing(CollectorError):
    """Another process serves this data directory."""

    exit_code = 2


class Centre:
    """Everything a serving process holds open. Close it."""

    def __init__(self, place: Place, now_ms: Callable[[], int]) -> None:
        """Raises AlreadyServing, AuthorityError, JournalError, LedgerError, ConfigError or OSError, each saying what to do."""
        self.place, self.now_ms = place, now_ms
        self._making = threading.Lock()
        home = place.home
        self.authority = Authority.load(home.keys)
        if files := exposed(home.keys):
            raise AuthorityError(f"{files[0]}: others may read this secret; run `chmod 600 {files[0]}`")
        with contextlib.ExitStack() as opened:
            self._open(home, opened)
            self._opened = opened.pop_all()

    def _open(self, home: Home, opened: contextlib.ExitStack) -> None:
        """In the order in which one part needs another; closed in the other order."""
        opened.callback(os.close, _hold(home.lock))
        self.ledger = opened.enter_context(Ledger(home.ledger))
        self.ledger.verify()
        check_beginning(home, self.ledger)
        self.roster = LiveRoster(self.ledger)
        self.declare()
        # Read before anybody waits for it: of ten thousand agents that takes a second.
        self.roster()
        self.enrolment = Enrolment(self.ledger, self.authority)
        self.peers = Peers(self.roster, self.authority, self.now_ms)
        self.configurations = Configurations(self.ledger, home.documents, self.roster, self.authority.signing, self.now_ms)
        self.manifests = Manifests(home.manifests, home.journal, self.place.zone)
        self.stamper = Stamper(home, self.place.config.tsa, self.place.file.parent)
        self.metrics = Metrics()
        self.ring = RefusedRing(home.refused)
        opened.callback(self.ring.close)
        self.journal = Journal(home.journal, self.authority.signing, self.roster, self.place.zone)
        opened.callback(self.journal.close)
        self.intake = Intake(
            self.journal,
            self.roster,
            self.authority.signing,
            self.place.config.refuse,
            self.ring,
            self.metrics,
            self.manifests.latest_hash,
            last_heard(home.journal),
            self.now_ms,
            self.peers.digest,
            self.configurations.version,
        )
        opened.callback(self.intake.close)
        unsigned = UnsignedStore(home.unsigned)
        opened.callback(unsigned.close)
        self.door = Door(self.ledger, unsigned, DeclaredLinks(self.place), self.place.config.refuse, self._free)
        self.metrics.watch(self._gauges)

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> "Centre":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def declare(self) -> None:
        """A ledger row of the declared files' digests and the code's version, if they are not those of the last row."""
        facts = {**self.place.declared(), "version": version("jinbao-uptime")}
        rows = self.ledger.rows(DECLARED)
        if not rows or rows[-1].facts != facts:
            self.ledger.append(DECLARED, facts, self.now_ms())

    def make_due_manifests(self) -> None:
        """And stamps the newest. Raises ConfigError, LedgerError, ManifestError or OSError; the days stay due."""
        with self._making:
            now = self.now_ms()
            if self.manifests.due(now):
                self.manifests.make_due(now, context_of(self.place, self.ledger, self.roster), self.authority.signing)
            if days := self.manifests.days():
                self.stamper.stamp(days[-1], self.manifests.read(days[-1]))

    def day(self, at_ms: int) -> str:
        """The local day, as its manifest is named."""
        return datetime.datetime.fromtimestamp(at_ms / 1000, self.place.zone).date().isoformat()

    def troubles(self) -> list[str]:
        """Why it cannot take in batches just now; empty when it can."""
        found = [self.journal.failure] if self.journal.failure else []
        if not self.intake.alive:
            found.append("the thread that takes in batches has stopped")
        if (free := self._free()) < _DISK_FLOOR:
            found.append(f"{self.place.home.root}: {free // 10**6} MB free, fewer than {_DISK_FLOOR // 10**6} MB")
        return found

    def lags(self) -> list[Lag]:
        """How far behind the followers are. That they are is no trouble: agents are served, and it can be made up for."""
        try:
            return lags(self.place, self.now_ms())
        except VolumeError as problem:
            log.error("how far the followers are cannot be told: %s", problem)
            return []

    def _free(self) -> int:
        disk = os.statvfs(self.place.home.root)
        return disk.f_bavail * disk.f_frsize

    def _gauges(self) -> Iterator[Metric]:
        yield gauge("jinbao_journal_position", "Last position of the journal", self.journal.position)
        yield from of_lags(self.lags())
        yield of_door(self.door.counts)
        yield gauge("jinbao_ledger_position", "Last position of the ledger", self.ledger.head[0])
        yield gauge("jinbao_disk_free_bytes", "Free space where the journal lies", self._free())
        yield gauge("jinbao_ready", "1 if batches can be taken in", float(not self.troubles()))
        if self.journal.committed_ms is not None:
            age = (self.now_ms() - self.journal.committed_ms) / 1000
            yield gauge("jinbao_journal_commit_age_seconds", "Since the journal's last commit", age)
        yield from of_agents(self.roster(), self.intake.heard, self.now_ms())


def context_of(place: Place, ledger: Ledger, roster: Callable[[], Any]) -> Context:
    """What a manifest made now attests beside the journal."""
    return Context(ledger.head, roster().digest, place.declared(), version("jinbao-uptime"))


def create(place: Place, now_ms: int) -> Authority:
    """Keys, empty ledger and journal. Raises AuthorityError, LedgerError or JournalError if any of them is there already."""
    home, zone = place.home, place.zone
    if home.ledger.exists() or home.journal.exists():
        raise AuthorityError(f"{home.root}: holds a ledger or a journal already; init never overwrites them")
    home.root.mkdir(parents=True, exist_ok=True)
    authority = Authority.create(home.keys, now_ms)
    authority.server_files(place.config.names, now_ms)
    for directory in (home.documents, home.manifests):
        directory.mkdir(exist_ok=True)
    Ledger.create(home.ledger).close()
    Journal.create(home.journal, zone, now_ms)
    return authority


@contextlib.contextmanager
def serving_held(home: Home) -> Iterator[None]:
    """Nobody serves this directory meanwhile. Raises AlreadyServing."""
    handle = _hold(home.lock)
    try:
        yield
    finally:
        os.close(handle)


def _hold(file: Path) -> int:
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise AlreadyServing(f"{file}: another process serves this data directory") from None
    return handle
