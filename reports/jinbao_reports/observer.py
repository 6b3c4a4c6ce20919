"""All that the decision table may ask about the outages of a link, slice by slice (judgement R4.1, R4.3)."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from jinbao_collector.series import Ints
from jinbao_config.links import Link
from jinbao_reports.interval import Spans
from jinbao_reports.ladder import PLACE, Ladder, Sights, meaning, turns
from jinbao_reports.smoothing import Look, Slice
from jinbao_reports.state import Outage
from jinbao_reports.stated import NOTHING_STATED
from jinbao_reports.table import Observation, decide
from jinbao_reports.timeline import within

if TYPE_CHECKING:
    from jinbao_reports.attribution import Attribution, County


class Observer:
    """What was seen at each slice start of some outages of one link and scope, in order of time."""

    def __init__(self, county: "County", link: Link, scope: str, outages: "Sequence[Attribution]", grace: Spans = ()) -> None:
        self.county, self.link, self.scope, self.grace = county, link, scope, grace
        self.life = county.measured.township(link.code)
        cuts = [list(item.cuts(grace)) for item in outages]
        self.starts, self.ends, t_ref = (np.concatenate(column) for column in zip(*chain(*cuts), strict=True))
        lengths = [sum(len(starts) for starts, _, _ in mine) for mine in cuts]
        self.onsets = np.repeat(np.array([item.outage.onset for item in outages], np.int64), lengths)
        self.edges = [edge for item in outages for edge in item.edges(grace)]
        self.ladder = Ladder(county, link, self.starts, t_ref, self.onsets)

    def slices(self, outage: Outage) -> Iterator[Slice]:
        """Neighbours in which nothing differs that the table may ask are one, unless a statement or an event parts them."""
        begin, end = self.onsets.searchsorted(outage.onset), self.onsets.searchsorted(outage.onset, "right")
        first = self._first[self._first.searchsorted(begin) : self._first.searchsorted(end)].tolist()
        for start, following in pairwise([*first, int(end)]):
            seen = self._observation(start)
            yield Slice(int(self.starts[start]), int(self.ends[following - 1]), decide(seen), seen, self._looks)

    def _looks(self, instant: int) -> tuple[Look, ...]:
        """The samples behind the slice at an instant."""
        return self.ladder.looks(int(self.starts.searchsorted(instant, "right")) - 1)

    @cached_property
    def _first(self) -> Ints:
        apart = (self.starts[1:] != self.ends[:-1]) | np.isin(self.starts[1:], self.edges)
        return turns([*self._columns.values(), self._boots], apart)

    @cached_property
    def _columns(self) -> dict[str, Sights]:
        stated, life = self.county.stated.get(self.link.code, NOTHING_STATED), self.life
        spans = {
            "mains_off": life.periods("mains_off", "mains_on"),
            "county_mains_off": self.county.county_mains_off,
            "los": life.periods("los_on", "los_off"),
            "cutover": stated.excluded,
            "power_notice": stated.power_notices,
            "server_notice": stated.server_notices,
            "grace": self.grace,
        }
        return {
            **self.ladder.fields(),
            **{name: within(known, self.starts).astype(np.int8) for name, known in spans.items()},
            "app_refused": self.ladder.refused(),
            "agent_silent": life.silent(self.starts).astype(np.int8),
            "cores": self._everywhere("core", up_matters=self.scope == "service"),
            "county_cpes": self._everywhere("county_cpe", up_matters=False),
            "group_cut": self._group_cut(),
        }

    @cached_property
    def _boots(self) -> Sights:
        """Where the agent is silent: how many boots began or ended before. What `_silence` says turns with it."""
        silent = self._columns["agent_silent"]
        return (self.life.turns.searchsorted(self.starts) if silent.any() else silent).astype(np.int16)

    def _observation(self, index: int) -> Observation:
        seen = meaning(self._columns, index)
        if seen["agent_silent"]:
            seen |= self._silence(int(self.starts[index]))
        return Observation(service=self.scope == "service", **seen)

    def _silence(self, start: int) -> dict[str, Any]:
        return {
            "agent_recovered": self.life.recovered_after(start),
            "new_boot": self.life.new_boot(start) is not None,
            "clean_stop": self.life.clean_stop(start),
        }

    def _everywhere(self, name: str, *, up_matters: bool) -> Sights:
        """Whether a rung is down (0), or up (1), on all links where it is known, at least two; else 2.

        This link is asked first, the others where it is still open. Where no row of the scope asks whether all are up, it is
        never said.
        """
        known = np.zeros(len(self.starts), int)
        down, up = np.ones(len(self.starts), bool), np.full(len(self.starts), up_matters)
        which = np.arange(len(self.starts))
        for link in sorted(self.county.with_rung(*PLACE[name]), key=lambda link: link.code != self.link.code):
            sights = (self.ladder if link == self.link else self.ladder.of(link, which)).field(name)
            known[which] += sights >= 0
            down[which] &= sights != 1
            up[which] &= sights != 0
            which = which[down[which] | up[which]]
        alike: Sights = np.where((known >= 2) & down, 0, np.where((known >= 2) & up, 1, 2)).astype(np.int8)
        return alike

    def _group_cut(self) -> Sights:
        """Where this link and another of its group are cut beyond the cpe."""
        found = np.zeros(len(self.starts), np.int8)
        which = np.flatnonzero(self.ladder.cut_beyond_cpe() if self.link.group else found)
        for link in self.county.links:
            if len(which) and link.group == self.link.group and link.code != self.link.code:
                found[which] |= self.ladder.of(link, which).cut_beyond_cpe()
        return found
