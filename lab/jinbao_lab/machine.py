"""The places where agents run: a machine with power and a boot id of its own in the box, a plain process on the loopback."""

import os
import signal
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinbao_lab import processes
from jinbao_lab.ground import Ground

# Process 1 of a machine. It never ends by itself; killing it is the power cut: the kernel ends all its processes at once.
# It lets go of other machines' disks, or they could not be taken away while it runs.
_INIT = """mount -t sysfs sysfs /sys && mount --bind "$0" /proc/sys/kernel/random/boot_id || exit
for disk in "$@"; do umount "$disk" 2>/dev/null; done
echo on && exec sleep infinity 1>&2"""


@dataclass
class Machine:
    """`node` is where it stands, `agent` the command that runs its agent, `foreign_disks` where those of others are mounted.
    It is off when made."""

    ground: Ground
    node: str
    boot_file: Path
    agent: Sequence[str]
    log: Path
    foreign_disks: tuple[Path, ...] = ()
    _init: subprocess.Popen[bytes] | None = None
    _agent: subprocess.Popen[bytes] | None = None

    @property
    def on(self) -> bool:
        return self._init is not None or not self.ground.has_boxes

    @property
    def agent_runs(self) -> bool:
        return self._agent is not None

    def boot(self) -> None:
        """Power, with a new boot id, and no agent yet."""
        if self.ground.has_boxes:
            self.boot_file.write_text(f"{uuid.uuid4()}\n")
            isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
            command = self.ground.at(
                self.node, [*isolate, "sh", "-c", _INIT, str(self.boot_file), *map(str, self.foreign_disks)]
            )
            with self.log.open("ab") as log:
                self._init = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            assert self._init.stdout is not None
            if not self._init.stdout.readline():
                raise processes.Failed(f"the machine {self.node} did not boot, exit code {self._init.wait()}")

    def power_off(self) -> None:
        """No clean stop; returns when nothing of it runs any more."""
        assert self._init is not None
        os.kill(processes.only_child(self._init.pid), signal.SIGKILL)
        self._init.communicate()
        self._init = None
        self._forget_agent()

    def within(self, command: Sequence[str]) -> list[str]:
        """The command that runs `command` on this machine."""
        if self._init is None:
            return list(command)
        init = processes.only_child(self._init.pid)
        return ["nsenter", "--target", str(init), "--net", "--mount", "--pid", *command]

    def start_agent(self) -> None:
        self._agent = processes.start(self.within(self.agent), self.log)

    def crash_agent(self) -> None:
        """kill -9; returns when it is gone."""
        self._signal_agent(signal.SIGKILL)
        self._forget_agent()

    def stop_agent(self) -> int:
        """A clean stop; returns its exit code."""
        assert self._agent is not None
        self._signal_agent(signal.SIGTERM)
        code = self._agent.wait()
        self._agent = None
        return code

    def _signal_agent(self, number: int) -> None:
        assert self._agent is not None
        # In the box the process started is nsenter, which waits outside for the agent inside.
        target = processes.only_child(self._agent.pid) if self._init is not None else self._agent.pid
        os.kill(target, number)

    def _forget_agent(self) -> None:
        if self._agent is not None:
            self._agent.wait()
            self._agent = None
