"""A carrier's file -> its rows as texts: CSV in whatever encoding and with whatever separator, or a worksheet of Excel."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from jinbao_reports.excel import ZIP, Row, read_book
from jinbao_reports.source import BadInput
from jinbao_reports.tickets.headers import Header, check, expected, find_header
from jinbao_reports.tickets.moments import SERIAL_ZERO

_ENCODINGS = ("utf-8-sig", "gb18030")
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_TRIED = 30  # rows that decide on the separator
_OLD_EXCEL, _UTF16 = b"\xd0\xcf\x11\xe0", (b"\xff\xfe", b"\xfe\xff")
_EXPECTED = f"expected a row with {' and '.join(expected())} among the first; name other columns by --column"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows under a header, each with its number in the file (`counted` in lines or rows), every cell a text.

    `form` tells how the file was read. `serial_zero` is the day from which Excel's serial dates count.
    """

    file: Path
    sha256: str
    form: str
    counted: str
    header: Header
    header_at: int
    rows: tuple[Row, ...]
    serial_zero: date = SERIAL_ZERO


@dataclass(frozen=True, slots=True)
class _Found:
    """One way to read a file."""

    form: str
    counted: str
    rows: list[Row]
    serial_zero: date = SERIAL_ZERO


def read_sheet(file: Path, said: Mapping[str, str], sheet: str = "") -> Sheet:
    """`said`: field -> the column that holds it, where the header's own words do not tell. Raises BadInput."""
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
    if data.startswith(_OLD_EXCEL) or data.lstrip()[:1] == b"<":
        raise BadInput(f"{file}: is a workbook of Excel 97-2003, one with a password, or a web page; save it as .xlsx or CSV")
    if sheet and not data.startswith(ZIP):
        raise BadInput(f"{file}: is no workbook of Excel; --sheet names one of its sheets")
    readings = list(_workbook(file, data, sheet) if data.startswith(ZIP) else _texts(file, data, said))
    headed = [(reading, header) for reading in readings if (header := find_header(reading.rows, said))]
    if not headed:
        raise BadInput(f"{file}: no sheet has a header; {_EXPECTED}")
    if len(headed) > 1:
        raise BadInput(f"{file}: several sheets have tickets ({_forms(headed)}); say which by --sheet NAME")
    reading, header = headed[0]
    check(header, said)
    rows = tuple(row for row in reading.rows[header.row + 1 :] if any(row[1]))
    digest = hashlib.sha256(data).hexdigest()
    return Sheet(file, digest, reading.form, reading.counted, header, reading.rows[header.row][0], rows, reading.serial_zero)


def _forms(headed: Iterable[tuple[_Found, Header]]) -> str:
    return ", ".join(reading.form for reading, _ in headed)


def _texts(file: Path, data: bytes, said: Mapping[str, str]) -> Iterator[_Found]:
    """The first encoding in which the bytes are a text with a header, by the separator that shows most of its columns.

    GB18030 can read almost anything, so it speaks last: a header that it makes readable is the proof.
    """
    tried = []
    for encoding in ("utf-16",) if data.startswith(_UTF16) else _ENCODINGS:
        name = encoding.removesuffix("-sig").upper()
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as problem:
            line = data.count(b"\n", 0, problem.start) + 1
            tried.append(f"line {line} is no {name}")
            continue
        separator = _separator(text, said)
        if separator:
            yield _Found(f"{name}, {_SEPARATORS[separator]}", "line", list(_rows(file, text, separator)))
            return
        tried.append(f"as {name} it has no header")
    raise BadInput(f"{file}: {'; '.join(tried)}; {_EXPECTED}")


def _separator(text: str, said: Mapping[str, str]) -> str | None:
    shown = {}
    for separator in _SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            header = find_header([(reader.line_num, row) for row in islice(reader, _TRIED)], said)
        except csv.Error:
            continue  # with this separator it is no CSV; with the right one a fault will be told by its line
        if header:
            shown[separator] = len(header.columns)
    return max(shown, key=lambda separator: shown[separator], default=None)


def _rows(file: Path, text: str, separator: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from ((reader.line_num, tuple(cell.strip() for cell in row)) for row in reader)
    except csv.Error as problem:
        raise BadInput(f"{file}: line {reader.line_num}: is no CSV: {problem}") from None


def _workbook(file: Path, data: bytes, wanted: str) -> Iterator[_Found]:
    yield from (
        _Found(f"XLSX, sheet {one.title}", "row", one.rows, one.serial_zero) for one in read_book(file, data, only=wanted)
    )
