"""Loss, latency and its variation on the reference series (RFC 2330 section 11.3, RFC 3393, RFC 5481; methods A4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from jinbao_collector.series import NONE, Ints
from jinbao_reports.interval import Spans
from jinbao_reports.rung import CloseUp, Rung
from jinbao_reports.timeline import Bools

_NONE: Ints = np.zeros(0, np.int32)  # the narrowest, so that it widens no column
_J_MEMORY = 1000
"""Pairs that still move RFC 1889's J: (15/16)^1000 is below 1e-28."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Round trips in microseconds. None: not defined, as nothing arrived."""

    sent: int
    lost: int
    n: int
    percentiles: dict[int, int]
    median: Fraction | None
    least: int | None
    ipdv_mean_abs: Fraction | None
    jitter: Fraction | None

    @property
    def loss(self) -> Fraction | None:
        return Fraction(self.lost, self.sent) if self.sent else None

    @property
    def pdv_p99(self) -> int | None:
        return None if self.least is None else self.percentiles[99] - self.least


NOTHING_ASKED = Quality(0, 0, 0, {}, None, None, None, None)


def quality(rung: Rung, spans: Spans) -> Quality:
    """Over the samples whose instants lie in `spans`."""
    sent = lost = 0
    arrived, steps = [_NONE], [_NONE]
    for span in spans:
        before: tuple[int, int] | None = None
        for part in rung.close_ups(*span):
            good = part.results.ok & (part.series.rtt != NONE)
            sent, lost = sent + len(good), lost + len(good) - int(part.results.ok.sum())
            arrived.append(part.series.rtt[good])
            steps += _steps(part, good, before)
            if len(good):
                reach = int(part.results.at[-1]) + 3 * int(part.results.interval[-1]) // 2
                before = (reach, int(part.series.rtt[-1])) if good[-1] else None
    rtt, step = np.sort(np.concatenate(arrived)), np.concatenate(steps)
    return Quality(
        sent=sent,
        lost=lost,
        n=len(rtt),
        percentiles={percent: percentile(rtt, percent) for percent in (50, 95, 99)} if len(rtt) else {},
        median=_median(rtt),
        least=int(rtt[0]) if len(rtt) else None,
        ipdv_mean_abs=Fraction(int(step.sum()), len(step)) if len(step) else None,
        jitter=_jitter(step),
    )


def _steps(part: CloseUp, good: Bools, before: tuple[int, int] | None) -> Iterator[Ints]:
    """|IPDV| of consecutive samples that both arrived, without a gap between.

    `before`: how far the last sample of the part before may hold, and its round trip.
    """
    at, held, rtt = part.results.at, part.results.held, part.series.rtt
    if before is not None and len(good) and good[0] and at[0] <= before[0]:
        yield np.array([abs(int(rtt[0]) - before[1])], np.int64)
    paired = good[1:] & good[:-1] & (held[:-1] == at[1:])
    yield np.abs(np.diff(rtt))[paired]


def _jitter(steps: Ints) -> Fraction | None:
    """RFC 1889's J after the last of them."""
    if not len(steps):
        return None
    jitter = 0.0
    for step in steps[-_J_MEMORY:].tolist():
        jitter += (step - jitter) / 16
    return Fraction(jitter)


def percentile(ordered: Ints, percent: int) -> int:
    """The smallest x whose empirical distribution reaches `percent` (RFC 2330: no interpolation)."""
    return int(ordered[max(-(-percent * len(ordered) // 100), 1) - 1])


def _median(ordered: Ints) -> Fraction | None:
    if not len(ordered):
        return None
    return Fraction(int(ordered[(len(ordered) - 1) // 2]) + int(ordered[len(ordered) // 2]), 2)
