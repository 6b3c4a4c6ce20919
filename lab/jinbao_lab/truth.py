"""What was really done and when: written by the run, read by the score, out of the judge's reach."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """One fault as it happened. `spans` are (onset, restored) in microseconds UTC: when the fault command and the healing
    command returned; several with a rhythm. `rows` is the scenario's own word on what must be found, None where it has none."""

    id: str
    kind: str
    on: str
    rows: tuple[str, ...] | None
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """A ledger entry that stands from before the first fault. `links` are division codes."""

    kind: str
    type: str
    links: tuple[str, ...]
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """`from_us` and `to_us` bound what is judged, `since_us` is when every agent had been heard; `clock_step_us` is how far the
    clock moved against the monotonic one, beyond what the faults did to it. Instants are on the clock as it stood at the
    start. `townships` are two-digit numbers; `mute`, `battery`, `app_unprobed` as in the scenario; `peers`: every agent
    reflects."""

    interval_ms: int
    from_us: int
    to_us: int
    since_us: int
    clock_step_us: int
    townships: tuple[str, ...]
    mute: tuple[str, ...] = ()
    battery: tuple[str, ...] = ()
    app_unprobed: bool = False
    peers: bool = False
    notices: tuple[Noticed, ...] = ()
    faults: tuple[Injected, ...]

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Truth":
        return cls.from_facts(json.loads(file.read_text()))

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Truth":
        tuples = {name: tuple(facts[name]) for name in ("townships", "mute", "battery")}
        notices = tuple(Noticed(**{**one, "links": tuple(one["links"])}) for one in facts["notices"])
        faults = tuple(
            Injected(
                **{
                    **one,
                    "rows": None if one["rows"] is None else tuple(one["rows"]),
                    "spans": tuple((onset, restored) for onset, restored in one["spans"]),
                }
            )
            for one in facts["faults"]
        )
        return cls(**{**facts, **tuples, "notices": notices, "faults": faults})
