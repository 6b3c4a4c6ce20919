"""A copy on a server: what is sent, what is not taken, and what happens while nobody answers. Over real HTTP on loopback."""

import argparse
import json
import queue
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecting import LINK, NOON, TestClock, centre_in, enrolled, post, sealed, write_config
from jinbao_agent.sample import Event
from jinbao_collector.centre import Centre
from jinbao_collector.cli import main
from jinbao_collector.follower import Feed, advance
from jinbao_collector.metrics import Metrics
from jinbao_collector.place import Place
from jinbao_collector.replica import ReplicaTrouble
from jinbao_collector.replica.forwarder import Forwarder
from jinbao_collector.replica.forwarding import keep_forwarding, pause_s, step
from jinbao_collector.replica.lag import lags, of_lags
from jinbao_collector.replica.points import tag, untag
from jinbao_collector.replica.progress import Progress, glance
from jinbao_collector.texts import Output
from jinbao_collector.upkeep import keep
from jinbao_config.replicas import ReplicaConfig
from jinbao_config.services import read_collector
from jinbao_config.units import DAY_MS
from tiny_influx import Answer, HandClock, TinyInflux, forwarding_to, said


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with centre_in(tmp_path, TestClock()) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[TinyInflux]:
    with TinyInflux().open() as opened:
        yield opened


def copied(centre: Centre, forwarder: Forwarder) -> int:
    """Copies all there is; the cursor then."""
    while step(forwarder, Feed(centre.place.home.journal)):
        pass
    return forwarder.cursor


def stands(centre: Centre, name: str = "copy") -> tuple[str, str]:
    seen = glance(centre.place.home.replica(name))
    assert seen is not None
    return seen[0].state, seen[0].message


def test_a_point_has_every_number_of_its_sample(centre: Centre, server: TinyInflux) -> None:
    tower = enrolled(centre)
    lost = replace(tower.minute(NOON)[1], outcome="unreachable:3:1:fe80::1", rtt_us=None)
    told = Event(
        link=LINK, vantage="township", at_us=NOON * 1000 + 5, event="clock_step", boot="b", detail="delta_ms=3;synced=1"
    )
    post(centre, tower.batch(NOON, [tower.minute(NOON)[0], lost], [told]))
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        assert copied(centre, forwarder) == 1
    head = f"jinbao_sample,boot=bbbbbbbb,clock=323587960,interval=10000,link={LINK},outcome="
    assert list(server.kept) == [
        head
        + "reply,target=core,vantage=township seq=161794080i,phase=137i,mono=-1617939800000000i,rtt=2000i 1617940800000137",
        head + "unreachable:3:1:fe80::1,target=core,vantage=township"
        " seq=161794081i,phase=137i,mono=-1617939800000000i 1617940810000137",
        f"jinbao_event,boot=b,detail=delta_ms\\=3;synced\\=1,event=clock_step,link={LINK},vantage=township"
        " at=1617940800000005i 1617940800000005",
    ]


@given(st.text())
def test_any_name_comes_back_from_a_tag_and_is_one_line(name: str) -> None:
    assert untag(tag(name)) == name
    assert not any(ord(mark) < 32 or mark == "\\" or 0xD800 <= ord(mark) < 0xE000 for mark in tag(name))


REFUSALS = {
    "token": (said(401, "unauthorized", "unauthorized access"), r"the token is not known there.*put a good one into \$TOKEN"),
    "forbidden": (
        said(403, "forbidden", "insufficient permissions for write: token is inactive"),
        r"may not write into bucket 'jinbao' \(403: .*token is inactive\)",
    ),
    "bucket": (
        said(404, "not found", 'bucket "jinbao" not found'),
        r"has no such place for org 'yanbian', bucket 'jinbao' \(404: bucket \"jinbao\" not found\)",
    ),
    "busy": (said(503, "unavailable", "overloaded", **{"Retry-After": "17"}), r"asks for patience \(503: overloaded\)"),
    "unreachable": (said(302, "", "elsewhere"), "does not answer as such a server"),
}


