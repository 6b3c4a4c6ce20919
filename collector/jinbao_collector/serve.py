"""The serving process: a TLS socket, uvicorn, the sealer beside it, and a stop that finishes what it has begun."""

import asyncio
import asyncio.sslproto
import contextlib
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from jinbao_collector.app import make_app
from jinbao_collector.centre import Centre
from jinbao_collector.follower_process import FollowerProcess
from jinbao_collector.place import Place

_HEADER_S = 15.0
_KEEP_ALIVE_S = 60
_STOP_S = 20
_SWITCH_S = 0.0005
_TLS_BUFFER = 16 * 1024


class PromptProtocol(H11Protocol):
    """Hangs up on whoever does not finish a request's head in time; uvicorn itself would wait for ever."""

    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        between_requests = self.cycle is None or self.cycle.response_complete
        if not between_requests:
            self._stop_watching()
        elif self._hang_up is None:
            self._hang_up = self.loop.call_later(_HEADER_S, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None


def _small_buffers() -> None:
    """asyncio takes a quarter of a megabyte for each TLS connection; ten thousand agents send a kilobyte each."""
    asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER


def serve(place: Place, now_ms: Callable[[], int], listening: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT; `listening` is told the address. Raises CollectorError, ConfigError or OSError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    files = _allow_many_files()
    _small_buffers()
    # The thread that takes in gives way at each statement to SQLite; while thousands connect it would wait 5 ms each time.
    sys.setswitchinterval(_SWITCH_S)
    with contextlib.closing(_socket(place.config.listen)) as sock, Centre(place, now_ms) as centre:
        certificate, key = centre.authority.server_files(place.config.names, now_ms())
        config = uvicorn.Config(
            make_app(centre),
            http=PromptProtocol,
            ws="none",
            ssl_certfile=certificate,
            ssl_keyfile=key,
            log_config=None,
            access_log=False,
            server_header=False,
            # The address a limit is kept for is the one that connected, whatever a header says.
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
            limit_concurrency=files - 64,
        )
        server = uvicorn.Server(config)
        # In force until uvicorn sets its own, and when it raises the signal again after its graceful stop.
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda number, frame: setattr(server, "should_exit", True))
        host, port = sock.getsockname()[:2]
        with _followers(place):
            listening(f"https://{f'[{host}]' if ':' in host else host}:{port}")
            server.run(sockets=[sock])


@contextlib.contextmanager
def _followers(place: Place) -> Iterator[None]:
    """The sealer, and whoever copies to a server: each a process of its own, none of which can hold up an acknowledgement."""
    with contextlib.ExitStack() as started:
        started.enter_context(contextlib.closing(FollowerProcess("jinbao_collector.store.sealing", str(place.home.root))))
        for replica in place.config.replica:
            process = FollowerProcess("jinbao_collector.replica.forwarding", str(place.file), replica.name)
            started.enter_context(contextlib.closing(process))
        yield


def _socket(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=1024)
    except OSError as problem:
        raise OSError(problem.errno, f"{address[0]}:{address[1]}: cannot be listened on: {problem.strerror}") from None


def _allow_many_files() -> int:
    """Every connection is an open file. Returns how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(hard, soft, 256)
