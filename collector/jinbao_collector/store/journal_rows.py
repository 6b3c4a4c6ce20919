"""Rows of the journal found by time and taken apart, each once: what readers and the sealer's repairs draw on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinbao_agent.sample import Event
from jinbao_agent.wire import GENESIS
from jinbao_collector.agents import Member, Roster, read_roster
from jinbao_collector.chains import SCHEMA_UNKNOWN
from jinbao_collector.home import Home
from jinbao_collector.ledger import ENROLMENT, REVOCATION, Ledger
from jinbao_collector.store import Flaw, SeriesKey, StoreError
from jinbao_collector.store.block import Block, Columns, Words, decode
from jinbao_collector.store.flaws import Flagged, FlawFinder
from jinbao_collector.store.samples import Samples, of_columns
from jinbao_collector.volume import Volume, chained, month_files
from jinbao_config import units
from jinbao_config.links import ALL_LINKS

# Makes day numbers positive, whatever the clocks said: SQLite's division rounds towards zero.
_SHIFT_MS = units.DAY_MS * 10**8
_FAR_MS = 2**62 // 1000


@dataclass(frozen=True)
class _Voice:
    """One sender of one file as far as it may be believed: behind position `after`, up to `last`. `span` encloses the file."""

    volume: Volume
    sender: int
    member: Member
    after: int
    last: int
    span: tuple[int, int]

    def days_within(self, since_ms: int, until_ms: int) -> list[int]:
        if until_ms <= self.span[0] or self.span[1] < since_ms:
            return []
        return [day for day, newest in self._days.items() if day * units.DAY_MS - _SHIFT_MS < until_ms and newest >= since_ms]

    @cached_property
    def _days(self) -> Mapping[int, int]:
        """Day -> the newest instant (milliseconds) of the batches whose oldest lies in it."""
        rows = self.volume.db.execute(
            f"SELECT (oldest_ms + ?) / ? AS day, max(newest_ms) FROM batch {self.way}"
            " WHERE sender = ? AND position > ? AND position <= ? GROUP BY day",
            (_SHIFT_MS, units.DAY_MS, self.sender, self.after, self.last),
        )
        return dict(rows.fetchall())

    @property
    def way(self) -> str:
        """How SQLite is to find rows: by time, or by position where only the last ones are looked at."""
        return "NOT INDEXED" if self.after >= self.volume.first else "INDEXED BY batch_time"


class JournalRows:
    """A snapshot of a collector's data directory: the rows behind position `after`, up to `last` or to the end there is.

    Names, inputs and verdicts are those of the whole journal.
    """

    def __init__(self, directory: Path, after: int = 0, last: int | None = None) -> None:
        home = Home(directory)
        files = month_files(home.journal)
        if not files:
            raise StoreError(f"{directory}: no journal in here; expected a collector's data directory")
        with Ledger(home.ledger) as ledger:
            self._roster = read_roster(ledger.rows(ENROLMENT, REVOCATION))
        self._volumes = [Volume(file, writing=False) for file in files]
        self._snapshot = self._volumes[-1].last if last is None else last
        self._after = after
        self._voices = [voice for volume in self._volumes for voice in self._voices_of(volume)]
        self.outcomes, self.boots = Words(), Words()
        self._blocks: dict[tuple[str, int, int], Block] = {}

    @property
    def roster(self) -> Roster:
        return self._roster

    def close(self) -> None:
        for volume in self._volumes:
            volume.close()

    def __enter__(self) -> "JournalRows":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> set[SeriesKey]:
        return {
            (link, voice.member.vantage, target)
            for voice in self._voices
            for link, target in voice.volume.db.execute(
                "SELECT link, target FROM rung WHERE sender = ? AND since <= ?", (voice.sender, voice.last)
            )
            if voice.member.speaks_for(link)
        }

    def columns(self, link: str, vantage: str, target: str, since_ms: int, until_ms: int) -> list[Columns]:
        """All samples of a rung that may lie in [since, until), and others."""
        return [
            block.rungs[link, target]
            for voice in self._voices
            if voice.member.vantage == vantage and voice.member.speaks_for(link)
            for block in self._blocks_within(voice, since_ms, until_ms)
            if (link, target) in block.rungs
        ]

    def samples(self, columns: Columns) -> Samples:
        """One of these with its codes named."""
        return of_columns(columns, self.outcomes, self.boots)

    def events(self, since_ms: int, until_ms: int) -> set[Event]:
        return {
            event
            for voice in self._voices
            for block in self._blocks_within(voice, since_ms, until_ms)
            for event in block.events
            if since_ms <= event.at_us // 1000 < until_ms
        }

    def hash_at(self, position: int) -> str | None:
        """Of the row at a position; "" before the first, None where there is no such row."""
        if not position:
            return ""
        if position == self._volumes[0].first - 1:
            return str(self._volumes[0].prev)
        for volume in reversed(self._volumes):
            if volume.first <= position:
                return next((hashed for _, hashed in volume.hashes(position, position)), None)
        return None

    def inputs(self, digest: str = GENESIS) -> Mapping[str, str]:
        """`journal`: over the row that closes each finished month, which attests all of its rows, and each row of the last.

        `digest`: that of the last month's rows up to position `after`.
        """
        lines = []
        for volume in self._volumes[:-1]:
            closed = volume.closed
            if closed is None:
                raise StoreError(f"{volume.file}: is not closed although another month follows")
            lines.append((volume.last, closed.hash))
        latest = self._volumes[-1]
        if self._after >= latest.first:
            rows = latest.hashes(self._after + 1, self._snapshot)
        else:
            rows, digest = latest.all_hashes(self._snapshot), GENESIS
        return {"journal": chained([*lines, (self._snapshot, chained(rows, digest))]), "roster": self._roster.digest}

    def flaws(self) -> set[Flaw]:
        """What the verdicts of the whole journal tell."""
        return FlawFinder(self._volumes, self._snapshot).find(list(self._flagged()))

    def _flagged(self) -> Iterator[Flagged]:
        for volume in self._volumes:
            rows = volume.db.execute(
                "SELECT agent, chain, vantage, key, number, oldest_ms, newest_ms, verdicts"
                " FROM batch INDEXED BY batch_flagged JOIN sender ON sender.id = sender"
                " WHERE verdicts <> '[]' AND position <= ?",
                (self._snapshot,),
            )
            for agent, chain, vantage, key, number, oldest, newest, verdicts in rows:
                member = self._roster.members[key]
                links = member.links if member.vantage == "township" else (ALL_LINKS,)
                yield Flagged(agent, chain, vantage, links, number, oldest, newest, tuple(json.loads(verdicts)))

    def _voices_of(self, volume: Volume) -> Iterator[_Voice]:
        span = _span(volume)
        for (_, key, _, vantage), sender in volume.senders.items():
            member = self._roster.members.get(key)
            # A key that speaks for another vantage than its own is out of scope with all it says.
            if member is not None and member.vantage == vantage:
                last = self._snapshot if member.revoked_after is None else min(self._snapshot, member.revoked_after)
                yield _Voice(volume, sender, member, self._after, last, span)

    def _blocks_within(self, voice: _Voice, since_ms: int, until_ms: int) -> Iterator[Block]:
        since_ms, until_ms = max(since_ms, -_FAR_MS), min(until_ms, _FAR_MS)
        for day in voice.days_within(since_ms, until_ms):
            name = (voice.volume.name, voice.sender, day)
            if name not in self._blocks:
                self._blocks[name] = self._decoded(voice, day)
            yield self._blocks[name]

    def _decoded(self, voice: _Voice, day: int) -> Block:
        begin = day * units.DAY_MS - _SHIFT_MS
        rows = voice.volume.db.execute(
            f"SELECT {voice.volume.head}, {voice.volume.body} FROM batch {voice.way}"
            " WHERE sender = ? AND oldest_ms >= ? AND oldest_ms < ?"
            " AND position > ? AND position <= ? AND body IS NOT NULL"
            f" AND verdicts NOT LIKE '%\"{SCHEMA_UNKNOWN}\"%'",
            (voice.sender, begin, begin + units.DAY_MS, voice.after, voice.last),
        )
        member = voice.member
        return decode(rows.fetchall(), member.agent, member.vantage, member.speaks_for, self.outcomes, self.boots)


def _span(volume: Volume) -> tuple[int, int]:
    """What the samples and events of a finished month's file enclose, as its closing row says; anything for the last file."""
    closed = volume.closed
    if closed is None:
        return -_FAR_MS, _FAR_MS
    fields = closed.fields()
    return (fields["oldest_ms"], fields["newest_ms"]) if fields["oldest_ms"] is not None else (_FAR_MS, -_FAR_MS)
