"""Loss, latency and its variation on the reference series (RFC 2330 section 11.3, RFC 3393, RFC 5481; methods A4)."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from jinbao_collector.series import Ints
from jinbao_reports.interval import Spans
from jinbao_reports.measured import Rung

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


def quality(rung: Rung, spans: Spans) -> Quality:
    """Over the samples whose instants lie in `spans`."""
    edges = np.array([edge for span in spans for edge in span], np.int64)
    inside = np.searchsorted(edges, rung.results.at, "right") % 2 == 1
    ok = rung.results.ok[inside]
    arrived = ok & (rung.series.rtt[inside] >= 0)
    rtt = np.sort(rung.series.rtt[inside][arrived])
    mean_abs, jitter = _variation(rung, inside)
    return Quality(
        sent=len(ok),
        lost=int((~ok).sum()),
        n=len(rtt),
        percentiles={percent: percentile(rtt, percent) for percent in (50, 95, 99)} if len(rtt) else {},
        median=_median(rtt),
        least=int(rtt[0]) if len(rtt) else None,
        ipdv_mean_abs=mean_abs,
        jitter=jitter,
    )


def percentile(ordered: Ints, percent: int) -> int:
    """The smallest x whose empirical distribution reaches `percent` (RFC 2330: no interpolation)."""
    return int(ordered[max(-(-percent * len(ordered) // 100), 1) - 1])


def _median(ordered: Ints) -> Fraction | None:
    if not len(ordered):
        return None
    return Fraction(int(ordered[(len(ordered) - 1) // 2]) + int(ordered[len(ordered) // 2]), 2)


def _variation(rung: Rung, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[Fraction | None, Fraction | None]:
    """Mean |IPDV| and RFC 1889's J over consecutive samples that both arrived, without a gap between."""
    good = inside & rung.results.ok & (rung.series.rtt >= 0)
    paired = good[1:] & good[:-1] & (rung.results.held[:-1] == rung.results.at[1:])
    steps = np.abs(np.diff(rung.series.rtt))[paired]
    if not len(steps):
        return None, None
    jitter = 0.0
    for step in steps[-_J_MEMORY:].tolist():
        jitter += (step - jitter) / 16
    return Fraction(int(steps.sum()), len(steps)), Fraction(jitter)
