"""A document becomes a PDF by Typst: PDF/A-2a and PDF/UA-1, the same bytes whenever it is made again."""

import json
import tempfile
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from jinbao_reports.render import fonts
from jinbao_reports.render.blocks import every_text
from jinbao_reports.render.document import Document
from jinbao_reports.render.faults import RenderError

TEMPLATE = "document.typ"


def make_pdf(document: Document) -> bytes:
    """Everything is done in a private folder that Typst may not leave, with our fonts only. Raises RenderError."""
    template = resources.files("jinbao_reports.render") / "templates" / TEMPLATE
    with tempfile.TemporaryDirectory(prefix="jinbao-report-") as room:
        root = Path(room)
        (root / TEMPLATE).write_bytes(template.read_bytes())
        (root / "document.json").write_text(
            json.dumps(every_text(_sheet(document), fonts.drawable), ensure_ascii=False), encoding="utf-8"
        )
        for name, picture in document.pictures.items():
            (root / f"{name}.svg").write_bytes(picture.svg)
        return _compile(root, document.at)


def _sheet(document: Document) -> dict[str, Any]:
    names = ("lang", "title", "author", "description", "running_head", "over_title", "title_line", "under_title")
    told = {name: getattr(document, name) for name in (*names, "mark", "unbroken")}
    return {**told, "blocks": list(document.blocks())}


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
