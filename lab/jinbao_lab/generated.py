"""The samples an agent would have taken of nature: on its real grid, a little late as on a busy machine, without packets."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jinbao_agent.sample import BAD_REPLY, LOST, REFUSED, REPLY, unreachable
from jinbao_agent.schedule import grid_of
from jinbao_collector.series import NONE, Ints
from jinbao_lab import nature
from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.defects import Answer, Barred, Spoilt
from jinbao_lab.diary import Diary, Waking
from jinbao_lab.nature import Now

_INSTALL = "lab"
# Round trips of a healthy line, microseconds: a floor, and the mean of what comes on top.
_ROUND_TRIP = {"nic": (0, 0), "lan": (300, 80), "cpe": (700, 150), "edge": (1_800, 400), "app": (9_000, 2_500)}
_OTHER_TRIP = (3_500, 700)
_COMMIT_US = 30_000
_SYNS = 2  # of a connection's packets, those whose loss costs it more than the wait

Bools = npt.NDArray[np.bool_]


class Lane(NamedTuple):
    """The rungs that one agent climbs together: place (a township, or EVERYWHERE for the county's own side) and names."""

    place: str
    vantage: str
    rungs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Samples of one rung as columns, microseconds; NONE where absent. `word` indexes `Words`, `boot` names of boots."""

    sent: Ints
    word: Ints
    rtt: Ints
    boot: Ints
    seq: Ints
    mono: Ints

    def take(self, which: Ints) -> "Rows":
        return Rows(self.sent[which], self.word[which], self.rtt[which], self.boot[which], self.seq[which], self.mono[which])

    @staticmethod
    def joined(parts: "Sequence[Rows]") -> "Rows":
        return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__slots__))


class Words(dict[str, int]):
    """Each word by its number, in order of first use."""

    def __missing__(self, word: str) -> int:
        self[word] = len(self)
        return self[word]


@dataclass
class Pretender:
    """Takes the samples of a whole county."""

    county: County
    history: Sequence[Now]
    interval_us: int
    chance: random.Random
    outcomes: Words = field(default_factory=Words)
    boots: Words = field(default_factory=Words)

    def __post_init__(self) -> None:
        self._owed: dict[tuple[str, str, str], dict[tuple[Spoilt, int], int]] = {}
        self._noise = np.random.default_rng(self.chance.getrandbits(64))
        self._at = np.array([now.at_us for now in self.history], np.int64)

    def climb(self, lane: Lane, diary: Diary) -> Mapping[str, Rows]:
        """By rung, all lives of the agent together."""
        lives = [self._life(lane, diary, waking) for waking in diary.wakings if waking.since_us < waking.until_us]
        return {rung: Rows.joined([life[rung] for life in lives]) for rung in lane.rungs}

    def _life(self, lane: Lane, diary: Diary, waking: Waking) -> dict[str, Rows]:
        link = self.county.code(lane.place) if lane.place != EVERYWHERE else EVERYWHERE
        boot = waking.boot
        grid = grid_of(boot.name, _INSTALL, link, self.interval_us // 1000)
        first, last = (grid.last_before(boot.boottime(at)) for at in (waking.since_us, waking.until_us))
        seq = np.arange(first + 1, last + 1)
        ticks = boot.zero_us + grid.phase_us + seq * self.interval_us + self._lateness(len(seq))
        taken = {rung: self._ask(lane, rung, ticks) for rung in lane.rungs}
        # A ladder is recorded when its last rung is back, and then has to reach the disk.
        over = np.max([sent + np.where(rtt == NONE, self.interval_us, rtt) for sent, _, rtt in taken.values()], axis=0)
        kept = np.flatnonzero((over + self._commit(len(seq)) <= waking.until_us) & (ticks <= waking.kept_us) | waking.clean)
        ahead = np.array([diary.clock.ahead(int(at)) for at in self._at], np.int64)
        rows = {}
        for rung, (sent, word, rtt) in taken.items():
            shown = sent + ahead[self._moment(sent)] + np.where(sent < waking.set_us, waking.wrong_us, 0)
            number = np.full(len(seq), self.boots[boot.name])
            rows[rung] = Rows(shown, word, rtt, number, seq, sent - boot.zero_us).take(kept)
        return rows

    def _lateness(self, count: int) -> Ints:
        """Of a tick: mostly under a millisecond, now and then some tens."""
        late = self._noise.exponential(700, count) + self._noise.integers(0, 40_000, count) * (self._noise.random(count) < 0.01)
        return np.minimum(late, self.interval_us * 45 // 1000).astype(np.int64)

    def _commit(self, count: int) -> Ints:
        return self._noise.integers(500, _COMMIT_US, count)

    def _moment(self, sent: Ints) -> Ints:
        """Which moment of the history holds."""
        return np.maximum(np.searchsorted(self._at, sent, "right") - 1, 0)

    def _ask(self, lane: Lane, rung: str, ticks: Ints) -> tuple[Ints, Ints, Ints]:
        """(when, what came, round trip)."""
        sent = ticks + lane.rungs.index(rung) * self._noise.integers(40, 250, len(ticks))
        word, rtt = np.zeros(len(sent), np.int64), np.full(len(sent), NONE)
        floor, more = _ROUND_TRIP.get(rung, _OTHER_TRIP)
        healthy = floor + self._noise.exponential(more, len(sent)).astype(np.int64)
        alike = self._alike(lane, rung)[self._moment(sent)]
        for at in np.unique(alike).tolist():
            mine = np.flatnonzero(alike == at)
            word[mine], rtt[mine] = self._answers(lane, rung, self.history[at], healthy[mine])
        return sent, word, rtt

    def _alike(self, lane: Lane, rung: str) -> Ints:
        """For each moment of the history the first since when this rung has been answered in the same way."""
        first, last = [], None
        for at, now in enumerate(self.history):
            came = nature.answer(self.county, now, lane.place, lane.vantage, rung)
            way = came, frozenset(nature.spoilers(self.county, now, lane.place, lane.vantage, rung))
            first.append(first[-1] if way == last else at)
            last = way
        return np.array(first, np.int64)

    def _answers(self, lane: Lane, rung: str, now: Now, healthy: Ints) -> tuple[Ints, Ints]:
        """What comes of probes sent in one moment, in order."""
        came = nature.answer(self.county, now, lane.place, lane.vantage, rung)
        spoilers = list(nature.spoilers(self.county, now, lane.place, lane.vantage, rung))
        trips = healthy + sum(self._delay(one, len(healthy)) for one in spoilers)
        if came is Answer.REFUSED:
            return np.full(len(trips), self.outcomes[REFUSED]), np.full(len(trips), NONE)
        if came is Answer.LOST and not self._is_only_late(now, spoilers, rung):
            words = self._excuses(lane, rung, now, spoilers, len(trips))
            return words, np.full(len(trips), NONE)
        fails = self._thinned(lane, rung, spoilers, len(trips)) if came is Answer.SOME else np.zeros(len(trips), bool)
        fails |= trips > self.interval_us
        return np.where(fails, self.outcomes[LOST], self.outcomes[REPLY]), np.where(fails, NONE, trips)

    def _delay(self, spoilt: Spoilt, count: int) -> Ints:
        ways = 2 if spoilt.direction == "both" else 1
        jitter = self._noise.uniform(-spoilt.jitter, spoilt.jitter, (ways, count)).sum(axis=0)
        delayed: Ints = ((ways * spoilt.delay + jitter) * 1000).astype(np.int64)
        return delayed

    def _is_only_late(self, now: Now, spoilers: Sequence[Spoilt], rung: str) -> bool:
        """Nothing else than a delay keeps the answer from being one."""
        late = [one for one in spoilers if one.delay]
        others = [one for one in spoilers if not one.delay and (one.kills_pings or one.kills_connections)]
        whole = all(isinstance(one, Spoilt) for one in now.defects)
        return bool(late) and not others and whole and (rung != "app" or now.server == "up")

    def _excuses(self, lane: Lane, rung: str, now: Now, spoilers: Sequence[Spoilt], count: int) -> Ints:
        """In which words the agent says that nothing valid came."""
        if any(one.corrupt for one in spoilers) and rung != "app":
            known = [BAD_REPLY]
        elif any(isinstance(one, Barred) and one.verb == "prohibit" for one in now.defects):
            known = [LOST, unreachable(3, 13, "10.0.0.250")]
        elif now.defects and not spoilers and rung != "nic":
            known = [LOST, LOST, unreachable(3, 1, "10.0.0.250"), unreachable(3, 0, "10.0.0.250"), unreachable(3, 1, "local")]
        else:
            known = [LOST]
        numbers = np.array([self.outcomes[word] for word in known], np.int64)
        return numbers[self._noise.integers(0, len(numbers), count)]

    def _thinned(self, lane: Lane, rung: str, spoilers: Sequence[Spoilt], count: int) -> Bools:
        """Which are lost, evenly spread over the flow, each way by itself. A connection is several packets."""
        fails = np.zeros(count, bool)
        ways = [(one, way) for one in spoilers if one.thins for way in range(2 if one.direction == "both" else 1)]
        if not ways:  # no line thins them: the hop itself answers every other one
            return np.asarray(np.arange(count) % 2 == self.chance.randrange(2), bool)
        key = lane.place, lane.vantage, rung
        before = self._owed.get(key, {})
        self._owed[key] = {way: before.get(way, 0) for way in ways}
        for way in ways:
            for at in np.flatnonzero(~fails).tolist():
                owed = self._owed[key][way] + way[0].loss * (_SYNS if rung == "app" else 1)
                fails[at] = owed >= 100
                self._owed[key][way] = owed - 100 * bool(fails[at])
        return fails


def lanes(county: County, *, app_probed: bool = True) -> Iterator[tuple[str, Lane]]:
    """With whose agent climbs them: a township's, or the county's (EVERYWHERE)."""
    for place in county.townships:
        yield place, Lane(place, "township", nature.TOWNSHIP_RUNGS)
    yield EVERYWHERE, Lane(EVERYWHERE, "county", nature.SITE_RUNGS)
    rungs = tuple(rung for rung in nature.COUNTY_RUNGS if app_probed or rung != "app")
    for place in county.townships:
        yield EVERYWHERE, Lane(place, "county", rungs)
