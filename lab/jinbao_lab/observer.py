"""What the two ends of every line would hear and know, interval by interval, if they asked without pause (judgement R2, R3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, pairwise

from jinbao_lab import nature
from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.defects import Answer, Mute, Spoilt
from jinbao_lab.faults import FAULTS
from jinbao_lab.hearing import DOWN, UNKNOWN, UP, Heard, Known, Rule, knowledge
from jinbao_lab.lives import EITHER, NO, YES, Agent, Maybe, agent
from jinbao_lab.nature import Now
from jinbao_lab.truth import Truth

_GRACE_US = 10_000_000  # what the lab's contract grants after a proven power cut


@dataclass(frozen=True, slots=True)
class Trouble:
    """Intervals [first, last) of the grid in which a line (or, by scope, its service) is or may be down, and in between is not
    known up. `certain` are those in which it is down whatever the sampling, in groups between which it may be up."""

    scope: str
    first: int
    last: int
    certain: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Observer:
    """Nature on a grid: in each interval [cuts[i], cuts[i + 1]) nothing changes."""

    truth: Truth
    grace_us: int = _GRACE_US

    @cached_property
    def county(self) -> County:
        return nature.county_of(self.truth)

    @cached_property
    def history(self) -> tuple[Now, ...]:
        return nature.history(self.truth)

    @cached_property
    def agents(self) -> Mapping[str, Agent]:
        with_ups = {fault.on for fault in self.truth.faults if FAULTS[fault.kind].ups}
        places = (*self.county.townships, EVERYWHERE)
        climb_us = self.rule.interval_us + self.rule.late_us
        return {one: agent(one, self.history, has_ups=one in with_ups, climb_us=climb_us) for one in places}

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        since, to = self.truth.since_us, self.truth.to_us
        found = {since, self.truth.from_us, to, *(now.at_us for now in self.history)}
        found |= {at for notice in self.truth.notices for at in (notice.from_us, notice.to_us)}
        found |= {at for one in self.agents.values() for at in one.cuts(self.grace_us, self.rule.fading_us)}
        found |= {after.at_us - self.rule.tail_us for before, after in pairwise(self.history) if _thins(before)}
        # A little beyond the end: the judge looks ahead, too.
        last = to + 4 * self.rule.interval_us
        return tuple(sorted(at for at in found | {last} if since <= at <= last))

    @property
    def starts(self) -> tuple[int, ...]:
        return self.cuts[:-1]

    @cached_property
    def rule(self) -> Rule:
        return Rule(self.truth.interval_ms * 1000)

    @cached_property
    def now(self) -> list[Now]:
        """Nature in each interval."""
        found, at = [], 0
        for start in self.starts:
            while at + 1 < len(self.history) and self.history[at + 1].at_us <= start:
                at += 1
            found.append(self.history[at])
        return found

    def is_noticed(self, kind: str, township: str, at_us: int) -> bool:
        code = self.county.code(township)
        mine = (one for one in self.truth.notices if one.kind == kind and code in one.links)
        return any(one.from_us <= at_us < one.to_us for one in mine)

    @cached_property
    def recorded(self) -> Mapping[str, list[bool | None]]:
        return {place: [one.records(at) for at in self.starts] for place, one in self.agents.items()}

    @cached_property
    def mains_off(self) -> Mapping[str, list[Maybe]]:
        return {place: one.mains_off(self.starts) for place, one in self.agents.items()}

    def heard(self, place: str, vantage: str, rung: str) -> list[Heard]:
        """What the agent of that end gets of a rung. A refusal is an answer of the line, and none of the service."""
        key = place, vantage, rung
        if key not in self._heard:
            who = place if vantage == "township" else EVERYWHERE
            recorded = self.recorded[who]
            self._heard[key] = [self._hear(now, *key, known) for now, known in zip(self.now, recorded, strict=True)]
        return self._heard[key]

    @cached_property
    def _heard(self) -> dict[tuple[str, str, str], list[Heard]]:
        return {}

    def _hear(self, now: Now, place: str, vantage: str, rung: str, recorded: bool | None) -> Heard:
        if recorded is False or (rung, vantage, self.truth.app_unprobed) == ("app", "county", True):
            return Heard(None, False)
        came = self.answer(now, place, vantage, rung)
        if came is not Answer.SOME:
            return Heard(came is Answer.REPLY, recorded)
        spoilers = list(nature.spoilers(self.county, now, place, vantage, rung))
        # Two thinnings fall together as they like: then three in a row may fail.
        return Heard(None, recorded, wild=len(spoilers) > 1)

    def answer(self, now: Now, place: str, vantage: str, rung: str) -> Answer:
        return nature.answer(self.county, now, place, vantage, rung)

    def known(self, place: str, vantage: str, rung: str) -> list[Known]:
        return knowledge(self.heard(place, vantage, rung), self.cuts, self.rule)

    @cached_property
    def states(self) -> Mapping[str, list[Known]]:
        """Of each line: the reference where it is known, else the substitute where the county's gw and ce are not down."""
        site = [self.known(EVERYWHERE, "county", rung) for rung in ("gw", "ce")]
        return {one: list(self._states(one, site)) for one in self.county.townships}

    def _states(self, township: str, site: Sequence[list[Known]]) -> Iterator[Known]:
        references, substitutes = self.known(township, "township", "core"), self.known(township, "county", "cpe")
        for reference, substitute, *rungs in zip(references, substitutes, *site, strict=True):
            if None not in reference:
                yield reference
                continue
            usable = not any(rung == {False} for rung in rungs)
            blind = Known({None}) if any(False in rung for rung in rungs) else Known()
            yield (reference - {None}) | (substitute if usable else Known()) | blind

    @cached_property
    def services(self) -> Mapping[str, list[Known]]:
        """Down (False) where the service is down and its line is not; the service by itself is up (True) everywhere else."""
        return {one: list(self._services(one)) for one in self.county.townships}

    def _services(self, township: str) -> Iterator[Known]:
        for line, service in zip(self.states[township], self.known(township, "township", "app"), strict=True):
            may_be_down = False in service and line != DOWN
            must_be_down = service == DOWN and False not in line
            yield DOWN if must_be_down else UP | DOWN if may_be_down else UP

    def troubles(self, township: str) -> Iterator[Trouble]:
        yield from self._troubles("link", self.states[township])
        answered = self.known(township, "township", "app")
        # Behind a line that is down a service is not known to be up, so its outage goes on.
        hidden = (own == UP and True not in service for own, service in zip(self.services[township], answered, strict=True))
        own = [UNKNOWN if hides else state for state, hides in zip(self.services[township], hidden, strict=True)]
        yield from self._troubles("service", own)

    def _troubles(self, scope: str, states: Sequence[Known]) -> Iterator[Trouble]:
        first: int | None = None
        for at in range(len(states) + 1):
            ended = at == len(states) or (True in states[at] and False not in states[at])
            if not ended and first is None and False in states[at]:
                first = at
            elif ended and first is not None:
                yield Trouble(scope, first, at, tuple(_certain(states, first, at)))
                first = None

    def share(self, place: str, vantage: str, rung: str, of: str, until: int) -> tuple[float, float] | None:
        """Least and most of a rung's answers while the line `of` was up, before interval `until`; None without any."""
        least, most, asked = self._sums(place, vantage, rung, of)[until]
        return (least / asked, most / asked) if asked else None

    def _sums(self, place: str, vantage: str, rung: str, of: str) -> list[tuple[float, float, int]]:
        key = place, vantage, rung, of
        if key not in self._shares:
            sums = [(0.0, 0.0, 0)]
            spans = zip(self.cuts, self.cuts[1:], strict=False)
            for heard, state, (since, until) in zip(self.heard(*key[:3]), self.states[of], spans, strict=True):
                low, high, asked = sums[-1]
                length = until - since if True in state and heard.recorded is not False else 0
                few, many = {True: (1.0, 1.0), False: (0.0, 0.0), None: (0.45, 0.9)}[heard.answers]
                sums.append((low + few * length, high + many * length, asked + length))
            self._shares[key] = sums
        return self._shares[key]

    @cached_property
    def _shares(self) -> dict[tuple[str, str, str, str], list[tuple[float, float, int]]]:
        return {}

    def silent(self, place: str, vantage: str, rung: str, of: str, onset: int) -> Maybe:
        """Whether a rung counts as one that never answers: under half before the onset. Near half, the sampling decides."""
        share = self.share(place, vantage, rung, of, onset)
        if share is None or share[0] > 0.6:
            return NO
        return YES if share[1] < 0.4 else EITHER


def _thins(now: Now) -> bool:
    return any((isinstance(one, Spoilt) and one.thins) or (isinstance(one, Mute) and one.half) for one in now.defects)


def _certain(states: Sequence[Known], first: int, last: int) -> Iterator[tuple[int, ...]]:
    for may_be_up, members in groupby(range(first, last), key=lambda at: True in states[at]):
        down = tuple(at for at in members if states[at] == DOWN)
        if down and not may_be_up:
            yield down


@lru_cache(maxsize=2)
def observer_of(truth: Truth) -> Observer:
    """Whoever asks next about the same truth has it already."""
    return Observer(truth)
