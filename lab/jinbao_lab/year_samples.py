"""What the agents of the demonstration year would have measured: whole days of one rung at once, the same on every run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import Event
from jinbao_collector.series import NONE
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.samples import NUMBERS, Samples
from jinbao_config.links import ALL_LINKS
from jinbao_lab.year_plan import DAY_MS, SITE, TOWNSHIP, Fault

INTERVAL_MS = 60_000
SLOTS = DAY_MS // INTERVAL_MS
OUTCOMES = ("lost", "reply")
LOST, REPLY = range(2)
_COUNTY = ("cpe", "app")
_NEAR = ("lan", "gw", "ce")
_BOOT_S = 90
"""How long a machine takes from the power's return to its first probe."""

Array = npt.NDArray[np.int64]


def series_of(codes: Sequence[str]) -> Iterator[SeriesKey]:
    """Every rung that is probed."""
    for link in codes:
        yield from ((link, "township", target) for target in TOWNSHIP)
        yield from ((link, "county", target) for target in _COUNTY)
    yield from ((ALL_LINKS, "county", target) for target in SITE)


@dataclass(frozen=True)
class Agent:
    """One agent: `off` are the spans in which it recorded nothing, `boots` the instants (ms) its boots began, oldest first."""

    link: str
    vantage: str
    off: tuple[tuple[int, int], ...]
    boots: tuple[int, ...]
    number: int

    def boot_name(self, index: int) -> str:
        return f"{self.number:04x}{index:04x}-7ea2-4c3c-9d57-0123456789ab"

    @property
    def boot_names(self) -> tuple[str, ...]:
        return tuple(self.boot_name(index) for index in range(len(self.boots)))

    @property
    def phase_us(self) -> int:
        """Where its probes lie between two grid points."""
        return 137_000 + self.number * 1_710_000 % (INTERVAL_MS * 1000 // 2)

    def boot_at(self, at_ms: Array) -> Array:
        return np.searchsorted(np.array(self.boots), at_ms, "right") - 1


@dataclass(frozen=True)
class World:
    """The year: the links' codes, faults, and the span of milliseconds that is measured."""

    codes: tuple[str, ...]
    faults: tuple[Fault, ...]
    span: tuple[int, int]
    seed: int

    @cached_property
    def agents(self) -> dict[tuple[str, str], Agent]:
        """By link and vantage."""
        found = {(code, "township"): self._agent(code, "township", number) for number, code in enumerate(self.codes, 1)}
        return {**found, (ALL_LINKS, "county"): self._agent(ALL_LINKS, "county", 0)}

    def agent_of(self, key: SeriesKey) -> Agent:
        return self.agents[key[0] if key[1] == "township" else ALL_LINKS, key[1]]

    def _agent(self, link: str, vantage: str, number: int) -> Agent:
        mine = [fault for fault in self.faults if vantage in fault.nature.silent and link in (*fault.links, ALL_LINKS)]
        off = tuple(sorted((fault.start, fault.end + _BOOT_S * 1000) for fault in mine))
        begun = self.span[0] - (40 + number) * DAY_MS
        return Agent(link, vantage, off, (begun, *(end for _, end in off)), number)

    def day(self, key: SeriesKey, day: int) -> Samples:
        """A rung's samples of one day (UTC, counted from 1970) as far as they lie in the span, in order of time."""
        agent = self.agent_of(key)
        slot = np.arange(day * SLOTS, (day + 1) * SLOTS, dtype=np.int64)
        at = slot * INTERVAL_MS + agent.phase_us // 1000
        here = (at >= self.span[0]) & (at < self.span[1])
        for start, end in agent.off:
            here &= (at < start) | (at >= end)
        slot, at = slot[here], at[here]
        chance = np.random.default_rng((self.seed, _number(key), day))
        outcome, rtt = self._outcomes(key, at, chance)
        boot = agent.boot_at(at)
        begun = np.array(agent.boots)[boot]
        late = chance.integers(0, 240, len(at))
        sent = slot * (INTERVAL_MS * 1000) + agent.phase_us + late
        return Samples(
            sent=sent,
            outcome=outcome,
            rtt=rtt,
            interval=np.full(len(at), INTERVAL_MS),
            boot=boot,
            seq=slot - begun // INTERVAL_MS,
            mono=sent - begun * 1000,
            outcomes=OUTCOMES,
            boots=agent.boot_names,
        )

    def _outcomes(self, key: SeriesKey, at: Array, chance: np.random.Generator) -> tuple[Array, Array]:
        link, vantage, target = key
        fixed = np.random.default_rng((self.seed, _number(key)))
        near = target in _NEAR
        base, spread = (fixed.uniform(300, 700), 0.05) if near else (fixed.uniform(3_000, 18_000), fixed.uniform(0.04, 0.15))
        loss = np.full(len(at), 1e-6 if near else fixed.uniform(2e-5, 3e-4))
        for fault in self.faults:
            if (vantage, target) in fault.nature.down and (link in fault.links or link == ALL_LINKS):
                struck = slice(*np.searchsorted(at, (fault.start, fault.end)))
                loss[struck] = fault.nature.loss
        # The evening hump of a shared line, local time.
        hour = (at // 3_600_000 + 8) % 24
        busy = 1 + (0 if near else 0.25) * np.exp(-(((hour - 20) / 2.5) ** 2))
        rtt = np.rint(base * busy * np.exp(chance.standard_normal(len(at)) * spread)).astype(np.int64)
        outcome = np.where(chance.random(len(at)) < loss, LOST, REPLY)
        return outcome, np.where(outcome == LOST, NONE, rtt)

    def events(self, agent: Agent) -> list[Event]:
        """Its boots, and what its UPS told of the mains."""
        found = []
        for index, begun in enumerate(agent.boots):
            if self.span[0] <= begun < self.span[1]:
                found += [self._event(agent, begun + step, kind, index) for step, kind in ((0, "boot"), (200, "start"))]
        for fault in self.faults:
            if fault.kind == "power_sensed" and agent.link in fault.links:
                index = int(agent.boot_at(np.array([fault.start]))[0])
                found += [
                    self._event(agent, at, kind, index) for at, kind in ((fault.start, "mains_off"), (fault.end, "mains_on"))
                ]
        return sorted(found, key=lambda event: event.at_us)

    @staticmethod
    def _event(agent: Agent, at_ms: int, kind: str, boot: int) -> Event:
        return Event(link=agent.link, vantage=agent.vantage, at_us=at_ms * 1000, event=kind, boot=agent.boot_name(boot))


def days_of(span: tuple[int, int]) -> range:
    """The days (UTC) that a span of milliseconds touches."""
    return range(span[0] // DAY_MS, -(-span[1] // DAY_MS))


def joined(parts: Sequence[Samples]) -> Samples:
    """One after the other, codes as they are: all are of one rung of this world."""
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in NUMBERS}
    return replace(parts[0], **columns)


def clipped(samples: Samples, span: tuple[int, int]) -> Samples:
    """Those sent in [from, to) milliseconds."""
    return samples.take(slice(*np.searchsorted(samples.sent, (span[0] * 1000, span[1] * 1000))))


def _number(key: SeriesKey) -> int:
    """The same in every process, unlike hash()."""
    value = 14_695_981_039_346_656_037
    for byte in "/".join(key).encode():
        value = (value ^ byte) * 1_099_511_628_211 % 2**64
    return value
