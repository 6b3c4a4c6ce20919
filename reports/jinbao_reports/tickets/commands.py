"""`jinbao-report tickets` and `reconcile`: their options, and what they do."""

import argparse
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from jinbao_config.contract import read_contract
from jinbao_config.links import ALL_LINKS, read_links
from jinbao_reports.arguments import add_inputs, add_lang, data_folder, inputs
from jinbao_reports.comparison_table import figure_rows
from jinbao_reports.importers.arguments import pair
from jinbao_reports.interval import FOREVER, Span
from jinbao_reports.judge import contract_in_force
from jinbao_reports.load import gather, read_ledgers
from jinbao_reports.notation import Writer
from jinbao_reports.printing import print_json, print_table, write
from jinbao_reports.source import BadInput
from jinbao_reports.tickets import telling
from jinbao_reports.tickets.headers import FIELDS
from jinbao_reports.tickets.reconcile import reconcile
from jinbao_reports.tickets.rows import TicketList, read_tickets, touches
from jinbao_reports.tickets.versions import CHANGED, Version, entry_file, versions
from jinbao_reports.words import Text

DONE, WRONG_ROWS = 0, 2
_WROTE = Text(
    "已写入 {path}（{count} 条），请核对后录入：jinbao-collector ledger add {path} --document {file}",
    "wrote {path} ({count} tickets); check it, then: jinbao-collector ledger add {path} --document {file}",
)
_NOTHING = Text("没有需要录入的工单，未写文件", "the ledger lacks nothing; no file was written")
_LEFT = Text(
    "{count} 条与台账不一致，以台账为准，未采用清单的说法（--take-theirs 可采用）：{numbers}",
    "{count} contradict the ledger, which stands (--take-theirs enters the list's word instead): {numbers}",
)
_SKIP = "mend these rows, or leave them out by --skip-bad"
_WRONG = Text("以下各行有误，未采用：", "wrong rows, left out:")


def add_tickets_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="the carrier's list, CSV or XLSX")
    _add_list(command)
    command.add_argument("--links", type=Path, required=True, metavar="links.toml")
    command.add_argument(
        "--contract", type=Path, required=True, action="append", metavar="contract.toml", help="for its time zone"
    )
    command.add_argument("--period", help="only tickets that touch it")
    command.add_argument(
        "--ledger", type=Path, action="append", default=[], metavar="ledger.toml", help="what is known already"
    )
    command.add_argument("--store", type=data_folder, metavar="DIRECTORY", help="a collector's data directory, for its ledger")
    command.add_argument(
        "--out", type=Path, metavar="ledger-tickets.toml", help="write entries for `jinbao-collector ledger add`"
    )
    command.add_argument("--author", default="", metavar="NAME", help="who enters them")
    command.add_argument("--take-theirs", action="store_true", help="where list and ledger contradict, enter the list's word")
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def add_reconcile_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tickets", dest="file", type=Path, required=True, metavar="FILE", help="the carrier's list, CSV or XLSX"
    )
    _add_list(command)
    add_inputs(command)


def _add_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--sheet", default="", metavar="NAME", help="of a workbook with several lists")
    command.add_argument(
        "--column", action="append", default=[], type=pair, metavar="OURS=THEIRS", help=f"which column is {', '.join(FIELDS)}"
    )
    command.add_argument("--skip-bad", action="store_true", help="leave wrong rows out and list them, instead of refusing")


