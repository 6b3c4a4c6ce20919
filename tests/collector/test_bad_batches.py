# ruff: noqa: E501  (one row a line is what makes it a table)
"""Every kind of bad batch, and what the centre does about it. Read the table."""

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, ack, centre_in, enrolled, error, post
from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Event
from jinbao_agent.wire import Batch, Signed, pack, sha256
from jinbao_collector.centre import Centre
from jinbao_collector.ingest import Answer
from jinbao_collector.journal import position_held

DAY_MS = 86_400_000


@dataclass
class Scene:
    """A collector with one township agent `good`, its clock at NOON."""

    centre: Centre
    good: Speaker
    clock: TestClock

    def post(self, *batches: Batch) -> Answer:
        return post(self.centre, *batches)

    def revoke(self) -> None:
        with position_held(self.centre.place.home.journal) as position:
            self.centre.enrolment.revoke(self.good.agent, position, self.clock())

    def rows(self) -> list[tuple[int, int, list[str]]]:
        """Position, number and verdicts of what the journal holds."""
        (file,) = self.centre.place.home.journal.glob("*.db")
        db = sqlite3.connect(file)
        found = db.execute("SELECT position, number, verdicts FROM batch ORDER BY position").fetchall()
        db.close()
        return [(position, number, json.loads(verdicts)) for position, number, verdicts in found]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = TestClock()
    with centre_in(tmp_path, clock) as centre:
        yield Scene(centre, enrolled(centre), clock)


def signed_otherwise(batch: Batch, key: SigningKey) -> Batch:
    return Batch(Signed(batch.signed.head, key.sign(batch.signed.head)), batch.body)


def rewritten(batch: Batch, key: SigningKey, tag: str = "jinbao-batch/1", **fields: object) -> Batch:
    """The batch with another head, honestly signed."""
    return Batch(Signed.make(tag, {**batch.signed.fields(), **fields}, key), batch.body)


# Refused: these bytes are nobody's, or too many. (name, request body, status, words of the answer)

REFUSED: list[tuple[str, Callable[[Scene], bytes], int, str]] = [
    ("unsigned: the signature is zeros", lambda s: pack([Batch(Signed(s.good.batch(NOON).signed.head, bytes(64)), b"{}\n")]), 401, "signature"),
    ("signed by a key nobody enrolled", lambda s: pack([Speaker("tw-01", "township", LINK, SigningKey.generate()).batch(NOON)]), 401, "not enrolled"),
    ("wrong key: names the agent's, is signed by another", lambda s: pack([signed_otherwise(s.good.batch(NOON), SigningKey.generate())]), 401, "signature"),
    ("one flipped byte in the head", lambda s: flipped(s.good.batch(NOON)), 401, "signature"),
    ("another body than the head names", lambda s: pack([Batch(s.good.batch(NOON).signed, s.good.batch(NOON).body.replace(b"2000", b"2009"))]), 400, "SHA-256"),
    ("one good batch beside one of nobody", lambda s: pack([s.good.batch(NOON), signed_otherwise(s.good.batch(NOON), SigningKey.generate())]), 401, "signature"),
    ("oversized as sent", lambda s: bytes(4_000_001), 413, "4000000 bytes"),
    ("inflate bomb: 40 MB of zeros in 40 kB", lambda s: zlib.compress(bytes(40_000_000)), 413, "inflates to more"),
    ("not zlib", lambda s: b"hello", 400, "not zlib"),
    ("zlib cut short", lambda s: pack([s.good.batch(NOON)])[:-5], 400, "cut short"),
    ("zlib with a tail", lambda s: pack([s.good.batch(NOON)]) + b"tail", 400, "tail"),
    ("nothing", lambda s: b"", 400, "cut short"),
    ("no batch inside", lambda s: zlib.compress(b""), 400, "four lines"),
    ("three lines instead of four", lambda s: zlib.compress(s.good.batch(NOON).to_lines().replace(b"\n", b" ", 1)), 400, "four lines"),
    ("signature that is not base64", lambda s: zlib.compress(b"jinbao-batch/1\n{}\n\n!!!\n"), 400, "base64"),
    ("header that is not JSON", lambda s: zlib.compress(b"jinbao-batch/1\nx\n\n" + b"A" * 86 + b"==\n"), 400, "JSON"),
    ("header with a float", lambda s: pack([raw(b'jinbao-batch/1\n{"key":1.5}\n', s.good.key)]), 400, "integer"),
    ("header nested a million deep", lambda s: pack([raw(b"jinbao-batch/1\n" + b"[" * 1_000_000 + b"\n", s.good.key)]), 400, "JSON"),
    ("authentic, but numbered 0", lambda s: pack([rewritten(s.good.batch(NOON), s.good.key, number=0)]), 400, "number from 1"),
    ("authentic, but numbered beyond all reason", lambda s: pack([rewritten(s.good.batch(NOON), s.good.key, number=2**63)]), 400, "number from 1"),
    ("authentic, but of a chain with an endless name", lambda s: pack([rewritten(s.good.batch(NOON), s.good.key, chain="c" * 129)]), 400, "names chain"),
    ("two chains in one request", lambda s: pack([s.good.batch(NOON), s.good.again(chain="c" * 32).batch(NOON)]), 400, "one chain"),
]  # fmt: skip


