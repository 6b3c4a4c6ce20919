"""Samples, events and intervals from CSV files (formats: judgement R6). Wrong rows are listed with their line numbers."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from jinbao_agent.sample import EVENTS, Event, outcome_problem
from jinbao_collector.series import NONE, Series, build_series
from jinbao_collector.store import Flaw, SeriesKey
from jinbao_config import units
from jinbao_config.links import ALL_LINKS, COUNTY_TARGETS, TOWNSHIP_TARGETS
from jinbao_reports.interval import Span
from jinbao_reports.source import BadInput, digest

_SAMPLE_COLUMNS = ("link", "vantage", "target", "sent_at", "outcome", "rtt_us")
_SAMPLE_NUMBERS = (("rtt_us", None), ("seq", 0), ("mono_ns", 0), ("interval_ms", 1))
_SAMPLE_OPTIONAL = ("boot_id", "seq", "mono_ns", "interval_ms")
_EVENT_COLUMNS = ("link", "vantage", "at", "event", "boot_id")
_EVENT_OPTIONAL = ("detail",)
_INTERVAL_COLUMNS = ("link", "from", "to", "state")
_INTERVAL_OPTIONAL = ("cause",)
STATES = ("up", "down", "unknown", "service_down")
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class StateSpan:
    """One row of an intervals file."""

    link: str
    span: Span
    state: str
    cause: str


class _Rows:
    """A CSV of texts, and the complaints about it."""

    def __init__(self, file: Path, columns: tuple[str, ...], optional: tuple[str, ...]) -> None:
        """Empty lines are passed over; every other has the header's fields. Raises BadInput."""
        self.file = file
        self.complaints: list[tuple[int, str]] = []
        try:
            self._lines = np.fromiter(self._count_fields(), np.int64)
            self.finish()
            self.table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
        except OSError as problem:
            raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
        except (ValueError, csv.Error, pd.errors.ParserError) as problem:
            raise BadInput(f"{file}: is not a CSV in UTF-8: {' '.join(str(problem).split())}") from None
        self._check_header(columns, optional)

    def _count_fields(self) -> Iterator[int]:
        """The line of each row. Pandas would fill a short row and shift a long one without a word."""
        with self.file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines, strict=True)
            header = next(rows, [])
            for row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    word = "more" if len(row) > len(header) else "fewer"
                    self.complaints.append((rows.line_num, f"{word} fields than the header names"))
                yield rows.line_num

    def _check_header(self, columns: tuple[str, ...], optional: tuple[str, ...]) -> None:
        expected = ",".join(columns) + "".join(f"[,{name}]" for name in optional)
        missing = [name for name in columns if name not in self.table.columns]
        unknown = [name for name in self.table.columns if name not in columns + optional]
        if missing:
            raise BadInput(f"{self.file}: line 1: column {', '.join(missing)} is missing; the columns are {expected}")
        if unknown:
            raise BadInput(f"{self.file}: line 1: unknown column {', '.join(unknown)}; the columns are {expected}")

    def line(self, row: int) -> int:
        """The line of the file in which a row stands."""
        return int(self._lines[row])

    def text(self, name: str) -> pd.Series:
        return self.table[name] if name in self.table.columns else pd.Series("", index=self.table.index)

    def complain(self, rows: npt.NDArray[np.bool_], sentence: Callable[[int], str]) -> None:
        for row in np.flatnonzero(rows)[:_MOST_LISTED].tolist():
            self.complaints.append((self.line(row), sentence(row)))

    def codes(self, name: str, problem: Callable[[str], str | None]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """A column of words as codes over its distinct words, each checked once."""
        codes, words = pd.factorize(self.text(name))
        column = codes.astype(np.int64)
        for code, word in enumerate(words):
            sentence = problem(word)
            if sentence:
                self.complain(column == code, lambda row, word=word, sentence=sentence: f"{name} {word!r}: {sentence}")  # type: ignore[misc]
        return column, tuple(words)

    def numbers(self, name: str, least: int | None) -> npt.NDArray[np.int64]:
        """A column of whole numbers; empty is NONE, which therefore cannot be written out."""
        text = self.text(name)
        whole = text.str.fullmatch(r"-?\d{1,18}").to_numpy(bool)
        values = np.full(len(text), NONE, np.int64)
        values[whole] = text[whole].astype("int64").to_numpy()
        good = (text == "").to_numpy(bool) | (whole & (values != NONE if least is None else values >= least))
        bound = "other than -1" if least is None else f"at least {least}"
        self.complain(~good, lambda row: f"{name} {text[row]!r}: expected a whole number, {bound}, or nothing")
        return values

    def instants_us(self, name: str) -> npt.NDArray[np.int64]:
        """A column of instants: RFC 3339, or milliseconds since 1970 UTC as a whole number."""
        text = self.text(name).str.upper()
        epoch = text.str.fullmatch(r"\d{1,15}").to_numpy(bool)
        rfc = text.str.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)").to_numpy(bool)
        stamps = np.zeros(len(text), np.int64)
        stamps[epoch] = text[epoch].astype("int64").to_numpy() * 1000
        parsed = pd.to_datetime(text[rfc], format="ISO8601", utc=True, errors="coerce")
        good = epoch.copy()
        good[rfc] = parsed.notna().to_numpy(bool)
        stamps[rfc & good] = parsed[parsed.notna()].dt.as_unit("us").astype("int64").to_numpy()
        self.complain(~good, lambda row: f"{name} {text[row]!r}: expected an RFC 3339 time with its offset")
        return stamps

    def finish(self) -> None:
        """Raises BadInput if there were complaints."""
        if not self.complaints:
            return
        listed = [f"{self.file}: line {line}: {sentence}" for line, sentence in sorted(self.complaints)[:_MOST_LISTED]]
        if len(self.complaints) > _MOST_LISTED:
            listed.append(f"{self.file}: … and more")
        raise BadInput("\n".join(listed))


