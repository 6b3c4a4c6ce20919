"""What a rung is and how it is probed, as one text in links.toml. Grammar: docs/config.md."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

PEER_PORT = 8620
"""Where a reflector listens by default. RFC 8762 gives STAMP port 862, but only root may listen below 1024."""

DNS_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
_DEFAULT_PORT = {"tcp": None, "http": 80, "https": 443, "dns": 53, "peer": PEER_PORT}
_MAY_EXPECT = {"http": ("status", "body"), "https": ("status", "body"), "dns": ("answer",)}
_DNS_NAME = re.compile(r"(?=.{1,253}\.?$)([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
_STATUS = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")


@dataclass(frozen=True, slots=True)
class Expect:
    """What an answer must be besides well-formed: its status between two (both included), a text in its body; for DNS one
    of the records, as its text. None and "" ask for nothing more."""

    status: tuple[int, int] | None = None
    body: str = ""
    answer: str = ""

    def __str__(self) -> str:
        first, last = self.status or (0, 0)
        stated = {
            "status": str(first) + (f"-{last}" if last != first else "") if self.status else "",
            "body": quote(self.body),
            "answer": quote(self.answer),
        }
        return "&".join(f"{name}={value}" for name, value in stated.items() if value)


ANY_ANSWER = Expect()


@dataclass(frozen=True, slots=True)
class Target:
    """An ICMP echo, a TCP connect, an HTTP GET, a question to a name server, the local network card, or a question to the
    reflector of the agent at the other end. The path of a DNS target is `/NAME?type=TYPE`."""

    kind: Literal["icmp", "tcp", "http", "https", "dns", "nic", "peer"]
    host: str
    port: int = 0
    path: str = ""
    expect: Expect = ANY_ANSWER

    def __str__(self) -> str:
        if self.kind == "icmp":
            return self.host
        if self.kind == "nic":
            return f"nic:{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        expected = str(self.expect)
        return f"{self.kind}://{host}:{self.port}{self.path}" + (f"#{expected}" if expected else "")


def parse_target(value: object) -> Target:
    """'10.0.0.1' ICMP, 'tcp://10.0.0.1:443', 'http://10.0.0.1:80/health#status=200&body=ok', 'dns://10.0.0.53/app.example?type=A',
    'peer://10.0.0.1:8620', 'nic:eth0'. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("expected an address in quotes")
    if value.startswith("nic:") and len(value) > 4:
        return Target("nic", value.removeprefix("nic:"))
    if "://" in value:
        return _parse_url(value)
    try:
        return Target("icmp", str(ipaddress.ip_address(value)))
    except ValueError:
        raise ValueError(
            "expected an IP address, tcp://ADDRESS:PORT, http://ADDRESS[:PORT]/PATH, https://…, dns://ADDRESS[:PORT]/NAME,"
            " peer://ADDRESS[:PORT] or nic:INTERFACE"
        ) from None


def _parse_url(value: str) -> Target:
    url = urlsplit(value)
    kind = url.scheme
    if kind not in _DEFAULT_PORT:
        raise ValueError(f"unknown kind of probe {kind}://; known are {', '.join(f'{known}://' for known in _DEFAULT_PORT)}")
    try:
        port = url.port or _DEFAULT_PORT[kind]
    except ValueError:
        port = None
    if not url.hostname or not port:
        raise ValueError(f"expected {kind}://ADDRESS:PORT with a port from 1 to 65535")
    expect = _expect(kind, url.fragment)
    if kind == "peer":
        return Target("peer", _numeric(url.hostname, "peer://ADDRESS[:PORT]"), port)
    if kind == "dns":
        return Target("dns", _numeric(url.hostname, "dns://ADDRESS[:PORT]/NAME"), port, _dns_question(url), expect)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "") if kind != "tcp" else ""
    return Target(kind, url.hostname, port, path, expect)  # type: ignore[arg-type]  # the table above holds just the literal's words


def _numeric(host: str, form: str) -> str:
    """An answer must come from where we asked, so a name that may mean several places will not do."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError(f"expected {form} with an IP address; a name will not do") from None


def _dns_question(url: SplitResult) -> str:
    """RFC 4501, without the class: there is only the Internet."""
    name, (word, _, kind) = url.path.removeprefix("/"), (url.query or "type=A").partition("=")
    if word != "type" or kind.upper() not in DNS_TYPES:
        raise ValueError(f"expected dns://ADDRESS/NAME?type=TYPE with one of {', '.join(DNS_TYPES)}")
    if not _DNS_NAME.fullmatch(name):
        raise ValueError(f"expected dns://ADDRESS/NAME with a name such as app.example.cn, not {name!r}")
    return f"/{name}?type={kind.upper()}"


def _expect(kind: str, fragment: str) -> Expect:
    """Behind the #, which is never sent to anybody: NAME=VALUE&…"""
    known, stated = _MAY_EXPECT.get(kind, ()), {}
    for part in fragment.split("&") if fragment else ():
        name, _, value = part.partition("=")
        if name not in known or name in stated or not value:
            right = f"{' or '.join(f'{one}=…' for one in known)}, each at most once" if known else f"no # part with {kind}://"
            raise ValueError(f"#{part}: expected {right}")
        stated[name] = unquote(value)
    status = stated.pop("status", None)
    return Expect(status=_status(status) if status is not None else None, **stated)


def _status(text: str) -> tuple[int, int]:
    found = _STATUS.fullmatch(text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last:
        raise ValueError(f"#status={text}: expected a status such as 200, or a range such as 200-399")
    return first, last
