"""Clock steps undone: samples re-stamped through the monotonic clock of their boot (judgement R1.5)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import Event
from jinbao_collector.series import NONE, Ints, Series
from jinbao_collector.stretches import Bools, Stretches

SUSPECT_MS = 10_000


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """The wall clock of a boot jumped by delta_ms at mono_us; `synced`: it was right afterwards, else it was right before."""

    mono_us: int
    delta_ms: int
    synced: bool
    boot: str


def steps_of(events: Iterable[Event], link: str, vantage: str) -> tuple[Step, ...]:
    """The clock steps of the agent behind a series. A step without its facts is ignored: it says nothing usable."""
    found = []
    for event in events:
        if event.event != "clock_step" or event.vantage != vantage or (vantage == "township" and event.link != link):
            continue
        delta, mono = event.number("delta_ms"), event.number("mono_ns")
        if delta is not None and mono is not None and event.boot:
            found.append(Step(mono // 1000, delta, event.fact("synced") == "1", event.boot))
    return tuple(sorted(set(found)))


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to the stamps on the wrong side of a step: `at` and `mono` are the anchor's; without one they shift."""

    step: Step
    anchor: tuple[int, int] | None

    def concerns(self, boots: tuple[str, ...], boot: Ints, mono: Ints) -> Bools:
        if self.step.boot not in boots:
            return np.zeros(len(boot), bool)
        wrong = mono < self.step.mono_us if self.step.synced else mono >= self.step.mono_us
        of_boot: Bools = (boot == boots.index(self.step.boot)) & (mono != NONE) & wrong
        return of_boot

    def corrected(self, at: Ints, mono: Ints) -> Ints:
        """Stamps of the wrong side, put right."""
        if self.anchor is None:
            return at + (self.step.delta_ms if self.step.synced else -self.step.delta_ms)
        return self.anchor[0] + (mono - self.anchor[1]) // 1000

    @property
    def is_large(self) -> bool:
        return abs(self.step.delta_ms) >= SUSPECT_MS


def corrected(rows: Stretches, steps: tuple[Step, ...]) -> tuple[Stretches, tuple[Correction, ...]]:
    """The rows on the right clock, in the order they came in, and what was done; nothing, if nothing moved.

    No row may reach over a step. Steps apply in order of mono. The anchor is the sample next to the step on its right side.
    """
    at, last, found = rows.at.copy(), rows.last.copy(), []
    for step in steps:
        bare = Correction(step, None)
        wrong = bare.concerns(rows.boots, rows.boot, rows.mono)
        if not wrong.any():
            continue
        right = (rows.boot == rows.boots.index(step.boot)) & (rows.mono != NONE) & ~wrong
        correction = Correction(step, _anchor(at, last, rows, right, step)) if right.any() else bare
        at[wrong] = correction.corrected(at[wrong], rows.mono[wrong])
        last[wrong] = correction.corrected(last[wrong], rows.mono_last[wrong])
        found.append(correction)
    if (at == rows.at).all() and (last == rows.last).all():
        return rows, ()
    return replace(rows, at=at, last=last), tuple(found)


def _anchor(at: Ints, last: Ints, rows: Stretches, right: npt.NDArray[np.bool_], step: Step) -> tuple[int, int]:
    near = np.flatnonzero(right)
    if step.synced:
        pick = near[np.argmin(rows.mono[near])]
        return int(at[pick]), int(rows.mono[pick])
    pick = near[np.argmax(rows.mono_last[near])]
    return int(last[pick]), int(rows.mono_last[pick])


def restamped(series: Series, corrections: tuple[Correction, ...]) -> tuple[Ints, Bools]:
    """The samples' stamps put right, and which were moved by a step of 10 s or more."""
    at, suspect = series.at.copy(), np.zeros(len(series), bool)
    for correction in corrections:
        wrong = correction.concerns(series.boots, series.boot, series.mono)
        at[wrong] = correction.corrected(at[wrong], series.mono[wrong])
        if correction.is_large:
            suspect |= wrong
    return at, suspect
