"""The rows of a carrier's list -> tickets; what is wrong with the others, line by line."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinbao_collector.entry import Entry
from jinbao_config.links import ALL_LINKS, Links
from jinbao_reports.claims import EARLY_MS
from jinbao_reports.interval import Span
from jinbao_reports.notation import Writer
from jinbao_reports.source import BadInput
from jinbao_reports.tickets.headers import (
    ACKED,
    CAUSE,
    LINK,
    NUMBER,
    ONSET,
    OUTAGE,
    PARTY,
    REPORTED,
    RESTORED,
    TIMES,
    plain,
)
from jinbao_reports.tickets.moments import moment_ms
from jinbao_reports.tickets.places import Places
from jinbao_reports.tickets.sheet import Sheet, read_sheet

_MOST_LISTED = 20
_SHORTENED = re.compile(r"\d(\.\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One row that could be read. The entry's `from_` is when the carrier says the fault began; None: it does not say."""

    line: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class TicketList:
    """A carrier's list, read. `wrong` are its other rows, each with what would be right; `stands_in`: the list has no time of
    the report, and the time of the fault is taken for it."""

    sheet: Sheet
    tickets: tuple[Ticket, ...]
    wrong: tuple[tuple[int, str], ...]
    stands_in: bool

    @property
    def file(self) -> Path:
        return self.sheet.file

    def listed(self) -> str:
        """Every wrong row: the first with what is wrong with them, the rest by their numbers."""
        lines = [f"{self.file}: {self.sheet.counted} {line}: {problem}" for line, problem in self.wrong[:_MOST_LISTED]]
        rest = sorted({line for line, _ in self.wrong[_MOST_LISTED:]})
        if rest:
            lines.append(f"{self.file}: … and {self.sheet.counted} {', '.join(map(str, rest))}")
        return "\n".join(lines)


def begin(entry: Entry) -> int:
    """When a ticket's fault began by the carrier's word: its onset, else its report."""
    if entry.reported_at is None:
        raise ValueError(f"ticket {entry.id} has no reported_at; its file or form was refused without")
    return entry.reported_at if entry.from_ is None else entry.from_


def touches(entry: Entry, span: Span) -> bool:
    """Whether any of its time, by the carrier's word, lies in a span."""
    first = begin(entry)
    return first < span[1] and max(first, entry.restored_at or first) >= span[0]


def on_links(entry: Entry, links: tuple[str, ...]) -> Entry:
    """The entry about these links; one link stands in `link`, as people write it (judgement R6)."""
    alone = len(links) == 1 and links[0] != ALL_LINKS
    return replace(entry, link=links[0] if alone else "", links=() if alone else links)


def read_tickets(file: Path, links: Links, zone: ZoneInfo, said: Mapping[str, str], sheet: str = "") -> TicketList:
    """`said` and `sheet` as `read_sheet` takes them; times are local in `zone`. Raises BadInput if the file is no such list."""
    found = read_sheet(file, said, sheet)
    if not found.rows:
        raise BadInput(f"{file}: has a header on {found.counted} {found.header_at} and no ticket below it")
    reader = _Reader(found, Places.of(links), zone)
    read = [(line, *reader.entry(cells)) for line, cells in found.rows]
    lines: dict[str, list[int]] = defaultdict(list)
    for line, entry, _ in read:
        if entry is not None:
            lines[entry.id].append(line)
    tickets, wrong = [], []
    for line, entry, problems in read:
        if entry is not None and len(lines[entry.id]) > 1:
            problems.append(_twice(entry, found.counted, lines[entry.id]))
        wrong += [(line, problem) for problem in problems]
        if entry is not None and not problems:
            tickets.append(Ticket(line, entry))
    return TicketList(found, tuple(tickets), tuple(wrong), reader.stands_in)


def _twice(entry: Entry, counted: str, lines: list[int]) -> str:
    """Which of the rows is right nobody can tell, so none is taken."""
    name = f"ticket {entry.number}" if entry.number else "a ticket of this link and time"
    stands = f"{name} stands on {counted}s {', '.join(map(str, lines))}"
    return f"{stands}; a ticket has one row, several links stand in one cell with 、 between them"


