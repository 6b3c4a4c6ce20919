"""The secrets by which the two ends of a link know each other, for the agents at these ends and for nobody else.

Each enrolled key of a township's agent has a secret of its own for its link. Everybody who speaks for the link is told all of
them at once, so that they are answered; asked with is only one that both ends have fetched, or that is old enough: with one
that the other end does not know yet every question would seem lost.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinbao_agent.wire import Signed, canonical, sha256
from jinbao_collector.agents import Member, Roster
from jinbao_collector.asking import read_asker
from jinbao_collector.authority import Authority
from jinbao_collector.ledger import LedgerError
from jinbao_config.links import ALL_LINKS

log = logging.getLogger(__name__)

ASK_TAG, PEERS_TAG = "jinbao-askpeers/1", "jinbao-peers/1"
SETTLED_MS = 5 * 60_000
"""After so long a secret is used although not everybody came for it: who is in reach comes within an upload or two."""
_MOST = 4  # secrets of one link: its agent was enrolled again, and the keys before were not revoked


@dataclass(frozen=True, slots=True)
class Ends:
    """Who speaks for a link: its township's members, the newest first, and the county's."""

    township: tuple[Member, ...]
    county: tuple[Member, ...]


class Peers:
    """What each member may know. Any thread may ask."""

    def __init__(self, roster: Callable[[], Roster], authority: Authority, now_ms: Callable[[], int]) -> None:
        self._roster, self._authority, self._now_ms = roster, authority, now_ms
        self._lock = threading.Lock()
        self._fetched: dict[str, int] = {}  # by key, when it came last for its secrets; forgotten at a restart
        self._known: tuple[Roster, Mapping[str, Ends]] = Roster({}), {}

    def answer(self, document: bytes) -> Signed:
        """A `jinbao-askpeers/1` document -> the `jinbao-peers/1` answer. Raises AskRefused, or LedgerError."""
        member, fields = read_asker(document, ASK_TAG, self._roster())
        with self._lock:
            self._fetched[member.key.fingerprint] = self._now_ms()
        told = self._told(member)
        links = {
            code: {"use": use, "secrets": [self._authority.peer_secret(code, key).hex() for key in keys]}
            for code, (use, keys) in told.items()
        }
        answer = {
            "key": member.key.fingerprint,
            "nonce": fields["nonce"],
            "digest": _digest(told),
            "links": links,
            "at": self._now_ms(),
        }
        return Signed.make(PEERS_TAG, answer, self._authority.signing)

    def digest(self, key: str) -> str:
        """The name of what the member with this key would be told now; "" for one that would be told nothing."""
        try:
            member = self._roster().members.get(key)
        except LedgerError as problem:
            log.error("which secrets of peers there are cannot be told: %s", problem)
            return ""
        return "" if member is None or member.revoked_after is not None else _digest(self._told(member))

    def _told(self, member: Member) -> dict[str, tuple[int | None, list[str]]]:
        """Link by link which secret to use, by its place, and the keys whose secrets they are."""
        ends, now = self._ends(), self._now_ms()
        codes = sorted(ends) if ALL_LINKS in member.links else [code for code in member.links if code in ends]
        told = {}
        for code in codes:
            owners = ends[code].township
            use = next((place for place, owner in enumerate(owners) if self._is_settled(owner, ends[code], now)), None)
            told[code] = use, [owner.key.fingerprint for owner in owners]
        return told

    def _is_settled(self, owner: Member, ends: Ends, now_ms: int) -> bool:
        """Whether both ends have its secret: everybody came for it, or had the time to."""
        if now_ms >= owner.enrolled_ms + SETTLED_MS:
            return True
        with self._lock:
            return all(self._fetched.get(one.key.fingerprint, -1) >= owner.enrolled_ms for one in (owner, *ends.county))

    def _ends(self) -> Mapping[str, Ends]:
        """Of every link that an agent in its township speaks for; read anew only when the roster changed."""
        roster = self._roster()
        known = self._known
        if known[0] is not roster:
            known = self._known = roster, dict(_read_ends(roster.members.values()))
        return known[1]


def _read_ends(members: Iterable[Member]) -> Iterator[tuple[str, Ends]]:
    good = sorted((one for one in members if one.revoked_after is None), key=_age, reverse=True)
    township = [one for one in good if one.vantage == "township"]
    county = [one for one in good if one.vantage == "county"]
    for code in {code for one in township for code in one.links}:
        owners = tuple(one for one in township if code in one.links)[:_MOST]
        yield code, Ends(owners, tuple(one for one in county if one.speaks_for(code)))


def _age(member: Member) -> tuple[int, str]:
    return member.enrolled_ms, member.key.fingerprint


def _digest(told: Mapping[str, tuple[int | None, list[str]]]) -> str:
    """Names what was told without a secret in it: these are derived from the keys."""
    return sha256(canonical({"links": {code: [use, keys] for code, (use, keys) in told.items()}}).encode())[:16]
