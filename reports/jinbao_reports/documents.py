"""`jinbao-report documents` and `template`: their options, and what they do. Matplotlib and Typst load when a page is made."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress

from jinbao_config.links import Links, read_links
from jinbao_config.office import read_office
from jinbao_reports.arguments import add_inputs, add_lang, inputs
from jinbao_reports.commands import DONE, bad_news
from jinbao_reports.comparison import Figure
from jinbao_reports.evidence.sheet import sheet
from jinbao_reports.evidence.source import NoManifest
from jinbao_reports.importers.arguments import pair
from jinbao_reports.load import Gathered, gather
from jinbao_reports.office.word import read_word
from jinbao_reports.printing import print_json, write_whole
from jinbao_reports.service_time import Period, parse_period
from jinbao_reports.source import BadInput
from jinbao_reports.statement import SCHEMA
from jinbao_reports.tickets import telling
from jinbao_reports.tickets.reconcile import reconcile
from jinbao_reports.tickets.rows import read_tickets
from jinbao_reports.words import Text

Json = dict[str, Any]

UTC_ZONE = ZoneInfo("UTC")  # of a report that is judged already, only the period's kind is asked
FORMATS = ("pdf", "docx", "html", "json", "xlsx", "csv")
KINDS = ("month", "quarter", "year", "annex", "ledger", "claim", "reconciliation", "sheet", "guide", "form", "set")
_WROTE = Text("已写入 {path}", "wrote {path}")
_NOTHING = Text("没有需要出具的文件", "there is nothing to write")
_MAKING = Text("生成文件", "making documents")
_SOUND = Text("模板可用：所有字段都存在", "the template is sound: every field exists")
_UNKNOWN = Text("模板中有不存在的字段：", "the template asks for fields that do not exist:")
_ABOUT = (
    "month 月度运行简报, quarter 季度运行报告, year 年度SLA报告, annex 绩效自评附件, ledger 中断台账, claim 故障申告单, "
    "reconciliation 对账单, sheet 会签页, guide 验证说明, form 满意度调查表, set 该周期的全套"
)


def add_commands(subparsers: Any) -> None:
    words = "write the documents of a period 出具文件 (docs/documents.md)"
    command = subparsers.add_parser("documents", help=words, description=f"{words}: {_ABOUT}")
    command.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    said = "a frozen report instead of inputs: issued/NUMBER/report.json (docs/evidence.md)"
    command.add_argument("--report", type=Path, metavar="report.json", help=said)
    add_inputs(command, required=False)
    add_document_arguments(command)
    command.set_defaults(run=documents)
    words = "the Word template of the documents Word模板"
    command = subparsers.add_parser("template", help=words, description=words)
    inner = command.add_subparsers(dest="action", required=True)
    for name, run, takes, said in (
        ("new", new_template, True, "write our own, to be edited 写出默认模板"),
        ("check", check_template, True, "name the fields that do not exist 检查字段"),
        ("fields", list_fields, False, "list every field there is 列出全部字段"),
    ):
        action = inner.add_parser(name, help=said, description=said)
        if takes:
            action.add_argument("file", type=Path, metavar="FILE.docx")
        action.add_argument("--json", action="store_true", help="JSON on standard output")
        add_lang(action)
        action.set_defaults(run=run)


def add_document_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, default=Path(), metavar="DIRECTORY", help="where to write (default: here)")
    command.add_argument(
        "--formats", type=formats, default=FORMATS, metavar="LIST", help=f"of {','.join(FORMATS)} (default: all)"
    )
    command.add_argument("--both", action="store_true", help="a Chinese and an English edition")
    command.add_argument(
        "--office", type=Path, metavar="office.toml", help="names, money, signatories, census (docs/config.md)"
    )
    command.add_argument("--census", type=Path, metavar="FILE", help="the clerks' answers, CSV or XLSX; needs --office")
    command.add_argument("--template", type=Path, metavar="FILE.docx", help="a Word template of your own")
    command.add_argument("--outage", action="append", default=[], metavar="ID", help="claim: only this one; may be repeated")
    command.add_argument("--tickets", type=Path, metavar="FILE", help="reconciliation: the carrier's list, CSV or XLSX")
    command.add_argument(
        "--column", action="append", default=[], type=pair, metavar="OURS=THEIRS", help="of --tickets (docs/tickets.md)"
    )


def formats(text: str) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not asked or any(form not in FORMATS for form in asked):
        raise argparse.ArgumentTypeError(f"{text!r}: expected some of {','.join(FORMATS)}")
    return asked


def documents(asked: argparse.Namespace) -> int:
    from jinbao_reports.render.written import write_documents

    made, wanted = _frozen(asked) if asked.report else _judged(asked)
    with progress(asked.lang, shown=not asked.json) as told:
        files = write_documents(made, wanted, asked.out, told)
    if asked.json:
        print_json({"files": [{"path": str(item.path), "format": item.format, "sha256": item.sha256} for item in files]})
    else:
        for item in files:
            print(_WROTE.to(asked.lang, path=item.path))
        if not files:
            print(_NOTHING.to(asked.lang))
    return bad_news(made)


def _frozen(asked: argparse.Namespace) -> tuple[Json, Any]:
    """A report as it was issued; the office's word goes beside it, never into its figures."""
    if asked.store or asked.samples or asked.intervals or asked.tickets:
        raise BadInput("--report is a judgement already: leave out --store, --samples, --intervals and --tickets")
    try:
        made = json.loads(asked.report.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise BadInput(f"{asked.report}: cannot be read: {problem}") from None
    if not isinstance(made, dict) or made.get("schema") != SCHEMA:
        raise BadInput(f"{asked.report}: is no report; expected JSON of schema {SCHEMA}")
    if asked.office and asked.census and not asked.links:
        raise BadInput("--census needs --links: it names the townships")
    links = read_links(asked.links).value if asked.links else Links(schema="jinbao.links/1", link=())
    word = read_word(asked.office, asked.census, links)
    wanted = _wanted(asked, parse_period(made["period"]["name"], UTC_ZONE), annexed=word is not None and "indicators" in made)
    return (made if word is None else word.adds_to(made)), wanted


def _judged(asked: argparse.Namespace) -> tuple[Json, Any]:
    lacking = [f"--{name}" for name in ("links", "contract", "period") if not getattr(asked, name)]
    if lacking or not (asked.store or asked.samples or asked.intervals):
        raise BadInput(f"expected --report FILE, or --store, --samples or --intervals with {', '.join(lacking) or 'the rest'}")
    gathered = gather(inputs(asked))
    annexed = gathered.office is not None and gathered.indicators is not None
    wanted = _wanted(asked, gathered.case.period, annexed=annexed, gathered=gathered)
    return gathered.answer().statement(), wanted


def _wanted(asked: argparse.Namespace, period: Period, *, annexed: bool, gathered: Gathered | None = None) -> Any:
    from jinbao_reports.render.written import Wanted, kinds_of

    kinds = kinds_of(asked.kind, period.kind, annexed=annexed, reconciled=asked.tickets is not None)
    if asked.kind in ("month", "quarter", "year") and period.kind != asked.kind:
        raise BadInput(f"--period {period.name}: is a {period.kind}, no {asked.kind}; `documents set` takes any period")
    if "annex" in kinds and not annexed:
        raise BadInput("the annex needs --office office.toml and --indicators indicators.toml")
    return Wanted(
        kinds=kinds,
        formats=asked.formats,
        langs=("zh", "en") if asked.both else (asked.lang,),
        template=asked.template,
        office=None if asked.office is None else read_office(asked.office).value,
        outages=asked.outage,
        site=_site(asked, period, gathered),
        reconciled=_reconciled(asked, gathered) if asked.tickets and gathered else None,
    )


def _site(asked: argparse.Namespace, period: Period, gathered: Gathered | None) -> Json | None:
    store = inputs(asked).store
    return site_of(store, period.name, gathered.case.contract.value.zone) if store and gathered else None


def site_of(store: Path, period: str, zone: ZoneInfo) -> Json | None:
    """What both sides sign of a store (jinbao.sheet/1); None where no manifest reaches into the period: the page says so."""
    try:
        return sheet(store, period, zone)
    except NoManifest:
        return None


def _reconciled(asked: argparse.Namespace, gathered: Gathered) -> tuple[Json, tuple[Figure, ...]]:
    case = gathered.case
    listed = read_tickets(asked.tickets, case.links, case.contract.value.zone, dict(asked.column))
    if listed.wrong:
        raise BadInput(listed.listed())
    found = reconcile(gathered, listed)
    return telling.reconciliation_facts(found), found.effect


@contextmanager
def progress(lang: str, *, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_MAKING.to(lang), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def new_template(asked: argparse.Namespace) -> int:
    from jinbao_reports.render.word import normal
    from jinbao_reports.render.word_template import default_template

    if asked.file.exists():
        raise BadInput(f"{asked.file}: exists already; name another file")
    write_whole(asked.file, normal(default_template()))
    if asked.json:
        print_json({"path": str(asked.file)})
    else:
        print(_WROTE.to(asked.lang, path=asked.file))
    return DONE


def check_template(asked: argparse.Namespace) -> int:
    """2 where the template asks for what does not exist."""
    from jinbao_reports.render.word_template import unknown_fields

    unknown = unknown_fields(asked.file)
    if asked.json:
        print_json({"file": str(asked.file), "unknown": unknown})
    else:
        print(_UNKNOWN.to(asked.lang) if unknown else _SOUND.to(asked.lang))
        _print_lines(unknown)
    return 2 if unknown else DONE


def list_fields(asked: argparse.Namespace) -> int:
    from jinbao_reports.render.word_template import known_fields

    if asked.json:
        print_json(known_fields())
    else:
        _print_lines(known_fields())
    return DONE


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)
