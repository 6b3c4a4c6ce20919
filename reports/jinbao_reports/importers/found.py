"""What one file gave: samples or intervals in the one order they are written in, and whatever a person must be told of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from jinbao_agent.sample import Sample
from jinbao_reports.files import StateSpan, instant_text
from jinbao_reports.importers.reading import SAMPLES, Place, Reading
from jinbao_reports.source import BadInput

_MOST_LISTED = 20
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A file, read. `bad` are the numbers of its wrong rows, `left_out` rows of names that were not asked for, `beside` rows
    that are no probe results, `notes` what this origin knows about its own limits."""

    file: Path
    shape: str
    counted: str
    table: pd.DataFrame
    bad: tuple[int, ...]
    complaints: tuple[tuple[int, str], ...]
    left_out: dict[str, int]
    beside: dict[str, int]
    notes: dict[str, object]

    def listed(self) -> str:
        """Every wrong row: the first with what is wrong with them, the rest by their numbers."""
        lines = [f"{self.file}: {self.counted} {number}: {sentence}" for number, sentence in self.complaints[:_MOST_LISTED]]
        rest = sorted({number for number, _ in self.complaints[_MOST_LISTED:]})
        if rest:
            lines.append(f"{self.file}: … and {self.counted} {ranges(rest)}")
        return "\n".join(lines)


class Found:
    """Filled by an origin while it reads; `history` closes it."""

    def __init__(self, file: Path, reading: Reading, counted: str = "line") -> None:
        self.file, self.reading, self.counted = file, reading, counted
        self.samples: list[Sample] = []
        self.spans: list[StateSpan] = []
        self.beside: Counter[str] = Counter()
        self.notes: dict[str, object] = {}
        self.bad: set[int] = set()
        self._complaints: list[tuple[int, str]] = []
        self._left_out: Counter[str] = Counter()
        self._sources: dict[Place, set[str]] = {}

    def wrong(self, number: int, sentence: str) -> None:
        self.bad.add(number)
        self._complaints.append((number, sentence))

    def place(self, *names: str) -> Place | None:
        """Where a row belongs whose source is called by these names, the fullest first; None: nobody asked for it."""
        place = self.reading.place_of(names)
        if place is None:
            self._left_out[names[0]] += 1
        else:
            self._sources.setdefault(place, set()).add(names[0])
        return place

    def sample(self, place: Place, sent_us: int, outcome: str, rtt_us: int | None, interval_ms: int | None) -> None:
        self.samples.append(
            Sample(
                link=place.link,
                vantage=place.vantage,
                target=place.target,
                sent_us=sent_us,
                outcome=outcome,
                rtt_us=rtt_us,
                interval_ms=interval_ms,
            )
        )

    def history(self, shape: str) -> History:
        """Raises BadInput where the file as a whole cannot be what was said of it."""
        for place, names in self._sources.items():
            if len(names) > 1:
                raise BadInput(
                    f"{self.file}: {_named(sorted(names))} would all become {place}; map each to its own by --map NAME=CODE"
                )
        table = samples_table(self.samples) if shape == SAMPLES else _intervals_table(self.spans)
        if table.empty and not self._complaints:
            raise BadInput(f"{self.file}: {self._why_nothing()}")
        return History(
            file=self.file,
            shape=shape,
            counted=self.counted,
            table=table,
            bad=tuple(sorted(self.bad)),
            complaints=tuple(sorted(self._complaints)),
            left_out=dict(sorted(self._left_out.items())),
            beside=dict(sorted(self.beside.items())),
            notes=dict(self.notes),
        )

    def _why_nothing(self) -> str:
        if self._left_out:
            return f"none of its names is mapped; it has {_named(sorted(self._left_out))}; map them by --map NAME=CODE"
        held = f"; it holds {_named(sorted(self.beside))}" if self.beside else ""
        return f"holds nothing that can be imported{held}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(repr(name) for name in names[:_MOST_NAMED]) + more


def ranges(numbers: Iterable[int]) -> str:
    """[3, 7, 8, 9] -> '3, 7-9'."""
    runs = (list(run) for _, run in groupby(enumerate(sorted(numbers)), lambda item: item[1] - item[0]))
    return ", ".join(str(run[0][1]) if len(run) == 1 else f"{run[0][1]}-{run[-1][1]}" for run in runs)


def samples_table(samples: Iterable[Sample]) -> pd.DataFrame:
    """In order of time, as texts; an optional column is there when a sample has it (judgement R6)."""
    ordered = sorted(samples, key=_in_order)
    columns: dict[str, Callable[[Sample], object]] = {
        "link": lambda sample: sample.link,
        "vantage": lambda sample: sample.vantage,
        "target": lambda sample: sample.target,
        "sent_at": lambda sample: instant_text(sample.sent_us),
        "outcome": lambda sample: sample.outcome,
        "rtt_us": lambda sample: sample.rtt_us,
    }
    optional: dict[str, Callable[[Sample], object]] = {
        "boot_id": lambda sample: sample.boot or None,
        "seq": lambda sample: sample.seq,
        "mono_ns": lambda sample: None if sample.mono_us is None else sample.mono_us * 1000,
        "interval_ms": lambda sample: sample.interval_ms,
    }
    for name, value in optional.items():
        if any(value(sample) is not None for sample in ordered):
            columns[name] = value
    return pd.DataFrame({name: [_text(value(sample)) for sample in ordered] for name, value in columns.items()}, dtype=str)


def _intervals_table(spans: Iterable[StateSpan]) -> pd.DataFrame:
    ordered = sorted(spans, key=lambda piece: (piece.span, piece.link, piece.state))
    rows = [
        (piece.link, instant_text(piece.span[0] * 1000), instant_text(piece.span[1] * 1000), piece.state) for piece in ordered
    ]
    return pd.DataFrame(rows, columns=["link", "from", "to", "state"], dtype=str)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _in_order(sample: Sample) -> tuple[int | str, ...]:
    numbers = (-1 if value is None else value for value in (sample.rtt_us, sample.mono_us, sample.interval_ms))
    seq = -1 if sample.seq is None else sample.seq
    return sample.sent_us, sample.link, sample.vantage, sample.target, sample.boot, seq, sample.outcome, *numbers
