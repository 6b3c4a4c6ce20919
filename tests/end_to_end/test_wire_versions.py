"""Agents and centres are not renewed on one day: yesterday's bytes are understood, and tomorrow's additions are passed over."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_records import author, check_chain, everything_in, samples
from collecting import LINK, NOON, TestClock, ack, centre_in, enrolled, post
from hand_clock import HandClock
from jinbao_agent.enrol import Code, EnrolError, enrol, rotate
from jinbao_agent.heartbeat import read_beat
from jinbao_agent.identity import Enrolment, Home
from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.recorder import Recorder
from jinbao_agent.upload import read_ack
from jinbao_agent.wire import BATCH_TAG, Batch, Signed, canonical, decode_body, sha256, unpack
from jinbao_collector.centre import Centre
from jinbao_collector.ledger import ENROLMENT
from jinbao_collector.store import open_store
from tiny_centre import Reply, TinyCentre

OLD = Path(__file__).parents[1] / "data" / "wire-0.1.0"
ABOUT = json.loads((OLD / "about.json").read_text())


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with centre_in(tmp_path / "centre", TestClock()) as opened:
        yield opened


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "centre").mkdir()


def told(centre: Centre) -> list[list[Any]]:
    """The samples the store hands out."""
    reader = open_store(centre.place.home.root)
    found = []
    try:
        for name in reader.names():
            series = reader.series(*name, 0, 2**42)
            outcomes = [series.outcomes[word] for word in series.outcome.tolist()]
            rows = zip(
                series.at.tolist(), outcomes, series.rtt.tolist(), series.seq.tolist(), series.mono.tolist(), strict=True
            )
            found += [[name[2], at, outcome, None if rtt < 0 else rtt, seq, mono] for at, outcome, rtt, seq, mono in rows]
    finally:
        reader.close()
    return sorted(found, key=str)


# The version before


def test_a_request_of_the_former_version_is_kept_and_read_as_it_was_measured(centre: Centre) -> None:
    facts = {
        "agent": "yanbian-01", "vantage": "township", "links": [LINK], "nonce": "n", "public": ABOUT["agent_public"],
        "install": "i" * 32, "predecessor": None,
    }  # fmt: skip
    centre.ledger.append(ENROLMENT, facts, NOON)
    answer = centre.intake.receive((OLD / "request.zlib").read_bytes(), "10.1.1.2").result()
    assert answer.status == 200
    assert (ack(answer)["number"], ack(answer)["hash"], ack(answer)["verdicts"]) == (ABOUT["number"], ABOUT["hash"], {})
    sent = [[target, at // 1000, *rest] for target, at, *rest in ABOUT["samples"][:24]]
    assert told(centre) == sorted(sent, key=str)


def enrolment(public: VerifyKey) -> Enrolment:
    return Enrolment(
        agent="yanbian-01", vantage="township", links=(LINK,), key="k", url="https://127.0.0.1:1", at=0, collector=public
    )


def test_an_acknowledgement_of_the_former_version_is_believed() -> None:
    known = enrolment(VerifyKey.from_text(ABOUT["collector_public"]))
    found = read_ack((OLD / "ack").read_bytes(), known, ABOUT["chain"], "yanbian-01")
    assert (found.head.number, found.head.hash, found.peers, found.config) == (ABOUT["number"], ABOUT["hash"], "", 0)


def test_an_agent_renewed_in_place_goes_on_where_the_former_version_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(OLD, data)
    before, _, _ = everything_in(data / "spool.db")
    beat = read_beat(data / "heartbeat")
    assert beat is not None
    assert beat.head is not None
    assert (beat.head.chain, beat.head.number) == (ABOUT["chain"], 2)

    async def life() -> None:
        recorder = Recorder(data / "spool.db", beat.head, author(), HandClock(), boot="boot-2", batch_ms=60_000)
        recorder.put(samples(range(6)))
        await recorder.close()

    asyncio.run(life())
    batches, found, events = everything_in(data / "spool.db")
    assert [batch.signed.head for batch in batches[:2]] == [batch.signed.head for batch in before]
    check_chain(batches)
    assert len(found) == 36 + 6, "with the minute that was open"
    assert [event.event for event in events] == ["start"]


def test_a_centre_of_the_former_version_that_knows_no_rotation_leaves_the_key_as_it_is(tmp_path: Path) -> None:
    with TinyCentre(tmp_path).open() as centre:
        home = Home(tmp_path / "data")
        home.make()
        enrol(home, Code.parse(centre.code), vantage="township", link=LINK, now_ms=0, again=False)
        key = home.signing_key().public
        centre.answer = lambda method, path, body: Reply(404, b"Not Found")  # type: ignore[method-assign]
        with pytest.raises(EnrolError, match="404"):
            rotate(home, None, now_ms=0)
        assert home.author().key.public == key


# The version after


def test_what_a_later_agent_adds_to_its_batches_is_passed_over(centre: Centre) -> None:
    agent = enrolled(centre)
    plain = agent.batch(NOON)
    assert plain.body is not None
    body = canonical({**json.loads(plain.body), "colour": ["red"] * 6, "notes": {"of": "tomorrow"}}).encode() + b"\n"
    fields = {**plain.signed.fields(), "body": sha256(body), "mood": {"good": 1}, "weather": "fair"}
    later = Batch(Signed.make(BATCH_TAG, fields, agent.key), body)
    answer = post(centre, later)
    assert (answer.status, ack(answer)["verdicts"]) == (200, {})
    expected, _ = decode_body(plain.body, "township", agent.boot)
    assert [row[4] for row in told(centre)] == [one.seq for one in expected]


def test_what_a_later_centre_adds_to_its_answers_is_passed_over(tmp_path: Path) -> None:
    key = SigningKey.generate()
    fields = {**Signed.from_lines((OLD / "ack").read_bytes()).fields(), "mood": "good", "config": "of another kind", "peers": 7}
    found = read_ack(Signed.make("jinbao-ack/1", fields, key).to_lines(), enrolment(key.public), ABOUT["chain"], "yanbian-01")
    assert (found.head.number, found.peers, found.config) == (2, "", 0)
    with TinyCentre(tmp_path).open() as centre:
        home = Home(tmp_path / "data")
        home.make()
        plain = centre.answer

        def richer(method: str, path: str, body: bytes) -> Reply:
            reply = plain(method, path, body)
            if path != "/v1/enrol":
                return reply
            said = Signed.from_lines(reply.body)
            return Reply(200, Signed.make(said.tag, {**said.fields(), "motto": "add, never change"}, centre.key).to_lines())

        centre.answer = richer  # type: ignore[method-assign]
        assert enrol(home, Code.parse(centre.code), vantage="township", link=LINK, now_ms=0, again=False).agent == "yanbian-01"


def test_a_batch_of_a_later_format_is_kept_and_acknowledged_for_a_later_reader(centre: Centre) -> None:
    agent = enrolled(centre)
    plain = agent.batch(NOON)
    later = Batch(Signed.make("jinbao-batch/2", plain.signed.fields(), agent.key), plain.body)
    answer = post(centre, later)
    assert (answer.status, ack(answer)["verdicts"]) == (200, {"1": ["schema_unknown"]})
    assert told(centre) == []


def test_the_recorded_request_is_still_the_bytes_it_was() -> None:
    batches = unpack((OLD / "request.zlib").read_bytes(), 10**6)
    assert all(batch.signed.verified_by(VerifyKey.from_text(ABOUT["agent_public"])) for batch in batches)
    assert batches[-1].signed.hash == ABOUT["hash"]
