"""The rung `peer`: a question to the reflector of our own agent at the other end, the only answer nobody between can fake."""

import asyncio
import functools
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinbao_agent.clock import Clock
from jinbao_agent.ladder import Rung
from jinbao_agent.peers import Keyring
from jinbao_agent.probes.asks import Asks, Session
from jinbao_agent.probes.counts import Counts
from jinbao_agent.probes.result import Result, resolve
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

NO_KEY = "no_peer_key"


def _nobody(link: str, counts: Counts) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Peering:
    """With which keys and for which link each reflector is asked, and who is told (link, counts) of an episode of losses."""

    keyring: Keyring
    links: Mapping[Target, str]
    tell: Callable[[str, Counts], None] = _nobody


def links_of(rungs: Iterable[Rung]) -> dict[Target, str]:
    """Whose reflector each target of the kind is."""
    return {rung.target: rung.link for rung in rungs if rung.target.kind == "peer"}


class PeerEngines:
    """One shared socket for each IP version, opened when the first reflector of it is asked. Belongs to one event loop."""

    def __init__(self, clock: Clock, stats: "Counter[str]", peering: Peering | None) -> None:
        self._clock, self._stats, self._peering = clock, stats, peering
        self._asks: dict[int, Asks] = {}
        self._sessions: dict[Target, tuple[Asks, Session]] = {}

    def close(self) -> None:
        for asks in self._asks.values():
            asks.close()
        self._asks.clear()
        self._sessions.clear()

    def ask(self, target: Target, wait_s: float, done: Callable[[Result], None]) -> bool:
        """Whether it was asked: not without a key that the other end knows too. Raises OSError."""
        link = self._peering.links.get(target) if self._peering else None
        key = self._peering.keyring.asking(link) if self._peering and link else None
        if link is None or key is None:
            return False
        asks, session = self._sessions.get(target) or self._open(target, link)
        asks.ask(session, key, round(wait_s * 1_000_000), done)
        return True

    def _open(self, target: Target, link: str) -> tuple[Asks, Session]:
        family, _, _, _, found = socket.getaddrinfo(
            target.host, target.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        address: Any = found
        if family not in self._asks:
            self._asks[family] = Asks(family, self._clock, self._stats)
        asks = self._asks[family]
        session = asks.open_session(int(link), address, functools.partial(self._tell, link))
        self._sessions[target] = asks, session
        return asks, session

    def _tell(self, link: str, counts: Counts) -> None:
        assert self._peering is not None, "nothing is asked without"
        self._peering.tell(link, counts)


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """reply or late (rtt less the reflector's own time), lost, bad_reply (an answer came from there that is not authentic),
    refused (port unreachable, by the host itself), unreachable:TYPE:CODE:BY, or not_sent:REASON; `no_peer_key` while the
    centre has given none."""
    answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    if not prober.peers.ask(target, wait_s, functools.partial(resolve, answer)):
        return prober.fault(NO_KEY)
    return await answer