@pytest.mark.parametrize("state", REFUSALS)
def test_each_kind_of_trouble_has_a_state_and_a_sentence_and_nothing_is_lost_by_it(
    centre: Centre, server: TinyInflux, state: str
) -> None:
    answer, sentence = REFUSALS[state]
    post(centre, *enrolled(centre).minutes(2))
    server.moods.append(lambda *_: answer)
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        with pytest.raises(ReplicaTrouble, match=sentence) as caught:
            copied(centre, forwarder)
        assert (caught.value.state, forwarder.cursor, len(server.kept)) == (state, 0, 0)
        assert copied(centre, forwarder) == 2
    assert len(server.kept) == 12


def test_what_the_server_asks_for_is_waited_for_and_otherwise_longer_and_longer(centre: Centre, server: TinyInflux) -> None:
    post(centre, enrolled(centre).batch(NOON))
    server.moods.append(lambda *_: said(429, "too many requests", "slow down", **{"Retry-After": "90"}))
    with forwarding_to(centre.place.home.root, server.config()) as forwarder, pytest.raises(ReplicaTrouble) as caught:
        copied(centre, forwarder)
    assert 90 <= pause_s(caught.value, 0) <= 91
    assert pause_s(ReplicaTrouble("busy", "", 0.0), 30, draw=max) == 1
    dead = ReplicaTrouble("unreachable", "")
    assert [pause_s(dead, failures, draw=max) for failures in (0, 1, 2, 5, 6, 10**6)] == [1, 2, 4, 32, 60, 60]
    assert [pause_s(dead, failures, draw=min) for failures in (0, 9)] == [0.5, 30]
    assert [pause_s(ReplicaTrouble(state, ""), 9) for state in ("token", "forbidden", "bucket", "refused")] == [60] * 4


def test_a_server_that_does_not_answer_is_unreachable(centre: Centre) -> None:
    post(centre, enrolled(centre).batch(NOON))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        closed = TinyInflux()
        closed.port = deaf.getsockname()[1]
    with (
        forwarding_to(centre.place.home.root, closed.config()) as forwarder,
        pytest.raises(ReplicaTrouble, match="cannot be reached") as caught,
    ):
        copied(centre, forwarder)
    assert caught.value.state == "unreachable"


def test_a_dead_server_is_noticed_when_there_is_nothing_to_send(centre: Centre, server: TinyInflux) -> None:
    closed = TinyInflux()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        closed.port = deaf.getsockname()[1]
    for kind in ("influxdb", "victoriametrics"):
        config = closed.config(kind=kind)
        with (
            forwarding_to(centre.place.home.root, config) as forwarder,
            pytest.raises(ReplicaTrouble, match="cannot be reached"),
        ):
            copied(centre, forwarder)


def test_a_line_that_nobody_takes_is_put_aside_with_the_reason_and_all_others_arrive(
    centre: Centre, server: TinyInflux
) -> None:
    tower = enrolled(centre)
    bad = [replace(one, outcome="late" if step in (3, 4) else "reply") for step, one in enumerate(tower.minute(NOON))]
    post(centre, tower.batch(NOON, bad), *tower.minutes(2, NOON + 60_000))
    server.poison = "outcome=late"
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        assert copied(centre, forwarder) == 3
    assert len(server.kept) == 16
    with Progress(centre.place.home.replica("copy")) as progress:
        refused = progress.refused()
    assert [line.line.rpartition(" ")[2] for line in refused] == ["1617940830000137", "1617940840000137"]
    assert {line.reason for line in refused} == {f"400: unable to parse '{line.line}': no such thing"[:300] for line in refused}


def test_a_bucket_that_takes_nothing_is_no_poison(centre: Centre, server: TinyInflux) -> None:
    tower = enrolled(centre)
    post(centre, *tower.minutes(40))
    server.poison = "jinbao_sample"
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        with pytest.raises(
            ReplicaTrouble, match=r"takes hardly a line, the last because 400: .*; nothing is skipped"
        ) as caught:
            copied(centre, forwarder)
        assert (caught.value.state, forwarder.cursor) == ("refused", 0)
        server.poison = None
        assert copied(centre, forwarder) == 40
    assert len(server.kept) == 240


