"""Words for quantities as people write them, and the exact numbers they mean.

Durations and instants are integer milliseconds (UTC, POSIX), ratios and money exact fractions: nothing here rounds.
Every function raises ValueError with a sentence that says what would be right.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_RATE = re.compile(r"(\d+)([kM])bit/s")
_SIZE = re.compile(r"(\d+)(kB|MB|GB|TB)")
_SIZE_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

_TOO_LARGE = Decimal(10) ** 12  # as seconds: beyond any time a log can mean
_US = {"us": Decimal(1), "ms": Decimal(1_000), "s": Decimal(1_000_000)}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = _UNIT_MS["d"]


def duration_ms(text: object) -> int:
    """'10s' -> 10000. Units: ms, s, m, h, d."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError('a duration is a whole number with its unit, ms, s, m, h or d, such as "10s"')
    return int(match[1]) * _UNIT_MS[match[2]]


def ratio(text: object) -> Fraction:
    """'99.9%' -> 999/1000. A bare float is refused: 0.999 is not 999/1000 in binary."""
    if isinstance(text, str) and text.endswith("%") and _NUMBER.fullmatch(text[:-1]):
        return Fraction(text[:-1]) / 100
    raise ValueError('a ratio is a percentage in quotes, such as "99.9%"')


def decimal(text: object) -> Fraction:
    """'8400.00' -> 8400."""
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        return Fraction(text)
    raise ValueError('a decimal number is written in quotes, such as "8400.00"')


def size_bytes(text: object) -> int:
    """'2GB' -> 2000000000."""
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError('a size is a whole number with its unit, kB, MB, GB or TB, such as "2GB"')
    return int(match[1]) * _SIZE_BYTES[match[2]]


def rate_bytes(text: object) -> int:
    """'512kbit/s' -> 64000 bytes a second. At least 8 kbit/s."""
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    rate = int(match[1]) * (1_000 if match[2] == "k" else 1_000_000) // 8 if match else 0
    if rate < 1_000:
        raise ValueError('a rate is a whole number with its unit, kbit/s or Mbit/s, at least "8kbit/s", such as "512kbit/s"')
    return rate


def instant_us(text: str) -> int:
    """RFC 3339 with an offset -> microseconds since 1970 UTC; finer digits are cut."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(f'{text!r} is not an RFC 3339 time with its offset, such as "2021-04-15T00:00:00+08:00"')
    return datetime_us(datetime.fromisoformat(text.upper()))


def instant_ms(text: str) -> int:
    """RFC 3339 with an offset -> milliseconds since 1970 UTC, floored."""
    return instant_us(text) // 1000


def datetime_us(at: datetime) -> int:
    """An aware datetime -> microseconds since 1970 UTC, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_ms(value: object) -> int:
    """A TOML offset date-time, or the same as a string -> milliseconds."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("the time lacks its offset: write 2021-04-15T00:00:00+08:00")
        return datetime_us(value) // 1000
    if isinstance(value, str):
        return instant_ms(value)
    raise ValueError("a time is written 2021-04-15T00:00:00+08:00")


def day(value: object) -> date:
    """A TOML date, or the same as a string."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return date.fromisoformat(value)
    raise ValueError("a day is written 2021-01-31, without a time")


def microseconds(text: str | Decimal, unit: str) -> int:
    """A duration or an epoch in us, ms or s -> whole microseconds, finer digits cut, without a detour through binary.
    Raises ValueError."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("expected a number") from None
    if not value.is_finite() or not 0 <= value < _TOO_LARGE:
        raise ValueError(f"expected a number, at least 0 and below {_TOO_LARGE:.0e}")
    return int(value * _US[unit])


_BEGIN_US, _END_US = (datetime_us(datetime(year, 1, 1, tzinfo=UTC)) for year in (2000, 2200))


def plausible(at_us: int, unit: str) -> int:
    """The instant itself. Raises ValueError where the unit must be another one: before 2000 or after 2199."""
    if not _BEGIN_US <= at_us < _END_US:
        raise ValueError(f"is no time between 2000 and 2199; expected {unit} since 1970")
    return at_us
