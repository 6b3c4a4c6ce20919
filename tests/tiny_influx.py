"""A server for line protocol in a nutshell: real HTTP on loopback, answers as InfluxDB 2.7 gives them, and moods."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from collecting import NOON
from jinbao_collector.agents import LiveRoster
from jinbao_collector.home import Home
from jinbao_collector.ledger import Ledger
from jinbao_collector.replica.forwarder import Forwarder
from jinbao_collector.replica.progress import Progress
from jinbao_collector.replica.server import Server
from jinbao_config.replicas import ReplicaConfig

Answer = tuple[int, str, dict[str, str]]
Mood = Callable[["TinyInflux", list[str]], Answer]

TOKEN = "t0ken"


def said(status: int, code: str, message: str, **headers: str) -> Answer:
    return status, json.dumps({"code": code, "message": message}), headers


class TinyInflux:
    """`kept` holds each line once, as a server that overwrites does; `requests` how many lines came with each."""

    def __init__(self) -> None:
        self.kept: dict[str, None] = {}
        self.requests: list[int] = []
        self.moods: list[Mood] = []
        self.poison: str | None = None
        self.retention: int | None = None
        self.started = 1
        self.port = 0

    def config(self, **changes: str | None) -> ReplicaConfig:
        facts = {"name": "copy", "kind": "influxdb", "org": "yanbian", "bucket": "jinbao", "token_env": "TOKEN"}
        return ReplicaConfig(**{**facts, "url": f"http://127.0.0.1:{self.port}", **changes})  # type: ignore[arg-type]

    def answer(self, method: str, path: str, token: str, body: bytes) -> Answer:
        parts = urlsplit(path)
        if (method, parts.path) == ("GET", "/metrics"):
            return 200, f"# nothing else\nprocess_start_time_seconds {self.started}\n", {}
        if (method, parts.path) == ("GET", "/ping"):
            return 204, "", {}
        if (method, parts.path) != ("POST", "/api/v2/write"):
            return said(404, "not found", "path not found")
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if token != f"Token {TOKEN}":
            return said(401, "unauthorized", "unauthorized access")
        if asked["bucket"] != "jinbao":
            return said(404, "not found", f'bucket "{asked["bucket"]}" not found')
        lines = body.decode().split("\n")
        self.requests.append(len(lines))
        return self.moods.pop(0)(self, lines) if self.moods else self.take(lines)

    def take(self, lines: list[str]) -> Answer:
        bad = [line for line in lines if self.poison and self.poison in line]
        if bad:
            return said(400, "invalid", f"unable to parse '{bad[0]}': no such thing")
        late = [line for line in lines if self.retention is not None and int(line.rpartition(" ")[2]) < self.retention]
        self.kept.update(dict.fromkeys(line for line in lines if line not in late))
        if late:
            words = (
                f"partial write: dropped {len(late)} points outside retention policy of duration 24h0m0s dropped={len(late)}"
            )
            return said(422, "unprocessable entity", f"failure writing points to database: {words}")
        return 204, "", {}

    @contextmanager
    def open(self) -> Iterator["TinyInflux"]:
        """Serves on a free loopback port while it lasts, the same one when it is opened again."""
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(server: TinyInflux) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            status, text, headers = server.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = _serve  # noqa: N815  # the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


class HandClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def forwarding_to(
    data: Path, config: ReplicaConfig, token: str = TOKEN, clock: Callable[[], float] | None = None
) -> Iterator[Forwarder]:
    """A forwarder over the journal of a data directory, its progress in there too."""
    home = Home(data)
    with (
        Ledger(home.ledger) as ledger,
        Progress(home.replica(config.name)) as progress,
        closing(Server(config, data, {"TOKEN": token})) as server,
    ):
        yield Forwarder(progress, server, LiveRoster(ledger), lambda: NOON, clock or HandClock())
