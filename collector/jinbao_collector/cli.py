"""`jinbao-collector`: thin commands over the parts. Exit 0 done, 1 bad news, 2 used or configured wrongly, 3 environment."""

import argparse
import datetime
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinbao_collector import CollectorError
from jinbao_collector.texts import Output, speak
from jinbao_config.shape import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(_language(arguments)).parse_args(arguments)
    out = Output(options.lang, options.json)
    try:
        # Imported here, so that a part that is not installed is named in a sentence.
        from jinbao_collector import commands, replica_commands, telegraf_commands, upkeep

        modules = (commands, replica_commands, telegraf_commands, upkeep)
        command: Callable[..., int] = next(getattr(one, options.command) for one in modules if hasattr(one, options.command))
        return command(options, out, lambda: time.time_ns() // 1_000_000)
    except ModuleNotFoundError as missing:
        extra = "export" if (missing.name or "").startswith(("pyarrow", "duckdb")) else "collector"
        out.complain("missing_extra", module=missing.name, extra=extra)
        return 3
    except ConfigError as problem:
        out.complain("error", problem=problem)
        return 2
    except CollectorError as problem:
        out.complain("error", problem=problem)
        return problem.exit_code
    except (OSError, sqlite3.Error) as problem:
        out.complain("error", problem=problem)
        return 3


def _language(arguments: Sequence[str]) -> str:
    """The language is needed before the arguments are understood: help speaks it too."""
    early = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    early.add_argument("--lang", choices=("zh", "en"), default="zh")
    try:
        return str(early.parse_known_args(list(arguments))[0].lang)
    except argparse.ArgumentError:
        return "zh"


def _parser(lang: str) -> argparse.ArgumentParser:
    def says(name: str) -> str:
        return speak(lang, name)

    def day(text: str) -> datetime.date:
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            raise argparse.ArgumentTypeError(speak(lang, "bad_day", day=text)) from None

    def shared() -> list[argparse.ArgumentParser]:
        # Made anew for each command: set_defaults below would otherwise reach them all and undo what stood before the command.
        options = argparse.ArgumentParser(add_help=False)
        options.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=says("json"))
        options.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=says("lang"))
        return [options]

    parser = argparse.ArgumentParser(prog="jinbao-collector", description=says("about"), parents=shared())
    parser.add_argument("--config", type=Path, default=Path("collector.toml"), help=says("config"))
    parser.set_defaults(json=False, lang=lang)
    metavar = "init|serve|invite|revoke|configure|ledger|agents|silences|manifest|seal|export|sql"
    metavar += "|replica|telegraf|backup|restore|verify|keep|repair"
    commands = parser.add_subparsers(required=True, metavar=metavar)

    def command(within: Any, name: str, function: str, text: str = "") -> argparse.ArgumentParser:
        told = says(text or name)
        added: argparse.ArgumentParser = within.add_parser(name, help=told, description=told, parents=shared())
        added.set_defaults(command=function)
        return added

    command(commands, "init", "init")
    command(commands, "serve", "serve")
    invite = command(commands, "invite", "invite")
    invite.add_argument("--agent", required=True, help=says("agent"))
    invite.add_argument("--vantage", required=True, choices=("township", "county"), help=says("vantage"))
    invite.add_argument("--link", action="append", default=[], metavar="CODE", help=says("link"))
    revoke = command(commands, "revoke", "revoke")
    revoke.add_argument("--agent", required=True, help=says("agent"))
    revoke.add_argument("--former", action="store_true", help=says("former"))
    configure = command(commands, "configure", "configure")
    configure.add_argument("--agent", action="append", default=[], help=says("agents_named"))
    configure.add_argument("--back", action="store_true", help=says("back"))
    for name, example in (("wait", "4s"), ("batch", "60s"), ("every", "15s")):
        configure.add_argument(f"--{name}", metavar=example, help=says(name))
    command(commands, "agents", "agents")
    gaps = command(commands, "silences", "silences")
    gaps.add_argument("--agent", required=True, help=says("agent"))
    gaps.add_argument("--days", type=int, default=7, help=says("days"))
    manifest = command(commands, "manifest", "manifest")
    of_day = manifest.add_mutually_exclusive_group()
    of_day.add_argument("--verify", action="store_true", help=says("verify_manifests"))
    of_day.add_argument("day", nargs="?", metavar="DAY", type=day, help=says("day"))
    seal = command(commands, "seal", "seal")
    seal.add_argument("--rebuild", action="store_true", help=says("rebuild"))
    seal.add_argument("--day", metavar="DAY", type=day, help=says("utc_day"))
    seal.add_argument("--agent", help=says("of_agent"))
    export = command(commands, "export", "export")
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--parquet", type=Path, metavar="FILE", help=says("parquet"))
    kind.add_argument("--csv", type=Path, metavar="FILE", help=says("csv"))
    sql = command(commands, "sql", "sql")
    sql.add_argument("query", metavar="QUERY", help=says("query"))
    for narrowed in (export, sql):
        narrowed.add_argument("--link", action="append", default=[], metavar="CODE", help=says("export_link"))
        narrowed.add_argument("--from", dest="since", metavar="DAY", type=day, help=says("since"))
        narrowed.add_argument("--to", dest="until", metavar="DAY", type=day, help=says("until"))
    _add_replica(commands, command, says, day, shared)
    _add_telegraf(commands, command, says, shared)
    ledger = commands.add_parser("ledger", help=says("ledger"), description=says("ledger"), parents=shared())
    deeds = ledger.add_subparsers(required=True, metavar="add|list|approve")
    add = command(deeds, "add", "ledger_add")
    add.add_argument("file", type=Path, metavar="FILE.toml", help=says("file"))
    add.add_argument("--document", action="append", default=[], type=Path, metavar="FILE", help=says("document"))
    command(deeds, "list", "ledger_list")
    approve = command(deeds, "approve", "ledger_approve")
    approve.add_argument("entry", metavar="ID", help=says("entry"))
    approve.add_argument("--by", required=True, metavar="NAME", help=says("by"))
    command(commands, "backup", "backup").add_argument("folder", type=Path, metavar="DIR", help=says("backup_into"))
    command(commands, "restore", "restore").add_argument("folder", type=Path, metavar="DIR", help=says("backup_of"))
    verify = command(commands, "verify", "verify")
    verify.add_argument("folder", type=Path, nargs="?", metavar="DIR", help=says("verify_what"))
    command(commands, "keep", "keep").add_argument("--dry-run", action="store_true", help=says("dry_run"))
    repair = command(commands, "repair", "repair")
    repair.add_argument("--from", dest="source", type=Path, metavar="DIR", help=says("repair_from"))
    return parser


