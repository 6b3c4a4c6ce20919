"""A collector's data directory made again from evidence alone, so that the same code judges it that judged the original.

Rows are sealed as they come and not kept: memory is bounded by a day, and the disk holds the sealed store only. The journal of
the directory has just the rows of agents with verdicts, from which flaws are told, and the last row.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path

from jinbao_agent.wire import GENESIS, Batch, Signed, WireError
from jinbao_collector import follower
from jinbao_collector.agents import Roster, read_roster
from jinbao_collector.arrival import examine
from jinbao_collector.chains import CLOCK_SUSPECT, OUT_OF_SCOPE, SCHEMA_UNKNOWN
from jinbao_collector.home import Home
from jinbao_collector.ledger import ENROLMENT, REVOCATION, Ledger, LedgerText
from jinbao_collector.store.sealer import Sealer
from jinbao_collector.store.writing import StoreWriting
from jinbao_collector.volume import Volume
from jinbao_reports.evidence.selection import verdicts_of
from jinbao_reports.evidence.verify.rows import Row, inflate
from jinbao_reports.evidence.verify.said import Broken

_AT_ONCE = 8000
"""Rows decoded together: some hours of a county."""
_BY_ITSELF = {CLOCK_SUSPECT, OUT_OF_SCOPE, SCHEMA_UNKNOWN}
"""Verdicts that need no history, so that they can be worked out again."""
_LATER_MS = 2**52


class Rebuilt:
    """The directory under way. `flagged`: fingerprints of the keys that have a row with verdicts."""

    def __init__(self, root: Path, ledger: Sequence[LedgerText], manifests: Iterable[Signed], flagged: Iterable[str]) -> None:
        home = Home(root)
        for folder in (home.journal, home.manifests):
            folder.mkdir(parents=True)
        for signed in manifests:
            (home.manifests / f"{signed.fields()['day']}.manifest").write_bytes(signed.to_lines())
        with Ledger.restore(home.ledger, ledger) as kept:
            self._roster: Roster = read_roster(kept.rows(ENROLMENT, REVOCATION))
        self._flagged = {self._roster.members[key].agent for key in flagged}
        self._store = StoreWriting(home.store)
        self._sealer = Sealer(self._store, lambda: self._roster)
        self._move(0)
        self._volume = Volume.create(home.journal / "1970-01.db", 1, GENESIS)
        self._last: Row | None = None

    def __enter__(self) -> "Rebuilt":
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()
        self._volume.close()

    def take(self, rows: Iterable[Row]) -> None:
        """Rows in order of position; those of which only the hash is known are passed over. Raises Broken."""
        whole = (row for row in rows if row.head)
        while chunk := list(islice(whole, _AT_ONCE)):
            self._keep([row for row in chunk if self._is_flagged(row)])
            said = [row for row in map(self._of_agent, chunk) if row is not None]
            try:
                # Numbered rows that follow on each other are what the sealer takes.
                for _, run in groupby(enumerate(said), lambda pair: pair[1].position - pair[0]):
                    self._seal([row for _, row in run])
            except (WireError, KeyError) as problem:
                raise Broken("format", name=f"row {chunk[0].position}…", problem=problem) from None

    def finish(self) -> None:
        """Makes the days of the hours, and the last row findable."""
        if self._last is not None and not self._is_flagged(self._last):
            self._keep([self._last])
        while self._sealer.tidy():
            pass

    def _seal(self, rows: Sequence[follower.Row]) -> None:
        if rows[0].position != self._sealer.cursor + 1:
            self._move(rows[0].position - 1)
        self._sealer.take(rows)

    def _move(self, cursor: int) -> None:
        with self._store.transaction():
            # All days count as over, so that each chunk goes into day segments at once.
            self._store.move(cursor, "", self._store.digest, _LATER_MS)

    def _of_agent(self, row: Row) -> follower.Row | None:
        fields = Signed(row.head, b"").fields()
        member = self._roster.members.get(fields.get("key", ""))
        if member is None:
            return None
        self._last = row
        vantage = fields["vantage"] if isinstance(fields.get("vantage"), str) else ""
        facts = (member.agent, member.key.fingerprint, str(fields.get("chain")), vantage, fields.get("number", 0))
        return follower.Row(row.position, row.arrived_ms, *facts, row.head, row.body, verdicts_of(row))

    def _is_flagged(self, row: Row) -> bool:
        if not self._flagged:
            return False
        member = self._roster.members.get(Signed(row.head, b"").fields().get("key", ""))
        return member is not None and member.agent in self._flagged

    def _keep(self, rows: Iterable[Row]) -> None:
        """In the journal, without bodies; verdicts that can be worked out again must be the ones that stand there."""
        self._volume.db.execute("BEGIN")
        for row in rows:
            signed = Signed(row.head, row.signature)
            fields, body = signed.fields(), inflate(row.body) if row.body is not None else None
            arrival = examine(Batch(signed, body), fields, self._roster.members[fields["key"]], row.arrived_ms)
            if differing := {*arrival.verdicts} ^ ({*verdicts_of(row)} & _BY_ITSELF):
                raise Broken("verdict", row=row.position, verdict=min(differing))
            self._volume.insert(row.position, replace(arrival, batch=Batch(signed, None)), verdicts_of(row))
        self._volume.db.execute("COMMIT")


def ledger_texts(lines: Iterable[str]) -> list[LedgerText]:
    """Lines of a package's ledger.jsonl."""
    return [LedgerText(**json.loads(line)) for line in lines]


def key_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode() + "\n"
