"""Several Statements side by side: the figures in which they differ, and the outages that they class otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
ALL = ""
"""Stands for the link in figures of all links together."""

_SECONDS = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown", "denominator")
_RATIOS = ("low", "high", "measured", "user_low", "user_high")
_GROUP = ("mean_low", "mean_high")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one link, in each of the Statements compared; None where one does not have it."""

    link: str
    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class OutageClasses:
    """How an outage is classed in each of the Statements: "class/cause" -> seconds; None where there is no such outage.

    An outage is known by its onset: one whose onset moved is one that vanished and one that came.
    """

    id: str
    link: str
    scope: str
    onset: str
    values: tuple[Mapping[str, str] | None, ...]


def differing_figures(statements: Sequence[Json]) -> list[Figure]:
    """In the order of the Statements' links, those of all links last."""
    found = [dict(_figures(statement)) for statement in statements]
    keys = dict.fromkeys(key for figures in found for key in figures)
    rows = [Figure(link, name, tuple(figures.get((link, name)) for figures in found)) for link, name in keys]
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def differing_outages(statements: Sequence[Json]) -> list[OutageClasses]:
    """In order of link and time."""
    found = [{(o["scope"], o["id"]): (link, o) for link, o in _outages(statement)} for statement in statements]
    rows = []
    for key in dict.fromkeys(key for outages in found for key in outages):
        link, outage = next(outages[key] for outages in found if key in outages)
        values = tuple(_classes(outages[key][1]) if key in outages else None for outages in found)
        if any(value != values[0] for value in values):
            rows.append(OutageClasses(outage["id"], link, outage["scope"], outage["onset"], values))
    return sorted(rows, key=lambda row: (row.link, row.onset, row.scope))


def _outages(statement: Json) -> Iterator[tuple[str, Json]]:
    for link in statement["links"]:
        for outage in link["outages"]:
            if not outage["edge"]:
                yield link["link"], outage


def _classes(outage: Json) -> dict[str, str]:
    """Class and cause of every slice with its seconds; outside the service hours the class is empty."""
    found: dict[str, list[str]] = {}
    for piece in outage["slices"]:
        found.setdefault(f"{piece['class'] or ''}/{piece['cause']}", []).append(str(piece["seconds"]))
    return {name: _sum(seconds) for name, seconds in found.items()}


def _sum(seconds: Sequence[str]) -> str:
    """Of whole seconds or texts with three decimals (judgement R7), exactly."""
    whole = sum(_milliseconds(text) for text in seconds)
    return str(whole // 1000) if whole % 1000 == 0 else f"{whole // 1000}.{whole % 1000:03d}"


def _milliseconds(text: str) -> int:
    head, _, tail = text.partition(".")
    return int(head) * 1000 + int(tail or 0)


def _figures(statement: Json) -> Iterator[tuple[tuple[str, str], Any]]:
    credits, none = statement["credits"], {"on_high": "0.00", "on_low": "0.00"}
    rows = {row["link"]: row for row in credits["rows"]}
    for link in statement["links"]:
        for name, value in _of_link(link):
            yield (link["link"], name), value
        for side in ("on_high", "on_low"):
            owed = rows.get(link["link"], none)[side]
            yield (link["link"], f"credits.{side}"), None if credits[side] is None else owed
    group = statement["group"]
    for name in _GROUP:
        yield (ALL, f"group.{name}"), group["exact"][name]
    yield (ALL, "group.passing"), group["passing"]
    for side in ("on_high", "on_low"):
        yield (ALL, f"credits.{side}"), credits[side]


def _of_link(link: Json) -> Iterator[tuple[str, Any]]:
    for name in _SECONDS:
        yield f"seconds.{name}", link["seconds"][name]
    for name in _RATIOS:
        yield f"availability.{name}", link["exact"][name]
    yield "coverage", link["coverage_exact"]
    for name in ("verdict", "verdict_within_edge_error", "edge_error_seconds"):
        yield name, link[name]
    for name in ("allowed", "left"):
        yield f"allowance.{name}", link["allowance"][name]
    for name in ("n", "mtrs", "mtbf"):
        yield f"metrics.{name}", link["metrics"][name]
    yield "loss", link["loss"]["ratio"]
    yield "flaps", link["flaps"]["count"]
    for clause in link["clauses"]:
        # What became of the availability clause stands above already: the lower bound and the verdict.
        for name in ("limit",) if clause["id"] == "availability" else ("actual", "limit", "verdict"):
            yield f"clauses.{clause['id']}.{name}", clause[name]
