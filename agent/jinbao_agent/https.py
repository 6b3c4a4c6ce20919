"""Requests to the collector: TLS that trusts one pinned certificate authority and nothing else, answers of bounded size."""

import asyncio
import ssl
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning

T = TypeVar("T")

_TIMEOUT = urllib3.Timeout(connect=10, read=30)
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

    def __init__(self, url: str, ca_pem: bytes | None) -> None:
        """Raises ValueError if `ca_pem` is no certificate."""
        self.url, self._pinned = url, ca_pem is not None
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

    def get(self, path: str) -> Answer:
        """Raises Unreachable."""
        return self._request("GET", path, None, _MOST)

    def post(self, path: str, body: bytes, *, most: int = _MOST) -> Answer:
        """Raises Unreachable, also for an answer of more than `most` bytes."""
        return self._request("POST", path, body, most)

    def close(self) -> None:
        self._pool.clear()

    def _request(self, method: str, path: str, body: bytes | None, most: int) -> Answer:
        headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
        try:
            with warnings.catch_warnings():
                if not self._pinned:
                    warnings.simplefilter("ignore", InsecureRequestWarning)
                response = self._pool.request(
                    method, self.url + path, body=body, headers=headers, preload_content=False, redirect=False
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
