"""The journal rows of one day against the manifest that attests them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from .chains import LedgerRow, Manifest, Verifies
from .late import Judged, Showing, Shown
from .rows import Row, inflate
from .said import Broken

_DAY_MS, _EARLIEST_MS, _SLACK_MS = 86_400_000, 1_577_836_800_000, 300_000
CENTRES, LOST = "jinbao-closed/1", "jinbao-lost/1"


class Lost(NamedTuple):
    """A row in whose place the centre's own stands, and the ledger row that tells of it."""

    position: int
    ledger: int


def lost_by_repair(ledger: Iterable[LedgerRow]) -> list[tuple[int, int, int]]:
    """(first, last, ledger row) of what the ledger's `repaired` rows say was lost."""
    repairs = [(row.position, json.loads(row.facts)) for row in ledger if row.kind == "repaired"]
    return [(first, last, position) for position, facts in repairs for first, last in facts["lost"]]


class Found(NamedTuple):
    """What a day's rows are: how many; of them batches with body, batches without, and hashes only; how many signatures were
    looked at; the keys that have rows with verdicts; the rows that a repair lost; what is here of each chain."""

    rows: int
    whole: int
    bare: int
    hidden: int
    signatures: int
    flagged: tuple[str, ...]
    lost: tuple[Lost, ...]
    shown: dict[str, Shown]


