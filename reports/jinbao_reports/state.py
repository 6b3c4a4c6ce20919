"""The state of a link and of its service, and the outages in it (judgement R3)."""

from collections.abc import Iterator
from dataclasses import dataclass

from jinbao_collector.store import SeriesKey
from jinbao_config.contract import Contract, SeriesName
from jinbao_config.links import ALL_LINKS
from jinbao_reports.interval import Spans, complement, intersect, subtract, union
from jinbao_reports.measured import Measured
from jinbao_reports.profiles import OutageRule
from jinbao_reports.timeline import NOTHING_KNOWN, Flap, Timeline, failed_runs


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether a link and its service were up. `givers` says which series decided where; no `service`: none is probed.

    `bad_windows` are the runs of bad windows inside UP time, where the rule looks at windows.
    """

    link: Timeline
    service: Timeline | None
    givers: tuple[tuple[Spans, SeriesKey], ...]
    flaps: tuple[Flap, ...]
    bad_windows: tuple[Flap, ...] | None = None

    def user(self) -> Timeline:
        """Up only where the link and the service are; down where either is."""
        if self.service is None:
            return self.link
        return Timeline(intersect(self.link.up, self.service.up), union(self.link.down, self.service.down))


@dataclass(frozen=True, slots=True)
class Outage:
    """A maximal DOWN run; UNKNOWN inside does not end it, only UP does. `down` is its DOWN spans, milliseconds UTC."""

    link: str
    scope: str
    onset: int
    restored: int | None
    down: Spans

    @property
    def id(self) -> str:
        return f"{self.link}-{self.onset}"


def link_state(measured: Measured, link: str, contract: Contract, rule: OutageRule) -> LinkState:
    """The reference where it is known, else the substitute where the county's own gw and ce are not down."""
    reference, substitute = _key(link, contract.state.reference), _key(link, contract.state.substitute)
    first, second = measured.timeline(reference, rule), measured.timeline(substitute, rule)
    site_down = union(*(measured.timeline((ALL_LINKS, "county", rung), rule).down for rung in ("gw", "ce")))
    usable = intersect(first.unknown, complement(site_down))
    rung = measured.rung(*reference, service=False)
    return LinkState(
        link=Timeline(union(first.up, intersect(second.up, usable)), union(first.down, intersect(second.down, usable))),
        service=_service(measured, link, contract, rule),
        givers=((first.known, reference), (first.unknown, substitute)),
        flaps=failed_runs(rung.results, first.up, rung.singly),
        bad_windows=None if rule.dt is None else failed_runs(measured.judged(reference, rule), first.up, rung.singly),
    )


def _key(link: str, name: SeriesName) -> SeriesKey:
    return link, name.vantage, name.target


def _service(measured: Measured, link: str, contract: Contract, rule: OutageRule) -> Timeline | None:
    """None where no sample of the service was ever sent."""
    service = _key(link, contract.state.service)
    if service not in measured.names or not len(measured.rung(*service).results):
        return None
    return measured.timeline(service, rule, service=True)


def outages(link: str, scope: str, timeline: Timeline) -> Iterator[Outage]:
    """Each maximal run of DOWN spans with no UP span among them, in order."""
    run: list[tuple[int, int]] = []
    up = (*timeline.up, *((at, at) for at in timeline.ended))
    for span, is_up in sorted([(span, True) for span in up] + [(span, False) for span in timeline.down]):
        if not is_up:
            run.append(span)
        elif run:
            yield Outage(link, scope, run[0][0], span[0], tuple(run))
            run = []
    if run:
        yield Outage(link, scope, run[0][0], None, tuple(run))


def service_only(state: LinkState) -> Timeline:
    """The service DOWN while the link is not (R9)."""
    if state.service is None:
        return NOTHING_KNOWN
    return Timeline(state.service.up, subtract(state.service.down, state.link.down))


def is_edge(outage: Outage, state: LinkState, interval_ms: int) -> bool:
    """Whether a service outage is just a link outage's edge, seen at most one interval apart through another probe."""
    edges = {edge for span in state.link.down for edge in span}
    return outage.scope == "service" and all(
        span[1] - span[0] <= interval_ms and bool(edges.intersection(span)) for span in outage.down
    )
