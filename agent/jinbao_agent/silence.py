"""Why an agent probed nothing for a while, by what it recorded itself: the same answer from its spool and from the journal.

Gaps are found on CLOCK_BOOTTIME, boot by boot, so that a clock that was set makes none; their UTC is by the clock as it stood
at the boot's end, when it had been set right. A record is only believed for what it proves: a boot without a clean stop before
it may be a power cut or a crash of the machine, unless a UPS told of the mains.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, pairwise

from jinbao_agent.sample import NOT_SENT, Event, Sample

_LATE_US = 15_000_000  # the slowest heartbeat and a half


class Why(StrEnum):
    STOPPED = "stopped"  # the service was stopped, or began a life under a new configuration
    KILLED = "killed"  # the process ended without a word and was started again in the same boot
    SHUT_DOWN = "shut_down"  # stopped in order, and the machine booted after it
    MAINS_LOST = "mains_lost"  # a UPS told of the mains being off, then the machine went
    MACHINE_LOST = "machine_lost"  # a new boot without any stop: a power cut or a crash of the machine
    SUSPENDED = "suspended"  # the machine slept
    STALLED = "stalled"  # the agent lived and was not on time: overload
    NOT_SENT = "not_sent"  # it was on time, and this machine could not send
    UNRECORDED = "unrecorded"  # nothing the agent kept says why


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked of a sample here. `at_ms` is UTC, floored."""

    boot: str
    mono_us: int
    at_ms: int
    outcome: str

    @property
    def left(self) -> bool:
        """Whether it left this machine."""
        return not self.outcome.startswith(NOT_SENT)


@dataclass(frozen=True, slots=True)
class Silence:
    """[from_ms, to_ms), UTC: from the last probe before it to the first one after it. `detail` is the record that decided."""

    from_ms: int
    to_ms: int
    why: Why
    detail: str = ""


def probes_of(samples: Iterable[Sample]) -> Iterator[Probe]:
    for one in samples:
        if one.mono_us is not None:
            yield Probe(one.boot, one.mono_us, one.sent_us // 1000, one.outcome)


def silences(probes: Iterable[Probe], events: Iterable[Event], interval_ms: int) -> list[Silence]:
    """Every span of more than 1.5 intervals without a probe that left the machine, in order of time."""
    known = sorted(set(probes), key=lambda probe: (probe.boot, probe.mono_us))
    told = sorted(set(events), key=lambda event: (event.boot, _mono_us(event)))
    by_boot = {boot: _as_at_the_end(list(probes)) for boot, probes in groupby(known, key=lambda probe: probe.boot)}
    found: list[Silence] = []
    last: Probe | None = None
    for boot, here in sorted(by_boot.items(), key=lambda item: item[1][-1].at_ms):
        mine = [event for event in told if event.boot == boot]
        left = [probe for probe in here if probe.left]
        if last is not None and left:
            found.append(_between_boots(last, left[0], [event for event in told if event.boot == last.boot]))
        found += [
            _within_boot(one, two, here, mine)
            for one, two in pairwise(left)
            if 2 * (two.mono_us - one.mono_us) > 3 * interval_ms * 1000
        ]
        last = left[-1] if left else last
    return found


def _as_at_the_end(probes: list[Probe]) -> list[Probe]:
    """The probes of one boot by the clock as its last one found it."""
    last = probes[-1]
    return [replace(one, at_ms=last.at_ms - (last.mono_us - one.mono_us) // 1000) for one in probes]


def _within_boot(one: Probe, two: Probe, probes: Sequence[Probe], events: Sequence[Event]) -> Silence:
    between = {event.event: event for event in events if one.mono_us <= _mono_us(event) <= two.mono_us}
    for name, why in (("stop", Why.STOPPED), ("heartbeat", Why.KILLED), ("start", Why.STOPPED)):
        if name in between:
            return Silence(one.at_ms, two.at_ms, why, between[name].detail)
    asleep = next((event for event in events if _slept_in(event, one, two)), None)
    if asleep is not None:
        return Silence(one.at_ms, two.at_ms, Why.SUSPENDED, asleep.detail)
    unsent = [probe for probe in probes if one.mono_us < probe.mono_us < two.mono_us and not probe.left]
    if not unsent:
        return Silence(one.at_ms, two.at_ms, Why.UNRECORDED)
    other = [probe for probe in unsent if probe.outcome != f"{NOT_SENT}skipped"]
    return Silence(one.at_ms, two.at_ms, Why.NOT_SENT if other else Why.STALLED, (other or unsent)[0].outcome)


def _slept_in(event: Event, one: Probe, two: Probe) -> bool:
    """Whether this `suspend` lies in the gap. It is recorded within a heartbeat of waking; the first probe may be quicker."""
    slept_ms = event.number("for_ms") or 0
    fits = slept_ms * 1000 <= two.mono_us - one.mono_us
    return event.event == "suspend" and fits and one.mono_us <= _mono_us(event) <= two.mono_us + _LATE_US


def _between_boots(one: Probe, two: Probe, events: Sequence[Event]) -> Silence:
    """`events` are the earlier boot's."""
    ends = [event for event in events if event.event == "stop" and _mono_us(event) >= one.mono_us]
    mains = [event for event in events if event.event in ("mains_off", "mains_on")]
    beats = [event for event in events if event.event == "heartbeat"]
    if ends:
        return Silence(one.at_ms, two.at_ms, Why.SHUT_DOWN, ends[-1].detail)
    if mains and mains[-1].event == "mains_off":
        return Silence(one.at_ms, two.at_ms, Why.MAINS_LOST, mains[-1].detail)
    return Silence(one.at_ms, two.at_ms, Why.MACHINE_LOST, beats[-1].detail if beats else "")


def _mono_us(event: Event) -> int:
    """Its instant on CLOCK_BOOTTIME of its own boot; every event of an agent says it."""
    nanoseconds = event.number("mono_ns")
    return -1 if nanoseconds is None else nanoseconds // 1000
