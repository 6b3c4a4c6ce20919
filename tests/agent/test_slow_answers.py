"""Whoever answers a byte at a time holds up one request for so long, and nothing else."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jinbao_agent.https import Https, Unreachable
from tiny_centre import TinyCentre

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"


def drips(connection: socket.socket, gone: threading.Event, text: bytes) -> None:
    """A byte every few hundredths of a second, never to an end."""
    with connection:
        while not gone.wait(0.03):
            try:
                connection.send(text[:1] or b"x")
            except OSError:
                return
            text = text[1:]


@contextmanager
def answering(folder: Path, answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[Https]:
    """A server that serves one connection as `answer` does, and a client that trusts it, with half a second of patience."""
    centre, gone = TinyCentre(folder), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            answer(connection, gone)

        thread = threading.Thread(target=serve)
        thread.start()
        https = Https(f"https://127.0.0.1:{server.getsockname()[1]}", centre.ca_pem, longest_s=0.5)
        try:
            yield https
        finally:
            https.close()
            gone.set()
            thread.join()


def secured(folder: Path, text: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def answer(connection: socket.socket, gone: threading.Event) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(next(folder.glob("server-*.pem")))
        drips(context.wrap_socket(connection, server_side=True), gone, text)

    return answer


@pytest.mark.parametrize("text", [HEAD * 50, HEAD + b"\r\n"], ids=["in the head", "in the body"])
def test_an_answer_that_never_ends_is_cut(tmp_path: Path, text: bytes) -> None:
    with answering(tmp_path, secured(tmp_path, text)) as https, pytest.raises(Unreachable):
        https.post("/v1/batches", b"what waits")


def test_a_greeting_that_never_ends_is_cut(tmp_path: Path) -> None:
    # A TLS record of 16 kB announced, and then its bytes one by one.
    with answering(tmp_path, lambda one, gone: drips(one, gone, b"\x16\x03\x03\x40\x00")) as https, pytest.raises(Unreachable):
        https.post("/v1/batches", b"what waits")


def test_a_quick_answer_is_not(tmp_path: Path) -> None:
    with TinyCentre(tmp_path).open() as centre:
        https = Https(centre.url, centre.ca_pem, longest_s=30)
        try:
            assert [https.get("/healthz").status for _ in range(3)] == [200] * 3
        finally:
            https.close()
