"""Why each slice of an outage happened: the evidence of every rung from both ends, put to the decision table (judgement R4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import Ints
from jinbao_collector.store import SeriesKey
from jinbao_config.contract import Contract
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, Link
from jinbao_config.units import DAY_MS
from jinbao_reports.direction import COUNTED, PeerCounts, around, peer_counts
from jinbao_reports.interval import Span, Spans, contains, intersect, merge
from jinbao_reports.measured import Measured
from jinbao_reports.quality import Quality, quality
from jinbao_reports.smoothing import Look, Slice, smooth
from jinbao_reports.state import LinkState, Outage
from jinbao_reports.stated import NOTHING_STATED, Stated
from jinbao_reports.table import Everywhere, Observation, Sight, cut_beyond_cpe, decide

_SIGHTS = (Sight.DOWN, Sight.UP, Sight.UNSEEN)
_NOT_EDGES = ("heartbeat", "clock_step", COUNTED)
TOWNSHIP_RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
COUNTY_LINK_RUNGS = ("cpe", "app")
_SHOWN = (*TOWNSHIP_RUNGS, "peer"), (*COUNTY_LINK_RUNGS, "peer")
"""What a slice shows of a link from the township and from the county: the table's rungs, and the reflectors it does not ask."""
_BEYOND_CE = ("carrier", "county_cpe", "county_app")

Sights = npt.NDArray[np.int8]
"""Indexes of _SIGHTS, so that -1 is unseen."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """One outage's slices; the grace that its power cuts grant, for the outages after it; whether a clock step touched it.

    `edge_error` is how far its edges may be off: T of the samples that gave it, milliseconds. `counts` are the episodes of
    losses that the ends' reflectors counted around it.
    """

    slices: tuple[Slice, ...]
    grace: Spans = ()
    suspect: bool = False
    edge_error: int = 0
    counts: tuple[PeerCounts, ...] = ()


@dataclass(frozen=True)
class County:
    """All that one link's attribution may look at: every link's measurements, state and statements."""

    measured: Measured
    contract: Contract
    n: int
    links: tuple[Link, ...]
    states: Mapping[str, LinkState]
    stated: Mapping[str, Stated]

    def attributed(self, outage: Outage, carried: Spans) -> Attributed:
        attribution = Attribution(self, outage, carried)
        return Attributed(attribution.slices(), attribution.grace, attribution.suspect, attribution.t_ref, attribution.counts())

    def quality(self, link: str, spans: Spans) -> Quality:
        reference = self.contract.state.reference
        return quality(self.measured.rung(link, reference.vantage, reference.target, service=False), spans)

    @cached_property
    def county_mains_off(self) -> Spans:
        return self.measured.county().periods("mains_off", "mains_on")

    def with_rung(self, vantage: str, target: str) -> list[Link]:
        return [link for link in self.links if (link.code, vantage, target) in self.measured.names]

    def is_silent(self, key: SeriesKey, link: Link, onset: int) -> bool:
        """A rung that never answers says nothing when it does not answer: declared, or < 50 % over the last 24 h of link UP."""
        if key[2] in link.silent:
            return True
        good, all_ = self.measured.rung(*key).success_share(self.states[link.code].link.up, onset - DAY_MS, onset)
        return all_ > 0 and 2 * good < all_


class Attribution:
    """The slices of one outage. `grace` may be carried in from the outage before, and holds this one's too afterwards."""

    def __init__(self, county: County, outage: Outage, carried: Spans = ()) -> None:
        self.county, self.outage, self.grace = county, outage, carried
        self.link = next(link for link in county.links if link.code == outage.link)
        self.stated = county.stated.get(outage.link, NOTHING_STATED)
        self.life = county.measured.township(outage.link)
        self.mains_off = self.life.periods("mains_off", "mains_on")
        self.los = self.life.periods("los_on", "los_off")
        self.pieces = tuple(self._pieces())
        self.t_ref = max((self._interval(key) for _, key in self.pieces), default=county.measured.links.interval("core"))

    def _pieces(self) -> Iterator[tuple[Span, SeriesKey]]:
        """The DOWN spans, each with the series that gave it."""
        if self.outage.scope == "service":
            service = self.county.contract.state.service
            yield from ((span, (self.outage.link, service.vantage, service.target)) for span in self.outage.down)
            return
        givers = self.county.states[self.outage.link].givers
        yield from sorted((span, key) for where, key in givers for span in intersect(self.outage.down, where))

    def _interval(self, key: SeriesKey) -> int:
        results = self.county.measured.rung(*key).results
        first, last = np.searchsorted(results.at, [self.outage.onset, self.outage.down[-1][1]])
        return int(results.interval[first:last].max(initial=0)) or self.county.measured.links.interval(key[2])

    def slices(self) -> tuple[Slice, ...]:
        """In order of time, smoothed; they cover the outage's DOWN spans exactly."""
        found = self._decided()
        granted = merge((*self.grace, *self._granted(found)))
        if granted != self.grace:
            self.grace = granted
            found = self._decided()
        return smooth(found, tuple(sorted(self._edges())), self.county.n * self._longest_interval)

    @property
    def suspect(self) -> bool:
        """Whether a sample of the outage was re-stamped by a clock step of 10 s or more (R1.5)."""
        rung = self.county.measured.rung
        return any(start <= at < end for (start, end), key in self.pieces for at in rung(*key).suspect)

    def counts(self) -> tuple[PeerCounts, ...]:
        """A service's outage has none: the way was there."""
        if self.outage.scope != "link":
            return ()
        known = peer_counts(self.outage.link, self.county.measured.events)
        return around(known, (self.outage.onset, self.outage.down[-1][1]), self.county.measured.links.interval("peer"))

    def _edges(self) -> set[int]:
        events = {
            event.at_us // 1000
            for event in self.county.measured.events
            if event.link in (self.outage.link, ALL_LINKS) and event.event not in _NOT_EDGES
        }
        return events | set(self.stated.edges()) | {edge for span in self.grace for edge in span}

    def _cuts(self) -> Iterator[Span]:
        """At every sample of the series that gave the state, and at every exact instant (R4.1)."""
        exact = np.array(sorted(self._edges()), np.int64)
        for (start, end), key in self.pieces:
            at = self.county.measured.rung(*key).results.at
            inside = [instants[(instants > start) & (instants < end)] for instants in (at, exact)]
            cuts = np.unique(np.concatenate([[start], *inside, [end]])).tolist()
            yield from pairwise(cuts)

    def _decided(self) -> tuple[Slice, ...]:
        cuts = tuple(self._cuts())
        observer = _Observer(self, np.array([start for start, _ in cuts], np.int64))
        return tuple(
            Slice(start, end, decide(seen), seen, observer.looks(index))
            for index, ((start, end), seen) in enumerate(zip(cuts, observer.observations(), strict=True))
        )

    @cached_property
    def _longest_interval(self) -> int:
        return max([self.t_ref, *(self._interval(key) for key in self._own_rungs())])

    def _own_rungs(self) -> Iterator[SeriesKey]:
        for name in self.county.measured.names:
            if name[0] in (self.outage.link, ALL_LINKS):
                yield name

    def _granted(self, slices: tuple[Slice, ...]) -> Iterator[Span]:
        """The time after a proven power cut that the contract grants, from mains_on, else from the new boot's first record."""
        lasting = self.county.contract.power.grace
        ends = {self._power_back(piece) for piece in slices if piece.row.number in ("5", "6")}
        yield from ((end, end + lasting) for end in ends if end is not None)

    def _power_back(self, piece: Slice) -> int | None:
        if piece.row.number == "5":
            return next(end for start, end in self.mains_off if start <= piece.start < end)
        boot = self.life.new_boot(piece.start)
        return boot.first if boot else None


