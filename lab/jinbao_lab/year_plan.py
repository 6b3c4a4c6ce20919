"""What goes wrong in the demonstration year: faults by chance, each with the cause to be found, and what people wrote."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log

from jinbao_collector.entry import Entry
from jinbao_config.links import ALL_LINKS, Links

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_APART_MS = 3 * HOUR_MS
_TRIES = 200

TOWNSHIP = ("lan", "cpe", "edge", "core", "app")
SITE = ("gw", "ce", "carrier")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. `down` are the rungs that stop answering, as (vantage, target); `silent` are the vantages whose agent
    is off meanwhile. `cause` is what judgement must find on `scope`, None where there is nothing to be found. Minutes last
    as their logarithm is spread about the median.
    """

    cause: str | None
    median: float
    spread: float
    down: frozenset[tuple[str, str]] = frozenset()
    silent: frozenset[str] = frozenset()
    scope: str = "link"
    loss: float = 1.0


def _rungs(township: Sequence[str], county: Sequence[str] = ()) -> frozenset[tuple[str, str]]:
    return frozenset([*(("township", rung) for rung in township), *(("county", rung) for rung in county)])


_BEYOND_MODEM, _AT_MODEM = _rungs(("edge", "core", "app"), ("cpe",)), _rungs(("cpe", "edge", "core", "app"), ("cpe",))
KINDS: Mapping[str, Kind] = {
    "access": Kind("CARRIER_ACCESS", 14, 1.0, _BEYOND_MODEM),
    "modem": Kind("CPE_FAULT", 45, 0.8, _AT_MODEM),
    "group": Kind("CARRIER_AGG", 25, 0.6, _BEYOND_MODEM),
    "cutover": Kind("PLANNED_CUTOVER", 55, 0.3, _BEYOND_MODEM),
    "county_line": Kind("COUNTY_ACCESS", 22, 0.4, _rungs(("core", "app"), ("cpe", "app", "carrier"))),
    "lan": Kind("LAN_LOCAL", 40, 0.9, _rungs(TOWNSHIP)),
    "power_announced": Kind("POWER_DOCUMENTED", 130, 0.6, _rungs((), ("cpe",)), frozenset(["township"])),
    "power_unproven": Kind("POWER_SUSPECTED", 50, 0.7, _rungs((), ("cpe",)), frozenset(["township"])),
    "power_sensed": Kind("POWER_TOWNSHIP", 80, 0.7, _rungs(TOWNSHIP, ("cpe",))),
    "server": Kind("SERVER_MAINT", 35, 0.3, _rungs(("app",), ("app",)), scope="service"),
    "lossy": Kind(None, 45, 0.7, _BEYOND_MODEM, loss=0.12),
    "agent_off": Kind(None, 300, 0.8, silent=frozenset(["township"])),
    "both_off": Kind(None, 240, 0.5, silent=frozenset(["township", "county"])),
}
"""POWER_SUSPECTED and the like are the causes of docs/sla.md."""

