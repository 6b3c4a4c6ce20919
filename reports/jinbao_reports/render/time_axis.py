"""Round local instants for an axis of any length, from minutes (a demonstration) to a year."""

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = (1, 5, 10, 30, _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR)
_DAYS = (1, 2, 5, 10, 15, 30, 60, 120, 365)
_MOST, _MOST_WITH_SECONDS = 16, 8  # labels that fit side by side over the page's width


def ticks(start: datetime, end: datetime) -> list[tuple[float, str]]:
    """(seconds after start, label) of at most 16 round local instants of [start, end)."""
    length = (end - start).total_seconds()
    step = next((step for step in (*_STEPS, *(_DAY * days for days in _DAYS)) if length / step <= _most(step)), length)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    # Steps of days count from the first midnight of the period, shorter ones from the midnight before it.
    origin = midnight if step < _DAY or midnight == start else midnight + timedelta(days=1)
    first = (origin - start).total_seconds()
    passed = max(0, -int(first // step)) if first < 0 else 0
    places = [first + index * step for index in range(passed, passed + _MOST + 2)]
    pattern = "%m-%d" if step >= _DAY else "%H:%M" if step >= _MINUTE else "%H:%M:%S"
    return [(place, (start + timedelta(seconds=place)).strftime(pattern)) for place in places if 0 <= place < length]


def _most(step: int) -> int:
    return _MOST if step >= _MINUTE else _MOST_WITH_SECONDS
