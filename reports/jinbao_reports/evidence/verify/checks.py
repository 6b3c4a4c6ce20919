"""What can be said of a package without recomputing it: everything but its figures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .chains import LedgerRow, Manifest, Verifies, check_ledger_end, check_ledger_heads, enrolled, read_ledger, read_manifests
from .container import Package
from .days import DayCheck, Found, lost_by_repair
from .late import Judged, check_late
from .said import Broken

Days = Callable[[list[str]], Iterable[Found]]


class Chains(NamedTuple):
    """The package's frame: the centre's raw key, the ledger, the manifests, the days whose rows it holds, its report's span."""

    centre: bytes
    ledger: list[LedgerRow]
    manifests: list[Manifest]
    days: list[str]
    judged: Judged

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.centre).hexdigest()


def read_chains(package: Package, verifies: Verifies | None) -> Chains:
    """Raises Broken."""
    centre = _centre(package)
    ledger = read_ledger(package)
    manifests = read_manifests(package, centre, verifies)
    check_ledger_heads(ledger, manifests)
    days = sorted(name[len("rows/") : -len(".rows")] for name in package.names("rows"))
    known = {manifest.day for manifest in manifests}
    for day in days:
        if day not in known:
            raise Broken("missing", name=f"manifests/{day}.manifest")
    until = package.facts.get("until_day")
    if manifests[-1].day != until:
        raise Broken("tail", day=manifests[-1].day)
    check_ledger_end(ledger, manifests[-1])
    return Chains(centre, ledger, manifests, days, _judged(package))


def check_day(package: Package, chains: Chains, day: str, verifies: Verifies | None, *, every: bool = False) -> Found:
    """Raises Broken."""
    manifest = next(one for one in chains.manifests if one.day == day)
    keys, repairs = enrolled(chains.ledger), lost_by_repair(chains.ledger)
    return DayCheck(manifest, keys, chains.centre, verifies, every, repairs, chains.judged).run(package.rows(day))


def check_disclosed(package: Package, chains: Chains, found: dict[str, Found]) -> int:
    """That no row of the report's period is withheld, nor one that came later and may tell of it, and that its manifests go
    on to the end of what the report judges; how many batches of it have no body. Raises Broken.

    A package of one outage withholds by its nature.
    """
    first, last, end_ms = chains.judged
    newest = chains.manifests[-1]
    if newest.day < last or newest.fields["at"] < end_ms:
        raise Broken("short", day=newest.day, last=last)
    if package.facts.get("asked", {}).get("outage") is not None:
        return 0
    if chains.manifests[0].day > first and chains.manifests[0].positions[0] > 1:
        raise Broken("missing", name=f"manifests/{first}.manifest")
    bare = 0
    for manifest in chains.manifests:
        if first <= manifest.day <= last:
            begin, end = manifest.positions
            day = found.get(manifest.day)
            hidden = end - begin + 1 if day is None else day.hidden
            if hidden:
                raise Broken("withheld", day=manifest.day, count=hidden)
            bare += day.bare if day else 0
    check_late(chains.manifests, chains.judged, {day: one.shown for day, one in found.items()})
    return bare


def _judged(package: Package) -> Judged:
    """The report's own word, for what package.json asks for is nobody's."""
    try:
        return Judged.by(package.json("report.json"))
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise Broken("format", name="report.json", problem=problem) from None


class Later(NamedTuple):
    """A declared file that the manifest of the period's last day does not attest; the first that does is of `day`."""

    name: str
    day: str


def check_declared(package: Package, chains: Chains) -> tuple[Later, ...]:
    """Each declared file is attested by the manifest of the report's last day or by the newest; those that only later ones
    attest. Raises Broken.

    A calendar that no manifest attests may be the one shipped with a version, which only that version knows.
    """
    last = chains.judged.last
    later = [_declared(package, chains.manifests, last, "config/links.toml", "links")]
    try:
        contracts = [str(name) for name in package.facts["asked"]["contracts"]]
    except (KeyError, TypeError) as problem:
        raise Broken("format", name="package.json", problem=repr(problem)) from None
    for name in contracts:
        later.append(_declared(package, chains.manifests, last, name, "contracts"))
    calendar = package.sha256("config/calendar.toml")
    if any(_attests(manifest, "calendar", calendar) for manifest in chains.manifests):
        later.append(_declared(package, chains.manifests, last, "config/calendar.toml", "calendar"))
    return tuple(one for one in later if one is not None)


def _declared(package: Package, manifests: list[Manifest], last: str, name: str, field: str) -> Later | None:
    """Raises Broken."""
    digest = package.sha256(name)
    then = [manifest for manifest in manifests if manifest.day <= last][-1:]
    if any(_attests(manifest, field, digest) for manifest in then):
        return None
    if not _attests(manifests[-1], field, digest):
        raise Broken("declared", name=name, day=manifests[-1].day)
    return Later(name, next(one.day for one in manifests if one.day > last and _attests(one, field, digest)))


def _attests(manifest: Manifest, field: str, digest: str) -> bool:
    said = manifest.fields.get(field)
    return digest in said.values() if isinstance(said, dict) else digest == said


def check_lost(found: Iterable[Found]) -> None:
    """What a repair lost can no longer be proven, which is said last: nobody tampered with it. Raises Broken."""
    if lost := [one for day in found for one in day.lost]:
        raise Broken("lost", rows=", ".join(str(one.position) for one in lost), ledger=lost[0].ledger)


def check_anchors(chains: Chains, sheets: list[str], keys: list[str]) -> str | None:
    """The day up to which what the caller knows from outside holds; None if nothing was given. Raises Broken."""
    through = None
    for sheet in sheets:
        days = [manifest.day for manifest in chains.manifests if manifest.hash == sheet.lower()]
        if not days:
            raise Broken("anchor_sheet", hash=sheet)
        through = max(through or "", days[0])
    if keys:
        if chains.fingerprint not in {key.lower() for key in keys}:
            raise Broken("anchor_key", key=chains.fingerprint)
        through = chains.manifests[-1].day
    return through


def _centre(package: Package) -> bytes:
    text = package.read("keys/centre.txt")
    try:
        key = base64.b64decode(text)
    except ValueError:
        key = b""
    if len(key) != 32 or base64.b64encode(key) + b"\n" != text:
        raise Broken("format", name="keys/centre.txt", problem="not 32 bytes in base64")
    return key
