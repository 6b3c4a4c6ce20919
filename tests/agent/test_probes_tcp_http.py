"""TCP and HTTP probes against servers that answer, refuse, hang, babble and hang up. Real sockets on loopback."""

import asyncio
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jinbao_agent.probes import Prober, Result
from jinbao_agent.probes.http import request
from jinbao_config.links import Target, parse_target
from loopback_servers import listener, says, says_securely, self_signed, service


def ask(target: Target, wait_s: float = 2.0) -> Result:
    async def play() -> Result:
        async with Prober() as prober:
            return await prober.probe(target, wait_s)

    return asyncio.run(play())


def http(port: int, path: str = "/") -> Target:
    return Target("http", "127.0.0.1", port, path)


def test_a_listening_port_replies_within_the_kernels_own_handshake_time() -> None:
    with listener() as server:
        result = ask(Target("tcp", "127.0.0.1", server.getsockname()[1]))
    assert result.outcome == "reply"
    assert result.rtt_us is not None
    assert 0 < result.rtt_us < 1_000_000


def test_an_ipv6_port_replies() -> None:
    with listener(host="::1") as server:
        assert ask(Target("tcp", "::1", server.getsockname()[1])).outcome == "reply"


@pytest.mark.parametrize("kind", ["tcp", "http", "https"])
def test_a_closed_port_refuses(kind: str) -> None:
    with listener() as server:
        port = server.getsockname()[1]
    assert ask(parse_target(f"{kind}://127.0.0.1:{port}")).outcome == "refused"


@contextmanager
def deaf_port() -> Iterator[int]:
    """Its queue is full, so further SYNs are dropped: a machine that is there and does not answer."""
    with listener(backlog=0) as server, ExitStack() as callers:
        port = server.getsockname()[1]
        while True:
            caller = callers.enter_context(socket.socket())
            caller.settimeout(0.2)
            try:
                caller.connect(("127.0.0.1", port))
            except TimeoutError:
                yield port
                return


@pytest.mark.parametrize("kind", ["tcp", "http", "https"])
def test_a_deaf_port_is_lost(kind: str) -> None:
    with deaf_port() as port:
        result = ask(parse_target(f"{kind}://127.0.0.1:{port}"), 0.1)
    assert (result.outcome, result.rtt_us) == ("lost", None)


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "301 Moved Permanently", "401", "404 没有", "499 x"])
def test_any_status_below_500_is_an_answer(status: str) -> None:
    with service(says(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())) as port:
        result = ask(http(port))
    assert result.outcome == "reply"
    assert result.rtt_us is not None


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
        b"HTTP/1.1 999 What\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\r\n",
        b"\x00" * 5000,
        b"HTTP/1.1 200",
        b"",
    ],
)
def test_a_broken_service_is_a_bad_reply(answer: bytes) -> None:
    with service(says(answer)) as port:
        assert ask(http(port)).outcome == "bad_reply"


