"""Where a link has exact instants: the ledger's and the events' (judgement R4.1).

No cause spreads across one (R4.2), so what lies between it and an edge found by samples may be too short to be told from its
neighbour on the same side.
"""

from collections.abc import Iterator

from jinbao_lab.county import EVERYWHERE
from jinbao_lab.lives import MAINS_US, START_US
from jinbao_lab.observer import Observer
from jinbao_lab.truth import Span


def exact_windows(observer: Observer, township: str) -> tuple[Span, ...]:
    """Each exact instant lies in one of these, microseconds UTC; where an agent starts nobody knows when exactly."""
    return tuple(sorted((*_stated(observer, township), *_of_agent(observer, township), *_of_agent(observer, EVERYWHERE))))


def _stated(observer: Observer, township: str) -> Iterator[Span]:
    code = observer.county.code(township)
    for notice in observer.truth.notices:
        if code in notice.links:
            yield from ((at, at) for at in (notice.from_us, notice.to_us))


def _of_agent(observer: Observer, place: str) -> Iterator[Span]:
    agent, grace = observer.agents[place], observer.grace_us
    for life in agent.lives:
        if not life.first:
            yield life.since_us, life.since_us + START_US + MAINS_US
            yield life.since_us + grace, life.since_us + START_US + MAINS_US + grace
    for at in agent.mains_turns():
        yield at - MAINS_US, at + MAINS_US
        yield at + grace, at + MAINS_US + grace
