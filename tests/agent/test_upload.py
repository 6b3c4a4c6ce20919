"""Spool to centre over real HTTPS: everything arrives, in order, and nothing but the centre's own word lets it be forgotten."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_records import BOOT, check_chain, everything_in, records_of, samples
from hand_clock import HandClock
from jinbao_agent.chain import Head
from jinbao_agent.enrol import Code, EnrolError, enrol, rotate
from jinbao_agent.heartbeat import Beat, Heart
from jinbao_agent.https import Https, Unreachable
from jinbao_agent.identity import Home, InUse
from jinbao_agent.keys import SigningKey
from jinbao_agent.recorder import Recorder
from jinbao_agent.spool import Spool
from jinbao_agent.upload import MOST_BATCHES, Uploader
from jinbao_agent.wire import Signed
from tiny_centre import Mood, Reply, TinyCentre, signed_by_another


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[TinyCentre]:
    with TinyCentre(tmp_path).open() as opened:
        yield opened


@dataclass
class Box:
    """An agent's data folder, recorder and uploader, without its probes."""

    home: Home
    recorder: Recorder
    uploader: Uploader
    clock: HandClock
    numbers: int = 0

    async def record(self, batches: int) -> None:
        for _ in range(batches):
            self.recorder.put(samples(range(self.numbers, self.numbers + 6)))
            self.numbers += 6
            assert await self.recorder.flush()
            await self.recorder.use(lambda spool: spool.close(self.recorder.author))

    async def waiting(self) -> list[int]:
        return [row.number for row in await self.recorder.use(lambda spool: spool.waiting(0, 10_000, 10**9))]

    async def patience(self) -> None:
        """Long enough for any back-off."""
        self.clock.forward(2 * 3600 * 1_000_000)


def enrolled(folder: Path, centre: TinyCentre) -> Home:
    home = Home(folder / "data")
    home.make()
    enrol(home, Code.parse(centre.code), vantage="township", link="510422101", now_ms=0, again=False)
    return home


@contextlib.asynccontextmanager
async def box(home: Home, *, every_s: float = 15) -> Any:
    home.make()
    clock = HandClock()
    recorder = Recorder(home.spool, None, home.author(), clock, boot=BOOT, batch_ms=10**9)
    uploader = Uploader(home, recorder, clock, url=None, every_s=every_s, chance=lambda: 0.5)
    try:
        yield Box(home, recorder, uploader, clock)
    finally:
        uploader.close()
        await recorder.close()


def kept_samples(centre: TinyCentre) -> list[int | None]:
    """The numbers of all samples the centre keeps, chain by chain."""
    batches = [batch for chain in centre.kept.values() for _, batch in sorted(chain.items())]
    return [row.seq for row in records_of(batches)[0]]


# The plain way


def test_what_waits_is_sent_in_order_and_acknowledged(tmp_path: Path, centre: TinyCentre) -> None:
    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(3)
            await agent.uploader.send()
            assert await agent.waiting() == []
            assert await agent.recorder.use(lambda spool: spool.get("seen")) == "a" * 64
            await agent.record(1)
            await agent.uploader.send()

    asyncio.run(scene())
    assert centre.requests == [[1, 2, 3], [4]]
    assert kept_samples(centre) == list(range(24))
    (chain,) = centre.kept.values()
    check_chain(chain[number] for number in sorted(chain))
    assert chain[4].fields()["seen"] == "a" * 64
    assert chain[1].fields()["agent"] == "yanbian-01"


def test_a_long_silence_is_made_good_in_bounded_requests(tmp_path: Path, centre: TinyCentre) -> None:
    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(2 * MOST_BATCHES + 3)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    assert [len(numbers) for numbers in centre.requests] == [64, 64, 3]
    assert kept_samples(centre) == list(range(6 * 131))


def test_an_agent_that_nobody_knows_records_and_waits_and_sends_once_it_is_enrolled(tmp_path: Path, centre: TinyCentre) -> None:
    async def scene() -> None:
        home = Home(tmp_path / "data")
        async with box(home) as agent:
            await agent.record(2)
            await agent.uploader.send()
            assert (await agent.waiting(), centre.requests) == ([1, 2], [])
            # As the command does it, beside the running agent.
            await asyncio.to_thread(lambda: enrolled(tmp_path, centre))
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    assert kept_samples(centre) == list(range(18))


