"""Every look at a line that the sampling may bring about at one instant, and the rows that these lead to (judgement R4.3).

Mostly there is one. There are more where it cannot be told whether an agent records already, whether a hop answers this
time, or whether a rung counts as one that never answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from jinbao_lab import nature, rulebook
from jinbao_lab.county import EVERYWHERE
from jinbao_lab.defects import Answer
from jinbao_lab.hearing import Heard
from jinbao_lab.lives import EITHER, NO, YES, Maybe
from jinbao_lab.observer import Observer, Trouble
from jinbao_lab.rulebook import Look

Sights = frozenset[bool | None]
_BLIND: Sights = frozenset({None})
Options = frozenset[bool | None] | frozenset[bool] | frozenset[str]
"""What one field of a Look may be."""


class Grace(NamedTuple):
    """The time a proven power cut grants: it begins within [begin, latest), microseconds; `sure`: it is granted for certain."""

    begin: int
    latest: int
    sure: bool


class Ends(NamedTuple):
    """Whether the township's and the county's agent record, in one possible world."""

    township: bool
    county: bool


@dataclass
class Looks:
    """At one township's line or service in one trouble. `graces` are known before."""

    observer: Observer
    township: str
    trouble: Trouble
    graces: tuple[Grace, ...] = ()
    _silent: dict[tuple[str, str, str], Maybe] = field(default_factory=dict)

    def rows(self, at: int) -> frozenset[str]:
        """The rows that may be found in interval `at`."""
        row = rulebook.service_row if self.trouble.scope == "service" else rulebook.line_row
        return frozenset(map(row, self._at(at)))

    def _at(self, at: int) -> Iterator[Look]:
        for ends in product(self._records(self.township, at), self._records(EVERYWHERE, at)):
            yield from self._in_world(at, Ends(*ends))

    def _records(self, place: str, at: int) -> Maybe:
        """Whether an agent's samples tell at that instant: its last ones still do for a while when it is dead."""
        observer = self.observer
        recorded = observer.recorded[place][at]
        if recorded is False:
            return EITHER if observer.agents[place].fades(observer.starts[at], observer.rule.fading_us) else NO
        return EITHER if recorded is None else YES

    def _in_world(self, at: int, ends: Ends) -> Iterator[Look]:
        common = {**self._rungs(at, ends), **self._facts(at, ends)}
        common["cores"] = self._everywhere("township", "core", at, ends, blind=False)
        for site in product(*(self._sights(EVERYWHERE, "county", rung, at, ends) for rung in nature.SITE_RUNGS)):
            yield from _looks(common | self._beyond(at, ends, *site))

    def _rungs(self, at: int, ends: Ends) -> dict[str, Options]:
        mine = {rung: self._sights(self.township, "township", rung, at, ends) for rung in nature.TOWNSHIP_RUNGS}
        theirs = {f"county_{rung}": self._sights(self.township, "county", rung, at, ends) for rung in ("cpe", "app")}
        return {**mine, **theirs, "refused": Maybe({self._refused(at)})}

    def _beyond(self, at: int, ends: Ends, gw: bool | None, ce: bool | None, carrier: bool | None) -> dict[str, Options]:
        """What depends on the county's own side: nothing behind gw and ce can be judged while one of them is down."""
        blind = gw is False or ce is False
        site = gw, ce, None if blind else carrier
        found: dict[str, Options] = {name: Sights({sight}) for name, sight in zip(nature.SITE_RUNGS, site, strict=True)}
        found["county_cpes"] = self._everywhere("county", "cpe", at, ends, blind=blind)
        found["neighbour_cut"] = self._neighbour_cut(at, ends, site)
        return found | ({"county_cpe": _BLIND, "county_app": _BLIND} if blind else {})

    def _refused(self, at: int) -> bool:
        return self.observer.answer(self.observer.now[at], self.township, "township", "app") is Answer.REFUSED

    def _sights(self, place: str, vantage: str, rung: str, at: int, ends: Ends) -> Sights:
        """What one rung may show; not measured where its agent tells nothing, or where the rung is a silent one."""
        records = ends.township if vantage == "township" else ends.county
        heard = _last_told(self.observer.heard(place, vantage, rung), at) if records else None
        if heard is None:
            return _BLIND
        shown = Sights({True, False} if heard.answers is None else {heard.answers})
        silent = self._is_silent(place, vantage, rung)
        return shown if silent is NO else _BLIND if silent is YES else shown | _BLIND

    def _is_silent(self, place: str, vantage: str, rung: str) -> Maybe:
        key = place, vantage, rung
        if key not in self._silent:
            of = self.township if place == EVERYWHERE else place
            self._silent[key] = self.observer.silent(*key, of, self.trouble.first)
        return self._silent[key]

    def _everywhere(self, vantage: str, rung: str, at: int, ends: Ends, *, blind: bool) -> frozenset[str]:
        """How the same rung may look on all links where it is known."""
        if blind:
            return frozenset({rulebook.SOME})
        tallies = {(0, 0)}
        for place in self.observer.county.townships:
            sights = frozenset().union(*(self._sights(place, vantage, rung, at, one) for one in self._ends_of(place, at, ends)))
            tallies = {_tally(tally, sight) for tally in tallies for sight in sights}
        return frozenset(_alike(*tally) for tally in tallies)

    def _ends_of(self, place: str, at: int, ends: Ends) -> Iterable[Ends]:
        if place == self.township:
            return (ends,)
        return [Ends(records, ends.county) for records in self._records(place, at)]

    def _neighbour_cut(self, at: int, ends: Ends, site: tuple[bool | None, ...]) -> Maybe:
        """Whether another line of the group shows a cut beyond its 光猫 as well."""
        group = self.observer.county.group(self.township)
        found: set[bool] = {False}
        for place in self.observer.county.townships:
            if place != self.township and self.observer.county.group(place) == group:
                shown = set(self._shows_cut(place, at, ends, site))
                found = {one or other for one in found for other in shown}
        return Maybe(found)

    def _shows_cut(self, place: str, at: int, ends: Ends, site: tuple[bool | None, ...]) -> Iterator[bool]:
        gw, ce, carrier = site
        blind = gw is False or ce is False
        for one in self._ends_of(place, at, ends):
            sights = [self._sights(place, "township", rung, at, one) for rung in ("cpe", "edge", "core")]
            sights.append(_BLIND if blind else self._sights(place, "county", "cpe", at, one))
            for cpe, edge, core, county_cpe in product(*sights):
                yield rulebook.cut(_NOTHING._replace(
                    cpe=cpe, edge=edge, core=core, county_cpe=county_cpe, gw=gw, ce=ce, carrier=carrier
                ))  # fmt: skip

    def _facts(self, at: int, ends: Ends) -> dict[str, Options]:
        observer, start = self.observer, self.observer.starts[at]
        agent = observer.agents[self.township]
        rebooted, returned = (NO, YES) if ends.township else agent.returns(start)
        fades = agent.fades(start, observer.rule.fading_us)
        return {
            "silent": NO if ends.township else EITHER if fades else YES,
            "rebooted": rebooted,
            "returned": returned,
            "mains_off": observer.mains_off[self.township][at],
            "county_mains_off": observer.mains_off[EVERYWHERE][at],
            "cutover": Maybe({observer.is_noticed("exclusion", self.township, start)}),
            "power_notice": Maybe({observer.is_noticed("power_notice", self.township, start)}),
            "server_notice": Maybe({observer.is_noticed("server_notice", self.township, start)}),
            "grace": self._in_grace(start),
        }

    def _in_grace(self, start: int) -> Maybe:
        lasting = self.observer.grace_us
        may = any(one.begin <= start < one.latest + lasting for one in self.graces)
        must = any(one.sure and one.latest <= start < one.begin + lasting for one in self.graces)
        return YES if must else EITHER if may else NO


_RUNGS = ("lan", "cpe", "edge", "core", "app", "nic", "gw", "ce", "carrier", "county_cpe", "county_app")
_TALLIES = ("cores", "county_cpes")
_NOTHING = Look._make(None if name in _RUNGS else rulebook.SOME if name in _TALLIES else False for name in Look._fields)
"""A look at which nothing was measured."""


def _last_told(heard: Sequence[Heard], at: int) -> Heard | None:
    """What a rung showed there, or when it was last recorded."""
    return next((heard[back] for back in range(at, -1, -1) if heard[back].recorded is not False), None)


def _looks(options: Mapping[str, Options]) -> Iterator[Look]:
    """Every combination."""
    yield from map(Look._make, product(*(options[name] for name in Look._fields)))


def _tally(tally: tuple[int, int], sight: bool | None) -> tuple[int, int]:
    """(up, down) so far, each at most two: more says nothing more."""
    up, down = tally
    return min(2, up + (sight is True)), min(2, down + (sight is False))


def _alike(up: int, down: int) -> str:
    if up + down < 2 or (up and down):
        return rulebook.SOME
    return rulebook.ALL if up else rulebook.NONE
