"""Why each slice of an outage happened: the evidence of every rung from both ends, put to the decision table (judgement R4)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import Ints
from jinbao_collector.store import SeriesKey
from jinbao_config.contract import Contract
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, Link
from jinbao_config.units import DAY_MS
from jinbao_reports.direction import COUNTED, PeerCounts, around, peer_counts
from jinbao_reports.interval import Span, Spans, intersect, merge
from jinbao_reports.measured import Measured, Rung, begun_ms
from jinbao_reports.quality import Quality, quality
from jinbao_reports.smoothing import Look, Slice, smooth
from jinbao_reports.state import LinkState, Outage
from jinbao_reports.stated import NOTHING_STATED, Stated
from jinbao_reports.table import Everywhere, Observation, Sight, cut_beyond_cpe, decide
from jinbao_reports.timeline import is_refusal, within

_SIGHTS = (Sight.DOWN, Sight.UP, Sight.UNSEEN)
_NOT_EDGES = ("heartbeat", "clock_step", COUNTED)
TOWNSHIP_RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
COUNTY_LINK_RUNGS = ("cpe", "app")
_SHOWN = (*TOWNSHIP_RUNGS, "peer"), (*COUNTY_LINK_RUNGS, "peer")
"""What a slice shows of a link from the township and from the county: the table's rungs, and the reflectors it does not ask."""
_PLACE = {
    **{name: ("township", name) for name in TOWNSHIP_RUNGS},
    **{name: ("county", name) for name in COUNTY_SITE_TARGETS},
    **{f"county_{name}": ("county", name) for name in COUNTY_LINK_RUNGS},
}
"""Vantage and target of the rungs, by field of Observation."""
_BEYOND_CE = ("carrier", "county_cpe", "county_app")
_EVERYWHERE = (Everywhere.DOWN, Everywhere.UP, Everywhere.MIXED)
_MEANING: Mapping[str, Callable[[int], Any]] = {
    **dict.fromkeys(_PLACE, _SIGHTS.__getitem__),
    **dict.fromkeys(("cores", "county_cpes"), _EVERYWHERE.__getitem__),
}
"""What a column's number means, by field of Observation; in the others it is a truth value."""

Sights = npt.NDArray[np.int8 | np.int16]
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

    @cached_property
    def _with_rung(self) -> Mapping[tuple[str, str], tuple[Link, ...]]:
        rungs = {name[1:] for name in self.measured.names}
        return {rung: tuple(link for link in self.links if (link.code, *rung) in self.measured.names) for rung in rungs}

    def with_rung(self, vantage: str, target: str) -> tuple[Link, ...]:
        return self._with_rung.get((vantage, target), ())

    @cached_property
    def own_rungs(self) -> Mapping[str, tuple[SeriesKey, ...]]:
        """By link: its series and the county's."""
        names = sorted(self.measured.names)
        return {link.code: tuple(name for name in names if name[0] in (link.code, ALL_LINKS)) for link in self.links}


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
        self.t_ref = max(self._interval(key) for _, key in self.pieces)

    def _pieces(self) -> Iterator[tuple[Span, SeriesKey]]:
        """The DOWN spans, each with the series that gave it."""
        if self.outage.scope == "service":
            service = self.county.contract.state.service
            yield from ((span, (self.outage.link, service.vantage, service.target)) for span in self.outage.down)
            return
        givers = self.county.states[self.outage.link].givers
        yield from sorted((span, key) for where, key in givers for span in intersect(self.outage.down, where))

    def _interval(self, key: SeriesKey) -> int:
        records = self.county.measured.records(*key)
        first, last = records.at.searchsorted([self.outage.onset, self.outage.down[-1][1]])
        return int(records.interval[first:last].max(initial=0))

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
            begun_ms(event)
            for event in self.county.measured.events
            if event.link in (self.outage.link, ALL_LINKS) and event.event not in _NOT_EDGES
        }
        return events | set(self.stated.edges()) | {edge for span in self.grace for edge in span}

    def _cuts(self) -> tuple[Ints, Ints]:
        """Where slices start and end: at every sample of the series that gave the state, and at every exact instant (R4.1)."""
        exact = np.array(sorted(self._edges()), np.int64)
        starts, ends = [], []
        for (start, end), key in self.pieces:
            results = self.county.measured.rung(*key).results
            inside = exact[(exact > start) & (exact < end)]
            cuts = np.unique(np.concatenate([[start], results.at(results.numbers((start, end))), inside, [end]]))
            starts.append(cuts[:-1])
            ends.append(cuts[1:])
        return np.concatenate(starts), np.concatenate(ends)

    def _decided(self) -> tuple[Slice, ...]:
        starts, ends = self._cuts()
        return tuple(_Observer(self, starts).slices(ends, sorted(self._edges())))

    @cached_property
    def _longest_interval(self) -> int:
        return max([self.t_ref, *(self._interval(key) for key in self.county.own_rungs[self.outage.link])])

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


