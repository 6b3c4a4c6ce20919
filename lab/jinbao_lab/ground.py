"""What a county stands on: namespaces with real lines, or addresses of the loopback. Everything above is the same on both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jinbao_lab.defects import Damage

CENTRE = "centre"
APP_PORT, PEER_PORT = 8080, 8620


@dataclass(frozen=True, slots=True)
class Rungs:
    """The targets of links.toml as this ground has them, as text."""

    county: Mapping[str, str]
    township: Mapping[str, Mapping[str, str]]
    from_county: Mapping[str, Mapping[str, str]]

    def without(self, rung: str) -> "Rungs":
        """One rung less on every link, from either end."""
        township, from_county = (
            {one: {name: to for name, to in targets.items() if name != rung} for one, targets in side.items()}
            for side in (self.township, self.from_county)
        )
        return Rungs(self.county, township, from_county)


class Ground(Protocol):
    @property
    def name(self) -> str:
        """For people."""

    @property
    def has_boxes(self) -> bool:
        """Whether a site can lose its power: whether agents have a boot id of their own."""

    @property
    def centre_host(self) -> str:
        """Where the collector listens, as the agents reach it."""

    def build(self) -> Rungs: ...

    def apply(self, damage: Damage) -> None:
        """Returns when the county is as broken as `damage` says."""

    def at(self, node: str, command: Sequence[str]) -> list[str]:
        """The command that runs `command` on a node's network."""

    def start_app(self) -> None: ...

    def stop_app(self) -> None:
        """Returns when its port is closed; its machine stays on."""

    def hang_app(self, *, hangs: bool) -> None:
        """It accepts and never answers, or answers again."""

    def close(self) -> None: ...
