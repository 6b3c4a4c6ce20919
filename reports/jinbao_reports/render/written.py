"""The documents of one Statement, in the formats asked for, each written whole or not at all."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinbao_config.office import Office
from jinbao_reports.comparison import Figure
from jinbao_reports.printing import write_whole
from jinbao_reports.render import annex, html, listing, papers, pdf, reconciliation, sheet, word, workbook
from jinbao_reports.render.document import Document, stem_of
from jinbao_reports.render.month import statement_bytes
from jinbao_reports.render.reading import read_report
from jinbao_reports.render.report import Report
from jinbao_reports.render.self_evaluation import read_self_evaluation
from jinbao_reports.source import BadInput
from jinbao_reports.words import Text

PAGES = ("pdf", "docx", "html")
DATA = ("json", "xlsx", "csv")
KINDS = (*sheet.KINDS, "annex", "ledger", "claim", "reconciliation", "sheet", "guide", "form", "set")
_STATEMENT = Text("考核数据-{name}", "statement-{name}")
_WORKBOOK = Text("考核工作簿-{name}", "workbook-{name}")
_LINKS = Text("线路-{name}", "links-{name}")
_OUTAGES = Text("中断-{name}", "outages-{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be written. `outages`: those a fault report is for; none: every outage of the carrier's without a ticket.

    `site`: jinbao.sheet/1 of the store, for the counter-signature.
    """

    kinds: Sequence[str]
    formats: Sequence[str]
    langs: Sequence[str]
    template: Path | None = None
    office: Office | None = None
    outages: Sequence[str] = ()
    site: Mapping[str, Any] | None = None
    reconciled: tuple[Mapping[str, Any], tuple[Figure, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    path: Path
    format: str
    sha256: str


def write_documents(
    statement: Mapping[str, Any], wanted: Wanted, out: Path, told: Callable[[int, int], None] | None = None
) -> list[Written]:
    """Writes into the folder `out` (made if missing); `told` hears how many of how many files are done.

    Raises StatementError, RenderError, TemplateFault and BadInput; what was written before stays, each file whole. The same
    statement gives the same bytes.
    """
    content = statement_bytes(statement)
    report, digest = read_report(statement), hashlib.sha256(content).hexdigest()
    made = [
        (f"{document.stem}.{form}", form, partial(_page, document, form, wanted.template))
        for lang in wanted.langs
        for kind in wanted.kinds
        for document in _documents(kind, report, statement, digest, wanted, lang)
        for form in PAGES
        if form in wanted.formats
    ]
    made += [piece for lang in wanted.langs for piece in _data(report, content, digest, wanted.formats, lang)]
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for number, (name, form, make) in enumerate(made, 1):
        written = make()
        files.append(Written(write_whole(out / name, written), form, hashlib.sha256(written).hexdigest()))
        if told:
            told(number, len(made))
    return files


def kinds_of(kind: str, report_kind: str, *, annexed: bool, reconciled: bool) -> tuple[str, ...]:
    """What `set` is for a period of this kind."""
    if kind != "set":
        return (kind,)
    main = report_kind if report_kind in sheet.KINDS else "month"
    more = ("annex",) if annexed and main == "year" else ()
    return (main, *more, "ledger", *(("reconciliation",) if reconciled else ()), "sheet", "guide")


def _page(document: Document, form: str, template: Path | None) -> bytes:
    match form:
        case "pdf":
            return pdf.make_pdf(document)
        case "html":
            return html.make_html(document)
        case _:
            return word.make_docx(document, template)


def _documents(
    kind: str, report: Report, statement: Mapping[str, Any], digest: str, wanted: Wanted, lang: str
) -> Iterator[Document]:
    match kind:
        case "month" | "quarter" | "year":
            yield sheet.build(report, digest, kind, lang)
        case "annex":
            yield annex.build(report, read_self_evaluation(statement), digest, lang)
        case "ledger":
            yield papers.ledger(report, digest, lang)
        case "claim":
            yield from _claims(report, wanted, lang)
        case "reconciliation":
            if wanted.reconciled is None:
                raise BadInput("a reconciliation needs the carrier's list: give --tickets FILE")
            yield reconciliation.build(report, *wanted.reconciled, digest, lang)
        case "sheet":
            yield papers.counter_signature(report, digest, wanted.site, lang)
        case "guide":
            yield papers.guide(report, digest, lang)
        case "form":
            if wanted.office is None or wanted.office.census is None:
                raise BadInput("a questionnaire needs --office FILE with a [census]: it says what is asked")
            yield papers.form(report, wanted.office, lang)


def _claims(report: Report, wanted: Wanted, lang: str) -> Iterator[Document]:
    known = {outage.id: outage for link in report.links for outage in link.outages if outage.scope == "link"}
    for outage in wanted.outages:
        if outage not in known:
            raise BadInput(f"--outage {outage}: no outage of a link in this period; `jinbao-report outages` lists them")
    unreported = [
        outage.id
        for outage in known.values()
        if outage.ticket is None and any(piece.class_ in ("counted", "unclaimed") for piece in outage.slices)
    ]
    for outage in wanted.outages or unreported:
        yield papers.claim(report, outage, wanted.office.report_to if wanted.office else "", lang)


def _data(
    report: Report, content: bytes, digest: str, formats: Sequence[str], lang: str
) -> Iterator[tuple[str, str, partial[bytes]]]:
    """The same figures for programs and spreadsheets."""
    name = stem_of(report.name)
    if "json" in formats:
        yield f"{_STATEMENT.to(lang, name=name)}.json", "json", partial(bytes, content)
    if "xlsx" in formats:
        yield f"{_WORKBOOK.to(lang, name=name)}.xlsx", "xlsx", partial(workbook.make_xlsx, report, digest, lang)
    if "csv" in formats:
        yield f"{_LINKS.to(lang, name=name)}.csv", "csv", partial(listing.links_csv, report)
        yield f"{_OUTAGES.to(lang, name=name)}.csv", "csv", partial(listing.outages_csv, report)
