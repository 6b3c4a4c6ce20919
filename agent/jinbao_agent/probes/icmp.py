"""ICMP echo as a probe: which socket asks, and what becomes of the answer."""

import asyncio
import functools
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jinbao_agent.clock import Clock
from jinbao_agent.probes.echoes import Echoes
from jinbao_agent.probes.flights import Address
from jinbao_agent.probes.packet import V4, V6, Version
from jinbao_agent.probes.result import Result, resolve
from jinbao_agent.probes.sockets import NoIcmp, open_icmp
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober


def _located(host: str) -> tuple[Version, Address]:
    """Raises NoIcmp unless it is a numeric address, an IPv6 one perhaps with its %interface."""
    try:
        candidates = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError) as problem:
        raise NoIcmp("not_an_address") from problem
    family, _, _, _, found = candidates[0]
    version = V6 if family == socket.AF_INET6 else V4
    address: Any = found
    return version, address


class IcmpEngines:
    """The shared sockets, each opened when the first target of its IP version is probed. Belongs to one event loop."""

    def __init__(self, clock: Clock, stats: "Counter[str]") -> None:
        self._clock, self._stats = clock, stats
        self._echoes: dict[Version, Echoes] = {}
        self._known: dict[str, tuple[Echoes, Address]] = {}

    def close(self) -> None:
        for echoes in self._echoes.values():
            echoes.close()
        self._echoes.clear()
        self._known.clear()

    def ask(self, host: str, wait_us: int, done: Callable[[Result], None], ttl: int = 0) -> None:
        """Raises NoIcmp where no socket can be had or the host is no address. `ttl` as for Echoes.ask."""
        known = self._known.get(host)
        if known is None:
            known = self._known[host] = self._find(host)
        known[0].ask(known[1], wait_us, done, ttl)

    def _find(self, host: str) -> tuple[Echoes, Address]:
        version, address = _located(host)
        if version not in self._echoes:
            self._echoes[version] = Echoes(open_icmp(version), self._clock, self._stats)
        return self._echoes[version], address


def start(prober: "Prober", host: str, wait_s: float, done: Callable[[Result], None], ttl: int = 0) -> None:
    """One echo; `done` is called once, perhaps at once. See `probe`."""
    try:
        prober.icmp.ask(host, round(wait_s * 1_000_000), done, ttl)
    except NoIcmp as problem:
        done(prober.fault(problem.reason))


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """One echo: reply, late, lost, bad_reply (only a damaged answer came), unreachable:TYPE:CODE:BY with the numbers of ICMP
    or, for an IPv6 target, ICMPv6, or not_sent:REASON."""
    answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    start(prober, target.host, wait_s, functools.partial(resolve, answer))
    return await answer


async def probe_all(prober: "Prober", targets: Sequence[Target], wait_s: float) -> list[Result]:
    """As `probe`, for many targets without a task each."""
    missing = prober.fault("stopped")
    results, awaited = [missing] * len(targets), len(targets)
    complete = asyncio.Event()

    def done(index: int, result: Result) -> None:
        nonlocal awaited
        results[index] = result
        awaited -= 1
        if not awaited:
            complete.set()

    for index, target in enumerate(targets):
        start(prober, target.host, wait_s, functools.partial(done, index))
    if targets:
        await complete.wait()
    return results
