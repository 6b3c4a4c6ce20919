"""A real InfluxDB 2.x turned against us: tokens taken away, a bucket that forgets, a field of another type, a bucket removed.

Needs JINBAO_INFLUX_URL, JINBAO_INFLUX_ORG and JINBAO_INFLUX_TOKEN of an operator; skipped without.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from influxdb_client import Authorization, BucketRetentionRules, InfluxDBClient, Permission, PermissionResource

from collecting import NOON, TestClock, centre_in, enrolled, post
from jinbao_collector.centre import Centre
from jinbao_collector.follower import Feed
from jinbao_collector.replica import ReplicaTrouble
from jinbao_collector.replica.forwarding import step
from jinbao_collector.replica.progress import Progress, glance
from jinbao_config.replicas import ReplicaConfig
from servers import SERVERS
from tiny_influx import forwarding_to

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Operated:
    """A bucket of its own, and an operator's hands on it."""

    config: ReplicaConfig
    client: InfluxDBClient

    @property
    def bucket(self) -> str:
        assert self.config.bucket is not None
        return self.config.bucket

    def authorize(self) -> Authorization:
        """A token that may write into the bucket and do nothing else."""
        bucket = self.client.buckets_api().find_bucket_by_name(self.bucket)
        resource = PermissionResource(type="buckets", id=bucket.id, org_id=bucket.org_id)
        wanted = Authorization(org_id=bucket.org_id, permissions=[Permission(action="write", resource=resource)])
        return self.client.authorizations_api().create_authorization(authorization=wanted)

    def points(self) -> int:
        flux = f'from(bucket: "{self.bucket}") |> range(start: 0) |> filter(fn: (r) => r._field == "seq") |> group() |> count()'
        return sum(record.get_value() for table in self.client.query_api().query(flux) for record in table.records)


@pytest.fixture
def operated(tmp_path: Path) -> Iterator[Operated]:
    with (
        SERVERS["influxdb"](tmp_path) as server,
        InfluxDBClient(server.config.url, token=server.token, org=server.config.org) as client,
    ):
        yield Operated(server.config, client)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with centre_in(tmp_path, TestClock()) as opened:
        yield opened


def copy(centre: Centre, config: ReplicaConfig, token: str) -> int:
    """Copies all there is; the cursor then."""
    with forwarding_to(centre.place.home.root, config, token=token) as forwarder:
        while step(forwarder, Feed(centre.place.home.journal)):
            pass
        return forwarder.cursor


def trouble(centre: Centre, config: ReplicaConfig, token: str) -> ReplicaTrouble:
    with pytest.raises(ReplicaTrouble) as caught:
        copy(centre, config, token)
    return caught.value


def test_a_token_that_is_taken_away_stops_the_copy_and_a_new_one_completes_it(operated: Operated, centre: Centre) -> None:
    tower, tokens = enrolled(centre), operated.client.authorizations_api()
    first = operated.authorize()
    post(centre, *tower.minutes(2))
    assert copy(centre, operated.config, first.token) == 2
    post(centre, tower.batch(NOON + 120_000))
    first.status = "inactive"
    tokens.update_authorization(first)
    found = trouble(centre, operated.config, first.token)
    assert (found.state, "token is inactive" in str(found)) == ("forbidden", True)
    tokens.delete_authorization(first)
    found = trouble(centre, operated.config, first.token)
    assert (found.state, "is not known there" in str(found)) == ("token", True)
    assert copy(centre, operated.config, operated.authorize().token) == 3
    assert operated.points() == 18


def test_a_bucket_that_is_gone_is_told_from_an_outage(operated: Operated, centre: Centre) -> None:
    post(centre, enrolled(centre).batch(NOON))
    token = operated.authorize().token
    # A token that may write into one bucket is not told whether another exists.
    assert trouble(centre, replace(operated.config, bucket="elsewhere"), token).state in ("bucket", "forbidden")
    operators = operated.client.token
    assert trouble(centre, replace(operated.config, bucket="elsewhere"), operators).state == "bucket"
    assert trouble(centre, replace(operated.config, org="nobody"), operators).state == "bucket"
    assert trouble(centre, replace(operated.config, url="http://127.0.0.1:9"), token).state == "unreachable"
    assert copy(centre, operated.config, token) == 1


def test_what_the_bucket_would_forget_is_counted_and_all_else_arrives(operated: Operated, centre: Centre) -> None:
    rules = BucketRetentionRules(type="expire", every_seconds=86_400)
    name = f"{operated.bucket}-short"
    made = operated.client.buckets_api().create_bucket(bucket_name=name, org=operated.config.org, retention_rules=rules)
    short = Operated(replace(operated.config, bucket=name), operated.client)
    tower, now = enrolled(centre), time.time_ns() // 1_000_000
    mixed = [*tower.minute(NOON), *tower.minute(now - 60_000)]
    post(centre, tower.batch(NOON, mixed), tower.batch(now - 60_000, tower.minute(now - 60_000, "app")))
    try:
        assert copy(centre, short.config, short.authorize().token) == 2
        seen = glance(centre.place.home.replica("copy"))
        assert seen is not None
        assert (seen[0].expired, seen[1], short.points()) == (6, 0, 12)
    finally:
        operated.client.buckets_api().delete_bucket(made)


def test_a_field_of_another_type_is_refused_by_name_and_nothing_is_skipped(operated: Operated, centre: Centre) -> None:
    with operated.client.write_api() as writing:
        writing.write(operated.bucket, record=f"jinbao_sample,link=x seq=1.5 {NOON * 10**6}")
    tower, token = enrolled(centre), operated.authorize().token
    post(centre, *tower.minutes(1))
    assert copy(centre, operated.config, token) == 1
    with Progress(centre.place.home.replica("copy")) as progress:
        assert len(progress.refused()) == 6
        assert all(
            'input field "seq"' in line.reason and "already exists as type float" in line.reason for line in progress.refused()
        )
    post(centre, *tower.minutes(20, NOON + 60_000))
    found = trouble(centre, operated.config, token)
    assert (found.state, "nothing is skipped" in str(found)) == ("refused", True)