class DayCheck:
    """Of one day. Each batch is bound to a signature: its own, or through the chain that of a later one."""

    def __init__(
        self,
        manifest: Manifest,
        keys: dict[str, bytes],
        centre: bytes,
        verifies: Verifies | None,
        every: bool,
        repairs: list[tuple[int, int, int]],
        judged: Judged,
    ) -> None:
        """`keys` by fingerprint; `every` signature, or only those at the head of each run of a chain; `repairs`: see above."""
        self._manifest, self._keys, self._centre, self._verifies, self._every = manifest, keys, centre, verifies, every
        self._counts: Counter[str] = Counter()
        self._showing = Showing(judged, manifest.day)
        self._flagged: set[str] = set()
        self._repairs, self._lost = repairs, list[Lost]()
        self._heads: dict[str, tuple[Row, dict[str, Any]]] = {}
        self._bodies: dict[str, int] = {}
        self._numbers: dict[tuple[str, Any], str] = {}
        self._suspect: int | None = None

    def run(self, rows: Iterable[Row]) -> Found:
        """Raises Broken, naming the first row that is not as it was."""
        digest, expected = hashlib.sha256(), self._manifest.positions[0]
        last = self._manifest.positions[1]
        rows = iter(rows)
        for row in rows:
            if row.position != expected or row.position > last:
                raise self._disorder(row.position, expected, rows)
            digest.update(b"%d %s\n" % (row.position, row.hash.encode()))
            self._counts["rows"] += 1
            expected += 1
            if row.head:
                self._whole(row)
            elif told := self._told(row.position):
                # The centre's own row was written when it repaired, which may lie outside of what was packed.
                self._lost.append(Lost(row.position, told))
            else:
                self._counts["hidden"] += 1
        if expected <= last:
            raise Broken("cut", day=self._manifest.day, row=expected - 1, last=last)
        for row, header in self._heads.values():
            self._signed(row, header)
        # A day that was attested before one of its rows was lost cannot have the digest any more; batches are still signed.
        attested = self._manifest.fields["ledger"]["position"]
        if all(one.ledger <= attested for one in self._lost) and digest.hexdigest() != self._manifest.fields["digest"]:
            raise Broken("rows", day=self._manifest.day, row=self._suspect or self._manifest.positions[0])
        count = self._counts
        batches = count["whole"], count["bare"], count["hidden"]
        return Found(
            count["rows"], *batches, count["signatures"], tuple(sorted(self._flagged)), tuple(self._lost), self._showing.shown()
        )

    def _disorder(self, position: int, expected: int, rest: Iterable[Row]) -> Broken:
        """What was done where another position stands than the next."""
        day = self._manifest.day
        if expected in {row.position for row in rest}:
            return Broken("row_order", day=day, row=expected)
        if position < expected or position > self._manifest.positions[1]:
            return Broken("row_added", day=day, row=position)
        return Broken("row_missing", day=day, row=expected)

    def _whole(self, row: Row) -> None:
        header = _header(row)
        agent, number = header.get("agent", ""), header.get("number", 0)
        if header.get("_tag") == LOST and (told := self._told(row.position)) and header.get("position") == row.position:
            self._sign(row, self._centre, "", 0)
            self._lost.append(Lost(row.position, told))
            return
        if row.arrived_ms > self._manifest.fields["at"] + _SLACK_MS:
            raise Broken("arrival", row=row.position)
        if header.get("_tag") == CENTRES:
            self._sign(row, self._centre, "", 0)
            return
        if header.get("key") not in self._keys:
            raise Broken("key", row=row.position, key=header.get("key"))
        self._counts["whole" if row.body is not None else "bare"] += 1
        if row.body is not None:
            self._check_body(row, header)
        self._check_verdicts(row, header)
        self._showing.take(row, header)
        if row.verdicts != "[]":
            self._flagged.add(header["key"])
        chain = str(header.get("chain"))
        if chain in self._heads:
            before, known = self._heads[chain]
            if header.get("prev") != before.hash:
                # Not followed by its successor: a gap or a fork, so its own signature must speak for it.
                self._suspect = self._suspect or row.position
                self._signed(before, known)
        self._heads[chain] = row, header
        if self._every:
            self._sign(row, self._keys[header["key"]], agent, number)

    def _told(self, position: int) -> int | None:
        """The ledger row by which this one was lost."""
        return next((row for first, last, row in self._repairs if first <= position <= last), None)

    def _check_body(self, row: Row, header: dict[str, Any]) -> None:
        plain = inflate(row.body or b"")
        if plain is None or hashlib.sha256(plain).hexdigest() != header.get("body"):
            raise Broken("body", row=row.position, agent=header.get("agent") or "?", number=header.get("number"))
        first = self._bodies.setdefault(row.hash, row.position)
        if first != row.position:
            raise Broken("replayed", day=self._manifest.day, row=row.position, first=first)

    def _check_verdicts(self, row: Row, header: dict[str, Any]) -> None:
        """Those that show in the rows of a day; the others are the centre's word (docs/evidence.md)."""
        other = self._numbers.setdefault((str(header.get("chain")), header.get("number")), row.hash)
        if other != row.hash and "fork" not in row.verdicts:
            raise Broken("verdict", row=row.position, verdict="fork")
        slots = header.get("slots")
        if row.verdicts != "[]" or not isinstance(slots, list) or len(slots) != 2:
            return
        if any(not isinstance(at, int) or at < _EARLIEST_MS or at > row.arrived_ms + _DAY_MS for at in slots):
            raise Broken("verdict", row=row.position, verdict="clock_suspect")

    def _signed(self, row: Row, header: dict[str, Any]) -> None:
        if not self._every:
            self._sign(row, self._keys[header["key"]], header.get("agent") or "?", header.get("number", 0))

    def _sign(self, row: Row, key: bytes, agent: str, number: int) -> None:
        if self._verifies is None:
            return
        self._counts["signatures"] += 1
        if not self._verifies(key, row.signature, row.head):
            raise Broken("signature", row=row.position, agent=agent or "?", number=number)


def _header(row: Row) -> dict[str, Any]:
    """The fields of a head, with its tag as `_tag`. Raises Broken."""
    try:
        tag, line, rest = row.head.split(b"\n")
        fields = json.loads(line)
        if rest or not isinstance(fields, dict):
            raise ValueError("a head is two lines")
    except (ValueError, RecursionError) as problem:
        raise Broken("format", name=f"row {row.position}", problem=problem) from None
    return {**fields, "_tag": tag.decode("ascii", "replace")}