def test_no_collector_is_no_reason_to_lose_anything(tmp_path: Path) -> None:
    centre = TinyCentre(tmp_path)

    async def scene() -> None:
        with centre.open():
            home = await asyncio.to_thread(lambda: enrolled(tmp_path, centre))
        async with box(home) as agent:
            await agent.record(2)
            await agent.uploader.send()
            assert (await agent.waiting(), agent.uploader.is_deferred) == ([1, 2], True)
            with centre.open():
                await agent.uploader.send()
                assert centre.requests == []  # not before its time
                await agent.patience()
                await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    assert kept_samples(centre) == list(range(12))


def test_what_proves_too_much_for_a_line_is_tried_in_smaller_requests(tmp_path: Path, centre: TinyCentre) -> None:
    moods = [lambda centre, reply, answer=answer: answer for answer in (Reply(408, b"{}"), Reply(200, b""), Reply(200, b""))]
    assert sends(tmp_path, centre, moods, 4, batches=8) == []
    assert centre.requests == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [1, 2], [1]]
    assert kept_samples(centre) == list(range(48))


def test_a_disk_that_takes_no_acknowledgement_holds_nothing_up(
    tmp_path: Path, centre: TinyCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(2)
            with monkeypatch.context() as patch:
                patch.setattr(Spool, "ack", full)
                await agent.uploader.send()
                await agent.uploader.send()
            assert centre.requests == [[1, 2]]
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    assert centre.requests == [[1, 2], [3]]


# Moods of the centre


def sends(
    tmp_path: Path, centre: TinyCentre, moods: Sequence[Mood], rounds: int, *, batches: int = 3, patient: bool = True
) -> list[int]:
    """One upload after the other in these moods; the numbers that still wait."""

    async def scene() -> list[int]:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(batches)
            centre.moods = list(moods)
            for _ in range(rounds):
                await agent.uploader.send()
                if patient:
                    await agent.patience()
            return list(await agent.waiting())

    return asyncio.run(scene())


def lies(**changed: Any) -> Mood:
    """Signed by the centre's own key, and yet not what this agent asked."""
    return lambda centre, reply: Reply(200, centre.ack(next(iter(centre.kept)), **changed))


HOSTILE: dict[str, Mood] = {
    "signed by another key": signed_by_another,
    "for another agent": lies(agent="yanbian-02"),
    "for another chain": lies(chain="c" * 32),
    "a number that is none": lies(number="3"),
    "no verdicts": lies(verdicts=None),
    "another document of the centre": lambda centre, reply: Reply(
        200, Signed.make("jinbao-manifest/1", Signed.from_lines(reply.body).fields(), centre.key).to_lines()
    ),
    "a tampered number": lambda centre, reply: Reply(200, reply.body.replace(b'"number":3', b'"number":9')),
    "no signature": lambda centre, reply: Reply(200, b"\n".join(reply.body.split(b"\n")[:2]) + b"\n"),
    "no acknowledgement at all": lambda centre, reply: Reply(200, b"thank you"),
    "an endless answer": lambda centre, reply: Reply(200, b"x" * 300_000),
    "a redirection": lambda centre, reply: Reply(307, b"", {"Location": "https://127.0.0.1:1/"}),
    "a server error": lambda centre, reply: Reply(500, b""),
    "busy": lambda centre, reply: Reply(503, b"", {"Retry-After": "7"}),
    "a key it does not know": lambda centre, reply: Reply(401, b"{}"),
}


@pytest.mark.parametrize("mood", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_broken_answer_changes_nothing(tmp_path: Path, centre: TinyCentre, mood: Mood) -> None:
    assert sends(tmp_path, centre, [mood] * 3, 1) == [1, 2, 3]
    chains = {batch.fields()["chain"] for batch in everything_in(tmp_path / "data" / "spool.db")[0]}
    assert len(chains) == 1


@pytest.mark.parametrize("mood", HOSTILE.values(), ids=HOSTILE.keys())
def test_after_it_everything_goes_its_way(tmp_path: Path, centre: TinyCentre, mood: Mood) -> None:
    assert sends(tmp_path, centre, [mood], 2) == []
    assert kept_samples(centre) == list(range(18))


@pytest.mark.parametrize(
    ("asked", "wait_us"),
    [
        (None, 15_000_000),  # its own back-off: 15 s times 0.5 + 0.5
        ("7", 15_000_000),
        ("100", 107_500_000),  # what was asked for, and half of a pause
        ("999999", 3_607_500_000),
        ("nonsense", 15_000_000),
    ],
)
def test_it_comes_back_when_it_was_asked_to_and_not_before(
    tmp_path: Path, centre: TinyCentre, asked: str | None, wait_us: int
) -> None:
    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(1)
            centre.moods = [lambda centre, reply: Reply(503, b"", {"Retry-After": asked} if asked else {})]
            await agent.uploader.send()
            agent.clock.forward(wait_us - 1)
            await agent.uploader.send()
            assert len(centre.requests) == 1
            agent.clock.forward(1)
            await agent.uploader.send()
            assert len(centre.requests) == 2

    asyncio.run(scene())


def test_it_waits_longer_each_time_up_to_a_bound(tmp_path: Path, centre: TinyCentre) -> None:
    pauses = []

    async def scene() -> None:
        async with box(enrolled(tmp_path, centre), every_s=1) as agent:
            await agent.record(1)
            centre.moods = [lambda centre, reply: Reply(500, b"")] * 7
            for _ in range(7):
                await agent.uploader.send()
                began = agent.clock.boottime
                while agent.uploader.is_deferred:
                    agent.clock.forward(100_000)
                pauses.append((agent.clock.boottime - began) // 1_000_000)

    asyncio.run(scene())
    assert pauses == [1, 2, 4, 8, 8, 8, 8]


# Gaps, forks, roll-backs


def forget(centre: TinyCentre, *numbers: int) -> None:
    (chain,) = centre.kept.values()
    for number in numbers:
        del chain[number]


def test_a_centre_restored_from_an_old_backup_is_refilled_from_the_ring(tmp_path: Path, centre: TinyCentre) -> None:
    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(5)
            await agent.uploader.send()
            assert await agent.waiting() == []
            forget(centre, 3, 4, 5)
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    assert centre.requests == [[1, 2, 3, 4, 5], [6], [3, 4, 5, 6]]
    assert kept_samples(centre) == list(range(36))


def test_a_gap_that_cannot_be_filled_is_not_sent_over_and_over(tmp_path: Path, centre: TinyCentre) -> None:
    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(4)
            await agent.uploader.send()
            forget(centre, 2, 3, 4)
            await agent.recorder.use(lambda spool: spool.db.execute("DELETE FROM batch WHERE number = 2").fetchall())
            for _ in range(3):
                await agent.record(1)
                await agent.uploader.send()

    asyncio.run(scene())
    assert centre.requests == [[1, 2, 3, 4], [5], [3, 4, 5], [6], [7]]
    (chain,) = centre.kept.values()
    assert sorted(chain) == [1, 3, 4, 5, 6, 7]


def test_a_replayed_old_answer_costs_one_repetition_and_no_sample(tmp_path: Path, centre: TinyCentre) -> None:
    old: list[bytes] = []

    def remember(centre: TinyCentre, reply: Reply) -> Reply:
        old.append(reply.body)
        return reply

    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            centre.moods = [remember, *[lambda centre, reply: Reply(409, old[0])] * 2]
            await agent.record(1)
            await agent.uploader.send()
            await agent.record(2)
            await agent.uploader.send()
            assert await agent.waiting() == [2, 3]
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    assert kept_samples(centre) == list(range(24))


def test_an_agent_restored_from_an_old_copy_begins_a_chain_that_says_so(tmp_path: Path, centre: TinyCentre) -> None:
    home = enrolled(tmp_path, centre)

    async def five() -> None:
        async with box(home) as agent:
            await agent.record(2)
            await agent.uploader.send()

    async def restored() -> None:
        async with box(home) as agent:
            await agent.record(1)
            await agent.uploader.send()
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(five())
    copy = home.spool.read_bytes()
    asyncio.run(five())
    home.spool.write_bytes(copy)
    asyncio.run(restored())
    (old, kept), (new, fresh) = centre.kept.items()
    assert sorted(kept) == [1, 2, 3, 4]
    predecessor = fresh[1].fields()["predecessor"]
    assert (predecessor["chain"], predecessor["number"], predecessor["reason"]) == (old, 4, "rolled_back")
    assert predecessor["hash"] == kept[4].signed.hash
    check_chain(fresh[number] for number in sorted(fresh))
    assert old != new


@pytest.mark.parametrize("verdict", ["fork", "retired_chain"])
def test_a_chain_the_centre_will_not_go_on_with_is_ended(tmp_path: Path, centre: TinyCentre, verdict: str) -> None:
    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(1)
            centre.moods = [lambda centre, reply: Reply(200, centre.ack(next(iter(centre.kept)), verdicts={"1": [verdict]}))]
            await agent.uploader.send()
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    _, fresh = centre.kept.values()
    assert fresh[1].fields()["predecessor"]["reason"] == verdict


@pytest.mark.parametrize("verdict", ["clock_suspect", "schema_unknown", "out_of_scope", "revoked_key", "overlap"])
def test_other_verdicts_are_told_and_change_nothing(
    tmp_path: Path, centre: TinyCentre, verdict: str, caplog: pytest.LogCaptureFixture
) -> None:
    mood: Mood = lambda centre, reply: Reply(200, centre.ack(next(iter(centre.kept)), verdicts={"2": [verdict]}))  # noqa: E731
    assert sends(tmp_path, centre, [mood], 1) == []
    assert verdict in caplog.text
    assert len(centre.kept) == 1


def test_a_batch_the_centre_finds_malformed_holds_up_no_other(tmp_path: Path, centre: TinyCentre) -> None:
    def dislikes_two(centre: TinyCentre, reply: Reply) -> Reply:
        for chain in centre.kept.values():
            chain.pop(2, None)
        return Reply(400, b'{"error": "batch 2"}') if 2 in centre.requests[-1] else reply

    waiting = sends(tmp_path, centre, [dislikes_two] * 20, 1, batches=4)
    assert waiting == [2, 3, 4]  # the centre's head is 1: it keeps 3 and 4 beyond the gap
    (chain,) = centre.kept.values()
    assert sorted(chain) == [1, 3, 4]
    assert len(centre.requests) < 20


def test_a_header_whose_body_was_dropped_still_carries_the_chain(tmp_path: Path, centre: TinyCentre) -> None:
    def drop(spool: Spool) -> None:
        spool.db.execute("DELETE FROM body WHERE id = 2")

    async def scene() -> None:
        async with box(enrolled(tmp_path, centre)) as agent:
            await agent.record(3)
            await agent.recorder.use(drop)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(scene())
    (chain,) = centre.kept.values()
    assert [chain[number].body is None for number in (1, 2, 3)] == [False, True, False]


# Whom it trusts


def test_a_server_of_another_authority_gets_nothing(
    tmp_path: Path, centre: TinyCentre, caplog: pytest.LogCaptureFixture
) -> None:
    home = enrolled(tmp_path, centre)
    impostor = TinyCentre(tmp_path)

    async def scene() -> None:
        async with box(home) as agent:
            agent.uploader._url = impostor.url
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == [1]

    with impostor.open():
        asyncio.run(scene())
    assert impostor.requests == []
    assert "certificate verify failed" in caplog.text


# Enrolment


def place(folder: Path) -> Home:
    home = Home(folder / "data")
    home.make()
    return home


def try_enrol(home: Home, code: str, *, vantage: str = "township", link: str | None = "510422101", again: bool = False) -> None:
    enrol(home, Code.parse(code), vantage=vantage, link=link, now_ms=0, again=again)


def test_enrolment_keeps_what_it_learnt_and_the_key_to_itself(tmp_path: Path, centre: TinyCentre) -> None:
    home = place(tmp_path)
    try_enrol(home, centre.code)
    kept = home.read_enrolment()
    assert kept is not None
    assert (kept.agent, kept.vantage, kept.links, kept.url) == ("yanbian-01", "township", ("510422101",), centre.url)
    assert kept.collector == centre.key.public
    assert kept.key == SigningKey.load(home.key).public.fingerprint
    assert home.ca.read_bytes() == centre.ca_pem
    assert home.key.stat().st_mode & 0o777 == 0o600


def test_enrolment_is_not_overwritten_unless_asked_and_then_with_a_new_key(tmp_path: Path, centre: TinyCentre) -> None:
    home = place(tmp_path)
    try_enrol(home, centre.code)
    before = SigningKey.load(home.key).public
    with pytest.raises(EnrolError, match="already enrolled as yanbian-01 at https://127"):
        try_enrol(home, centre.code)
    try_enrol(home, centre.code, again=True)
    after = SigningKey.load(home.key).public
    assert after != before
    assert home.key.stat().st_mode & 0o777 == 0o600
    kept = home.read_enrolment()
    assert kept is not None
    assert kept.key == after.fingerprint


def test_a_lost_answer_is_asked_for_again_with_the_same_key(tmp_path: Path, centre: TinyCentre) -> None:
    home = place(tmp_path)
    try_enrol(home, centre.code)
    with pytest.raises(EnrolError, match="refuses: 401"):
        try_enrol(home, centre.code[:-1] + ("0" if centre.code[-1] != "0" else "1"), again=True)
    proposed = SigningKey.load(home.next_key).public
    try_enrol(home, centre.code, again=True)
    assert SigningKey.load(home.key).public == proposed
    assert not home.next_key.exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda code: code.replace("https", "http"), "not an enrolment code; expected https://HOST:PORT#"),
        (lambda code: code[:-1], "not an enrolment code"),
        (
            lambda code: code.replace("#", "#" + "0" * 64 + "#")[:0] + code.split("#")[0] + "#" + "0" * 64 + code[-33:],
            "stands between",
        ),
    ],
    ids=["no https", "cut short", "another authority"],
)
def test_a_wrong_code_gets_nowhere(tmp_path: Path, centre: TinyCentre, spoil: Any, message: str) -> None:
    home = place(tmp_path)
    with pytest.raises(EnrolError, match=message):
        try_enrol(home, spoil(centre.code))
    assert home.read_enrolment() is None
    assert not centre.known


