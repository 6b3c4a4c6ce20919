"""What a series of probes lets one know of a rung, if nature is known: the rule of n = 3 (judgement R2) put to nature itself.

Nature's run of failing or answering gives a number of samples that depends on where the probing grid lies. So a run is told
for certain only when it is long enough wherever the grid lies, and unseen for certain only when it is too short wherever it
lies; in between both are right. What may be known is therefore a set.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Known = frozenset[bool | None]
"""What judgement may hold true: up (True), down (False), unknown (None)."""

UP, DOWN, UNKNOWN = frozenset({True}), frozenset({False}), frozenset({None})
_SHORT_GAP = 5  # T: after a gap of less, the state before it may still stand


class Heard(NamedTuple):
    """In one interval: `answers` True, False, or None where some do and some do not, never three in a row alike of the bad
    ones; `wild`: not even that is sure. `recorded` False where nobody records, None where that cannot be told."""

    answers: bool | None
    recorded: bool | None = True
    wild: bool = False


@dataclass(frozen=True, slots=True)
class _Run:
    heard: Heard
    since_us: int
    until_us: int
    members: int

    @property
    def length(self) -> int:
        return self.until_us - self.since_us


@dataclass(frozen=True, slots=True)
class Rule:
    """n = 3 on a grid of T whose probes leave up to T/20 late, microseconds."""

    interval_us: int

    @property
    def late_us(self) -> int:
        return self.interval_us // 20

    @property
    def always_us(self) -> int:
        """A run as long as this turns the state."""
        return 3 * self.interval_us + self.late_us

    @property
    def never_us(self) -> int:
        """A run as short as this does not."""
        return 2 * self.interval_us - self.late_us

    @property
    def once_us(self) -> int:
        """A run as long as this has a sample in it."""
        return self.interval_us + self.late_us

    @property
    def fading_us(self) -> int:
        """A dead agent counts as silent after this: 1.5 T after its last record, from the next sample on."""
        return self.interval_us * 5 // 2 + self.late_us

    @property
    def tail_us(self) -> int:
        """What answers now and then may have failed so long when it fails for good."""
        return 2 * self.interval_us + self.late_us


def knowledge(heard: Sequence[Heard], cuts: Sequence[int], rule: Rule) -> list[Known]:
    """What may be known in each interval; `cuts` are their edges, one more than intervals."""
    runs = list(_runs(heard, cuts))
    found: list[Known] = []
    state, fresh = Known(), True
    for at, run in enumerate(runs):
        if run.heard.recorded is False:
            told: Known = UNKNOWN
            fresh = True
            state = state if run.length < _SHORT_GAP * rule.interval_us else Known()
        else:
            ends = at + 1 < len(runs) and runs[at + 1].heard.recorded is False
            told = _told(run, state, rule, fresh=fresh or ends, alone=_stands_alone(runs, at, rule))
            fresh = fresh and (run.heard.answers is None or not _is_sure(run, rule))
            state = told
        found += [told] * run.members
        if run.heard.answers is None and at + 1 < len(runs) and runs[at + 1].heard.answers is False:
            _may_have_failed(found, run, cuts, rule)
    return found


def _may_have_failed(found: list[Known], run: _Run, cuts: Sequence[int], rule: Rule) -> None:
    """The last results before it fails for good may have been failures too."""
    for at in range(len(found) - run.members, len(found)):
        if cuts[at] >= run.until_us - rule.tail_us:
            found[at] |= DOWN


def _runs(heard: Sequence[Heard], cuts: Sequence[int]) -> Iterator[_Run]:
    first = 0
    for at in range(1, len(heard) + 1):
        if at == len(heard) or not _alike(heard[at], heard[first]):
            yield _Run(heard[first], cuts[first], cuts[at], at - first)
            first = at


def _alike(one: Heard, other: Heard) -> bool:
    return one == other or one.recorded is other.recorded is False


def _is_sure(run: _Run, rule: Rule) -> bool:
    return run.heard.recorded is True and run.length >= rule.always_us


def _told(run: _Run, state: Known, rule: Rule, *, fresh: bool, alone: bool) -> Known:
    """`fresh`: without equal results before or after it, nothing is known of a run that is too short."""
    heard = run.heard
    nothing = UNKNOWN if fresh or heard.recorded is None else Known()
    if heard.answers is None or heard.wild:
        steady = state == UP and not heard.wild and not fresh
        return (UP if steady else state | UP | DOWN) | nothing
    mine = Known({heard.answers})
    if _is_sure(run, rule):
        return mine
    if not fresh and (state == mine or (len(state) == 1 and alone)):
        return state | nothing
    return state | mine | nothing


def _stands_alone(runs: Sequence[_Run], at: int, rule: Rule) -> bool:
    """Too short to be told, between two of the other kind that are long enough to be seen at all."""
    if runs[at].length > rule.never_us or not 0 < at < len(runs) - 1:
        return False
    sides = (runs[at - 1], runs[at + 1])
    other = Heard(not runs[at].heard.answers)
    return all(side.heard == other and side.length >= rule.once_us for side in sides)
