"""Requests to the collector: TLS that trusts one pinned certificate authority and nothing else, answers of bounded size."""

import asyncio
import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from jinbao_agent.pace import Pace

T = TypeVar("T")

_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_LONGEST_S = 90.0  # for a whole request: the time-outs above start anew with each byte that drips in
_MOST = 256 * 1024  # bytes of an answer, where nothing larger is expected


class Unreachable(Exception):
    """No answer: says where and why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`retry_after_s` is what the server asked for, if it did."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class Https:
    """Connections to one collector. `ca_pem` is the pinned authority; None trusts nobody and encrypts all the same, which is
    enough to fetch a certificate whose fingerprint is known."""

    def __init__(self, url: str, ca_pem: bytes | None, *, longest_s: float = _LONGEST_S) -> None:
        """`longest_s` bounds a whole request. Raises ValueError if `ca_pem` is no certificate."""
        self.url, self._pinned, self._longest_s = url, ca_pem is not None, longest_s
        self._handle: socket.socket | None = None
        # Only the authority is pinned: the collector may be reached by an address its certificate does not name.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if self._pinned else ssl.CERT_NONE
        if ca_pem is not None:
            try:
                context.load_verify_locations(cadata=ca_pem.decode("ascii"))
            except (ssl.SSLError, UnicodeDecodeError) as problem:
                raise ValueError(f"not a certificate in PEM: {problem}") from None
        self._pool = urllib3.PoolManager(
            ssl_context=context,
            assert_hostname=False,
            retries=False,
            timeout=_TIMEOUT,
            maxsize=1,
            cert_reqs=context.verify_mode,
        )
        self._pool.pool_classes_by_scheme = {"https": _pool_class(self._remember)}

    def get(self, path: str) -> Answer:
        """Raises Unreachable."""
        return self._request("GET", path, None, _MOST)

    def post(self, path: str, body: bytes, *, most: int = _MOST, pace: Pace | None = None) -> Answer:
        """`pace` spreads the sending. Raises Unreachable, also for an answer of more than `most` bytes."""
        return self._request("POST", path, body, most, pace)

    def close(self) -> None:
        self._pool.clear()
        self._forget()

    def _request(self, method: str, path: str, body: bytes | None, most: int, pace: Pace | None = None) -> Answer:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))} if body is not None else {}
        paced = pace.pieces(body) if body is not None and pace is not None else body
        try:
            with warnings.catch_warnings(), self._bounded(pace.seconds(len(body)) if body is not None and pace else 0):
                if not self._pinned:
                    warnings.simplefilter("ignore", InsecureRequestWarning)
                response = self._pool.request(
                    method, self.url + path, body=paced, headers=headers, preload_content=False, redirect=False
                )
                try:
                    data = response.read(most + 1, decode_content=False)
                finally:
                    response.release_conn() if response.length_remaining == 0 else response.close()
        except (HTTPError, OSError) as problem:
            raise Unreachable(f"{self.url}{path}: {problem}") from problem
        if len(data) > most:
            raise Unreachable(f"{self.url}{path}: the answer is larger than {most} bytes")
        return Answer(response.status, data, _seconds(response.headers.get("Retry-After"), response.headers.get("Date")))

    @contextlib.contextmanager
    def _bounded(self, more_s: float) -> Iterator[None]:
        """Whoever answers a byte at a time would hold us for ever: after a while the connection is cut."""
        out_of_time = threading.Event()
        timer = threading.Timer(self._longest_s + more_s, self._cut, (out_of_time,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if out_of_time.is_set():
            raise TimeoutError("the answer takes too long")

    def _cut(self, out_of_time: threading.Event) -> None:
        out_of_time.set()
        handle = self._handle
        if handle is not None:
            with contextlib.suppress(OSError):  # it is closed already
                handle.shutdown(socket.SHUT_RDWR)

    def _remember(self, connected: socket.socket) -> None:
        """A second handle of the same connection: TLS takes the first one over."""
        self._forget()
        self._handle = connected.dup()

    def _forget(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()


def _pool_class(made: Callable[[socket.socket], None]) -> type[HTTPSConnectionPool]:
    """Connections that are shown to `made` before TLS begins on them."""

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            made(connected)
            return connected

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


def _seconds(retry_after: str | None, date: str | None) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date, which is then compared with the server's own clock, not ours."""
    if retry_after is None:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date or "")).total_seconds())
    except (ValueError, TypeError):
        return None


async def in_thread(work: Callable[[], T]) -> T:
    """Runs blocking work on a daemon thread: unlike a pool's, one that hangs does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def tell(set_it: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, set_it)

    def run() -> None:
        try:
            result = work()
        except BaseException as problem:
            tell(lambda problem=problem: done.set_exception(problem))  # type: ignore[misc]
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True).start()
    return await done