def _add_replica(commands: Any, command: Any, says: Any, day: Any, shared: Any) -> None:
    replica = commands.add_parser("replica", help=says("replica"), description=says("replica"), parents=shared())
    deeds = replica.add_subparsers(required=True, metavar="list|refused|compare|again")
    command(deeds, "list", "replica_list", "replica_list")
    for name in ("refused", "compare", "again"):
        deed = command(deeds, name, f"replica_{name}")
        deed.add_argument("name", metavar="NAME", help=says("replica_name"))
        if name == "compare":
            deed.add_argument("--from", dest="since", metavar="DAY", type=day, help=says("since"))
            deed.add_argument("--to", dest="until", metavar="DAY", type=day, help=says("until"))
        elif name == "again":
            deed.add_argument("--from", dest="since", metavar="DAY", type=day, help=says("again_since"))


def _add_telegraf(commands: Any, command: Any, says: Any, shared: Any) -> None:
    telegraf = commands.add_parser("telegraf", help=says("telegraf"), description=says("telegraf"), parents=shared())
    deeds = telegraf.add_subparsers(required=True, metavar="issue|revoke|list")
    issue = command(deeds, "issue", "telegraf_issue", "telegraf_issue")
    issue.add_argument("name", metavar="NAME", help=says("telegraf_name"))
    issue.add_argument("--vantage", required=True, choices=("township", "county"), help=says("vantage"))
    issue.add_argument("--link", action="append", default=[], metavar="CODE", help=says("link"))
    issue.add_argument("--interval", metavar="10s", help=says("telegraf_interval"))
    revoke = command(deeds, "revoke", "telegraf_revoke", "telegraf_revoke")
    revoke.add_argument("name", metavar="NAME", help=says("telegraf_name"))
    command(deeds, "list", "telegraf_list", "telegraf_list")


if __name__ == "__main__":
    sys.exit(main())
