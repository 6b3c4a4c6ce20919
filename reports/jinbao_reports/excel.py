"""A workbook of Excel that somebody hands in -> the rows that hold something, as texts; the empty cost nothing."""

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from jinbao_reports.source import BadInput
from jinbao_reports.tickets.moments import SERIAL_ZERO

ZIP = b"PK\x03\x04"
_SERIAL_ZERO_MAC = date(1904, 1, 1)
_EXACT = 10**15  # Excel keeps 15 digits: a longer number is not the one that was typed
_MOST_BYTES, _MOST_CELLS = 256 * 2**20, 3_000_000
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')
_BROKEN = (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError, ParseError, zlib.error)
Row = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: its rows that hold something, each with its number, all of one width.

    A merged area shows its one value in every row it covers, as it does on paper.
    """

    title: str
    rows: list[Row]
    serial_zero: date


def read_book(file: Path, data: bytes, *, only: str = "") -> list[Sheet]:
    """Every worksheet, or `only` the one of this name. Raises BadInput."""
    with _opened(file, data) as book:
        names = [sheet.title for sheet in book.worksheets]
        if only and only not in names:
            raise BadInput(f"{file}: has no sheet {only!r}; it has {', '.join(names)}")
        zero = _SERIAL_ZERO_MAC if book.epoch == CALENDAR_MAC_1904 else SERIAL_ZERO
        return [Sheet(one.title, _rows(file, one), zero) for one in book.worksheets if one.title == (only or one.title)]


@contextmanager
def _opened(file: Path, data: bytes) -> Iterator[Any]:
    """Read as it is walked over, so a fault may show itself late."""
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as packed:
            warnings.simplefilter("ignore", UserWarning)  # of styles and extensions, which hold no text
            for item in packed.infolist():
                if item.file_size > _MOST_BYTES:
                    raise BadInput(
                        f"{file}: {item.filename} unpacks to {item.file_size >> 20} MB; expected a list, save it as CSV"
                    )
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            try:
                yield book
            finally:
                book.close()
    except _BROKEN as problem:
        raise BadInput(f"{file}: is no workbook of Excel that can be read: {problem}") from None


def _rows(file: Path, sheet: Any) -> list[Row]:
    """Formatted but empty cells are not counted as content, wherever they stand: Excel keeps a million rows of them."""
    sheet.reset_dimensions()  # what a file says of its own size pads every row to it
    seen, found = 0, dict[int, list[str]]()
    for number, cells in enumerate(sheet.iter_rows(), 1):
        seen += max(1, len(cells))
        if seen > _MOST_CELLS:
            raise _too_large(file, sheet)
        texts = [_text(cell) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            found[number] = texts
    _spread(file, sheet, found)
    width = max(map(len, found.values()), default=0)
    if width * len(found) > _MOST_CELLS:
        raise _too_large(file, sheet)
    return [(number, (*found[number], *[""] * (width - len(found[number])))) for number in sorted(found)]


def _spread(file: Path, sheet: Any, found: dict[int, list[str]]) -> None:
    """The value of each merged area, in every cell of it."""
    with sheet._get_source() as source:
        areas: list[tuple[Any, ...]] = [range_boundaries(ref.decode()) for ref in _MERGED.findall(source.read())]
    if sum((last - first + 1) * (bottom - top + 1) for first, top, last, bottom in areas) > _MOST_CELLS:
        raise _too_large(file, sheet)
    for first, top, last, bottom in areas:
        anchor = found.get(top, [])
        value = anchor[first - 1] if first <= len(anchor) else ""
        for number in range(top, bottom + 1) if value else ():
            row = found.setdefault(number, [])
            row += [""] * (last - len(row))
            row[first - 1 : last] = [value] * (last - first + 1)


def _too_large(file: Path, sheet: Any) -> BadInput:
    return BadInput(
        f"{file}: sheet {sheet.title} has more than {_MOST_CELLS} cells, most of them empty but formatted or merged; "
        "delete the empty rows and columns, or save it as CSV"
    )


def _text(cell: Any) -> str:
    """As it would stand in a CSV. Excel's times are rounded to the second: it stores fractions of a day."""
    value = cell.value
    if isinstance(value, datetime):
        shown = str(cell.number_format).lower()
        if value.time() == time() and "h" not in shown:
            return value.date().isoformat()
        return (value + timedelta(microseconds=500_000)).replace(microsecond=0).isoformat(" ")
    if isinstance(value, int | float) and abs(value) >= _EXACT:
        return f"{value:E}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()
