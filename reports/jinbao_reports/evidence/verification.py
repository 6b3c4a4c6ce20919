"""Everything that can be said of a package: the checks of `verify/`, time stamps, and every figure computed again."""

import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

from jinbao_agent.wire import Signed, WireError, sha256
from jinbao_collector import CollectorError, stamps
from jinbao_collector.ledger import DEMONSTRATION, LedgerText
from jinbao_config.shape import ConfigError
from jinbao_reports.evidence.package import accompanying
from jinbao_reports.evidence.rebuild import Rebuilt
from jinbao_reports.evidence.report import Json, report_of
from jinbao_reports.evidence.source import as_json
from jinbao_reports.evidence.verify.chains import Verifies
from jinbao_reports.evidence.verify.checks import (
    Chains,
    Later,
    check_anchors,
    check_day,
    check_declared,
    check_disclosed,
    check_lost,
    read_chains,
)
from jinbao_reports.evidence.verify.container import Package
from jinbao_reports.evidence.verify.days import Found
from jinbao_reports.evidence.verify.said import Broken
from jinbao_reports.evidence.verify.signatures import by_library
from jinbao_reports.legal_days import shipped
from jinbao_reports.load import Asked, gather
from jinbao_reports.source import BadInput

VERIFIED, PARTLY, UNANCHORED = "verified", "anchored_in_part", "unanchored"
OTHER_VERSION, BODIES_MISSING, DECLARED_LATER = "other_version", "bodies_missing", "declared_later"
Told = Callable[[str, int, int], None]
_WORTH_A_PROCESS = 8
"""Days; fewer are checked sooner than another Python has started."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the caller has from outside the package: hashes of signed sheets, fingerprints, a TSA's certificates."""

    sheets: Sequence[str] = ()
    keys: Sequence[str] = ()
    tsa_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """`through`: the day up to which something from outside speaks for it; `until`: its last manifest's. `bare`: batches of the
    period without body. `partial`: only what was chosen to prove one outage. `later`: declared after the period."""

    outcome: str
    through: str | None
    until: str
    version: str
    days: int
    found: Found
    report: str
    size: int
    bare: int
    partial: bool
    demonstration: bool
    stamped: Mapping[str, int] = field(default_factory=dict)
    later: tuple[Later, ...] = ()


def verify_package(
    file: Path,
    known: Known,
    *,
    every: bool = False,
    recompute: bool = True,
    workers: int = 1,
    told: Told = lambda what, done, whole: None,
) -> Verified:
    """Raises Broken at the first thing that is not as it was, or OSError."""
    told("bytes", 0, 1)
    package = Package(file)
    chains = read_chains(package, by_library)
    through = check_anchors(chains, list(known.sheets), list(known.keys))
    stamped = _check_tokens(package, chains, known)
    through = max(filter(None, (through, *stamped)), default=None)
    days = dict(zip(chains.days, _days(package, chains, every, workers, told), strict=True))
    bare, found = check_disclosed(package, chains, days), _total(list(days.values()))
    version = str(package.facts.get("made_by", {}).get("version"))
    ours = version == metadata.version("jinbao-uptime")
    try:
        later = _check_declared(package, chains)
        if ours:
            _check_accompanying(package, chains)
        if ours and recompute:
            _check_figures(package, chains, found.flagged, told)
    except (ConfigError, BadInput, CollectorError, WireError, KeyError, TypeError, ValueError) as problem:
        # The package's own words, which whoever made it could choose.
        raise Broken("format", name="package.json", problem=repr(problem)) from problem
    check_lost([found])
    until, report = chains.manifests[-1].day, package.sha256("report.json")
    outcome = UNANCHORED if through is None else VERIFIED if through == until else PARTLY
    outcome = OTHER_VERSION if not ours else BODIES_MISSING if bare else DECLARED_LATER if later else outcome
    partial, demonstration = package.facts["asked"].get("outage") is not None, _is_demonstration(chains)
    return Verified(
        outcome, through, until, version, len(days), found, report, package.size, bare, partial, demonstration, stamped, later
    )


def _check_tokens(package: Package, chains: Chains, known: Known) -> dict[str, int]:
    """Day -> when its manifest was time-stamped, milliseconds, by a TSA whose certificates the caller knows."""
    if known.tsa_ca is None:
        return {}
    found = {}
    for manifest in chains.manifests:
        name = f"tokens/{manifest.day}.tsr"
        if name in package.names("tokens"):
            try:
                found[manifest.day] = stamps.check(package.read(name), manifest.hash, known.tsa_ca)
            except stamps.StampError as problem:
                raise Broken("token", day=manifest.day, problem=problem) from None
    return found


