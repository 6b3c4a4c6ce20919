"""What can be had here: each need of a fault is tried once, and what cannot be had is said with its reason, never faked."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from jinbao_lab import disk, line
from jinbao_lab.kind import Need
from jinbao_lab.processes import Failed

_CAP_SYS_TIME = 1 << 25
_EVERYBODY = "0 0 4294967295"


def lacking(wanted: Collection[Need], *, boxes: bool, set_clock: bool) -> dict[Need, str]:
    """The needs that cannot be met, with why. `boxes`: whether this is a box (see box.py); `set_clock`: the user's leave."""
    found = {}
    for need in wanted:
        try:
            _TRIALS[need](boxes, set_clock)
        except (OSError, Failed) as problem:
            found[need] = str(problem).splitlines()[0]
    return found


def _boxes(boxes: bool, _: bool) -> None:
    if not boxes:
        raise Failed("the county stands on addresses of the loopback")


def _line(boxes: bool, _: bool) -> None:
    _boxes(boxes, _)
    os.close(line.tap("trial"))


def _losable_disk(boxes: bool, _: bool) -> None:
    _boxes(boxes, _)
    disk.try_losable()


def _clock(_: bool, set_clock: bool) -> None:
    if not set_clock:
        raise Failed("this machine's clock is only set with --set-clock")
    if not may_set_clock(Path("/proc/self")):
        raise Failed("setting the clock takes CAP_SYS_TIME of the machine itself")


def may_set_clock(process: Path) -> bool:
    """Without setting it. A user namespace of our own gives the capability, but not over the machine's clock."""
    mapped = " ".join((process / "uid_map").read_text().split())
    status = dict(row.split(":", 1) for row in (process / "status").read_text().splitlines())
    return mapped == _EVERYBODY and bool(int(status["CapEff"], 16) & _CAP_SYS_TIME)


_TRIALS: Mapping[Need, Callable[[bool, bool], None]] = {
    Need.BOXES: _boxes,
    Need.LINE: _line,
    Need.SMALL_DISK: _boxes,
    Need.LOSABLE_DISK: _losable_disk,
    Need.CLOCK: _clock,
}
