"""Plays a scenario on a county that runs: each fault at its moment, its truth noted when the command has returned."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from jinbao_lab import torture
from jinbao_lab.faults import FAULTS
from jinbao_lab.scenario import Fault, Scenario
from jinbao_lab.scene import Stage
from jinbao_lab.show import Clock, Show
from jinbao_lab.truth import Injected, Noticed, Truth

_FRAME_S = 0.2


def utc_us() -> int:
    return time.time_ns() // 1000


@dataclass
class Play:
    """`seed` tortures; `since_us` see Truth."""

    stage: Stage
    scenario: Scenario
    show: Show
    since_us: int
    seed: int | None = None
    peers: bool = False
    _edges: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _active: list[str] = field(default_factory=list)
    _ahead_ns: int = 0

    def run(self, start_us: int) -> Truth:
        """`start_us` is when the warm-up ends, soon. Returns when the scenario's time is over."""
        self._ahead_ns = _ahead_ns()
        begin = time.monotonic() + (start_us - self._now_us()) / 1e6
        length = self.scenario.duration / 1000
        with self.show.clock(length) as clock:
            for at_ms, act in sorted(self._acts(), key=lambda one: one[0]):
                self._wait(begin, at_ms / 1000, clock)
                act()
            self._wait(begin, length, clock)
        return self._truth(start_us, (_ahead_ns() - self._ahead_ns) // 1000)

    def _acts(self) -> Iterator[tuple[int, Callable[[], None]]]:
        for fault in self.scenario.fault:
            for onset, restored in fault.spans:
                yield onset, lambda fault=fault, at=onset: self._inject(fault, at)  # type: ignore[misc]  # binds now
                yield restored, lambda fault=fault, at=restored: self._heal(fault, at)  # type: ignore[misc]
        if self.seed is not None:
            for at, victim in torture.kills(self.scenario, self.seed):
                yield at, lambda victim=victim: self._kill(victim)  # type: ignore[misc]

    def _wait(self, begin: float, seconds: float, clock: Clock) -> None:
        while (left := begin + seconds - time.monotonic()) > 0:
            clock.show(max(0.0, seconds - left), " ".join(self._active) or "…")
            time.sleep(min(left, _FRAME_S))

    def _inject(self, fault: Fault, at_ms: int) -> None:
        FAULTS[fault.kind].inject(self.stage, fault.on)
        self._edges[fault.id].append(self._now_us())
        self._active.append(fault.id)
        self.show.tell(f"{at_ms / 1000:7.2f} s  ✂ {fault.id}")

    def _heal(self, fault: Fault, at_ms: int) -> None:
        FAULTS[fault.kind].heal(self.stage, fault.on)
        self._edges[fault.id].append(self._now_us())
        self._active.remove(fault.id)
        self.show.tell(f"{at_ms / 1000:7.2f} s  ✚ {fault.id}")

    def _kill(self, victim: str) -> None:
        if victim == torture.COLLECTOR:
            self.stage.collector.crash()
            self.stage.collector.restart()
        else:
            self.stage.sites[victim].crash_agent()
            self.stage.sites[victim].start_agent()
        self.show.tell(f"           kill -9 {victim}")

    def _now_us(self) -> int:
        """On the clock as it stood at the start, whatever a fault does to it."""
        return (time.monotonic_ns() + self._ahead_ns) // 1000

    def _truth(self, start_us: int, clock_step_us: int) -> Truth:
        scenario = self.scenario
        return Truth(
            interval_ms=scenario.interval,
            from_us=start_us,
            to_us=start_us + scenario.duration * 1000,
            since_us=self.since_us,
            clock_step_us=clock_step_us,
            townships=scenario.county.townships,
            mute=scenario.mute,
            battery=scenario.battery,
            app_unprobed=scenario.app_unprobed,
            peers=self.peers,
            notices=tuple(noticed(scenario, start_us)),
            faults=tuple(self._injected(fault) for fault in scenario.fault),
        )

    def _injected(self, fault: Fault) -> Injected:
        edges = self._edges[fault.id]
        spans = tuple(zip(edges[::2], edges[1::2], strict=True))
        return Injected(id=fault.id, kind=fault.kind, on=fault.on, rows=fault.rows, spans=spans)


def noticed(scenario: Scenario, start_us: int) -> Iterator[Noticed]:
    """What is filed for its faults, if the warm-up ends at `start_us`."""
    county = scenario.county
    for fault in scenario.fault:
        if fault.notice:
            onset_us = (start_us // 1000 + fault.at) * 1000  # as the ledger has it, in milliseconds
            yield Noticed(
                kind=fault.notice.kind,
                type=fault.notice.type,
                links=tuple(county.code(township) for township in county.members(fault.on)),
                from_us=onset_us + fault.notice.from_ * 1000,
                to_us=onset_us + fault.notice.to * 1000,
            )


def _ahead_ns() -> int:
    """How far the wall clock is ahead of the monotonic one."""
    return time.time_ns() - time.monotonic_ns()