@dataclass(frozen=True, slots=True)
class _Sighting:
    """What one rung showed at each slice start, and by which sample: its instant (-1: none) and its outcome, one of `words`."""

    sights: Sights
    at: Ints
    outcome: Ints
    words: tuple[str, ...]
    host: str


class _Observer:
    """What every rung showed at each slice start."""

    def __init__(self, outage: Attribution, starts: Ints) -> None:
        self.of, self.starts = outage, starts
        self.county, self.measured = outage.county, outage.county.measured
        self._looked: dict[SeriesKey, _Sighting] = {}

    def slices(self, ends: Ints, edges: list[int]) -> Iterator[Slice]:
        """Neighbours in which nothing differs that the table may ask are one, unless a statement or an event parts them."""
        columns = self._columns()
        apart = (self.starts[1:] != ends[:-1]) | np.isin(self.starts[1:], edges)
        first = _turns(list(columns.values()), apart)
        last = np.append(first[1:], len(self.starts)) - 1
        for begin, end in zip(first.tolist(), last.tolist(), strict=True):
            seen = self._observation(columns, begin)
            yield Slice(int(self.starts[begin]), int(ends[end]), decide(seen), seen, self.looks)

    def _columns(self) -> dict[str, Sights]:
        """By field of Observation; `boots` tells which of the agent's boots lie before."""
        of, life, starts = self.of, self.of.life, self.starts
        silent = life.silent(starts)
        stated = {
            "mains_off": of.mains_off,
            "county_mains_off": self.county.county_mains_off,
            "los": of.los,
            "cutover": of.stated.excluded,
            "power_notice": of.stated.power_notices,
            "server_notice": of.stated.server_notices,
            "grace": of.grace,
        }
        return {
            **self._rungs(of.link),
            **{name: within(spans, starts).astype(np.int8) for name, spans in stated.items()},
            "cores": self._everywhere("core", up_matters=of.outage.scope == "service"),
            "county_cpes": self._everywhere("county_cpe", up_matters=False),
            "app_refused": self._refused(),
            "agent_silent": silent.astype(np.int8),
            "boots": (np.searchsorted(life.turns, starts) if silent.any() else np.zeros(len(starts))).astype(np.int16),
            "group_cut": self._group_cut(),
        }

    def _observation(self, columns: Mapping[str, Sights], index: int) -> Observation:
        seen = {name: _MEANING.get(name, bool)(int(column[index])) for name, column in columns.items() if name != "boots"}
        if seen["agent_silent"]:
            seen |= self._silence(int(self.starts[index]))
        return Observation(service=self.of.outage.scope == "service", **seen)

    @cached_property
    def t_ref(self) -> Ints:
        """T of the sample that gave the state at each slice start."""
        found = np.full(len(self.starts), self.of.t_ref)
        for (start, end), key in self.of.pieces:
            mine = slice(*np.searchsorted(self.starts, [start, end]).tolist())
            results = self.measured.rung(*key).results
            last = np.maximum(results.before(self.starts[mine], inclusive=True) - 1, 0)
            found[mine] = results.interval(last)
        return found

    def looks(self, instant: int) -> tuple[Look, ...]:
        """The samples behind the slice at an instant, township first."""
        index = int(np.searchsorted(self.starts, instant, "right")) - 1
        found = []
        for vantage, targets, code in (
            ("township", _SHOWN[0], self.of.outage.link),
            ("county", COUNTY_SITE_TARGETS, ALL_LINKS),
            ("county", _SHOWN[1], self.of.outage.link),
        ):
            for target in targets:
                seen = self._look((code, vantage, target), self.of.link)
                if seen.at[index] >= 0:
                    found.append(Look(vantage, target, int(seen.at[index]), seen.words[seen.outcome[index]]))
        return tuple(found)

    def _look(self, key: SeriesKey, link: Link) -> _Sighting:
        if key not in self._looked:
            rung, silent = self._around(key, link)
            unseen = silent or not len(rung.results)
            picks = np.full(len(self.starts), -1) if unseen else rung.nearest(self.starts, self.t_ref)
            ok, at, outcome = picks, picks, picks
            if not unseen:
                row = rung.results.row(picks)
                found = rung.results.ok[picks], rung.records.at[row], rung.records.outcome[row]
                ok, at, outcome = (np.where(picks >= 0, column, -1) for column in found)
            self._looked[key] = _Sighting(ok.astype(np.int8), at, outcome, rung.records.outcomes, rung.host)
        return self._looked[key]

    def _around(self, key: SeriesKey, link: Link) -> tuple[Rung, bool]:
        """The samples that may be evidence or tell of silence; and whether the rung is silent.

        A rung that never answers says nothing when it does not answer: declared, or < 50 % in the last 24 h of link UP (R4.2).
        """
        onset, margin = self.of.outage.onset, max(int(self.t_ref.max()), self.measured.longest_interval(*key))
        since, until = min(onset - DAY_MS, int(self.starts[0]) - margin), int(self.starts[-1]) + margin + 1
        rung = self.measured.around(*key, since, until)
        if key[2] in link.silent:
            return rung, True
        good, all_ = rung.success_share(intersect(self.county.states[link.code].link.up, ((onset - DAY_MS, onset),)))
        return rung, all_ > 0 and 2 * good < all_

    def _sights(self, code: str, vantage: str, target: str, link: Link) -> Sights:
        key = code, vantage, target
        return self._look(key, link).sights if key in self.measured.names else np.full(len(self.starts), -1, np.int8)

    @cached_property
    def _blind(self) -> npt.NDArray[np.bool_]:
        """What lies beyond gw or ce cannot be judged while one of these is down (R4.3)."""
        gw, ce = (self._sights(ALL_LINKS, "county", name, self.of.link) for name in ("gw", "ce"))
        blind: npt.NDArray[np.bool_] = (gw == 0) | (ce == 0)
        return blind

    def _field(self, link: Link, name: str) -> Sights:
        """The sights of one field of Observation."""
        vantage, target = _PLACE[name]
        sights = self._sights(ALL_LINKS if target in COUNTY_SITE_TARGETS else link.code, vantage, target, link)
        return np.where(self._blind, -1, sights).astype(np.int8) if name in _BEYOND_CE else sights

    def _rungs(self, link: Link) -> dict[str, Sights]:
        return {name: self._field(link, name) for name in _PLACE}

    def _everywhere(self, name: str, *, up_matters: bool) -> Sights:
        """Indexes of _EVERYWHERE: whether a rung is down, or up, on all links where it is known; this link is asked first.

        Where no row of the scope asks whether all are up, they need not all be asked.
        """
        links = self.county.with_rung(*_PLACE[name])
        known, down, up = np.zeros(len(self.starts), int), np.ones(len(self.starts), bool), np.ones(len(self.starts), bool)
        for link in sorted(links, key=lambda link: link.code != self.of.link.code):
            sights = self._field(link, name)
            known, down, up = known + (sights >= 0), down & (sights != 1), up & (sights != 0)
            if not ((down | up) if up_matters else down).any():
                return np.full(len(self.starts), 2, np.int8)
        alike: Sights = np.where((known >= 2) & down, 0, np.where((known >= 2) & up, 1, 2)).astype(np.int8)
        return alike

    def _refused(self) -> Sights:
        seen = self._look((self.of.outage.link, "township", "app"), self.of.link)
        refusals = [index for index, word in enumerate(seen.words) if is_refusal(word, seen.host)]
        return np.isin(seen.outcome, refusals).astype(np.int8)

    def _silence(self, start: int) -> dict[str, Any]:
        life = self.of.life
        return {
            "agent_recovered": life.recovered_after(start),
            "new_boot": life.new_boot(start) is not None,
            "clean_stop": life.clean_stop(start),
        }

    def _group_cut(self) -> Sights:
        """Where this link and another of its group show the pattern of row 11 or of CARRIER_PATH."""
        group, nowhere = self.of.link.group, np.zeros(len(self.starts), np.int8)
        own = self._cut_beyond_cpe(self.of.link) if group else nowhere
        if not own.any():
            return nowhere
        others = [link for link in self.county.links if link.group == group and link.code != self.of.link.code]
        theirs: Sights = np.bitwise_or.reduce([nowhere, *map(self._cut_beyond_cpe, others)])
        return own & theirs

    def _cut_beyond_cpe(self, link: Link) -> Sights:
        if not (self._field(link, "county_cpe") == 0).any():
            return np.zeros(len(self.starts), np.int8)  # both patterns need it down
        los = within(self.measured.township(link.code).periods("los_on", "los_off"), self.starts)
        columns = {**self._rungs(link), "los": los.astype(np.int8)}
        first = _turns(list(columns.values()))
        found = [
            cut_beyond_cpe(Observation(**{name: _MEANING.get(name, bool)(int(column[at])) for name, column in columns.items()}))
            for at in first.tolist()
        ]
        return np.repeat(np.array(found, np.int8), np.diff(np.append(first, len(self.starts))))


def _turns(columns: list[Sights], apart: npt.NDArray[np.bool_] | None = None) -> Ints:
    """The indexes at which any column has another value than before, or something else parts them."""
    turned = np.zeros(len(columns[0]) - 1, bool) if apart is None else apart
    for column in columns:
        turned = turned | (column[1:] != column[:-1])
    return np.append(0, np.flatnonzero(turned) + 1)