def tickets(asked: argparse.Namespace) -> int:
    """A dry run unless --out says where to write; the ledger itself is never touched."""
    _refuse_overwriting(asked)
    zone, period = _zone_and_period(asked)
    links = read_links(asked.links).value
    entries, _ = read_ledgers(asked.store, asked.ledger)
    listed = read_tickets(asked.file, links, zone, _columns(asked), asked.sheet)
    if listed.wrong and asked.out and not asked.skip_bad:
        raise BadInput(f"{listed.listed()}\n{_SKIP}")
    inside = [ticket for ticket in listed.tickets if touches(ticket.entry, period)]
    found = versions(inside, entries, asked.author)
    _complain(listed, asked)
    wrote = _write_entries(found, asked, Writer(zone)) if asked.out else 0
    outside = len(listed.tickets) - len(inside)
    if asked.json:
        shown = [telling.version_facts(version, Writer(zone)) for version in found]
        facts = {"list": telling.list_facts(listed), "tickets": shown, "outside": outside}
        print_json({**facts, "written": {"path": str(asked.out), "tickets": wrote} if wrote else None})
    else:
        names = {ALL_LINKS: ALL_LINKS, **{link.code: link.name for link in links.link}}
        print_table(telling.DIFF_COLUMNS, telling.diff_rows(found, names, Writer(zone), asked.lang), asked.lang)
        print(telling.counts(found, outside, len({line for line, _ in listed.wrong}), asked.lang))
        if asked.out:
            said = _WROTE.to(asked.lang, path=asked.out, count=wrote, file=asked.file) if wrote else _NOTHING.to(asked.lang)
            print(said)
    return WRONG_ROWS if listed.wrong and not asked.skip_bad else DONE


def reconcile_tickets(asked: argparse.Namespace) -> int:
    gathered = gather(inputs(asked))
    case = gathered.case
    listed = read_tickets(asked.file, case.links, case.contract.value.zone, _columns(asked), asked.sheet)
    if listed.wrong and not asked.skip_bad:
        raise BadInput(f"{listed.listed()}\n{_SKIP}")
    found = reconcile(gathered, listed)
    _complain(listed, asked)
    if asked.json:
        print_json(telling.reconciliation_facts(found))
        return DONE
    print_table(telling.RECONCILE_COLUMNS, telling.reconciliation_rows(found, asked.lang), asked.lang)
    for line in telling.summary(found, asked.lang):
        print(line)
    if found.effect:
        names = {link.code: link.name for link in case.links.link}
        print_table(telling.EFFECT_COLUMNS, figure_rows(found.effect, names, asked.lang), asked.lang)
    else:
        print(telling.NO_EFFECT.to(asked.lang))
    return DONE


def _columns(asked: argparse.Namespace) -> dict[str, str]:
    said = dict(asked.column)
    for field in said:
        if field not in FIELDS:
            raise BadInput(f"--column {field}={said[field]}: there is no field {field}; there are {', '.join(FIELDS)}")
    return said


def _zone_and_period(asked: argparse.Namespace) -> tuple[ZoneInfo, Span]:
    contracts = [read_contract(file) for file in asked.contract]
    if asked.period:
        contract, period = contract_in_force(contracts, asked.period)
        return contract.value.zone, period.span
    zones = {contract.value.timezone: contract.value.zone for contract in contracts}
    if len(zones) > 1:
        raise BadInput(f"the contracts count time by {' and '.join(zones)}; say by --period which of them holds")
    return next(iter(zones.values())), FOREVER[0]


def _complain(listed: TicketList, asked: argparse.Namespace) -> None:
    for remark in telling.remarks(listed, asked.lang):
        print(remark, file=sys.stderr)
    if listed.wrong:
        print(f"{_WRONG.to(asked.lang)}\n{listed.listed()}", file=sys.stderr)


def _write_entries(found: tuple[Version, ...], asked: argparse.Namespace, writer: Writer) -> int:
    """How many were written; no file where there are none."""
    entries = [entry for version in found if (entry := version.to_enter(asked.take_theirs))]
    left = [version.ticket.entry for version in found if version.state == CHANGED and not asked.take_theirs]
    if left:
        numbers = ", ".join(entry.number or entry.id for entry in left)
        print(_LEFT.to(asked.lang, count=len(left), numbers=numbers), file=sys.stderr)
    if entries:
        write(asked.out, entry_file(entries, writer))
    return len(entries)


def _refuse_overwriting(asked: argparse.Namespace) -> None:
    for file in (asked.file, asked.links, *asked.contract, *asked.ledger):
        if asked.out and asked.out.resolve() == file.resolve():
            raise BadInput(f"--out {asked.out}: would overwrite what was read; name another file")
