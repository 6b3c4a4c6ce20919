"""What was measured, ready for judgement: each rung on the right clock, each agent's life, each site's power."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from jinbao_agent.sample import Event
from jinbao_collector.store import Reader, SeriesKey
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, TOWNSHIP_TARGETS, Links
from jinbao_reports.clock_steps import steps_of
from jinbao_reports.interval import FOREVER, Span
from jinbao_reports.life import AgentLife
from jinbao_reports.profiles import OutageRule
from jinbao_reports.right_clock import Source
from jinbao_reports.rung import Rung
from jinbao_reports.timeline import Results, Timeline, end_to_end, hysteresis, windows

_CHUNK_MS = 86_400_000


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
        host = self._host(link, vantage, target)
        source = Source(self.source, (link, vantage, target), self.window, self.wait_ms, host, service)
        return Rung.prepare(source, steps_of(self.events, link, vantage))

    def _host(self, link: str, vantage: str, target: str) -> str:
        if link == ALL_LINKS:
            targets = self.links.county.targets
        else:
            declared = self.links[link]
            targets = declared.targets if vantage == "township" else declared.seen_from_county()
        return targets[target].host if target in targets else ""

    def judged(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Results:
        """What the rule looks at: the samples, or their windows."""
        rung = self.rung(*key, service=service)
        if rule.dt is None or rule.c is None:
            return rung.results
        whole_windows = -(-_CHUNK_MS // rule.dt) * rule.dt
        return end_to_end([windows(part.results, rule.dt, rule.c) for part in rung.close_ups(*FOREVER[0], whole_windows)])

    def timeline(self, key: SeriesKey, rule: OutageRule, *, service: bool = False) -> Timeline:
        return hysteresis(self.judged(key, rule, service=service), rule.n)

    def township(self, link: str) -> AgentLife:
        return self._life(link, "township", TOWNSHIP_TARGETS)

    def county(self) -> AgentLife:
        return self._life(ALL_LINKS, "county", COUNTY_SITE_TARGETS)

    def _life(self, link: str, vantage: str, targets: Iterable[str]) -> AgentLife:
        if (link, vantage) not in self._lives:
            records = tuple(
                self.rung(link, vantage, target).records for target in targets if (link, vantage, target) in self.names
            )
            events = tuple(event for event in self.events if event.link == link and event.vantage == vantage)
            self._lives[link, vantage] = AgentLife(records, events, self.links.interval("core"))
        return self._lives[link, vantage]
