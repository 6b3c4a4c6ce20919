"""What judgement found in the demonstration year beside what was done to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinbao_config import units
from jinbao_lab.year_plan import Fault
from jinbao_lab.year_samples import INTERVAL_MS

_EDGE_MS = 2 * INTERVAL_MS


@dataclass(frozen=True, slots=True)
class Comparison:
    """`faults` counts each on each of its links; a miss says what was expected and what was found."""

    faults: int
    misses: tuple[str, ...]

    @property
    def right(self) -> int:
        return self.faults - len(self.misses)


def compare(faults: Sequence[Fault], statement: Mapping[str, Any]) -> Comparison:
    """Every fault with a cause is an outage of that cause with these edges on each of its links, and there is no other but
    where enough was lost by chance."""
    outages = {link["link"]: list(map(_Outage.of, link["outages"])) for link in statement["links"]}
    expected = [(fault, link) for fault in faults if fault.nature.cause for link in fault.links]
    misses = [miss for fault, link in expected for miss in _missed(fault, link, outages[link])]
    for link, found in outages.items():
        mine = [fault for fault in faults if link in fault.links]
        misses += [f"{link}: {one} although nothing was done" for one in found if not any(map(one.may_be_of, mine))]
    return Comparison(len(expected), tuple(misses))


@dataclass(frozen=True, slots=True)
class _Outage:
    scope: str
    start: int
    end: int | None
    causes: frozenset[str]

    @classmethod
    def of(cls, outage: Mapping[str, Any]) -> "_Outage":
        end = units.instant_ms(outage["restored"]) if outage["restored"] else None
        return cls(outage["scope"], units.instant_ms(outage["onset"]), end, frozenset(one["cause"] for one in outage["slices"]))

    def is_of(self, fault: Fault) -> bool:
        return self.scope == fault.nature.scope and self._meets(fault)

    def may_be_of(self, fault: Fault) -> bool:
        return self._meets(fault) if fault.nature.cause is None else self.is_of(fault)

    def _meets(self, fault: Fault) -> bool:
        end = fault.end if self.end is None else self.end
        return self.start < fault.end + _EDGE_MS and end > fault.start - _EDGE_MS

    def __str__(self) -> str:
        return f"{self.scope} outage at {self.start} of {', '.join(sorted(self.causes))}"


def _missed(fault: Fault, link: str, outages: Sequence[_Outage]) -> Iterator[str]:
    name = f"{fault.kind} on {link} at {fault.start}"
    mine = [one for one in outages if one.is_of(fault)]
    if not mine:
        yield f"{name}: no outage was found"
        return
    causes = {cause for one in mine for cause in one.causes}
    if fault.nature.cause not in causes:
        yield f"{name}: expected {fault.nature.cause}, found {', '.join(sorted(causes))}"
    elif abs(mine[0].start - fault.start) > _EDGE_MS:
        yield f"{name}: found {mine[0].start - fault.start} ms off"
