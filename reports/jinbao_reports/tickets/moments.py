"""Dates and times in the forms found in Chinese office files -> milliseconds UTC."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from jinbao_reports.importers.reading import instant_us

SERIAL_ZERO = date(1899, 12, 30)
"""Day 0 of Excel's serial dates, from 1900-03-01 on; a workbook of the Macintosh begins 1904-01-01."""

_DAY = r"(?P<y>20\d\d|21\d\d)\s*[-/.年]\s*(?P<mo>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})"
_WEEKDAY = r"\(?(?:星期|周)[一二三四五六日天]\)?"
_HALF = r"(?P<half>上午|下午|凌晨)"
# Something must stand between day and hour: 2021-4-114:00 is the 1st or the 11th.
_BETWEEN = rf"(?:\s*日\s*|\s*T|\s+|\s*(?={_WEEKDAY}|上午|下午|凌晨))(?:{_WEEKDAY}\s*)?"
_CLOCK = r"(?P<h>\d{1,2})\s*(?:[:时点]\s*(?P<mi>\d{1,2})\s*(?:[:分]\s*(?:(?P<s>\d{1,2})(?:\.\d+)?\s*秒?)?)?|[时点]整?)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_DAY}{_BETWEEN}{_HALF}?\s*{_CLOCK}(?:\s*(?P<half2>am|pm))?",
        r"(?P<y>20\d\d|21\d\d)(?P<mo>\d\d)(?P<d>\d\d)\s*(?P<h>\d\d):?(?P<mi>\d\d)(?::?(?P<s>\d\d))?",
    )
)
_ONLY_A_DAY = re.compile(rf"{_DAY}\s*日?\s*(?:{_WEEKDAY})?|20\d{{6}}")
_WITH_OFFSET = re.compile(r"(20|21)\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_SERIAL = re.compile(r"\d{5,6}(\.\d+)?")
_AFTERNOON = ("下午", "pm")
_BEFORE_NOON = ("凌晨", "am")
_EXPECTED = "expected a day and a time such as 2021-04-10 14:00, 2021/4/10 14:00:05 or 2021年4月10日14时05分"


def moment_ms(text: str, zone: ZoneInfo, serial_zero: date = SERIAL_ZERO) -> int:
    """A local time of `zone`, or one with its own offset -> milliseconds. Raises ValueError saying what would be right."""
    text = unicodedata.normalize("NFKC", text).strip()
    if _WITH_OFFSET.fullmatch(text):
        return instant_us(text.upper(), None) // 1000
    at = _from_serial(text, serial_zero) if _SERIAL.fullmatch(text) else _from_words(text)
    return instant_us(at.isoformat(), zone) // 1000


def _from_words(text: str) -> datetime:
    match = next((found for form in _FORMS if (found := form.fullmatch(text))), None)
    if match is None:
        lacks = "the time of day is missing; " if _ONLY_A_DAY.fullmatch(text) else ""
        raise ValueError(lacks + _EXPECTED)
    parts = match.groupdict()
    half = parts.get("half") or parts.get("half2")
    hour = _hour(int(parts["h"]), half.lower() if half else None)
    minute, second = int(parts["mi"] or 0), int(parts["s"] or 0)
    if hour == 24 and minute == second == 0:  # the end of a day, as duty logs write it
        return _day(parts) + timedelta(days=1)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("there is no such time of day")
    return _day(parts) + timedelta(hours=hour, minutes=minute, seconds=second)


def _day(parts: dict[str, str]) -> datetime:
    try:
        return datetime(int(parts["y"]), int(parts["mo"]), int(parts["d"]))  # noqa: DTZ001  # a local day: its zone is given last
    except ValueError:
        raise ValueError("there is no such day") from None


def _hour(hour: int, half: str | None) -> int:
    """下午2时 is 14, and so is 下午14时; 12 am and 凌晨12时 are 0, 上午12时 is noon."""
    if hour > 12:
        return hour
    if half in _AFTERNOON:
        return hour % 12 + 12
    return hour % 12 if half in _BEFORE_NOON else hour


def _from_serial(text: str, zero: date) -> datetime:
    """Days since `zero`, to the second: a cell keeps a fraction of a day, and shows five digits of it."""
    serial = Fraction(text)
    if serial.denominator == 1:
        raise ValueError(f"is Excel's number of a day and has no time of day; {_EXPECTED}")
    at = datetime.combine(zero, datetime.min.time()) + timedelta(seconds=round(serial * 86_400))
    if not datetime(2000, 1, 1, tzinfo=UTC) <= at.replace(tzinfo=UTC) < datetime(2200, 1, 1, tzinfo=UTC):
        raise ValueError(f"as Excel's serial date is no time between 2000 and 2199; {_EXPECTED}")
    return at
