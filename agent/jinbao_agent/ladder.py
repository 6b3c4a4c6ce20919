"""Which rungs this agent climbs: read from what was declared, in the form the schedule and the samples need."""

from collections.abc import Iterator
from dataclasses import dataclass

from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, Links, Target
from jinbao_config.services import AgentConfig


@dataclass(frozen=True, slots=True)
class Rung:
    """One target as its samples name it: link code (or "*" for the county's own side), rung name, what is probed, and T in
    milliseconds."""

    link: str
    name: str
    target: Target
    interval_ms: int


def ladder(config: AgentConfig, links: Links) -> tuple[Rung, ...]:
    """Every rung of this agent's vantage. Raises KeyError if the links file does not declare a township agent's link."""
    found = _township(config.link or "", links) if config.vantage == "township" else _county(links)
    return tuple(Rung(link, name, target, links.interval(name)) for link, name, target in found)


def voice_of(config: AgentConfig) -> str:
    """The link code that stands in this agent's own events: its township's, or "*" for the county agent."""
    return config.link or ALL_LINKS


def _township(code: str, links: Links) -> Iterator[tuple[str, str, Target]]:
    for name, target in links[code].targets.items():
        yield code, name, target


def _county(links: Links) -> Iterator[tuple[str, str, Target]]:
    for name in COUNTY_SITE_TARGETS:
        if name in links.county.targets:
            yield ALL_LINKS, name, links.county.targets[name]
    for link in links.link:
        for name, target in link.seen_from_county().items():
            yield link.code, name, target
