"""What every rung of a link showed, from both ends, at instants within its outages: the evidence of judgement R4.1 to R4.3."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from jinbao_collector.series import Ints
from jinbao_config.links import ALL_LINKS, COUNTY_SITE_TARGETS, Link
from jinbao_config.units import DAY_MS
from jinbao_reports.rung import CloseUp, Rung
from jinbao_reports.smoothing import Look
from jinbao_reports.table import Everywhere, Observation, Sight, cut_beyond_cpe
from jinbao_reports.timeline import Bools, as_spans, within

if TYPE_CHECKING:
    from jinbao_reports.attribution import County

_TOWNSHIP, _COUNTY = ("nic", "lan", "cpe", "edge", "core", "app"), ("cpe", "app")
PLACE = {
    **{name: ("township", name) for name in _TOWNSHIP},
    **{name: ("county", name) for name in COUNTY_SITE_TARGETS},
    **{f"county_{name}": ("county", name) for name in _COUNTY},
}
"""Vantage and target of the rungs that the table asks, by field of Observation."""
_SHOWN = (
    *(("township", name) for name in (*_TOWNSHIP, "peer")),
    *(("county", name) for name in (*COUNTY_SITE_TARGETS, *_COUNTY, "peer")),
)
"""What a slice shows: the table's rungs, and the reflectors it does not ask."""
_BEYOND_CE = ("carrier", "county_cpe", "county_app")
_SIGHTS = (Sight.DOWN, Sight.UP, Sight.UNSEEN)
_EVERYWHERE = (Everywhere.DOWN, Everywhere.UP, Everywhere.MIXED)
_MEANING: Mapping[str, Callable[[int], Any]] = {
    **dict.fromkeys(PLACE, _SIGHTS.__getitem__),
    **dict.fromkeys(("cores", "county_cpes"), _EVERYWHERE.__getitem__),
}

Sights = npt.NDArray[np.int8 | np.int16]
"""What was seen at each instant, by a field of Observation: 0 down, 1 up, -1 unseen (or 2 mixed); or a truth value."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one rung showed at each instant, and where it refused."""

    sights: Sights
    refused: Bools


@dataclass(frozen=True)
class Ladder:
    """The rungs of one link, and the county's, at some instants, in order of time.

    `t_ref` is T of the sample that gave the state there, `onsets` the beginning of the outage that the instant lies in.
    """

    county: "County"
    link: Link
    starts: Ints
    t_ref: Ints
    onsets: Ints

    def of(self, link: Link, which: Ints) -> "Ladder":
        """Another link at some of the instants."""
        return Ladder(self.county, link, self.starts[which], self.t_ref[which], self.onsets[which])

    @cached_property
    def _seen(self) -> dict[tuple[str, str], Sighting]:
        return {}

    @cached_property
    def _close(self) -> dict[tuple[str, str], tuple[CloseUp, Ints]]:
        return {}

    def sighting(self, vantage: str, target: str) -> Sighting:
        if (vantage, target) not in self._seen:
            rung = self._rung(vantage, target)
            sights, refused = rung.showed(self.starts, self.t_ref)
            if (sights >= 0).any():
                sights = np.where(self._silent(rung, target), -1, sights).astype(np.int8)
            self._seen[vantage, target] = Sighting(sights, refused & (sights >= 0))
        return self._seen[vantage, target]

    def _rung(self, vantage: str, target: str) -> Rung:
        code = ALL_LINKS if target in COUNTY_SITE_TARGETS else self.link.code
        return self.county.measured.rung(code, vantage, target)

    def _close_up(self, vantage: str, target: str) -> tuple[CloseUp, Ints]:
        """A rung's samples around all the instants, and which of them is nearest to each."""
        if (vantage, target) not in self._close:
            rung = self._rung(vantage, target)
            reach = max(int(self.t_ref.max()), rung.longest_interval)
            close = rung.close_up(*as_spans(self.starts - reach, self.starts + reach + 1))
            self._close[vantage, target] = close, close.nearest(self.starts, self.t_ref)
        return self._close[vantage, target]

    def _silent(self, rung: Rung, target: str) -> Bools:
        """Where not answering says nothing: declared, or < 50 % answered in the 24 h of link UP before the onset (R4.2)."""
        if target in self.link.silent:
            return np.ones(len(self.starts), bool)
        onsets, lengths = np.unique(self.onsets, return_counts=True)
        up = self.county.states[self.link.code].link.up
        return np.repeat(rung.mostly_fails(up, onsets - DAY_MS, onsets), lengths)

    @cached_property
    def _blind(self) -> Bools:
        """What lies beyond gw or ce cannot be judged while one of these is down (R4.3)."""
        blind: Bools = (self.sighting("county", "gw").sights == 0) | (self.sighting("county", "ce").sights == 0)
        return blind

    def field(self, name: str) -> Sights:
        """The sights of one field of Observation."""
        sights = self.sighting(*PLACE[name]).sights
        return np.where(self._blind, -1, sights).astype(np.int8) if name in _BEYOND_CE else sights

    def fields(self) -> dict[str, Sights]:
        return {name: self.field(name) for name in PLACE}

    def refused(self) -> Sights:
        """Whether the application refused."""
        return self.sighting("township", "app").refused.astype(np.int8)

    def looks(self, index: int) -> tuple[Look, ...]:
        """The samples that stand for the rungs at one instant, township first."""
        return tuple(self._look(*place, index) for place in _SHOWN if self.sighting(*place).sights[index] >= 0)

    def _look(self, vantage: str, target: str, index: int) -> Look:
        close, picks = self._close_up(vantage, target)
        series, pick = close.series, picks[index]
        return Look(vantage, target, int(series.at[pick]), series.outcomes[series.outcome[pick]])

    def cut_beyond_cpe(self) -> Sights:
        """Where the link shows the pattern of row 11 or of CARRIER_PATH."""
        if not (self.field("county_cpe") == 0).any():
            return np.zeros(len(self.starts), np.int8)  # both patterns need it down
        los = within(self.county.measured.township(self.link.code).periods("los_on", "los_off"), self.starts)
        columns = {**self.fields(), "los": los.astype(np.int8)}
        first = turns(columns.values())
        found = [cut_beyond_cpe(Observation(**meaning(columns, at))) for at in first.tolist()]
        return np.repeat(np.array(found, np.int8), np.diff(np.append(first, len(self.starts))))


def meaning(columns: Mapping[str, Sights], index: int) -> dict[str, Any]:
    """The fields of an Observation at one instant."""
    return {name: _MEANING.get(name, bool)(int(column[index])) for name, column in columns.items()}


def turns(columns: Iterable[Sights], apart: Bools | None = None) -> Ints:
    """The indexes at which any column has another value than before, or something else parts them; 0 is one."""
    found = [column[1:] != column[:-1] for column in columns]
    return np.append(0, np.flatnonzero(np.logical_or.reduce(found if apart is None else [*found, apart])) + 1)
