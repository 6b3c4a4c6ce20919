"""What an agent would have told of its own lives (docs/agent.md), without an agent: for replay on generated samples.

True time is UTC as it really is, microseconds; what a record carries is what the agent's two clocks would have shown.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from jinbao_agent.sample import Event
from jinbao_lab.lives import Agent, Life
from jinbao_lab.nature import Now

_POLL_US = 1_000_000  # how often the lab's agents ask their UPS
_VERSION = "0.1.0"
_FLAT_BATTERIES = 0.3  # share of boots with a wrong clock
_NTP_US = 8_000_000


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of a machine: its id, and when its CLOCK_BOOTTIME was 0."""

    name: str
    zero_us: int

    def boottime(self, true_us: int) -> int:
        return true_us - self.zero_us


@dataclass(frozen=True, slots=True)
class Waking:
    """One life as it was recorded: from its first record on; `until_us` is its end. `kept_us`: what it held in memory after
    that was lost with it. Until NTP set it at `set_us` its clock showed `wrong_us` too much, as without a battery."""

    boot: Boot
    since_us: int
    until_us: int
    kept_us: int
    clean: bool
    set_us: int = 0
    wrong_us: int = 0

    def wrong(self, true_us: int) -> int:
        return self.wrong_us if true_us < self.set_us else 0


class Clock:
    """The county's UTC, which all its machines show: what it was set ahead by, when."""

    def __init__(self, history: Sequence[Now]) -> None:
        self._at = [now.at_us for now in history]
        self._ahead_us = [now.clock_ms * 1000 for now in history]

    def ahead(self, true_us: int) -> int:
        return self._ahead_us[max(0, bisect_right(self._at, true_us) - 1)]

    def shown(self, true_us: int) -> int:
        return true_us + self.ahead(true_us)

    @cached_property
    def steps(self) -> list[tuple[int, int]]:
        """(true instant, by how much), in order."""
        changes = zip(pairwise(self._ahead_us), self._at[1:], strict=True)
        return [(at, after - before) for (before, after), at in changes if after != before]


