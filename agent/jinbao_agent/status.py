"""What an agent's data folder tells, read while the agent runs or after: for `status` and `check`. Changes nothing."""

import sqlite3
from dataclasses import dataclass

from jinbao_agent.chain import Head
from jinbao_agent.heartbeat import Beat, read_beat
from jinbao_agent.identity import Enrolment, Home
from jinbao_agent.mains import FACT, Known
from jinbao_agent.sample import Sample
from jinbao_agent.spool import Spool


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`waiting` batches the centre has not acknowledged, the oldest of them ends at `oldest_waiting_ms` (UTC); `open` records
    are in no batch yet; `dropped` samples went before the centre had them, `unstored` ones never reached the disk; `mains` is
    None where it was never asked for."""

    head: Head
    open: int
    waiting: int
    oldest_waiting_ms: int | None
    bytes: int
    dropped: int
    unstored: int
    seen: str
    mains: Known | None
    latest: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """`problems` are what could not be read, in words."""

    running: bool
    beat: Beat | None
    enrolment: Enrolment | None
    spool: SpoolState | None
    problems: tuple[str, ...]


def read_status(home: Home) -> Status:
    """Raises OSError if the data folder cannot be looked into."""
    problems = []
    enrolment = spool = None
    try:
        enrolment = home.read_enrolment()
    except ValueError as problem:
        problems.append(str(problem))
    if home.spool.exists():
        try:
            spool = read_spool(home)
        except (sqlite3.Error, OSError) as problem:
            problems.append(f"{home.spool}: {problem}")
    return Status(home.in_use(), read_beat(home.heartbeat), enrolment, spool, tuple(problems))


def read_spool(home: Home) -> SpoolState:
    """Raises sqlite3.Error or OSError."""
    spool = Spool.reading(home.spool)
    try:
        waiting, oldest_ms = spool.waiting_now()
        mains = spool.get(FACT)
        return SpoolState(
            head=spool.head,
            open=spool.open_count(),
            waiting=waiting,
            oldest_waiting_ms=oldest_ms,
            bytes=home.spool.stat().st_size,
            dropped=spool.get("dropped") or 0,
            unstored=spool.get("unstored") or 0,
            seen=spool.get("seen") or "",
            mains=Known(**mains) if mains else None,
            latest=tuple(spool.latest()),
        )
    finally:
        spool.close_file()
