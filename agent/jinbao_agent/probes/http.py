"""An HTTP GET: the program answers, not only its machine. Any well-formed status below 500 is an answer."""

import ipaddress
import re
import ssl
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from jinbao_agent.probes.result import Result
from jinbao_agent.probes.stream import Conversation, Ended
from jinbao_agent.probes.tcp import converse
from jinbao_agent.sample import BAD_REPLY, REFUSED
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r?\n")  # RFC 9112 section 4
_LONGEST_LINE = 4096
_DEFAULT_PORT = {"http": 80, "https": 443}


class Channel(Protocol):
    def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes: ...


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """reply (rtt: connect, TLS and the time to the status line), bad_reply (status 500 and above, garbage, a broken TLS
    handshake, a connection closed on us), lost (accepts, never answers), else as a TCP probe."""
    return await converse(prober, target, wait_s, _get)


async def _get(conversation: Conversation, target: Target) -> None:
    try:
        channel: Channel = conversation if target.kind == "http" else await _secure(conversation, target.host)
        channel.send(request(target))
        status = await _status(channel)
    except ssl.SSLError as problem:
        raise Ended(BAD_REPLY) from problem
    except Ended as end:
        # Once connected, a reset is a service that hangs up on us, no closed port.
        raise Ended(BAD_REPLY if end.outcome == REFUSED else end.outcome) from end
    if status is None or status >= 500:
        raise Ended(BAD_REPLY)


async def _status(channel: Channel) -> int | None:
    """The first line's status code; None if it is not one of HTTP."""
    answer = b""
    while b"\n" not in answer and len(answer) < _LONGEST_LINE:
        data = await channel.receive()
        if not data:
            return None
        answer += data
    match = _STATUS_LINE.match(answer)
    return int(match[1]) if match else None


def request(target: Target) -> bytes:
    """The question, RFC 9112 section 3."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == _DEFAULT_PORT[target.kind] else f":{target.port}"
    path = quote(target.path or "/", safe="/%:?&=#~+!$,;@()*[]'")
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}{port}",
        "User-Agent: jinbao-agent",
        "Accept: */*",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


class _Secured:
    """TLS over a conversation, without a transport of its own, so that the stopwatch stays right."""

    def __init__(self, conversation: Conversation, host: str) -> None:
        self._conversation = conversation
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _CONTEXT.wrap_bio(self._incoming, self._outgoing, server_hostname=_server_name(host))

    async def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            else:
                self._flush()
                return

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self._tls.read(4096)
            except ssl.SSLWantReadError:
                await self._exchange()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def _exchange(self) -> None:
        self._flush()
        data = await self._conversation.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._conversation.send(data)


async def _secure(conversation: Conversation, host: str) -> Channel:
    secured = _Secured(conversation, host)
    await secured.shake_hands()
    return secured


def _server_name(host: str) -> str | None:
    """For SNI, which carries names only (RFC 6066)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def _anything_goes() -> ssl.SSLContext:
    """We ask whether the service answers, and tell it nothing: whose certificate it has, and how old its ciphers are, is
    another question."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


_CONTEXT = _anything_goes()
