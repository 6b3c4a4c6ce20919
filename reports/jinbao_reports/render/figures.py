"""Figures as people read them. Only truncation and layout happen here; no missing figure becomes 0 or 100 %."""

from datetime import datetime, timedelta
from fractions import Fraction

from jinbao_reports.words import Text

NO_DATA = Text("无数据", "no data")
UNITS = Text("{h}小时{m:02}分{s:02}秒", "{h} h {m:02} min {s:02} s")
MINUTE_UNITS = Text("{m}分{s:02}秒", "{m} min {s:02} s")
SECOND_UNITS = Text("{s}秒", "{s} s")
BELOW_A_SECOND = Text("不足1秒", "under 1 s")


def percent(ratio: Fraction | None, lang: str, decimals: int = 4) -> str:
    """A share in percent, truncated toward zero: 99.89996 % never shows as 99.9000 % across a target of 99.9 %."""
    if ratio is None:
        return NO_DATA.to(lang)
    scaled = abs(ratio) * 100 * 10**decimals
    whole, rest = divmod(scaled.numerator // scaled.denominator, 10**decimals)
    return f"{'-' if ratio < 0 else ''}{whole}.{rest:0{decimals}d}%"


def target(ratio: Fraction) -> str:
    """A promised share as the contract writes it: exact, no padding."""
    scaled = ratio * 100
    return f"{scaled.numerator // scaled.denominator}%" if scaled.denominator == 1 else f"{plain(scaled)}%"


def plain(number: Fraction) -> str:
    """A finite decimal in full, anything else truncated to 6 decimals; no trailing zeros."""
    scaled = number * 10**6
    digits = f"{scaled.numerator // scaled.denominator:07d}"
    return f"{digits[:-6]}.{digits[-6:]}".rstrip("0").rstrip(".")


def decimals(number: Fraction) -> str:
    """At most 3 decimals, cut toward zero, no trailing zeros: 9.995, never 10 for 9.9999."""
    scaled = abs(number) * 1000
    digits = f"{scaled.numerator // scaled.denominator:04d}"
    return f"{'-' if number < 0 else ''}{digits[:-3]}.{digits[-3:]}".rstrip("0").rstrip(".")


def duration(seconds: Fraction) -> str:
    """h:mm:ss, truncated to the second; a duration that is not nothing never shows as 0:00:00."""
    whole = seconds.numerator // seconds.denominator
    if 0 < seconds < 1:
        return "<0:00:01"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def duration_words(seconds: Fraction, lang: str) -> str:
    """The same in words, for sentences."""
    whole = seconds.numerator // seconds.denominator
    if 0 < seconds < 1:
        return BELOW_A_SECOND.to(lang)
    form = UNITS if whole >= 3600 else MINUTE_UNITS if whole >= 60 else SECOND_UNITS
    return form.to(lang, h=whole // 3600, m=whole // 60 % 60, s=whole % 60)


def milliseconds(value: Fraction | None) -> str:
    """A delay with one decimal, truncated; a dash where none was measured."""
    if value is None:
        return "—"
    tenths = value * 10
    whole = tenths.numerator // tenths.denominator
    return f"{whole // 10}.{whole % 10}"


def day_and_time(moment: datetime, home: datetime) -> str:
    """Local date and time as given; the year only where it is not that of `home`, the offset only where it differs."""
    pattern = "%m-%d %H:%M:%S" if moment.year == home.year else "%Y-%m-%d %H:%M:%S"
    return moment.strftime(pattern) + ("" if moment.utcoffset() == home.utcoffset() else f" {offset(moment)}")


def full_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def offset(moment: datetime) -> str:
    """UTC+08:00"""
    shift = moment.utcoffset() or timedelta(0)
    minutes = int(shift.total_seconds()) // 60
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
