"""How a key gets onto the roster, and every way it does not."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, NOON, TestClock, centre_in, enrol_document
from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.wire import Signed
from jinbao_collector.centre import Centre
from jinbao_collector.enrolment import EnrolmentError
from jinbao_collector.journal import position_held
from jinbao_collector.ledger import LedgerError

DAY_MS = 86_400_000


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def code(centre: Centre) -> str:
    return centre.enrolment.invite("tw-01", "township", [LINK], centre.place.url, centre.now_ms())


def enrol(centre: Centre, document: bytes) -> Signed:
    return centre.enrolment.enrol(document, centre.now_ms())


def test_a_code_names_address_ca_and_secret(centre: Centre, code: str) -> None:
    address, _, rest = code.partition("#")
    fingerprint, _, secret = rest.partition(".")
    assert address == "https://127.0.0.1:8443"
    assert fingerprint == centre.authority.ca_fingerprint
    assert len(bytes.fromhex(secret)) == 16


def test_the_ledger_shows_only_the_secrets_hash(centre: Centre, code: str) -> None:
    secret = code.rpartition(".")[2]
    assert secret.encode() not in centre.place.home.ledger.read_bytes()
    assert bytes.fromhex(secret) not in centre.place.home.ledger.read_bytes()


def test_an_agent_that_knows_the_secret_is_enrolled_and_told_by_the_centre(centre: Centre, code: str) -> None:
    key = SigningKey.generate()
    answer = enrol(centre, enrol_document(code, key))
    fields = answer.fields()
    assert answer.tag == "jinbao-enrolled/1"
    assert answer.verified_by(VerifyKey.from_text(fields["collector"]))
    assert fields["collector"] == centre.authority.signing.public.text
    assert (fields["agent"], fields["vantage"], fields["links"]) == ("tw-01", "township", [LINK])
    assert fields["key"] == key.public.fingerprint
    assert centre.roster().members[key.public.fingerprint].speaks_for(LINK)


def test_the_same_key_asking_again_gets_the_same_answer_and_one_row(centre: Centre, code: str, clock: TestClock) -> None:
    key = SigningKey.generate()
    first = enrol(centre, enrol_document(code, key)).fields()
    clock.now_ms += 2 * DAY_MS
    again = enrol(centre, enrol_document(code, key)).fields()
    assert {**again, "at": first["at"]} == first
    assert len(centre.ledger.rows("enrolment")) == 1


def expired(centre: Centre, code: str) -> bytes:
    centre.now_ms.now_ms += DAY_MS  # type: ignore[attr-defined]  # the test's clock
    return enrol_document(code, SigningKey.generate())


def used(centre: Centre, code: str) -> bytes:
    enrol(centre, enrol_document(code, SigningKey.generate()))
    return enrol_document(code, SigningKey.generate())


def key_known_already(centre: Centre, code: str) -> bytes:
    key = SigningKey.generate()
    enrol(centre, enrol_document(code, key))
    second = centre.enrolment.invite("tw-02", "township", [LINK], centre.place.url, centre.now_ms())
    return enrol_document(second, key)


def signed_by_another(centre: Centre, code: str) -> bytes:
    honest = Signed.from_lines(enrol_document(code, SigningKey.generate()))
    return Signed(honest.head, SigningKey.generate().sign(honest.head)).to_lines()


def proof_of_another_key(centre: Centre, code: str) -> bytes:
    proof = Signed.from_lines(enrol_document(code, SigningKey.generate())).fields()["proof"]
    return enrol_document(code, SigningKey.generate(), proof=proof)


def new(code: str, **changes: object) -> bytes:
    """An honest request of a new key, but for these fields."""
    return enrol_document(code, SigningKey.generate(), **changes)


def of_another_kind(centre: Centre, code: str) -> bytes:
    return new(code).replace(b"jinbao-enrol/1", b"jinbao-ack/1", 1)


REFUSED: list[tuple[str, Callable[[Centre, str], bytes], int, str]] = [
    ("expired code", expired, 401, "this code has expired; ask for a new code"),
    ("used code", used, 401, "this code was used already, by another key"),
    ("wrong secret", lambda c, code: new(code[:-32] + "0" * 32), 401, "no invitation has this secret"),
    ("proof made for another key", proof_of_another_key, 401, "no invitation has this secret"),
    ("proof that is no hex", lambda c, code: new(code, proof="zz"), 401, "no invitation has this secret"),
    ("proof that is no text", lambda c, code: new(code, proof=7), 401, "no invitation has this secret"),
    ("a key that is enrolled already", key_known_already, 401, "this key is enrolled already"),
    ("signed by another key than it names", signed_by_another, 401, "the signature is not of the key"),
    ("no public key", lambda c, code: new(code, public="AAAA"), 400, "32 bytes"),
    ("no installation id", lambda c, code: new(code, install=None), 400, "install"),
    ("half a predecessor", lambda c, code: new(code, predecessor={"chain": "x"}), 400, "predecessor"),
    ("another kind of document", of_another_kind, 400, "expected jinbao-enrol/1"),
    ("no document", lambda c, code: b"hello", 400, "not an enrolment"),
]


@pytest.mark.parametrize(("make", "status", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_whoever_is_not_invited_stays_out(
    centre: Centre, code: str, make: Callable[[Centre, str], bytes], status: int, words: str
) -> None:
    document = make(centre, code)
    before = dict(centre.roster().members)
    with pytest.raises(EnrolmentError, match=words) as refused:
        enrol(centre, document)
    assert refused.value.status == status
    assert dict(centre.roster().members) == before


def test_a_lost_key_is_replaced_and_its_predecessor_stands_in_the_ledger(centre: Centre, code: str) -> None:
    enrol(centre, enrol_document(code, SigningKey.generate()))
    second = centre.enrolment.invite("tw-01", "township", [LINK], centre.place.url, centre.now_ms())
    named = {"chain": "c" * 32, "number": 7, "hash": "f" * 64}
    enrol(centre, enrol_document(second, SigningKey.generate(), predecessor=named))
    assert [row.facts["predecessor"] for row in centre.ledger.rows("enrolment")] == [None, named]
    assert len(centre.roster().of_agent("tw-01")) == 2


def test_a_revoked_agent_has_nothing_left_to_revoke_and_may_be_invited_anew(centre: Centre, code: str) -> None:
    enrol(centre, enrol_document(code, SigningKey.generate()))
    with position_held(centre.place.home.journal) as position:
        assert len(centre.enrolment.revoke("tw-01", position, NOON)) == 1
        with pytest.raises(LedgerError, match="'tw-01': has no key that could be revoked"):
            centre.enrolment.revoke("tw-01", position, NOON)
    key = SigningKey.generate()
    second = centre.enrolment.invite("tw-01", "township", [LINK], centre.place.url, centre.now_ms())
    enrol(centre, enrol_document(second, key))
    assert centre.roster().members[key.public.fingerprint].revoked_after is None


def test_a_name_stands_for_one_vantage(centre: Centre, code: str) -> None:
    enrol(centre, enrol_document(code, SigningKey.generate()))
    with pytest.raises(LedgerError, match="'tw-01': is known at the township; an agent at the county needs a name of its own"):
        centre.enrolment.invite("tw-01", "county", ["*"], centre.place.url, NOON)
    with pytest.raises(LedgerError, match="an agent's name is 1 to 64 letters"):
        centre.enrolment.invite("tw 01", "township", [LINK], centre.place.url, NOON)


# Rotation


def rotation(old: SigningKey, new: SigningKey, agent: str = "tw-01", **changed: Any) -> bytes:
    proof = new.sign(f"jinbao-rotate/1\n{agent}\n{old.public.fingerprint}\n".encode())
    fields = {
        "key": old.public.fingerprint,
        "public": new.public.text,
        "proof": base64.b64encode(proof).decode(),
        "at": NOON,
    }
    return Signed.make("jinbao-rotate/1", {**fields, **changed}, old).to_lines()


@pytest.fixture
def old(centre: Centre, code: str) -> SigningKey:
    key = SigningKey.generate()
    enrol(centre, enrol_document(code, key))
    return key


def test_a_key_hands_its_place_to_a_new_one_and_stays_good_until_it_is_revoked(centre: Centre, old: SigningKey) -> None:
    new = SigningKey.generate()
    answer = centre.enrolment.rotate(rotation(old, new), NOON)
    assert answer.verified_by(centre.authority.signing.public)
    assert answer.fields()["key"] == new.public.fingerprint
    former, present = centre.roster().of_agent("tw-01")
    assert (present.key, present.vantage, present.links) == (new.public, former.vantage, former.links)
    with position_held(centre.place.home.journal) as position:
        assert centre.enrolment.revoke("tw-01", position, NOON, former=True) == [old.public.fingerprint]
        with pytest.raises(LedgerError, match="has no former key"):
            centre.enrolment.revoke("tw-01", position, NOON, former=True)
    assert centre.roster().members[new.public.fingerprint].revoked_after is None


def test_the_same_rotation_again_gets_the_same_answer_and_another_none(centre: Centre, old: SigningKey) -> None:
    new = SigningKey.generate()
    first = centre.enrolment.rotate(rotation(old, new), NOON)
    assert centre.enrolment.rotate(rotation(old, new), NOON).fields() == first.fields()
    assert len(centre.roster().of_agent("tw-01")) == 2
    with pytest.raises(EnrolmentError, match="replaced already, by another"):
        centre.enrolment.rotate(rotation(old, SigningKey.generate()), NOON)


def test_whoever_may_not_rotate_is_refused(centre: Centre, old: SigningKey) -> None:
    thief, new = SigningKey.generate(), SigningKey.generate()
    refused = {
        "not signed by an enrolled key": rotation(thief, new),
        "does not say that it wants": rotation(old, new, proof=base64.b64encode(bytes(64)).decode()),
        "wants this place": rotation(old, new, agent="tw-02"),
        "enrolled already": rotation(old, old),
        "not a rotation": rotation(old, new, proof=7),
        "expected jinbao-rotate/1": Signed.make(
            "jinbao-enrol/1", Signed.from_lines(rotation(old, new)).fields(), old
        ).to_lines(),
    }
    for words, document in refused.items():
        with pytest.raises(EnrolmentError, match=words):
            centre.enrolment.rotate(document, NOON)
    forged = Signed(Signed.from_lines(rotation(old, new)).head, bytes(64))
    with pytest.raises(EnrolmentError, match="not signed by an enrolled key"):
        centre.enrolment.rotate(forged.to_lines(), NOON)
    with position_held(centre.place.home.journal) as position:
        centre.enrolment.revoke("tw-01", position, NOON)
    with pytest.raises(EnrolmentError, match="revoked"):
        centre.enrolment.rotate(rotation(old, new), NOON)
    assert len(centre.roster().of_agent("tw-01")) == 1
