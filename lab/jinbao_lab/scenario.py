"""scenario.toml: which faults, where and when, and what people file about them. Format: docs/lab.md.

Everything in a fault is timed from its `at`, which is timed from the end of the warm-up; all in milliseconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jinbao_config import units
from jinbao_config.links import interval_kind
from jinbao_config.shape import ConfigError, Document, choice, flag, key, list_of, read_document, table, tables, text, words
from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.faults import FAULTS

duration = words(units.duration_ms, "12300ms")
# The contract's n = 3 equal results turn a state; up to one more period may pass before the first of them.
SEEN = 4
ROWS = (
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "9b",
    "10",
    "11",
    "11/13",
    "12",
    "13",
    "13b",
    "14",
    "15",
    "16",
    "17",
    "18",
    "18b",
    "19",
    "-",
)
"""Of the decision table (judgement R4.4); "-" is UNATTRIBUTED."""
_OFFSET = re.compile(r"(-?)(\d+(?:ms|s|m|h|d))")


def _offset_ms(value: object) -> int:
    """'-2s' -> -2000."""
    match = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError('expected a time from the fault\'s beginning with its unit, such as "-2s" or "12s"')
    return units.duration_ms(match[2]) * (-1 if match[1] else 1)


offset = words(_offset_ms, "-2s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A ledger entry about the fault."""

    kind: str = key(choice("exclusion", "power_notice", "server_notice"), doc="what is stated")
    type: str = key(text, "", doc="exclusion: the contract's [exclusion.TYPE]")
    from_: int = key(offset, doc="begin of what it speaks of", name="from")
    to: int = key(offset, doc="its end")
    notified: int | None = key(offset, None, doc="when the carrier announced it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Flapping: the fault is made and healed in turns while it lasts."""

    down: int = key(duration, doc="how long it is there")
    up: int = key(duration, doc="how long it is healed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    id: str = key(text, doc="names the fault")
    kind: str = key(choice(*FAULTS), doc="what breaks")
    on: str = key(text, EVERYWHERE, doc='where: a township "03", a group "olt-2", or absent for the whole county')
    at: int = key(duration, doc="when it is injected, after the warm-up")
    for_: int = key(duration, doc="how long it lasts", name="for")
    rhythm: Rhythm | None = key(table(Rhythm), None, doc="made and healed in turns; absent: once")
    rows: tuple[str, ...] | None = key(
        list_of(choice(*ROWS)), None, doc="the rows that must be found on each of its links, in order; absent: the kind's own"
    )
    notice: Notice | None = key(table(Notice), None, doc="what people file about it")

    @property
    def end(self) -> int:
        return self.at + self.for_

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """When it is there: (made, healed) in turns."""
        if self.rhythm is None:
            return ((self.at, self.end),)
        starts = range(self.at, self.end, self.rhythm.down + self.rhythm.up)
        return tuple((start, min(start + self.rhythm.down, self.end)) for start in starts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    schema: str = key(choice("jinbao.scenario/1"), doc="the format of this file")
    name: str = key(text, doc="what it shows, in a line")
    interval: int = key(interval_kind, 1000, doc="T, the probing period")
    warm_up: int = key(duration, 8000, doc="healthy time before the first fault")
    duration: int = key(duration, doc="what is judged, from the end of the warm-up")
    townships: tuple[str, ...] = key(list_of(text), (), doc="which townships take part; absent: all")
    mute: tuple[str, ...] = key(list_of(text), (), doc='hops that never answer a ping, such as "olt-3"')
    battery: tuple[str, ...] = key(list_of(text), (), doc="townships declared agent_on_battery")
    app_unprobed: bool = key(flag, False, doc="whether the county leaves the server unprobed")
    fault: tuple[Fault, ...] = key(tables(Fault, "id"), (), doc="the faults")

    @property
    def county(self) -> County:
        return County(self.townships or County().townships, frozenset(self.mute))


def read_scenario(file: Path) -> Document[Scenario]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Scenario, file)
    check(document.value, str(file))
    return document


def check(scenario: Scenario, file: str) -> None:
    """Raises ConfigError for what contradicts itself, and for what no judge with n = 3 could decide."""
    for where, problem in _contradictions(scenario):
        raise ConfigError(file, where, problem)


def _contradictions(scenario: Scenario) -> Iterator[tuple[str, str]]:
    yield from _unknown("townships", scenario.townships, "township", County().townships)
    county = scenario.county
    yield from _unknown("mute", scenario.mute, "hop", tuple(node for node in county.nodes if node not in _PROBERS))
    yield from _unknown("battery", scenario.battery, "township", county.townships)
    seen: set[str] = set()
    for fault in scenario.fault:
        where = f"fault[{fault.id}]"
        if fault.id in seen:
            yield f"{where}.id", f"{fault.id!r}: stands twice; each id may stand once"
        seen.add(fault.id)
        yield from _wrong_place(where, fault, county)
        yield from _wrong_time(where, fault, scenario)
    yield from _undecidable(scenario)


_PROBERS = ("centre", "app", *(f"a{one}" for one in County().townships))


def _unknown(where: str, named: tuple[str, ...], what: str, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for at, name in enumerate(named):
        if name not in known:
            yield f"{where}[{at}]", f"{name!r}: no such {what}; known are {', '.join(known)}"


def _wrong_place(where: str, fault: Fault, county: County) -> Iterator[tuple[str, str]]:
    places = FAULTS[fault.kind].places(county)
    if fault.on not in places:
        known = ", ".join(place if place != EVERYWHERE else "the whole county (leave `on` out)" for place in places)
        yield f"{where}.on", f"{fault.on!r}: {fault.kind} can be on {known}"


def _wrong_time(where: str, fault: Fault, scenario: Scenario) -> Iterator[tuple[str, str]]:
    if fault.end > scenario.duration:
        yield f"{where}.for", f"it ends {fault.end} ms after the warm-up, but the scenario lasts {scenario.duration} ms"
    if fault.at % scenario.interval == 0:
        yield (
            f"{where}.at",
            f"{fault.at} ms: must lie off the probing grid of {scenario.interval} ms, or the edges prove nothing",
        )
    if fault.notice and fault.notice.to <= fault.notice.from_:
        yield f"{where}.notice.to", "must lie after from"
    if fault.rhythm and not (fault.rhythm.down and fault.rhythm.up):
        yield f"{where}.rhythm", "down and up must each last"


def never_seen_ms(interval: int) -> int:
    """What is shorter never gives three results in a row; a probe that leaves a little early or late is allowed for."""
    return interval * 9 // 5


def _undecidable(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Between two edges on a township lies enough for n = 3, or too little for certain; the latter only within one fault."""
    interval = scenario.interval
    for township in scenario.county.townships:
        mine = (one for one in scenario.fault if FAULTS[one.kind].shows and township in scenario.county.members(one.on))
        edges = sorted((at, fault.id) for fault in mine for span in fault.spans for at in span)
        for (one, first), (two, second) in pairwise(edges):
            never_seen = first == second and 0 < two - one < never_seen_ms(interval)
            if two - one < SEEN * interval and not never_seen:
                yield (
                    f"fault[{second}]",
                    f"its edge at {two} ms is {two - one} ms after one of {first} on township {township}; at least "
                    f"{SEEN * interval} ms, or within one fault less than {never_seen_ms(interval)} ms, can be decided",
                )
