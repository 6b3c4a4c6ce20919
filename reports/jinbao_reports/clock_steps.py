"""Clock steps undone: samples and events re-stamped through the monotonic clock of their boot (judgement R1.5)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import NONE, Ints, Series

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


def restamp(series: Series, steps: tuple[Step, ...]) -> tuple[Series, frozenset[int]]:
    """The series on the right clock, and the new instants of samples moved by a step of 10 s or more.

    Steps apply in order of mono. The anchor is the sample next to the step on its right side.
    """
    if not steps:
        return series, frozenset()
    at = series.at.copy()
    suspect = np.zeros(len(at), bool)
    for step in steps:
        if step.boot not in series.boots:
            continue
        of_boot = (series.boot == series.boots.index(step.boot)) & (series.mono != NONE)
        moment = _moment(at, series.mono, of_boot, step)
        before, after = of_boot & (series.mono < moment), of_boot & (series.mono >= moment)
        wrong, right = (before, after) if step.synced else (after, before)
        if not wrong.any():
            continue
        if right.any():
            nearest = np.flatnonzero(right)
            pick = np.argmin(series.mono[nearest]) if step.synced else np.argmax(series.mono[nearest])
            anchor = nearest[pick]
            at[wrong] = at[anchor] + (series.mono[wrong] - series.mono[anchor]) // 1000
        else:
            at[wrong] += step.delta_ms if step.synced else -step.delta_ms
        if abs(step.delta_ms) >= SUSPECT_MS:
            suspect |= wrong
    if (at == series.at).all():
        return series, frozenset()
    moved = replace(series, at=at)
    order = np.lexsort((series.seq, series.boot, at))
    return moved.take(order), frozenset(at[suspect].tolist())


def _moment(at: Ints, mono: Ints, of_boot: "np.ndarray[tuple[int], np.dtype[np.bool_]]", step: Step) -> int:
    """When the clock jumped, microseconds of mono: the agent sees it a little later than it happens, and a sample sent in
    between shows the jump already. As an anchor it would move all others. `at` is as the steps before have left it."""
    earlier = np.flatnonzero(of_boot & (mono < step.mono_us))
    if len(earlier) < 2:
        return step.mono_us
    last, one_before = earlier[np.argsort(mono[earlier], kind="stable")[[-1, -2]]].tolist()
    ahead: Ints = at * 1000 - mono
    jump_us = int(ahead[last] - ahead[one_before])
    shows_it = 2 * abs(jump_us - step.delta_ms * 1000) < abs(step.delta_ms) * 1000
    return int(mono[last]) if shows_it else step.mono_us


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
