"""Judgement asks a server as it asks the embedded store: the same county, the same questions, the same answers.

VictoriaMetrics is started here. InfluxDB 2.x takes part where JINBAO_INFLUX_URL, JINBAO_INFLUX_ORG and JINBAO_INFLUX_TOKEN (of
an operator: the suite makes a bucket of its own and takes it away) are set.
"""

import datetime
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from jinbao_collector.replica.compare import compare
from jinbao_collector.replica.opening import BadAddress, open_address
from jinbao_collector.replica.reading import ServerReader
from jinbao_collector.store import Flaw, Reader
from jinbao_collector.store.embedded import EmbeddedReader
from jinbao_reports.source import Recorded
from servers import SERVERS
from two_days import EVER, Question, answers, collector, questions, two_days


@dataclass(frozen=True)
class Both:
    """The same county in the embedded store and on a server."""

    embedded: EmbeddedReader
    server: ServerReader
    elsewhere: ServerReader


@pytest.fixture(scope="module", params=SERVERS.values(), ids=SERVERS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    ground = two_days(folder)
    order = list(range(len(ground.batches)))
    with request.param(folder) as place, collector(ground, order, {len(order): 1000}) as data:
        # Twice, as after a restart: what came twice is there once.
        place.fill(data)
        place.fill(data, again=True)
        # Another county's, which has the same links by chance.
        place.fill(data, site="elsewhere")
        address = f"{place.address}{'&' if '?' in place.address else '?'}site=elsewhere"
        elsewhere = open_address(address, {"JINBAO_STORE_TOKEN": place.token} if place.token else {})
        with EmbeddedReader(data) as embedded, place.reader() as server, elsewhere:
            yield Both(embedded, server, elsewhere)


def told(reader: Reader, asked: list[Question]) -> Any:
    *answered, flaws, _ = answers(reader, asked)
    return answered, [flaw for flaw in flaws if flaw.kind == "conflict"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=questions)
def test_a_server_answers_as_the_embedded_store_does(both: Both, asked: list[Question]) -> None:
    # Flaws add up over all that was asked before; each answer has its own contradictions too.
    assert told(both.server, asked)[0] == told(both.embedded, asked)[0]


def test_all_there_is_is_answered_alike(both: Both) -> None:
    whole = [Question(*EVER, wait) for wait in (0, 2100, 2_000_000, 2**40)]
    assert told(both.server, whole) == told(both.embedded, whole)


def test_counties_that_share_a_server_do_not_see_each_other(both: Both) -> None:
    whole = [Question(*EVER, 2_000_000)]
    assert told(both.elsewhere, whole) == told(both.embedded, whole)


def test_most_hours_are_added_up_by_the_server(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = 0
    ask = both.server._asking.samples

    def counting(*asked: Any) -> Any:
        nonlocal fetched
        found = ask(*asked)
        fetched += sum(map(len, found))
        return found

    monkeypatch.setattr(both.server._asking, "samples", counting)
    key = next(key for key in sorted(both.embedded.names()) if key[1:] == ("township", "core"))
    both.server._shelves.pop(key, None)
    stretches = both.server.stretches(*key, *EVER, 10**9)
    assert 0 < fetched < int(stretches.count.sum()) / 2


def test_counts_are_compared_by_link_and_day(both: Both) -> None:
    zone = zoneinfo.ZoneInfo("Asia/Shanghai")
    span = datetime.date(2021, 4, 7), datetime.date(2021, 4, 13)
    alike = compare(both.embedded, both.server, *span, zone)
    assert alike.differences == ()
    assert alike.here == alike.there > 1000
    nothing = compare(both.embedded, Recorded({}), *span, zone)
    assert nothing.there == 0
    assert sum(difference.here for difference in nothing.differences) == alike.here
    assert {difference.day for difference in nothing.differences} == {"2021-04-07", "2021-04-09", "2021-04-10", "2021-04-11"}


ADDRESSES = {
    "http://h:8086?org=a": "org and bucket go together",
    "http://h:8086?org=a&bucket=b": r"InfluxDB wants a token; put it into \$JINBAO_STORE_TOKEN",
    "http://u:p@h:8428": "the token stands in",
    "http://h:8428?database=x": "expected http://HOST:8428",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_names_no_server_is_refused(address: str) -> None:
    with pytest.raises(BadAddress, match=ADDRESSES[address]) as caught:
        open_address(address, {})
    assert caught.value.exit_code == 2


def test_what_comes_from_a_server_is_said_to(both: Both) -> None:
    told(both.server, [Question(*EVER, 0)])
    (flaw,) = (flaw for flaw in both.server.flaws() if flaw.kind == "replica")
    assert (flaw.link, flaw.target) == ("*", "")
    assert isinstance(flaw, Flaw)
    assert list(both.server.inputs()) == ["replica"]
