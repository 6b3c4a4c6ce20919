"""Files as rows: lines of a text, and the table of a CSV, each row with the number of its line."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from jinbao_reports.importers.found import Found
from jinbao_reports.source import BadInput

_BROKEN = "\ufffd"  # what stands for bytes that are no UTF-8


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text, counted from 1, without their ends. Bytes that are no UTF-8 become U+FFFD: where they matter the
    row is refused, in a plugin's chatter they do no harm. Raises BadInput."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            for number, line in enumerate(text, 1):
                yield number, line.rstrip("\n")
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None


def table(found: Found) -> pd.DataFrame:
    """The rows of a CSV as texts, indexed by the line each ends on. A row of another width than the header, or with bytes that
    are no UTF-8, is wrong. Raises BadInput where no row can be told from the next."""
    numbered = list(_numbered(found.file))
    header = numbered[0][1] if numbered else []
    if not header or len(set(header)) < len(header) or _BROKEN in "".join(header):
        raise BadInput(f"{found.file}: line 1: expected a header in UTF-8, each column's name once")
    for line, row in numbered[1:]:
        if len(row) != len(header):
            found.wrong(line, f"has {len(row)} fields where the header has {len(header)}")
        elif _BROKEN in "".join(row):
            found.wrong(line, "holds bytes that are no UTF-8")
    whole = [(line, row) for line, row in numbered[1:] if line not in found.bad]
    return pd.DataFrame([row for _, row in whole], index=[line for line, _ in whole], columns=header, dtype=str)


def records(rows: pd.DataFrame) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's line, and its texts by column."""
    for line, row in zip(rows.index.tolist(), rows.to_dict("records"), strict=True):
        yield line, {str(name): str(text) for name, text in row.items()}


def _numbered(file: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            reader = csv.reader(text, strict=True)
            try:
                yield from ((reader.line_num, row) for row in reader if row)
            except csv.Error as problem:
                raise BadInput(f"{file}: line {reader.line_num}: is no CSV: {problem}") from None
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