class _Reader:
    def __init__(self, sheet: Sheet, places: Places, zone: ZoneInfo) -> None:
        self.sheet, self.places, self.zone = sheet, places, zone
        self.columns = dict(sheet.header.columns)
        self.stands_in = REPORTED not in self.columns
        if self.stands_in:
            self.columns[REPORTED] = self.columns.pop(ONSET)
        self.write = Writer(zone)

    def entry(self, cells: tuple[str, ...]) -> tuple[Entry | None, list[str]]:
        """A row's ticket, and what is wrong with it; no ticket where it names no link or no time."""
        problems = list(self._problems_of_width(cells))
        entry = None if problems else self._entry(cells, problems)
        if entry is not None:
            problems += self._contradictions(entry)
        return entry, problems

    def _entry(self, cells: tuple[str, ...], problems: list[str]) -> Entry | None:
        row = _Row({field: tuple(cells[place] for place in places) for field, places in self.columns.items()}, self, problems)
        links = row.links()
        onset, reported, acked, restored = (row.moment(field) for field in TIMES)
        number = row.number()
        if links is None or reported is None:
            return None
        entry = Entry(
            id=f"T-{number or '-'.join((*links, self._stamp(reported)))}",
            kind="ticket",
            number=number,
            from_=onset,
            reported_at=reported,
            acked_at=acked,
            restored_at=restored,
            outage=row.text(OUTAGE),
            reason=row.reason(),
            document=f"sha256:{self.sheet.sha256}",
        )
        return on_links(entry, links)

    def _problems_of_width(self, cells: tuple[str, ...]) -> Iterator[str]:
        width = len(self.sheet.header.names)
        if len(cells) < width:
            yield "fewer fields than the header names"
        elif any(cells[width:]):
            yield "more fields than the header names"

    def _contradictions(self, entry: Entry) -> Iterator[str]:
        """Times that cannot all be true."""
        reported, began = entry.reported_at, begin(entry)
        if entry.restored_at is not None and entry.restored_at < began:
            yield f"{self._at(RESTORED, entry.restored_at)} lies before it began, {self.write.instant(began)}"
        if reported is not None and entry.acked_at is not None and entry.acked_at < reported:
            yield f"{self._at(ACKED, entry.acked_at)} lies before its report, {self.write.instant(reported)}"
        if reported is not None and began - EARLY_MS > reported:
            yield f"{self._at(ONSET, began)} lies more than 10 minutes after its report, {self.write.instant(reported)}"

    def _at(self, field: str, at: int) -> str:
        return f"{self.word(field)} {self.write.instant(at)}"

    def word(self, field: str) -> str:
        """The file's own word for a field."""
        return self.sheet.header.names[self.columns[field][0]]

    def _stamp(self, at: int) -> str:
        return datetime.fromtimestamp(at // 1000, UTC).astimezone(self.zone).strftime("%Y%m%dT%H%M%S")


class _Row:
    """The cells of one row by field. What cannot be read is complained of and None."""

    def __init__(self, cells: Mapping[str, tuple[str, ...]], reader: _Reader, problems: list[str]) -> None:
        self.cells, self.reader, self.problems = cells, reader, problems

    def text(self, field: str) -> str:
        """Verbatim, but for line breaks and what cannot be seen."""
        words = self.cells[field][0].split() if field in self.cells else []
        return "".join(sign for sign in " ".join(words) if sign.isprintable())

    def links(self) -> tuple[str, ...] | None:
        try:
            return self.reader.places.codes(self.cells[LINK])
        except ValueError as problem:
            self.problems.append(f"{self.reader.word(LINK)}: {problem}")
            return None

    def moment(self, field: str) -> int | None:
        text = self.text(field)
        try:
            if text:
                return moment_ms(text, self.reader.zone, self.reader.sheet.serial_zero)
            if field == REPORTED:
                raise ValueError("expected when the fault was reported")
        except ValueError as problem:
            self.problems.append(f"{self.reader.word(field)} {text!r}: {problem}")
        return None

    def number(self) -> str:
        """Empty where the list has no numbers at all; then link and time tell the tickets apart."""
        number = plain(self.text(NUMBER))
        if NUMBER in self.cells and not number:
            self.problems.append(f"{self.reader.word(NUMBER)} is empty; expected the ticket's number")
        if _SHORTENED.fullmatch(number):
            self.problems.append(
                f"{self.reader.word(NUMBER)} {number}: Excel has shortened it; make the column a text and enter it again"
            )
        return number

    def reason(self) -> str:
        """The carrier's words for the cause and for who answers for it."""
        cause, party = self.text(CAUSE), self.text(PARTY)
        return "；".join(filter(None, (cause, party and f"责任：{party}")))
