"""One round of the schedule: what is due is issued, written and mailed, each once, however often it is asked.

A period's folder holds `issue.json` when its documents are written, and `mailed.json`: who has them, who was refused. What
fails is tried again by the next round and repeats nothing that was done: a report that stands is never issued a second time,
and whoever has the documents does not get them again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_collector import CollectorError
from jinbao_config.contract import read_contract
from jinbao_config.links import read_links
from jinbao_config.office import read_office
from jinbao_config.schedule import Mail, Schedule
from jinbao_config.shape import ConfigError, Document
from jinbao_reports.documents import site_of
from jinbao_reports.evidence.issued import REPORT, Issued, Wish, issue, issued_reports
from jinbao_reports.evidence.source import EvidenceError, opened
from jinbao_reports.legal_days import LegalDays, read_legal_days, shipped
from jinbao_reports.load import Asked
from jinbao_reports.office.word import read_word
from jinbao_reports.printing import write
from jinbao_reports.render.faults import RenderError, TemplateFault
from jinbao_reports.render.node import StatementError
from jinbao_reports.schedule.due import due_periods, next_due_ms
from jinbao_reports.schedule.mail import MailError, is_for_good, message, send
from jinbao_reports.service_time import parse_period
from jinbao_reports.source import BadInput

ISSUE, MAILED = "issue.json", "mailed.json"
Json = dict[str, Any]


class NotYet(EvidenceError):
    """The records of a period that is due do not reach its end yet; says how far they reach."""

    exit_code = 3


TROUBLES: tuple[type[Exception], ...] = (
    *(ConfigError, BadInput, TemplateFault, RenderError, StatementError, CollectorError),
    *(MailError, OSError),
)
"""What may keep one period's documents back, while the others' go their way."""


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
    """What a round did for a period: written, mailed, or failed, with the reason."""

    period: str
    did: str
    folder: Path
    problem: Exception | None = None


def plan_of(document: Document[Schedule]) -> Plan:
    """Raises ConfigError where the files it names are wrong."""
    folder, schedule = Path(document.file).resolve().parent, document.value
    zone = read_contract(folder / schedule.contracts[0]).value.zone
    legal = shipped() if schedule.calendar is None else read_legal_days(folder / schedule.calendar)
    return Plan(schedule, folder, zone, legal)


def round_of(plan: Plan, now_ms: Callable[[], int], *, incomplete: bool = False) -> Iterator[Done]:
    """Does what is due, and tells what keeps the rest; never raises one of TROUBLES.

    A period whose records end before it does is left for later, unless `incomplete`.
    """
    due, unknown = _due(plan, now_ms())
    for period, folder in due.items():
        if not (folder / ISSUE).exists():
            try:
                _write(plan, _issued(plan, period, now_ms(), incomplete=incomplete), folder)
            except TROUBLES as problem:
                yield Done(period, "failed", folder, problem)
            else:
                yield Done(period, "written", folder)
    # After the writing, so that a mail server that is down keeps nothing from being written.
    for period, folder in due.items():
        if plan.schedule.mail and (folder / ISSUE).exists():
            yield from _mailed(plan, period, now_ms())
    if unknown:
        yield Done(unknown[0], "failed", plan.out, unknown[1])


def _due(plan: Plan, now_ms: int) -> tuple[dict[str, Path], tuple[str, BadInput] | None]:
    """The folders of what is due, and why no more can be said: a year whose legal calendar is not known."""
    due = dict[str, Path]()
    try:
        for period in due_periods(plan.schedule, now_ms, plan.zone, plan.legal):
            due[period] = plan.out / period
    except BadInput as problem:
        return due, ("…", problem)
    return due, None


def _issued(plan: Plan, period: str, now_ms: int, *, incomplete: bool) -> Issued:
    """The report of this period that stands, or a new one. Raises NotYet."""
    asked, store = plan.asked(period), plan.folder / plan.schedule.store
    standing = next((one for one in issued_reports(store) if one.period == period and not one.superseded_by), None)
    if standing is None and not incomplete:
        _require_whole(store, period, plan.zone)
    return standing or issue(asked, Wish(plan.schedule.by), now_ms)


def _require_whole(store: Path, period: str, zone: ZoneInfo) -> None:
    """A frozen report cannot be made whole afterwards, only amended; so it waits for the manifest of the last day."""
    with opened(store, zone) as source:
        if source.end_of_newest(zone) < parse_period(period, zone).span[1]:
            raise NotYet(
                f"{period}: the newest daily manifest is of {source.newest.name}, before the end of the period; "
                "not issued (`--incomplete` issues it as of then)"
            )


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


def _mailed(plan: Plan, period: str, now_ms: int) -> Iterator[Done]:
    """Mails to those who have not got it. Noted before anything else is done, so that nobody gets it twice."""
    folder, mail = plan.out / period, plan.schedule.mail
    known: Json = json.loads((folder / MAILED).read_text(encoding="utf-8")) if (folder / MAILED).exists() else {}
    if mail is None or not (owed := _owed(mail.to, known)):
        return
    try:
        made = _message(plan, mail, folder, now_ms)
        refused = send(mail, made, owed, plan.folder)
    except TROUBLES as problem:
        yield Done(period, "failed", folder, problem)
        return
    taken = [address for address in owed if address not in refused]
    for_good = {address: answer for address, (code, answer) in refused.items() if is_for_good(code)}
    facts = {"asked": list(mail.to), "to": known.get("to", []) + taken, "refused": known.get("refused", {}) | for_good}
    _note(folder / MAILED, {**facts, "message_id": made["Message-ID"], "at_ms": now_ms})
    if taken:
        yield Done(period, "mailed", folder)
    if refused:
        told = "; ".join(f"{address}: {code} {answer}" for address, (code, answer) in refused.items())
        more = f" (for good: mend mail.to, or take them out of {folder / MAILED})" if for_good else ""
        yield Done(period, "failed", folder, MailError(f"{mail.host}:{mail.port}: refused {told}{more}"))


def _owed(to: tuple[str, ...], known: Json) -> list[str]:
    """Who is to get it still: of a delivery that is complete nobody, else also an address that replaces a refused one."""
    if not known:
        return list(to)
    if set(known.get("asked") or known["to"]) <= set(known["to"]):
        return []
    return [address for address in to if address not in known["to"] and address not in known["refused"]]


def _message(plan: Plan, mail: Mail, folder: Path, now_ms: int) -> EmailMessage:
    facts: Json = json.loads((folder / ISSUE).read_text(encoding="utf-8"))
    statement: Mapping[str, Any] = json.loads((Path(facts["frozen"]) / REPORT).read_text(encoding="utf-8"))
    files = [folder / item["name"] for item in facts["files"] if item["format"] in mail.attach]
    return message(mail, statement, facts, files, plan.schedule.languages, now_ms)


def _note(file: Path, facts: Json) -> None:
    write(file, json.dumps(facts, ensure_ascii=False, indent=2) + "\n")
