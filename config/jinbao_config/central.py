"""What the centre may decide for an agent, and the bounds the agent's own machine sets to that (allow.toml).

The centre's wishes travel as signed JSON (docs/wire.md): its links.toml, cut down to what one agent needs, and a few times. The
bounds are written where the agent is installed and are out of the centre's reach, so that whoever breaks into the centre
cannot aim the agents anywhere.
"""

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinbao_config import units
from jinbao_config.links import Links, Target, interval_kind, links_of_data, networks_kind
from jinbao_config.shape import (
    ConfigError,
    Document,
    Kind,
    Place,
    choice,
    key,
    list_of,
    read_document,
    read_table,
    text,
    whole,
    words,
)


def _bounded(least: str, most: str, example: str) -> Kind[int]:
    def parse(value: object) -> int:
        found = units.duration_ms(value)
        if not units.duration_ms(least) <= found <= units.duration_ms(most):
            raise ValueError(f"expected {least} to {most}")
        return found

    return words(parse, example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds; None leaves what agent.toml says."""

    wait: int | None = key(_bounded("100ms", "1m", "4s"), None, doc="how long a probe's answer is waited for")
    batch: int | None = key(_bounded("1s", "1h", "60s"), None, doc="a batch is closed after this long at the latest")
    every: int | None = key(_bounded("1s", "1d", "15s"), None, doc="how often finished batches are sent")


@dataclass(frozen=True, slots=True)
class Central:
    """The centre's wishes for one agent."""

    links: Links
    times: Times


def parse_central(content: object, where: str) -> Central:
    """Of the `content` of a document. Raises ConfigError, which names `where`."""
    if not isinstance(content, dict) or not isinstance(content.get("links"), dict):
        raise ConfigError(where, "links", "expected a table of links")
    times = read_table(Times, content.get("times", {}), Place(where, "times", []))
    return Central(links_of_data(content["links"], where), times)


def content_for(links: Mapping[str, Any], vantage: str, codes: Iterable[str], times: Mapping[str, str]) -> dict[str, Any]:
    """From links.toml as parsed: what an agent of this vantage needs of it. Raises KeyError for a link not declared."""
    plain = json.loads(json.dumps(links, default=str))  # TOML's dates, as JSON writes them
    if vantage == "township":
        wanted = list(codes)
        by_code = {link["code"]: link for link in plain.get("link", ())}
        plain["link"] = [by_code[code] for code in wanted]
        plain["county"] = {name: value for name, value in plain.get("county", {}).items() if name == "networks"}
    return {"links": plain, "times": dict(times)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    schema: str = key(choice("jinbao.allow/1"), doc="the format of this file")
    networks: tuple[str, ...] = key(networks_kind, doc="where targets may lie")
    kinds: tuple[str, ...] = key(list_of(text), ("nic", "icmp", "tcp", "http", "https", "dns", "peer"), doc="kinds of probes")
    fastest: int = key(interval_kind, 1_000, doc="no rung is probed more often than this")
    per_second: int = key(whole(1), 50, doc="probes a second, of all rungs together")

    def objections(self, rungs: Iterable[tuple[str, Target, int]]) -> Iterator[str]:
        """What is outside the bounds, of rungs with their name, target and T in milliseconds."""
        networks = [ipaddress.ip_network(network) for network in self.networks]
        rate = Fraction()
        for name, target, interval_ms in rungs:
            rate += Fraction(1000, interval_ms)
            if target.kind not in self.kinds:
                yield f"{name}: {target}: {target.kind} is not among the allowed kinds, {', '.join(self.kinds)}"
            elif target.kind != "nic" and not _lies_in(target.host, networks):
                yield f"{name}: {target}: outside the allowed networks, {', '.join(self.networks)}"
            if interval_ms < self.fastest:
                yield f"{name}: every {interval_ms} ms, oftener than the allowed {self.fastest} ms"
        if rate > self.per_second:
            yield f"{float(rate):.1f} probes a second, more than the allowed {self.per_second}"


def _lies_in(host: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """A name lies nowhere: whoever answers for it decides where it points."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


def read_allowed(file: Path) -> Document[Allowed]:
    """Raises ConfigError naming file, key, value and what would be right."""
    return read_document(Allowed, file)


def allow_text(networks: Iterable[str], kinds: Iterable[str], fastest_ms: int, per_second: int) -> str:
    """allow.toml as `install` writes it."""

    def quoted(values: Iterable[str]) -> str:
        return "[" + ", ".join(f'"{value}"' for value in values) + "]"

    return f"""# What the centre may have this agent probe. Only this machine's administrator changes it. Format: docs/agent.md.
schema = "jinbao.allow/1"
networks = {quoted(networks)}
kinds = {quoted(kinds)}
fastest = "{fastest_ms // 1000}s"
per_second = {per_second}
"""
