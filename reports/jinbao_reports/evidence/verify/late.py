"""That nothing is withheld which came after what a report judges and may tell of it: what an isolated agent sends later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .chains import Manifest
from .rows import Row
from .said import Broken

INTERLEAVED_MS = 300_000
"""Neighbours in a chain may interleave by a minute (docs/wire.md); one that begins so long after an instant, and all after
it in its chain, tell nothing of the time before."""


class Judged(NamedTuple):
    """What a report judges: its first and its last day, and the instant at which it ends (ms)."""

    first: str
    last: str
    end_ms: int

    @classmethod
    def by(cls, report: Mapping[str, Any]) -> Judged:
        """Raises KeyError, TypeError, ValueError or OverflowError."""
        begin, end = (datetime.fromisoformat(report["period"][edge]) for edge in ("from", "to"))
        if report["as_of"] is not None:
            end = min(end, datetime.fromisoformat(report["as_of"]).astimezone(end.tzinfo))
        return cls(str(begin.date()), str((end - timedelta(milliseconds=1)).date()), round(end.timestamp() * 1000))


class Shown(NamedTuple):
    """Of one chain and day: its batches that are here, by number, where the day lies after what is judged; and the lowest
    number whose batch begins so late that neither it nor a later one tells of what is judged."""

    numbers: tuple[int, ...]
    beyond: int | None


class Showing:
    """Gathers what a day shows of each chain."""

    def __init__(self, judged: Judged, day: str) -> None:
        self._late = day > judged.last
        self._from_ms = judged.end_ms + INTERLEAVED_MS
        self._numbers: dict[str, list[int]] = {}
        self._beyond: dict[str, int] = {}

    def take(self, row: Row, header: Mapping[str, Any]) -> None:
        chain, number, slots = str(header.get("chain")), header.get("number"), header.get("slots")
        if not isinstance(number, int):
            return
        if self._late:
            # The second of two with one number takes no other's place.
            self._numbers.setdefault(chain, []).append(0 if "fork" in row.verdicts else number)
        begins = slots[0] if isinstance(slots, list) and slots else None
        if row.verdicts == "[]" and isinstance(begins, int) and begins >= self._from_ms:
            self._beyond[chain] = min(number, self._beyond.get(chain, number))

    def shown(self) -> dict[str, Shown]:
        chains = {*self._numbers, *self._beyond}
        return {chain: Shown(tuple(self._numbers.get(chain, ())), self._beyond.get(chain)) for chain in chains}


def check_late(manifests: Iterable[Manifest], judged: Judged, shown: Mapping[str, Mapping[str, Shown]]) -> None:
    """On each day after what is judged, whatever is hidden of a chain must have room beyond its number that begins after it.
    Raises Broken."""
    beyond: dict[str, int] = {}
    for day in shown.values():
        for chain, here in day.items():
            if here.beyond is not None:
                beyond[chain] = min(here.beyond, beyond.get(chain, here.beyond))
    for manifest in manifests:
        if manifest.day > judged.last:
            for chain, (first, last, count) in _attested(manifest).items():
                numbers = shown.get(manifest.day, {}).get(chain, Shown((), None)).numbers
                floor = max(beyond.get(chain, last), first - 1)
                room = last - floor - sum(number > floor for number in set(numbers))
                if count - len(numbers) > max(room, 0):
                    raise Broken("withheld_late", day=manifest.day, chain=chain)


def _attested(manifest: Manifest) -> dict[str, tuple[int, int, int]]:
    """Chain -> first number, last number, how many. Raises Broken."""
    found: dict[str, tuple[int, int, int]] = {}
    try:
        for one in manifest.fields["chains"]:
            first, last, count = int(one["first"]), int(one["last"]), int(one["count"])
            known = found.get(one["chain"], (first, last, 0))
            found[one["chain"]] = min(first, known[0]), max(last, known[1]), count + known[2]
    except (KeyError, TypeError, ValueError) as problem:
        raise Broken("format", name=f"manifests/{manifest.day}.manifest", problem=repr(problem)) from None
    return found
