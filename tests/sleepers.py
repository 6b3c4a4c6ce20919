"""Processes that only sleep, found by an argument nobody else has: do they live, do they end?"""

import time
from pathlib import Path

PATIENCE_S = 10


def mark_of(folder: Path) -> str:
    """A number of seconds that no other process sleeps."""
    return f"86400.{abs(hash(str(folder)))}"


def sleepers(mark: str) -> int:
    found = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += file.read_bytes() == f"sleep\0{mark}\0".encode()
        except OSError:
            continue  # it ended while we looked
    return found


def await_count(mark: str, wanted: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sleepers(mark) != wanted:
        assert time.monotonic() < deadline, f"{sleepers(mark)} sleepers instead of {wanted}"
        time.sleep(0.02)
