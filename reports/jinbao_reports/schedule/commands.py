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

from jinbao_collector import CollectorError
from jinbao_config.schedule import read_schedule
from jinbao_reports.arguments import add_lang
from jinbao_reports.commands import DONE, FAILURES, REFUSALS
from jinbao_reports.files import parse_as_of
from jinbao_reports.printing import print_json
from jinbao_reports.schedule.run import Done, Plan, plan_of, round_of
from jinbao_reports.words import Text

AGAIN_S = 600.0
"""A service looks again after ten minutes at the latest: clocks are set, mail servers come back."""
_TRIED_AGAIN: tuple[type[Exception], ...] = (*REFUSALS, *FAILURES, CollectorError)
_DID = {
    "written": Text("{period}：文件已出具，在 {folder}", "{period}: documents written to {folder}"),
    "mailed": Text("{period}：已邮寄", "{period}: mailed"),
}
_NOTHING = Text("没有到期的文件；下一次在 {at}", "nothing is due; next at {at}")
_FAILED = Text("未完成，稍后重试：{problem}", "not done, tried again later: {problem}")


def add_due_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, default=Path("schedule.toml"), metavar="schedule.toml")
    command.add_argument("--at", metavar="TIME", help="what is due at this time (RFC 3339; default: now)")
    command.add_argument("--wait", action="store_true", help="a service: go on, and issue each month when it falls due")
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def due(asked: argparse.Namespace) -> int:
    """Exit code 3 where the mail did not go; what is written stays, and the next call only mails."""
    plan = plan_of(read_schedule(asked.config))
    fixed = None if asked.at is None else parse_as_of(asked.at)
    now_ms = _now_ms if fixed is None else lambda: fixed
    if asked.wait:
        return _serve(plan, now_ms, asked.lang)
    done = list(round_of(plan, now_ms))
    if asked.json:
        print_json([{"period": one.period, "did": one.did, "folder": str(one.folder)} for one in done])
        return DONE
    for one in done:
        _tell(one, asked.lang)
    if not done:
        print(_NOTHING.to(asked.lang, at=_local(plan, plan.next_ms(now_ms()))))
    return DONE


def _serve(plan: Plan, now_ms: Callable[[], int], lang: str) -> int:
    """Until SIGTERM or SIGINT. A round that fails is told and tried again: one month's trouble must not end the service."""
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    while not stop.is_set():
        try:
            for one in round_of(plan, now_ms):
                _tell(one, lang)
        except _TRIED_AGAIN as problem:
            print(_FAILED.to(lang, problem=problem), file=sys.stderr, flush=True)
        stop.wait(AGAIN_S)
    return DONE


def _tell(one: Done, lang: str) -> None:
    print(_DID[one.did].to(lang, period=one.period, folder=one.folder), flush=True)


def _local(plan: Plan, at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(plan.zone).isoformat(timespec="minutes")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
