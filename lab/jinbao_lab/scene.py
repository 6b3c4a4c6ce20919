"""The county as it stands and runs: its ground, its machines with their agents, its servers, and what is broken."""

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from jinbao_lab import nature, processes
from jinbao_lab.box import network_of
from jinbao_lab.county import County
from jinbao_lab.defects import Damage, Defect
from jinbao_lab.equipment import Equipment, node_of, place_of
from jinbao_lab.files import Desk
from jinbao_lab.ground import CENTRE, Ground
from jinbao_lab.kind import Need
from jinbao_lab.machine import Machine
from jinbao_lab.processes import program
from jinbao_lab.site import Site, disk_for

COLLECTOR, AGENT = program("jinbao_collector.cli"), program("jinbao_agent.cli")
_READY_S = 30


@dataclass
class App:
    """The application server; see kind.Server."""

    ground: Ground
    _nature: nature.Server = field(default_factory=nature.Server)
    _made: str = "up"

    def stop(self) -> None:
        self._nature.stop()
        self._settle()

    def start(self) -> None:
        self._nature.start()
        self._settle()

    def hang(self) -> None:
        self._nature.hang()
        self._settle()

    def resume(self) -> None:
        self._nature.resume()
        self._settle()

    def _settle(self) -> None:
        """Several faults may be on it at once."""
        before, self._made = self._made, self._nature.now
        if before == self._made:
            return
        if self._made == "stopped":
            self.ground.stop_app()
            return
        if before == "stopped":
            self.ground.start_app()
        if "hangs" in (before, self._made):
            self.ground.hang_app(hangs=self._made == "hangs")


@dataclass
class Collector:
    desk: Desk
    ground: Ground
    port: int
    _process: subprocess.Popen[bytes] | None = None
    _nature: nature.Server = field(default_factory=nature.Server)

    def command(self, *words: str) -> list[str]:
        return [*COLLECTOR, "--config", str(self.desk.collector), *words]

    def init(self) -> None:
        processes.run(self.command("init"), self.desk.log("collector"))

    def invite(self, agent: str, vantage: str, links: Iterable[str]) -> str:
        """The enrolment code."""
        named = [word for link in links for word in ("--link", link)]
        words = ["invite", "--agent", agent, "--vantage", vantage, *named, "--json"]
        code: str = json.loads(processes.run(self.command(*words), self.desk.log("collector")))["code"]
        return code

    def start(self) -> None:
        """Returns when it is ready."""
        self._process = processes.start(self.ground.at(CENTRE, self.command("serve")), self.desk.log("collector"))
        self.await_from(CENTRE)

    def await_from(self, node: str) -> None:
        """Returns when it answers this node: on a busy machine a line in userspace may not yet when ARP has given up. Raises
        Failed."""
        assert self._process is not None
        deadline = time.monotonic() + _READY_S
        while not self._answers(node):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise processes.Failed(f"the collector does not answer {node}; see {self.desk.log('collector')}")
            time.sleep(0.05)

    def _answers(self, node: str) -> bool:
        # Only whether it answers: nothing is believed of this connection, so nothing needs to be verified.
        trusting = ssl._create_unverified_context()
        where: AbstractContextManager[None] = network_of(node) if self.ground.has_boxes else nullcontext()
        try:
            with (
                where,
                urllib.request.urlopen(
                    f"https://{self.ground.centre_host}:{self.port}/readyz", timeout=2, context=trusting
                ) as answer,
            ):
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def crash(self) -> None:
        """kill -9; returns when it is gone. Killed twice, it is started again by the second healing."""
        assert self._process is not None
        self._nature.crash()
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Without waiting: agents that come too early try again."""
        self._nature.restart()
        if self._nature.now == "up":
            self._process = processes.start(self.ground.at(CENTRE, self.command("serve")), self.desk.log("collector"))

    def stop(self) -> int:
        assert self._process is not None
        return processes.end(self._process)


@dataclass
class Stage:
    """What faults act on (see kind.Scene)."""

    county: County
    ground: Ground
    desk: Desk
    collector: Collector
    equipment: Equipment
    app: App = field(init=False)
    machines: dict[str, Machine] = field(init=False)
    sites: dict[str, Site] = field(init=False)
    _damage: Damage = field(default_factory=Damage)
    _clock_ahead_ms: int = 0

    def __post_init__(self) -> None:
        self.app = App(self.ground)
        self.machines = {node: self._machine(node) for node in (*(f"a{one}" for one in self.county.townships), CENTRE)}
        self.sites = {node: self._site(machine) for node, machine in self.machines.items()}

    def _machine(self, node: str) -> Machine:
        command = [*AGENT, "--config", str(self.desk.agent(node)), "run"]
        boot_file = self.desk.agent_data(f"{node}.boot_id")
        foreign = tuple(self.desk.agent_data(node_of(place)) for place in self.equipment.disks if place != place_of(node))
        return Machine(self.ground, node, boot_file, command, self.desk.log(f"agent-{node}"), foreign)

    def _site(self, machine: Machine) -> Site:
        senses = place_of(machine.node) in self.equipment.sensed
        return Site(self.ground, machine, senses, disk_for(self.desk, machine.node, self.equipment))

    def site(self, place: str) -> Site:
        return self.sites[node_of(place)]

    def damage(self, *defects: Defect) -> None:
        self._damage.add(*defects)
        self.ground.apply(self._damage)

    def repair(self, *defects: Defect) -> None:
        self._damage.remove(*defects)
        self.ground.apply(self._damage)

    def step_clock(self, milliseconds: int) -> None:
        """Sets this machine's clock. Raises processes.Failed without leave, PermissionError where that takes more rights."""
        if Need.CLOCK in self.equipment.lacking:
            raise processes.Failed("this machine's clock is only set with --set-clock")
        time.clock_settime_ns(time.CLOCK_REALTIME, time.clock_gettime_ns(time.CLOCK_REALTIME) + milliseconds * 10**6)
        self._clock_ahead_ms += milliseconds

    def enrol(self, node: str) -> None:
        """Boots a machine and makes its agent known to the collector, as a person would."""
        township = node.removeprefix("a")
        links = [self.county.code(township)] if node != CENTRE else []
        code = self.collector.invite(node, "township" if links else "county", links)
        self.machines[node].boot()
        self.collector.await_from(node)
        words = [*AGENT, "--config", str(self.desk.agent(node)), "enrol", code]
        processes.run(self.machines[node].within(words), self.desk.log(f"agent-{node}"))

    def close(self) -> None:
        """After the agents: takes everything away, and leaves the clock as it was found."""
        if self._clock_ahead_ms:
            self.step_clock(-self._clock_ahead_ms)
        for site in self.sites.values():
            site.close()
        self.ground.close()
