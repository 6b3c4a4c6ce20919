"""links.toml: the contracted circuits and the rungs probed on each. Format: docs/config.md."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinbao_config import units
from jinbao_config.shape import (
    ConfigError,
    Document,
    Place,
    choice,
    flag,
    key,
    list_of,
    map_of,
    read_document,
    read_table,
    table,
    tables,
    text,
    words,
)
from jinbao_config.target import PEER_PORT, Expect, Target, parse_target

__all__ = [
    "ALL_LINKS",
    "COUNTY_SITE_TARGETS",
    "COUNTY_TARGETS",
    "NOTHING",
    "PEER_PORT",
    "TOWNSHIP_TARGETS",
    "County",
    "Defaults",
    "Expect",
    "Link",
    "Links",
    "Target",
    "parse_target",
    "read_links",
]

TOWNSHIP_TARGETS = ("nic", "lan", "cpe", "edge", "core", "peer", "app")
COUNTY_TARGETS = ("gw", "ce", "carrier", "cpe", "agent", "peer", "app")
COUNTY_SITE_TARGETS = ("gw", "ce", "carrier")
ALL_LINKS = "*"
NOTHING: Mapping[str, Any] = MappingProxyType({})

_DEFAULT_INTERVAL = units.duration_ms("10s")


def _interval_ms(value: object) -> int:
    interval = units.duration_ms(value)
    if interval < 1000 or units.DAY_MS % interval:
        raise ValueError("the interval must be at least 1s and divide a day, such as 1s, 10s, 15s or 1m")
    return interval


def _code(value: object) -> str:
    if isinstance(value, str) and len(value) == 9 and value.isdecimal():
        return value
    raise ValueError('expected a division code of 9 digits, such as "510422101"')


def _network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(value))  # type: ignore[arg-type]  # it raises ValueError for anything else
    except ValueError:
        raise ValueError('expected a network such as "10.1.0.0/16" with no host bits set') from None


interval_kind = words(_interval_ms, "10s")
target_kind = words(parse_target, "10.0.0.1")
networks_kind = list_of(words(_network, "10.1.0.0/16"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    interval: int = key(interval_kind, _DEFAULT_INTERVAL, doc="T, the probing period; divides a day")
    targets: Mapping[str, int] = key(
        map_of(interval_kind, tuple(dict.fromkeys(TOWNSHIP_TARGETS + COUNTY_TARGETS))),
        lambda: NOTHING,
        doc="T of single rungs, where it differs",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    """The centre's own side, probed by the county agent on behalf of every link."""

    targets: Mapping[str, Target] = key(
        map_of(target_kind, COUNTY_SITE_TARGETS), lambda: NOTHING, doc="gw, ce and carrier of the county site"
    )
    mains_sense: bool = key(flag, False, doc="whether the county site's mains is sensed")
    networks: tuple[str, ...] = key(networks_kind, (), doc="where the county's targets must lie; empty: anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One township's contracted circuit. Valid on [from_, to)."""

    code: str = key(words(_code, "510422101"), doc="6+3 digit division code")
    name: str = key(text, doc="the township's name as pages print it")
    aliases: tuple[str, ...] = key(list_of(text), (), doc="what else the carrier calls it, such as its circuit number")
    from_: date = key(words(units.day, "2020-01-01"), date(1970, 1, 1), doc="first day in force", name="from")
    to: date | None = key(words(units.day, "2025-01-01"), None, doc="first day no longer in force")
    group: str = key(text, "", doc="links behind one aggregation device share a group")
    cpe_owner: str = key(choice("carrier", "township", "centre"), "carrier", doc="who answers for the 光猫")
    mains_sense: bool = key(flag, False, doc="whether the township's mains is sensed")
    agent_on_battery: bool = key(flag, False, doc="whether the agent outlives a power cut")
    targets: Mapping[str, Target] = key(
        map_of(target_kind, TOWNSHIP_TARGETS), lambda: NOTHING, doc="the ladder as the township agent sees it"
    )
    county_targets: Mapping[str, Target] = key(
        map_of(target_kind, ("cpe", "agent", "peer", "app")),
        lambda: NOTHING,
        doc="the same link seen from the county; cpe and app default to `targets`",
    )
    silent: tuple[str, ...] = key(list_of(text), (), doc="rungs known never to answer")
    networks: tuple[str, ...] = key(networks_kind, (), doc="where this link's targets must lie; empty: anywhere")

    def seen_from_county(self) -> dict[str, Target]:
        """cpe, agent, peer and app as the county agent probes them."""
        shared = {name: self.targets[name] for name in ("cpe", "app") if name in self.targets}
        return {**shared, **self.county_targets}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    schema: str = key(choice("jinbao.links/1"), doc="the format of this file")
    defaults: Defaults = key(table(Defaults), Defaults, doc="what holds for every link")
    county: County = key(table(County), County, doc="the county site")
    link: tuple[Link, ...] = key(tables(Link, "code"), (), doc="the circuits")

    def interval(self, rung: str) -> int:
        """T of a rung in milliseconds."""
        return self.defaults.targets.get(rung, self.defaults.interval)

    def __getitem__(self, code: str) -> Link:
        for link in self.link:
            if link.code == code:
                return link
        raise KeyError(code)


def read_links(file: Path) -> Document[Links]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Links, file)
    _refuse_contradictions(document.value, str(file))
    return document


