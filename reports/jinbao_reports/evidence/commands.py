"""What the commands about evidence do: package, verify, issue, issued, sheet."""

import argparse
import datetime
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jinbao_reports.arguments import add_inputs, add_lang, data_folder, inputs
from jinbao_reports.comparison import Figure, OutageClasses
from jinbao_reports.comparison_table import FIGURE, LINK, OUTAGE, SCOPE, figure_rows, outage_rows
from jinbao_reports.evidence import telling
from jinbao_reports.evidence.issued import CHANGES, REPORT, Issued, Wish, issue, issued_reports
from jinbao_reports.evidence.package import Order, Told, make_package
from jinbao_reports.evidence.sheet import sheet
from jinbao_reports.evidence.source import EvidenceError
from jinbao_reports.evidence.verification import VERIFIED, Known, verify_package
from jinbao_reports.evidence.verify.said import Broken
from jinbao_reports.printing import print_json, print_table

DONE, BROKEN, INCOMPLETE = 0, 1, 3
Arguments = argparse.Namespace


def add_package_arguments(command: argparse.ArgumentParser) -> None:
    add_inputs(command)
    command.add_argument("--outage", metavar="ID", help="only what proves this one outage 只披露这一次中断")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.zip")


def add_verify_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("file", type=Path, metavar="FILE.zip")
    add("--sheet", action="append", default=[], metavar="HASH", help="a manifest's hash, from a sheet that both sides signed")
    add("--keys", action="append", default=[], metavar="FINGERPRINT", help="the centre's key, as known from elsewhere")
    add("--tsa-ca", type=Path, metavar="FILE.pem", help="certificates of the time-stamp authority")
    add("--all", action="store_true", help="every signature, not only those the chains need")
    add("--no-figures", action="store_true", help="do not recompute the report")
    add("--workers", type=int, default=min(4, os.cpu_count() or 1), metavar="N", help="processes that check rows")
    add("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def add_issue_arguments(command: argparse.ArgumentParser) -> None:
    add_inputs(command)
    command.add_argument("--by", required=True, metavar="NAME", help="who issues it")
    command.add_argument("--amends", type=int, default=0, metavar="N", help="the number of the report it supersedes")
    command.add_argument("--reason", default="", metavar="TEXT", help="why it had to be corrected")


def add_issued_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("number", nargs="?", type=int, metavar="N", help="show what this amendment changed")
    command.add_argument("--store", type=data_folder, required=True, metavar="DIRECTORY", help="a collector's data directory")
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def add_sheet_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--store", type=data_folder, required=True, metavar="DIRECTORY", help="a collector's data directory")
    command.add_argument("--period", required=True, metavar="2021-04")
    command.add_argument("--timezone", type=ZoneInfo, default=ZoneInfo("Asia/Shanghai"), help="where days begin")
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def package(asked: Arguments) -> int:
    with _progress(asked) as told:
        made = make_package(Order(inputs(asked), asked.outage), asked.out, told)
    facts = {"file": str(made.file), "bytes": made.size, "days": made.days, "rows": made.rows, "report": made.digest}
    if asked.json:
        print_json(facts)
    else:
        print(telling.MADE.to(asked.lang, **facts))
    return DONE


def verify(asked: Arguments) -> int:
    known = Known(asked.sheet, asked.keys, asked.tsa_ca)
    if not asked.file.is_file():
        raise EvidenceError(f"{asked.file}: no such file")
    try:
        with _progress(asked) as told:
            done = verify_package(
                asked.file, known, every=asked.all, recompute=not asked.no_figures, workers=asked.workers, told=told
            )
    except Broken as broken:
        if asked.json:
            facts = {name: str(value) for name, value in broken.facts.items()}
            outcome = "broken" if broken.exit_code == BROKEN else broken.code
            print_json({"outcome": outcome, "code": broken.code, "where": facts, "says": broken.says(asked.lang)})
        else:
            print(telling.BROKEN.to(asked.lang, why=broken.says(asked.lang)))
        return broken.exit_code
    if asked.json:
        print_json(telling.facts(done, figures=not asked.no_figures))
    else:
        for line in telling.lines(done, asked.lang, figures=not asked.no_figures):
            print(line)
    return DONE if done.outcome == VERIFIED and not asked.no_figures else INCOMPLETE


def issue_report(asked: Arguments) -> int:
    with _progress(asked) as told:
        made = issue(inputs(asked), Wish(asked.by, asked.amends, asked.reason), time.time_ns() // 1_000_000, told)
    if asked.json:
        print_json(made.facts())
    else:
        print(telling.ISSUED.to(asked.lang, number=made.number, period=made.period, report=made.report, folder=made.folder))
        if made.amends:
            _show_changes(made, asked.lang)
    return DONE


def issued(asked: Arguments) -> int:
    """The list, each checked against the ledger; or what one amendment changed. Raises ReportAltered."""
    reports = issued_reports(asked.store)
    if asked.number is not None:
        if not 1 <= asked.number <= len(reports):
            raise EvidenceError(f"{asked.number}: no report has this number; there are {len(reports)}")
        one = reports[asked.number - 1]
        if asked.json:
            print_json(one.read(CHANGES))
        else:
            _show_changes(one, asked.lang)
        return DONE
    for one in reports:
        one.check()
    if asked.json:
        print_json([one.facts() for one in reports])
    else:
        print_table(telling.COLUMNS, (_row(one, asked.lang) for one in reports), asked.lang)
    return DONE


def show_sheet(asked: Arguments) -> int:
    found = sheet(asked.store, asked.period, asked.timezone)
    if asked.json:
        print_json(found)
    else:
        for line in telling.sheet_lines(found, asked.lang):
            print(line)
    return DONE


def _row(one: Issued, lang: str) -> tuple[str, ...]:
    at = datetime.datetime.fromtimestamp(one.at_ms / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = telling.SUPERSEDED.to(lang, number=one.superseded_by) if one.superseded_by else telling.STANDS.to(lang)
    return str(one.number), one.period, at, one.by, state, one.report


def _show_changes(one: Issued, lang: str) -> None:
    changes, report = one.read(CHANGES), one.read(REPORT)
    names = {link["link"]: link["name"] for link in report["links"]}
    figures = [Figure(row["link"] or "", row["figure"], (row["before"], row["after"])) for row in changes["figures"]]
    outages = [
        OutageClasses(row["id"], row["link"], row["scope"], "", (row["before"], row["after"])) for row in changes["outages"]
    ]
    print(telling.AMENDS.to(lang, number=one.number, amends=one.amends, reason=one.reason))
    sides = telling.BEFORE, telling.AFTER
    if figures:
        print_table((LINK, FIGURE, *sides), figure_rows(figures, names, lang), lang)
    if outages:
        print_table((OUTAGE, LINK, SCOPE, *sides), outage_rows(outages, names, lang), lang)
    if not figures and not outages:
        print(telling.SAME.to(lang))


@contextmanager
def _progress(asked: Arguments) -> Iterator[Told]:
    """A bar on a terminal, on standard error so that --json stays clean."""
    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1)

        def told(what: str, done: int, whole: int) -> None:
            bar.update(task, description=telling.STEPS[what].to(asked.lang), completed=done, total=whole)

        yield told