def test_what_is_older_than_the_bucket_keeps_is_counted_and_the_rest_arrives(centre: Centre, server: TinyInflux) -> None:
    post(centre, *enrolled(centre).minutes(3))
    server.retention = (NOON + 60_000) * 1000
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        assert copied(centre, forwarder) == 3
    assert len(server.kept) == 12
    seen = glance(centre.place.home.replica("copy"))
    assert seen is not None
    assert (seen[0].expired, seen[1]) == (6, 0)


def test_a_request_that_is_too_large_is_halved(centre: Centre, server: TinyInflux) -> None:
    def picky(self: TinyInflux, lines: list[str]) -> Answer:
        self.moods.append(picky)
        return self.take(lines) if len(lines) <= 10 else said(413, "request too large", "at most ten")

    post(centre, *enrolled(centre).minutes(5))
    server.moods.append(picky)
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        assert copied(centre, forwarder) == 5
    assert len(server.kept) == 30
    assert max(server.requests[1:]) < 30


def test_numbers_that_a_server_cannot_keep_exactly_are_put_aside(centre: Centre, server: TinyInflux) -> None:
    tower = enrolled(centre)
    one, *others = tower.minute(NOON)
    odd = [
        replace(one, seq=2**60),
        replace(one, seq=1, mono_us=2**61),
        replace(one, seq=2, rtt_us=2**53),
        replace(one, seq=3, sent_us=999),
        replace(one, seq=4, sent_us=2**55),
    ]
    post(centre, tower.batch(NOON, [*odd, *others]))
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        assert copied(centre, forwarder) == 1
    assert len(server.kept) == 5
    with Progress(centre.place.home.replica("copy")) as progress:
        assert {line.reason for line in progress.refused()} == {"a number or time that no server keeps exactly"}
        assert len(progress.refused()) == 5


def test_the_last_minute_is_sent_again_when_a_forgetful_server_was_restarted(centre: Centre, server: TinyInflux) -> None:
    clock, tower = HandClock(), enrolled(centre)
    config = server.config(kind="victoriametrics", org=None, bucket="jinbao")
    with forwarding_to(centre.place.home.root, config, clock=clock) as forwarder:
        for minute in range(4):
            post(centre, tower.batch(NOON + minute * 60_000))
            assert copied(centre, forwarder) == minute + 1
            clock.now += 30
        server.kept = dict.fromkeys([line for line in server.kept if int(line.rpartition(" ")[2]) < (NOON + 120_000) * 1000])
        server.started += 1
        assert copied(centre, forwarder) == 4
    assert len(server.kept) == 24
    # Two of the four minutes were a minute old, and surely on its disk.
    assert server.requests == [6, 6, 6, 6, 12]


def test_a_restart_while_nobody_copied_is_noticed_too(centre: Centre, server: TinyInflux) -> None:
    config = server.config(kind="victoriametrics", org=None, bucket="jinbao")
    post(centre, *enrolled(centre).minutes(4))
    with forwarding_to(centre.place.home.root, config) as forwarder:
        copied(centre, forwarder)
    server.kept.clear()
    server.started += 1
    with forwarding_to(centre.place.home.root, config) as forwarder:
        assert copied(centre, forwarder) == 4
    assert len(server.kept) == 24


def test_another_bucket_gets_everything_from_the_beginning(centre: Centre, server: TinyInflux) -> None:
    post(centre, *enrolled(centre).minutes(2))
    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        copied(centre, forwarder)
    with forwarding_to(centre.place.home.root, server.config(org="another")) as forwarder:
        assert forwarder.cursor == 0