def test_a_service_that_resets_the_connection_is_a_bad_reply() -> None:
    def slam(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with service(slam) as port:
        assert ask(http(port)).outcome == "bad_reply"


def test_a_port_that_resets_whoever_connects_has_connected() -> None:
    """Whether the reset overtakes our look at the socket is chance; the answer must not be."""

    async def play() -> set[str]:
        async with Prober() as prober:
            return {(await prober.probe(Target("tcp", "127.0.0.1", port), 2.0)).outcome}

    def slam(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    for _ in range(30):
        with service(slam) as port:
            assert asyncio.run(play()) == {"reply"}


@pytest.mark.parametrize("kind", ["http", "https"])
def test_a_service_that_hangs_is_lost(kind: str) -> None:
    with listener() as server:
        target = parse_target(f"{kind}://127.0.0.1:{server.getsockname()[1]}")
        assert ask(target, 0.1).outcome == "lost"


def test_a_service_that_never_ends_its_line_is_lost() -> None:
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not done.wait(0.01):
            connection.sendall(b"x")

    with service(drip) as port:
        try:
            assert ask(http(port), 0.1).outcome == "lost"
        finally:
            done.set()


def test_a_status_line_may_come_in_pieces() -> None:
    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(4096)
        for piece in (b"HT", b"TP/1.1 2", b"00 OK\r", b"\n"):
            connection.sendall(piece)

    with service(serve) as port:
        assert ask(http(port)).outcome == "reply"


def test_the_question_names_host_port_and_path() -> None:
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with service(serve) as port:
        assert ask(http(port, "/health?a=1")).outcome == "reply"
    assert heard[0].startswith(f"GET /health?a=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
    assert heard[0].endswith(b"\r\n\r\n")


def test_a_path_with_blanks_and_chinese_is_still_one_line() -> None:
    first = request(Target("https", "::1", 443, "/社保 x\r\nEvil: 1")).split(b"\r\n")
    assert first[0] == b"GET /%E7%A4%BE%E4%BF%9D%20x%0D%0AEvil:%201 HTTP/1.1"
    assert first[1] == b"Host: [::1]"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.mark.parametrize(
    ("answer", "outcome"), [(b"HTTP/1.1 403 No\r\n\r\n", "reply"), (b"HTTP/1.1 502 No\r\n\r\n", "bad_reply")]
)
def test_a_service_behind_tls_is_heard(certificate: Path, answer: bytes, outcome: str) -> None:
    with service(says_securely(certificate, answer)) as port:
        assert ask(Target("https", "127.0.0.1", port, "/")).outcome == outcome


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_service_that_cannot_do_tls_is_a_bad_reply(answer: bytes) -> None:
    with service(says(answer)) as port:
        assert ask(Target("https", "127.0.0.1", port, "/")).outcome == "bad_reply"


@pytest.mark.parametrize("kind", ["tcp", "http", "https"])
def test_a_stalled_loop_loses_no_answer_and_lengthens_none(certificate: Path, kind: str) -> None:
    """Blocked for longer than the wait, first right after the SYN left, then again and again."""
    serve = says(b"HTTP/1.1 200 OK\r\n\r\n") if kind != "https" else says_securely(certificate, b"HTTP/1.1 200 OK\r\n\r\n")

    async def play(target: Target) -> Result:
        async with Prober() as prober:
            asked = asyncio.create_task(prober.probe(target, 0.4))
            while not asked.done():
                await asyncio.sleep(0)
                time.sleep(0.45)  # the fault under test
            return await asked

    with service(serve) as port:
        result = asyncio.run(play(Target(kind, "127.0.0.1", port, "/" if kind != "tcp" else "")))  # type: ignore[arg-type]
    assert result.outcome == "reply"
    assert (result.rtt_us or 0) < 400_000


def test_a_name_is_resolved_and_one_that_cannot_be_was_not_asked() -> None:
    with listener() as server:
        port = server.getsockname()[1]
        assert ask(Target("tcp", "localhost", port)).outcome == "reply"
        assert ask(Target("tcp", "x" * 64 + ".invalid", port)).outcome == "not_sent:unresolved"


@pytest.mark.parametrize("target", ["tcp://127.0.0.1:1", "http://127.0.0.1:1/", "nic:lo"])
def test_without_file_descriptors_nothing_is_asked(target: str) -> None:
    async def play() -> Result:
        async with Prober() as prober:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                return await prober.probe(parse_target(target), 1.0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert asyncio.run(play()).outcome == "not_sent:EMFILE"


def test_no_probe_leaves_a_descriptor_behind() -> None:
    async def play() -> tuple[int, int]:
        async with Prober() as prober:
            counts = []
            for _ in range(2):
                for target in targets:
                    await prober.probe(parse_target(target), 0.05)
                counts.append(len(list(Path("/proc/self/fd").iterdir())))
            return counts[0], counts[1]

    with listener() as server, deaf_port() as deaf:
        port = server.getsockname()[1]
        targets = [f"tcp://127.0.0.1:{port}", f"http://127.0.0.1:{port}", f"https://127.0.0.1:{deaf}", "tcp://127.0.0.1:1"]
        before, after = asyncio.run(play())
    assert before == after
