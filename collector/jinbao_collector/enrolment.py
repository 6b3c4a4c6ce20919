"""How a key gets onto the roster: an invitation by the centre, answered once by an agent that knows its secret."""

import base64
import hmac
import re
import secrets
import threading
from collections.abc import Sequence
from typing import Any

from jinbao_agent.keys import VerifyKey
from jinbao_agent.wire import Signed, WireError, sha256
from jinbao_collector import CollectorError
from jinbao_collector.agents import Member, Roster, read_roster
from jinbao_collector.authority import Authority
from jinbao_collector.ledger import ENROLMENT, INVITATION, REVOCATION, Ledger, LedgerError, Row
from jinbao_config import units

ENROL_TAG, ENROLLED_TAG, ROTATE_TAG = "jinbao-enrol/1", "jinbao-enrolled/1", "jinbao-rotate/1"
VALID_MS = units.DAY_MS
_AGENT = re.compile(r"[\w.-]{1,64}")


class EnrolmentError(CollectorError):
    """This agent does not get onto the roster. `status` is the HTTP answer: 400 malformed, 401 not authentic."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Enrolment:
    """Invites, enrols and revokes, by rows of the ledger."""

    def __init__(self, ledger: Ledger, authority: Authority) -> None:
        self._ledger, self._authority = ledger, authority
        self._one_at_a_time = threading.Lock()

    def invite(self, agent: str, vantage: str, links: Sequence[str], url: str, now_ms: int) -> str:
        """The one-time code for an agent's operator, valid 24 h. Raises LedgerError if the roster contradicts."""
        if not _AGENT.fullmatch(agent):
            raise LedgerError(f"{agent!r}: an agent's name is 1 to 64 letters, digits, dots, hyphens and underscores")
        nonce = secrets.token_hex(16)
        secret = self._authority.invitation_secret(nonce)
        facts = {
            "agent": agent,
            "vantage": vantage,
            "links": list(links),
            "nonce": nonce,
            "secret_sha256": sha256(secret),
            "expires_ms": now_ms + VALID_MS,
        }
        self._ledger.append(INVITATION, facts, now_ms, lambda rows: _other_vantage(rows, agent, vantage))
        return f"{url}#{self._authority.ca_fingerprint}.{secret.hex()}"

    def enrol(self, document: bytes, now_ms: int) -> Signed:
        """A `jinbao-enrol/1` document -> the `jinbao-enrolled/1` answer, after the ledger has it. Raises EnrolmentError.

        The same document sent again, because the answer was lost, gets the same answer.
        """
        public, fields = _read_request(document)
        proof = _hex(fields.get("proof"))
        with self._one_at_a_time:
            rows = self._ledger.rows(INVITATION, ENROLMENT, REVOCATION)
            invitation = self._invitation(rows, public, proof)
            known = [row for row in rows if row.kind == ENROLMENT]
            again = next((row for row in known if row.facts["nonce"] == invitation["nonce"]), None)
            if again is not None:
                if again.facts["public"] != public.text:
                    raise EnrolmentError(401, "this code was used already, by another key; ask for a new code")
                return self._answer(again, now_ms)
            if now_ms >= invitation["expires_ms"]:
                raise EnrolmentError(401, "this code has expired; ask for a new code")
            if any(row.facts["public"] == public.text for row in known):
                raise EnrolmentError(401, "this key is enrolled already; a new enrolment needs a new key")
            return self._answer(self._ledger.append(ENROLMENT, _facts(invitation, public, fields), now_ms), now_ms)

    def rotate(self, document: bytes, now_ms: int) -> Signed:
        """A `jinbao-rotate/1` document, signed by an enrolled key for a new one -> the `jinbao-enrolled/1` answer, after the
        ledger has it. Raises EnrolmentError.

        The old key stays good for what it signed; `revoke --former` ends it. Each key is replaced once.
        """
        old, new = self._read_rotation(document)
        with self._one_at_a_time:
            known = self._ledger.rows(ENROLMENT)
            done = next((row for row in known if row.facts.get("replaces") == old.key.fingerprint), None)
            if done is not None and done.facts["public"] == new.text:
                return self._answer(done, now_ms)
            if done is not None:
                raise EnrolmentError(401, "this key was replaced already, by another; if that was not you, revoke the agent")
            if any(row.facts["public"] == new.text for row in known):
                raise EnrolmentError(401, "this key is enrolled already; a rotation needs a new key")
            facts = {
                "agent": old.agent,
                "vantage": old.vantage,
                "links": list(old.links),
                "nonce": "",
                "public": new.text,
                "install": old.install,
                "predecessor": None,
                "replaces": old.key.fingerprint,
            }
            return self._answer(self._ledger.append(ENROLMENT, facts, now_ms), now_ms)

    def _read_rotation(self, document: bytes) -> tuple[Member, VerifyKey]:
        try:
            signed = Signed.from_lines(document)
            fields = signed.fields()
            new = VerifyKey.from_text(fields["public"])
            proof = base64.b64decode(fields["proof"], validate=True)
        except (WireError, ValueError, KeyError, TypeError) as problem:
            raise EnrolmentError(400, f"not a rotation: {problem}") from None
        if signed.tag != ROTATE_TAG:
            raise EnrolmentError(400, f"expected {ROTATE_TAG}, got {signed.tag}")
        key = fields.get("key")
        old = self.roster().members.get(key) if isinstance(key, str) else None
        if old is None or not signed.verified_by(old.key):
            raise EnrolmentError(401, "not signed by an enrolled key")
        if old.revoked_after is not None:
            raise EnrolmentError(401, "this key is revoked; ask for a code")
        if not new.verifies(proof, f"{ROTATE_TAG}\n{old.agent}\n{old.key.fingerprint}\n".encode()):
            raise EnrolmentError(401, "the new key does not say that it wants this place")
        return old, new

    def revoke(self, agent: str, position: int, now_ms: int, *, former: bool = False) -> list[str]:
        """Revokes the agent's keys after this journal position, with `former` all but the newest; their fingerprints. Raises
        LedgerError if there are none."""
        good = [member for member in self.roster().of_agent(agent) if member.revoked_after is None]
        good = good[:-1] if former else good  # in the order of enrolment
        if not good:
            raise LedgerError(f"{agent!r}: has no {'former ' if former else ''}key that could be revoked")
        for member in good:
            facts = {"agent": agent, "key": member.key.fingerprint, "position": position}
            self._ledger.append(REVOCATION, facts, now_ms)
        return [member.key.fingerprint for member in good]

    def roster(self) -> Roster:
        return read_roster(self._ledger.rows(ENROLMENT, REVOCATION))

    def _invitation(self, rows: Sequence[Row], public: VerifyKey, proof: bytes) -> dict[str, Any]:
        for row in rows:
            if row.kind == INVITATION:
                secret = self._authority.invitation_secret(row.facts["nonce"])
                if hmac.compare_digest(hmac.digest(secret, public.raw, "sha256"), proof):
                    return dict(row.facts)
        raise EnrolmentError(401, "no invitation has this secret; check that the whole code was copied")

    def _answer(self, row: Row, now_ms: int) -> Signed:
        key = VerifyKey.from_text(row.facts["public"])
        fields = {
            "agent": row.facts["agent"],
            "vantage": row.facts["vantage"],
            "links": row.facts["links"],
            "key": key.fingerprint,
            "collector": self._authority.signing.public.text,
            "at": now_ms,
        }
        return Signed.make(ENROLLED_TAG, fields, self._authority.signing)


