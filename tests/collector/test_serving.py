"""The real serving process: TLS, routes, a graceful stop, a hard kill under load, and slow knockers."""

import asyncio
import gzip
import json
import os
import queue
import select
import signal
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from collecting import LINK, write_config
from jinbao_agent.wire import Signed, pack
from jinbao_collector import follower_process, serve
from jinbao_collector.admission import RefusedRing
from jinbao_collector.cli import main
from jinbao_collector.follower_process import FollowerProcess
from served import Served, children_of, free_port, serving
from tiny_influx import TOKEN, Answer, TinyInflux


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    file = write_config(tmp_path, free_port())
    assert main(["--config", str(file), "init"]) == 0
    return file


@pytest.fixture
def served(config: Path) -> Iterator[Served]:
    with serving(config) as process:
        yield process


def test_an_agent_enrols_sends_and_reads_its_ack_over_tls_and_sigterm_stops_with_0(served: Served) -> None:
    assert served.get("/v1/ca") == (200, (served.config.parent / "data/keys/ca.pem").read_bytes())
    tower = served.enrol("tw-01")
    batches = tower.minutes(2)
    status, answer = served.post("/v1/batches", pack(batches))
    assert status == 200
    assert (Signed.from_lines(answer).fields()["number"], Signed.from_lines(answer).fields()["hash"]) == (2, tower.head)
    assert served.get("/healthz") == (200, b'{"status":"alive"}')
    status, ready = served.get("/readyz")
    assert (status, json.loads(ready)["ready"], json.loads(ready)["position"]) == (200, True, 2)
    _, metrics = served.get("/metrics")
    assert b'jinbao_batches_total{kept="new"} 2.0' in metrics
    assert b"jinbao_journal_position 2.0" in metrics
    assert b'jinbao_agent_silence_seconds{agent="tw-01"}' in metrics
    assert served.stop(signal.SIGTERM) == 0


def test_refusals_over_http_say_why(served: Served) -> None:
    assert served.post("/v1/batches", b"hello")[0] == 400
    assert served.post("/v1/batches", bytes(5_000_000))[0] == 413
    assert json.loads(served.post("/v1/enrol", b"hello")[1]).keys() == {"error"}
    assert served.post("/v1/enrol", bytes(70_000))[0] == 413
    _, metrics = served.get("/metrics")
    assert b'jinbao_refused_total{reason="enrolment"} 1.0' in metrics
    ring = RefusedRing(served.config.parent / "data/refused.ring")
    assert [(facts["reason"], facts["length"]) for facts, _ in ring.records()][2:] == [("enrolment", 5), ("oversized", 70_000)]
    assert ring.records()[2][1] == b"hello"
    ring.close()
    assert served.get("/v1/batches")[0] == 405
    assert served.get("/elsewhere")[0] == 404


def test_a_connection_that_does_not_know_the_ca_is_not_made(served: Served) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(served.address + "/healthz", context=ssl.create_default_context())


def test_a_knocker_that_never_finishes_its_request_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_HEADER_S", 0.05)

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("half a request reached the application")

    async def knock() -> bytes:
        server = uvicorn.Server(uvicorn.Config(app, http=serve.PromptProtocol, log_config=None, lifespan="off"))  # type: ignore[arg-type]
        sock = socket.create_server(("127.0.0.1", 0))
        running = asyncio.create_task(server.serve([sock]))
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            server.should_exit = True
            await running

    assert asyncio.run(knock()) == b""


def test_the_sealer_runs_beside_it_and_ends_with_it_even_when_it_is_killed(config: Path) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with serving(config) as served:
            (sealer,) = children_of(served.process.pid)
            _, metrics = served.get("/metrics")
            assert b'jinbao_follower_position{follower="store"} 0.0' in metrics
            assert b'jinbao_follower_behind_rows{follower="store"} 0.0' in metrics
            handle = os.pidfd_open(sealer)
            served.stop(how)
            assert select.select([handle], [], [], 60)[0]
            os.close(handle)


def test_what_is_acknowledged_is_copied_to_a_server_beside_it(config: Path) -> None:
    arrived = threading.Event()

    def told(server: TinyInflux, lines: list[str]) -> Answer:
        arrived.set()
        return server.take(lines)

    with TinyInflux().open() as server:
        server.moods.append(told)
        (config.parent / "token").write_text(TOKEN)
        table = f'[[replica]]\nname = "copy"\nkind = "influxdb"\nurl = "http://127.0.0.1:{server.port}"\n'
        config.write_text(config.read_text() + table + 'org = "yanbian"\nbucket = "jinbao"\ntoken_file = "token"\n')
        with serving(config) as served:
            tower = served.enrol("tw-01")
            assert served.post("/v1/batches", pack(tower.minutes(2)))[0] == 200
            assert arrived.wait(60)
            followers = json.loads(served.get("/readyz")[1])["followers"]
            assert [one["follower"] for one in followers] == ["store", "copy"]
            assert served.stop(signal.SIGTERM) == 0
        assert len(server.kept) == 12


def test_telegraf_writes_over_tls_with_gzip_and_finds_what_it_looks_for(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["telegraf", "issue", "tw-01", "--vantage", "township", "--link", LINK, "--json"]
    assert main(["--config", str(served.config), *words]) == 0
    token = json.loads(capsys.readouterr().out)["token"]
    links = served.config.parent / "links.toml"
    links.write_text(f'schema = "jinbao.links/1"\n[[link]]\ncode = "{LINK}"\nname = "x"\ntargets = {{ core = "127.0.0.1" }}\n')
    assert json.loads(served.get("/health")[1])["status"] == "pass"
    assert served.get("/ping")[0] == 204
    body = gzip.compress((Path(__file__).parent / "telegraf.lp").read_bytes())
    for given, status in ((token, 204), ("nope", 401)):
        headers = {"Authorization": f"Token {given}", "Content-Encoding": "gzip"}
        address = f"{served.address}/api/v2/write?org=o&bucket=b"
        assert served._answer(urllib.request.Request(address, body, headers))[0] == status
    links.write_text("nonsense")
    answer = served._answer(urllib.request.Request(address, body, {**headers, "Authorization": f"Token {token}"}))
    assert (answer[0], b"links.toml: is not TOML" in answer[1]) == (503, True)
    assert b'jinbao_unsigned_points_total{kept="sample"} 1.0' in served.get("/metrics")[1]


def test_a_follower_that_dies_is_started_anew(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_process, "_PAUSE_S", 0.0)
    started: queue.Queue[int] = queue.Queue()
    start = FollowerProcess._start

    def told(self: FollowerProcess) -> "subprocess.Popen[bytes]":
        process = start(self)
        started.put(process.pid)
        return process

    monkeypatch.setattr(FollowerProcess, "_start", told)
    follower = FollowerProcess("jinbao_collector.store.sealing", str(config.parent / "data"))
    first = started.get(timeout=60)
    os.kill(first, signal.SIGKILL)
    assert started.get(timeout=60) != first
    follower.close()
    assert started.empty()
