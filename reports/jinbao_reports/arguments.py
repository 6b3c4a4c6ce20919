"""The options that every judging command shares, and what they ask for."""

import argparse
from pathlib import Path

from jinbao_collector.replica import is_address
from jinbao_reports.load import Asked


def inputs(asked: argparse.Namespace) -> Asked:
    """What the options that every judging command shares name."""
    return Asked(
        links=asked.links,
        contracts=asked.contract,
        period=asked.period,
        samples=asked.samples,
        intervals=asked.intervals,
        store=None if asked.store is None or is_address(asked.store) else Path(asked.store),
        server=asked.store if asked.store is not None and is_address(asked.store) else None,
        unsigned=asked.unsigned,
        events=asked.events,
        ledgers=asked.ledger,
        as_of=asked.as_of,
        profile=asked.profile,
        calendar=asked.calendar,
        indicators=asked.indicators,
        office=getattr(asked, "office", None),
        census=getattr(asked, "census", None),
    )


def add_inputs(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    basis = command.add_mutually_exclusive_group(required=required)
    basis.add_argument("--samples", type=Path, metavar="FILE.csv", help="samples (docs/sla.md)")
    basis.add_argument("--intervals", type=Path, metavar="FILE.csv", help="a history that is intervals already")
    basis.add_argument(
        "--store", metavar="DIRECTORY|ADDRESS", help="a collector's data directory, or a server with a copy (docs/influxdb.md)"
    )
    command.add_argument(
        "--unsigned", action="store_true", help="of a data directory, only what Telegraf wrote (docs/telegraf.md)"
    )
    command.add_argument("--events", type=Path, metavar="FILE.csv", help="events beside --samples")
    command.add_argument("--links", type=Path, required=required, metavar="links.toml")
    command.add_argument(
        "--contract",
        type=Path,
        required=required,
        default=None if required else [],
        action="append",
        metavar="contract.toml",
        help="several: versions by effective dates",
    )
    command.add_argument("--ledger", type=Path, action="append", default=[], metavar="ledger.toml", help="statements of people")
    command.add_argument("--period", required=required, help="2021, 2021-Q2, 2021-04, 2021-04-10 or FROM/TO")
    command.add_argument("--as-of", metavar="TIME", help="judge by what was known then (RFC 3339)")
    command.add_argument("--profile", choices=("default", "mef", "y1540-2011", "y1540-2016"), help="another outage rule")
    add_calendar(command)
    command.add_argument("--indicators", type=Path, metavar="indicators.toml", help="score the period by these")
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def data_folder(text: str) -> Path:
    """The type of a `--store` that must be a collector's own: ledger, manifests and issued reports are nowhere else."""
    if is_address(text):
        raise argparse.ArgumentTypeError(f"{text}: a server's copy proves nothing; name the collector's data directory")
    return Path(text)


def add_calendar(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--calendar", type=Path, metavar="FILE.toml", help="legal days of another edition than ours (docs/config.md)"
    )


def add_lang(command: argparse.ArgumentParser) -> None:
    # Accepted after the command too; SUPPRESS keeps the global value where it is not repeated.
    command.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=argparse.SUPPRESS)