def _read_request(document: bytes) -> tuple[VerifyKey, dict[str, Any]]:
    try:
        signed = Signed.from_lines(document)
        fields = signed.fields()
        public = VerifyKey.from_text(fields["public"])
    except (WireError, ValueError, KeyError, TypeError) as problem:
        raise EnrolmentError(400, f"not an enrolment: {problem}") from None
    if signed.tag != ENROL_TAG:
        raise EnrolmentError(400, f"expected {ENROL_TAG}, got {signed.tag}")
    if not isinstance(fields.get("install"), str):
        raise EnrolmentError(400, "install: expected the random id of the installation")
    if not signed.verified_by(public):
        raise EnrolmentError(401, "the signature is not of the key that asks to be enrolled")
    _check_predecessor(fields.get("predecessor"))
    return public, fields


def _check_predecessor(predecessor: object) -> None:
    if predecessor is None:
        return
    kinds = {"chain": str, "number": int, "hash": str}
    if not isinstance(predecessor, dict) or any(not isinstance(predecessor.get(name), kind) for name, kind in kinds.items()):
        raise EnrolmentError(400, "predecessor: expected null or chain, number and hash of the last known head")


def _facts(invitation: dict[str, Any], public: VerifyKey, fields: dict[str, Any]) -> dict[str, Any]:
    shared = {name: invitation[name] for name in ("agent", "vantage", "links", "nonce")}
    return {**shared, "public": public.text, "install": fields["install"], "predecessor": fields.get("predecessor")}


def _other_vantage(rows: Sequence[Row], agent: str, vantage: str) -> str | None:
    for row in rows:
        if row.kind == ENROLMENT and row.facts["agent"] == agent and row.facts["vantage"] != vantage:
            return f"{agent!r}: is known at the {row.facts['vantage']}; an agent at the {vantage} needs a name of its own"
    return None


def _hex(text: object) -> bytes:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return b""
