"""An HTTP GET: the program answers, not only its machine. Any well-formed status below 500 is an answer, unless links.toml
says which status, or which text in the body, it has to be."""

import http.client
import io
import re
import ssl
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from jinbao_agent.probes.result import Certificate, Result
from jinbao_agent.probes.stream import Conversation, Ended
from jinbao_agent.probes.tcp import converse
from jinbao_agent.probes.tls import Secured
from jinbao_agent.sample import BAD_REPLY, REFUSED
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r?\n")  # RFC 9112 section 4
_LENGTH = re.compile(rb"\r?\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r?\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r?\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_LONGEST_LINE = 4096
_LONGEST_ANSWER = 1 << 16  # a text that is to be found stands within it
_DEFAULT_PORT = {"http": 80, "https": 443}
_ANSWERS = (100, 499)


class Channel(Protocol):
    def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes: ...


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """reply (rtt: connect, TLS and the time to the status line, or to the end of the body if a text has to stand in it),
    bad_reply (another status or body than expected, garbage, a broken TLS handshake, a connection closed on us), lost
    (accepts, never answers), else as a TCP probe. A reply over TLS brings the server's certificate along."""
    return await converse(prober, target, wait_s, _get)


async def _get(conversation: Conversation, target: Target) -> Certificate | None:
    secured = Secured(conversation, target.host) if target.kind == "https" else None
    try:
        if secured is not None:
            await secured.shake_hands()
        channel: Channel = secured or conversation
        channel.send(request(target))
        good = await _is_expected(channel, target)
    except ssl.SSLError as problem:
        raise Ended(BAD_REPLY) from problem
    except Ended as end:
        # Once connected, a reset is a service that hangs up on us, no closed port.
        raise Ended(BAD_REPLY if end.outcome == REFUSED else end.outcome) from end
    if not good:
        raise Ended(BAD_REPLY)
    return secured.certificate if secured is not None else None


async def _is_expected(channel: Channel, target: Target) -> bool:
    answer = b""
    while b"\n" not in answer and len(answer) < _LONGEST_LINE:
        data = await channel.receive()
        if not data:
            return False
        answer += data
    match = _STATUS_LINE.match(answer)
    least, most = target.expect.status or _ANSWERS
    if match is None or not least <= int(match[1]) <= most:
        return False
    return not target.expect.body or holds(await _whole(channel, answer), target.expect.body)


async def _whole(channel: Channel, answer: bytes) -> bytes:
    """All of the answer, as far as we read."""
    while len(answer) < _LONGEST_ANSWER and not _is_complete(answer):
        data = await channel.receive()
        if not data:
            break
        answer += data
    return answer


def _is_complete(answer: bytes) -> bool:
    """Whether the body's end has come before the connection's. Asked after each piece, so it looks no closer than it must."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[: end + 2]
    if _CHUNKED.search(head):
        return answer.endswith(b"\r\n0\r\n\r\n")
    length = _LENGTH.search(head)
    return length is not None and len(answer) - end - 4 >= int(length[1])


class _Arrived:
    """What http.client takes for a socket."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._answer)


def holds(answer: bytes, text: str) -> bool:
    """Whether the body of an answer, perhaps cut short, has this text, in UTF-8 or GB 18030."""
    return any(text.encode(code) in _body(answer) for code in ("utf-8", "gb18030"))


def _body(answer: bytes) -> bytes:
    """As far as it came and is well-formed."""
    arrived: Any = _Arrived(answer)
    response = http.client.HTTPResponse(arrived, method="GET")
    body = b""
    try:
        response.begin()
        while piece := response.read1(_LONGEST_ANSWER):
            body += piece
    except (http.client.HTTPException, ValueError):  # it raises ValueError for a chunk size that is none
        return body
    return body


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
