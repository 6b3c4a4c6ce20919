"""Why each slice of an outage happened: the evidence of every rung from both ends, put to the decision table (judgement R4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jinbao_collector.series import Ints
from jinbao_collector.store import SeriesKey
from jinbao_config.contract import Contract
from jinbao_config.links import ALL_LINKS, Link
from jinbao_reports.direction import COUNTED, PeerCounts, around, peer_counts
from jinbao_reports.interval import Span, Spans, intersect, merge
from jinbao_reports.life import begun_ms
from jinbao_reports.measured import Measured
from jinbao_reports.observer import Observer
from jinbao_reports.quality import Quality, quality
from jinbao_reports.smoothing import Slice, smooth
from jinbao_reports.state import LinkState, Outage, outages, service_only
from jinbao_reports.stated import NOTHING_STATED, Stated

_NOT_EDGES = ("heartbeat", "clock_step", COUNTED, "path", "certificate")


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
    _together: dict[tuple[str, str], dict[Outage, Observer]] = field(default_factory=dict)

    def attributed(self, outage: Outage, carried: Spans) -> Attributed:
        attribution = Attribution(self, outage)
        slices, grace = attribution.slices(carried)
        return Attributed(slices, grace, attribution.suspect, attribution.t_ref, attribution.counts())

    def observer(self, outage: Outage) -> Observer | None:
        """The one that looks at all outages of a link together, as a year's should be; None if this is none of ours."""
        key = outage.link, outage.scope
        if key not in self._together:
            state = self.states[outage.link]
            found = list(outages(*key, state.link if outage.scope == "link" else service_only(state)))
            self._together[key] = (
                dict.fromkeys(found, self.observe([Attribution(self, item) for item in found])) if found else {}
            )
        return self._together[key].get(outage)

    def observe(self, found: "list[Attribution]", grace: Spans = ()) -> Observer:
        first = found[0].outage
        return Observer(self, self.link(first.link), first.scope, found, grace)

    def link(self, code: str) -> Link:
        return next(link for link in self.links if link.code == code)

    def quality(self, link: str, spans: Spans) -> Quality:
        reference = self.contract.state.reference
        return quality(self.measured.rung(link, reference.vantage, reference.target, service=False), spans)

    @cached_property
    def county_mains_off(self) -> Spans:
        return self.measured.county().periods("mains_off", "mains_on")

    @cached_property
    def _with_rung(self) -> Mapping[tuple[str, str], tuple[Link, ...]]:
        rungs = {name[1:] for name in self.measured.names}
        return {rung: tuple(link for link in self.links if (link.code, *rung) in self.measured.names) for rung in rungs}

    def with_rung(self, vantage: str, target: str) -> tuple[Link, ...]:
        return self._with_rung.get((vantage, target), ())

    @cached_property
    def edges(self) -> Mapping[str, frozenset[int]]:
        """By link: the instants of the events and statements that concern it; no cause spreads across one."""
        happened: dict[str, set[int]] = {link.code: set() for link in self.links}
        for event in self.measured.events:
            for code in happened if event.link == ALL_LINKS else (event.link,):
                if code in happened and event.event not in _NOT_EDGES:
                    happened[code].add(begun_ms(event))
        return {code: frozenset({*at, *self.stated.get(code, NOTHING_STATED).edges()}) for code, at in happened.items()}

    @cached_property
    def own_rungs(self) -> Mapping[str, tuple[SeriesKey, ...]]:
        """By link: its series and the county's."""
        names = sorted(self.measured.names)
        return {link.code: tuple(name for name in names if name[0] in (link.code, ALL_LINKS)) for link in self.links}