@contextmanager
def configured(folder: Path, server: TinyInflux) -> Iterator[tuple[Place, ReplicaConfig]]:
    """collector.toml with this server as its replica."""
    file = write_config(folder)
    (folder / "influx.token").write_text("t0ken\n")
    table = f'[[replica]]\nname = "copy"\nkind = "influxdb"\nurl = "http://127.0.0.1:{server.port}"\n'
    file.write_text(file.read_text() + table + 'org = "yanbian"\nbucket = "jinbao"\ntoken_file = "influx.token"\n')
    place = Place.of(read_collector(file))
    yield place, place.config.replica[0]


def test_it_goes_on_through_outages_and_a_new_token_until_it_is_told_to_stop(tmp_path: Path, server: TinyInflux) -> None:
    with centre_in(tmp_path, TestClock()) as centre, configured(tmp_path, server) as (place, replica):
        tower = enrolled(centre)
        post(centre, *tower.minutes(2))
        said_503 = said(503, "unavailable", "overloaded")
        server.moods += [lambda *_: said_503] * 3
        waits: queue.Queue[float] = queue.Queue()
        go: queue.Queue[bool] = queue.Queue()

        def wait(seconds: float) -> bool:
            waits.put(seconds)
            return go.get(timeout=60)

        thread = threading.Thread(target=keep_forwarding, args=(place, replica, wait, centre.now_ms))
        thread.start()
        for longest in (1, 2, 4):
            assert longest / 2 <= waits.get(timeout=60) <= longest
            assert stands(centre)[0] == "busy"
            go.put(False)
        waits.get(timeout=60)
        assert (stands(centre), len(server.kept)) == (("ok", ""), 12)
        (tmp_path / "influx.token").write_text("revoked")
        server.moods.append(lambda *_: said(401, "unauthorized", "unauthorized access"))
        post(centre, tower.batch(NOON + 600_000))
        go.put(False)
        assert waits.get(timeout=60) == 60
        assert stands(centre)[0] == "token"
        assert "influx.token" in stands(centre)[1]
        (tmp_path / "influx.token").write_text("t0ken")
        go.put(False)
        waits.get(timeout=60)
        go.put(True)
        thread.join(60)
        assert len(server.kept) == 18


