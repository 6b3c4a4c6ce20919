"""What was measured, ready for judgement: each rung's results on the right clock, each agent's life, each site's power."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import Ints, Series
from jinbao_collector.store import Reader, SeriesKey
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, TOWNSHIP_TARGETS, Links
from jinbao_reports.clock_steps import restamp, steps_of
from jinbao_reports.interval import FOREVER, Span, Spans, merge
from jinbao_reports.profiles import OutageRule
from jinbao_reports.timeline import Bools, Results, Timeline, hysteresis, is_refusal, results, sent, windows


@dataclass(frozen=True, slots=True)
class Rung:
    """One series prepared: `series` without not_sent rows and `results` run in step; `records` has every row."""

    records: Series
    series: Series
    results: Results
    suspect: frozenset[int]
    host: str

    def nearest(self, starts: Ints, t_ref: Ints) -> Ints:
        """For each instant the index of the sample nearest to it within max(t_ref, its own T), ties to the earlier; else -1."""
        at = self.results.at
        if not len(at):
            return np.full(len(starts), -1)
        right = np.searchsorted(at, starts, "left")
        left = np.maximum(right - 1, 0)
        right = np.minimum(right, len(at) - 1)
        pick = np.where(np.abs(starts - at[left]) <= np.abs(at[right] - starts), left, right)
        near = np.abs(at[pick] - starts) <= np.maximum(t_ref, self.results.interval[pick])
        return np.where(near, np.searchsorted(at, at[pick], "left"), -1)

    def success_share(self, up: Spans, since: int, until: int) -> tuple[int, int]:
        """(successes, samples) among the samples of [since, until) that lie in `up`."""
        first, last = np.searchsorted(self.results.at, [since, until])
        at, ok = self.results.at[first:last], self.results.ok[first:last]
        edges = np.array([edge for span in up for edge in span], np.int64)
        inside = np.searchsorted(edges, at, "right") % 2 == 1
        return int((ok & inside).sum()), int(inside.sum())

    def refused(self, index: int) -> bool:
        return is_refusal(self.series.outcomes[self.series.outcome[index]], self.host)


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
        alive = np.zeros(len(starts), bool)
        for series in self.series:
            if len(series):
                last = np.searchsorted(series.at, starts, "right") - 1
                before = np.maximum(last, 0)
                alive |= (last >= 0) & (2 * (starts - series.at[before]) < 3 * series.interval[before])
        for event in self.events:
            at, lasting = event.at_us // 1000, event.number("interval_ms") or self.interval
            alive |= (starts >= at) & (2 * (starts - at) < 3 * lasting)
        silent: Bools = ~alive
        return silent

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

    def recovered_after(self, instant: int) -> bool:
        return any(boot.last > instant for boot in self.boots)

    def old_boot(self, instant: int) -> str | None:
        """The boot of the last record before an instant that names its boot, else ""; None if there is no record."""
        before = [(event.at_us // 1000, event.boot) for event in self.events if event.at_us // 1000 < instant]
        for series in self.series:
            last = int(np.searchsorted(series.at, instant)) - 1
            if last >= 0:
                before.append((int(series.at[last]), series.boots[series.boot[last]]))
        return max(before, key=lambda record: (bool(record[1]), record[0]))[1] if before else None

    def new_boot(self, instant: int) -> _Boot | None:
        """The next boot with another, non-empty boot_id."""
        old = self.old_boot(instant)
        return next((boot for boot in self.boots if boot.first >= instant and boot.name and boot.name != old), None)

    def clean_stop(self, instant: int) -> bool:
        """Whether the old boot recorded any stop."""
        old = self.old_boot(instant)
        return old is not None and any(event.event == "stop" and event.boot == old for event in self.events)

    def periods(self, begin: str, end: str) -> Spans:
        """Spans between two kinds of event; one never ended ends at the first record of another boot (R9)."""
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
                opened = at if opened is None else opened
                lost = self._other_boot_after(event)
        if opened is not None:
            spans.append((opened, lost))
        return merge(spans)

    def _other_boot_after(self, event: Event) -> int:
        later = [boot.first for boot in self.boots if boot.name not in ("", event.boot) and boot.first > event.at_us // 1000]
        return min(later, default=FOREVER[0][1])


def _authentic(series: Series, host: str) -> Series:
    """Of the rung `peer` without refusals: unlike an answer, anybody between can make one, so they prove nothing either way."""
    refusals = np.array([is_refusal(word, host) for word in series.outcomes], bool)
    return series.take(~refusals[series.outcome]) if refusals.any() else series


@dataclass(frozen=True)
class Measured:
    """A source seen through links.toml and the contract's W, within a window of milliseconds. Prepares each series once."""

    source: Reader
    links: Links
    wait_ms: int
    window: Span
    _rungs: dict[tuple[str, str, str, bool], Rung] = field(default_factory=dict)
    _lives: dict[tuple[str, str], AgentLife] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[tuple[str, str, str]]:
        return frozenset(self.source.names())

    @cached_property
    def events(self) -> tuple[Event, ...]:
        return self.source.events(*self.window)

    def rung(self, link: str, vantage: str, target: str, *, service: bool | None = None) -> Rung:
        """One series prepared. `service`: a refusal is a failure, as on the service timeline; by default so for `app`."""
        key = link, vantage, target, target == "app" if service is None else service
        if key not in self._rungs:
            self._rungs[key] = self._prepare(*key)
        return self._rungs[key]

    def _prepare(self, link: str, vantage: str, target: str, service: bool) -> Rung:
        raw = self.source.series(link, vantage, target, *self.window)
        records, suspect = restamp(raw, steps_of(self.events, link, vantage))
        host = self._host(link, vantage, target)
        series = _authentic(sent(records), host) if target == "peer" else sent(records)
        known = results(series, self.wait_ms, host, service=service)
        known = replace(known, held=np.minimum(known.held, self.window[1]))  # nothing is known after `as_of`
        return Rung(records, series, known, suspect, host)

    def _host(self, link: str, vantage: str, target: str) -> str:
        if link == ALL_LINKS:
            targets = self.links.county.targets
        else:
            declared = self.links[link]
            targets = declared.targets if vantage == "township" else declared.seen_from_county()
        return targets[target].host if target in targets else ""

    def judged(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Results:
        """What the rule looks at: the samples, or their windows."""
        samples = self.rung(*key, service=service).results
        return samples if rule.dt is None or rule.c is None else windows(samples, rule.dt, rule.c)

    def timeline(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Timeline:
        return hysteresis(self.judged(key, rule, service=service), rule.n)

    def township(self, link: str) -> AgentLife:
        return self._life(link, "township", TOWNSHIP_TARGETS)

    def county(self) -> AgentLife:
        return self._life(ALL_LINKS, "county", COUNTY_SITE_TARGETS)

    def _life(self, link: str, vantage: str, targets: Iterable[str]) -> AgentLife:
        if (link, vantage) not in self._lives:
            series = tuple(
                self.rung(link, vantage, target).records for target in targets if (link, vantage, target) in self.names
            )
            events = tuple(event for event in self.events if event.link == link and event.vantage == vantage)
            self._lives[link, vantage] = AgentLife(series, events, self.links.interval("core"))
        return self._lives[link, vantage]
