"""Anybody's CSV of probe results, one row a probe (RFC 4180, UTF-8, a header line).

`columns` says which of its columns is which of ours, `constants` what it lacks, `outcomes` what its words for outcomes mean.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd

from jinbao_agent.sample import Sample, outcome_problem
from jinbao_config.units import microseconds
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import SAMPLES, Place, Reading, instant_us, rung_problem
from jinbao_reports.importers.rows import records, table
from jinbao_reports.source import BadInput

_COLUMNS = ("link", "vantage", "target", "sent_at", "outcome", "rtt_us")
_OPTIONAL = ("boot_id", "seq", "mono_ns", "interval_ms")
_ALWAYS = ("sent_at", "outcome")
_Value = TypeVar("_Value")


def read(file: Path, reading: Reading) -> History:
    """Raises BadInput where the file is no such CSV."""
    found = Found(file, reading)
    foreign = table(found)
    ours = pd.DataFrame(dict(_columns(file, foreign, reading)), index=foreign.index)
    for line, row in records(ours):
        _sample(found, line, row)
    return found.history(SAMPLES)


def _columns(file: Path, foreign: pd.DataFrame, reading: Reading) -> Iterator[tuple[str, "pd.Series[str] | str"]]:
    said = {"link": reading.link, "vantage": reading.vantage, "target": reading.target}
    constants = {**{name: value for name, value in said.items() if value}, **reading.constants}
    needed = set(_COLUMNS) - ({"vantage", "target"} if _maps_rungs(reading) else set())
    for name in (*_COLUMNS, *_OPTIONAL):
        theirs = reading.columns.get(name, name)
        if name in constants:
            yield name, constants[name]
        elif theirs in foreign.columns:
            yield name, foreign[theirs]
        elif name == "interval_ms" and reading.interval_ms is not None:
            yield name, str(reading.interval_ms)
        elif name in reading.columns or name in needed:
            raise BadInput(
                f"{file}: no column {theirs!r} for {name}; it has {', '.join(foreign.columns)}; "
                f"name it by --column {name}=THEIRS or --constant {name}=VALUE"
            )


def _maps_rungs(reading: Reading) -> bool:
    return bool(reading.names) and all(place.target for place in reading.names.values())


class _Line:
    """One row; what cannot be read of it is complained of and None."""

    def __init__(self, found: Found, number: int, row: Mapping[str, str]) -> None:
        self.found, self.number, self.row = found, number, row

    def value(self, name: str, convert: Callable[[str], _Value]) -> _Value | None:
        text = self.row.get(name, "")
        try:
            return convert(text) if text or name in _ALWAYS else None
        except ValueError as problem:
            self.found.wrong(self.number, f"{name} {text!r}: {problem}")
            return None

    def place(self) -> Place | None:
        """As its own columns say, or as its name was mapped; None: nobody asked for it."""
        own = Place(self.row["link"], self.row.get("vantage", ""), self.row.get("target", ""))
        if not self.found.reading.names:
            return own
        place = self.found.place(own.link)
        return place if place is None or place.target else Place(place.link, own.vantage, own.target)


def _sample(found: Found, number: int, row: Mapping[str, str]) -> None:
    line, reading = _Line(found, number, row), found.reading
    place = line.place()
    if place is None:
        return
    problem = rung_problem(place)
    if problem:
        found.wrong(number, problem)
    sent_us = line.value("sent_at", lambda text: instant_us(text, reading.zone, reading.time_format))
    outcome = line.value("outcome", lambda text: _outcome(reading.outcomes.get(text, text), text))
    mono_ns = line.value("mono_ns", _whole)
    sample = Sample(
        link=place.link,
        vantage=place.vantage,
        target=place.target,
        sent_us=sent_us or 0,
        outcome=outcome or "",
        rtt_us=line.value("rtt_us", lambda text: microseconds(text, reading.rtt_unit)),
        boot=row.get("boot_id", ""),
        seq=line.value("seq", _whole),
        mono_us=None if mono_ns is None else mono_ns // 1000,
        interval_ms=line.value("interval_ms", _positive),
    )
    if number not in found.bad:
        found.samples.append(sample)


def _outcome(token: str, theirs: str) -> str:
    problem = outcome_problem(token)
    if problem:
        raise ValueError(f"{problem}; translate it by --outcome {theirs}=TOKEN")
    return token


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError("expected a whole number, at least 0, or nothing")
    return int(text)


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise ValueError("expected a whole number, at least 1, or nothing")
    return number
