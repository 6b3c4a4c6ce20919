"""Blocks of a document as the XML of a Word file, in the styles of the template they go into."""

import io
from typing import TYPE_CHECKING, Any

from docx.document import Document as Docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from lxml import etree

from jinbao_reports.render.blocks import TEXT_WIDTH_MM, Block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jinbao_reports.render.charts import Picture

_ALIGN = {"left": WD_ALIGN_PARAGRAPH.LEFT, "right": WD_ALIGN_PARAGRAPH.RIGHT, "center": WD_ALIGN_PARAGRAPH.CENTER}
# Dark enough to read in black-and-white print; shape and word stand beside the colour.
_TONES = {
    "pass": RGBColor(0x1B, 0x5E, 0x20),
    "fail": RGBColor(0x9B, 0x1C, 0x1C),
    "inconclusive": RGBColor(0x7A, 0x41, 0x00),
    "no_data": RGBColor(0x4D, 0x4D, 0x4D),
}
_GREY_FILL, _HEAD_FILL = "F2F2F2", "EBEBEB"
_SANS = "黑体"
_CELL_MARGIN_TWIPS = 57  # 1 mm


class Setter:
    """Makes the elements of one Word file; they are taken out of its body again as XML, for the template to place."""

    def __init__(self, docx: Docx, pictures: "Mapping[str, Picture]", *, indent: bool) -> None:
        self._docx, self._pictures, self._indent = docx, pictures, indent

    def xml(self, blocks: "Sequence[Block]") -> str:
        body = self._docx.element.body
        before = len(body)
        for block in blocks:
            _SETTERS[block["kind"]](self, block)
        last = body.sectPr
        made = [element for element in list(body)[before - (last is not None) :] if element is not last]
        told = "".join(etree.tostring(element, encoding="unicode") for element in made)
        for element in made:
            body.remove(element)
        return told

    def paragraph(self, text: str, size: float, *, style: str = "Normal") -> Paragraph:
        paragraph = self._docx.add_paragraph(style=style if style in self._docx.styles else None)
        if text:
            paragraph.add_run(text).font.size = Pt(size)
        return paragraph

    def heading(self, block: Block) -> None:
        style = "Heading 1" if "Heading 1" in self._docx.styles else None
        self._docx.add_paragraph(block["text"], style=style).paragraph_format.keep_with_next = True

    def body(self, block: Block) -> None:
        paragraph = self._docx.add_paragraph(block["text"])
        if not self._indent:  # the style's two characters are Chinese custom
            _unindented(paragraph)

    def note(self, block: Block) -> None:
        paragraph = self.paragraph(block["text"], 10)
        _dense(paragraph, before=4, after=6)
        paragraph.paragraph_format.keep_with_next = block["sticky"]

    def warning(self, block: Block) -> None:
        paragraph = self.paragraph(block["text"], 10.5)
        _dense(paragraph, before=6, after=6)
        _coloured(paragraph, _TONES["fail"])
        borders = OxmlElement("w:pBdr")
        for side in ("top", "left", "bottom", "right"):
            edge = OxmlElement(f"w:{side}")
            for name, value in (("val", "single"), ("sz", "10"), ("space", "4"), ("color", "9B1C1C")):
                edge.set(qn(f"w:{name}"), value)
            borders.append(edge)
        # The schema wants the borders before spacing and indent.
        properties = paragraph._p.get_or_add_pPr()
        anchor = next((child for child in properties if child.tag in (qn("w:spacing"), qn("w:ind"))), None)
        properties.append(borders) if anchor is None else anchor.addprevious(borders)

    def items(self, block: Block) -> None:
        for text in block["items"]:
            paragraph = self.paragraph(f"● {text}", 11)
            _dense(paragraph, before=2, after=4)
            paragraph.paragraph_format.left_indent = Pt(18)
            paragraph.paragraph_format.first_line_indent = Pt(-14)

    def facts(self, block: Block) -> None:
        table = self._table(len(block["pairs"]), (34, TEXT_WIDTH_MM - 34))
        for row, (name, value) in zip(table.rows, block["pairs"], strict=True):
            _fill(row.cells[0], [name], 10.5, shade=_GREY_FILL)
            _fill(row.cells[1], [value], 10.5)
        self._space()

    def table(self, block: Block) -> None:
        columns, rows = block["columns"], block["rows"]
        size = 8 if block["small"] else 9
        table = self._table(1 + len(rows), [column["mm"] for column in columns])
        for cell, column in zip(table.rows[0].cells, columns, strict=True):
            _fill(cell, [column["head"]], size, align="center", shade=_HEAD_FILL, font=_SANS)
        _repeat_head(table)
        taken = [0] * len(columns)
        grid = [list(row.cells) for row in table.rows]  # python-docx counts the cells anew on every look
        for line, row in enumerate(rows, 1):
            _set_row(grid, line, row, columns, taken, size)
        if block["keep"]:
            for cells in grid[:-1]:
                for cell in cells:
                    cell.paragraphs[0].paragraph_format.keep_with_next = True
        self._space()

    def figure(self, block: Block) -> None:
        caption = self.paragraph(block["caption"], 10.5)
        _dense(caption, before=8, after=2)
        caption.alignment = WD_ALIGN_PARAGRAPH.CENTER
        caption.paragraph_format.keep_with_next = True
        _font(caption, _SANS)
        paragraph = self.paragraph("", 10)
        _dense(paragraph, before=0, after=6)
        picture = paragraph.add_run().add_picture(io.BytesIO(self._pictures[block["file"]].png), width=Mm(TEXT_WIDTH_MM - 1))
        picture._inline.docPr.set("descr", block["alt"])

    def signatures(self, block: Block) -> None:
        table = self._table(1, (TEXT_WIDTH_MM / 2, TEXT_WIDTH_MM / 2), grid=False)
        colon = block["colon"]
        for cell, (role, name) in zip(table.rows[0].cells, block["parties"], strict=True):
            line = colon + "＿" * 10
            told = [role + colon, name, block["opinion"], block["person"] + line, block["date"] + colon + block["blank_date"]]
            _fill(cell, told, 11, spaced=True)
        self._space()

    def _table(self, rows: int, widths: "Sequence[float]", *, grid: bool = True) -> Table:
        table: Table = self._docx.add_table(rows, len(widths))
        if grid and "Table Grid" in self._docx.styles:
            table.style = "Table Grid"
        table.autofit = False
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        _margins(table)
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Mm(width)
        for row in table.rows:
            for cell, width in zip(row.cells, widths, strict=True):
                cell.width = Mm(width)
            row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        return table

    def _space(self) -> None:
        _dense(self.paragraph("", 6), before=0, after=0)