def test_months_that_were_removed_are_not_waited_for_and_none_goes_that_a_replica_lacks(
    tmp_path: Path, server: TinyInflux, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = TestClock()
    with centre_in(tmp_path, clock) as centre, configured(tmp_path, server) as (place, replica):
        place.file.write_text(place.file.read_text().replace("[[replica]]", "keep_months = 24\n[[replica]]"))
        tower = enrolled(centre)
        for _ in range(3):
            post(centre, tower.batch(clock.now_ms))
            clock.now_ms += 31 * DAY_MS
        sealed(centre)
        clock.now_ms += 1000 * DAY_MS

        def kept() -> tuple[dict[str, Any], str]:
            capsys.readouterr()
            keep(argparse.Namespace(config=place.file, dry_run=False), Output("en", as_json=True), clock)
            out, complaints = capsys.readouterr()
            return json.loads(out), complaints

        def removed() -> list[str]:
            found: list[str] = kept()[0]["removed"]
            return found

        facts, complaints = kept()
        assert (facts["removed"], facts["held_back"]) == ([], {"2021-04": ["copy"], "2021-05": ["copy"]})
        assert complaints.splitlines()[0] == "2021-04 is past its time but stays: copy has yet to get all of it"
        keep_forwarding(place, replica, lambda seconds: True, centre.now_ms)
        assert (removed(), len(server.kept)) == (["2021-04", "2021-05"], 18)
        assert main(["--config", str(place.file), "replica", "again", "copy"]) == 0
        server.kept.clear()
        keep_forwarding(place, replica, lambda seconds: True, centre.now_ms)
        assert (stands(centre)[0], len(server.kept)) == ("ok", 6)


def test_a_missing_or_empty_token_is_named(tmp_path: Path, server: TinyInflux) -> None:
    with centre_in(tmp_path, TestClock()) as centre, configured(tmp_path, server) as (place, replica):
        for text, sentence in (("", "is empty or no token"), ("two words", "is empty or no token")):
            (tmp_path / "influx.token").write_text(text)
            keep_forwarding(place, replica, lambda seconds: True, centre.now_ms)
            with forwarding_to(centre.place.home.root, server.config()) as forwarder:
                assert forwarder.cursor == 0
            with (
                pytest.raises(ReplicaTrouble, match=sentence),
                forwarding_to(centre.place.home.root, server.config(), token=text),
            ):
                pass


def test_lag_and_state_are_told_in_metrics_and_commands(
    tmp_path: Path, server: TinyInflux, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = TestClock()
    with centre_in(tmp_path, clock) as centre, configured(tmp_path, server) as (place, replica):
        tower = enrolled(centre)
        post(centre, *tower.minutes(2))
        assert [(lag.follower, lag.state, lag.behind_rows) for lag in lags(place, clock())] == [
            ("store", None, 2),
            ("copy", "not_begun", 2),
        ]
        with forwarding_to(centre.place.home.root, replace(replica, token_file=None, token_env="TOKEN")) as forwarder:
            copied(centre, forwarder)
        post(centre, tower.batch(NOON + 600_000))
        clock.now_ms += 90_000
        (_, copy) = lags(place, clock())
        assert (copy.position, copy.behind_rows, copy.waiting_ms, copy.state) == (2, 1, 90_000, "ok")
        metrics = Metrics()
        metrics.watch(lambda: of_lags([copy]))
        page = metrics.text("")[0].decode()
        assert 'jinbao_follower_behind_seconds{follower="copy"} 90.0' in page
        assert 'jinbao_replica_state{replica="copy",state="ok"} 1.0' in page
        command = ["--config", str(place.file), "replica"]
        assert main([*command, "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["behind_rows"] == 1
        assert main([*command, "again", "copy", "--from", "2021-04-10", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"replica": "copy", "position": 2}
        assert main([*command, "again", "copy"]) == 0
        assert capsys.readouterr().out == "copy：日志位置 0 之后的数据将重新发送\n"
        assert main([*command, "refused", "copy", "--lang", "en"]) == 0
        assert capsys.readouterr().out == "no line was refused\n"
        assert main([*command, "again", "else", "--lang", "en"]) == 2
        assert capsys.readouterr().err == "error: else: no such replica; there are: copy\n"


def test_a_cursor_set_back_while_rows_are_on_their_way_stays_there(centre: Centre, server: TinyInflux) -> None:
    post(centre, *enrolled(centre).minutes(3))

    def meanwhile(self: TinyInflux, lines: list[str]) -> Answer:
        with Progress(centre.place.home.replica("copy")) as other:
            other.back(1)
        return self.take(lines)

    with forwarding_to(centre.place.home.root, server.config()) as forwarder:
        advance(forwarder, Feed(centre.place.home.journal), 2)
        server.moods.append(meanwhile)
        advance(forwarder, Feed(centre.place.home.journal), 2)
        assert forwarder.cursor == 1
        assert copied(centre, forwarder) == 3


def test_a_damaged_file_is_named_with_the_remedy(
    tmp_path: Path, server: TinyInflux, capsys: pytest.CaptureFixture[str]
) -> None:
    with centre_in(tmp_path, TestClock()) as centre, configured(tmp_path, server) as (place, _):
        file = centre.place.home.replica("copy")
        file.parent.mkdir()
        file.write_bytes(b"not a database" * 1000)
        (_, copy) = lags(place, NOON)
        assert copy.state == "unreadable"
        assert main(["--config", str(place.file), "replica", "again", "copy", "--lang", "en"]) == 3
        assert "take it away, and everything is sent again" in capsys.readouterr().err
        file.unlink()
        with Progress(file):
            pass
        db = sqlite3.connect(file)
        db.execute("UPDATE progress SET schema = 9")
        db.commit()
        db.close()
        (_, copy) = lags(place, NOON)
        assert "has schema 9, this version knows 1" in copy.message
