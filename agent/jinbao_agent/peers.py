"""What this agent shares with the agents at the other ends: a secret for each link, from the centre.

The centre gives a secret to enrolled keys only, over the pinned TLS, in a document it signs (docs/wire.md), and tells in every
acknowledgement whether what we have is still what there is. It lies in the data folder with mode 0600, and is never shown.
"""

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinbao_agent.clock import Clock
from jinbao_agent.https import Https, Unreachable, in_thread
from jinbao_agent.identity import Enrolment, Home, write_durably
from jinbao_agent.keys import SigningKey
from jinbao_agent.stamp import asking_key
from jinbao_agent.wire import Signed, WireError

log = logging.getLogger(__name__)

ASK_TAG, PEERS_TAG = "jinbao-askpeers/1", "jinbao-peers/1"
_MOST = 4 * 1024 * 1024  # bytes of an answer: a hundred for each of some ten thousand links


@dataclass(frozen=True, slots=True)
class LinkSecrets:
    """Of one link: `use` is the one to ask with, None while the other end may not have it yet; any of `known` is answered."""

    use: bytes | None = field(repr=False)
    known: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PeerSecrets:
    """Everything the centre gave; `digest` is its name for just this."""

    digest: str = ""
    links: Mapping[str, LinkSecrets] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "PeerSecrets":
        """From the fields of a document, or of the file. Raises ValueError."""
        try:
            links = {_code(code): _link_secrets(**given) for code, given in fields["links"].items()}
            return cls(str(fields["digest"]), links)
        except (KeyError, TypeError, AttributeError, IndexError) as problem:
            raise ValueError(f"not the secrets of peers: {problem!r}") from None

    def after(self, former: "PeerSecrets") -> "PeerSecrets":
        """Where it names none to use, the one used before still serves, if it is still known: a centre that was restarted has
        forgotten who came for what."""
        links = {code: _keeping(link, former.links.get(code)) for code, link in self.links.items()}
        return PeerSecrets(self.digest, links)

    def save(self, home: Home) -> None:
        """Durably, mode 0600. Raises OSError."""
        links = {
            code: {
                "use": None if given.use is None else given.known.index(given.use),
                "secrets": [one.hex() for one in given.known],
            }
            for code, given in self.links.items()
        }
        write_durably(home.peers, json.dumps({"digest": self.digest, "links": links}).encode() + b"\n", 0o600)


def _keeping(link: LinkSecrets, former: LinkSecrets | None) -> LinkSecrets:
    if link.use is None and former is not None and former.use in link.known:
        return LinkSecrets(former.use, link.known)
    return link


def _code(text: str) -> str:
    if not text.isdecimal() or len(text) != 9:
        raise ValueError(f"{text!r} is no link's code")
    return text


def _link_secrets(use: int | None, secrets: list[str]) -> LinkSecrets:
    known = tuple(bytes.fromhex(text) for text in secrets)
    if any(len(secret) != 32 for secret in known) or (use is not None and use < 0):
        raise ValueError("a secret of a link has 32 bytes")
    return LinkSecrets(None if use is None else known[use], known)


def read_peers(home: Home) -> PeerSecrets:
    """What was fetched last; nothing where nothing was, or where the file is damaged: it is fetched again."""
    try:
        return PeerSecrets.of(json.loads(home.peers.read_bytes()))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as problem:
        log.error("the secrets of peers cannot be read, they are fetched again file=%s: %s", home.peers, problem)
    return PeerSecrets()


class Keyring:
    """The keys of one agent's questions and of those it answers, ready to be used; `learn` replaces them all."""

    def __init__(self, vantage: str, known: PeerSecrets | None = None) -> None:
        self._ours, self._theirs = vantage, "county" if vantage == "township" else "township"
        self.digest = ""
        self._asking: dict[str, bytes] = {}
        self._answering: dict[int, tuple[bytes, ...]] = {}
        if known is not None:
            self.learn(known)

    def learn(self, known: PeerSecrets) -> None:
        self.digest = known.digest
        given = known.links.items()
        self._asking = {code: asking_key(link.use, self._ours) for code, link in given if link.use is not None}
        self._answering = {int(code): tuple(asking_key(one, self._theirs) for one in link.known) for code, link in given}

    def asking(self, link: str) -> bytes | None:
        """The key to ask the other end of a link with; None while there is none that both ends have."""
        return self._asking.get(link)

    def answering(self, link: int) -> tuple[bytes, ...]:
        """The keys by which the other end of a link may ask, the newest first."""
        return self._answering.get(link, ())


def fetch_peers(home: Home, enrolment: Enrolment, key: SigningKey, url: str, at_ms: int) -> PeerSecrets:
    """Asks the centre and keeps its answer. Raises Unreachable, WireError, ValueError or OSError."""
    nonce = secrets.token_hex(16)
    asked = Signed.make(ASK_TAG, {"key": key.public.fingerprint, "nonce": nonce, "at": at_ms}, key)
    https = Https(url, home.ca.read_bytes())
    try:
        answer = https.post("/v1/peers", asked.to_lines(), most=_MOST)
    finally:
        https.close()
    if answer.status != 200:
        # Whatever it says is shown by nobody: an answer that is no refusal holds secrets.
        raise WireError(f"{url}: the centre gives no secrets of peers: {answer.status}")
    signed = Signed.from_lines(answer.body)
    if signed.tag != PEERS_TAG or not signed.verified_by(enrolment.collector):
        raise WireError(f"{url}: not the secrets of peers, signed by the centre's key")
    fields = signed.fields()
    if (fields.get("key"), fields.get("nonce")) != (key.public.fingerprint, nonce):
        raise WireError(f"{url}: the secrets of peers are another agent's, or old")
    found = PeerSecrets.of(fields).after(read_peers(home))
    found.save(home)
    return found


class Refresh:
    """Keeps a keyring what the centre says it is to be. `run` is run again and again."""

    def __init__(self, home: Home, keyring: Keyring, clock: Clock, url: str | None) -> None:
        """`url` overrides the enrolment's."""
        self._home, self._keyring, self._clock, self._url = home, keyring, clock, url
        self._told = ""

    async def run(self) -> None:
        """Once enrolled. What fails is told, once, and tried again the next time."""
        try:
            found = await in_thread(self._fetch)
        except (Unreachable, WireError, ValueError, OSError) as problem:
            self._tell(f"the secrets of peers stay as they were: {problem}")
            return
        self._told = ""
        if found is not None and found.digest != self._keyring.digest:
            self._keyring.learn(found)
            log.info(
                "peers known links=%d usable=%d", len(found.links), sum(one.use is not None for one in found.links.values())
            )

    def _fetch(self) -> PeerSecrets | None:
        enrolment, key = self._home.read_enrolment(), self._home.signing_key()
        if enrolment is None or enrolment.key != key.public.fingerprint:
            return None
        return fetch_peers(self._home, enrolment, key, self._url or enrolment.url, self._clock.utc_us() // 1000)

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("%s", text)
        self._told = text
