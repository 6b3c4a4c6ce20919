"""Other tools' history -> the samples or intervals of judgement R6. A new origin is a file here and a line in ORIGINS.

What each can and cannot prove: docs/import.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinbao_reports.importers import csv, fping, nagios, ripe_atlas, smokeping, telegraf, upptime
from jinbao_reports.importers.found import History
from jinbao_reports.importers.reading import INTERVALS, SAMPLES, Reading


@dataclass(frozen=True, slots=True)
class Origin:
    """How one tool's files are read, what they become, and which of the optional parts of a Reading they need."""

    read: Callable[[Path, Reading], History]
    shape: str = SAMPLES
    takes: frozenset[str] = frozenset()


ORIGINS: Mapping[str, Origin] = {
    "upptime": Origin(upptime.read, takes=frozenset({"interval_ms", "zone"})),
    "smokeping": Origin(smokeping.read, takes=frozenset({"round_ms"})),
    "ripe-atlas": Origin(ripe_atlas.read, takes=frozenset({"interval_ms"})),
    "telegraf": Origin(telegraf.read, takes=frozenset({"interval_ms"})),
    "fping": Origin(fping.read, takes=frozenset({"interval_ms", "round_ms", "timeout_ms", "start_us", "zone"})),
    "nagios": Origin(nagios.read, INTERVALS),
    "csv": Origin(csv.read, takes=frozenset({"columns", "constants", "rtt_unit", "time_format", "zone", "interval_ms"})),
}


def read_history(origin: str, file: Path, reading: Reading) -> History:
    """Raises BadInput; FileNotFoundError where a program it needs is missing."""
    how = ORIGINS[origin]
    reading.check(origin, how.shape, how.takes)
    return how.read(file, reading)
