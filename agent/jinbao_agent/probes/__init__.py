"""Probes: one question to one rung, answered by one Result. A new kind of probe is a file here and a line in PROBES."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from jinbao_agent.clock import Clock, SystemClock
from jinbao_agent.probes import http, icmp, nic, tcp
from jinbao_agent.probes.result import Result, errno_name
from jinbao_agent.probes.sockets import IcmpRight, IcmpRights, icmp_rights
from jinbao_agent.sample import not_sent
from jinbao_config.links import Target

__all__ = ["PROBES", "IcmpRight", "IcmpRights", "Prober", "Result", "icmp_rights"]

Probe = Callable[["Prober", Target, float], Awaitable[Result]]
PROBES: Mapping[str, Probe] = MappingProxyType(
    {"icmp": icmp.probe, "tcp": tcp.probe, "http": http.probe, "https": http.probe, "nic": nic.probe}
)


class Prober:
    """Asks any target. An async context manager that owns the shared ICMP sockets; belongs to one event loop."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._stats: Counter[str] = Counter()
        self.icmp = icmp.IcmpEngines(self.clock, self._stats)

    async def __aenter__(self) -> "Prober":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.icmp.close()

    async def probe(self, target: Target, wait_s: float) -> Result:
        """One probe, waited for at most about `wait_s` seconds. Faults, the network's and ours, are outcomes."""
        try:
            return await PROBES[target.kind](self, target, wait_s)
        except OSError as problem:
            return self.fault(errno_name(problem.errno))

    def fault(self, reason: str) -> Result:
        """What could not be asked, through no fault of the link."""
        return Result(sent_us=self.clock.utc_us(), mono_us=self.clock.boottime_us(), outcome=not_sent(reason))

    @property
    def stats(self) -> Mapping[str, int]:
        """ICMP counters since the start: sent, send_errors, icmp_errors, duplicates, late, foreign, bad_source, bad_payload,
        bad_checksum, queue_drops, clock_stepped. What never happened counts 0."""
        return self._stats
