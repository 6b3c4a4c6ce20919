"""Who may speak, for which links, until where in the journal: the roster, drawn from the ledger alone."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from jinbao_agent.keys import VerifyKey
from jinbao_agent.wire import canonical, sha256
from jinbao_collector.ledger import ENROLMENT, REVOCATION, Ledger, Row
from jinbao_config.links import ALL_LINKS


@dataclass(frozen=True, slots=True)
class Member:
    """One enrolled key: it speaks for one vantage and these links, up to the journal position `revoked_after`."""

    agent: str
    vantage: str
    links: tuple[str, ...]
    key: VerifyKey
    install: str
    enrolled_ms: int
    revoked_after: int | None = None

    def speaks_for(self, link: str) -> bool:
        if self.vantage == "county":
            # The county's own rungs carry "*"; whoever may speak for every link was invited with "*".
            return link == ALL_LINKS or ALL_LINKS in self.links or link in self.links
        return link in self.links

    def holds_at(self, position: int) -> bool:
        """Whether a batch at this journal position counts. Revocation never reaches back."""
        return self.revoked_after is None or position <= self.revoked_after

    def facts(self) -> dict[str, object]:
        return {
            "agent": self.agent,
            "vantage": self.vantage,
            "links": list(self.links),
            "key": self.key.fingerprint,
            "public": self.key.text,
            "install": self.install,
            "enrolled_ms": self.enrolled_ms,
            "revoked_after": self.revoked_after,
        }


@dataclass(frozen=True)
class Roster:
    """All keys ever enrolled, by fingerprint."""

    members: Mapping[str, Member]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over its members' facts in order of fingerprint: what a manifest attests."""
        return sha256(canonical({"members": [self.members[key].facts() for key in sorted(self.members)]}).encode())

    def of_agent(self, agent: str) -> list[Member]:
        return [member for member in self.members.values() if member.agent == agent]


def read_roster(rows: Iterable[Row]) -> Roster:
    """From the ledger's enrolments and revocations."""
    members: dict[str, Member] = {}
    for row in rows:
        if row.kind == ENROLMENT:
            key = VerifyKey.from_text(row.facts["public"])
            members[key.fingerprint] = Member(
                row.facts["agent"],
                row.facts["vantage"],
                tuple(row.facts["links"]),
                key,
                row.facts["install"],
                row.entered_ms,
            )
        elif row.kind == REVOCATION:
            known = members[row.facts["key"]]
            if known.revoked_after is None:
                members[known.key.fingerprint] = replace(known, revoked_after=row.facts["position"])
    return Roster(MappingProxyType(members))


class LiveRoster:
    """The roster as the ledger has it now; read again only when the ledger grew."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._lock = ledger, threading.Lock()
        self._head, self._roster = (-1, ""), Roster({})

    def __call__(self) -> Roster:
        """Raises LedgerError."""
        with self._lock:
            head = self._ledger.head
            if head != self._head:
                self._roster, self._head = read_roster(self._ledger.rows(ENROLMENT, REVOCATION)), head
            return self._roster
