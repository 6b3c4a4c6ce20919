"""The secrets shared with other agents: fetched from the centre and from nobody else, kept to ourselves."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jinbao_agent.enrol import Code, enrol
from jinbao_agent.https import Unreachable
from jinbao_agent.identity import Home
from jinbao_agent.keys import SigningKey
from jinbao_agent.peers import Keyring, LinkSecrets, PeerSecrets, fetch_peers, read_peers
from jinbao_agent.wire import Signed, WireError
from peering import LINK
from tiny_centre import Reply, TinyCentre

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
DOCUMENT: dict[str, Any] = {"digest": "d1", "links": {LINK: {"use": 1, "secrets": [NEW.hex(), OLD.hex()]}}}
KNOWN = PeerSecrets("d1", {LINK: LinkSecrets(OLD, (NEW, OLD))})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "data")
    home.make()
    return home


def fetch(home: Home, centre: TinyCentre) -> PeerSecrets:
    """As an agent that has just been enrolled."""
    with centre.open():
        enrolment = enrol(home, Code.parse(centre.code), vantage="township", link=LINK, now_ms=0, again=False)
        return fetch_peers(home, enrolment, home.signing_key(), enrolment.url, 0)


def test_what_the_centre_tells_is_kept_where_only_its_owner_reads_it(home: Home, tmp_path: Path) -> None:
    centre = TinyCentre(tmp_path)
    centre.peers = DOCUMENT
    assert fetch(home, centre) == KNOWN == read_peers(home)
    assert home.peers.stat().st_mode & 0o777 == 0o600


def test_a_secret_shows_nowhere(home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    centre = TinyCentre(tmp_path)
    centre.peers = DOCUMENT
    shown = f"{fetch(home, centre)} {KNOWN.links[LINK]!r} {Keyring('township', KNOWN)!r} {caplog.text}"
    assert caplog.records
    for secret in (OLD, NEW):
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_a_centre_that_forgot_who_came_for_what_stops_nobody_from_asking(home: Home, tmp_path: Path) -> None:
    KNOWN.save(home)
    centre = TinyCentre(tmp_path)
    centre.peers = {"digest": "d2", "links": {LINK: {"use": None, "secrets": [NEW.hex(), OLD.hex()]}}}
    assert fetch(home, centre) == PeerSecrets("d2", KNOWN.links)


def test_a_secret_that_is_no_longer_known_is_not_used_any_more(home: Home, tmp_path: Path) -> None:
    KNOWN.save(home)
    centre = TinyCentre(tmp_path)
    centre.peers = {"digest": "d2", "links": {LINK: {"use": None, "secrets": [NEW.hex()]}}}
    assert fetch(home, centre).links[LINK].use is None


def by_another_key(centre: TinyCentre, reply: Reply) -> Reply:
    fields = Signed.from_lines(reply.body).fields()
    return replace(reply, body=Signed.make("jinbao-peers/1", fields, SigningKey.generate()).to_lines())


def changed(**changes: Any) -> Callable[[TinyCentre, Reply], Reply]:
    def mood(centre: TinyCentre, reply: Reply) -> Reply:
        fields = {**Signed.from_lines(reply.body).fields(), **changes}
        return replace(reply, body=Signed.make("jinbao-peers/1", fields, centre.key).to_lines())

    return mood


def as_an_ack(centre: TinyCentre, reply: Reply) -> Reply:
    fields = Signed.from_lines(reply.body).fields()
    return replace(reply, body=Signed.make("jinbao-ack/1", fields, centre.key).to_lines())


LINKS: list[Any] = [
    None,
    {LINK: {"use": 2, "secrets": [NEW.hex(), OLD.hex()]}},
    {LINK: {"use": -1, "secrets": [NEW.hex()]}},
    {LINK: {"use": 0, "secrets": ["ab"]}},
    {LINK: {"use": 0, "secrets": ["not hex"]}},
    {LINK: {"use": 0}},
    {LINK: []},
    {"*": {"use": 0, "secrets": [NEW.hex()]}},
]
HOSTILE: dict[str, Callable[[TinyCentre, Reply], Reply]] = {
    "another key's": by_another_key,
    "another agent's": changed(key="f" * 64),
    "an old answer": changed(nonce="0" * 32),
    "another document": as_an_ack,
    "no document": lambda centre, reply: replace(reply, body=b"hello"),
    "refused": lambda centre, reply: Reply(401, reply.body),
    **{f"links {links!r}"[:40]: changed(links=links) for links in LINKS},
}


@pytest.mark.parametrize("mood", HOSTILE.values(), ids=HOSTILE)
def test_what_the_centre_did_not_say_changes_nothing(
    home: Home, tmp_path: Path, mood: Callable[[TinyCentre, Reply], Reply]
) -> None:
    KNOWN.save(home)
    centre = TinyCentre(tmp_path)
    centre.peers = {**DOCUMENT, "digest": "d2"}
    centre.moods = [mood]
    with pytest.raises((WireError, ValueError)) as refused:
        fetch(home, centre)
    assert read_peers(home) == KNOWN
    assert NEW.hex() not in str(refused.value)


def test_an_answer_beyond_all_bounds_is_not_read(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinbao_agent.peers._MOST", 100)
    centre = TinyCentre(tmp_path)
    centre.peers = DOCUMENT
    with pytest.raises(Unreachable, match="larger than 100 bytes"):
        fetch(home, centre)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"digest": "d"}), "\xff"])
def test_a_damaged_file_is_as_none_and_told(home: Home, text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert read_peers(home) == PeerSecrets()
    assert not caplog.records
    home.peers.write_bytes(text.encode("latin-1"))
    assert read_peers(home) == PeerSecrets()
    assert "cannot be read" in caplog.text


def test_we_ask_with_the_one_that_is_in_use_and_answer_all() -> None:
    here, there = Keyring("township", KNOWN), Keyring("county", KNOWN)
    assert here.asking(LINK) == there.answering(int(LINK))[1]
    assert there.asking(LINK) == here.answering(int(LINK))[1]
    assert here.asking(LINK) != there.asking(LINK)
    assert (here.asking("510422102"), here.answering(510422102)) == (None, ())


def test_what_is_no_longer_told_is_no_longer_used() -> None:
    keyring = Keyring("township", KNOWN)
    keyring.learn(PeerSecrets("d2", {LINK: LinkSecrets(None, (NEW,))}))
    assert keyring.asking(LINK) is None
    assert len(keyring.answering(int(LINK))) == 1
    assert keyring.digest == "d2"
