"""Real servers that get a copy of a journal: VictoriaMetrics is started, an InfluxDB 2.x is used where one is given."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from influxdb_client import InfluxDBClient

from jinbao_collector.follower import Feed
from jinbao_collector.home import Home
from jinbao_collector.replica.forwarding import step
from jinbao_collector.replica.influx import Influx
from jinbao_collector.replica.reading import ServerReader
from jinbao_collector.replica.victoria import Victoria
from jinbao_config.replicas import ReplicaConfig
from tiny_influx import forwarding_to
from victoria import flush, victoria

INFLUX = {name: os.environ.get(f"JINBAO_INFLUX_{name}") for name in ("URL", "ORG", "TOKEN")}


@dataclass(frozen=True)
class Place:
    """A server that is empty: how it is written to, made to show what was written, and read."""

    config: ReplicaConfig
    token: str
    settle: Callable[[], None]
    reader: Callable[[], ServerReader]
    address: str

    def fill(self, data: Path, *, again: bool = False, site: str | None = None) -> None:
        """Copies a whole journal."""
        config = replace(self.config, name="again" if again else site or "copy", site=site)
        with forwarding_to(data, config, token=self.token) as forwarder:
            while step(forwarder, Feed(Home(data).journal)):
                pass
        self.settle()


@contextmanager
def _victoria(folder: Path) -> Iterator[Place]:
    with victoria(folder / "victoria") as address:
        config = ReplicaConfig(name="copy", kind="victoriametrics", url=address)
        yield Place(config, "", lambda: flush(address), lambda: ServerReader(Victoria(address)), address)


@contextmanager
def _influx(folder: Path) -> Iterator[Place]:
    url, org, token = INFLUX["URL"], INFLUX["ORG"], INFLUX["TOKEN"]
    if not (url and org and token):
        pytest.skip(
            "set JINBAO_INFLUX_URL, JINBAO_INFLUX_ORG and JINBAO_INFLUX_TOKEN to an InfluxDB 2.x that may be written to"
        )
    bucket = f"jinbao-test-{secrets.token_hex(4)}"
    with InfluxDBClient(url, token=token, org=org) as client:
        made = client.buckets_api().create_bucket(bucket_name=bucket, org=org)
        try:
            config = ReplicaConfig(name="copy", kind="influxdb", url=url, org=org, bucket=bucket, token_env="TOKEN")
            yield Place(
                config,
                token,
                lambda: None,
                lambda: ServerReader(Influx(url, org, bucket, token)),
                f"{url}?org={org}&bucket={bucket}",
            )
        finally:
            client.buckets_api().delete_bucket(made)


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {"victoriametrics": _victoria, "influxdb": _influx}
