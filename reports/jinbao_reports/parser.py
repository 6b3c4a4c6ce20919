"""The words that jinbao-report understands: every command with its options."""

import argparse
from pathlib import Path
from typing import Any

from jinbao_reports import commands, documents, what_if
from jinbao_reports.arguments import add_calendar, add_inputs, add_lang
from jinbao_reports.evidence import commands as evidence
from jinbao_reports.importers.arguments import add_arguments
from jinbao_reports.rollup import commands as rollup
from jinbao_reports.schedule import commands as schedule
from jinbao_reports.tickets import commands as tickets


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser("jinbao-report", description="Judge links against their contract. 按合同评定线路可用率。")
    whole.add_argument("--lang", choices=("zh", "en"), default="zh", help="language of texts (default zh)")
    subparsers = whole.add_subparsers(dest="command", required=True)
    for name, run, words in (
        ("compute", commands.compute, "print the Statement 计算并输出评定结果"),
        ("outages", commands.outages, "list the outages 列出中断"),
        ("explain", commands.explain, "why one outage was judged as it was 解释一次中断的认定"),
        ("month", commands.month, "write the monthly sheet as PDF and JSON 生成月度运行简报"),
    ):
        command = subparsers.add_parser(name, help=words, description=words)
        add_inputs(command)
        command.set_defaults(run=run)
        if name == "explain":
            command.add_argument("outage", metavar="OUTAGE", help="an id that `outages` lists")
        if name == "month":
            command.add_argument("--out", type=Path, default=Path(), metavar="DIRECTORY", help="where to write (default: here)")
    documents.add_commands(subparsers)
    _add_calendar(subparsers)
    _add_import(subparsers)
    for name, run, add, words in (
        (
            "tickets",
            tickets.tickets,
            tickets.add_tickets_arguments,
            "read the carrier's ticket list 读入运营商工单 (docs/tickets.md)",
        ),
        (
            "reconcile",
            tickets.reconcile_tickets,
            tickets.add_reconcile_arguments,
            "tickets beside measured outages 工单与实测中断核对 (docs/tickets.md)",
        ),
        (
            "sign",
            rollup.sign_statement,
            rollup.add_sign_arguments,
            "sign a Statement for others 签署评定结果 (docs/scale-out.md)",
        ),
        (
            "rollup",
            rollup.rollup,
            rollup.add_rollup_arguments,
            "sum counties for city and province 按县、市、省汇总 (docs/scale-out.md)",
        ),
        ("what-if", what_if.what_if, what_if.add_arguments, "judge under a hypothesis 假设条件下的评定 (docs/sla.md)"),
        (
            "package",
            evidence.package,
            evidence.add_package_arguments,
            "pack a report with its evidence 打包证据 (docs/evidence.md)",
        ),
        ("verify", evidence.verify, evidence.add_verify_arguments, "check a package, recompute its figures 核对证据包并重算"),
        ("issue", evidence.issue_report, evidence.add_issue_arguments, "freeze and number a report 发布并封存报告"),
        ("due", schedule.due, schedule.add_due_arguments, "issue and mail what has fallen due 按期出具并邮寄"),
        ("issued", evidence.issued, evidence.add_issued_arguments, "the issued reports, what amendments changed 已发布的报告"),
        ("sheet", evidence.show_sheet, evidence.add_sheet_arguments, "what both sides sign each month 月度会签数据"),
    ):
        command = subparsers.add_parser(name, help=words, description=words)
        add(command)
        command.set_defaults(run=run)
    return whole


def _add_calendar(subparsers: Any) -> None:
    words = "which days of a year are worked, by which notices 查看某年法定工作日及依据"
    command = subparsers.add_parser("calendar", help=words, description=words)
    command.add_argument("year", type=int, metavar="YEAR")
    command.add_argument("--as-of", metavar="TIME", help="by the notices published until then (RFC 3339)")
    add_calendar(command)
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)
    command.set_defaults(run=commands.legal_calendar)


def _add_import(subparsers: Any) -> None:
    words = "turn another tool's history into samples or intervals 导入其他工具的历史数据 (docs/import.md)"
    command = subparsers.add_parser("import", help=words, description=words)
    add_arguments(command)
    command.add_argument("--json", action="store_true", help="a summary as JSON on standard output; needs --out")
    add_lang(command)
    command.set_defaults(run=commands.import_history)
