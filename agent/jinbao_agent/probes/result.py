"""What one probe came to, and which of the kernel's complaints are the network's and which our own.

"A fault of ours is never a fault of the link." The errnos below are the network saying no, through our own stack: no route
is left because the cable is out, the neighbour does not answer ARP, the interface is down. They are failures,
`unreachable:…:local`; were they "not sent", a dead cable would be unknown for ever. They cannot wrong the carrier either: the
rung `lan` fails with them, and attribution then puts the fault into the office (judgement R4, row 9). Every other errno
(EPERM of a local filter, ENOBUFS, ENOMEM, EMFILE, EADDRNOTAVAIL, …) is a fault of this machine: `not_sent:ERRNO`.
"""

import asyncio
import errno
import socket
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from jinbao_agent.sample import not_sent, unreachable

LOCAL = "local"
"""The BY of an unreachable that our own stack reported before anything left."""

_SAYS_NO = MappingProxyType(
    {
        # errno: (RFC 792 destination unreachable code, RFC 4443 destination unreachable code)
        errno.ENETUNREACH: (0, 0),
        errno.ENETDOWN: (0, 0),
        errno.EHOSTUNREACH: (1, 3),
        errno.EHOSTDOWN: (1, 3),
    }
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server showed: SHA-256 of the certificate, in hex, and the end of its validity, None where it cannot be read."""

    sha256: str
    not_after_ms: int | None


class Result(NamedTuple):
    """What came of one probe. A tuple, because it is made for each and a frozen dataclass takes three times as long.

    `sent_us` is UTC and `mono_us` CLOCK_BOOTTIME when the probe left, or when it failed to; `outcome` is a token of
    jinbao_agent.sample; `rtt_us` stands with reply, late and refused only, `certificate` with a reply over TLS."""

    sent_us: int
    mono_us: int
    outcome: str
    rtt_us: int | None = None
    certificate: Certificate | None = None


def resolve(answer: "asyncio.Future[Result]", result: Result) -> None:
    if not answer.done():  # the asker may have been cancelled
        answer.set_result(result)


def errno_name(code: int | None) -> str:
    return errno.errorcode.get(code or 0, "unknown")


def send_failure(code: int | None, family: int, by: str = LOCAL) -> str:
    """The outcome of a probe that the kernel refused with this errno."""
    codes = _SAYS_NO.get(code or 0)
    if codes is None:
        return not_sent(errno_name(code))
    v4, v6 = codes
    return unreachable(1, v6, by) if family == socket.AF_INET6 else unreachable(3, v4, by)