def flipped(batch: Batch) -> bytes:
    head = batch.signed.head.replace(b'"number":', b'"numbes":')
    return pack([Batch(Signed(head, batch.signed.signature), batch.body)])


def raw(head: bytes, key: SigningKey) -> Batch:
    return Batch(Signed(head, key.sign(head)), None)


@pytest.mark.parametrize(("make", "status", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_nobody_vouches_for_is_refused_counted_and_leaves_its_first_kib(
    scene: Scene, make: Callable[[Scene], bytes], status: int, words: str
) -> None:
    data = make(scene)
    answer = scene.centre.intake.receive(data, "10.9.9.9").result()
    assert answer.status == status
    assert words in error(answer)
    assert scene.rows() == []
    ((facts, kept),) = scene.centre.ring.records()
    assert (facts["address"], facts["length"], kept) == ("10.9.9.9", len(data), data[:1024])
    page, _ = scene.centre.metrics.text("")
    assert f'jinbao_refused_total{{reason="{facts["reason"]}"}} 1.0'.encode() in page


# Kept: authentic, so acknowledged; what is wrong stands beside it. (name, the deed, the verdicts on the last batch)


def clone_goes_on(s: Scene) -> Answer:
    clone = s.good.again()
    s.post(s.good.batch(NOON))
    return s.post(clone.batch(NOON, s.good.minute(NOON, "app")))


def follows_on_nothing(s: Scene) -> Answer:
    s.post(s.good.batch(NOON))
    s.good.head = "f" * 64
    return s.post(s.good.batch(NOON + 60_000))


def filled_gap_contradicts(s: Scene) -> Answer:
    """Number 2 arrives first; then a number 1 that is not the one it names."""
    first = s.good.again()
    s.good.batch(NOON)
    s.post(s.good.batch(NOON + 60_000))
    return s.post(first.batch(NOON, first.minute(NOON, "app")))


def after_revocation(s: Scene) -> Answer:
    s.post(s.good.batch(NOON))
    s.revoke()
    return s.post(s.good.batch(NOON + 60_000))


def in_the_same_minute(s: Scene) -> Answer:
    s.post(s.good.batch(NOON))
    return s.post(s.good.again(chain="c" * 32, number=0, head="0" * 64).batch(NOON + 30_000))


def back_in_its_own_chain(s: Scene) -> Answer:
    s.post(s.good.batch(NOON))
    return s.post(s.good.batch(NOON - 600_000))


def after_its_successor(s: Scene) -> Answer:
    s.post(s.good.batch(NOON))
    named = {"chain": s.good.chain, "number": 1, "hash": s.good.head, "reason": "reinstalled"}
    successor = s.good.again(chain="c" * 32, number=0, head="0" * 64)
    assert ack(s.post(successor.batch(NOON + 60_000, predecessor=named)))["verdicts"] == {}
    return s.post(s.good.batch(NOON + 120_000))


def with_body(s: Scene, body: bytes) -> Answer:
    head = rewritten(s.good.batch(NOON), s.good.key, body=sha256(body)).signed
    return s.post(Batch(head, body))


def as_header(s: Scene, **fields: object) -> Answer:
    return s.post(rewritten(s.good.batch(NOON), s.good.key, **fields))


KEPT: list[tuple[str, Callable[[Scene], Answer], list[str]]] = [
    ("nothing wrong", lambda s: s.post(s.good.batch(NOON)), []),
    ("revoked key", after_revocation, ["revoked_key"]),
    ("out of scope: another township's link", lambda s: s.post(s.good.batch(NOON, s.good.minute(NOON, link=OTHER_LINK))), ["out_of_scope"]),
    ("out of scope: another township's link in an event", lambda s: s.post(s.good.batch(NOON, events=[Event(link="*", vantage="township", at_us=NOON * 1000, event="mains_off")])), ["out_of_scope"]),
    ("out of scope: another vantage", lambda s: as_header(s, vantage="county"), ["out_of_scope"]),
    ("out of scope: another agent's name", lambda s: as_header(s, agent="tw-02"), ["out_of_scope"]),
    ("fork: another batch under the same number", clone_goes_on, ["fork"]),
    ("fork: follows on a batch that is not the one kept", follows_on_nothing, ["fork"]),
    ("fork: fills a gap before a batch that names another", filled_gap_contradicts, ["fork"]),
    ("future clock: two days ahead", lambda s: s.post(s.good.batch(NOON + 2 * DAY_MS)), ["clock_suspect"]),
    ("a clock that never was set: 1970", lambda s: s.post(s.good.batch(0)), ["clock_suspect"]),
    ("future clock: in the body alone", lambda s: with_body(s, body_of(sent_us=[(NOON + 2 * DAY_MS) * 1000])), ["clock_suspect"]),
    ("a clock one hour ahead is no matter", lambda s: s.post(s.good.batch(NOON + 3_600_000)), []),
    ("wrong schema: a tag from the future", lambda s: s.post(rewritten(s.good.batch(NOON), s.good.key, tag="jinbao-batch/2")), ["schema_unknown"]),
    ("wrong schema: no slots", lambda s: as_header(s, slots=None), ["schema_unknown"]),
    ("wrong schema: slots that end before they begin", lambda s: as_header(s, slots=[NOON, NOON - 1]), ["schema_unknown"]),
    ("wrong schema: a body that is no JSON", lambda s: with_body(s, b"hello\n"), ["schema_unknown"]),
    ("wrong schema: a body of unequal columns", lambda s: with_body(s, body_of(sent_us=[1, 2])), ["schema_unknown"]),
    ("wrong schema: an index past its table", lambda s: with_body(s, body_of(of=[7])), ["schema_unknown"]),
    ("wrong schema: an outcome nobody knows", lambda s: with_body(s, body_of(outcomes=["fine"])), ["schema_unknown"]),
    ("wrong schema: an integer of 70 bits", lambda s: with_body(s, body_of(rtt_us=[2**70])), ["schema_unknown"]),
    ("wrong schema: a series without its interval", lambda s: with_body(s, body_of(series=[[LINK, "core", None]])), ["schema_unknown"]),
    ("overlap: the slots of another chain", in_the_same_minute, ["overlap"]),
    ("overlap: ten minutes back in its own chain", back_in_its_own_chain, ["overlap"]),
    ("retired chain: goes on after its successor began", after_its_successor, ["retired_chain"]),
    ("bare header, its body dropped by a full spool", lambda s: s.post(Batch(s.good.batch(NOON).signed, None)), []),
]  # fmt: skip


def body_of(**columns: object) -> bytes:
    """One sample, with some columns replaced."""
    plain = {"series": [[LINK, "core", 10_000]], "outcomes": ["reply"], "of": [0], "outcome": [0], "sent_us": [NOON * 1000],
             "mono_us": [5], "rtt_us": [2000], "seq": [1], "events": []}  # fmt: skip
    return json.dumps({**plain, **columns}, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(("deed", "verdicts"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_what_is_authentic_is_kept_and_acknowledged_with_its_verdicts(
    scene: Scene, deed: Callable[[Scene], Answer], verdicts: list[str]
) -> None:
    answer = deed(scene)
    _, number, kept = scene.rows()[-1]
    assert kept == verdicts
    assert ack(answer)["verdicts"].get(str(number), []) == verdicts
    assert answer.status == 200 or ack(answer)["number"] < number
    assert scene.centre.ring.records() == []


def test_a_replay_is_acknowledged_and_not_kept_twice(scene: Scene) -> None:
    batches = scene.good.minutes(3)
    first, again = scene.post(*batches), scene.post(*batches)
    assert (first.status, again.status) == (200, 200)
    assert ack(again)["number"] == 3
    assert ack(again)["hash"] == batches[-1].signed.hash
    assert len(scene.rows()) == 3


def test_a_replay_gets_the_verdicts_of_its_first_arrival(scene: Scene) -> None:
    batch = scene.good.batch(NOON + 2 * DAY_MS)
    scene.post(batch)
    scene.clock.now_ms += 3 * DAY_MS
    assert ack(scene.post(batch))["verdicts"] == {"1": ["clock_suspect"]}


def test_a_gap_is_answered_409_with_the_head_and_kept_all_the_same_until_it_is_filled(scene: Scene) -> None:
    one, two, three, four = scene.good.minutes(4)
    scene.post(one)
    gap = scene.post(three, four)
    assert gap.status == 409
    assert (ack(gap)["number"], ack(gap)["hash"]) == (1, one.signed.hash)
    assert [number for _, number, _ in scene.rows()] == [1, 3, 4]
    filled = scene.post(two)
    assert filled.status == 200
    assert (ack(filled)["number"], ack(filled)["hash"]) == (4, four.signed.hash)


def test_a_chain_nobody_knows_starts_at_genesis(scene: Scene) -> None:
    scene.good.batch(NOON)
    answer = scene.post(scene.good.batch(NOON + 60_000))
    assert answer.status == 409
    assert (ack(answer)["number"], ack(answer)["hash"]) == (0, "0" * 64)


def test_an_ack_is_signed_by_the_centre(scene: Scene) -> None:
    answer = scene.post(scene.good.batch(NOON))
    signed = Signed.from_lines(answer.body)
    assert signed.tag == "jinbao-ack/1"
    assert signed.verified_by(scene.centre.authority.signing.public)
    assert {
        "agent": "tw-01",
        "chain": scene.good.chain,
        "number": 1,
        "manifest": "",
        "at": NOON,
    }.items() <= signed.fields().items()


def test_a_body_that_was_dropped_and_comes_later_is_kept_beside_its_header(scene: Scene) -> None:
    batch = scene.good.batch(NOON)
    scene.post(Batch(batch.signed, None))
    assert scene.post(batch).status == 200
    assert [verdicts for _, _, verdicts in scene.rows()] == [[], []]
    scene.post(batch)
    assert len(scene.rows()) == 2


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    with centre_in(tmp_path, TestClock(), refuse="{ per_minute = 2 }") as centre:
        good = enrolled(centre)
        batches = good.minutes(3)
        answers = [post(centre, batch) for batch in batches]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
        assert centre.ring.records() == []


def test_a_revocation_holds_from_its_position_on_and_not_before(scene: Scene) -> None:
    before, after = scene.good.minutes(2)
    scene.post(before)
    scene.revoke()
    scene.post(after)
    assert [verdicts for _, _, verdicts in scene.rows()] == [[], ["revoked_key"]]
    assert ack(scene.post(before))["verdicts"] == {}
