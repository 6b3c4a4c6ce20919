"""The lives of the agents: when each records, in which boot, and what it knows of the mains. Sets where it cannot be told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinbao_lab.nature import Now, SiteNow

START_US = 5_000_000
"""A process that was started records its first probe within this; when exactly cannot be told."""
MAINS_US = 2_500_000
"""An agent asks its UPS every second in the lab, and knows of a turn within this."""

Maybe = frozenset[bool]
YES, NO, EITHER = Maybe({True}), Maybe({False}), Maybe({True, False})


@dataclass(frozen=True, slots=True)
class Life:
    """One run of an agent's process; `until_us` None: to the end. `first`: it ran before all began."""

    since_us: int
    until_us: int | None
    boot: int
    first: bool

    def lives(self, at_us: int) -> bool:
        return self.since_us <= at_us and (self.until_us is None or at_us < self.until_us)

    @property
    def is_short(self) -> bool:
        """It may end before it recorded anything."""
        return self.until_us is not None and not self.first and self.until_us - self.since_us < START_US


@dataclass(frozen=True)
class Agent:
    """One site's agent through a history. A ladder is recorded `climb_us` after it was begun at the latest: when the last rung
    is back or given up, and the disk has it."""

    moments: tuple[tuple[int, SiteNow], ...]
    lives: tuple[Life, ...]
    has_ups: bool
    climb_us: int

    def site(self, at_us: int) -> SiteNow:
        """As it is then; before all began, as it was then."""
        return next((site for since_us, site in reversed(self.moments) if since_us <= at_us), self.moments[0][1])

    def cuts(self, grace_us: int, fading_us: int) -> Iterator[int]:
        """Where what is known of it changes, and where a grace that it grants would begin and end."""
        for life in self.lives:
            if not life.first:
                starts = life.since_us, life.since_us + START_US, life.since_us + START_US + MAINS_US
                yield from (*starts, *(at + grace_us for at in starts))
            if life.until_us is not None:
                yield life.until_us - self.climb_us
                yield life.until_us + fading_us
        for at_us in self.mains_turns():
            turns = at_us, at_us + MAINS_US
            yield from (*turns, *(at + grace_us for at in turns))

    def mains_turns(self) -> Iterator[int]:
        """When the mains goes and comes, where a UPS tells of it."""
        if self.has_ups:
            yield from (at for (_, before), (at, site) in pairwise(self.moments) if before.mains != site.mains)

    def life(self, at_us: int) -> Life | None:
        return next((life for life in self.lives if life.lives(at_us)), None)

    def records(self, at_us: int) -> bool | None:
        """None: perhaps not yet, or only in memory that will be lost with it."""
        life = self.life(at_us)
        if life is None:
            return False
        starting = not life.first and at_us < life.since_us + START_US
        ending = life.until_us is not None and at_us >= life.until_us - self.climb_us
        return None if starting or ending or self._is_lost(life, at_us) else True

    def _is_lost(self, life: Life, at_us: int) -> bool:
        """Its disk is full, and has no room before it ends."""
        if life.until_us is None or self.site(at_us).room:
            return False
        return not any(site.room for since_us, site in self.moments if at_us < since_us < life.until_us)

    def fades(self, at_us: int, lasting_us: int) -> bool:
        """Whether it died just before: its last records still prove it alive, though they tell nothing any more."""
        return any(
            life.until_us is not None and life.until_us - self.climb_us <= at_us < life.until_us + lasting_us
            for life in self.lives
        )

    def returns(self, at_us: int) -> tuple[Maybe, Maybe]:
        """While nothing is recorded: (whether another boot follows, whether it ever comes back)."""
        now = self.life(at_us)
        waking = now is not None and not now.first and at_us < now.since_us + START_US
        last = [life for life in self.lives if life.since_us <= at_us and not (waking and life is now)][-1]
        later = [life for life in self.lives if life.since_us > last.since_us]
        if any(life.is_short for life in later):
            return EITHER, EITHER
        return Maybe({any(life.boot != last.boot for life in later)}), Maybe({bool(later)})

    def mains_off(self, instants: Sequence[int]) -> list[Maybe]:
        """Whether it holds that the mains is off, at each instant in order."""
        found, held = [], NO
        for at_us in instants:
            held = self._held(held, at_us)
            found.append(held)
        return found

    def _held(self, before: Maybe, at_us: int) -> Maybe:
        life = self.life(at_us)
        if not self.has_ups or life is None:
            return before
        truth = Maybe({not self.site(at_us).mains})
        turned = max((at for at in self.mains_turns() if at <= at_us), default=0)
        starting = not life.first and at_us < life.since_us + START_US + MAINS_US
        # A mains_off ends with its boot: until the next has asked its UPS, none is in force.
        if starting:
            return before | truth | NO
        return before | truth if at_us < turned + MAINS_US and not self._is_dated(turned, life) else truth

    def _is_dated(self, turn_us: int, life: Life) -> bool:
        """The mains went, and what the UPS tells later says since when: nothing turned again before, and the agent lived."""
        again = any(turn_us < at < turn_us + MAINS_US for at in self.mains_turns())
        lived = life.until_us is None or life.until_us > turn_us + MAINS_US
        return lived and not again and not self.site(turn_us).mains

    def mains_return(self, at_us: int) -> tuple[int, int] | None:
        """Between when a mains_off that is in force ends: with the word of the UPS, or with a new boot's first record."""
        here = self.life(at_us) or [life for life in self.lives if life.since_us <= at_us][-1]
        reboots = [life.since_us for life in self.lives if life.since_us > at_us and life.boot != here.boot]
        told = (self._told(at) for at in self.mains_turns() if self.site(at).mains)
        turns = [one for one in told if one is not None and one[1] > at_us]
        return min([(at, at + START_US) for at in reboots[:1]] + turns[:1], default=None)

    def _told(self, turn_us: int) -> tuple[int, int] | None:
        """Between when a turn of the mains is told; where no agent lives, by its next life."""
        if self.life(turn_us):
            return turn_us, turn_us + MAINS_US
        later = (life.since_us for life in self.lives if life.since_us > turn_us)
        return next(((at, at + START_US + MAINS_US) for at in later), None)

    def next_boot(self, at_us: int) -> tuple[int, int] | None:
        """Between when the first record of another boot lies."""
        past = [life for life in self.lives if life.since_us <= at_us]
        waking = past[-1].lives(at_us) and not past[-1].first and at_us < past[-1].since_us + START_US
        last = past[-2] if waking and len(past) > 1 else past[-1]
        later = (life.since_us for life in self.lives if life.since_us > last.since_us and life.boot != last.boot)
        return next(((at, at + START_US) for at in later), None)


def agent(place: str, history: Sequence[Now], *, has_ups: bool, climb_us: int) -> Agent:
    moments = [(now.at_us, now.sites[place]) for now in history]
    changes = tuple(moments[:1] + [second for first, second in pairwise(moments) if first[1] != second[1]])
    return Agent(changes, tuple(_lives(changes)), has_ups, climb_us)


def _lives(moments: Sequence[tuple[int, SiteNow]]) -> Iterator[Life]:
    since_us: int | None = None
    boot = 0
    for at_us, site in moments:
        if site.runs and since_us is None:
            since_us, boot = at_us, site.boot
        elif not site.runs and since_us is not None:
            yield Life(since_us, at_us, boot, first=since_us == moments[0][0])
            since_us = None
    if since_us is not None:
        yield Life(since_us, None, boot, first=since_us == moments[0][0])
