"""What is no outage and yet must leave its trace in the figures: flaps, lost samples, long round trips (judgement R2.6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from jinbao_lab import nature
from jinbao_lab.defects import Spoilt
from jinbao_lab.hearing import UP
from jinbao_lab.observer import Observer
from jinbao_lab.truth import Span


@dataclass(frozen=True, slots=True)
class Traces:
    """Of one line's reference. `flaps`: failures too short to turn its state, long enough to be sampled. `lost`: so many of its
    samples at least. `slow_us`: so long some of its round trips take at least; enough of them to be the 99th percentile."""

    flaps: tuple[Span, ...]
    lost: int
    slow_us: int


def traces(observer: Observer, township: str) -> Traces:
    spans = tuple(_spans(observer, township))
    flaps = tuple(span for kind, span in spans if kind == "flap" and _length(span) >= observer.rule.once_us)
    slow = (_slow_us(observer, township, span) for kind, span in spans if kind == "up")
    return Traces(flaps, sum(_lost(observer, township, span) for kind, span in spans if kind == "some"), max(slow, default=0))


def _spans(observer: Observer, township: str) -> Iterator[tuple[str, Span]]:
    """Within the time that is judged and while the line is up: failing, answering now and then, answering; in one damage."""
    heard, states = observer.heard(township, "township", "core"), observer.states[township]
    told = zip(pairwise(observer.cuts), heard, states, observer.now, strict=True)
    words = {False: "flap", None: "some", True: "up"}
    for (state, said, _), alike in groupby(told, key=lambda one: (one[2], one[1], one[3].defects)):
        spans = [span for span, *_ in alike]
        since, until = max(spans[0][0], observer.truth.from_us), min(spans[-1][1], observer.truth.to_us)
        if state == UP and said.recorded and since < until:
            yield words[said.answers], (since, until)


def _length(span: Span) -> int:
    return span[1] - span[0]


def _lost(observer: Observer, township: str, span: Span) -> int:
    """Losses are spread evenly: of m samples in a row one way loses so many at least."""
    worst = max((one.loss for one in _spoilers(observer, township, span)), default=0)
    return (_length(span) // observer.rule.interval_us - 1) * worst // 100


def _slow_us(observer: Observer, township: str, span: Span) -> int:
    """Both ways' least delay, if more than a fiftieth of all samples have it."""
    if 50 * _length(span) < observer.truth.to_us - observer.truth.from_us or _length(span) < 3 * observer.rule.interval_us:
        return 0
    ways = {"both": 2, "up": 1, "down": 1}
    return sum(ways[one.direction] * (one.delay - one.jitter) * 1000 for one in _spoilers(observer, township, span))


def _spoilers(observer: Observer, township: str, span: Span) -> Iterator[Spoilt]:
    now = next(now for start, now in zip(reversed(observer.starts), reversed(observer.now), strict=True) if start <= span[0])
    yield from nature.spoilers(observer.county, now, township, "township", "core")
