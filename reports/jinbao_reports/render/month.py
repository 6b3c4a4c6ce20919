"""The monthly document (月度运行简报): one Statement in, one PDF out. Nothing is computed here."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinbao_reports import words
from jinbao_reports.printing import write_whole
from jinbao_reports.render import pdf, sheet
from jinbao_reports.render.reading import read_report


def statement_bytes(statement: Mapping[str, Any]) -> bytes:
    """The JSON file that belongs beside the document: its SHA-256 is the one the document prints."""
    return (json.dumps(statement, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()


def digest_of(statement: Mapping[str, Any]) -> str:
    return hashlib.sha256(statement_bytes(statement)).hexdigest()


def render_month(statement: Mapping[str, Any], out: Path, lang: str = "zh") -> Path:
    """Writes the PDF into the folder `out` (made if missing), whole or not at all, and returns its path.

    Raises StatementError when a figure is missing or not what judgement R7 says, RenderError when the page cannot be set,
    ValueError for a language other than zh and en. The same statement gives the same bytes.
    """
    if lang not in words.LANGUAGES:
        raise ValueError(f"lang: {lang!r}: expected one of {', '.join(words.LANGUAGES)}")
    document = sheet.build(read_report(statement), digest_of(statement), "month", lang)
    made = pdf.make_pdf(document)
    out.mkdir(parents=True, exist_ok=True)
    return write_whole(out / f"{document.stem}.pdf", made)
