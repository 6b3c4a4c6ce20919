"""Who is told the secret of a link, from when on it is used, and who is told nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, OTHER_LINK, Speaker, TestClock, ack, centre_in, enrolled, post
from jinbao_agent.keys import SigningKey
from jinbao_agent.peers import PeerSecrets
from jinbao_agent.wire import Signed
from jinbao_collector.asking import AskRefused
from jinbao_collector.centre import Centre
from jinbao_collector.journal import position_held
from jinbao_collector.peers import SETTLED_MS


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


def request(speaker: Speaker, **changes: Any) -> bytes:
    fields = {"key": speaker.key.public.fingerprint, "nonce": "n", "at": 0}
    return Signed.make("jinbao-askpeers/1", {**fields, **changes}, speaker.key).to_lines()


def told(centre: Centre, speaker: Speaker) -> PeerSecrets:
    """What this agent fetches."""
    answer = centre.peers.answer(request(speaker))
    assert answer.tag == "jinbao-peers/1"
    assert answer.verified_by(centre.authority.signing.public)
    fields = answer.fields()
    assert (fields["key"], fields["nonce"]) == (speaker.key.public.fingerprint, "n")
    return PeerSecrets.of(fields)


def county(centre: Centre, links: tuple[str, ...] = ("*",), agent: str = "county") -> Speaker:
    return enrolled(centre, agent, "county", links)


def both(centre: Centre) -> tuple[Speaker, Speaker]:
    """A link's two ends, who have fetched what there is."""
    here, there = enrolled(centre), county(centre)
    for _ in range(2):
        told(centre, here)
        told(centre, there)
    return here, there


def test_both_ends_of_a_link_are_told_one_secret_and_other_links_another(centre: Centre) -> None:
    here, there = both(centre)
    other = enrolled(centre, "tw-02", links=(OTHER_LINK,))
    for one in (other, there, other):
        told(centre, one)
    ours, theirs, all_ = told(centre, here), told(centre, other), told(centre, there)
    assert [*ours.links] == [LINK]
    assert [*theirs.links] == [OTHER_LINK]
    assert all_.links == {**ours.links, **theirs.links}
    assert ours.links[LINK].use is not None
    assert ours.links[LINK].use != theirs.links[OTHER_LINK].use


def test_a_county_agent_of_some_links_is_told_of_those_alone(centre: Centre) -> None:
    enrolled(centre)
    enrolled(centre, "tw-02", links=(OTHER_LINK,))
    assert [*told(centre, county(centre, (OTHER_LINK,))).links] == [OTHER_LINK]


def test_a_link_without_an_agent_in_its_township_has_no_secret(centre: Centre) -> None:
    assert told(centre, county(centre)).links == {}


def test_nobody_asks_with_a_secret_before_both_ends_have_it(centre: Centre) -> None:
    """It is answered at once, though: who fetches last finds the other one ready."""
    here, there = enrolled(centre), county(centre)
    first = told(centre, here)
    assert first.links[LINK].use is None
    assert len(first.links[LINK].known) == 1
    second = told(centre, there)
    assert second.links[LINK].use == second.links[LINK].known[0] == first.links[LINK].known[0]
    assert told(centre, here).links[LINK] == second.links[LINK]


def test_an_end_that_never_comes_is_waited_for_so_long_and_no_longer(centre: Centre, clock: TestClock) -> None:
    here, _ = enrolled(centre), county(centre)
    clock.now_ms += SETTLED_MS - 1
    assert told(centre, here).links[LINK].use is None
    clock.now_ms += 1
    assert told(centre, here).links[LINK].use is not None


def test_a_new_enrolment_is_a_new_secret_and_the_former_serves_until_both_have_it(centre: Centre, clock: TestClock) -> None:
    here, there = both(centre)
    former = told(centre, here).links[LINK].use
    clock.now_ms += 1
    again = enrolled(centre)
    first = told(centre, again).links[LINK]
    assert (first.use, first.known[1]) == (former, former)
    assert len(set(first.known)) == 2
    assert told(centre, there).links[LINK].use == first.known[0]
    assert told(centre, again).links[LINK].use == first.known[0]


def test_a_revoked_keys_secret_is_forgotten_at_once(centre: Centre) -> None:
    here, there = both(centre)
    with position_held(centre.place.home.journal) as position:
        centre.enrolment.revoke("tw-01", position, centre.now_ms())
    assert told(centre, there).links == {}
    with pytest.raises(AskRefused, match="this key is revoked") as refused:
        told(centre, here)
    assert refused.value.status == 401
    assert centre.peers.digest(here.key.public.fingerprint) == ""


def test_each_acknowledgement_names_what_would_be_told_now(centre: Centre, clock: TestClock) -> None:
    here, there = enrolled(centre), county(centre)
    there.link = "*"

    def named(speaker: Speaker) -> str:
        return str(ack(post(centre, speaker.batch(clock.now_ms, samples=[])))["peers"])

    pending = named(here)
    assert pending == told(centre, here).digest
    told(centre, there)
    usable = named(here)
    assert usable != pending
    assert usable == told(centre, here).digest
    at_county = named(there)
    assert at_county == told(centre, there).digest
    enrolled(centre, "tw-02", links=(OTHER_LINK,))
    assert named(here) == usable
    assert named(there) != at_county


def test_the_same_secrets_are_derived_after_a_restart(tmp_path: Path, clock: TestClock) -> None:
    with centre_in(tmp_path, clock) as first:
        here, _ = both(first)
        before = told(first, here)
    clock.now_ms += SETTLED_MS
    with centre_in(tmp_path, clock) as second:
        assert told(second, here) == before


def test_no_secret_is_kept_or_named_anywhere(centre: Centre, clock: TestClock) -> None:
    here, _ = both(centre)
    secrets = told(centre, here).links[LINK].known
    shown = ack(post(centre, here.batch(clock.now_ms)))
    root = centre.place.home.root
    for secret in secrets:
        assert secret.hex() not in str(shown)
        for file in root.rglob("*"):
            if file.is_file():
                assert secret not in file.read_bytes()
                assert secret.hex().encode() not in file.read_bytes()


def unsigned(speaker: Speaker) -> bytes:
    honest = Signed.from_lines(request(speaker))
    return Signed(honest.head, SigningKey.generate().sign(honest.head)).to_lines()


def of_another(speaker: Speaker) -> bytes:
    """Signed by a key that is not enrolled, in the name of one that is."""
    fields = {"key": speaker.key.public.fingerprint, "nonce": "n", "at": 0}
    return Signed.make("jinbao-askpeers/1", fields, SigningKey.generate()).to_lines()


REFUSED: dict[str, tuple[Callable[[Speaker], bytes], int, str]] = {
    "a bad signature": (unsigned, 401, "not signed by an enrolled key"),
    "another key's signature": (of_another, 401, "not signed by an enrolled key"),
    "a key nobody knows": (lambda one: request(one, key="f" * 64), 401, "not signed by an enrolled key"),
    "no nonce": (lambda one: request(one, nonce=None), 400, "with key and nonce"),
    "another document": (lambda one: request(one).replace(b"askpeers/1", b"enrol/1", 1), 400, "expected jinbao-askpeers/1"),
    "no document": (lambda one: b"hello", 400, "not a signed request"),
}


@pytest.mark.parametrize(("make", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_whoever_is_not_enrolled_is_told_nothing(
    centre: Centre, make: Callable[[Speaker], bytes], status: int, words: str
) -> None:
    here, _ = both(centre)
    with pytest.raises(AskRefused, match=words) as refused:
        centre.peers.answer(make(here))
    assert refused.value.status == status
