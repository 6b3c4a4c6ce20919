"""A collector that serves in a process of its own, and agents that load it: for tests of what survives."""

import contextlib
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

from collecting import LINK, NOON, Speaker, enrol_document, make_place
from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import Batch, Signed, pack
from jinbao_collector.authority import Authority
from jinbao_collector.enrolment import Enrolment
from jinbao_collector.ledger import Ledger
from jinbao_collector.place import Place
from jinbao_config.services import read_collector

COMMAND = (sys.executable, "-m", "jinbao_collector.cli")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Served:
    """A collector that runs as a process of its own."""

    config: Path
    process: subprocess.Popen[str]
    address: str
    trust: ssl.SSLContext

    @property
    def place(self) -> Place:
        return Place.of(read_collector(self.config))

    def get(self, path: str) -> tuple[int, bytes]:
        return self._answer(urllib.request.Request(self.address + path))

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return self._answer(urllib.request.Request(self.address + path, body, {"Content-Type": "application/octet-stream"}))

    def _answer(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, context=self.trust) as answer:
                return answer.status, answer.read()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def enrol(self, agent: str, link: str = LINK) -> Speaker:
        """Invited beside the serving process, as the command does it."""
        home, key = self.place.home, SigningKey.generate()
        with Ledger(home.ledger) as ledger:
            code = Enrolment(ledger, Authority.load(home.keys)).invite(
                agent, "township", [link], self.address, time.time_ns() // 1_000_000
            )
        status, answer = self.post("/v1/enrol", enrol_document(code, key))
        assert (status, Signed.from_lines(answer).fields()["agent"]) == (200, agent)
        return Speaker(agent, "township", link, key)

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@contextmanager
def serving(config: Path, command: Sequence[str] = COMMAND) -> Iterator[Served]:
    words = [*command, "--config", str(config), "serve", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["listening"]
            ca = read_collector(config).value.data
            trust = ssl.create_default_context(cafile=str(config.parent / ca / "keys/ca.pem"))
            yield Served(config, process, address, trust)
        finally:
            process.kill()


@dataclass
class Load:
    """One agent that sends and sends. What was not acknowledged it sends again, as agents do."""

    speaker: Speaker
    sent: list[Batch] = field(default_factory=list)
    acknowledged: int = 0
    answers: set[int] = field(default_factory=set)
    fresh: int = 0
    moved: threading.Condition = field(default_factory=threading.Condition)
    stopping: bool = False

    def run(self, served: Served) -> None:
        """Until the line breaks, an answer is not 200, or it is told to stop."""
        host = served.address.removeprefix("https://")
        line = http.client.HTTPSConnection(host, context=served.trust, timeout=60)
        with contextlib.closing(line), contextlib.suppress(OSError, http.client.HTTPException):
            line.connect()
            line.auto_open = 0
            while not self.stopping and self.send(line) == 200:
                pass

    def send(self, line: http.client.HTTPSConnection) -> int:
        """The next three batches; the status of the answer."""
        while len(self.sent) < self.acknowledged + 3:
            self.next()
        batches = self.sent[self.acknowledged : self.acknowledged + 3]
        line.request("POST", "/v1/batches", pack(batches))
        answer = line.getresponse()
        answer.read()
        self.answers.add(answer.status)
        if answer.status == 200:
            self._note(len(batches))
        return answer.status

    def next(self) -> Batch:
        """One more to send."""
        self.sent.append(self.speaker.batch(NOON + self.speaker.number * 60_000))
        return self.sent[-1]

    def _note(self, count: int) -> None:
        with self.moved:
            self.acknowledged += count
            self.fresh += count
            self.moved.notify_all()

    def await_fresh(self, count: int) -> None:
        """Until so many more were acknowledged since the last time somebody waited."""
        with self.moved:
            assert self.moved.wait_for(lambda: self.fresh >= count, 60), f"{self.speaker.agent}: nothing is acknowledged"
            self.fresh = 0

    def promised(self) -> set[tuple[int, str]]:
        """Number and hash of what was acknowledged."""
        return {(number, batch.signed.hash) for number, batch in enumerate(self.sent[: self.acknowledged], 1)}


@contextmanager
def under_load(served: Served, loads: Sequence[Load], count: int = 12, *, breaks: bool = False) -> Iterator[None]:
    """All agents send; entered when so many batches of each were acknowledged. They end at its end, or where it breaks."""
    for load in loads:
        load.fresh, load.stopping = 0, False
    threads = [threading.Thread(target=load.run, args=(served,), daemon=True) for load in loads]
    for thread in threads:
        thread.start()
    for load in loads:
        load.await_fresh(count)
    yield
    for load in loads:
        load.stopping = not breaks
    for thread in threads:
        thread.join()


def config_in(folder: Path, data: str = "data") -> Path:
    """collector.toml on a free port; all agents speak from one address here, which is no reason to turn them away."""
    listen = f'"127.0.0.1:{free_port()}"'
    return make_place(folder, data=f'"{data}"', listen=listen, refuse="{ per_minute = 1000000 }").file


def children_of(pid: int) -> list[int]:
    """Process ids whose parent it is."""
    stats = [file.read_text().rpartition(")") for file in Path("/proc").glob("[0-9]*/stat")]
    return [int(name.split()[0]) for name, _, rest in stats if int(rest.split()[1]) == pid]