def links_of_data(data: Mapping[str, Any], where: str) -> Links:
    """The same from a table already parsed; `where` names it in a ConfigError."""
    links = read_table(Links, dict(data), Place(where, "", []))
    _refuse_contradictions(links, where)
    return links


def _refuse_contradictions(links: Links, file: str) -> None:
    for where, problem in _contradictions(links):
        raise ConfigError(file, where, problem)


def _contradictions(links: Links) -> Iterator[tuple[str, str]]:
    if not links.link:
        yield "link", "no link is declared; add a [[link]] table for each circuit"
    seen: set[str] = set()
    yield from _shared_names(links)
    for link in links.link:
        where = f"link[{link.code}]"
        if link.code in seen:
            yield f"{where}.code", f"{link.code!r}: this link is declared twice; each code may stand once"
        seen.add(link.code)
        if link.to is not None and link.to <= link.from_:
            yield f"{where}.to", f"{link.to}: must lie after from, {link.from_}"
        for rung in link.silent:
            if rung not in TOWNSHIP_TARGETS + COUNTY_TARGETS:
                yield (
                    f"{where}.silent",
                    f"{rung!r}: no such rung; known are {', '.join(dict.fromkeys(TOWNSHIP_TARGETS + COUNTY_TARGETS))}",
                )
        yield from _outside(f"{where}.targets", link.targets, link.networks + links.county.networks if link.networks else ())
        yield from _outside(
            f"{where}.county_targets",
            link.county_targets,
            link.networks + links.county.networks if link.networks else (),
        )
        yield from _misplaced(f"{where}.targets", link.targets)
        yield from _misplaced(f"{where}.county_targets", link.county_targets)
    yield from _outside("county.targets", links.county.targets, links.county.networks)
    yield from _misplaced("county.targets", links.county.targets)
    yield from _shared_reflectors(links)


def _misplaced(where: str, targets: Mapping[str, Target]) -> Iterator[tuple[str, str]]:
    """A reflector's answer is the one that cannot be faked: it stands on its own rung, so that no other is taken for it."""
    for name, target in targets.items():
        if name != "peer" and target.kind == "peer":
            yield f"{where}.{name}", f"{str(target)!r}: only rung peer may be one"


def _shared_reflectors(links: Links) -> Iterator[tuple[str, str]]:
    """Each township's agent reflects for its own link only."""
    owner: dict[Target, str] = {}
    for link in links.link:
        target = link.county_targets.get("peer")
        if target is not None and owner.setdefault(target, link.code) != link.code:
            yield (
                f"link[{link.code}].county_targets.peer",
                f"{str(target)!r}: is the reflector of link {owner[target]} already; each link has its own agent",
            )


def _shared_names(links: Links) -> Iterator[tuple[str, str]]:
    """An alias must name one link only."""
    owner = {name: link.code for link in links.link for name in (link.code, link.name)}
    for link in links.link:
        for alias in link.aliases:
            if owner.setdefault(alias, link.code) != link.code:
                yield f"link[{link.code}].aliases", f"{alias!r}: names link {owner[alias]} already; an alias names one link"


def _outside(where: str, targets: Mapping[str, Target], allowed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, target in targets.items():
        if target.kind == "nic" or not allowed:
            continue
        try:
            address = ipaddress.ip_address(target.host)
        except ValueError:
            yield f"{where}.{name}", f"{target.host!r}: a name cannot be checked against networks; write the address"
            continue
        if not any(address in ipaddress.ip_network(network) for network in allowed):
            yield f"{where}.{name}", f"{target.host!r}: outside its networks; it must lie in {' or '.join(allowed)}"
