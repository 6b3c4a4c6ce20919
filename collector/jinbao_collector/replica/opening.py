"""A server as an address names it: `http://HOST:8428` is a VictoriaMetrics, `http://HOST:8086?org=O&bucket=B` an InfluxDB 2.x.
`site=NAME` asks for the points of one collector of several that share it.

The token never stands in an address, which command lines show to everybody: it is in the environment, or in a file named there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from jinbao_collector.place import Place
from jinbao_collector.replica.influx import Influx
from jinbao_collector.replica.reading import ServerReader
from jinbao_collector.replica.server import Token
from jinbao_collector.replica.victoria import Victoria
from jinbao_collector.store import StoreError
from jinbao_config.replicas import ReplicaConfig

TOKEN, TOKEN_FILE = "JINBAO_STORE_TOKEN", "JINBAO_STORE_TOKEN_FILE"
_LIKE = "http://HOST:8428 (VictoriaMetrics) or http://HOST:8086?org=ORG&bucket=BUCKET (InfluxDB 2.x)"


class BadAddress(StoreError):
    """An address names no server that can be read."""

    exit_code = 2


def open_address(address: str, environment: Mapping[str, str] = os.environ) -> ServerReader:
    """Raises BadAddress or ReplicaTrouble; the reader raises ReplicaTrouble for whatever it is asked later."""
    config = _config(address, environment)
    return _reader(config, Token(config, Path(), environment).read())


def open_replica(place: Place, replica: ReplicaConfig) -> ServerReader:
    """One of collector.toml. Raises ReplicaTrouble."""
    return _reader(replica, Token(replica, place.file.parent, os.environ).read(), place.file.parent)


def _config(address: str, environment: Mapping[str, str]) -> ReplicaConfig:
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not parts.hostname or parts.username or set(asked) - {"org", "bucket", "site"} or parts.fragment:
        raise BadAddress(f"{address}: expected {_LIKE}; the token stands in ${TOKEN} or in a file that ${TOKEN_FILE} names")
    url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    token_file, token_env = environment.get(TOKEN_FILE), TOKEN if TOKEN in environment else None
    site = asked.pop("site", None)
    if not asked:
        return ReplicaConfig(name="-", kind="victoriametrics", url=url, site=site, token_file=token_file, token_env=token_env)
    if not (asked.get("org") and asked.get("bucket")):
        raise BadAddress(f"{address}: org and bucket go together; expected {_LIKE}")
    if not (token_file or token_env):
        raise BadAddress(f"{address}: InfluxDB wants a token; put it into ${TOKEN}, or its file's name into ${TOKEN_FILE}")
    return ReplicaConfig(name="-", kind="influxdb", url=url, **asked, site=site, token_file=token_file, token_env=token_env)


def _reader(config: ReplicaConfig, token: str | None, folder: Path = Path()) -> ServerReader:
    ca_file = None if config.ca_file is None else str(folder / config.ca_file)
    if config.kind == "victoriametrics":
        return ServerReader(Victoria(config.url, token, ca_file, config.site or ""))
    return ServerReader(Influx(config.url, config.org or "", config.bucket or "", token or "", ca_file, config.site or ""))
