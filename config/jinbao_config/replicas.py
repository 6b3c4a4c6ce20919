"""[[replica]] of collector.toml: servers that get a copy of every sample. Format: docs/influxdb.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from jinbao_config.shape import choice, key, text, words


def _server(value: object) -> str:
    """Where a server listens: no path, and above all no password, for this file may be read by many."""
    parts = urlsplit(value if isinstance(value, str) else "")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError('expected an address such as "http://127.0.0.1:8086"')
    if parts.username is not None:
        raise ValueError("an address without user and password; the token stands in a file, see token_file")
    return str(value).rstrip("/")


def _name(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", value):
        return value
    raise ValueError('expected a name of small letters, digits and hyphens, such as "influx"')


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaConfig:
    """A server that gets a copy of every sample."""

    name: str = key(words(_name, "influx"), doc="by which commands and metrics call it")
    kind: str = key(choice("influxdb", "victoriametrics"), doc="what answers there: InfluxDB 2.x or VictoriaMetrics")
    url: str = key(words(_server, "http://127.0.0.1:8086"), doc="where it listens")
    org: str | None = key(text, None, doc="InfluxDB's organisation")
    bucket: str | None = key(text, None, doc="InfluxDB's bucket")
    site: str | None = key(
        words(_name, "yanbian"), None, doc="stands in every point; where several collectors share a server, each has its own"
    )
    token_file: str | None = key(text, None, doc="a file with nothing but the token, relative to this one")
    token_env: str | None = key(text, None, doc="the environment variable that has the token")
    ca_file: str | None = key(text, None, doc="the authority that vouches for an https address, in PEM, relative to this file")


def contradictions(replicas: tuple[ReplicaConfig, ...]) -> Iterator[tuple[str, str]]:
    """Where, and what is wrong there."""
    seen = {"store"}
    for replica in replicas:
        place = f"replica[{replica.name}]"
        if replica.name in seen:
            yield f"{place}.name", f"{replica.name!r}: this name is taken; choose another one"
        seen.add(replica.name)
        if replica.token_file and replica.token_env:
            yield f"{place}.token_env", "stands beside token_file; the token has one place, remove one of them"
        if replica.kind == "victoriametrics" and (replica.org or replica.bucket):
            yield f"{place}.{'org' if replica.org else 'bucket'}", "VictoriaMetrics has neither org nor bucket; remove the key"
        if replica.kind == "influxdb":
            yield from _lacking(replica, place)


def _lacking(replica: ReplicaConfig, place: str) -> Iterator[tuple[str, str]]:
    for name in ("org", "bucket"):
        if not getattr(replica, name):
            yield f"{place}.{name}", f"missing; InfluxDB keeps points in a bucket of an organisation, name its {name}"
    if not (replica.token_file or replica.token_env):
        yield f"{place}.token_file", "missing; InfluxDB wants a token, name a file that has it (or token_env)"
