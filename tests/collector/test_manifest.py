"""Daily manifests: what the centre signs each day, and every way to be caught changing what it signed."""

import datetime
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting import NOON, TestClock, ack, centre_in, enrolled, post
from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import GENESIS, Signed
from jinbao_collector.centre import Centre, context_of
from jinbao_collector.manifest import ManifestBroken, ManifestError, Manifests
from jinbao_collector.volume import digest_of, month_files

DAY_MS = 86_400_000
FIRST = datetime.date(2021, 4, 9)


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


def verify(centre: Centre) -> None:
    centre.manifests.verify(centre.authority.signing.public)


def make(centre: Centre, day: datetime.date) -> Signed:
    context = context_of(centre.place, centre.ledger, centre.roster)
    return centre.manifests.make(day, centre.now_ms(), context, centre.authority.signing)


def test_a_day_is_attested_when_it_has_ended_in_local_time(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    one, two, three = tower.minutes(3)
    post(centre, one, two)
    centre.make_due_manifests()
    assert centre.manifests.days() == []
    clock.now_ms = NOON + 12 * 3_600_000 - 1  # one millisecond to midnight in Shanghai
    post(centre, three)
    centre.make_due_manifests()
    assert centre.manifests.days() == []
    clock.now_ms += 1
    centre.make_due_manifests()
    fields = centre.manifests.read("2021-04-09").fields()
    hashes = [(1, one.signed.hash), (2, two.signed.hash), (3, three.signed.hash)]
    chain = {"agent": "tw-01", "chain": tower.chain, "first": 1, "last": 3, "count": 3, "hash": three.signed.hash}
    assert fields["positions"] == [1, 3]
    assert fields["digest"] == digest_of(hashes)
    assert fields["chains"] == [chain]
    assert fields["ledger"] == {"position": centre.ledger.head[0], "hash": centre.ledger.head[1]}
    assert (fields["roster"], fields["prev"], fields["at"]) == (centre.roster().digest, GENESIS, clock())
    assert {name: fields[name] for name in ("links", "contracts", "config")} == centre.place.declared()
    verify(centre)


def test_days_chain_and_cover_every_position_once_also_after_a_long_stop(tmp_path: Path, clock: TestClock) -> None:
    with centre_in(tmp_path, clock) as opened:
        tower = enrolled(opened)
        post(opened, tower.batch(NOON))
    clock.now_ms += 3 * DAY_MS
    with centre_in(tmp_path, clock) as opened:
        late = tower.batch(NOON + 60_000)
        post(opened, late)
        opened.make_due_manifests()
        clock.now_ms += DAY_MS
        opened.make_due_manifests()
        signed = [opened.manifests.read(day) for day in opened.manifests.days()]
        assert [one.fields()["day"] for one in signed] == ["2021-04-09", "2021-04-10", "2021-04-11", "2021-04-12"]
        assert [one.fields()["positions"] for one in signed] == [[1, 1], [2, 1], [2, 1], [2, 2]]
        assert [one.fields()["prev"] for one in signed] == [GENESIS, *(one.hash for one in signed[:-1])]
        verify(opened)


def test_an_ack_carries_the_latest_manifest(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    signed = make(centre, FIRST)
    assert ack(post(centre, tower.batch(NOON + 60_000)))["manifest"] == signed.hash


def test_a_day_may_be_attested_early_and_the_rest_of_it_falls_to_the_next(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    early = make(centre, FIRST)
    assert early.fields()["positions"] == [1, 1]
    post(centre, tower.batch(NOON + 60_000))
    assert make(centre, FIRST) == early
    clock.now_ms += DAY_MS
    assert make(centre, FIRST + datetime.timedelta(days=1)).fields()["positions"] == [2, 2]
    verify(centre)


def test_a_day_that_cannot_be_attested_is_named(centre: Centre, clock: TestClock) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    with pytest.raises(ManifestError, match="2021-04-10: lies in the future"):
        make(centre, FIRST + datetime.timedelta(days=1))
    make(centre, FIRST)
    with pytest.raises(ManifestError, match="2021-04-01: has no manifest, and 2021-04-09 has one already"):
        make(centre, datetime.date(2021, 4, 1))


def test_two_processes_making_the_same_day_agree(centre: Centre, tmp_path: Path) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    context = context_of(centre.place, centre.ledger, centre.roster)
    home = centre.place.home
    other = Manifests(home.manifests, home.journal, centre.place.zone)
    # Both have looked and found nothing; the one that writes second must take over what the first wrote.
    other.days = list  # type: ignore[method-assign]
    mine = make(centre, FIRST)
    assert other.make(FIRST, NOON + 1, context, centre.authority.signing) == mine


def tampered(centre: Centre, statement: str) -> None:
    (file,) = month_files(centre.place.home.journal)
    db = sqlite3.connect(file)
    db.execute(statement)
    db.commit()
    db.close()


@pytest.fixture
def attested(centre: Centre, clock: TestClock) -> Centre:
    """Three days of batches, two of them attested."""
    tower = enrolled(centre)
    for _ in range(3):
        post(centre, *tower.minutes(2, clock.now_ms))
        clock.now_ms += DAY_MS
        centre.make_due_manifests()
    verify(centre)
    return centre


def test_a_row_taken_out_of_the_journal_is_missed(attested: Centre) -> None:
    tampered(attested, "DELETE FROM batch WHERE position = 4")
    with pytest.raises(ManifestBroken, match="2021-04-10: the journal's rows 3 to 4 are not those it attests"):
        verify(attested)


def test_a_row_put_in_another_place_is_missed(attested: Centre) -> None:
    tampered(attested, "UPDATE batch SET hash = randomblob(32) WHERE position = 1")
    with pytest.raises(ManifestBroken, match="2021-04-09: the journal's rows 1 to 2"):
        verify(attested)


TAMPERS = {
    "a byte of a body": "UPDATE batch SET body = CAST(substr(body, 1, 99) || x'00' AS BLOB) WHERE position = 3",
    "a body that was another batch's": "UPDATE batch SET body = (SELECT body FROM batch WHERE position = 4) WHERE position = 3",
    "words of a head": "UPDATE batch SET head = CAST(replace(head, 'township', 'Township') AS BLOB) WHERE position = 3",
}


@pytest.mark.parametrize("statement", TAMPERS.values(), ids=TAMPERS)
def test_bytes_changed_in_a_row_are_seen(attested: Centre, statement: str) -> None:
    tampered(attested, statement)
    with pytest.raises(ManifestBroken, match="2021-04-10: the journal's row 3 is not the batch it attests"):
        verify(attested)


def test_a_latest_manifest_that_is_broken_does_not_hold_up_acks(attested: Centre, clock: TestClock) -> None:
    (attested.place.home.manifests / "2021-04-12.manifest").write_bytes(b"torn")
    tower = enrolled(attested, "tw-02")
    answer = post(attested, tower.batch(clock.now_ms))
    assert (answer.status, ack(answer)["manifest"]) == (200, "")


def test_a_manifest_taken_out_breaks_the_chain_of_days(attested: Centre) -> None:
    (attested.place.home.manifests / "2021-04-10.manifest").unlink()
    with pytest.raises(ManifestBroken, match="2021-04-11: does not follow on the manifest before it"):
        verify(attested)


def test_a_manifest_signed_by_another_or_altered_is_nobodys(attested: Centre) -> None:
    file = attested.place.home.manifests / "2021-04-10.manifest"
    honest = file.read_bytes()
    fields = Signed.from_lines(honest).fields()
    file.write_bytes(Signed.make("jinbao-manifest/1", fields, SigningKey.generate()).to_lines())
    with pytest.raises(ManifestBroken, match="2021-04-10: is not a manifest signed by the centre"):
        verify(attested)
    file.write_bytes(honest.replace(b'"positions":[3,4]', b'"positions":[3,3]'))
    with pytest.raises(ManifestBroken, match="2021-04-10: is not a manifest signed by the centre"):
        verify(attested)
    file.write_bytes(honest[:-10])
    with pytest.raises(ManifestBroken, match=r"2021-04-10\.manifest: cannot be read"):
        verify(attested)


def test_the_centre_itself_cannot_swap_a_day_without_breaking_the_next(attested: Centre) -> None:
    """Whoever holds the key can sign another past; the days after it, once anchored outside, give him away."""
    file = attested.place.home.manifests / "2021-04-09.manifest"
    fields = Signed.from_lines(file.read_bytes()).fields()
    file.write_bytes(Signed.make("jinbao-manifest/1", {**fields, "roster": "0" * 64}, attested.authority.signing).to_lines())
    with pytest.raises(ManifestBroken, match="2021-04-10: does not follow on the manifest before it"):
        verify(attested)
