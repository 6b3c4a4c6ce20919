"""Which way questions were lost: our own count of them beside the reflector's, over an episode of losses.

A reflector numbers the questions it receives. The last answer before the losses and the first one after them so tell how many
of those between arrived; those that arrived and brought no answer were lost on the way back.
"""

from dataclasses import dataclass, field, replace

QUIET = 3
"""Answers in a row that end an episode: as many as it takes to call a line up again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One episode, from its first unanswered question to its last, sent at these instants (microseconds UTC)."""

    from_us: int
    to_us: int
    sent: int
    arrived: int
    returned: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """An answer: to our question `number`, counted as `theirs` in the reflector's session `life`."""

    number: int
    theirs: int
    life: bytes


@dataclass(slots=True)
class _Episode:
    before: _Mark | None
    counts: Counts
    after: list[_Mark] = field(default_factory=list)

    def failed(self, sent_us: int) -> None:
        self.counts = replace(self.counts, to_us=sent_us, returned=self.counts.returned + len(self.after))
        self.after = []

    def told(self) -> Counts | None:
        """None where the reflector began to count anew meanwhile, or had not begun before: then nobody knows."""
        before, after = self.before, self.after[0]
        if before is None or before.life != after.life:
            return None
        sent = after.number - before.number - 1
        # Questions may overtake each other at an edge of the episode.
        arrived = min(max(after.theirs - before.theirs - 1, self.counts.returned), sent)
        return replace(self.counts, sent=sent, arrived=arrived)


@dataclass(slots=True)
class _Fate:
    sent_us: int
    mark: _Mark | None = None
    decided: bool = False


class Tally:
    """The questions of one session. They are judged in the order in which they left, whatever order they end in."""

    def __init__(self) -> None:
        self._open: dict[int, _Fate] = {}
        self._last: _Mark | None = None
        self._episode: _Episode | None = None

    def left(self, number: int, sent_us: int) -> None:
        self._open[number] = _Fate(sent_us)

    def answered(self, number: int, theirs: int, life: bytes) -> list[Counts]:
        """The episodes that this ends."""
        return self._decide(number, _Mark(number, theirs, life))

    def failed(self, number: int) -> list[Counts]:
        """No answer in time. It ends no episode itself, but answers to later questions may have waited for it."""
        return self._decide(number, None)

    def late(self) -> None:
        """An answer after the question had been given up: it was on its way, not lost."""
        if self._episode is not None:
            counts = self._episode.counts
            self._episode.counts = replace(counts, returned=counts.returned + 1)

    def spoilt(self) -> None:
        """Answers were lost in our own machine: what was counted says nothing of the line."""
        self._open.clear()
        self._last = self._episode = None

    def _decide(self, number: int, mark: _Mark | None) -> list[Counts]:
        if number not in self._open:
            return []
        fate = self._open[number]
        fate.mark, fate.decided = mark, True
        told = []
        for first in [*self._open]:
            fate = self._open[first]
            if not fate.decided:
                break
            del self._open[first]
            told.append(self._judge(fate))
        return [counts for counts in told if counts is not None]

    def _judge(self, fate: _Fate) -> Counts | None:
        mark, episode = fate.mark, self._episode
        if mark is None:
            if episode is None:
                episode = self._episode = _Episode(self._last, Counts(fate.sent_us, fate.sent_us, 0, 0, 0))
            episode.failed(fate.sent_us)
            return None
        self._last = mark
        if episode is None:
            return None
        episode.after.append(mark)
        if len(episode.after) < QUIET:
            return None
        self._episode = None
        return episode.told()
