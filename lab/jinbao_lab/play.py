"""Plays a scenario on a county that runs: each fault at its moment, its truth noted when the command has returned."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from jinbao_lab import torture
from jinbao_lab.faults import FAULTS
from jinbao_lab.scenario import Fault, Scenario
from jinbao_lab.scene import Stage
from jinbao_lab.show import Clock, Show
from jinbao_lab.truth import Injected, Truth

_FRAME_S = 0.2


def utc_us() -> int:
    return time.time_ns() // 1000


@dataclass
class Play:
    """`faults` are those of the scenario that can be made on this ground; `seed` tortures."""

    stage: Stage
    scenario: Scenario
    faults: tuple[Fault, ...]
    show: Show
    seed: int | None = None
    _onset_us: dict[str, int] = field(default_factory=dict)
    _restored_us: dict[str, int] = field(default_factory=dict)
    _active: list[str] = field(default_factory=list)

    def run(self, start_us: int) -> Truth:
        """`start_us` is when the warm-up ends, soon. Returns when the scenario's time is over."""
        begin = time.monotonic() + (start_us - utc_us()) / 1e6
        offset_us = _offset_us()
        length = self.scenario.duration / 1000
        with self.show.clock(length) as clock:
            for at_ms, act in sorted(self._acts(), key=lambda one: one[0]):
                self._wait(begin, at_ms / 1000, clock)
                act()
            self._wait(begin, length, clock)
        return Truth(
            interval_ms=self.scenario.interval,
            from_us=start_us,
            to_us=start_us + self.scenario.duration * 1000,
            clock_step_us=_offset_us() - offset_us,
            faults=tuple(self._truth(fault) for fault in self.faults),
        )

    def _acts(self) -> Iterator[tuple[int, Callable[[], None]]]:
        for fault in self.faults:
            yield fault.at, lambda fault=fault: self._inject(fault)  # type: ignore[misc]  # binds now, not when called
            yield fault.end, lambda fault=fault: self._heal(fault)  # type: ignore[misc]
        if self.seed is not None:
            for at, victim in torture.kills(self.scenario, self.seed):
                yield at, lambda victim=victim: self._kill(victim)  # type: ignore[misc]

    def _wait(self, begin: float, seconds: float, clock: Clock) -> None:
        while (left := begin + seconds - time.monotonic()) > 0:
            clock.show(max(0.0, seconds - left), " ".join(self._active) or "…")
            time.sleep(min(left, _FRAME_S))

    def _inject(self, fault: Fault) -> None:
        FAULTS[fault.kind].inject(self.stage, fault.on)
        self._onset_us[fault.id] = utc_us()
        self._active.append(fault.id)
        self.show.tell(f"{fault.at / 1000:7.2f} s  ✂ {fault.id}")

    def _heal(self, fault: Fault) -> None:
        FAULTS[fault.kind].heal(self.stage, fault.on)
        self._restored_us[fault.id] = utc_us()
        self._active.remove(fault.id)
        self.show.tell(f"{fault.end / 1000:7.2f} s  ✚ {fault.id}")

    def _kill(self, victim: str) -> None:
        if victim == torture.COLLECTOR:
            self.stage.collector.crash()
            self.stage.collector.restart()
        else:
            self.stage.machines[victim].crash_agent()
            self.stage.machines[victim].start_agent()
        self.show.tell(f"           kill -9 {victim}")

    def _truth(self, fault: Fault) -> Injected:
        county = self.stage.county
        return Injected(
            id=fault.id,
            kind=fault.kind,
            on=fault.on,
            links=tuple(county.code(township) for township in county.members(fault.on)),
            onset_us=self._onset_us[fault.id],
            restored_us=self._restored_us[fault.id],
            expect=fault.expect,
        )


def _offset_us() -> int:
    """How far the wall clock is ahead of the monotonic one."""
    return (time.time_ns() - time.monotonic_ns()) // 1000
