"""The Word template of the documents, after GB/T 9704-2012: made here once, then the office's to edit.

Fields: {{ title_line }} {{ over_title }} {{ under_title }} {{ running_head }} {{ mark }}, single figures {{ value.NAME }}, and
on a line of their own {{p body }}, {{p opening }}, {{p chapter.KEY }} (with its heading) and {{p content.KEY }} (without).
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.text.paragraph import Paragraph
from docxtpl import DocxTemplate
from jinja2 import TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from jinbao_reports.render import annex_words, month_words, paper_words, sheet_words
from jinbao_reports.render.faults import TemplateFault

TEXTS = ("title", "title_line", "over_title", "under_title", "running_head", "mark")
PARTS = ("body", "opening")
CHAPTERS = tuple(
    dict.fromkeys(
        key
        for headings in (month_words.HEADINGS, sheet_words.HEADINGS, annex_words.HEADINGS, paper_words.HEADINGS)
        for key in headings
    )
)
VALUES = (
    *("period", "customer", "carrier", "contract", "target", "links", "pass", "fail", "inconclusive", "no_data"),
    *("mean_low", "mean_high", "outages", "counted_outages", "counted_time", "disputed_time", "unknown_time"),
    *("digest", "version", "manifest_day", "manifest_hash"),
)
ANNEX_VALUES = (
    *("county", "unit", "department", "project", "goal", "budget", "spent", "rate"),
    *("score", "of_100", "grade", "satisfaction"),
)
_BODY, _TITLE, _HEADING, _LATIN = "仿宋", "方正小标宋简体", "黑体", "Times New Roman"
_LINE_PT = 28.95  # 225 mm of text in 22 lines, less the last line's lead


def default_template() -> bytes:
    document = docx.Document()
    document.core_properties.author = ""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    section.header_distance, section.footer_distance = Mm(22), Mm(25)
    _styles(document)
    document.settings.odd_and_even_pages_header_footer = True
    section.different_first_page_header_footer = True
    for header, shown in (
        (section.header, True),
        (section.even_page_header, True),
        (section.first_page_header, False),
    ):
        _header(header.paragraphs[0], running=shown)
    for footer, align in (
        (section.footer, WD_ALIGN_PARAGRAPH.RIGHT),
        (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT),
        (section.first_page_footer, WD_ALIGN_PARAGRAPH.RIGHT),
    ):
        _page_number(footer.paragraphs[0], align)
    _titles(document)
    document.add_paragraph("{{p body }}")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _styles(document: Any) -> None:
    normal = document.styles["Normal"]
    _named(normal, _BODY, 16)
    form = normal.paragraph_format
    form.space_before = form.space_after = Pt(0)
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(_LINE_PT)
    form.first_line_indent = Pt(32)
    normal.element.get_or_add_pPr().get_or_add_ind().set(qn("w:firstLineChars"), "200")
    heading = document.styles["Heading 1"]
    _named(heading, _HEADING, 16)
    heading.font.bold = False
    heading.font.color.rgb = RGBColor(0, 0, 0)
    heading.paragraph_format.space_before = heading.paragraph_format.space_after = Pt(6)
    _unindented(heading.element)


def _named(style: ParagraphStyle, font: str, size: float) -> None:
    style.font.name, style.font.size = _LATIN, Pt(size)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), font)
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)


def _unindented(element: Any) -> None:
    indent = element.get_or_add_pPr().get_or_add_ind()
    for name in ("firstLine", "firstLineChars"):
        indent.set(qn(f"w:{name}"), "0")


def _titles(document: Any) -> None:
    for field, size, font, after in (
        ("over_title", 14, _BODY, 12),
        ("title_line", 22, _TITLE, 12),
        ("under_title", 14, _BODY, 12),
    ):
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_after = Pt(after)
        paragraph.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
        _unindented(paragraph._p)
        _run(paragraph, f"{{{{ {field} }}}}", size, font)


def _run(paragraph: Paragraph, text: str, size: float, font: str = _BODY) -> Any:
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    run._r.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    return run


def _header(paragraph: Paragraph, *, running: bool) -> None:
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    _unindented(paragraph._p)
    _run(paragraph, "{{ mark }}", 9, _HEADING).font.color.rgb = RGBColor(0x9B, 0x1C, 0x1C)
    if running:
        _run(paragraph, "　{{ running_head }}", 9)


def _page_number(paragraph: Paragraph, align: Any) -> None:
    """— 1 —, one character in from the outer edge."""
    paragraph.alignment = align
    paragraph.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Pt(14)
    _unindented(paragraph._p)
    _run(paragraph, "— ", 14, "宋体")
    run = _run(paragraph, "", 14, "宋体")
    for kind, text in (("begin", ""), ("", "PAGE"), ("separate", ""), ("shown", "1"), ("end", "")):
        run._r.append(_field_part(kind, text))
    _run(paragraph, " —", 14, "宋体")


def _field_part(kind: str, text: str) -> Any:
    if kind in ("", "shown"):
        part = OxmlElement("w:t" if kind else "w:instrText")
        part.text = text
        return part
    part = OxmlElement("w:fldChar")
    part.set(qn("w:fldCharType"), kind)
    return part


def environment() -> SandboxedEnvironment:
    """Templates are files of strangers: sandboxed, and what they leave undefined raises."""
    from jinja2 import StrictUndefined

    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)


def unknown_fields(file: Path) -> list[str]:
    """The fields a template asks for that no document has, in order of their first use. Raises TemplateFault."""
    try:
        template = DocxTemplate(file)
        template.init_docx()
        sources = [template.patch_xml(template.get_xml()), *_headers_and_footers(template)]
        asked = [name for source in sources for name in _asked(environment().parse(source))]
    except TemplateError as problem:
        raise TemplateFault(f"{file}: {problem}") from problem
    except (OSError, KeyError, ValueError, BadZipFile) as problem:
        raise TemplateFault(f"{file}: is no Word file (.docx) that can be read: {problem}") from problem
    return [name for name in dict.fromkeys(asked) if not _is_known(name)]


def _headers_and_footers(template: DocxTemplate) -> Iterator[str]:
    for uri in (template.HEADER_URI, template.FOOTER_URI):
        for _, part in template.get_headers_footers(uri):
            yield template.patch_xml(template.get_part_xml(part))


def _asked(tree: nodes.Template) -> Iterator[str]:
    """Names and dotted names that are read; what the template sets itself, as in a loop, is its own."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    dotted = {id(found.node) for found in tree.find_all(nodes.Getattr)}
    for found in tree.find_all((nodes.Getattr, nodes.Name)):
        if isinstance(found, nodes.Getattr) and isinstance(found.node, nodes.Name):
            if found.node.name not in own:
                yield f"{found.node.name}.{found.attr}"
        elif isinstance(found, nodes.Name) and found.name not in own and id(found) not in dotted:
            yield found.name


def _is_known(name: str) -> bool:
    group, dot, key = name.partition(".")
    known = {"chapter": CHAPTERS, "content": CHAPTERS, "value": (*VALUES, *ANNEX_VALUES)}
    return key in known.get(group, ()) if dot else name in (*TEXTS, *PARTS)


def known_fields() -> list[str]:
    """Every field, as a template writes it."""
    return [
        *(f"{{{{ {name} }}}}" for name in TEXTS),
        *(f"{{{{p {name} }}}}" for name in PARTS),
        *(f"{{{{p chapter.{key} }}}}" for key in CHAPTERS),
        *(f"{{{{p content.{key} }}}}" for key in CHAPTERS),
        *(f"{{{{ value.{key} }}}}" for key in (*VALUES, *ANNEX_VALUES)),
    ]
