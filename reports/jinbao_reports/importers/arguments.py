"""The words of `jinbao-report import`, and the Reading they make."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinbao_config import units
from jinbao_reports.importers import ORIGINS
from jinbao_reports.importers.reading import Place, Reading, parse_place

_Value = TypeVar("_Value")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Everything but --json and --lang."""
    command.add_argument("--from", dest="origin", choices=tuple(ORIGINS), required=True, help="what the file is")
    command.add_argument("file", type=Path, help="the file; of upptime also a clone of its repository")
    command.add_argument("--out", type=Path, metavar="FILE.csv", help="where to write (default: standard output)")
    command.add_argument("--skip-bad", action="store_true", help="leave wrong rows out and list them, instead of refusing")
    _add_places(command)
    _add_times(command)
    _add_csv(command)


def reading(asked: argparse.Namespace) -> Reading:
    return Reading(
        link=asked.link,
        vantage=asked.vantage,
        target=asked.target,
        names=dict(asked.map),
        outcomes=dict(asked.outcome),
        zone=asked.zone,
        interval_ms=asked.interval,
        round_ms=asked.round,
        timeout_ms=asked.timeout,
        start_us=asked.start,
        columns=dict(asked.column),
        constants=dict(asked.constant),
        rtt_unit=asked.rtt_unit,
        time_format=asked.time_format,
    )


def _add_places(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("whose the probes are").add_argument
    add("--link", default="", metavar="CODE", help="the link of a file about one link")
    add(
        "--map", action="append", default=[], type=_map, metavar="NAME=CODE[/VANTAGE/TARGET]", help="whose a name is; repeat it"
    )
    add("--vantage", default="", choices=("township", "county"), help="where the probes came from")
    add("--target", default="", metavar="RUNG", help="what they asked: core, app, cpe …")
    add("--outcome", action="append", default=[], type=pair, metavar="THEIRS=OURS", help="what a word of theirs means here")


def _add_times(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("what the file does not say").add_argument
    add("--zone", type=_zone, help="zone of times without an offset, such as Asia/Shanghai")
    add("--interval", type=_checked(units.duration_ms), metavar="10s", help="time between two probes")
    add("--round", type=_checked(units.duration_ms), metavar="5m", help="time between two rounds (fping -C, SmokePing)")
    add("--timeout", type=_checked(units.duration_ms), metavar="2s", help="fping: how long it waited")
    add("--start", type=_checked(units.instant_us), metavar="TIME", help="fping -C: when it began (RFC 3339)")


def _add_csv(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("--from csv").add_argument
    add("--column", action="append", default=[], type=pair, metavar="OURS=THEIRS", help="which column is which")
    add("--constant", action="append", default=[], type=pair, metavar="OURS=VALUE", help="what the file lacks")
    add("--rtt-unit", choices=("us", "ms", "s"), default="us")
    add("--time-format", default="", metavar="FORMAT", help="of times that are not ISO 8601, such as %%d/%%m/%%Y %%H:%%M")


def pair(text: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not left or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE")
    return left, right


def _map(text: str) -> tuple[str, Place]:
    # A name may be a URL with an equals sign in it, a code never has one.
    name, equals, place = text.rpartition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=CODE or NAME=CODE/VANTAGE/TARGET")
    return name, _checked(parse_place)(place)


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a time zone such as Asia/Shanghai") from None


def _checked(convert: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """With the converter's own sentence instead of argparse's."""

    def checked(text: str) -> _Value:
        try:
            return convert(text)
        except ValueError as problem:
            raise argparse.ArgumentTypeError(f"{text!r}: {problem}") from None

    return checked
