"""How commands speak: a table for people, JSON for programs, files whole or not at all."""

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text as Plain

from jinbao_reports.words import Text


def print_table(columns: Iterable[Text], rows: Iterable[tuple[str, ...]], lang: str) -> None:
    table = Table()
    for column in columns:
        table.add_column(column.to(lang))
    for row in rows:
        table.add_row(*map(Plain, row))  # not markup: a stranger's file may hold brackets
    # Into a file or pipe nothing may be cut to an imagined terminal's width.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def write(file: Path, text: str) -> None:
    """Whole or not at all."""
    write_whole(file, text.encode())


def write_whole(file: Path, content: bytes) -> Path:
    """Beside its place, to the disk, then into place; nothing is left behind where that fails."""
    handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=".writing-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        Path(scratch).chmod(0o644)
        Path(scratch).replace(file)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return file


def percent(ratio: float | None) -> str:
    """Cut, never rounded up, to 4 decimals of a percent."""
    if ratio is None:
        return "—"
    millionths = int(round(ratio * 10**12) // 10**6)
    return f"{millionths // 10**4}.{millionths % 10**4:04d}%"


def decimals(number: float | None) -> str:
    """Cut, never rounded up, to 3 decimals."""
    if number is None:
        return "—"
    thousandths = int(round(number * 10**9) // 10**6)
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"
