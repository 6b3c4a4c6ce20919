"""What was measured, ready for judgement: each rung on the right clock, each agent's life, each site's power."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from jinbao_agent.sample import Event
from jinbao_collector.store import Reader, SeriesKey
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, TOWNSHIP_TARGETS, Links, Target
from jinbao_reports.clock_steps import restamp_events, steps_of
from jinbao_reports.interval import FOREVER, Span
from jinbao_reports.life import AgentLife
from jinbao_reports.profiles import OutageRule
from jinbao_reports.right_clock import CHUNK_MS, Source
from jinbao_reports.rung import Rung
from jinbao_reports.timeline import Meaning, Results, Timeline, end_to_end, hysteresis, windows


@dataclass(frozen=True)
class Measured:
    """A source seen through links.toml and the contract's W, within a window of milliseconds. Prepares each series once."""

    source: Reader
    links: Links
    wait_ms: int
    window: Span
    _rungs: dict[tuple[SeriesKey, bool], Rung] = field(default_factory=dict)
    _windows: dict[tuple[SeriesKey, OutageRule, bool], Results] = field(default_factory=dict)
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

    def rung(self, link: str, vantage: str, target: str, *, service: bool | None = None) -> Rung:
        """One series prepared. `service`: a refusal is a failure, as on the service timeline; by default so for `app`."""
        key = link, vantage, target
        serving = target == "app" if service is None else service
        if (key, serving) not in self._rungs:
            asked = self._asked(*key)
            meaning = Meaning(self.wait_ms, asked.host if asked else "", serving, asked is not None and asked.kind == "peer")
            source = Source(self.source, key, self.window, meaning)
            self._rungs[key, serving] = Rung.prepare(source, steps_of(self.events, *key[:2]))
        return self._rungs[key, serving]

    def _asked(self, link: str, vantage: str, target: str) -> Target | None:
        """What links.toml declares as this rung's target."""
        if link == ALL_LINKS:
            return self.links.county.targets.get(target)
        declared = self.links[link]
        return (declared.targets if vantage == "township" else declared.seen_from_county()).get(target)

    def judged(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Results:
        """What the rule looks at: the samples, or their windows."""
        if rule.dt is None or rule.c is None:
            return self.rung(*key, service=service).results
        if (key, rule, service) not in self._windows:
            whole = -(-CHUNK_MS // rule.dt) * rule.dt
            parts = self.rung(*key, service=service).close_ups(*FOREVER[0], whole)
            self._windows[key, rule, service] = end_to_end([windows(part.results, rule.dt, rule.c) for part in parts])
        return self._windows[key, rule, service]

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
            records = tuple(
                self.rung(link, vantage, target).records for target in targets if (link, vantage, target) in self.names
            )
            events = self._events_of.get((link, vantage), ())
            self._lives[link, vantage] = AgentLife(records, events, self.links.interval("core"))
        return self._lives[link, vantage]
