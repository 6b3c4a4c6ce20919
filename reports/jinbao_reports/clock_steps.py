"""Clock steps undone: samples and events re-stamped through the monotonic clock of their boot (judgement R1.5)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import NONE, Ints, Series
from jinbao_collector.stretches import Bools, Stretches

SUSPECT_MS = 10_000


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """The wall clock of a boot jumped by delta_ms; it was seen to have at mono_us, when it showed at_us. `synced`: it was right
    afterwards, else it was right before."""

    mono_us: int
    delta_ms: int
    synced: bool
    boot: str
    at_us: int


def steps_of(events: Iterable[Event], link: str, vantage: str) -> tuple[Step, ...]:
    """The clock steps of the agent behind a series. A step without its facts is ignored: it says nothing usable."""
    found = []
    for event in events:
        if event.event != "clock_step" or event.vantage != vantage or (vantage == "township" and event.link != link):
            continue
        delta, mono = event.number("delta_ms"), event.number("mono_ns")
        if delta is not None and mono is not None and event.boot:
            found.append(Step(mono // 1000, delta, event.fact("synced") == "1", event.boot, event.at_us))
    return tuple(sorted(set(found)))


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to the stamps on the wrong side of a step, which came at `moment` of mono, microseconds.

    `anchor` is at and mono of the sample next to it on the right side; without one the stamps shift.
    """

    step: Step
    moment: int
    anchor: tuple[int, int] | None = None

    def of_boot(self, boots: tuple[str, ...], boot: Ints, mono: Ints) -> Bools:
        if self.step.boot not in boots:
            return np.zeros(len(boot), bool)
        of_boot: Bools = (boot == boots.index(self.step.boot)) & (mono != NONE)
        return of_boot

    def is_wrong(self, mono: Ints) -> Bools:
        wrong: Bools = mono < self.moment if self.step.synced else mono >= self.moment
        return wrong

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

    No row may reach over a step, and the two samples before it must be rows of their own. Steps apply in order of mono.
    """
    at, last, found = rows.at.copy(), rows.last.copy(), []
    for step in steps:
        if step.boot not in rows.boots:
            continue
        of_boot = (rows.boot == rows.boots.index(step.boot)) & (rows.mono != NONE)
        correction = Correction(step, _moment(last, rows.mono_last, of_boot, step))
        wrong = correction.is_wrong(rows.mono)
        wrong, right = of_boot & wrong, of_boot & ~wrong
        if not wrong.any():
            continue
        if right.any():
            correction = replace(correction, anchor=_anchor(at, last, rows, right, step))
        at[wrong] = correction.corrected(at[wrong], rows.mono[wrong])
        last[wrong] = correction.corrected(last[wrong], rows.mono_last[wrong])
        found.append(correction)
    if (at == rows.at).all() and (last == rows.last).all():
        return rows, ()
    return replace(rows, at=at, last=last), tuple(found)


def _moment(last: Ints, mono_last: Ints, of_boot: Bools, step: Step) -> int:
    """When the clock jumped, microseconds of mono: the agent sees it a little later than it happens, and a sample sent in
    between shows the jump already. As an anchor it would move all others. `last` is as the steps before have left it."""
    earlier = np.flatnonzero(of_boot & (mono_last < step.mono_us))
    if len(earlier) < 2:
        return step.mono_us
    latest, one_before = earlier[np.argsort(mono_last[earlier], kind="stable")[[-1, -2]]].tolist()
    ahead: Ints = last * 1000 - mono_last
    jump_us = int(ahead[latest] - ahead[one_before])
    shows_it = 2 * abs(jump_us - step.delta_ms * 1000) < abs(step.delta_ms) * 1000
    return int(mono_last[latest]) if shows_it else step.mono_us


def _anchor(at: Ints, last: Ints, rows: Stretches, right: Bools, step: Step) -> tuple[int, int]:
    """Of the sample next to the step on its right side."""
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
        wrong = correction.of_boot(series.boots, series.boot, series.mono) & correction.is_wrong(series.mono)
        at[wrong] = correction.corrected(at[wrong], series.mono[wrong])
        if correction.is_large:
            suspect |= wrong
    return at, suspect


def restamp_events(events: Sequence[Event]) -> tuple[Event, ...]:
    """Events on the right clock, in order of time. The anchor is the clock_step's own record of both clocks."""
    if not any(event.event == "clock_step" for event in events):
        return tuple(events)
    voices: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        voices[event.link, event.vantage].append(event)
    told = [event for voice, mine in voices.items() for event in _on_right_clock(mine, steps_of(mine, *voice))]
    return tuple(sorted(told, key=lambda one: (one.at_us, one.link, one.vantage, one.event, one.boot, one.detail)))


def _on_right_clock(events: list[Event], steps: tuple[Step, ...]) -> list[Event]:
    at = [event.at_us for event in events]
    monos = [(event.number("mono_ns") or NONE) // 1000 for event in events]
    shown = {step: step.at_us for step in steps}
    on_one_clock: set[str] = set()  # boots of which all later records were moved to the clock before a step
    for step in steps:
        anchor = shown[step]
        if not step.synced and step.boot not in on_one_clock:
            anchor -= step.delta_ms * 1000
            on_one_clock.add(step.boot)

        def is_wrong(boot: str, mono_us: int, step: Step = step) -> bool:
            return boot == step.boot and mono_us > 0 and (mono_us < step.mono_us) == step.synced

        for place, (event, mono_us) in enumerate(zip(events, monos, strict=True)):
            if is_wrong(event.boot, mono_us):
                at[place] = anchor + mono_us - step.mono_us
        shown |= {other: anchor + other.mono_us - step.mono_us for other in steps if is_wrong(other.boot, other.mono_us)}
    return [replace(event, at_us=at_us) for event, at_us in zip(events, at, strict=True)]