def _check_declared(package: Package, chains: Chains) -> tuple[Later, ...]:
    """Those that were declared after the period. The calendar may also be the one shipped with this version. Raises Broken."""
    calendar = package.sha256("config/calendar.toml")
    later = check_declared(package, chains)
    if calendar == shipped().sha256:
        return tuple(one for one in later if one.name != "config/calendar.toml")
    if not any(calendar == one.fields.get("calendar") for one in chains.manifests):
        raise Broken("calendar", sha256=calendar)
    return later


def _is_demonstration(chains: Chains) -> bool:
    return any(row.kind == DEMONSTRATION for row in chains.ledger)


def _check_accompanying(package: Package, chains: Chains) -> None:
    """Nobody attests the page and the program in a package, so they are compared with our own."""
    last = chains.manifests[-1]
    own = accompanying(chains.fingerprint, last.day, last.hash, demonstration=_is_demonstration(chains))
    for name in sorted({*own, *package.names("verify")}):
        if name not in own or package.sha256(name) != sha256(own[name]):
            raise Broken("unlike", name=name)
    if as_json(package.facts) != package.read("package.json"):
        raise Broken("unlike", name="package.json")


@dataclass(frozen=True)
class _DayTask:
    """One day's check, in whatever process it is done."""

    package: Package
    chains: Chains
    verifies: Verifies
    every: bool

    def __call__(self, day: str) -> Found:
        return check_day(self.package, self.chains, day, self.verifies, every=self.every)


def _days(package: Package, chains: Chains, every: bool, workers: int, told: Told) -> Iterator[Found]:
    task = _DayTask(package, chains, by_library, every)
    if workers == 1 or len(chains.days) < _WORTH_A_PROCESS:
        for number, day in enumerate(chains.days):
            told("rows", number, len(chains.days))
            yield task(day)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for number, found in enumerate(pool.map(task, chains.days)):
            told("rows", number, len(chains.days))
            yield found


def _total(found: Sequence[Found]) -> Found:
    flagged = tuple(sorted({key for one in found for key in one.flagged}))
    *counts, _, lost, _ = zip(*found, strict=True) if found else [()] * len(Found._fields)
    rows, whole, bare, hidden, signatures = map(sum, counts)
    return Found(rows, whole, bare, hidden, signatures, flagged, tuple(chain.from_iterable(lost)), {})


def _check_figures(package: Package, chains: Chains, flagged: Sequence[str], told: Told) -> None:
    """Judges the rows anew and compares byte by byte. Raises Broken naming the first figure that differs."""
    with tempfile.TemporaryDirectory(prefix="jinbao-verify-") as folder:
        root = Path(folder)
        for name in package.names("config"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(package.read(name))
        ledger = [LedgerText(*row) for row in chains.ledger]
        manifests = [Signed(one.head, one.signature) for one in chains.manifests]
        with Rebuilt(root / "data", ledger, manifests, flagged) as rebuilt:
            for number, day in enumerate(chains.days):
                told("seal", number, len(chains.days))
                rebuilt.take(package.rows(day))
            rebuilt.finish()
        told("judge", 0, 1)
        again = gather(_asked(package, root)).answer().statement()
    _compare(package, report_of(again, package.facts["asked"]["outage"], package.facts["issue"]))


def _asked(package: Package, root: Path) -> Asked:
    asked = package.facts["asked"]
    for name in filter(None, (*asked["contracts"], asked["indicators"])):
        package.sha256(name)  # a member, not some file of the reader's
    return Asked(
        links=root / "config/links.toml",
        contracts=[root / name for name in asked["contracts"]],
        period=asked["period"],
        store=root / "data",
        as_of=asked["as_of"],
        profile=asked["profile"],
        calendar=root / "config/calendar.toml",
        indicators=root / asked["indicators"] if asked["indicators"] else None,
    )


def _compare(package: Package, again: Json) -> None:
    said = package.read("report.json")
    if said == as_json(again):
        return
    where = next(differences(json.loads(said), json.loads(as_json(again))), ("report.json", "…", "…"))
    raise Broken("figures", place=where[0], said=where[1], found=where[2])


def differences(one: Any, two: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Place, and what each says, of every value in which two JSON values differ."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted({*one, *two}):
            yield from differences(one.get(key), two.get(key), f"{place}.{key}" if place else key)
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for index, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from differences(left, right, f"{place}[{index}]")
    elif one != two:
        yield place, one, two
