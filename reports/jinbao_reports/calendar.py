"""The legal calendar as a Statement names it and `jinbao-report calendar` prints it: edition, digest, and source notices."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from jinbao_collector.store import Flaw
from jinbao_config.links import ALL_LINKS
from jinbao_reports.judge import Case
from jinbao_reports.legal_days import LegalDays, Notice
from jinbao_reports.service_time import local_day, midnight_ms
from jinbao_reports.words import Text

Json = dict[str, Any]

_HEAD = Text("{year}年法定工作日共{workdays}天", "{year} has {workdays} legal workdays")
_EDITION = Text("日历 {name} {version}，SHA-256 {sha256}", "calendar {name} {version}, SHA-256 {sha256}")
_NOTICE = Text("依据 {number}，{published}公布：{url}", "by {number}, published {published}: {url}")
_OFF = Text("周一至周五中的假日：{days}", "Mondays to Fridays off: {days}")
_WORKED = Text("调休上班的周末：{days}", "weekend days worked: {days}")
_OPEN = Text(
    "次年的通知尚未收录，12月末的安排可能变动。",
    "The next year's notice is not known; the last days of December may change.",
)


def _used(case: Case) -> bool:
    return case.contract.value.service_hours.days == "legal_workdays"


def _years(case: Case) -> range:
    zone, (start, end) = case.contract.value.zone, case.period.span
    return range(local_day(start, zone).year, local_day(end - 1, zone).year + 1)


def inputs_of(case: Case) -> dict[str, str]:
    """The edition with its digest, where the contract's service hours ask for legal days."""
    legal = case.legal
    return {f"calendar:{legal.name}/{legal.version}": legal.sha256} if _used(case) else {}


def described(case: Case) -> Json | None:
    """Which edition decided, and by which notices; None where the contract counts all days alike."""
    if not _used(case):
        return None
    return {**edition(case.legal), "notices": [source(notice) for notice in case.legal.of(_years(case))]}


def flaws_of(case: Case) -> Iterator[Flaw]:
    """A December that is judged before the next year's notice is known: that notice may still move its last days."""
    zone = case.contract.value.zone
    for year in _years(case) if _used(case) else ():
        december = midnight_ms(date(year, 12, 1), zone)
        if case.legal.may_change(year) and december < case.period.span[1]:
            yield Flaw("calendar_open", ALL_LINKS, "", max(december, case.period.span[0]))


def edition(legal: LegalDays) -> Json:
    return {"name": legal.name, "version": legal.version, "sha256": legal.sha256}


def source(notice: Notice) -> Json:
    return {"year": notice.year, "number": notice.number, "published": str(notice.published), "url": notice.url}


def year(legal: LegalDays, wanted: int) -> Json:
    """One year: its workdays counted, and every day that is not what its weekday says. Raises BadInput without a notice."""
    legal.require(wanted)
    first, length = date(wanted, 1, 1), (date(wanted + 1, 1, 1) - date(wanted, 1, 1)).days
    days = [(day, legal.is_workday(day)) for day in (first + timedelta(after) for after in range(length))]
    return {
        **edition(legal),
        "year": wanted,
        "workdays": sum(worked for _, worked in days),
        "off": [str(day) for day, worked in days if not worked and day.weekday() < 5],
        "worked": [str(day) for day, worked in days if worked and day.weekday() >= 5],
        "december_may_change": legal.may_change(wanted),
        "notices": [source(notice) for notice in legal.of(range(wanted, wanted + 1))],
    }


def lines(told: Json, lang: str) -> Iterator[str]:
    """What `year` found, for people."""
    yield _HEAD.to(lang, **told)
    for notice in told["notices"]:
        yield _NOTICE.to(lang, **notice)
    yield _OFF.to(lang, days=_by_month(told["off"]))
    yield _WORKED.to(lang, days=_by_month(told["worked"]) or "—")
    if told["december_may_change"]:
        yield _OPEN.to(lang)
    yield _EDITION.to(lang, **told)


def _by_month(days: list[str]) -> str:
    """'02-07 02-20 · 04-25'"""
    months = sorted({day[5:7] for day in days})
    return " · ".join(" ".join(day[5:] for day in days if day[5:7] == month) for month in months)
