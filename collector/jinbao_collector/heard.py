"""Who was heard last, when, and what the head of that batch says of its agent: drawn from the journal alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_agent.wire import Signed
from jinbao_collector.arrival import read_slots
from jinbao_collector.volume import Volume, month_files


@dataclass(frozen=True, slots=True)
class Heard:
    """An agent's latest batch: when it arrived, and what its head says of the agent.

    `config` is the version of the centre's configuration that it lives under, 0 for its own files, None where it takes none;
    `refused` the newer one that it refused, and `why`.
    """

    arrived_ms: int
    newest_ms: int | None
    version: str
    waiting: int | None
    synchronised: bool | None
    maxerror_us: int | None
    config: int | None = None
    refused: int | None = None
    why: str = ""

    def facts(self, now_ms: int) -> dict[str, Any]:
        return {
            "arrived_ms": self.arrived_ms,
            "silent_ms": now_ms - self.arrived_ms,
            "newest_ms": self.newest_ms,
            "version": self.version,
            "waiting": self.waiting,
            "synchronised": self.synchronised,
            "maxerror_us": self.maxerror_us,
            "config": self.config,
            "config_refused": self.refused,
            "config_why": self.why,
        }

    @classmethod
    def of(cls, arrived_ms: int, fields: Mapping[str, Any]) -> "Heard":
        slots, clock = read_slots(fields), fields.get("clock")
        clock = clock if isinstance(clock, dict) else {}
        config = fields.get("config")
        config = config if isinstance(config, dict) else {}
        return cls(
            arrived_ms,
            slots[1] if slots else None,
            str(fields.get("version", "")),
            _integer(fields.get("waiting")),
            bool(clock["sync"]) if _integer(clock.get("sync")) is not None else None,
            _integer(clock.get("maxerror_us")),
            _integer(config.get("version")),
            _integer(config.get("refused")),
            str(config.get("why", "")),
        )


def last_heard(directory: Path) -> dict[str, Heard]:
    """Of each agent in the journal, read without disturbing its writer. Raises VolumeError."""
    found: dict[str, Heard] = {}
    for file in month_files(directory):
        volume = Volume(file, writing=False)
        try:
            for (agent, *_), sender in volume.senders.items():
                row = volume.db.execute(
                    f"SELECT arrived_ms, {volume.head} FROM batch"
                    " WHERE position = (SELECT max(position) FROM batch WHERE sender = ?)",
                    (sender,),
                ).fetchone()
                if agent and row and (agent not in found or row[0] >= found[agent].arrived_ms):
                    found[agent] = Heard.of(row[0], Signed(row[1], b"").fields())
        finally:
            volume.close()
    return found


def _integer(value: object) -> int | None:
    return value if type(value) is int else None
