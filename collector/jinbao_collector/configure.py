"""`jinbao-collector configure`: what links.toml says now becomes a version for the agents it concerns."""

import argparse
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinbao_collector.agents import LiveRoster, Member
from jinbao_collector.configurations import issue, read_content, versions
from jinbao_collector.heard import Heard, last_heard
from jinbao_collector.ledger import Ledger
from jinbao_collector.place import Place
from jinbao_collector.texts import Output
from jinbao_config.central import content_for, parse_central
from jinbao_config.links import read_links
from jinbao_config.services import read_collector
from jinbao_config.shape import ConfigError


def configure(options: argparse.Namespace, out: Output, now_ms: Callable[[], int]) -> int:
    place = Place.of(read_collector(options.config))
    declared = place.file.parent / place.config.links
    read_links(declared)
    links = tomllib.loads(declared.read_text(encoding="utf-8"))
    times = {name: getattr(options, name) for name in ("wait", "batch", "every") if getattr(options, name) is not None}
    found = []
    with Ledger(place.home.ledger) as ledger:
        good = {one.agent: one for one in LiveRoster(ledger)().members.values() if one.revoked_after is None}
        for name in options.agent or sorted(good):
            if name not in good:
                raise out.wrong("unknown_agent", agent=name)
        heard = last_heard(place.home.journal)
        for name in options.agent or sorted(good):
            content = _former(place, ledger, name, out) if options.back else _content(good[name], links, times, declared)
            version = issue(ledger, place.home.documents, name, content, now_ms(), _spoken_of(heard.get(name)))
            out.say("configured" if version else "configured_already", agent=name, version=version)
            found.append({"agent": name, "version": version})
    out.facts(found)
    return 0


def _spoken_of(heard: Heard | None) -> int:
    """The newest version an agent lives under or refused."""
    return 0 if heard is None else max(heard.config or 0, heard.refused or 0)


def _content(member: Member, links: Mapping[str, Any], times: Mapping[str, str], declared: Path) -> dict[str, Any]:
    try:
        content = content_for(links, member.vantage, member.links, times)
    except KeyError as code:
        problem = f"{code.args[0]!r}: {member.agent} speaks for it, but it is not declared"
        raise ConfigError(str(declared), "link", problem) from None
    parse_central(content, str(declared))
    return content


def _former(place: Place, ledger: Ledger, agent: str, out: Output) -> dict[str, Any]:
    """The content before the newest one."""
    known = versions(ledger, agent)
    if len(known) < 2:
        raise out.wrong("no_former", agent=agent)
    return read_content(place.home.documents, known[-2])