class _Observer:
    """What every rung showed at each slice start."""

    def __init__(self, outage: Attribution, starts: Ints) -> None:
        self.of, self.starts = outage, starts
        self.county, self.measured = outage.county, outage.county.measured
        self._seen: dict[SeriesKey, tuple[Sights, Ints]] = {}
        self._by_link: dict[str, dict[str, Sights]] = {}

    def observations(self) -> Iterator[Observation]:
        rungs = self._rungs(self.of.link)
        silent = self.of.life.silent(self.starts)
        cores, county_cpes = self._everywhere("township", "core"), self._everywhere("county", "cpe")
        refused = self._refused()
        for index, start in enumerate(self.starts.tolist()):
            seen = Observation(
                service=self.of.outage.scope == "service",
                **_at(rungs, index),
                app_refused=refused[index],
                cores=cores[index],
                county_cpes=county_cpes[index],
                mains_off=contains(self.of.mains_off, start),
                county_mains_off=contains(self.county.county_mains_off, start),
                los=contains(self.of.los, start),
                cutover=contains(self.of.stated.excluded, start),
                power_notice=contains(self.of.stated.power_notices, start),
                server_notice=contains(self.of.stated.server_notices, start),
                grace=contains(self.of.grace, start),
            )
            if silent[index]:
                seen = replace(seen, agent_silent=True, **self._silence(start))
            yield replace(seen, group_cut=True) if self._group_cut(seen, index) else seen

    @cached_property
    def t_ref(self) -> Ints:
        """T of the sample that gave the state at each slice start."""
        found = np.full(len(self.starts), self.of.t_ref)
        for (start, end), key in self.of.pieces:
            mine = (self.starts >= start) & (self.starts < end)
            results = self.measured.rung(*key).results
            last = np.maximum(np.searchsorted(results.at, self.starts[mine], "right") - 1, 0)
            found[mine] = results.interval[last]
        return found

    def looks(self, index: int) -> tuple[Look, ...]:
        """The samples behind one slice, township first."""
        found = []
        for vantage, targets, code in (
            ("township", _SHOWN[0], self.of.outage.link),
            ("county", COUNTY_SITE_TARGETS, ALL_LINKS),
            ("county", _SHOWN[1], self.of.outage.link),
        ):
            for target in targets:
                _, picks = self._sights((code, vantage, target), self.of.link)
                if picks[index] >= 0:
                    series = self.measured.rung(code, vantage, target).series
                    pick = picks[index]
                    found.append(Look(vantage, target, int(series.at[pick]), series.outcomes[series.outcome[pick]]))
        return tuple(found)

    def _sights(self, key: SeriesKey, link: Link) -> tuple[Sights, Ints]:
        if key not in self._seen:
            unseen = np.full(len(self.starts), -1)
            if key not in self.measured.names or self.county.is_silent(key, link, self.of.outage.onset):
                self._seen[key] = unseen.astype(np.int8), unseen
            else:
                rung = self.measured.rung(*key)
                picks = rung.nearest(self.starts, self.t_ref)
                ok = rung.results.ok[picks] if len(rung.results) else np.zeros(len(picks), bool)
                self._seen[key] = np.where(picks >= 0, ok, -1).astype(np.int8), picks
        return self._seen[key]

    def _rungs(self, link: Link) -> dict[str, Sights]:
        """Sights by Observation field. What lies beyond gw or ce cannot be judged while one of these is down (R4.3)."""
        if link.code not in self._by_link:
            self._by_link[link.code] = self._look_at(link)
        return self._by_link[link.code]

    def _look_at(self, link: Link) -> dict[str, Sights]:
        rungs = {name: self._sights((link.code, "township", name), link)[0] for name in TOWNSHIP_RUNGS}
        rungs |= {name: self._sights((ALL_LINKS, "county", name), self.of.link)[0] for name in COUNTY_SITE_TARGETS}
        rungs |= {f"county_{name}": self._sights((link.code, "county", name), link)[0] for name in COUNTY_LINK_RUNGS}
        blind = (rungs["gw"] == 0) | (rungs["ce"] == 0)
        return {name: np.where(blind, -1, sights) if name in _BEYOND_CE else sights for name, sights in rungs.items()}

    def _everywhere(self, vantage: str, target: str) -> list[Everywhere]:
        field = target if vantage == "township" else f"county_{target}"
        links = self.county.with_rung(vantage, target)
        if len(links) < 2:
            return [Everywhere.MIXED] * len(self.starts)
        sights = np.stack([self._rungs(link)[field] for link in links])
        known = (sights >= 0).sum(axis=0) >= 2
        down, up = ((sights == value) | (sights < 0) for value in (0, 1))
        alike = np.where(known & down.all(axis=0), 0, np.where(known & up.all(axis=0), 1, 2))
        return [(Everywhere.DOWN, Everywhere.UP, Everywhere.MIXED)[index] for index in alike.tolist()]

    def _refused(self) -> list[bool]:
        key = self.of.outage.link, "township", "app"
        _, picks = self._sights(key, self.of.link)
        rung = self.measured.rung(*key)
        return [pick >= 0 and rung.refused(pick) for pick in picks.tolist()]

    def _silence(self, start: int) -> dict[str, Any]:
        life = self.of.life
        return {
            "agent_recovered": life.recovered_after(start),
            "new_boot": life.new_boot(start) is not None,
            "clean_stop": life.clean_stop(start),
        }

    def _group_cut(self, seen: Observation, index: int) -> bool:
        """This link and another of its group show the pattern of row 11 or of CARRIER_PATH."""
        group = self.of.link.group
        if not group or not cut_beyond_cpe(seen):
            return False
        others = (link for link in self.county.links if link.group == group and link.code != self.of.link.code)
        return any(cut_beyond_cpe(self._seen_on(link, index)) for link in others)

    def _seen_on(self, link: Link, index: int) -> Observation:
        los = self.measured.township(link.code).periods("los_on", "los_off")
        return Observation(**_at(self._rungs(link), index), los=contains(los, int(self.starts[index])))


def _at(rungs: Mapping[str, Sights], index: int) -> dict[str, Any]:
    return {name: _SIGHTS[sights[index]] for name, sights in rungs.items()}
