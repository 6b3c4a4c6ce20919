"""A document becomes a Word file by docxtpl, from our template or from one the office has edited; the same bytes every time."""

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from docxtpl import DocxTemplate
from jinja2 import TemplateError
from markupsafe import Markup

from jinbao_reports.render import fonts
from jinbao_reports.render.blocks import Block, every_text, heading
from jinbao_reports.render.document import Document
from jinbao_reports.render.faults import TemplateFault
from jinbao_reports.render.word_blocks import Setter
from jinbao_reports.render.word_template import CHAPTERS, TEXTS, default_template, environment, unknown_fields

# XML has no way to write these (XML 1.0 section 2.2); a ticket list or a ledger may hold them.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def make_docx(document: Document, template: Path | None = None) -> bytes:
    """Raises TemplateFault where the template asks for what this document does not have."""
    if template is not None and (unknown := unknown_fields(template)):
        raise TemplateFault(
            f"{template}: unknown fields: {', '.join(unknown)}; `jinbao-report template fields` lists those there are"
        )
    made = DocxTemplate(io.BytesIO(default_template()) if template is None else template)
    made.init_docx()
    try:
        made.render(_context(document, made), jinja_env=environment())
    except TemplateError as problem:
        raise TemplateFault(f"{template}: {problem}; this document has no such field") from problem
    _dated(made, document)
    out = io.BytesIO()
    made.save(out)
    return normal(out.getvalue())


def _context(document: Document, made: DocxTemplate) -> dict[str, object]:
    setter = Setter(made.docx, document.pictures, indent=document.lang == "zh")

    def xml(blocks: list[Block]) -> Markup:
        return Markup(setter.xml(every_text(blocks, _writable)))  # made by us, every text escaped by lxml

    told = {chapter.key: chapter for chapter in document.told()}
    content = {key: list(told[key].blocks) if key in told else [] for key in CHAPTERS}
    whole = {key: [heading(told[key].heading), *blocks] if key in told else [] for key, blocks in content.items()}
    return {
        **{name: _writable(getattr(document, name)) for name in TEXTS},
        "body": _Lazy(xml, list(document.blocks())),
        "opening": _Lazy(xml, list(document.opening)),
        "chapter": {key: _Lazy(xml, blocks) for key, blocks in whole.items()},
        "content": {key: _Lazy(xml, blocks) for key, blocks in content.items()},
        "value": _Values(every_text(dict(document.values), _writable)),
    }


def _writable(text: str) -> str:
    """With the mark that a PDF has for what it cannot draw."""
    return _NOT_XML.sub(fonts.GETA, text)


class _Lazy:
    """Set only where the template asks for it: pictures that nobody places stay out of the file."""

    def __init__(self, xml: object, blocks: list[Block]) -> None:
        self._xml, self._blocks = xml, blocks

    def __html__(self) -> str:
        return str(self._xml(self._blocks))  # type: ignore[operator]

    __str__ = __html__


class _Values(dict[str, str]):
    """Single figures; one that this document does not have raises where it is used."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)


def _dated(made: DocxTemplate, document: Document) -> None:
    properties = made.docx.core_properties
    properties.title, properties.author = document.title, document.author
    properties.last_modified_by, properties.comments, properties.language = "", document.description, document.lang
    at = datetime.fromtimestamp(document.at.timestamp(), UTC).replace(tzinfo=None)
    properties.created = properties.modified = at
    properties.revision = 1


def normal(content: bytes) -> bytes:
    """The same parts in the same order with the same date, however they were zipped."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        for name in sorted(names, key=lambda name: (name != "[Content_Types].xml", name)):
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, source.read(name))
    return out.getvalue()
