"""What can be said of a package without recomputing it: everything but its figures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from .chains import LedgerRow, Manifest, Verifies, check_ledger_heads, enrolled, read_ledger, read_manifests
from .container import Package
from .days import DayCheck, Found, lost_by_repair
from .said import Broken

Days = Callable[[list[str]], Iterable[Found]]


class Chains(NamedTuple):
    """The package's frame: the centre's raw key, the ledger, the manifests, the days whose rows it holds."""

    centre: bytes
    ledger: list[LedgerRow]
    manifests: list[Manifest]
    days: list[str]

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
    return Chains(centre, ledger, manifests, days)


def check_day(package: Package, chains: Chains, day: str, verifies: Verifies | None, *, every: bool = False) -> Found:
    """Raises Broken."""
    manifest = next(one for one in chains.manifests if one.day == day)
    check = DayCheck(manifest, enrolled(chains.ledger), chains.centre, verifies, every, lost_by_repair(chains.ledger))
    return check.run(package.rows(day))


def check_disclosed(package: Package, chains: Chains, found: dict[str, Found]) -> int:
    """That no row of the report's period is withheld; how many batches of it have no body. Raises Broken.

    A package of one outage withholds by its nature.
    """
    if package.facts.get("asked", {}).get("outage") is not None:
        return 0
    first, last = _period(package)
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
    return bare


def _period(package: Package) -> tuple[str, str]:
    """The first and the last day that the report judges."""
    report = package.json("report.json")
    try:
        begin, end = (datetime.fromisoformat(report["period"][edge]) for edge in ("from", "to"))
        if report["as_of"] is not None:
            end = min(end, datetime.fromisoformat(report["as_of"]).astimezone(end.tzinfo))
        return str(begin.date()), str((end - timedelta(milliseconds=1)).date())
    except (KeyError, TypeError, ValueError) as problem:
        raise Broken("format", name="report.json", problem=problem) from None


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