_A_YEAR: Mapping[str, float] = {
    "access": 4.5, "modem": 0.7, "lan": 1.0, "power_announced": 1.5, "power_unproven": 0.7, "power_sensed": 1.2, "lossy": 2.0,
    "agent_off": 0.6,
}  # fmt: skip
"""How often on one link."""
_SHARED_A_YEAR: Mapping[str, int] = {"group": 4, "cutover": 4, "server": 4, "county_line": 1, "both_off": 1}
_OF_A_GROUP = ("group", "cutover", "both_off")
_WORST = 5
"""So much more often the carrier's faults strike the worst line."""
_CARRIERS = ("access", "modem", "group", "county_line")
_CLERK, _HEAD = "经办人甲", "负责人乙"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was: on these links, [start, end) milliseconds UTC."""

    kind: str
    links: tuple[str, ...]
    start: int
    end: int

    @property
    def nature(self) -> Kind:
        return KINDS[self.kind]

    def facts(self) -> dict[str, object]:
        """For truth.json."""
        nature = self.nature
        return {
            "kind": self.kind,
            "links": list(self.links),
            "from_ms": self.start,
            "to_ms": self.end,
            "scope": nature.scope,
            "cause": nature.cause,
        }


def draw(links: Links, span: tuple[int, int], seed: int) -> tuple[Fault, ...]:
    """Faults within a span of milliseconds, in order of time; on one link they lie hours apart."""
    chance, found = random.Random(seed), list[Fault]()
    years = (span[1] - span[0]) / (365 * DAY_MS)
    codes, groups = tuple(link.code for link in links.link), _groups(links)
    for kind, times in _SHARED_A_YEAR.items():
        for _ in range(round(times * years)):
            _place(found, chance, span, kind, chance.choice(groups) if kind in _OF_A_GROUP else codes)
    sensed = {link.code for link in links.link if link.mains_sense}
    worst = chance.choice(codes)
    for code in codes:
        for kind, rate in _A_YEAR.items():
            if kind != "power_sensed" or code in sensed:
                often = rate * (_WORST if code == worst and kind in _CARRIERS else 1)
                for _ in range(_poisson(chance, often * years)):
                    _place(found, chance, span, kind, (code,))
    return tuple(sorted(found, key=lambda fault: (fault.start, fault.links)))


def _groups(links: Links) -> tuple[tuple[str, ...], ...]:
    names = dict.fromkeys(link.group for link in links.link if link.group)
    return tuple(tuple(link.code for link in links.link if link.group == name) for name in names)


def _place(found: list[Fault], chance: random.Random, span: tuple[int, int], kind: str, links: tuple[str, ...]) -> None:
    """Where nothing else is near; nowhere, if that is hard to find."""
    nature = KINDS[kind]
    for _ in range(_TRIES):
        length = int(min(600, max(5, chance.lognormvariate(log(nature.median), nature.spread))) * MINUTE_MS)
        start = chance.randrange(span[0] + DAY_MS, span[1] - DAY_MS - length)
        if kind in ("cutover", "server"):
            # At night, local time: half past midnight, or ten in the evening.
            start = start // DAY_MS * DAY_MS + (16 * 60 + 30 if kind == "cutover" else 14 * 60) * MINUTE_MS
        fault = Fault(kind, links, start, start + length)
        if not any(_near(fault, other) for other in found):
            found.append(fault)
            return


def _near(one: Fault, two: Fault) -> bool:
    apart = one.start - two.end >= _APART_MS or two.start - one.end >= _APART_MS
    return not apart and bool({*one.links} & {*two.links})


def _poisson(chance: random.Random, mean: float) -> int:
    count, left = 0, chance.expovariate(1)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1)
    return count


# What people wrote about it.


def entries(faults: Sequence[Fault], seed: int) -> tuple[Entry, ...]:
    """In the order in which they were written down."""
    chance = random.Random(seed + 1)
    found = [entry for number, fault in enumerate(faults, 1) for entry in _about(fault, number, chance)]
    return tuple(sorted(found, key=lambda entry: (entry.entered_at or 0, entry.id)))


def _about(fault: Fault, number: int, chance: random.Random) -> Iterator[Entry]:
    if fault.kind in _CARRIERS:
        for place, link in enumerate(fault.links, 1):
            if chance.random() < 0.88:
                yield _ticket(fault, link, f"{number}-{place}", chance)
    if fault.kind in _NOTICES:
        yield _NOTICES[fault.kind](fault, number)


def _ticket(fault: Fault, link: str, number: str, chance: random.Random) -> Entry:
    reported = fault.start + chance.randrange(4, 40) * MINUTE_MS
    acked = reported + chance.randrange(4, 45) * MINUTE_MS
    restored = max(fault.end, acked) + chance.randrange(0, 9) * MINUTE_MS
    facts = {"reported_at": reported, "acked_at": acked, "restored_at": restored, "entered_at": restored + HOUR_MS}
    return Entry(id=f"申告-{number}", kind="ticket", link=link, number=f"GD{number}", author=_CLERK, **facts)  # type: ignore[arg-type]


def _power_notice(fault: Fault, number: int) -> Entry:
    approved = {"approved_by": _HEAD, "approved_at": fault.start - 20 * HOUR_MS, "entered_at": fault.start - 22 * HOUR_MS}
    span = {"from_": fault.start - 30 * MINUTE_MS, "to": fault.end + 30 * MINUTE_MS}
    return _notice("停电", "power_notice", number, fault.links, "供电所检修公告", **span, **approved)


def _cutover(fault: Fault, number: int) -> Entry:
    """Announced five days ahead, approved a day later; its window is an hour and a half, whatever it took."""
    announced = fault.start - 5 * DAY_MS
    approved = {"approved_by": _HEAD, "approved_at": announced + DAY_MS, "entered_at": announced + HOUR_MS}
    span = {"from_": fault.start - 10 * MINUTE_MS, "to": fault.start + 80 * MINUTE_MS, "notified_at": announced}
    return _notice("割接", "exclusion", number, fault.links, "运营商割接通知", type="cutover", **span, **approved)


def _server_notice(fault: Fault, number: int) -> Entry:
    span = {"from_": fault.start - 10 * MINUTE_MS, "to": fault.end + 10 * MINUTE_MS, "entered_at": fault.start - 30 * HOUR_MS}
    return _notice("维护", "server_notice", number, (ALL_LINKS,), "市局系统升级", **span)


def _notice(name: str, kind: str, number: int, links: tuple[str, ...], reason: str, **facts: object) -> Entry:
    return Entry(id=f"{name}-{number}", kind=kind, links=links, reason=reason, author=_CLERK, **facts)  # type: ignore[arg-type]


_NOTICES: Mapping[str, Callable[[Fault, int], Entry]] = {
    "power_announced": _power_notice,
    "cutover": _cutover,
    "server": _server_notice,
}
