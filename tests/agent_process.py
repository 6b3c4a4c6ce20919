"""A real agent process on loopback, followed through the datagrams it sends systemd."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-c", "import sys; from jinbao_agent.cli import main; sys.exit(main())")

LINKS = """
schema = "jinbao.links/1"
[defaults]
interval = "1s"
[[link]]
code = "510422101"
name = "红格镇"
targets = { nic = "nic:lo", lan = "127.0.0.1", core = "127.0.0.2", app = "tcp://127.0.0.1:{port}" }
"""
AGENT = """
schema = "jinbao.agent/1"
vantage = "township"
link = "510422101"
data = "data"
wait = "500ms"
batch = "2s"
[collector]
every = "1s"
[spool]
floor = "0MB"
"""


def write_config(folder: Path, port: int, agent: str = AGENT) -> Path:
    """An agent of one link on loopback, whose application server listens on `port`, or does not."""
    (folder / "links.toml").write_text(LINKS.replace("{port}", str(port)))
    file = folder / "agent.toml"
    file.write_text(agent)
    return file


class AgentProcess:
    """A running agent. It is killed when the test leaves it alone."""

    def __init__(self, process: "subprocess.Popen[bytes]", news: socket.socket) -> None:
        self.process, self._news = process, news

    def ready(self) -> None:
        """It probes."""
        self._until("READY=1")

    def beats(self, count: int) -> None:
        """It has written so many more heartbeats."""
        for _ in range(count):
            self._until("WATCHDOG=1")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Asks it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def _until(self, word: str) -> None:
        while self._news.recv(64).decode() != word:
            assert self.process.poll() is None, f"the agent ended with {self.process.returncode}"


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[AgentProcess]:
    address = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news:
        address.unlink(missing_ok=True)
        news.bind(str(address))
        news.settimeout(30)
        with (folder / "agent.log").open("ab") as log:
            process = subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": str(address)}, stderr=log)
            try:
                yield AgentProcess(process, news)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