def _one_of(*known: str) -> Callable[[str], str | None]:
    return lambda word: None if word in known else f"expected one of {', '.join(known)}"


def _link_code(word: str) -> str | None:
    return None if word == ALL_LINKS or (word and "," not in word) else "expected a link's code, or * for all"


def read_samples(file: Path, interval_of: Callable[[str], int]) -> tuple[dict[SeriesKey, Series], str]:
    """A samples CSV -> its series and its digest. `interval_of` gives T (ms) of a rung. Raises BadInput."""
    rows = _Rows(file, _SAMPLE_COLUMNS, _SAMPLE_OPTIONAL)
    link, links = rows.codes("link", _link_code)
    vantage, vantages = rows.codes("vantage", _one_of("township", "county"))
    target, targets = rows.codes("target", _one_of(*dict.fromkeys(TOWNSHIP_TARGETS + COUNTY_TARGETS)))
    outcome, outcomes = rows.codes("outcome", outcome_problem)
    boot, boots = rows.codes("boot_id", lambda word: None)
    sent = rows.instants_us("sent_at")
    rtt, seq, mono, interval = (rows.numbers(name, least) for name, least in _SAMPLE_NUMBERS)
    rows.finish()
    default = np.array([interval_of(name) for name in targets] or [0], np.int64)
    interval = np.where(interval == NONE, default[target], interval)
    mono = np.where(mono == NONE, NONE, mono // 1000)
    key = (link * len(vantages) + vantage) * len(targets) + target
    found = {}
    for code in np.unique(key).tolist():
        of = np.flatnonzero(key == code)
        name = (links[link[of[0]]], vantages[vantage[of[0]]], targets[target[of[0]]])
        found[name] = build_series(sent[of], outcome[of], rtt[of], interval[of], boot[of], seq[of], mono[of], outcomes, boots)
    return found, digest(file)


def flaws(recorded: dict[SeriesKey, Series]) -> Iterator[Flaw]:
    """Samples that came twice with different content (R1.4); round trips that no right clock measured (RFC 2330 section 10)."""
    for (link, _, target), series in recorded.items():
        for at in series.conflicts:
            yield Flaw("conflict", link, target, at)
        for at in series.at[series.rtt < NONE].tolist():
            yield Flaw("negative_rtt", link, target, at)


def in_order(event: Event) -> tuple[int, str, str, str, str, str]:
    """The one order of events, whatever order they came in."""
    return event.at_us, event.link, event.vantage, event.event, event.boot, event.detail


def read_events(file: Path) -> tuple[tuple[Event, ...], str]:
    """An events CSV -> its events in order of time, and its digest. Raises BadInput."""
    rows = _Rows(file, _EVENT_COLUMNS, _EVENT_OPTIONAL)
    rows.codes("link", _link_code)
    rows.codes("vantage", _one_of("township", "county", "collector"))
    rows.codes("event", _one_of(*sorted(EVENTS)))
    at = rows.instants_us("at")
    rows.finish()
    columns = zip(*(rows.text(name) for name in ("link", "vantage", "event", "boot_id", "detail")), at.tolist(), strict=True)
    events = {
        Event(link=link, vantage=vantage, at_us=at_us, event=event, boot=boot, detail=detail)
        for link, vantage, event, boot, detail, at_us in columns
    }
    return tuple(sorted(events, key=in_order)), digest(file)


def read_intervals(file: Path) -> tuple[tuple[StateSpan, ...], str]:
    """An intervals CSV -> its rows and its digest; overlapping rows of one link are refused. Raises BadInput."""
    rows = _Rows(file, _INTERVAL_COLUMNS, _INTERVAL_OPTIONAL)
    rows.codes("link", _link_code)
    rows.codes("state", _one_of(*STATES))
    start, end = rows.instants_us("from") // 1000, rows.instants_us("to") // 1000
    rows.complain(end <= start, lambda row: "the interval must end after it begins")
    rows.finish()
    columns = zip(rows.text("link"), start.tolist(), end.tolist(), rows.text("state"), rows.text("cause"), strict=True)
    spans = [StateSpan(link, (since, until), state, cause) for link, since, until, state, cause in columns]
    _refuse_overlaps(rows, spans)
    return tuple(spans), digest(file)


def _refuse_overlaps(rows: _Rows, spans: Sequence[StateSpan]) -> None:
    """Within each link, a row for all links (*) counting as one of its own."""
    for link in sorted({piece.link for piece in spans}):
        mine = [(row, piece) for row, piece in enumerate(spans) if piece.link in (link, ALL_LINKS)]
        end, last = 0, 0
        for row, piece in sorted(mine, key=lambda item: item[1].span):
            if last and piece.span[0] < end:
                rows.complaints.append((rows.line(row), f"overlaps line {last}; the intervals of a link must not overlap"))
            if piece.span[1] > end:
                end, last = piece.span[1], rows.line(row)
    rows.finish()


def instant_text(at_us: int) -> str:
    """For messages and exports: RFC 3339 in UTC."""
    return pd.Timestamp(at_us, unit="us", tz="UTC").isoformat().replace("+00:00", "Z")


def parse_as_of(text: str) -> int:
    """--as-of -> milliseconds. Raises BadInput."""
    try:
        return units.instant_ms(text)
    except ValueError as problem:
        raise BadInput(f"--as-of: {problem}") from None
