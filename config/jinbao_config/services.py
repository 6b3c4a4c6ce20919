"""agent.toml and collector.toml: how the two services run on their machines. Format: docs/config.md."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinbao_config import units
from jinbao_config.replicas import ReplicaConfig, contradictions
from jinbao_config.shape import ConfigError, Document, choice, key, list_of, read_document, table, tables, text, whole, words

duration = words(units.duration_ms, "10s")
size = words(units.size_bytes, "2GB")
rate = words(units.rate_bytes, "512kbit/s")


def _https(value: object) -> str:
    if isinstance(value, str) and value.startswith("https://") and len(value) > len("https://"):
        return value.rstrip("/")
    raise ValueError('expected an address such as "https://10.0.0.9:8443"')


def _listen(value: object) -> tuple[str, int]:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if host and port.isdecimal() and int(port) < 65536:
        return host.strip("[]"), int(port)
    raise ValueError('expected ADDRESS:PORT such as "0.0.0.0:8443"')


def _reflects_at(value: object) -> tuple[str, int]:
    host, port = _listen(value)
    if port and any(_is_address(host, version) for version in (4, 6)):
        return host, port
    raise ValueError('expected ADDRESS:PORT with an IP address, such as "0.0.0.0:8620" or "[::]:8620"')


NUT_PORT = 3493  # IANA's port for upsd
_UPS = re.compile(r"([A-Za-z0-9_.-]+)(?:@(?:\[([0-9A-Fa-f:.]+)\]|([^@:\[\]]+))(?::([0-9]{1,5}))?)?")


@dataclass(frozen=True, slots=True)
class UpsAddress:
    """One UPS of a NUT server (upsd)."""

    name: str
    host: str = "127.0.0.1"
    port: int = NUT_PORT

    def __str__(self) -> str:
        return f"{self.name}@[{self.host}]:{self.port}" if ":" in self.host else f"{self.name}@{self.host}:{self.port}"


def parse_ups(value: object) -> UpsAddress:
    """UPS[@ADDRESS[:PORT]] as NUT's own tools take it; without a server, the one on this machine. Raises ValueError.

    An address, not a name: no name service has to outlive a power cut. `localhost` is 127.0.0.1.
    """
    found = _UPS.fullmatch(value) if isinstance(value, str) else None
    if found:
        name, v6, v4, port = found.groups()
        host = v6 or ("127.0.0.1" if v4 in (None, "localhost") else v4)
        if _is_address(host, 6 if v6 else 4) and 0 < int(port or NUT_PORT) < 65536:
            return UpsAddress(name, host, int(port or NUT_PORT))
    raise ValueError('expected UPS@ADDRESS:PORT such as "ups@127.0.0.1:3493": a UPS that upsc -l names, and its server\'s IP')


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _poll_ms(value: object) -> int:
    every = units.duration_ms(value)
    if every < 1000:
        raise ValueError("a UPS is asked every second at most; expected at least 1s")
    return every


@dataclass(frozen=True, slots=True, kw_only=True)
class Mains:
    ups: UpsAddress = key(
        words(parse_ups, "ups@127.0.0.1:3493"), doc="the UPS that is asked, UPS[@ADDRESS[:PORT]] of its NUT server"
    )
    every: int = key(words(_poll_ms, "5s"), 5_000, doc="how often it is asked, at least 1s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    listen: tuple[str, int] = key(
        words(_reflects_at, "0.0.0.0:8620"), doc="where it answers the other end's questions, UDP; [::] serves IPv4 too"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    url: str | None = key(words(_https, "https://10.0.0.9:8443"), None, doc="the collector; absent: learnt at enrolment")
    every: int = key(duration, 15_000, doc="how often finished batches are sent")
    rate: int = key(rate, 64_000, doc="a backlog is sent no faster than this, so that it leaves a thin line to others")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    keep: int = key(duration, 90 * units.DAY_MS, doc="acknowledged and waiting batches are kept this long")
    max: int = key(size, 2 * 10**9, doc="the spool file's largest size")
    floor: int = key(size, 200 * 10**6, doc="free space on its disk that is never used")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    schema: str = key(choice("jinbao.agent/1"), doc="the format of this file")
    vantage: str = key(choice("township", "county"), doc="where this agent stands")
    link: str | None = key(text, None, doc="the division code of its link; townships only")
    links: str = key(text, "links.toml", doc="the links file, relative to this one")
    allow: str = key(text, "allow.toml", doc="what the centre may order; without this file, nothing; relative to this one")
    data: str = key(text, "/var/lib/jinbao-agent", doc="where spool, key and heartbeat are kept, relative to this file")
    wait: int = key(duration, 4_000, doc="how long a probe's answer is waited for; the contract's W is applied later")
    batch: int = key(duration, 60_000, doc="a batch is closed after this long at the latest")
    collector: Upload = key(table(Upload), Upload, doc="where batches go")
    spool: SpoolLimits = key(table(SpoolLimits), SpoolLimits, doc="bounds of the spool")
    mains: Mains | None = key(table(Mains), None, doc="the UPS that tells of power cuts; absent: the mains is not sensed")
    peer: Peer | None = key(table(Peer), None, doc="the reflector for the agent at the other end; absent: none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Bounds against hostile or broken senders."""

    request: int = key(size, 4 * 10**6, doc="the largest request body, as sent")
    inflated: int = key(size, 32 * 10**6, doc="the largest request body, inflated")
    per_minute: int = key(whole(1), 600, doc="requests a minute from one key or address")


