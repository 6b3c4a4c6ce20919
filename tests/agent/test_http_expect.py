"""What links.toml lets an HTTP answer have to be: its status, a text in its body; and whose certificate came with it."""

import asyncio
import datetime
import socket
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinbao_agent.probes import Prober, Result
from jinbao_agent.probes.http import holds
from jinbao_agent.probes.tls import read_certificate
from jinbao_config.links import parse_target
from loopback_servers import THEN, says, says_securely, self_signed, service

OK = b"HTTP/1.1 200 OK\r\n"


def ask(serve: Callable[[socket.socket], None], condition: str, wait_s: float = 5.0, kind: str = "http") -> Result:
    async def play(port: int) -> Result:
        async with Prober() as prober:
            return await prober.probe(parse_target(f"{kind}://127.0.0.1:{port}/health#{condition}"), wait_s)

    with service(serve) as port:
        return asyncio.run(play(port))


@pytest.mark.parametrize(
    ("condition", "status", "outcome"),
    [
        ("status=200", "200 OK", "reply"),
        ("status=200", "204 No Content", "bad_reply"),
        ("status=200-399", "302 Found", "reply"),
        ("status=200-399", "404 Not Found", "bad_reply"),
        ("status=503", "503 Service Unavailable", "reply"),
    ],
)
def test_the_status_is_the_one_expected(condition: str, status: str, outcome: str) -> None:
    assert ask(says(f"HTTP/1.1 {status}\r\n\r\n".encode()), condition).outcome == outcome


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


BODIES = {
    "to the end of the connection": OK + b"\r\n" + "社保服务正常".encode(),
    "of a stated length": OK + b"Content-Length: 18\r\n\r\n" + "社保服务正常".encode(),
    "in chunks that cut a character": OK
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + chunked("正常".encode()[:2], "正常".encode()[2:]),
    "in the national character set": OK + b"Content-Type: text/html; charset=gbk\r\n\r\n" + "正常".encode("gbk"),
    "cut short": OK + b"Content-Length: 1000\r\n\r\n" + "正常".encode(),
    "cut short in a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + "正常".encode(),
}


@pytest.mark.parametrize("how", BODIES)
def test_a_text_is_found_in_a_body(how: str) -> None:
    assert ask(says(BODIES[how]), "body=正常").outcome == "reply"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"\r\n" + "故障".encode(),
        OK + "X-State: 正常\r\n\r\n".encode(),
        OK + b"X-State: " + "正常".encode(),
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + "正常".encode(),
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress("正常".encode()),
        OK + b"\r\n" + b"x" * 70_000 + "正常".encode(),
        OK + b"x: y\r\n" * 200 + b"\r\n" + "正常".encode(),
        "HTTP/1.1 500 No\r\n\r\n正常".encode(),
    ],
    ids=["absent", "in the head", "in a head cut short", "no chunks", "packed", "too far", "too long a head", "wrong status"],
)
def test_a_body_without_the_text_is_a_bad_reply(answer: bytes) -> None:
    assert ask(says(answer), "body=正常").outcome == "bad_reply"


def open_end(first: bytes, forever: bytes = b"") -> Callable[[socket.socket], None]:
    """Answers and does not hang up; with `forever` it goes on and on."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        try:
            connection.sendall(first)
            while forever:
                connection.sendall(forever)
            connection.recv(1)
        except OSError:
            return  # the probe has heard enough

    return serve


@pytest.mark.parametrize(
    "answer", [BODIES["of a stated length"], OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked("正常".encode())]
)
def test_a_server_that_keeps_the_connection_is_not_waited_for(answer: bytes) -> None:
    assert ask(open_end(answer), "body=正常", wait_s=60).outcome == "reply"


def test_a_body_that_never_ends_is_read_so_far_and_no_further() -> None:
    assert ask(open_end(OK + b"\r\n", b"x" * 1000), "body=正常", wait_s=60).outcome == "bad_reply"
    assert ask(open_end(OK, b"X-More: and more\r\n"), "body=正常", wait_s=60).outcome == "bad_reply"


def test_a_body_that_does_not_come_is_lost() -> None:
    assert ask(open_end(OK + b"Content-Length: 6\r\n\r\n"), "body=正常", wait_s=0.1).outcome == "lost"


def test_without_a_text_to_find_the_status_line_is_enough() -> None:
    assert ask(open_end(OK), "status=200", wait_s=60).outcome == "reply"


@given(st.binary(max_size=200))
def test_no_answer_breaks_the_reader(rest: bytes) -> None:
    assert holds(OK + rest, "\N{SNOWMAN}" * 300) is False
    assert holds(rest, "\N{SNOWMAN}" * 300) is False


# Certificates


@pytest.mark.parametrize("until", [THEN, datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)])
def test_a_reply_over_tls_brings_the_servers_certificate(tmp_path: Path, until: datetime.datetime) -> None:
    serve = says_securely(self_signed(tmp_path / "server.pem", until), OK + b"\r\n")
    result = ask(serve, "status=200", kind="https")
    assert result.outcome == "reply"
    assert result.certificate is not None
    assert result.certificate.not_after_ms == until.timestamp() * 1000
    assert len(result.certificate.sha256) == 64


def test_a_certificate_that_cannot_be_read_is_still_somebodys() -> None:
    certificate = read_certificate(b"\x30\x03\x02\x01\x00")
    assert certificate.not_after_ms is None
    assert certificate != read_certificate(b"\x30\x03\x02\x01\x01")


def test_a_stall_while_the_body_comes_loses_nothing() -> None:
    """The whole answer has arrived long before we look, which is later than the wait allows."""
    ready = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(BODIES["of a stated length"])
        ready.set()

    async def play(port: int) -> Result:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(parse_target(f"http://127.0.0.1:{port}/#body=正常"), 0.3))
            for _ in range(3):
                await asyncio.sleep(0)
            threading.Event().wait(0.5)  # the fault under test
            return await asked

    with service(serve) as port:
        assert asyncio.run(play(port)).outcome == "reply"
