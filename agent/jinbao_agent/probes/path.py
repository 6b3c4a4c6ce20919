"""The way to a host, router by router: echoes that live for so many hops only, over the shared socket.

Not icmplib's traceroute: that blocks a thread for two seconds at each router that is silent (a minute in an outage), needs a
raw socket of its own, and believes whoever answers. Here an answer must quote our packet to the letter, as for any echo.
"""

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinbao_agent.probes import icmp
from jinbao_agent.probes.result import Result, resolve
from jinbao_agent.sample import LATE, NOT_SENT, REPLY

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

SILENT = "*"
_AT_ONCE = 5  # hops asked together; routers answer only a few such packets a second, and each gets one
_MOST = 30
_EXCEEDED_V4, _EXCEEDED_V6 = 11, 3  # the type that says the time is exceeded: RFC 792, RFC 4443 section 3.3


@dataclass(frozen=True, slots=True)
class Path:
    """Who answered from 1, 2, 3 … hops away: an address, `*` for silence, ADDRESS!TYPE:CODE for one that says there is no way.
    `reached`: the last one is the host itself. `problem` is a reason of ours why there is no more."""

    hops: tuple[str, ...]
    reached: bool
    problem: str = ""


async def trace(prober: "Prober", host: str, wait_s: float) -> Path:
    """Ends at the host, at a router that knows no way, after _AT_ONCE hops of silence, or after _MOST."""
    hops: list[str] = []
    for first in range(1, _MOST, _AT_ONCE):
        for result in await _ask(prober, host, range(first, first + _AT_ONCE), wait_s):
            if result.outcome in (REPLY, LATE):
                return Path((*hops, host), reached=True)
            if result.outcome.startswith(NOT_SENT):
                return _ended(hops, result.outcome.removeprefix(NOT_SENT))
            word, ends = _said(result, host)
            hops.append(word)
            if ends:
                return _ended(hops)
        if set(hops[-_AT_ONCE:]) == {SILENT}:
            break
    return _ended(hops)


async def _ask(prober: "Prober", host: str, distances: range, wait_s: float) -> Sequence[Result]:
    """What came of each, in order."""
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[Result]] = [loop.create_future() for _ in distances]
    for distance, answer in zip(distances, answers, strict=True):
        icmp.start(prober, host, wait_s, functools.partial(resolve, answer), distance)
    return await asyncio.gather(*answers)


def _said(result: Result, host: str) -> tuple[str, bool]:
    """A hop's word, and whether the way ends there."""
    if not result.outcome.startswith("unreachable:"):
        return SILENT, False
    _, kind, code, by = result.outcome.split(":", 3)
    if int(kind) == (_EXCEEDED_V6 if ":" in host else _EXCEEDED_V4):
        return by, False
    return f"{by}!{kind}:{code}", True


def _ended(hops: Sequence[str], problem: str = "") -> Path:
    """Without the silence at the end: nobody knows how long it is."""
    known = max((index for index, hop in enumerate(hops, 1) if hop != SILENT), default=0)
    return Path(tuple(hops[:known]), reached=False, problem=problem)
