"""Everything that can be checked of a data directory or a backup: every hash, every signature, every link between them."""

import contextlib
import hashlib
import zlib
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path

from jinbao_agent.keys import VerifyKey
from jinbao_agent.wire import Signed, WireError, sha256
from jinbao_collector import CollectorError
from jinbao_collector.agents import Roster, read_roster
from jinbao_collector.home import Home
from jinbao_collector.ledger import ENROLMENT, REVOCATION, Ledger
from jinbao_collector.manifest import Manifests
from jinbao_collector.retention import check_beginning, removed
from jinbao_collector.volume import CLOSED_TAG, Volume, digest_of
from jinbao_collector.volume_file import REPAIR, month_files

Told = Callable[[int, int], None]
"""How many of how many positions are checked."""


def problems(home: Home, public: VerifyKey, told: Told) -> Iterator[str]:
    """What is wrong, each with its file, and what to do where something can be done; nothing if all is well. `public` is the
    centre's key."""
    with contextlib.ExitStack() as opened:
        try:
            ledger = opened.enter_context(Ledger(home.ledger))
            ledger.verify()
            roster = read_roster(ledger.rows(ENROLMENT, REVOCATION))
        except CollectorError as problem:
            yield str(problem)
            return
        yield from _named(lambda: check_beginning(home, ledger))
        yield from _journal(home, roster, public, told)
        yield from _named(lambda: _manifests(home).verify(public, removed(ledger)))
    yield from _documents(home.documents)
    yield from _store(home)


def _named(deed: Callable[[], None]) -> Iterator[str]:
    try:
        deed()
    except CollectorError as problem:
        yield str(problem)


def _manifests(home: Home) -> Manifests:
    # Days are only read, never cut: any time zone will do.
    return Manifests(home.manifests, home.journal, zoneinfo.ZoneInfo("UTC"))


def _journal(home: Home, roster: Roster, public: VerifyKey, told: Told) -> Iterator[str]:
    files, before = month_files(home.journal), None
    for file in files:
        try:
            with contextlib.closing(Volume(file, writing=False)) as volume:
                if before and (volume.prev, volume.first) != before:
                    yield f"{file}: does not follow on the month before it"
                yield from _pages(volume)
                yield from _rows(volume, roster, public, told)
                closed = volume.closed
                before = (closed.hash, volume.last + 1) if closed else None
        except CollectorError as problem:
            yield str(problem)
        if before is None and file != files[-1]:
            yield f"{file}: is not closed although another month follows"


def _pages(volume: Volume) -> Iterator[str]:
    for (found,) in volume.db.execute("PRAGMA integrity_check(1)"):
        if found != "ok":
            yield f"{volume.file}: is damaged: {' '.join(found.split())}; stop the service and run `{REPAIR}`"


def _rows(volume: Volume, roster: Roster, public: VerifyKey, told: Told) -> Iterator[str]:
    expected, last = volume.first, volume.last
    rows = volume.db.execute(
        f"SELECT position, agent, key, hash, {volume.head}, {volume.signature}, {volume.body}"
        " FROM batch JOIN sender ON sender.id = sender ORDER BY position"
    )
    for position, agent, key, hashed, head, signature, body in rows:
        if position != expected:
            yield f"{volume.file}: rows {expected} to {position - 1} are missing"
        expected = position + 1
        signed = Signed(head, signature)
        author = roster.members[key].key if key in roster.members else public if not agent else None
        if bytes.fromhex(sha256(head)) != hashed:
            yield f"{volume.file}: row {position} is not the batch of its hash; stop the service and run `{REPAIR}`"
        elif author is None or not signed.verified_by(author):
            yield f"{volume.file}: row {position} is not signed by {agent or 'the centre'}"
        elif body is not None and not _is_body_of(signed, body):
            yield f"{volume.file}: row {position} has another body than its head names; stop the service and run `{REPAIR}`"
        elif signed.tag == CLOSED_TAG and (problem := _closing(volume, signed, position)):
            yield problem
        told(position, last)


def _is_body_of(signed: Signed, body: bytes) -> bool:
    try:
        return signed.fields().get("body") == sha256(zlib.decompress(body))
    except (zlib.error, WireError):
        return False


def _closing(volume: Volume, signed: Signed, position: int) -> str:
    fields = signed.fields()
    if (fields["first"], fields["last"], fields["prev"]) != (volume.first, position - 1, volume.prev):
        return f"{volume.file}: its closing row is of another file"
    if digest_of(volume.all_hashes(position - 1)) != fields["digest"]:
        return f"{volume.file}: its rows are not those its closing row attests"
    return ""


def _documents(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("[!.]*")):
        if hashlib.sha256(file.read_bytes()).hexdigest() != file.name:
            yield f"{file}: is not the document of its name; put the right one there, it is known by its SHA-256"


def _store(home: Home) -> Iterator[str]:
    if home.store.exists():
        # Numpy is loaded by those alone who have a store.
        from jinbao_collector.store import checked

        yield from checked.problems(home)
