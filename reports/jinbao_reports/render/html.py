"""A document becomes one HTML file that opens from a disk, asks no network for anything, and prints on A4."""

import base64
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from jinbao_reports.render.blocks import Block
from jinbao_reports.render.document import Document

TEMPLATE = "document.html"


def make_html(document: Document) -> bytes:
    source = (resources.files("jinbao_reports.render") / "templates" / TEMPLATE).read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(source)
    blocks = [_with_columns(block) if block["kind"] == "table" else block for block in document.blocks()]
    pictures = {
        block["file"]: base64.b64encode(document.pictures[block["file"]].svg).decode()
        for block in blocks
        if block["kind"] == "figure"
    }
    return template.render(doc=document, blocks=blocks, pictures=pictures).encode()


def _with_columns(block: Block) -> Block:
    """Each cell with the classes of its column: rows below one that spans several are shorter, so columns are counted."""
    columns, taken = block["columns"], [0] * len(block["columns"])
    whole = sum(column["mm"] for column in columns)
    shown = [{**column, "share": f"{100 * column['mm'] / whole:.1f}"} for column in columns]
    return {**block, "columns": shown, "rows": [_row(row, columns, taken) for row in block["rows"]]}


def _row(row: list[Any], columns: list[dict[str, Any]], taken: list[int]) -> list[dict[str, Any]]:
    cells, place = [], 0
    for value in row:
        while taken[place]:
            taken[place] -= 1
            place += 1
        spec = value if isinstance(value, dict) else {"lines": value, "tone": "", "rowspan": 1}
        told = spec["lines"] if isinstance(spec["lines"], list) else [spec["lines"]]
        column = columns[place]
        classes = [column["align"], "nowrap" if column["nowrap"] else "", f"tone {spec['tone']}" if spec["tone"] else ""]
        cells.append({"lines": told, "rowspan": spec["rowspan"], "classes": " ".join(filter(None, classes))})
        taken[place] = spec["rowspan"] - 1
        place += 1
    for rest in range(place, len(columns)):
        taken[rest] = max(0, taken[rest] - 1)
    return cells
