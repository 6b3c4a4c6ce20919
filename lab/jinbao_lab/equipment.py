"""What a county must have besides its lines and machines, so that the faults asked for can be made in it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.faults import FAULTS
from jinbao_lab.kind import Kind, Need
from jinbao_lab.scenario import Scenario

_DISKS = (Need.LOSABLE_DISK, Need.SMALL_DISK)  # the first serves for both


@dataclass(frozen=True, slots=True)
class Equipment:
    """`lines` are in userspace, `sensed` are the places whose mains is sensed, `disks` the places with a disk of their own;
    `lacking` is what cannot be had in this county at all."""

    lines: frozenset[str]
    sensed: frozenset[str]
    disks: Mapping[str, Need]
    lacking: frozenset[Need]

    def serves(self, county: County, kind: Kind, place: str) -> bool:
        """Whether this fault can be made there."""
        disk = kind.needs.intersection(_DISKS)
        return (
            not kind.needs & self.lacking
            and self.lines.issuperset(kind.lines(county, place))
            and (not kind.ups or place in self.sensed)
            and (not disk or self.disks.get(place) in (*disk, _DISKS[0]))
        )


def equipment_for(scenario: Scenario, lacking: Collection[Need]) -> Equipment:
    """No more than its faults need: a line in userspace costs time, and a link with mains sense is judged by it."""
    return _equipment(scenario.county, [(FAULTS[fault.kind], fault.on) for fault in scenario.fault], lacking)


def equipment_for_all(county: County, lacking: Collection[Need]) -> Equipment:
    """For every fault that can be made anywhere."""
    return _equipment(county, [(kind, place) for kind in FAULTS.values() for place in kind.places(county)], lacking)


def _equipment(county: County, faults: Collection[tuple[Kind, str]], lacking: Collection[Need]) -> Equipment:
    possible = [(kind, place) for kind, place in faults if not kind.needs.intersection(lacking)]
    return Equipment(
        lines=frozenset(line for kind, place in possible for line in kind.lines(county, place)),
        sensed=frozenset(place for kind, place in possible if kind.ups),
        disks=_disks((place, need) for kind, place in possible for need in kind.needs),
        lacking=frozenset(lacking),
    )


def _disks(wanted: Iterable[tuple[str, Need]]) -> dict[str, Need]:
    pairs = set(wanted)
    return {place: next(need for need in _DISKS if (place, need) in pairs) for place, need in pairs if need in _DISKS}


def node_of(place: str) -> str:
    """A place's machine."""
    return "centre" if place == EVERYWHERE else f"a{place}"


def place_of(node: str) -> str:
    """A machine's place: the centre is EVERYWHERE."""
    return node.removeprefix("a") if node != "centre" else EVERYWHERE