def _http(value: object) -> str:
    if isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) > len("https://"):
        return value
    raise ValueError('expected an address such as "http://tsa.example.cn/tsr"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Tsa:
    url: str = key(words(_http, "http://tsa.example.cn/tsr"), doc="where the time-stamp authority answers (RFC 3161)")
    ca: str | None = key(
        text, None, doc="its certificates in PEM, relative to this file; absent: only its answer's form is checked"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorConfig:
    schema: str = key(choice("jinbao.collector/1"), doc="the format of this file")
    data: str = key(text, "/var/lib/jinbao-collector", doc="where journal, ledger and keys are kept, relative to this file")
    listen: tuple[str, int] = key(words(_listen, "0.0.0.0:8443"), ("0.0.0.0", 8443), doc="address and port for the agents")
    names: tuple[str, ...] = key(
        list_of(text), doc="addresses and names under which agents reach it; written into its certificate"
    )
    timezone: str = key(text, "Asia/Shanghai", doc="where a manifest's day begins")
    links: str = key(text, "links.toml", doc="the links file, relative to this one; its digest goes into the manifest")
    contracts: tuple[str, ...] = key(list_of(text), ("contract.toml",), doc="the contract files, likewise")
    keep_months: int | None = key(
        whole(24), None, doc="months whose samples are all older than this many months are removed; absent: none ever is"
    )
    calendar: str | None = key(text, None, doc="legal days of another edition than ours; its digest goes into the manifest")
    tsa: Tsa | None = key(table(Tsa), None, doc="who time-stamps the daily manifests; absent: nobody")
    refuse: Refusal = key(table(Refusal), Refusal, doc="what is refused unread")
    replica: tuple[ReplicaConfig, ...] = key(tables(ReplicaConfig, "name"), (), doc="servers that get a copy of every sample")


def read_agent(file: Path) -> Document[AgentConfig]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(AgentConfig, file)
    for where, problem in _agent_contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _agent_contradictions(agent: AgentConfig) -> Iterator[tuple[str, str]]:
    if agent.vantage == "township" and agent.link is None:
        yield "link", "missing; a township agent names its link's division code"
    if agent.vantage == "county" and agent.link is not None:
        yield "link", f"{agent.link!r}: a county agent probes every link; remove the key"


def read_collector(file: Path) -> Document[CollectorConfig]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(CollectorConfig, file)
    for where, problem in contradictions(document.value.replica):
        raise ConfigError(str(file), where, problem)
    return document
