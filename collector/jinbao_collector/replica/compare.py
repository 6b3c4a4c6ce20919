"""Whether a server has what the store has: samples counted by link and local day on both sides."""

import datetime
import zoneinfo
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from jinbao_collector.store import Reader


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """Samples of all rungs of a link on one day, here and there."""

    link: str
    day: str
    here: int
    there: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was counted of `since` to `until` (local days, half-open), and where the counts differ."""

    since: str
    until: str
    here: int
    there: int
    differences: tuple[Difference, ...]


def compare(store: Reader, server: Reader, since: datetime.date, until: datetime.date, zone: zoneinfo.ZoneInfo) -> Comparison:
    """Samples that contradict each other, and those that came twice, count alike on both sides. Raises as the readers do."""
    days = list(_days(since, until, zone))
    names = sorted(store.names() | server.names())
    counts = [_counts(reader, names, days) for reader in (store, server)]
    here, there = counts
    places = sorted(set(here) | set(there))
    found = tuple(Difference(*place, here[place], there[place]) for place in places if here[place] != there[place])
    return Comparison(str(since), str(until), here.total(), there.total(), found)


def _counts(reader: Reader, names: list[tuple[str, str, str]], days: list[tuple[str, int, int]]) -> "Counter[tuple[str, str]]":
    found: Counter[tuple[str, str]] = Counter()
    for key in names:
        for day, begin, end in days:
            found[key[0], day] += int(reader.stretches(*key, begin, end, 0).count.sum())
    return found


def _days(since: datetime.date, until: datetime.date, zone: zoneinfo.ZoneInfo) -> Iterator[tuple[str, int, int]]:
    """Each local day with its first millisecond and the one after its last."""
    day = since
    while day < until:
        following = day + datetime.timedelta(days=1)
        yield str(day), _midnight(day, zone), _midnight(following, zone)
        day = following


def _midnight(day: datetime.date, zone: zoneinfo.ZoneInfo) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
