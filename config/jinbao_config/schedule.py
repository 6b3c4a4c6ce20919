"""schedule.toml: which documents are issued by themselves each month, and who gets them by mail. Format: docs/config.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinbao_config import units
from jinbao_config.shape import ConfigError, Document, choice, flag, key, list_of, read_document, table, text, whole, words

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
FORMATS = ("pdf", "docx", "html", "json", "xlsx", "csv")


def _month(value: object) -> str:
    if isinstance(value, str) and _MONTH.fullmatch(value):
        return value
    raise ValueError('a month is written "2021-04"')


def _clock_ms(value: object) -> int:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found:
        return (int(found[1]) * 60 + int(found[2])) * 60_000
    raise ValueError('a time of day is written "09:00"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    host: str = key(text, doc="the mail server")
    port: int = key(whole(1), 587, doc="its port")
    security: str = key(choice("starttls", "tls", "none"), "starttls", doc="none only within one's own machine or network")
    ca: str | None = key(text, None, doc="certificates the server's is checked against; absent: the system's")
    user: str = key(text, "", doc="empty: the server asks for no name")
    password_file: str | None = key(text, None, doc="holds the password, readable by this service alone")
    sender: str = key(text, name="from", doc="the address it is sent from")
    to: tuple[str, ...] = key(list_of(text), doc="the addresses that get the documents")
    timeout: int = key(words(units.duration_ms, "30s"), 30_000, doc="how long the server may take to answer")
    attach: tuple[str, ...] = key(list_of(choice(*FORMATS)), ("pdf", "json"), doc="the formats that are attached")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Paths are relative to the file."""

    schema: str = key(choice("jinbao.schedule/1"), doc="the format of this file")
    first: str = key(words(_month, "2021-04"), doc="the first month that is issued by itself")
    store: str = key(text, "/var/lib/jinbao-collector", doc="the collector's data directory")
    links: str = key(text, "links.toml", doc="the links file")
    contracts: tuple[str, ...] = key(list_of(text), ("contract.toml",), doc="the contract files")
    calendar: str | None = key(text, None, doc="legal days of another edition than ours")
    office: str | None = key(text, None, doc="office.toml, for the self-evaluation")
    indicators: str | None = key(text, None, doc="indicators.toml, likewise")
    template: str | None = key(text, None, doc="a Word template of your own")
    out: str = key(text, doc="where the documents go, a folder a period")
    by: str = key(text, doc="who issues them, as the ledger names it")
    formats: tuple[str, ...] = key(list_of(choice(*FORMATS)), ("pdf", "docx", "xlsx", "json"), doc="the formats")
    languages: tuple[str, ...] = key(list_of(choice("zh", "en")), ("zh",), doc="the editions")
    working_day: int = key(whole(1), 2, doc="issued on this working day of the next month")
    at: int = key(words(_clock_ms, "09:00"), 9 * 3_600_000, doc="at this local time")
    quarters: bool = key(flag, True, doc="also the quarter, after its last month")
    years: bool = key(flag, True, doc="also the year, after December")
    mail: Mail | None = key(table(Mail), None, doc="absent: nothing is mailed")


def read_schedule(file: Path) -> Document[Schedule]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Schedule, file)
    for where, problem in _contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _contradictions(schedule: Schedule) -> Iterator[tuple[str, str]]:
    if schedule.working_day > 15:
        yield "working_day", f"{schedule.working_day}: a month may have fewer; expected at most 15"
    mail = schedule.mail
    if mail is None:
        return
    if not mail.to:
        yield "mail.to", "expected at least one address"
    if mail.user and mail.password_file is None:
        yield "mail.password_file", f"missing; {mail.user!r} needs its password"
    lacking = [form for form in mail.attach if form not in schedule.formats]
    if lacking:
        yield "mail.attach", f"{', '.join(lacking)}: is not among formats, so there is nothing to attach"
