"""How the Statement writes exact figures: the only place where they are cut for display (judgement R5.9, R7).

Ratios are cut toward zero at 12 decimals beside their exact fraction; seconds are integers, or texts with up to 3 decimals.
"""

from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

_DECIMALS = 10**12


class Writer:
    """Turns exact figures into the Statement's notation, in the contract's time zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def instant(self, ms: int | None) -> str | None:
        """RFC 3339 with the contract's offset."""
        if ms is None:
            return None
        at = datetime.fromtimestamp(ms // 1000, UTC).astimezone(self.zone).replace(microsecond=ms % 1000 * 1000)
        return at.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")


def seconds(ms: int | Fraction | None) -> int | str | None:
    """Milliseconds -> whole seconds, or a text with 3 decimals, cut toward zero."""
    if ms is None:
        return None
    whole = int(ms)
    if whole % 1000 == 0:
        return whole // 1000
    sign = "-" if whole < 0 else ""
    return f"{sign}{abs(whole) // 1000}.{abs(whole) % 1000:03d}"


def ratio(value: Fraction | None) -> float | None:
    return None if value is None else int(value * _DECIMALS) / _DECIMALS


def exact(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator}/{value.denominator}"


def milliseconds(us: int | Fraction | None) -> float | None:
    """Microseconds -> milliseconds, to the nanosecond."""
    return None if us is None else round(float(us) / 1000, 6)
