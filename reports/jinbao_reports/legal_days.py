"""The legal calendar: which days are worked, by the State Council's yearly notices with 调休 (methods C4).

A year without a notice has no calendar: Monday to Friday would be a guess. Two notices about one day can be told apart, and
what was known at an instant can be asked for, so that an older judgement can be made again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path

from jinbao_config import units
from jinbao_config.shape import ConfigError, choice, key, list_of, read_document, tables, text, whole, words
from jinbao_reports.source import BadInput

SHIPPED = Path(__file__).with_name("legal_days.toml")
_DAY = timedelta(days=1)


def _days(value: object) -> tuple[date, date]:
    """'2026-02-14' or '2026-02-15..2026-02-23' -> the first and the last of these days."""
    if isinstance(value, str):
        first, dots, last = value.partition("..")
        span = date.fromisoformat(first), date.fromisoformat(last if dots else first)
        if span[0] <= span[1]:
            return span
    raise ValueError('expected a day or the first and last of several, such as "2026-02-15..2026-02-23"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice: the year of its title, and the days it takes off or makes worked; both ends of each span belong to it."""

    year: int = key(whole(1949), doc="the year it is for")
    number: str = key(text, doc="发文字号")
    published: date = key(words(units.day, "2025-11-04"), doc="the day it was made public")
    url: str = key(text, doc="where it can be read")
    off: tuple[tuple[date, date], ...] = key(list_of(words(_days, "2026-02-15..2026-02-23")), doc="days off")
    work: tuple[tuple[date, date], ...] = key(list_of(words(_days, "2026-02-14")), doc="weekend days that are worked")

    def days(self) -> Iterator[tuple[date, bool]]:
        """Every day it names, and whether that day is worked."""
        for spans, worked in ((self.off, False), (self.work, True)):
            for first, last in spans:
                yield from ((first + after * _DAY, worked) for after in range((last - first).days + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    schema: str = key(choice("jinbao.calendar/1"), doc="the format of this file")
    name: str = key(text, doc="which calendar it is")
    version: str = key(text, doc="its edition")
    notice: tuple[Notice, ...] = key(tables(Notice, "number"), doc="the notices")


@dataclass(frozen=True, eq=False)
class LegalDays:
    """Notices in the order of their publication, from a file with this name, version and digest."""

    name: str
    version: str
    sha256: str
    notices: tuple[Notice, ...]

    def known_at(self, instant_ms: int) -> "LegalDays":
        """With only what had been published then."""
        return replace(self, notices=tuple(notice for notice in self.notices if _midnight_ms(notice.published) <= instant_ms))

    @cached_property
    def years(self) -> frozenset[int]:
        return frozenset(notice.year for notice in self.notices)

    @cached_property
    def _named(self) -> Mapping[date, bool]:
        return {day: worked for notice in self.notices for day, worked in notice.days()}

    def is_workday(self, day: date) -> bool:
        """Raises BadInput for a year without a notice."""
        self.require(day.year)
        return self._named.get(day, day.weekday() < 5)

    def require(self, year: int) -> None:
        if year not in self.years:
            span = f"{min(self.years)} to {max(self.years)}" if self.years else "none"
            raise BadInput(
                f"no legal calendar is known for {year}: {self.name} {self.version} has the notices for {span}; "
                "give a file with its notice by --calendar"
            )

    def of(self, years: range) -> tuple[Notice, ...]:
        """The notices that name a day of these years."""
        return tuple(notice for notice in self.notices if any(day.year in years for day, _ in notice.days()))

    def may_change(self, year: int) -> bool:
        """Whether the December of a year may still change: the next year's notice, which may reach into it, is not known."""
        return year + 1 not in self.years


def _midnight_ms(day: date) -> int:
    """The instant at which a day begins in China; the notices know no other time zone."""
    return units.instant_ms(f"{day}T00:00:00+08:00")


def read_legal_days(file: Path) -> LegalDays:
    """Raises ConfigError naming the notice, its key, and what would be right."""
    document = read_document(_File, file)
    for notice in document.value.notice:
        named = [day for day, _ in notice.days()]
        for day in named:
            if named.count(day) > 1:
                raise ConfigError(str(file), f"notice[{notice.number}]", f"{day} is named twice; a notice names a day once")
    by_publication = sorted(document.value.notice, key=lambda notice: (notice.published, notice.number))
    return LegalDays(document.value.name, document.value.version, document.sha256, tuple(by_publication))


@cache
def shipped() -> LegalDays:
    """The calendar that comes with this version."""
    return read_legal_days(SHIPPED)
