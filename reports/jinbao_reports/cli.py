"""jinbao-report: figures and pages from samples, contract and ledger.

Exit codes: 0 done, 1 the answer is bad news (a link fails, evidence is broken), 2 used or configured wrongly, 3 the
environment lacks something.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinbao_collector import CollectorError

WRONG_USE, NO_ENVIRONMENT = 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        from jinbao_reports import commands
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("jinbao_"):
            raise  # not an extra that lacks, but a fault of ours
        print(f"jinbao-report needs {missing.name}: pip install 'jinbao-uptime[reports]'", file=sys.stderr)
        return NO_ENVIRONMENT
    asked = _parser(commands).parse_args(arguments)
    try:
        return int(asked.run(asked))
    except commands.REFUSALS as problem:
        print(f"jinbao-report {asked.command}: {problem}", file=sys.stderr)
        return WRONG_USE
    except CollectorError as problem:
        print(f"jinbao-report {asked.command}: {problem}", file=sys.stderr)
        return problem.exit_code
    except commands.FAILURES as problem:
        print(f"jinbao-report {asked.command}: {problem}", file=sys.stderr)
        return NO_ENVIRONMENT


def _parser(commands: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("jinbao-report", description="Judge links against their contract. 按合同评定线路可用率。")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh", help="language of texts (default zh)")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, run, words in (
        ("compute", commands.compute, "print the Statement 计算并输出评定结果"),
        ("outages", commands.outages, "list the outages 列出中断"),
        ("explain", commands.explain, "why one outage was judged as it was 解释一次中断的认定"),
        ("month", commands.month, "write the monthly sheet as PDF and JSON 生成月度运行简报"),
    ):
        command = subparsers.add_parser(name, help=words, description=words)
        _add_inputs(command)
        command.set_defaults(run=run)
        if name == "explain":
            command.add_argument("outage", metavar="OUTAGE", help="an id that `outages` lists")
        if name == "month":
            command.add_argument("--out", type=Path, default=Path(), metavar="DIRECTORY", help="where to write (default: here)")
    _add_import(subparsers, commands)
    return parser


def _add_inputs(command: argparse.ArgumentParser) -> None:
    basis = command.add_mutually_exclusive_group(required=True)
    basis.add_argument("--samples", type=Path, metavar="FILE.csv", help="samples (docs/sla.md)")
    basis.add_argument("--intervals", type=Path, metavar="FILE.csv", help="a history that is intervals already")
    basis.add_argument("--store", type=Path, metavar="DIRECTORY", help="a collector's data directory")
    command.add_argument("--events", type=Path, metavar="FILE.csv", help="events beside --samples")
    command.add_argument("--links", type=Path, required=True, metavar="links.toml")
    command.add_argument(
        "--contract",
        type=Path,
        required=True,
        action="append",
        metavar="contract.toml",
        help="several: versions by effective dates",
    )
    command.add_argument("--ledger", type=Path, action="append", default=[], metavar="ledger.toml", help="statements of people")
    command.add_argument("--period", required=True, help="2021, 2021-Q2, 2021-04, 2021-04-10 or FROM/TO")
    command.add_argument("--as-of", metavar="TIME", help="judge by what was known then (RFC 3339)")
    command.add_argument("--profile", choices=("default", "mef", "y1540-2011", "y1540-2016"), help="another outage rule")
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    _add_lang(command)


def _add_import(subparsers: Any, commands: Any) -> None:
    words = "turn another tool's history into samples or intervals 导入其他工具的历史数据 (docs/import.md)"
    command = subparsers.add_parser("import", help=words, description=words)
    commands.add_import_arguments(command)
    command.add_argument("--json", action="store_true", help="a summary as JSON on standard output; needs --out")
    _add_lang(command)
    command.set_defaults(run=commands.import_history)


def _add_lang(command: argparse.ArgumentParser) -> None:
    # Accepted after the command too; SUPPRESS keeps the global value where it is not repeated.
    command.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=argparse.SUPPRESS)
