"""Every look at a line that the sampling may bring about at one instant, and the rows that these lead to (judgement R4.3).

Mostly there is one. There are more where it cannot be told whether an agent records already, whether a hop answers this
time, or whether a rung counts as one that never answers.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from jinbao_lab import nature, rulebook
from jinbao_lab.county import EVERYWHERE
from jinbao_lab.defects import Answer
from jinbao_lab.lives import EITHER, NO, YES, Maybe
from jinbao_lab.observer import Observer, Trouble
from jinbao_lab.rulebook import Look

Sights = frozenset[bool | None]
_BLIND: Sights = frozenset({None})
Options = frozenset[bool | str | None]
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
        worlds = self._worlds(at)
        return frozenset(self._row(look) for ends in worlds for look in self._in_world(at, ends))

    def mixed_rows(self, around: Iterable[int]) -> frozenset[str]:
        """The rows that may be found where samples of one look were taken in any of these intervals.

        What one agent asks of one link it asks at one instant; of another link, and another agent, at others. Facts are those
        of the slice's beginning, and it begins where the line is found down: there, or T after.
        """
        worlds = [(at, ends) for at in around for ends in self._worlds(at)]
        down = [(at, ends) for at, ends in worlds if self._is_found_down(at)]
        apart = product(
            _distinct(self._mine(at, ends) for at, ends in worlds),
            _distinct(self._theirs(at, ends) for at, ends in worlds),
            _distinct(self._facts(at, ends) for at, ends in down),
            {site for at, ends in worlds for site in self._sites(at, ends)},
        )
        found = set()
        for mine, theirs, facts, site in apart:
            beyond = _either(self._beyond(at, ends, *site) for at, ends in worlds)
            beyond["cores"] = _either({"cores": self._cores(at, ends)} for at, ends in worlds)["cores"]
            found |= set(map(self._row, _looks({**mine, **theirs, **facts, **beyond})))
        return frozenset(found)

    def _is_found_down(self, at: int) -> bool:
        observer = self.observer
        states = (observer.services if self.trouble.scope == "service" else observer.states)[self.township]
        since_us = observer.cuts[at] - observer.rule.once_us
        return any(False in states[back] for back in range(at + 1) if back == at or observer.cuts[back + 1] > since_us)

    def _row(self, look: Look) -> str:
        return rulebook.service_row(look) if self.trouble.scope == "service" else rulebook.line_row(look)

    def _worlds(self, at: int) -> list[Ends]:
        return [Ends(*ends) for ends in product(self._records(self.township, at), self._records(EVERYWHERE, at))]

    def _records(self, place: str, at: int) -> Maybe:
        """Whether an agent's samples tell at that instant: its last ones still do for a while when it is dead."""
        observer = self.observer
        recorded = observer.recorded[place][at]
        if recorded is False:
            return EITHER if observer.agents[place].fades(observer.starts[at], observer.rule.fading_us) else NO
        return EITHER if recorded is None else YES

    def _in_world(self, at: int, ends: Ends) -> Iterator[Look]:
        common = {**self._mine(at, ends), **self._theirs(at, ends), **self._facts(at, ends), "cores": self._cores(at, ends)}
        for site in self._sites(at, ends):
            yield from _looks(common | self._beyond(at, ends, *site))

    def _mine(self, at: int, ends: Ends) -> dict[str, Options]:
        rungs = {rung: self._sights(self.township, "township", rung, at, ends) for rung in nature.TOWNSHIP_RUNGS}
        return {**rungs, "refused": Maybe({self._refused(at)})}

    def _theirs(self, at: int, ends: Ends) -> dict[str, Options]:
        return {f"county_{rung}": self._sights(self.township, "county", rung, at, ends) for rung in ("cpe", "app")}

    def _sites(self, at: int, ends: Ends) -> Iterator[tuple[bool | None, ...]]:
        yield from product(*(self._sights(EVERYWHERE, "county", rung, at, ends) for rung in nature.SITE_RUNGS))

    def _cores(self, at: int, ends: Ends) -> Options:
        return self._everywhere("township", "core", at, ends, blind=False)

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
        told = reversed(self.observer.heard(place, vantage, rung)[: at + 1])
        heard = next((one for one in told if one.recorded is not False), None)
        records = ends.township if vantage == "township" else ends.county
        if heard is None or not records:
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


def _looks(options: Mapping[str, Options]) -> Iterator[Look]:
    """Every combination."""
    yield from map(Look._make, product(*(options[name] for name in Look._fields)))


def _distinct(found: Iterable[dict[str, Options]]) -> list[dict[str, Options]]:
    kept: list[dict[str, Options]] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return kept


def _either(found: Iterable[Mapping[str, Options]]) -> dict[str, Options]:
    """All that any of them leaves open, field by field."""
    merged: dict[str, Options] = {}
    for one in found:
        merged |= {name: merged.get(name, Options()) | options for name, options in one.items()}
    return merged


def _tally(tally: tuple[int, int], sight: bool | None) -> tuple[int, int]:
    """(up, down) so far, each at most two: more says nothing more."""
    up, down = tally
    return min(2, up + (sight is True)), min(2, down + (sight is False))


def _alike(up: int, down: int) -> str:
    if up + down < 2 or (up and down):
        return rulebook.SOME
    return rulebook.ALL if up else rulebook.NONE
