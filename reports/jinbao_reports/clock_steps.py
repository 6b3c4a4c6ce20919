"""Clock steps undone: samples re-stamped through the monotonic clock of their boot (judgement R1.5)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import NONE, Series

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
        before, after = of_boot & (series.mono < step.mono_us), of_boot & (series.mono >= step.mono_us)
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
