"""Probes: one question to one rung, answered by one Result. A new kind of probe is a file here and a line in PROBES."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from jinbao_agent.clock import Clock, SystemClock
from jinbao_agent.probes import dns, http, icmp, nic, peer, tcp
from jinbao_agent.probes.peer import Peering
from jinbao_agent.probes.result import Result, errno_name
from jinbao_agent.probes.sockets import IcmpRight, IcmpRights, icmp_rights, keep_stamping
from jinbao_agent.sample import not_sent
from jinbao_config.links import Target

__all__ = ["PROBES", "IcmpRight", "IcmpRights", "Peering", "Prober", "Result", "icmp_rights"]

Probe = Callable[["Prober", Target, float], Awaitable[Result]]
PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "icmp": icmp.probe,
        "tcp": tcp.probe,
        "http": http.probe,
        "https": http.probe,
        "dns": dns.probe,
        "nic": nic.probe,
        "peer": peer.probe,
    }
)


class Prober:
    """Asks any target. An async context manager that owns the shared sockets; belongs to one event loop."""

    def __init__(self, clock: Clock | None = None, peering: Peering | None = None) -> None:
        """`peering`: what reflectors are asked with; without, rungs `peer` are not sent."""
        self.clock: Clock = clock or SystemClock()
        self._stats: Counter[str] = Counter()
        self._peer_stats: Counter[str] = Counter()
        self.dns_stats: Counter[str] = Counter()
        self.icmp = icmp.IcmpEngines(self.clock, self._stats)
        self.peers = peer.PeerEngines(self.clock, self._peer_stats, peering)

    async def __aenter__(self) -> "Prober":
        self._stamping = keep_stamping()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stamping.close()
        self.icmp.close()
        self.peers.close()

    async def probe(self, target: Target, wait_s: float) -> Result:
        """One probe, waited for at most about `wait_s` seconds. Faults, the network's and ours, are outcomes."""
        try:
            return await PROBES[target.kind](self, target, wait_s)
        except OSError as problem:
            return self.fault(errno_name(problem.errno))

    async def sweep(self, targets: Sequence[Target], wait_s: float) -> list[Result]:
        """Many at once: what `probe` says of each, in their order. An echo costs about 0.6 of what it would as a task."""
        echoes = [index for index, target in enumerate(targets) if target.kind == "icmp"]
        others = [index for index, target in enumerate(targets) if target.kind != "icmp"]
        echoed, probed = await asyncio.gather(
            icmp.probe_all(self, [targets[index] for index in echoes], wait_s),
            asyncio.gather(*(self.probe(targets[index], wait_s) for index in others)),
        )
        results = dict(zip((*echoes, *others), (*echoed, *probed), strict=True))
        return [results[index] for index in range(len(targets))]

    def fault(self, reason: str) -> Result:
        """What could not be asked, through no fault of the link."""
        return Result(sent_us=self.clock.utc_us(), mono_us=self.clock.boottime_us(), outcome=not_sent(reason))

    @property
    def stats(self) -> Mapping[str, int]:
        """ICMP counters since the start: sent, send_errors, icmp_errors, duplicates, late, foreign, bad_source, bad_payload,
        bad_checksum, queue_drops, clock_stepped. What never happened counts 0."""
        return self._stats

    @property
    def peer_stats(self) -> Mapping[str, int]:
        """The same of questions to reflectors; bad_auth instead of bad_checksum."""
        return self._peer_stats
