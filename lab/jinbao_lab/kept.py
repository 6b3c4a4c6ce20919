"""Whether the collector kept its promises: every batch an agent holds an acknowledgement for stands in the journal."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from jinbao_agent.identity import Home
from jinbao_agent.spool import Spool
from jinbao_agent.status import read_status
from jinbao_agent.wire import sha256
from jinbao_collector import heard
from jinbao_collector.home import Home as CollectorHome
from jinbao_collector.volume import Volume, month_files

Name = tuple[str, int, str]
"""(chain, number, hash)"""


def acknowledged(agent_data: Path) -> Iterator[Name]:
    spool = Spool.reading(Home(agent_data).spool)
    try:
        for chain, number, head in spool.db.execute("SELECT chain, number, head FROM batch WHERE acked = 1"):
            yield chain, number, sha256(head)
    finally:
        spool.close_file()


def journaled(store: Path) -> set[Name]:
    found = set()
    for file in month_files(CollectorHome(store).journal):
        with closing(Volume(file, writing=False)) as volume:
            found |= {(chain, number, hashed) for _, chain, number, hashed in volume.numbers(volume.first, volume.last)}
    return found


def lost(agents: dict[str, Path], store: Path) -> tuple[int, list[str]]:
    """How many acknowledged batches were looked for, and those the journal lacks, in words."""
    kept, count, missing = journaled(store), 0, []
    for agent, data in agents.items():
        for name in acknowledged(data):
            count += 1
            if name not in kept:
                missing.append(f"{agent}: chain {name[0]} number {name[1]} hash {name[2]}")
    return count, missing


def heard_until(store: Path) -> dict[str, int]:
    """Agent → the newest instant the journal has of it, milliseconds UTC."""
    return {name: one.newest_ms or 0 for name, one in heard.last_heard(CollectorHome(store).journal).items()}


def waiting_since(agent_data: Path) -> int | None:
    """The newest instant in the oldest batch that still waits to be sent, milliseconds UTC; None if none waits."""
    status = read_status(Home(agent_data))
    return status.spool.oldest_waiting_ms if status.spool else None