class Attribution:
    """One outage's way from its DOWN spans to slices with causes."""

    def __init__(self, county: County, outage: Outage) -> None:
        self.county, self.outage = county, outage
        self.life = county.measured.township(outage.link)
        self.pieces = tuple(self._pieces())
        self.t_ref = max(self._interval(key) for _, key in self.pieces)

    def _pieces(self) -> Iterator[tuple[Span, SeriesKey]]:
        """The DOWN spans, each with the series that gave it."""
        if self.outage.scope == "service":
            service = self.county.contract.state.service
            yield from ((span, (self.outage.link, service.vantage, service.target)) for span in self.outage.down)
            return
        givers = self.county.states[self.outage.link].givers
        yield from sorted((span, key) for where, key in givers for span in intersect(self.outage.down, where))

    @property
    def _whole(self) -> Span:
        return self.outage.onset, self.outage.down[-1][1]

    def _interval(self, key: SeriesKey) -> int:
        return self.county.measured.rung(*key).longest_within(*self._whole)

    def slices(self, carried: Spans) -> tuple[tuple[Slice, ...], Spans]:
        """In order of time, smoothed; they cover the outage's DOWN spans exactly. And `carried` with the grace they grant."""
        found, grace = self._decided(carried), carried
        granted = merge((*carried, *self._granted(found)))
        if granted != carried:
            found, grace = self._decided(granted), granted
        return smooth(found, tuple(self.edges(grace)), self.county.n * self._longest_interval), grace

    @property
    def suspect(self) -> bool:
        """Whether a sample of the outage was re-stamped by a clock step of 10 s or more (R1.5)."""
        rung = self.county.measured.rung
        return any(rung(*key).is_suspect(span) for span, key in self.pieces)

    def counts(self) -> tuple[PeerCounts, ...]:
        """A service's outage has none: the way was there."""
        if self.outage.scope != "link":
            return ()
        known = peer_counts(self.outage.link, self.county.measured.events)
        return around(known, self._whole, self.county.measured.links.interval("peer"))

    def edges(self, grace: Spans) -> list[int]:
        """The exact instants of the outage's time, in order: statements, events, and where a grace begins and ends."""
        graces = {edge for span in grace for edge in span}
        first, last = self._whole
        return sorted(edge for edge in self.county.edges[self.outage.link] | graces if first <= edge <= last)

    def cuts(self, grace: Spans) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Starts and ends of the slices, and T there: at each sample that gave the state, and at each edge (R4.1)."""
        exact = np.array(self.edges(grace), np.int64)
        for (start, end), key in self.pieces:
            rung = self.county.measured.rung(*key)
            inside = exact[(exact > start) & (exact < end)]
            cuts = np.unique(np.concatenate([[start], rung.singly(start, end).at, inside, [end]]))
            last = np.maximum(rung.results.at.searchsorted(cuts[:-1], "right") - 1, 0)
            yield cuts[:-1], cuts[1:], rung.results.interval[last]

    def _decided(self, grace: Spans) -> tuple[Slice, ...]:
        """A grace cuts into the outage's slices, so that it must be looked at alone."""
        together = None if intersect(grace, (self._whole,)) else self.county.observer(self.outage)
        return tuple((together or self.county.observe([self], grace)).slices(self.outage))

    @cached_property
    def _longest_interval(self) -> int:
        rungs = self.county.own_rungs[self.outage.link]
        longer = [key for key in rungs if self.county.measured.rung(*key).longest_interval > self.t_ref]
        return max([self.t_ref, *map(self._interval, longer)])

    def _granted(self, slices: tuple[Slice, ...]) -> Iterator[Span]:
        """The time after a proven power cut that the contract grants, from mains_on, else from the new boot's first record."""
        lasting = self.county.contract.power.grace
        ends = {self._power_back(piece) for piece in slices if piece.row.number in ("5", "6")}
        yield from ((end, end + lasting) for end in ends if end is not None)

    def _power_back(self, piece: Slice) -> int | None:
        if piece.row.number == "5":
            mains_off = self.life.periods("mains_off", "mains_on")
            return next(end for start, end in mains_off if start <= piece.start < end)
        boot = self.life.new_boot(piece.start)
        return boot.first if boot else None
