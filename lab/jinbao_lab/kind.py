"""What a fault is, and what it acts on.

A fault acts on a Scene: what is broken in the county, the sites with their agents, and the servers. The Scene may be the
county of packets (scene.py) or the ideal observer's (nature.py), which knows what everybody would see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from jinbao_lab.county import County
from jinbao_lab.defects import Defect
from jinbao_reports.words import Text


class Site(Protocol):
    """A place with power and an agent in it."""

    def power_off(self) -> None: ...

    def power_on(self) -> None: ...

    def crash_agent(self) -> None: ...

    def start_agent(self) -> None: ...

    def mains(self, *, on: bool) -> None:
        """What the site's UPS tells; the agent lives on its battery."""

    def fill_disk(self) -> None: ...

    def free_disk(self) -> None: ...

    def lose_writes(self) -> None:
        """What its disk was told but not made to keep is gone, as when the power goes; the agent cannot write any more."""


class Server(Protocol):
    def stop(self) -> None: ...

    def start(self) -> None: ...

    def hang(self) -> None:
        """It accepts and never answers."""

    def resume(self) -> None: ...


class Collector(Protocol):
    def crash(self) -> None: ...

    def restart(self) -> None: ...


class Scene(Protocol):
    """What faults can act on. Every method returns when its effect is there."""

    @property
    def county(self) -> County: ...

    @property
    def app(self) -> Server: ...

    @property
    def collector(self) -> Collector: ...

    def site(self, place: str) -> Site:
        """Of a township, or the centre's for EVERYWHERE."""

    def damage(self, *defects: Defect) -> None: ...

    def repair(self, *defects: Defect) -> None: ...

    def step_clock(self, milliseconds: int) -> None: ...


class Need(Enum):
    """What a fault takes beyond packets on addresses; where it is not to be had, the fault is named and left out."""

    BOXES = "network namespaces"
    LINE = "a line in userspace (/dev/net/tun)"
    SMALL_DISK = "a small disk of its own for the agent"
    LOSABLE_DISK = "a loop device with ext4, which takes real root"
    CLOCK = "the right to set this machine's clock, and your leave to do so (--set-clock)"


Act = Callable[[Scene, str], None]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`inject` and `heal` act on a place.

    `row`: where judgement must land when nothing else is broken; empty: nothing is down. `blame`: who is at fault in truth,
    empty where nobody's line is down. `direction`: where the `peer` rung must tell it, up or down. `needs`: see Need; `lines`:
    the lines that must be in userspace. `ups`: the site needs mains sense. `stands_in`: while it lasts, the county's probes
    tell the same as the township's, so that an agent may restart meanwhile without the statement changing. `shows`: whether
    any probe or sensor tells it from health.
    """

    says: Text
    places: Callable[[County], tuple[str, ...]]
    inject: Act
    heal: Act
    row: str = ""
    blame: str = ""
    direction: str = ""
    needs: frozenset[Need] = frozenset()
    lines: Callable[[County, str], tuple[str, ...]] = lambda county, place: ()
    ups: bool = False
    stands_in: bool = True
    shows: bool = True
