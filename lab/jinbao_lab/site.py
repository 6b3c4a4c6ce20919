"""A place with power and an agent in it: its machine, its UPS where the mains is sensed, its disk where that must break."""

from dataclasses import dataclass, field

from jinbao_lab import disk
from jinbao_lab.disk import Disk, LosableDisk, SmallDisk
from jinbao_lab.equipment import Equipment, place_of
from jinbao_lab.files import UPS_PORT, Desk
from jinbao_lab.ground import Ground
from jinbao_lab.held import Held
from jinbao_lab.kind import Need
from jinbao_lab.machine import Machine
from jinbao_lab.ups import Ups


@dataclass
class Site:
    """See kind.Site. What several faults hold down is up again when the last of them is over."""

    ground: Ground
    machine: Machine
    senses_mains: bool = False
    disk: Disk | None = None
    _ups: Ups | None = None
    _held: Held = field(default_factory=Held)

    def equip(self) -> None:
        """Before its machine boots for the first time."""
        if self.disk:
            self.disk.mount()
        if self.senses_mains:
            self._ups = Ups(UPS_PORT, self.ground.at(self.machine.node, ()))

    def power_off(self) -> None:
        if self._held.take("power"):
            self.machine.power_off()
        if self.disk:
            self.disk.power_off()

    def power_on(self) -> None:
        if not self._held.release("power"):
            return
        if self.disk:
            self.disk.power_on()
            (disk.fill if "disk" in self._held else disk.free)(self.disk)
        self.machine.boot()
        if "agent" not in self._held:
            self.machine.start_agent()

    def crash_agent(self) -> None:
        if self._held.take("agent") and self.machine.agent_runs:
            self.machine.crash_agent()

    def start_agent(self) -> None:
        if self._held.release("agent") and "power" not in self._held:
            self.machine.start_agent()

    def mains(self, *, on: bool) -> None:
        assert self._ups is not None
        if self._held.release("mains") if on else self._held.take("mains"):
            self._ups.order(status="OL CHRG" if on else "OB DISCHRG")

    def fill_disk(self) -> None:
        assert self.disk is not None
        if self._held.take("disk") and disk.is_mounted(self.disk):  # else it is filled when its machine is on again
            disk.fill(self.disk)

    def free_disk(self) -> None:
        assert self.disk is not None
        if self._held.release("disk") and disk.is_mounted(self.disk):
            disk.free(self.disk)

    def lose_writes(self) -> None:
        assert self.disk is not None
        if disk.is_mounted(self.disk):  # else they are lost already
            self.disk.lose_writes()

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
