"""What a document is made of: dicts that `templates/document.typ` sets in type. Text only: data never becomes markup."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Block = dict[str, Any]
Cell = str | list[str] | dict[str, Any]
KEPT_ROWS = 15  # of two lines each fill most of a page
TEXT_WIDTH_MM = 156  # GB/T 9704-2012: A4 with 28 mm at the binding edge and 26 mm opposite


@dataclass(frozen=True, slots=True)
class Column:
    """`nowrap` keeps each line of a cell whole: figures and times must never break."""

    head: str
    mm: float
    align: str = "left"
    nowrap: bool = False


def every_text(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each text in it changed, but for the names of its fields."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [every_text(item, change) for item in value]
    if isinstance(value, dict):
        return {key: every_text(item, change) for key, item in value.items()}
    return value


def lines(*texts: str) -> list[str]:
    """One line for each text that says something."""
    return [text for text in texts if text]


def cell(content: Sequence[str] | str, *, tone: str = "", rowspan: int = 1) -> Cell:
    return {"lines": [content] if isinstance(content, str) else list(content), "tone": tone, "rowspan": rowspan}


def heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


def body(text: str) -> Block:
    return {"kind": "body", "text": text}


def note(text: str, *, leads: bool = False) -> Block:
    """`leads`: it speaks about the block that follows and stays on its page."""
    return {"kind": "note", "text": text, "sticky": leads}


def warning(text: str) -> Block:
    return {"kind": "warning", "text": text}


def items(texts: Sequence[str]) -> Block:
    return {"kind": "items", "items": list(texts)}


def facts(pairs: Sequence[tuple[str, str]]) -> Block:
    """Names and values, for the head of a document."""
    return {"kind": "facts", "pairs": [list(pair) for pair in pairs]}


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, keep: bool = False, small: bool = False) -> Block:
    """`keep` holds a short table on one page, `small` is for long figures in many columns.

    Raises ValueError when the columns are wider than the page, and would be cut.
    """
    if sum(column.mm for column in columns) > TEXT_WIDTH_MM:
        raise ValueError(f"columns: {sum(column.mm for column in columns)} mm: the page holds {TEXT_WIDTH_MM} mm")
    shown = [asdict(column) for column in columns]
    kept = keep and len(rows) <= KEPT_ROWS
    return {"kind": "table", "columns": shown, "rows": [list(row) for row in rows], "keep": kept, "small": small}


def figure(file: str, caption: str, alt: str) -> Block:
    return {"kind": "figure", "file": file, "caption": caption, "alt": alt}


def signatures(parties: Sequence[tuple[str, str]], words: dict[str, str]) -> Block:
    """`words`: person, date, blank_date, opinion and the colon between a name and its value."""
    return {"kind": "signatures", "parties": [list(party) for party in parties], **words}
