"""The workbook for checking and what-if: a summary of live formulas over the sheet of outages, each with its cached value.

A spreadsheet recalculates every availability from the outages and the seconds beside them; the same bytes every time.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from jinbao_reports import words
from jinbao_reports.render import figures, month_text
from jinbao_reports.render.charts.outages import kind as kind_of
from jinbao_reports.render.document import DEMONSTRATION
from jinbao_reports.render.report import Link, Outage, Report, Slice
from jinbao_reports.render.workbook_rules import FORMATS, MODE, TARGET, drop_downs, formulas, known_figures
from jinbao_reports.render.workbook_words import ABOUT, DAILY, EXCUSED, LEDGER, SHEETS, SUMMARY

_FONT = "宋体"
_COLUMNS = (
    *("code", "link", "service", "unknown", "window", "counted", "excluded", "not_carrier", "disputed", "unclaimed"),
    *("up", "denominator", "low", "high", "coverage", "verdict", "issued"),
)
_LEDGER_COLUMNS = (
    *("outage", "code", "link", "from", "to", "seconds", "clock", "cause", "party"),
    *("counts", "otherwise", "row", "ticket"),
)
_PARTS = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")
_A_LINE = 40  # characters of the about sheet
_SPARE = 200  # rows below the last outage that a user may fill in
_EXCUSED_KINDS = ("power", "planned")


def make_xlsx(report: Report, digest: str, lang: str) -> bytes:
    """Workbook of the sheets 说明, 汇总, 中断台账, 每日, 维护与停电."""
    return _Workbook(report, digest, lang).made()


class _Workbook:
    def __init__(self, report: Report, digest: str, lang: str) -> None:
        self.report, self.digest, self.lang = report, digest, lang
        self._out = io.BytesIO()
        self._book = xlsxwriter.Workbook(self._out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        self._book.set_properties(
            {
                "title": ABOUT["title"].to(lang),
                "author": report.contract.customer,
                "created": report.period.end.replace(tzinfo=None),
            }
        )
        self._book.set_calc_mode("auto")
        self._formats = {
            name: self._book.add_format({"font_name": _FONT, "font_size": 10, **more}) for name, more in FORMATS.items()
        }
        self.rows = [
            (link, outage, piece)
            for link in report.links
            for outage in link.outages
            if outage.scope == "link"
            for piece in outage.slices
        ]

    def made(self) -> bytes:
        self._about()
        self._summary()
        self._ledger()
        self._daily()
        self._excused()
        self._book.close()
        return self._out.getvalue()

    def _sheet(self, name: str, *, wide: bool = True) -> Any:
        sheet = self._book.add_worksheet(SHEETS[name].to(self.lang))
        sheet.set_paper(9)  # A4
        if wide:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.7, bottom=0.6)
        mark = DEMONSTRATION.to(self.lang) if self.report.demonstration else ""
        sheet.set_header(f"&C{mark} {SHEETS[name].to(self.lang)}".replace("  ", " "))
        sheet.set_footer("&C— &P —")
        return sheet

    def _about(self) -> None:
        sheet, lang, contract = self._sheet("about", wide=False), self.lang, self.report.contract
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 84)
        self._put(sheet, 0, 0, ABOUT["title"].to(lang), "title")
        if self.report.demonstration:
            self._put(sheet, 0, 1, DEMONSTRATION.to(lang), "warning")
        facts: list[tuple[str, str]] = [
            ("period", month_text.period_text(self.report, lang)),
            ("customer", month_text.flagged(contract.customer, self.report, lang, "parties.customer")),
            ("carrier", month_text.flagged(contract.carrier, self.report, lang, "parties.carrier")),
            ("contract", month_text.flagged(contract.title, self.report, lang, "parties.title")),
            ("profile", month_text.basis(self.report, lang)),
            ("digest", self.digest),
            ("version", self.report.version),
            ("placeholders", ", ".join(sorted(contract.placeholders)) or "—"),
        ]
        for row, (key, value) in enumerate(facts, 1):
            self._put(sheet, row, 0, ABOUT[key].to(lang), "head")
            self._put(sheet, row, 1, value, "text")
            if len(value) > _A_LINE:
                sheet.set_row(row, 15 * -(-len(value) // _A_LINE))
        row = len(facts) + 1
        self._parameters(sheet, row)
        for at, key in enumerate(("how", "unknown", "formula_remove", "formula_credit"), row + 3):
            sheet.merge_range(at, 0, at, 1, ABOUT[key].to(lang), self._formats["text"])
            sheet.set_row(at, 46)

    def _parameters(self, sheet: Any, row: int) -> None:
        """The two cells that a user may change, by names that the formulas use."""
        lang, contract = self.lang, self.report.contract
        self._put(sheet, row, 0, month_text.flagged(ABOUT["target"].to(lang), self.report, lang, "target"), "head")
        sheet.write_number(row, 1, float(contract.target), self._formats["input_ratio"])
        self._put(sheet, row + 1, 0, month_text.flagged(ABOUT["mode"].to(lang), self.report, lang, "mode"), "head")
        modes = [ABOUT["remove"].to(lang), ABOUT["credit"].to(lang)]
        self._put(sheet, row + 1, 1, ABOUT[str(self.report.profile["mode"])].to(lang), "input")
        sheet.data_validation(row + 1, 1, row + 1, 1, {"validate": "list", "source": modes})
        name = SHEETS["about"].to(lang)
        for defined, at in ((TARGET, row), (MODE, row + 1)):
            self._book.define_name(defined, f"='{name}'!{xl_rowcol_to_cell(at, 1, row_abs=True, col_abs=True)}")

    def _heads(self, sheet: Any, catalogue: Any, keys: Sequence[str], widths: Sequence[float]) -> None:
        for place, (key, width) in enumerate(zip(keys, widths, strict=True)):
            sheet.set_column(place, place, width)
            self._put(sheet, 0, place, catalogue[key].to(self.lang), "head")
        sheet.set_row(0, 32)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)

    def _summary(self) -> None:
        sheet = self._sheet("summary")
        self._heads(sheet, SUMMARY, _COLUMNS, (11, 22, 13, 12, 12, 11, 11, 12, 11, 11, 13, 13, 11, 11, 11, 12, 12))
        for row, link in enumerate(self.report.links, 1):
            self._summary_row(sheet, row, link)
        self._mean(sheet, len(self.report.links))

    def _summary_row(self, sheet: Any, row: int, link: Link) -> None:
        cells = {name: xl_rowcol_to_cell(row, place) for place, name in enumerate(_COLUMNS)}
        self._put(sheet, row, 0, link.code, "text")
        self._put(sheet, row, 1, link.name, "text")
        for place, value in ((2, link.seconds["service"]), (3, link.seconds["unknown"]), (4, self._within(link))):
            sheet.write_number(row, place, float(value), self._formats["seconds"])
        for name in ("counted", "excluded", "not_carrier", "disputed", "unclaimed"):
            window = f"{cells['window']}+" if name == "excluded" else ""
            formula = f"={window}{self._adds_up(name, cells['code'])}"
            sheet.write_formula(row, _COLUMNS.index(name), formula, self._formats["seconds"], float(link.seconds[name]))
        out_of = "+".join(cells[name] for name in ("counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown"))
        self._derived(sheet, row, cells, f"={cells['service']}-({out_of})", link.seconds, known_figures(link))
        self._put(sheet, row, _COLUMNS.index("issued"), words.VERDICTS[link.verdict].to(self.lang), "text")

    def _within(self, link: Link) -> Fraction:
        """Time that an exclusion took while the link was up: no outage's row holds it."""
        rows = (piece.seconds for other, _, piece in self.rows if other is link and piece.class_ == "excluded")
        return link.seconds["excluded"] - sum(rows, Fraction(0))

    def _adds_up(self, klass: str, code: str) -> str:
        """SUMIFS over the sheet of outages, by the words of its drop-downs."""
        seconds, codes, counts, otherwise = (self._column(name) for name in ("seconds", "code", "counts", "otherwise"))
        wanted = {"counted": "yes", "disputed": "disputed"}.get(klass, "no")
        formula = f'SUMIFS({seconds},{codes},{code},{counts},"{LEDGER[wanted].to(self.lang)}"'
        if wanted == "no":
            formula += f',{otherwise},"{LEDGER[klass].to(self.lang)}"'
        return f"{formula})"

    def _column(self, name: str) -> str:
        letter = xl_col_to_name(_LEDGER_COLUMNS.index(name), col_abs=True)
        return f"'{SHEETS['ledger'].to(self.lang)}'!{letter}$2:{letter}${len(self.rows) + _SPARE + 1}"

    def _derived(self, sheet: Any, row: int, cells: dict[str, str], up: str, seconds: Any, known: dict[str, Any]) -> None:
        """Up, denominator, bounds and verdict, each a formula with the value we issued."""
        nothing = figures.NO_DATA.to(self.lang)
        values = {
            "up": ("seconds", float(seconds["up"])),
            "denominator": ("seconds", float(seconds["denominator"])),
            "low": ("ratio", known["low"]),
            "high": ("ratio", known["high"]),
            "coverage": ("ratio", known["coverage"]),
            "verdict": ("text", words.VERDICTS[known["verdict"]].to(self.lang)),
        }
        for name, formula in formulas(cells, up, self.lang).items():
            form, value = values[name]
            sheet.write_formula(row, _COLUMNS.index(name), formula, self._formats[form], nothing if value is None else value)

    def _mean(self, sheet: Any, count: int) -> None:
        """Sums over sums, as the group's mean is."""
        row = count + 1
        cells = {name: xl_rowcol_to_cell(row, place) for place, name in enumerate(_COLUMNS)}
        self._put(sheet, row, 1, SUMMARY["mean"].to(self.lang), "head")
        totals: dict[str, Fraction] = {}
        for name in ("service", "unknown", "window", "counted", "excluded", "not_carrier", "disputed", "unclaimed"):
            place = _COLUMNS.index(name)
            totals[name] = sum(
                (self._within(link) if name == "window" else link.seconds[name] for link in self.report.links), Fraction(0)
            )
            first, last = xl_rowcol_to_cell(1, place), xl_rowcol_to_cell(max(count, 1), place)
            sheet.write_formula(row, place, f"=SUM({first}:{last})", self._formats["seconds"], float(totals[name]))
        for name in ("up", "denominator"):
            totals[name] = sum((link.seconds[name] for link in self.report.links), Fraction(0))
        place = _COLUMNS.index("up")
        up = f"=SUM({xl_rowcol_to_cell(1, place)}:{xl_rowcol_to_cell(max(count, 1), place)})"
        group, whole = self.report.group, totals["denominator"]
        coverage = None if group.low is None or not whole else float(1 - totals["unknown"] / whole)
        low, high = (None if value is None else float(value) for value in (group.low, group.high))
        target = self.report.contract.target
        verdict = "no_data"
        if group.low is not None and group.high is not None:
            verdict = "pass" if group.low >= target else "fail" if group.high < target else "inconclusive"
        self._derived(sheet, row, cells, up, totals, {"low": low, "high": high, "coverage": coverage, "verdict": verdict})

    def _ledger(self) -> None:
        sheet, lang = self._sheet("ledger"), self.lang
        self._heads(sheet, LEDGER, _LEDGER_COLUMNS, (26, 11, 24, 19, 19, 11, 11, 36, 17, 10, 13, 12, 18))
        for row, (link, outage, piece) in enumerate(self.rows, 1):
            self._ledger_row(sheet, row, link, outage, piece)
        last = len(self.rows) + _SPARE
        counts, otherwise = _LEDGER_COLUMNS.index("counts"), _LEDGER_COLUMNS.index("otherwise")
        for place, keys in (
            (counts, ("yes", "no", "disputed", "outside")),
            (otherwise, ("not_carrier", "excluded", "unclaimed")),
        ):
            choices = {"validate": "list", "source": [LEDGER[key].to(lang) for key in keys]}
            sheet.data_validation(1, place, last, place, choices)
        sheet.autofilter(0, 0, max(len(self.rows), 1), len(_LEDGER_COLUMNS) - 1)

    def _ledger_row(self, sheet: Any, row: int, link: Link, outage: Outage, piece: Slice) -> None:
        lang = self.lang
        counts, otherwise = drop_downs(piece.class_)
        told = {
            "outage": outage.id,
            "code": link.code,
            "link": link.name,
            "cause": words.word(words.CAUSES, piece.cause, lang),
            "party": words.word(words.PARTIES, piece.party, lang),
            "row": piece.row,
            "ticket": outage.ticket or "",
        }
        for name, text in told.items():
            self._put(sheet, row, _LEDGER_COLUMNS.index(name), text, "text")
        for name, key in (("counts", counts), ("otherwise", otherwise)):
            self._put(sheet, row, _LEDGER_COLUMNS.index(name), LEDGER[key].to(lang), "input")
        for name, moment in (("from", piece.span.start), ("to", piece.span.end)):
            self._moment(sheet, row, _LEDGER_COLUMNS.index(name), moment)
        place = _LEDGER_COLUMNS.index("seconds")
        sheet.write_number(row, place, float(piece.seconds), self._formats["seconds"])
        cell = xl_rowcol_to_cell(row, place)
        sheet.write_formula(row, place + 1, f"={cell}/86400", self._formats["clock"], float(piece.seconds / 86400))

    def _daily(self) -> None:
        sheet = self._sheet("daily")
        heads = {"day": DAILY["day"], **{key: SUMMARY[key] for key in ("code", "link", *_PARTS)}}
        self._heads(sheet, heads, tuple(heads), (12, 11, 22, *(13,) * len(_PARTS)))
        row = 1
        for link in self.report.links:
            for day in link.days:
                for place, text in enumerate((str(day.day), link.code, link.name)):
                    self._put(sheet, row, place, text, "text")
                for place, part in enumerate(_PARTS, 3):
                    sheet.write_number(row, place, float(day.seconds[part]), self._formats["seconds"])
                row += 1
        sheet.autofilter(0, 0, max(row - 1, 1), 2 + len(_PARTS))
        self._put(sheet, row + 1, 0, DAILY["note"].to(self.lang), "loose")

    def _excused(self) -> None:
        sheet = self._sheet("excused")
        keys = (
            "kind",
            "entry",
            "link",
            "from",
            "to",
            "applied",
            "notified",
            "author",
            "approved_by",
            "approved_at",
            "document",
            "reason",
        )
        heads = {**EXCUSED, "link": LEDGER["link"], "from": LEDGER["from"], "to": LEDGER["to"]}
        self._heads(sheet, heads, keys, (16, 26, 20, 19, 19, 11, 19, 10, 10, 19, 24, 24))
        row = 1
        for link in self.report.links:
            for item in link.exclusions:
                reason = "" if item.reason is None else words.word(words.REASONS, item.reason, self.lang)
                told = {0: f"{EXCUSED['exclusion'].to(self.lang)} {item.type}", 1: item.entry, 2: link.name, 7: item.author}
                told |= {8: item.approved_by or "", 10: item.document or "", 11: reason}
                moments = {3: item.span.start, 4: item.span.end, 6: item.notified_at, 9: item.approved_at}
                self._excused_row(sheet, row, told, moments, item.applied)
                row += 1
        for link, outage, piece in self.rows:
            if kind_of(piece.cause) in _EXCUSED_KINDS:
                cause, class_ = words.word(words.CAUSES, piece.cause, self.lang), month_text.class_word(piece.class_, self.lang)
                told = {0: cause, 1: outage.id, 2: link.name, 11: class_}
                self._excused_row(sheet, row, told, {3: piece.span.start, 4: piece.span.end}, piece.seconds)
                row += 1
        sheet.autofilter(0, 0, max(row - 1, 1), len(keys) - 1)

    def _excused_row(
        self, sheet: Any, row: int, told: dict[int, str], moments: dict[int, datetime | None], seconds: Fraction
    ) -> None:
        for place, text in told.items():
            self._put(sheet, row, place, text, "text")
        for place, moment in moments.items():
            if moment is not None:
                self._moment(sheet, row, place, moment)
        sheet.write_number(row, 5, float(seconds), self._formats["seconds"])

    def _put(self, sheet: Any, row: int, column: int, text: str, form: str) -> None:
        """Always a text: nothing that was imported becomes a formula."""
        sheet.write_string(row, column, text, self._formats[form])

    def _moment(self, sheet: Any, row: int, column: int, moment: datetime) -> None:
        """Local time as it was given; Excel knows no offset."""
        sheet.write_datetime(row, column, moment.replace(tzinfo=None), self._formats["moment"])
