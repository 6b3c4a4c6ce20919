"""The all-knowing observer: what must be said of every link at every instant, from nature alone (judgement R3, R4).

He has the same two ends to ask from as the judge, but asks without pause and knows what happened. Where the instants of the
samples decide (an agent that is just starting, a hop that answers every other ping), several things may be said: what he says
of an instant is a set. Nothing of the judge's own code is in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from jinbao_lab.exact import exact_windows
from jinbao_lab.observer import Observer, Trouble, observer_of
from jinbao_lab.possible import Grace, Looks
from jinbao_lab.rulebook import FINDINGS, ON_BATTERY, Finding
from jinbao_lab.traces import Traces, traces
from jinbao_lab.truth import Span, Truth

UP, UNKNOWN, UNTOLD = "up", "unknown", "unknown inside an exclusion"
"""The statement lists no UNTOLD time: there its line looks up."""
Said = frozenset[Finding | str]
"""What may be said of an instant: a finding where the line (or its service) is down, else UP, UNKNOWN or UNTOLD."""


@dataclass(frozen=True, slots=True)
class Piece:
    """[since, until), microseconds UTC, with what may be said in it."""

    since_us: int
    until_us: int
    may: Said

    @property
    def length(self) -> int:
        return self.until_us - self.since_us


@dataclass(frozen=True, slots=True)
class Outage:
    """All of `certain` is down, microseconds UTC, and nothing between can be up: it is one."""

    scope: str
    certain: tuple[Span, ...]


def _nothing(scope: str, since_us: int, until_us: int) -> Said:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Ideal:
    """Of one link, by scope (`link`, `service`): its pieces cover all time from the first data to the end once; `service` says
    UP wherever the service is not down by itself. Every exact instant of the ledger and of events lies in one of `exact`.

    `mixed` says, of a scope and [since, until), what a look may say whose samples were taken at different instants of that
    time. It is asked, not kept: it is dear, and hardly ever matters.
    """

    township: str
    pieces: Mapping[str, tuple[Piece, ...]]
    outages: tuple[Outage, ...]
    traces: Traces
    exact: tuple[Span, ...] = ()
    mixed: Callable[[str, int, int], Said] = field(default=_nothing, compare=False, repr=False)


def ideal(truth: Truth) -> dict[str, Ideal]:
    """By township."""
    observer = observer_of(truth)
    return {township: _Link(observer, township).ideal() for township in observer.county.townships}


class _Link:
    def __init__(self, observer: Observer, township: str) -> None:
        self.observer, self.township = observer, township
        self._graces: tuple[Grace, ...] = ()

    def ideal(self) -> Ideal:
        troubles = tuple(self.observer.troubles(self.township))
        return Ideal(
            self.township,
            {scope: tuple(self._pieces(scope, troubles)) for scope in ("link", "service")},
            tuple(self._outage(trouble.scope, down) for trouble in troubles for down in trouble.certain),
            traces(self.observer, self.township),
            exact_windows(self.observer, self.township),
            lambda scope, since, until: self._mixed([one for one in troubles if one.scope == scope], since, until),
        )

    def _pieces(self, scope: str, troubles: Iterable[Trouble]) -> Iterator[Piece]:
        observer = self.observer
        states = observer.states[self.township] if scope == "link" else observer.services[self.township]
        rows = {at: found for one in troubles if one.scope == scope for at, found in self._rows(one, states).items()}
        told = (self._said(at, state, rows.get(at, frozenset())) for at, state in enumerate(states))
        spans = ((since, until, said) for (since, until), said in zip(pairwise(observer.cuts), told, strict=True))
        for said, alike in groupby(spans, key=lambda one: one[2]):
            members = list(alike)
            yield Piece(members[0][0], members[-1][1], said)

    def _rows(self, trouble: Trouble, states: "list[frozenset[bool | None]]") -> dict[int, frozenset[str]]:
        """The rows that may be found wherever the line may be down; a grace that they prove changes those after it."""
        down = [at for at in range(trouble.first, trouble.last) if False in states[at]]
        found = self._looked(trouble, down)
        if trouble.scope == "link":
            granted = tuple(dict.fromkeys((*self._graces, *self._granted(found))))
            if granted != self._graces:
                self._graces = granted
                found = self._looked(trouble, down)
        return found

    def _looked(self, trouble: Trouble, down: list[int]) -> dict[int, frozenset[str]]:
        looks = Looks(self.observer, self.township, trouble, self._graces)
        return {at: looks.rows(at) for at in down}

    def _mixed(self, troubles: Iterable[Trouble], since_us: int, until_us: int) -> Said:
        cuts = self.observer.cuts
        around = [at for at in range(len(cuts) - 1) if since_us < cuts[at + 1] and cuts[at] < until_us]
        near = (one for one in troubles if around and one.first <= around[-1] and around[0] < one.last)
        looks = (Looks(self.observer, self.township, one, self._graces) for one in near)
        return frozenset(self._finding(row) for one in looks for row in one.mixed_rows(around))

    def _granted(self, rows: Mapping[int, frozenset[str]]) -> Iterator[Grace]:
        agent = self.observer.agents[self.township]
        for at, found in rows.items():
            start = self.observer.starts[at]
            for row, end in (("5", agent.mains_return), ("6", agent.next_boot)):
                between = end(start) if row in found else None
                if between is not None:
                    yield Grace(*between, sure=len(found) == 1 and at in self._certain)

    def _said(self, at: int, state: frozenset[bool | None], rows: frozenset[str]) -> Said:
        sayings: set[Finding | str] = set(map(self._finding, rows))
        if True in state:
            sayings.add(UP)
        if None in state:
            excluded = self.observer.is_noticed("exclusion", self.township, self.observer.starts[at])
            sayings.add(UNTOLD if excluded else UNKNOWN)
        return frozenset(sayings)

    def _finding(self, row: str) -> Finding:
        blind_to_mains = self.township in self.observer.truth.battery and not self.observer.agents[self.township].has_ups
        return ON_BATTERY.get(row, FINDINGS[row]) if blind_to_mains else FINDINGS[row]

    @property
    def _certain(self) -> frozenset[int]:
        states = self.observer.states[self.township]
        return frozenset(at for at, state in enumerate(states) if state == {False})

    def _outage(self, scope: str, down: tuple[int, ...]) -> Outage:
        cuts = self.observer.cuts
        spans: list[Span] = []
        for at in down:
            if spans and spans[-1][1] == cuts[at]:
                spans[-1] = spans[-1][0], cuts[at + 1]
            else:
                spans.append((cuts[at], cuts[at + 1]))
        return Outage(scope, tuple(spans))
