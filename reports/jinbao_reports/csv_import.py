"""Anybody's CSV of probe results -> the samples CSV of judgement R6. Wrong rows are listed with their line numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from jinbao_agent.sample import outcome_problem
from jinbao_reports.source import BadInput

COLUMNS = ("link", "vantage", "target", "sent_at", "outcome", "rtt_us")
OPTIONAL = ("boot_id", "seq", "mono_ns", "interval_ms")
RTT_UNITS = {"us": Fraction(1), "ms": Fraction(1_000), "s": Fraction(1_000_000)}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a foreign CSV: which of its columns is which of ours, constants for what it lacks, words for outcomes."""

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    rtt_unit: str = "us"
    zone: ZoneInfo | None = None


def import_csv(file: Path, reading: Reading) -> pd.DataFrame:
    """The samples, in our columns, as texts. Raises BadInput listing every wrong line."""
    try:
        foreign = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError, pd.errors.ParserError) as problem:
        raise BadInput(f"{file}: is not a CSV in UTF-8 that can be read: {problem}") from None
    ours = pd.DataFrame(dict(_columns(file, foreign, reading)), index=foreign.index)
    complaints: list[str] = []
    for name, convert in (("sent_at", _instant), ("outcome", _outcome), ("rtt_us", _rtt)):
        ours[name] = [_converted(file, row, name, text, convert, reading, complaints) for row, text in enumerate(ours[name])]
    if complaints:
        raise BadInput("\n".join(complaints))
    return ours


def _columns(file: Path, foreign: pd.DataFrame, reading: Reading) -> Iterator[tuple[str, "pd.Series[str] | str"]]:
    for name in (*COLUMNS, *OPTIONAL):
        theirs = reading.columns.get(name, name)
        if theirs in foreign.columns:
            yield name, foreign[theirs]
        elif name in reading.constants:
            yield name, reading.constants[name]
        elif name in reading.columns or name in COLUMNS:
            raise BadInput(
                f"{file}: no column {theirs!r} for {name}; it has {', '.join(foreign.columns)}; "
                f"name it by --column {name}=THEIRS or --constant {name}=VALUE"
            )


def _converted(
    file: Path,
    row: int,
    name: str,
    text: str,
    convert: "Callable[[str, Reading], str]",
    reading: Reading,
    complaints: list[str],
) -> str:
    try:
        return convert(text, reading)
    except (ValueError, ArithmeticError) as problem:
        complaints.append(f"{file}: line {row + 2}: {name} {text!r}: {problem}")
        return ""


def _instant(text: str, reading: Reading) -> str:
    at = pd.Timestamp(int(text), unit="ms", tz="UTC") if text.isdecimal() else pd.Timestamp(text)
    if pd.isna(at):
        raise ValueError("expected a time")
    if at.tzinfo is None:
        if reading.zone is None:
            raise ValueError("the time has no offset; name its zone by --zone, such as Asia/Shanghai")
        at = at.tz_localize(reading.zone)
    return at.tz_convert("UTC").isoformat().replace("+00:00", "Z")


def _outcome(text: str, reading: Reading) -> str:
    token = reading.outcomes.get(text, text)
    problem = outcome_problem(token)
    if problem:
        raise ValueError(f"{problem}; translate it by --outcome {text}=TOKEN")
    return token


def _rtt(text: str, reading: Reading) -> str:
    return str(int(Fraction(text) * RTT_UNITS[reading.rtt_unit])) if text else ""
