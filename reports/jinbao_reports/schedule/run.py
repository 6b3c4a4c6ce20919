"""One round of the schedule: what is due is issued, written and mailed, each once, however often it is asked.

A period's folder holds `issue.json` when its documents are written, and `mailed.json` when they were delivered. Whatever fails
is tried again by the next round and repeats nothing that was done: a report that stands is never issued a second time.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_config.contract import read_contract
from jinbao_config.links import read_links
from jinbao_config.office import read_office
from jinbao_config.schedule import Schedule
from jinbao_config.shape import Document
from jinbao_reports.documents import site_of
from jinbao_reports.evidence.issued import REPORT, Issued, Wish, issue, issued_reports
from jinbao_reports.legal_days import LegalDays, read_legal_days, shipped
from jinbao_reports.load import Asked
from jinbao_reports.office.word import read_word
from jinbao_reports.printing import write
from jinbao_reports.schedule.due import due_periods, next_due_ms
from jinbao_reports.schedule.mail import message, send

ISSUE, MAILED = "issue.json", "mailed.json"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule file with the folder its paths are relative to."""

    schedule: Schedule
    folder: Path
    zone: ZoneInfo
    legal: LegalDays

    def path(self, name: str | None) -> Path | None:
        return None if name is None else self.folder / name

    @property
    def out(self) -> Path:
        return self.folder / self.schedule.out

    def asked(self, period: str) -> Asked:
        schedule = self.schedule
        return Asked(
            links=self.folder / schedule.links,
            contracts=[self.folder / name for name in schedule.contracts],
            period=period,
            store=self.folder / schedule.store,
            calendar=self.path(schedule.calendar),
            indicators=self.path(schedule.indicators),
        )

    def next_ms(self, now_ms: int) -> int:
        return next_due_ms(self.schedule, now_ms, self.zone, self.legal)


@dataclass(frozen=True, slots=True)
class Done:
    """What a round did for a period: issued, written, mailed."""

    period: str
    did: str
    folder: Path


def plan_of(document: Document[Schedule]) -> Plan:
    """Raises ConfigError where the files it names are wrong."""
    folder, schedule = Path(document.file).resolve().parent, document.value
    zone = read_contract(folder / schedule.contracts[0]).value.zone
    legal = shipped() if schedule.calendar is None else read_legal_days(folder / schedule.calendar)
    return Plan(schedule, folder, zone, legal)


def round_of(plan: Plan, now_ms: Callable[[], int]) -> Iterator[Done]:
    """Does what is due. Raises BadInput, EvidenceError, MailError and what pages raise; what was done before stays done."""
    folders = {period: plan.out / period for period in due_periods(plan.schedule, now_ms(), plan.zone, plan.legal)}
    for period, folder in folders.items():
        if not (folder / ISSUE).exists():
            _write(plan, _issued(plan, period, now_ms()), folder)
            yield Done(period, "written", folder)
    # Last, so that a mail server that is down keeps nothing from being written.
    for period, folder in folders.items():
        if plan.schedule.mail and not (folder / MAILED).exists():
            _mail(plan, folder, now_ms())
            yield Done(period, "mailed", folder)


def _issued(plan: Plan, period: str, now_ms: int) -> Issued:
    """The report of this period that stands, or a new one."""
    asked = plan.asked(period)
    known = issued_reports(plan.folder / plan.schedule.store)
    standing = next((one for one in known if one.period == period and not one.superseded_by), None)
    return standing or issue(asked, Wish(plan.schedule.by), now_ms)


def _write(plan: Plan, one: Issued, folder: Path) -> None:
    from jinbao_reports.render.written import Wanted, kinds_of, write_documents  # Matplotlib and Typst load here

    schedule, made = plan.schedule, one.read(REPORT)
    office = plan.path(schedule.office)
    word = read_word(office, None, read_links(plan.folder / schedule.links).value)
    kind = "month" if "-" in one.period and "Q" not in one.period else "quarter" if "Q" in one.period else "year"
    annexed = word is not None and "indicators" in made
    wanted = Wanted(
        kinds=kinds_of("set", kind, annexed=annexed, reconciled=False),
        formats=schedule.formats,
        langs=schedule.languages,
        template=plan.path(schedule.template),
        office=None if office is None else read_office(office).value,
        site=site_of(plan.folder / schedule.store, one.period, plan.zone),
    )
    files = write_documents(made if word is None else word.adds_to(made), wanted, folder)
    listed = [{"name": item.path.name, "format": item.format, "sha256": item.sha256} for item in files]
    _note(folder / ISSUE, {"number": one.number, "report": one.report, "frozen": str(one.folder), "files": listed})


def _mail(plan: Plan, folder: Path, now_ms: int) -> None:
    mail = plan.schedule.mail
    if mail is None:
        return
    facts: Json = json.loads((folder / ISSUE).read_text(encoding="utf-8"))
    statement: Mapping[str, Any] = json.loads((Path(facts["frozen"]) / REPORT).read_text(encoding="utf-8"))
    files = [folder / item["name"] for item in facts["files"] if item["format"] in mail.attach]
    made = message(mail, statement, facts, files, plan.schedule.languages, now_ms)
    send(mail, made, plan.folder)
    _note(folder / MAILED, {"to": list(mail.to), "message_id": made["Message-ID"], "at_ms": now_ms})


def _note(file: Path, facts: Json) -> None:
    write(file, json.dumps(facts, ensure_ascii=False, indent=2) + "\n")
