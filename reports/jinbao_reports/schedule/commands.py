"""`jinbao-report due`: issues what is due, once, or as a service that waits for the next day it falls due."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from jinbao_config.schedule import read_schedule
from jinbao_reports.arguments import add_lang
from jinbao_reports.commands import DONE
from jinbao_reports.files import parse_as_of
from jinbao_reports.printing import print_json
from jinbao_reports.schedule.run import TROUBLES, Done, Plan, plan_of, round_of
from jinbao_reports.source import BadInput
from jinbao_reports.words import Text

AGAIN_S = 600.0
"""A service looks again after ten minutes at the latest: clocks are set, mail servers come back."""
_DID = {
    "written": Text("{period}：文件已出具，在 {folder}", "{period}: documents written to {folder}"),
    "mailed": Text("{period}：已邮寄", "{period}: mailed"),
}
_NOTHING = Text("没有到期的文件；下一次在 {at}", "nothing is due; next at {at}")
_UNKNOWN = Text("没有到期的文件；下一次在何时尚不可知：{problem}", "nothing is due; when next cannot be told yet: {problem}")
_FAILED = Text("未完成，稍后重试：{problem}", "not done, tried again later: {problem}")


def add_due_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, default=Path("schedule.toml"), metavar="schedule.toml")
    command.add_argument("--at", metavar="TIME", help="what is due at this time (RFC 3339; default: now)")
    command.add_argument("--wait", action="store_true", help="a service: go on, and issue each month when it falls due")
    said = "issue a period also where the daily manifests end before it does 记录未满周期也出具"
    command.add_argument("--incomplete", action="store_true", help=said)
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def due(asked: argparse.Namespace) -> int:
    """Raises the first of what failed, once the rest is done; what is written stays, and the next call only does what lacks."""
    plan = plan_of(read_schedule(asked.config))
    fixed = None if asked.at is None else parse_as_of(asked.at)
    now_ms = _now_ms if fixed is None else lambda: fixed
    if asked.wait:
        return _serve(asked, now_ms)
    done = list(round_of(plan, now_ms, incomplete=asked.incomplete))
    if asked.json:
        print_json([_facts(one) for one in done])
    else:
        for one in done:
            _tell(one, asked.lang)
        if not done:
            print(_next(plan, now_ms(), asked.lang))
    for one in done:
        if one.problem is not None:
            raise one.problem
    return DONE


def _serve(asked: argparse.Namespace, now_ms: Callable[[], int]) -> int:
    """Until SIGTERM or SIGINT. What fails is told and tried again: one month's trouble must not end the service.

    The plan is read anew each time, so that a mended address or a new legal calendar needs no restart.
    """
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    while not stop.is_set():
        serve_once(asked, now_ms)
        stop.wait(AGAIN_S)
    return DONE


def serve_once(asked: argparse.Namespace, now_ms: Callable[[], int]) -> None:
    """A round of the service, by the plan as it stands now."""
    try:
        for one in round_of(plan_of(read_schedule(asked.config)), now_ms, incomplete=asked.incomplete):
            _tell(one, asked.lang)
    except TROUBLES as problem:
        print(_FAILED.to(asked.lang, problem=problem), file=sys.stderr, flush=True)


def _facts(one: Done) -> dict[str, str]:
    facts = {"period": one.period, "did": one.did, "folder": str(one.folder)}
    return facts if one.problem is None else {**facts, "problem": str(one.problem)}


def _next(plan: Plan, now_ms: int, lang: str) -> str:
    try:
        return _NOTHING.to(lang, at=_local(plan, plan.next_ms(now_ms)))
    except BadInput as problem:  # in December, while the next year's legal calendar is not known
        return _UNKNOWN.to(lang, problem=problem)


def _tell(one: Done, lang: str) -> None:
    if one.problem is not None:
        print(_FAILED.to(lang, problem=one.problem), file=sys.stderr, flush=True)
        return
    print(_DID[one.did].to(lang, period=one.period, folder=one.folder), flush=True)


def _local(plan: Plan, at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(plan.zone).isoformat(timespec="minutes")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
