"""Gives a drawn statement what the office adds: the example files, a census, indicators with the statement's own actuals."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinbao_config.indicators import read_indicators
from jinbao_config.links import read_links
from jinbao_reports.indicators import score_row
from jinbao_reports.office.word import read_word

CONFIG = Path(__file__).parents[3] / "config"
HEAD = "乡镇,经办人,speed,faults,repair,意见"


def evaluated(
    made: dict[str, Any],
    folder: Path,
    forms: Sequence[str] | None = None,
    office: Path = CONFIG / "office.example.toml",
    indicators: Path = CONFIG / "indicators.example.toml",
) -> dict[str, Any]:
    """`forms`: rows of the census; None: none was held."""
    census = None
    if forms is not None:
        census = folder / "census.csv"
        census.write_text("\n".join([HEAD, *forms]) + "\n", encoding="utf-8")
    word = read_word(office, census, read_links(CONFIG / "links.toml").value)
    document = read_indicators(indicators)
    rows = [
        score_row(item, item.actual.value if item.actual else _actual(item.measure, made)) for item in document.value.indicator
    ]
    marked = {"indicators": rows, "indicator_placeholders": list(document.placeholders)}
    return word.adds_to(made | marked)


def _actual(measure: str, made: dict[str, Any]) -> Fraction | None:
    known = [link for link in made["links"] if link["verdict"] != "no_data"]
    match measure:
        case "links_monitored":
            return Fraction(sum(float(link["coverage"] or 0) >= 0.95 for link in made["links"]))
        case "availability_low" | "user_low" if known:
            return min(Fraction(link["exact"][measure.removeprefix("availability_")]) for link in known)
        case "coverage" if known:
            return min(Fraction(link["coverage"]) for link in known)
        case "counted_minutes_worst" if known:
            return max(Fraction(link["seconds"]["counted"], 60) for link in known)
        case "outages" if known:
            return Fraction(sum(link["metrics"]["n"] for link in made["links"]))
        case _:
            return None
