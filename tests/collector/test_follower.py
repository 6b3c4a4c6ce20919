"""What every follower of the journal promises, put to each of them; and the feed they all read."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from collecting import NOON, TestClock, centre_in, enrolled, post
from jinbao_collector.centre import Centre
from jinbao_collector.follower import Feed, Follower, Row, advance
from jinbao_collector.replica.progress import Progress
from jinbao_collector.store.sealer import Sealer
from jinbao_collector.store.writing import StoreWriting
from jinbao_config.units import DAY_MS
from tiny_influx import TinyInflux, forwarding_to


@dataclass(frozen=True)
class Kind:
    """A kind of follower: how one is opened, how many samples it has put away, and how its work is made to fail half way."""

    opened: Callable[[Centre], AbstractContextManager[Follower]]
    samples: Callable[[Centre], int]
    hindered: Callable[[pytest.MonkeyPatch], None]
    exact: bool = True
    """Whether what fails leaves no trace; a server may have more than the cursor says, and gets it again."""


@contextmanager
def _sealer(centre: Centre) -> Iterator[Follower]:
    with StoreWriting(centre.place.home.store) as store:
        yield Sealer(store, centre.roster)


def _sealed(centre: Centre) -> int:
    db = sqlite3.connect(centre.place.home.store)
    try:
        return int(db.execute("SELECT coalesce(sum(samples), 0) FROM segment").fetchone()[0])
    finally:
        db.close()


def _no_events(patch: pytest.MonkeyPatch) -> None:
    """Events come last: by then the cursor has moved and segments are written."""

    def fail(*_: object) -> None:
        raise OSError("no disk takes it")

    patch.setattr(StoreWriting, "add_events", fail)


@contextmanager
def _forwarder(centre: Centre) -> Iterator[Follower]:
    with server_of(centre).open() as server, forwarding_to(centre.place.home.root, server.config()) as forwarder:
        yield forwarder


def _copied(centre: Centre) -> int:
    return sum(line.startswith("jinbao_sample,") for line in server_of(centre).kept)


def _no_answer(patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no disk takes it")

    patch.setattr(Progress, "move", fail)


_SERVERS: dict[Path, TinyInflux] = {}


def server_of(centre: Centre) -> TinyInflux:
    """One for each test, whose folder it is known by."""
    return _SERVERS.setdefault(centre.place.file, TinyInflux())


KINDS = {"store": Kind(_sealer, _sealed, _no_events), "replica": Kind(_forwarder, _copied, _no_answer, exact=False)}


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def feed_of(centre: Centre) -> Feed:
    return Feed(centre.place.home.journal)


def test_a_new_follower_stands_before_the_first_row(centre: Centre, kind: Kind) -> None:
    with kind.opened(centre) as follower:
        assert (follower.cursor, advance(follower, feed_of(centre), 100)) == (0, 0)


def test_it_takes_every_row_once_and_in_order_over_all_months(centre: Centre, kind: Kind, clock: TestClock) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(3))
    for _ in range(2):
        clock.now_ms += 30 * DAY_MS
        post(centre, tower.batch(clock.now_ms))
    with kind.opened(centre) as follower:
        steps = []
        while advance(follower, feed_of(centre), 2):
            steps.append(follower.cursor)
        assert steps == [2, 4, 6, 7]
    # Seven rows: five batches, and those that closed the months.
    assert kind.samples(centre) == 30


def test_its_cursor_is_where_it_was_when_it_is_opened_again(centre: Centre, kind: Kind) -> None:
    post(centre, *enrolled(centre).minutes(5))
    for expected in (2, 4, 5, 5):
        with kind.opened(centre) as follower:
            advance(follower, feed_of(centre), 2)
        with kind.opened(centre) as follower:
            assert follower.cursor == expected
    assert kind.samples(centre) == 30


def test_what_fails_half_way_leaves_nothing_behind_and_is_done_later(
    centre: Centre, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(centre, *enrolled(centre).minutes(4))
    with kind.opened(centre) as follower:
        advance(follower, feed_of(centre), 1)
        with monkeypatch.context() as patch:
            kind.hindered(patch)
            with pytest.raises(OSError, match="no disk takes it"):
                advance(follower, feed_of(centre), 2)
        assert follower.cursor == 1
        assert kind.samples(centre) == 6 or not kind.exact
        advance(follower, feed_of(centre), 2)
        assert (follower.cursor, kind.samples(centre)) == (3, 18)


def test_rows_that_say_nothing_are_passed_over(centre: Centre, kind: Kind) -> None:
    tower = enrolled(centre)
    post(centre, tower.unknown(NOON))
    post(centre, tower.batch(NOON + 60_000, vantage="county"))
    post(centre, tower.batch(NOON + 120_000, []))
    with kind.opened(centre) as follower:
        advance(follower, feed_of(centre), 100)
        assert (follower.cursor, kind.samples(centre)) == (3, 0)


def test_a_row_that_does_not_follow_is_refused(centre: Centre, kind: Kind) -> None:
    post(centre, *enrolled(centre).minutes(4))
    rows: list[Row] = feed_of(centre).rows(0, 10)
    with kind.opened(centre) as follower:
        with pytest.raises(Exception, match="reaches to row 0, not to before 3"):
            follower.take(rows[2:])
        assert (follower.cursor, kind.samples(centre)) == (0, 0)


def test_the_feed_is_the_journal_in_order(centre: Centre, clock: TestClock) -> None:
    tower, feed = enrolled(centre), feed_of(centre)
    assert (feed.last(), feed.rows(0, 10), feed.hash_at(1)) == (0, [], None)
    batches = tower.minutes(2)
    post(centre, *batches)
    clock.now_ms += 30 * DAY_MS
    batches.append(tower.batch(clock.now_ms))
    post(centre, batches[-1])
    rows = feed.rows(0, 10)
    assert [row.position for row in rows] == [1, 2, 3, 4]
    assert [row.agent for row in rows] == ["tw-01", "tw-01", "", "tw-01"]
    assert [row.head for row in rows if row.agent] == [batch.signed.head for batch in batches]
    assert [row.position for row in feed.rows(1, 2)] == [2, 3]
    assert feed.rows(4, 10) == []
    assert (feed.last(), feed.hash_at(4), feed.hash_at(5)) == (4, batches[-1].signed.hash, None)
