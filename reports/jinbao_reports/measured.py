"""What was measured, ready for judgement: each rung's results on the right clock, each agent's life, each site's power."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import Ints, Series
from jinbao_collector.store import Reader, SeriesKey
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, TOWNSHIP_TARGETS, Links, Target
from jinbao_reports.clock_steps import restamp, restamp_events, steps_of
from jinbao_reports.interval import FOREVER, Span, Spans, merge
from jinbao_reports.profiles import OutageRule
from jinbao_reports.timeline import Bools, Results, Timeline, hysteresis, left, results, windows, within


@dataclass(frozen=True, slots=True)
class Rung:
    """A series or a part of it, prepared: `records` has every row, `results` the samples among them."""

    records: Series
    results: Results
    suspect: frozenset[int]
    host: str

    @property
    def rtt(self) -> Ints:
        """Of every sample, microseconds; in 32 bits where they fit, as a year of them is sorted in half the time."""
        rtt = self.records.rtt
        return left(rtt.astype(np.int32, copy=False) if rtt.max(initial=0) < 2**31 else rtt, self.results.gone)

    def nearest(self, starts: Ints, t_ref: Ints) -> Ints:
        """For each instant the sample nearest to it within max(t_ref, its own T), ties to the earlier; else -1."""
        results = self.results
        if not len(results):
            return np.full(len(starts), -1)
        right = results.before(starts)
        left = np.maximum(right - 1, 0)
        right = np.minimum(right, len(results) - 1)
        pick = np.where(np.abs(starts - results.at(left)) <= np.abs(results.at(right) - starts), left, right)
        at = results.at(pick)
        near = np.abs(at - starts) <= np.maximum(t_ref, results.interval(pick))
        return np.where(near, results.before(at), -1)

    def success_share(self, spans: Spans) -> tuple[int, int]:
        """(successes, samples) among the samples that lie in `spans`."""
        parts = [self.results.ok[slice(*self.results.before(span).tolist())] for span in spans]
        return sum(int(np.count_nonzero(part)) for part in parts), sum(map(len, parts))


@dataclass(frozen=True, slots=True)
class _Boot:
    """First and last record of one boot, milliseconds."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class AgentLife:
    """Everything an agent recorded itself, and when it was therefore alive (R4.3)."""

    series: tuple[Series, ...]
    events: tuple[Event, ...]
    interval: int

    def silent(self, starts: Ints) -> Bools:
        """No record proves life at these instants: each record does so for 1.5 T, a heartbeat for 1.5 of its own interval."""
        alive = within(self._proven_by_events, starts)
        for series in self.series:
            if len(series):
                last = series.at.searchsorted(starts, "right") - 1
                before = np.maximum(last, 0)
                alive |= (last >= 0) & (2 * (starts - series.at[before]) < 3 * series.interval[before])
        return ~alive

    @cached_property
    def _proven_by_events(self) -> Spans:
        lasting = ((event.at_us // 1000, event.number("interval_ms") or self.interval) for event in self.events)
        return merge((at, at - (-3 * interval // 2)) for at, interval in lasting)

    @cached_property
    def boots(self) -> tuple[_Boot, ...]:
        """In order of their first record."""
        found: dict[str, _Boot] = {}
        for name, first, last in (
            *self._series_boots(),
            *((event.boot, event.at_us // 1000, event.at_us // 1000) for event in self.events),
        ):
            known = found.get(name, _Boot(name, first, last))
            found[name] = _Boot(name, min(first, known.first), max(last, known.last))
        return tuple(sorted(found.values(), key=lambda boot: (boot.first, boot.last, boot.name)))

    def _series_boots(self) -> Iterator[tuple[str, int, int]]:
        for series in self.series:
            if len(series):
                first = np.flatnonzero(np.append(True, series.boot[1:] != series.boot[:-1]))
                last = np.append(first[1:], len(series)) - 1
                for start, end in zip(first.tolist(), last.tolist(), strict=True):
                    yield series.boots[series.boot[start]], int(series.at[start]), int(series.at[end])

    @cached_property
    def turns(self) -> Ints:
        """The first and last records of all boots, in order."""
        return np.array(sorted(edge for boot in self.boots for edge in (boot.first, boot.last)), np.int64)

    def recovered_after(self, instant: int) -> bool:
        return any(boot.last > instant for boot in self.boots)

    def old_boot(self, instant: int) -> str | None:
        """The boot of the last record before an instant that names its boot, else ""; None if there is no record."""
        before = []
        for events in self._events_by_naming:
            place = bisect_left(events, (instant,)) - 1
            if place >= 0:
                before.append(events[place])
        for series in self.series:
            last = int(series.at.searchsorted(instant)) - 1
            if last >= 0:
                before.append((int(series.at[last]), series.boots[series.boot[last]]))
        return max(before, key=lambda record: (bool(record[1]), record[0]))[1] if before else None

    @cached_property
    def _events_by_naming(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Instants and boots of the events that name their boot, and of those that do not; each in order."""
        found = sorted((event.at_us // 1000, event.boot) for event in self.events)
        return [event for event in found if event[1]], [event for event in found if not event[1]]

    def new_boot(self, instant: int) -> _Boot | None:
        """The next boot with another, non-empty boot_id."""
        old = self.old_boot(instant)
        return next((boot for boot in self.boots if boot.first >= instant and boot.name and boot.name != old), None)

    def clean_stop(self, instant: int) -> bool:
        """Whether the old boot recorded any stop."""
        old = self.old_boot(instant)
        return old is not None and any(event.event == "stop" and event.boot == old for event in self.events)

    def periods(self, begin: str, end: str) -> Spans:
        """Spans between two kinds of event; one never ended ends at the first record of another boot (R9).

        Each begins when what its first event tells may have happened first.
        """
        spans: list[Span] = []
        opened: int | None = None
        resets = sorted((event for event in self.events if event.event in (begin, end)), key=lambda event: event.at_us)
        lost = FOREVER[0][1]
        for event in resets:
            at = event.at_us // 1000
            if event.event == end and opened is not None:
                spans.append((opened, at))
                opened = None
            elif event.event == begin:
                if opened is not None and lost <= at:
                    spans.append((opened, lost))
                    opened = None
                opened = begun_ms(event) if opened is None else opened
                lost = self._other_boot_after(event)
        if opened is not None:
            spans.append((opened, lost))
        return merge(spans)

    def _other_boot_after(self, event: Event) -> int:
        later = [boot.first for boot in self.boots if boot.name not in ("", event.boot) and boot.first > event.at_us // 1000]
        return min(later, default=FOREVER[0][1])


def begun_ms(event: Event) -> int:
    """When what an event tells may have begun, milliseconds: a mains_off says how long before it the mains was last seen, and
    until it was told a dead cpe looked like the carrier's (`within_ms`, docs/agent.md). Others tell of their own instant."""
    within = event.number("within_ms") if event.event == "mains_off" else None
    return event.at_us // 1000 - (within or 0)


@dataclass(frozen=True)
class Measured:
    """A source seen through links.toml and the contract's W, within a window of milliseconds. Prepares each series once."""

    source: Reader
    links: Links
    wait_ms: int
    window: Span
    _records: dict[SeriesKey, tuple[Series, frozenset[int]]] = field(default_factory=dict)
    _rungs: dict[tuple[SeriesKey, bool], Rung] = field(default_factory=dict)
    _timelines: dict[tuple[SeriesKey, OutageRule, bool], Timeline] = field(default_factory=dict)
    _lives: dict[tuple[str, str], AgentLife] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[SeriesKey]:
        return frozenset(self.source.names())

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """On the right clock."""
        return restamp_events(self.source.events(*self.window))

    @cached_property
    def _events_of(self) -> Mapping[tuple[str, str], tuple[Event, ...]]:
        """By link and vantage."""
        found: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            found.setdefault((event.link, event.vantage), []).append(event)
        return {who: tuple(events) for who, events in found.items()}

    def records(self, link: str, vantage: str, target: str) -> Series:
        """Every row of a series, not_sent ones too, on the right clock."""
        return self._restamped((link, vantage, target))[0]

    def _restamped(self, key: SeriesKey) -> tuple[Series, frozenset[int]]:
        if key not in self._records:
            self._records[key] = restamp(self.source.series(*key, *self.window), steps_of(self.events, *key[:2]))
        return self._records[key]

    def rung(self, link: str, vantage: str, target: str, *, service: bool | None = None) -> Rung:
        """One series prepared. `service`: a refusal is a failure, as on the service timeline; by default so for `app`."""
        key = link, vantage, target
        serving = target == "app" if service is None else service
        if (key, serving) not in self._rungs:
            self._rungs[key, serving] = self._prepared(key, self.records(*key), service=serving)
        return self._rungs[key, serving]

    def _prepared(self, key: SeriesKey, records: Series, *, service: bool) -> Rung:
        host = self._host(*key)
        # Nothing is known after `as_of`.
        known = results(records, self.wait_ms, host, service=service, authentic=self._is_reflector(*key), until=self.window[1])
        return Rung(records, known, self._restamped(key)[1], host)

    def _targets(self, link: str, vantage: str) -> Mapping[str, Target]:
        if link == ALL_LINKS:
            return self.links.county.targets
        declared = self.links[link]
        return declared.targets if vantage == "township" else declared.seen_from_county()

    def _host(self, link: str, vantage: str, target: str) -> str:
        targets = self._targets(link, vantage)
        return targets[target].host if target in targets else ""

    def _is_reflector(self, link: str, vantage: str, target: str) -> bool:
        targets = self._targets(link, vantage)
        return target in targets and targets[target].kind == "peer"

    def judged(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Results:
        """What the rule looks at: the samples, or their windows."""
        samples = self.rung(*key, service=service).results
        return samples if rule.dt is None or rule.c is None else windows(samples, rule.dt, rule.c)

    def timeline(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Timeline:
        if (key, rule, service) not in self._timelines:
            self._timelines[key, rule, service] = hysteresis(self.judged(key, rule, service=service), rule.n)
        return self._timelines[key, rule, service]

    def township(self, link: str) -> AgentLife:
        return self._life(link, "township", TOWNSHIP_TARGETS)

    def county(self) -> AgentLife:
        return self._life(ALL_LINKS, "county", COUNTY_SITE_TARGETS)

    def _life(self, link: str, vantage: str, targets: Iterable[str]) -> AgentLife:
        if (link, vantage) not in self._lives:
            series = tuple(self.records(link, vantage, target) for target in targets if (link, vantage, target) in self.names)
            events = self._events_of.get((link, vantage), ())
            self._lives[link, vantage] = AgentLife(series, events, self.links.interval("core"))
        return self._lives[link, vantage]