@pytest.mark.parametrize(
    ("vantage", "link", "message"),
    [
        ("county", None, "invited as a township agent, but agent.toml says vantage = 'county'"),
        ("township", "510422102", "invited for link 510422101, but agent.toml says link = '510422102'"),
    ],
)
def test_an_invitation_for_somebody_else_is_not_kept(
    tmp_path: Path, centre: TinyCentre, vantage: str, link: str | None, message: str
) -> None:
    home = place(tmp_path)
    with pytest.raises(EnrolError, match=message):
        try_enrol(home, centre.code, vantage=vantage, link=link)
    assert home.read_enrolment() is None


def test_no_collector_is_said_with_its_address(tmp_path: Path, centre: TinyCentre) -> None:
    code = centre.code.replace(centre.url, "https://127.0.0.1:1")
    with pytest.raises(Unreachable, match="127.0.0.1:1/v1/ca: ".replace(".", "[.]")):
        try_enrol(place(tmp_path), code)


def test_an_agent_with_a_past_names_its_last_head(tmp_path: Path, centre: TinyCentre) -> None:
    home = place(tmp_path)
    head = Head("c" * 32, 41, "d" * 64)
    heart = Heart(home.heartbeat, 0)
    heart.write(Beat(boot=BOOT, boottime_us=1, utc_us=1, interval_ms=1000, stopped=True, head=head))
    heart.close()
    documents: list[Signed] = []
    answer = centre._enrol
    centre._enrol = lambda document: documents.append(document) or answer(document)  # type: ignore[func-returns-value,method-assign]
    try_enrol(home, centre.code)
    assert documents[0].fields()["predecessor"] == head.as_predecessor("enrolled_again")


