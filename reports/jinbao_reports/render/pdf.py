"""A document (blocks and pictures) becomes a PDF by Typst: PDF/A-2a and PDF/UA-1, the same bytes whenever it is made again."""

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from jinbao_reports.render import fonts

TEMPLATE = "document.typ"


class RenderError(Exception):
    """The document could not be set in type; the message is Typst's own."""


def drawable(value: Any) -> Any:
    """Every text of a document with 〓 in place of characters that no font of ours has."""
    if isinstance(value, str):
        return fonts.drawable(value)
    if isinstance(value, list | tuple):
        return [drawable(item) for item in value]
    if isinstance(value, dict):
        return {key: drawable(item) for key, item in value.items()}
    return value


def make_pdf(document: Mapping[str, Any], pictures: Mapping[str, bytes], at: datetime) -> bytes:
    """`document` is what document.typ reads, `pictures` its SVG files by name, `at` the date the file carries.

    Everything is done in a private folder that Typst may not leave, with our fonts only. Raises RenderError.
    """
    template = resources.files("jinbao_reports.render") / "templates" / TEMPLATE
    with tempfile.TemporaryDirectory(prefix="jinbao-report-") as room:
        root = Path(room)
        (root / TEMPLATE).write_bytes(template.read_bytes())
        (root / "document.json").write_text(json.dumps(drawable(dict(document)), ensure_ascii=False), encoding="utf-8")
        for name, picture in pictures.items():
            (root / name).write_bytes(picture)
        return _compile(root, at)


def _compile(root: Path, at: datetime) -> bytes:
    import typst  # the compiler is 80 MB; only a document needs it

    try:
        return typst.compile(
            root / TEMPLATE,
            root=root,
            font_paths=[fonts.folder()],
            ignore_system_fonts=True,
            format="pdf",
            timestamp=int(at.timestamp()),
            pdf_standards=["a-2a", "ua-1"],
        )
    except typst.TypstError as error:
        raise RenderError(str(error)) from error
