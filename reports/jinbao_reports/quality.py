"""Loss, latency and its variation on the reference series (RFC 2330 section 11.3, RFC 3393, RFC 5481; methods A4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from jinbao_collector.series import NONE, Ints
from jinbao_reports.interval import Spans
from jinbao_reports.measured import Rung
from jinbao_reports.timeline import Results

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
    parts = [slice(*rung.results.before(span).tolist()) for span in spans]
    ok, rtt = rung.results.ok, rung.rtt
    delays = np.sort(_joined(rtt[part][ok[part] & (rtt[part] != NONE)] for part in parts))
    mean_abs, jitter = _variation(rung.results, rtt, parts)
    return Quality(
        sent=sum(len(ok[part]) for part in parts),
        lost=sum(int((~ok[part]).sum()) for part in parts),
        n=len(delays),
        percentiles={percent: percentile(delays, percent) for percent in (50, 95, 99)} if len(delays) else {},
        median=_median(delays),
        least=int(delays[0]) if len(delays) else None,
        ipdv_mean_abs=mean_abs,
        jitter=jitter,
    )


def _joined(columns: Iterable[Ints]) -> Ints:
    found = list(columns)
    return found[0] if len(found) == 1 else np.concatenate([*found, np.zeros(0, np.int64)])


def percentile(ordered: Ints, percent: int) -> int:
    """The smallest x whose empirical distribution reaches `percent` (RFC 2330: no interpolation)."""
    return int(ordered[max(-(-percent * len(ordered) // 100), 1) - 1])


def _median(ordered: Ints) -> Fraction | None:
    if not len(ordered):
        return None
    return Fraction(int(ordered[(len(ordered) - 1) // 2]) + int(ordered[len(ordered) // 2]), 2)


def _variation(results: Results, rtt: Ints, parts: list[slice]) -> tuple[Fraction | None, Fraction | None]:
    """Mean |IPDV| and RFC 1889's J over consecutive samples that both arrived, without a gap between."""
    good = results.ok & (rtt != NONE)
    follows = good[1:] & good[:-1]
    follows[results.alone[:-1]] = False
    steps = _joined(np.diff(rtt[part])[follows[part.start : max(part.stop - 1, part.start)]] for part in parts)
    np.abs(steps, out=steps)
    if not len(steps):
        return None, None
    jitter = 0.0
    for step in steps[-_J_MEMORY:].tolist():
        jitter += (step - jitter) / 16
    return Fraction(int(steps.sum()), len(steps)), Fraction(jitter)