# Keys that follow one another


def test_a_rotated_key_goes_on_in_a_new_chain_and_what_the_old_one_signed_still_arrives(
    tmp_path: Path, centre: TinyCentre
) -> None:
    home = enrolled(tmp_path, centre)
    old = home.signing_key().public

    async def lives() -> None:
        async with box(home) as agent:
            await agent.record(2)
        rotate(home, None, now_ms=0)
        async with box(home) as agent:
            agent.numbers = 12
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(lives())
    new = home.signing_key().public
    assert new != old
    first, second = centre.kept.values()
    assert {batch.fields()["key"] for batch in first.values()} == {old.fingerprint}
    assert second[1].fields()["predecessor"]["reason"] == "new_key"
    assert all(batch.signed.verified_by(new) for batch in second.values())
    assert kept_samples(centre) == list(range(18))


def test_an_exchange_that_was_cut_short_is_finished(
    tmp_path: Path, centre: TinyCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = enrolled(tmp_path, centre)
    with monkeypatch.context() as patch:
        patch.setattr(Home, "finish_exchange", lambda self: None)  # the power goes after the enrolment was written
        rotate(home, None, now_ms=0)
    enrolment = home.read_enrolment()
    assert enrolment is not None
    assert home.signing_key().public.fingerprint != enrolment.key
    author = home.author()
    assert (author.agent, author.key.public.fingerprint) == ("yanbian-01", enrolment.key)
    assert not home.next_key.exists()


def test_a_rotation_whose_answer_got_lost_is_asked_for_again_with_the_same_key(
    tmp_path: Path, centre: TinyCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = enrolled(tmp_path, centre)
    with monkeypatch.context() as patch:
        patch.setattr(Https, "post", lambda *_, **__: (_ for _ in ()).throw(Unreachable("gone")))
        with pytest.raises(Unreachable):
            rotate(home, None, now_ms=0)
    asked = SigningKey.load(home.next_key).public
    assert rotate(home, None, now_ms=0).key == asked.fingerprint


def test_another_centre_cannot_rotate_a_key(tmp_path: Path, centre: TinyCentre) -> None:
    home = enrolled(tmp_path, centre)
    old, centre.key = home.signing_key().public, SigningKey.generate()
    with pytest.raises(EnrolError, match="not signed by the centre's key that this agent knows"):
        rotate(home, None, now_ms=0)
    assert home.author().key.public == old


def test_nobody_who_is_not_enrolled_rotates(tmp_path: Path, centre: TinyCentre) -> None:
    home = Home(tmp_path / "data")
    home.make()
    with pytest.raises(EnrolError, match="not enrolled yet"):
        rotate(home, None, now_ms=0)
    enrol(home, Code.parse(centre.code), vantage="township", link="510422101", now_ms=0, again=False)
    home.key.unlink()
    with pytest.raises(EnrolError, match="only a new enrolment helps"):
        rotate(home, None, now_ms=0)


def test_batches_that_nobody_vouches_for_hold_up_no_others(tmp_path: Path, centre: TinyCentre) -> None:
    home = Home(tmp_path / "data")

    async def lives() -> None:
        async with box(home) as agent:
            await agent.record(2)
        home.key.write_bytes(b"spoiled")  # before it was ever enrolled: its signatures are nobody's now
        home.signing_key()
        enrol(home, Code.parse(centre.code), vantage="township", link="510422101", now_ms=0, again=False)
        async with box(home) as agent:
            agent.numbers = 12
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == [1, 2]

    asyncio.run(lives())
    assert kept_samples(centre) == list(range(12, 18))


def test_what_an_earlier_name_signed_is_acknowledged_to_that_name(tmp_path: Path, centre: TinyCentre) -> None:
    home = enrolled(tmp_path, centre)

    async def lives() -> None:
        async with box(home) as agent:
            await agent.record(2)
            await agent.recorder.use(lambda spool: spool.close(agent.recorder.author))
        waiting = "yanbian-01"
        centre.agent = "yanbian-07"
        enrol(home, Code.parse(centre.code), vantage="township", link="510422101", now_ms=0, again=True)
        centre.moods = [lambda centre, reply: Reply(200, centre.ack(next(iter(centre.kept)), agent=waiting))]
        async with box(home) as agent:
            agent.numbers = 12
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == []

    asyncio.run(lives())
    assert kept_samples(centre) == list(range(18))


def test_only_one_agent_runs_on_a_data_folder(tmp_path: Path) -> None:
    home = place(tmp_path)
    assert not home.in_use()
    with home.owned():
        assert home.in_use()
        with pytest.raises(InUse, match="another jinbao-agent runs"), home.owned():
            pass
    assert not home.in_use()


def test_a_damaged_key_is_set_aside_and_the_agent_goes_on(tmp_path: Path, centre: TinyCentre) -> None:
    home = enrolled(tmp_path, centre)
    home.key.write_bytes(b"")

    async def scene() -> None:
        async with box(home) as agent:
            await agent.record(1)
            await agent.uploader.send()
            assert await agent.waiting() == [1]

    asyncio.run(scene())
    assert centre.requests == []
    assert (tmp_path / "data" / "agent.key.damaged").exists()