@dataclass(frozen=True)
class Diary:
    """One agent's. `link` and `vantage` as its events name it; `end_us`: when it is stopped cleanly, after all is over."""

    link: str
    vantage: str
    interval_us: int
    agent: Agent
    clock: Clock
    end_us: int
    chance: random.Random

    @cached_property
    def wakings(self) -> tuple[Waking, ...]:
        boots: dict[int, Boot] = {}
        return tuple(self._waking(life, boots) for life in self.agent.lives)

    def _waking(self, life: Life, boots: dict[int, Boot]) -> Waking:
        chance = self.chance
        is_new = life.boot not in boots and not life.first
        if life.boot not in boots:
            uptime_us = chance.randrange(10**9, 10**12) if life.first else chance.randrange(0, 200_000)
            boots[life.boot] = Boot(f"{chance.getrandbits(128):032x}", life.since_us - uptime_us)
        # A first life began a little before all were heard.
        since_us = life.since_us + (-3_000_000 if life.first else chance.randrange(250_000, 2_500_000))
        until_us = self.end_us if life.until_us is None else life.until_us
        one = Waking(boots[life.boot], since_us, until_us, self._kept(life, until_us), life.until_us is None)
        lives_on = until_us - since_us > 2 * _NTP_US
        return self._without_battery(one) if is_new and lives_on and chance.random() < _FLAT_BATTERIES else one

    def _without_battery(self, one: Waking) -> Waking:
        """Not while the county's own clock is set about: what is right is asked of that one."""
        wrong_us = 0 if self.clock.steps else -self.chance.randrange(10**6, 10**10)
        return replace(one, set_us=one.since_us + self.chance.randrange(10**6, _NTP_US), wrong_us=wrong_us)

    def _kept(self, life: Life, until_us: int) -> int:
        """Until when its records outlived it: with a full disk, those after some point did not."""
        room = True
        kept_us = until_us
        for since_us, site in self.agent.moments:
            if since_us < until_us and room and not site.room:
                kept_us = since_us + self.chance.randrange(0, max(1, until_us - since_us))
            elif since_us < until_us and site.room:
                kept_us = until_us
            room = site.room
        return kept_us if life.until_us is not None else until_us

    def events(self) -> Iterator[Event]:
        """In the order of telling. A life that ends before its first record tells nothing."""
        last: Waking | None = None
        mains_off = Held()
        for one in self.wakings:
            if one.since_us >= one.until_us:
                continue
            told = [*self._begins(one, last), *self._mains(one, mains_off), *self._steps(one)]
            if one.clean:
                told.append(self._event(one, "stop", one.until_us, "reason=SIGTERM"))
            yield from (event for true_us, event in told if true_us <= one.kept_us)
            last = one

    def _begins(self, one: Waking, last: Waking | None) -> Iterator[tuple[int, Event]]:
        if last is not None:
            beat_us = last.until_us - self.chance.randrange(0, self.interval_us)
            yield (
                one.since_us,
                self._event(last, "heartbeat", max(beat_us, last.since_us), f"interval_ms={self.interval_us // 1000}")[1],
            )
            if last.boot != one.boot:
                yield self._event(one, "boot", one.since_us, "")
        yield self._event(one, "start", one.since_us, f"version={_VERSION}")

    def _steps(self, one: Waking) -> Iterator[tuple[int, Event]]:
        """Of the clock. That it is disciplined after a step is told, where it is told at all, only of the right clock."""
        if one.wrong_us:
            detail = f"delta_ms={-one.wrong_us // 1000};synced=1"
            yield self._event(one, "clock_step", one.set_us + self.chance.randrange(50, 2_000), detail)
        for true_us, delta_us in self.clock.steps:
            if one.since_us <= true_us < one.until_us:
                synced = int(self.clock.ahead(true_us) == 0 and self.chance.random() < 0.5)
                seen_us = true_us + self.chance.randrange(50, 2_000)
                yield self._event(one, "clock_step", seen_us, f"delta_ms={delta_us // 1000};synced={synced}")

    def _mains(self, one: Waking, held: "Held") -> Iterator[tuple[int, Event]]:
        """The first reading of a life, and each that differs from the one before; see jinbao_agent.mains."""
        if not self.agent.has_ups:
            return
        seen: tuple[bool, int] | None = None
        at_us = one.since_us + self.chance.randrange(20_000, 80_000)
        while at_us < one.until_us:
            on = self.agent.site(at_us).mains
            if seen is None or seen[0] != on:
                since_us = one.since_us if seen is None and not on else seen[1] if seen else None
                bound = "" if since_us is None else f";within_ms={(at_us - since_us + 999) // 1000}"
                over = on and held.boot not in ("", one.boot.name)
                if not over:
                    held.boot, held.at_us = ("", 0) if on else (one.boot.name, at_us)
                    yield self._event(
                        one,
                        "mains_on" if on else "mains_off",
                        at_us,
                        f"status={'OL' if on else 'OB DISCHRG'};charge=100{bound}",
                    )
            seen = on, at_us
            at_us += _POLL_US + self.chance.randrange(500, 20_000)

    def _event(self, one: Waking, name: str, true_us: int, detail: str) -> tuple[int, Event]:
        mono = f"mono_ns={one.boot.boottime(true_us) * 1000}"
        event = Event(
            link=self.link,
            vantage=self.vantage,
            at_us=self.clock.shown(true_us) + one.wrong(true_us),
            event=name,
            boot=one.boot.name,
            detail=f"{detail};{mono}" if detail else mono,
        )
        return true_us, event


@dataclass
class Held:
    """What the spool remembers of a mains_off without its mains_on."""

    boot: str = ""
    at_us: int = 0
