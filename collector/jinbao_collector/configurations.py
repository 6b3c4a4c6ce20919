"""What the centre has its agents measure: versions in the ledger, their content in documents/, signed when asked for.

A version is never changed and never taken back: going back is a new version with the former content. The agent has the last
word, by its own allow-list (docs/agent.md).
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import Signed, canonical, sha256
from jinbao_collector.agents import Roster
from jinbao_collector.asking import AskRefused, read_asker
from jinbao_collector.home import write_durably
from jinbao_collector.ledger import CONFIGURATION, Ledger, LedgerError, Row

ASK_TAG, CONFIG_TAG = "jinbao-askconfig/1", "jinbao-config/1"


class Configurations:
    """The serving side. Any thread may ask."""

    def __init__(
        self, ledger: Ledger, documents: Path, roster: Callable[[], Roster], key: SigningKey, now_ms: Callable[[], int]
    ) -> None:
        self._ledger, self._documents, self._roster, self._key, self._now_ms = ledger, documents, roster, key, now_ms
        self._lock = threading.Lock()
        self._known: tuple[tuple[int, str], Mapping[str, Row]] = ((-1, ""), {})

    def version(self, agent: str) -> int:
        """The newest version for an agent, 0 if there is none. Raises LedgerError."""
        row = self._latest().get(agent)
        return 0 if row is None else int(row.facts["version"])

    def answer(self, document: bytes) -> Signed:
        """A `jinbao-askconfig/1` document -> the `jinbao-config/1` answer. Raises AskRefused, or LedgerError."""
        member, fields = read_asker(document, ASK_TAG, self._roster())
        row = self._latest().get(member.agent)
        if row is None:
            raise AskRefused(404, "there is no configuration for this agent")
        answer = {
            "agent": member.agent,
            "version": row.facts["version"],
            "content": read_content(self._documents, row),
            "nonce": fields["nonce"],
            "at": self._now_ms(),
        }
        return Signed.make(CONFIG_TAG, answer, self._key)

    def _latest(self) -> Mapping[str, Row]:
        with self._lock:
            head = self._ledger.head
            if head != self._known[0]:
                self._known = head, {row.facts["agent"]: row for row in self._ledger.rows(CONFIGURATION)}
            return self._known[1]


def versions(ledger: Ledger, agent: str) -> list[Row]:
    """The oldest first."""
    return [row for row in ledger.rows(CONFIGURATION) if row.facts["agent"] == agent]


def issue(ledger: Ledger, documents: Path, agent: str, content: Mapping[str, Any], now_ms: int, heard: int = 0) -> int | None:
    """A new version with this content, unless it is the newest version's already; its number. Raises LedgerError or OSError.

    `heard` is the newest version that the agent itself speaks of. After a restore the ledger may know no more of it, but the
    agent would take none of that number or below.
    """
    data = canonical(content).encode()
    digest = sha256(data)
    known = versions(ledger, agent)
    newest = int(known[-1].facts["version"]) if known else 0
    if known and known[-1].facts["document"] == digest and newest >= heard:
        return None
    if not (documents / digest).exists():
        write_durably(documents / digest, data)
    version = max(newest, heard) + 1

    def objection(rows: Sequence[Row]) -> str | None:
        """Somebody else may have issued one meanwhile."""
        count = sum(row.kind == CONFIGURATION and row.facts["agent"] == agent for row in rows)
        return None if count == len(known) else f"{agent!r}: another configuration was issued just now; try again"

    ledger.append(CONFIGURATION, {"agent": agent, "version": version, "document": digest}, now_ms, objection)
    return version


def read_content(documents: Path, row: Row) -> dict[str, Any]:
    """Raises LedgerError if the document is missing or not the one the ledger names."""
    file = documents / row.facts["document"]
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise LedgerError(f"{file}: cannot be read: {problem.strerror}; restore it from a backup") from None
    if sha256(data) != row.facts["document"]:
        raise LedgerError(f"{file}: is not what its name says; restore it from a backup")
    content: dict[str, Any] = json.loads(data)
    return content
