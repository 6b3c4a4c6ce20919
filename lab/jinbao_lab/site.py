"""A place with power and an agent in it: its machine, its UPS where the mains is sensed, its disk where that must break.

Several faults may hold it down at once; what must be so is counted as nature counts it (jinbao_lab.nature), and made so here.
"""

from dataclasses import dataclass, field

from jinbao_lab import disk, nature
from jinbao_lab.disk import Disk, LosableDisk, SmallDisk
from jinbao_lab.equipment import Equipment, place_of
from jinbao_lab.files import UPS_PORT, Desk
from jinbao_lab.ground import Ground
from jinbao_lab.kind import Need
from jinbao_lab.machine import Machine
from jinbao_lab.nature import SiteNow
from jinbao_lab.ups import Ups


@dataclass
class Site:
    """See kind.Site."""

    ground: Ground
    machine: Machine
    senses_mains: bool = False
    disk: Disk | None = None
    _ups: Ups | None = None
    _nature: nature.Site = field(default_factory=nature.Site)
    _made: SiteNow = field(default_factory=SiteNow)

    def equip(self) -> None:
        """Before its machine boots for the first time."""
        if self.disk:
            self.disk.mount()
        if self.senses_mains:
            self._ups = Ups(UPS_PORT, self.ground.at(self.machine.node, ()))

    def power_off(self) -> None:
        self._nature.power_off()
        self._settle()

    def power_on(self) -> None:
        self._nature.power_on()
        self._settle()

    def crash_agent(self) -> None:
        self._nature.crash_agent()
        self._settle()

    def start_agent(self) -> None:
        self._nature.start_agent()
        self._settle()

    def mains(self, *, on: bool) -> None:
        self._nature.mains(on=on)
        self._settle()

    def fill_disk(self) -> None:
        self._nature.fill_disk()
        self._settle()

    def free_disk(self) -> None:
        self._nature.free_disk()
        self._settle()

    def lose_writes(self) -> None:
        assert self.disk is not None
        if self.machine.on:
            self.disk.lose_writes()

    def _settle(self) -> None:
        """Returns when everything is as it must be."""
        before, self._made = self._made, self._nature.now
        if before.mains != self._made.mains:
            assert self._ups is not None
            self._ups.order(status="OL CHRG" if self._made.mains else "OB DISCHRG")
        self._settle_power()
        if self.disk and disk.is_there(self.disk):  # what came back with the power may have lost what filled it
            (disk.free if self._made.room else disk.fill)(self.disk)
        if self.machine.on and self._made.runs != self.machine.agent_runs:
            (self.machine.start_agent if self._made.runs else self.machine.crash_agent)()

    def _settle_power(self) -> None:
        powered = self._nature.powered
        if powered == self.machine.on:
            return
        if not powered:
            self.machine.power_off()
        if self.disk:
            (self.disk.power_on if powered else self.disk.power_off)()
        if powered:
            self.machine.boot()

    def close(self) -> None:
        if self._ups:
            self._ups.kill()
            self._ups = None
        if self.disk:
            disk.put_away(self.disk)
            self.disk = None


def disk_for(desk: Desk, node: str, equipment: Equipment) -> Disk | None:
    """None: the agent keeps its data with everybody's."""
    need = equipment.disks.get(place_of(node))
    if need is Need.LOSABLE_DISK:
        return LosableDisk(desk.agent_data(node), desk.agent_data(f"{node}.image"))
    return SmallDisk(desk.agent_data(node)) if need else None