_SETTERS: "dict[str, Callable[[Setter, Block], None]]" = {
    "heading": Setter.heading,
    "body": Setter.body,
    "note": Setter.note,
    "warning": Setter.warning,
    "items": Setter.items,
    "facts": Setter.facts,
    "table": Setter.table,
    "figure": Setter.figure,
    "signatures": Setter.signatures,
}


def _set_row(grid: list[list[_Cell]], line: int, row: list[Any], columns: list[Any], taken: list[int], size: float) -> None:
    """A cell that spans rows takes the places below it; those rows are shorter, so a cell knows its column by counting."""
    place = 0
    for value in row:
        while taken[place]:
            taken[place] -= 1
            place += 1
        spec = value if isinstance(value, dict) else {"lines": value, "tone": "", "rowspan": 1}
        told = spec["lines"] if isinstance(spec["lines"], list) else [spec["lines"]]
        cell = grid[line][place]
        if spec["rowspan"] > 1:
            cell = cell.merge(grid[line + spec["rowspan"] - 1][place])
        column = columns[place]
        _fill(cell, told, size, align=column["align"], tone=spec["tone"], nowrap=column["nowrap"])
        taken[place] = spec["rowspan"] - 1
        place += 1
    for rest in range(place, len(columns)):
        taken[rest] = max(0, taken[rest] - 1)


def _fill(
    cell: _Cell,
    told: "Sequence[str]",
    size: float,
    *,
    align: str = "left",
    tone: str = "",
    shade: str = "",
    font: str = "",
    nowrap: bool = False,
    spaced: bool = False,
) -> None:
    paragraph = cell.paragraphs[0]
    for number, line in enumerate(told):
        if number:
            paragraph = cell.add_paragraph()
        paragraph.add_run(line).font.size = Pt(size)
        _dense(paragraph, before=5 if spaced else 0, after=5 if spaced else 0)
        paragraph.alignment = _ALIGN[align]
        if font or tone:
            _font(paragraph, font or _SANS)
        if tone:
            _coloured(paragraph, _TONES[tone])
    properties = cell._tc.get_or_add_tcPr()
    if shade:
        filled = OxmlElement("w:shd")
        for name, value in (("val", "clear"), ("color", "auto"), ("fill", shade)):
            filled.set(qn(f"w:{name}"), value)
        properties.append(filled)
    if nowrap:
        properties.append(OxmlElement("w:noWrap"))
    centred = OxmlElement("w:vAlign")
    centred.set(qn("w:val"), "center")
    properties.append(centred)


def _dense(paragraph: Paragraph, *, before: float, after: float) -> None:
    """Single lines without the body's indent: for everything that is not running text."""
    form = paragraph.paragraph_format
    form.space_before, form.space_after = Pt(before), Pt(after)
    form.line_spacing_rule = WD_LINE_SPACING.SINGLE
    _unindented(paragraph)


def _unindented(paragraph: Paragraph) -> None:
    """The body's indent is counted in characters, which go before points."""
    paragraph.paragraph_format.first_line_indent = Pt(0)
    paragraph._p.get_or_add_pPr().get_or_add_ind().set(qn("w:firstLineChars"), "0")


def _coloured(paragraph: Paragraph, colour: RGBColor) -> None:
    for run in paragraph.runs:
        run.font.color.rgb = colour


def _font(paragraph: Paragraph, name: str) -> None:
    for run in paragraph.runs:
        run._r.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), name)


def _margins(table: Table) -> None:
    """As narrow as the PDF's, so that figures which fit there fit here."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), str(_CELL_MARGIN_TWIPS))
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    look = table._tbl.tblPr.find(qn("w:tblLook"))
    table._tbl.tblPr.append(margins) if look is None else look.addprevious(margins)


def _repeat_head(table: Table) -> None:
    head = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(head)
