"""scenario.toml: which faults, where and when, what people file about them, and what must be found. Format: docs/lab.md.

Everything in a fault is timed from its `at`, which is timed from the end of the warm-up; all in milliseconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinbao_collector.entry import CLASSES, PARTIES
from jinbao_config import units
from jinbao_config.links import interval_kind
from jinbao_config.shape import ConfigError, Document, choice, flag, key, list_of, read_document, table, tables, text, words
from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.faults import FAULTS

duration = words(units.duration_ms, "12300ms")
# The contract's n = 3 equal results turn a state; up to one more period may pass before the first of them.
SEEN = 4
_OFFSET = re.compile(r"(-?)(\d+(?:ms|s|m|h|d))")


def _offset_ms(value: object) -> int:
    """'-2s' -> -2000."""
    match = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError('expected a time from the fault\'s beginning with its unit, such as "-2s" or "12s"')
    return units.duration_ms(match[2]) * (-1 if match[1] else 1)


offset = words(_offset_ms, "-2s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """One slice of the outage that must be found; `until` is where it ends, absent in the last."""

    cause: str = key(text, doc="the cause code")
    party: str = key(choice(*PARTIES), doc="who answers for it")
    klass: str = key(choice(*CLASSES), doc="how it counts", name="class")
    row: str = key(text, doc="the row of the decision table")
    scope: str = key(choice("link", "service"), "link", doc="on which timeline it is seen")
    until: int | None = key(offset, None, doc="where the slice ends; absent: with the outage")
    fleeting: bool = key(flag, False, doc="shorter than T, so that the probing may miss it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A ledger entry about the fault."""

    kind: str = key(choice("exclusion", "power_notice", "server_notice"), doc="what is stated")
    type: str = key(text, "", doc="exclusion: the contract's [exclusion.TYPE]")
    from_: int = key(offset, doc="begin of what it speaks of", name="from")
    to: int = key(offset, doc="its end")
    notified: int | None = key(offset, None, doc="when the carrier announced it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    id: str = key(text, doc="names the fault")
    kind: str = key(choice(*FAULTS), doc="what breaks")
    on: str = key(text, EVERYWHERE, doc='where: a township "03", a group "olt-2", or absent for the whole county')
    at: int = key(duration, doc="when it is injected, after the warm-up")
    for_: int = key(duration, doc="how long it lasts", name="for")
    expect: tuple[Expect, ...] = key(tables(Expect), doc="what must be found on each of its links; empty: nothing")
    notice: Notice | None = key(table(Notice), None, doc="what people file about it")

    @property
    def end(self) -> int:
        return self.at + self.for_


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    schema: str = key(choice("jinbao.scenario/1"), doc="the format of this file")
    name: str = key(text, doc="what it shows, in a line")
    interval: int = key(interval_kind, 1000, doc="T, the probing period")
    warm_up: int = key(duration, 8000, doc="healthy time before the first fault")
    duration: int = key(duration, doc="what is judged, from the end of the warm-up")
    townships: tuple[str, ...] = key(list_of(text), (), doc="which townships take part; absent: all")
    fault: tuple[Fault, ...] = key(tables(Fault, "id"), (), doc="the faults")

    @property
    def county(self) -> County:
        return County(self.townships) if self.townships else County()


def read_scenario(file: Path) -> Document[Scenario]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Scenario, file)
    for where, problem in _contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _contradictions(scenario: Scenario) -> Iterator[tuple[str, str]]:
    for at, township in enumerate(scenario.townships):
        if township not in County().townships:
            yield f"townships[{at}]", f"{township!r}: no such township; known are {', '.join(County().townships)}"
    seen: set[str] = set()
    for fault in scenario.fault:
        where = f"fault[{fault.id}]"
        if fault.id in seen:
            yield f"{where}.id", f"{fault.id!r}: stands twice; each id may stand once"
        seen.add(fault.id)
        yield from _wrong_place(where, fault, scenario.county)
        yield from _wrong_time(where, fault, scenario)
        yield from _too_close(where, fault, scenario)


def _wrong_place(where: str, fault: Fault, county: County) -> Iterator[tuple[str, str]]:
    places = FAULTS[fault.kind].places(county)
    if fault.on not in places:
        known = ", ".join(place if place != EVERYWHERE else "the whole county (leave `on` out)" for place in places)
        yield f"{where}.on", f"{fault.on!r}: {fault.kind} can be on {known}"


def _too_close(where: str, fault: Fault, scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Between two faults of a township either nothing, or enough that the end of the first is seen."""
    mine = set(scenario.county.members(fault.on))
    for other in scenario.fault:
        healthy = fault.at - other.end
        if 0 <= healthy < SEEN * scenario.interval and mine.intersection(scenario.county.members(other.on)):
            yield (
                f"{where}.at",
                f"{fault.at} ms: only {healthy} ms after {other.id} on the same township; the end of that is seen only "
                f"after {SEEN} periods of {scenario.interval} ms",
            )


def _wrong_time(where: str, fault: Fault, scenario: Scenario) -> Iterator[tuple[str, str]]:
    if fault.end > scenario.duration:
        yield f"{where}.for", f"it ends {fault.end} ms after the warm-up, but the scenario lasts {scenario.duration} ms"
    if fault.at % scenario.interval == 0:
        yield (
            f"{where}.at",
            f"{fault.at} ms: must lie off the probing grid of {scenario.interval} ms, or the edges prove nothing",
        )
    if fault.expect and fault.for_ < SEEN * scenario.interval:
        yield f"{where}.for", f"{fault.for_} ms: too short to be found; at least {SEEN} periods of {scenario.interval} ms"
    untils = [expect.until for expect in fault.expect]
    if any(until is None for until in untils[:-1]) or (untils and untils[-1] is not None):
        yield f"{where}.expect", "each slice but the last says `until` where it lasts"
    if fault.notice and fault.notice.to <= fault.notice.from_:
        yield f"{where}.notice.to", "must lie after from"
