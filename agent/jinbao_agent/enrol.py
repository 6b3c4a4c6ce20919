"""How an agent gets to be known: a code the centre gave out, used once within 24 hours (docs/wire.md)."""

import base64
import hashlib
import hmac
import re
import ssl
from dataclasses import dataclass, field
from typing import Any

from jinbao_agent.heartbeat import read_beat
from jinbao_agent.https import Answer, Https
from jinbao_agent.identity import Enrolment, Home, make_key
from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.wire import Signed, WireError

ENROL_TAG, ENROLLED_TAG, ROTATE_TAG = "jinbao-enrol/1", "jinbao-enrolled/1", "jinbao-rotate/1"
_CODE = re.compile(r"(https://[^/#\s]+)/?#([0-9a-f]{64})\.([0-9a-f]{32})")


class EnrolError(Exception):
    """This agent was not enrolled: says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Code:
    """Where the collector is, the SHA-256 of its CA certificate, and the secret that proves who was invited."""

    url: str
    ca_sha256: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Code":
        """Raises EnrolError."""
        match = _CODE.fullmatch(text.strip())
        if not match:
            raise EnrolError(
                "not an enrolment code; expected https://HOST:PORT#<64 hex digits>.<32 hex digits>, whole, in quotes"
            )
        return cls(match[1], match[2], bytes.fromhex(match[3]))


def enrol(home: Home, code: Code, *, vantage: str, link: str | None, now_ms: int, again: bool) -> Enrolment:
    """Asks the collector to know this agent's key, and keeps its answer. Raises EnrolError, Unreachable or OSError.

    `again` replaces an enrolment, with a new key, as the centre demands; the spool then begins a new chain.
    """
    replaces = _replaces(home, again)
    key = _new_key(home) if replaces else home.signing_key()
    ca_pem = _fetch_ca(code)
    document = Signed.make(ENROL_TAG, _request(home, code, key, now_ms), key)
    https = Https(code.url, ca_pem)
    try:
        answer = https.post("/v1/enrol", document.to_lines())
    finally:
        https.close()
    enrolment = _read_answer(answer, code.url, key)
    _check_fit(enrolment, vantage, link)
    home.save_enrolment(enrolment, ca_pem)
    home.finish_exchange()
    return enrolment


def rotate(home: Home, url: str | None, *, now_ms: int) -> Enrolment:
    """Exchanges this agent's key for a new one that the old one vouches for; no code is needed. `url` overrides the
    enrolment's. The spool then begins a new chain. Raises EnrolError, Unreachable or OSError.
    """
    home.finish_exchange()
    present, old = _present(home), home.signing_key()
    if present.key != old.public.fingerprint:
        raise EnrolError("enrolled with another key than this one; only a new enrolment helps: enrol --again")
    new = _new_key(home)
    fields = {"key": present.key, "public": new.public.text, "proof": rotation_proof(present, new), "at": now_ms}
    https = Https(url or present.url, home.ca.read_bytes())
    try:
        answer = https.post("/v1/rotate", Signed.make(ROTATE_TAG, fields, old).to_lines())
    finally:
        https.close()
    enrolment = _read_answer(answer, present.url, new)
    if enrolment.collector != present.collector:
        raise EnrolError(f"{https.url}: the answer is not signed by the centre's key that this agent knows")
    home.save_enrolment(enrolment, home.ca.read_bytes())
    home.finish_exchange()
    return enrolment


def _present(home: Home) -> Enrolment:
    try:
        present = home.read_enrolment()
    except ValueError as problem:
        raise EnrolError(str(problem)) from None
    if present is None:
        raise EnrolError("not enrolled yet: enrol first")
    return present


def rotation_proof(present: Enrolment, new: SigningKey) -> str:
    """The new key's word that it wants the place of the present one, base64."""
    return base64.b64encode(new.sign(f"{ROTATE_TAG}\n{present.agent}\n{present.key}\n".encode())).decode()


def _replaces(home: Home, again: bool) -> bool:
    try:
        present = home.read_enrolment()
    except ValueError as problem:
        if not again:
            raise EnrolError(f"{problem}; --again replaces it") from None
        return True
    if present is not None and not again:
        raise EnrolError(f"already enrolled as {present.agent} at {present.url}; --again replaces that enrolment")
    return present is not None


def _new_key(home: Home) -> SigningKey:
    """The same one when an earlier attempt's answer got lost: the centre then gives the same answer."""
    return SigningKey.load(home.next_key) if home.next_key.exists() else make_key(home.next_key)


def _fetch_ca(code: Code) -> bytes:
    https = Https(code.url, None)
    try:
        answer = https.get("/v1/ca")
    finally:
        https.close()
    if answer.status != 200:
        raise EnrolError(f"{code.url}/v1/ca: {_told(answer)}")
    try:
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(answer.body.decode("ascii").strip())).hexdigest()
    except ValueError as problem:
        raise EnrolError(f"{code.url}/v1/ca: not a certificate in PEM: {problem}") from None
    if not hmac.compare_digest(found, code.ca_sha256):
        raise EnrolError(
            f"{code.url}: its CA certificate is not the one the code names; somebody stands between, or the code is old"
        )
    return answer.body


def _request(home: Home, code: Code, key: SigningKey, now_ms: int) -> dict[str, Any]:
    last = read_beat(home.heartbeat)
    head = last.head if last else None
    return {
        "public": key.public.text,
        "install": home.install_id(),
        "proof": hmac.new(code.secret, key.public.raw, "sha256").hexdigest(),
        "predecessor": head.as_predecessor("enrolled_again") if head and head.number else None,
        "at": now_ms,
    }


def _read_answer(answer: Answer, url: str, key: SigningKey) -> Enrolment:
    if answer.status != 200:
        raise EnrolError(f"{url}: the collector refuses: {_told(answer)}")
    try:
        signed = Signed.from_lines(answer.body)
        fields = signed.fields()
        collector = VerifyKey.from_text(fields["collector"])
        enrolment = Enrolment(
            agent=str(fields["agent"]),
            vantage=str(fields["vantage"]),
            links=tuple(str(link) for link in fields["links"]),
            key=str(fields["key"]),
            url=url,
            at=int(fields["at"]),
            collector=collector,
        )
    except (WireError, KeyError, TypeError, ValueError) as problem:
        raise EnrolError(f"{url}: the collector's answer cannot be read: {problem!r}") from None
    if signed.tag != ENROLLED_TAG or not signed.verified_by(collector):
        raise EnrolError(f"{url}: the collector's answer is not signed by the key it names")
    if enrolment.key != key.public.fingerprint:
        raise EnrolError(f"{url}: the collector's answer is for another agent's key")
    return enrolment


def _check_fit(enrolment: Enrolment, vantage: str, link: str | None) -> None:
    if enrolment.vantage != vantage:
        raise EnrolError(
            f"invited as a {enrolment.vantage} agent, but agent.toml says vantage = {vantage!r}; ask for another code"
        )
    if link is not None and link not in enrolment.links:
        invited = ", ".join(enrolment.links) or "none"
        raise EnrolError(f"invited for link {invited}, but agent.toml says link = {link!r}; ask for another code")


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300].decode(errors='replace').strip()}"
