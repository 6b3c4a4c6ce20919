"""Issued reports: frozen, numbered, kept with their evidence; one that must be corrected is superseded, never changed.

The ledger has a row for each, so the daily manifests attest what was said when. Files: `issued/NUMBER/` of the data directory.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinbao_agent.wire import sha256
from jinbao_collector.home import Home, sync_directory
from jinbao_collector.ledger import ISSUED, Ledger, Row
from jinbao_reports.comparison import differing_figures, differing_outages
from jinbao_reports.evidence.package import Order, Told, make_package
from jinbao_reports.evidence.source import EvidenceError, as_json, own_store
from jinbao_reports.load import Asked
from jinbao_reports.source import digest

REPORT, PACKAGE, CHANGES = "report.json", "evidence.zip", "changes.json"
SCHEMA_CHANGES = "jinbao.changes/1"
Json = dict[str, Any]


class ReportAltered(EvidenceError):
    """A frozen file is not the one that was issued."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Issued:
    """One issued report. `superseded_by` is 0 while it stands; `report` and `package` are SHA-256."""

    number: int
    period: str
    at_ms: int
    by: str
    report: str
    package: str
    amends: int
    reason: str
    superseded_by: int
    folder: Path

    def read(self, name: str) -> Json:
        """`report.json`, or `changes.json` of an amendment. Raises ReportAltered, EvidenceError."""
        self.check()
        try:
            found: Json = json.loads((self.folder / name).read_bytes())
        except OSError:
            raise EvidenceError(f"report {self.number} has no {name}: only amendments list changes") from None
        return found

    def check(self) -> None:
        """Raises ReportAltered unless report and package are those that were issued, BadInput if one is gone."""
        for name, expected in ((REPORT, self.report), (PACKAGE, self.package)):
            if digest(self.folder / name) != expected:
                raise ReportAltered(f"{self.folder / name}: is not the one that was issued as number {self.number}")

    def facts(self) -> Json:
        return {**asdict(self), "folder": str(self.folder)}


@dataclass(frozen=True, slots=True)
class Wish:
    """Who issues; `amends` is the number of the report that this one supersedes, 0 for the first of its period."""

    by: str
    amends: int = 0
    reason: str = ""


def issued_reports(store: Path) -> tuple[Issued, ...]:
    """In order of number. Raises LedgerError."""
    home = Home(store)
    with Ledger(home.ledger) as ledger:
        rows = ledger.rows(ISSUED)
    return tuple(_issued(row, rows, home) for row in rows)


def _issued(row: Row, rows: tuple[Row, ...], home: Home) -> Issued:
    facts = row.facts
    after = next((one.facts["number"] for one in rows if one.facts["amends"] == facts["number"]), 0)
    folder = home.issued / f"{facts['number']:04d}"
    names = ("period", "by", "report", "package", "amends", "reason")
    return Issued(
        number=facts["number"],
        at_ms=row.entered_ms,
        superseded_by=after,
        folder=folder,
        **{name: facts[name] for name in names},
    )


def issue(asked: Asked, wish: Wish, now_ms: int, told: Told = lambda what, done, whole: None) -> Issued:
    """Judges, packs and freezes a report, and enters it. Raises EvidenceError if it contradicts what was issued before."""
    store = own_store(asked)
    known = issued_reports(store)
    if objection := _objection(known, asked.period, wish):
        raise EvidenceError(objection)
    home, number = Home(store), len(known) + 1
    mark = {"number": number, "amends": wish.amends or None, "reason": wish.reason, "by": wish.by}
    draft = home.issued / f".{number:04d}.{os.getpid()}"
    draft.mkdir(parents=True)
    try:
        made = make_package(Order(asked, mark=mark), draft / PACKAGE, told)
        files = {REPORT: made.report_bytes}
        if wish.amends:
            files[CHANGES] = as_json(changes(known[wish.amends - 1].read(REPORT), made.report, mark))
        _freeze(draft, files)
        row = {
            "number": number,
            "period": asked.period,
            "report": sha256(made.report_bytes),
            "package": digest(draft / PACKAGE),
        }
        return _enter(home, draft, {**row, "amends": wish.amends, "reason": wish.reason, "by": wish.by}, now_ms)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def changes(before: Json, after: Json, mark: Mapping[str, Any]) -> Json:
    """What an amendment changes: figures and outages in which the two reports differ."""
    pair = (before, after)
    return {
        "schema": SCHEMA_CHANGES,
        **mark,
        "figures": [
            {"link": one.link or None, "figure": one.name, "before": one.values[0], "after": one.values[1]}
            for one in differing_figures(pair)
        ],
        "outages": [
            {"id": one.id, "link": one.link, "scope": one.scope, "before": one.values[0], "after": one.values[1]}
            for one in differing_outages(pair)
        ],
    }


def _objection(known: tuple[Issued, ...], period: str, wish: Wish) -> str | None:
    standing = next((one for one in known if one.period == period and not one.superseded_by), None)
    if standing is None:
        return f"--amends {wish.amends}: no report of {period} stands that could be amended" if wish.amends else None
    if wish.amends != standing.number:
        return f"report {standing.number} of {period} stands; correct it by --amends {standing.number} --reason WHY"
    return None if wish.reason else f"--amends {wish.amends}: say why by --reason"


def _freeze(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        with (folder / name).open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    for file in folder.iterdir():
        file.chmod(0o444)
    sync_directory(folder)


def _enter(home: Home, draft: Path, facts: Json, now_ms: int) -> Issued:
    """Files first, then the row: a folder without its row was never issued, and is cleared away by the next one."""
    number = int(facts["number"])
    folder = home.issued / f"{number:04d}"
    with Ledger(home.ledger) as ledger:

        def taken(rows: Any) -> str | None:
            if sum(row.kind == ISSUED for row in rows) != number - 1:
                return f"another report was issued as number {number} meanwhile; issue this one again"
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
            sync_directory(home.issued)
            return None

        ledger.append(ISSUED, facts, now_ms, taken)
    return issued_reports(home.root)[number - 1]
