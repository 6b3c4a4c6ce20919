"""What was really done and when: written by the run, read by the score, out of the judge's reach."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinbao_lab.scenario import Expect


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """One fault as it happened. Instants are microseconds UTC; `onset_us` and `restored_us` are when the fault command and
    the healing command returned. `links` are division codes."""

    id: str
    kind: str
    on: str
    links: tuple[str, ...]
    onset_us: int
    restored_us: int
    expect: tuple[Expect, ...]

    def edge_us(self, expect: Expect) -> int:
        """Where a slice ends."""
        return self.restored_us if expect.until is None else self.onset_us + expect.until * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """`from_us` and `to_us` bound what is judged; `clock_step_us` is how far the clock moved against the monotonic one."""

    interval_ms: int
    from_us: int
    to_us: int
    clock_step_us: int
    faults: tuple[Injected, ...]

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Truth":
        return cls.from_facts(json.loads(file.read_text()))

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Truth":
        faults = tuple(
            Injected(
                **{
                    **fault,
                    "links": tuple(fault["links"]),
                    "expect": tuple(Expect(**expect) for expect in fault["expect"]),
                }
            )
            for fault in facts["faults"]
        )
        return cls(**{**facts, "faults": faults})
