"""agent.toml and collector.toml: how the two services run on their machines. Format: docs/config.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinbao_config import units
from jinbao_config.shape import ConfigError, Document, choice, key, list_of, read_document, table, text, whole, words

duration = words(units.duration_ms, "10s")
size = words(units.size_bytes, "2GB")


def _https(value: object) -> str:
    if isinstance(value, str) and value.startswith("https://") and len(value) > len("https://"):
        return value.rstrip("/")
    raise ValueError('expected an address such as "https://10.0.0.9:8443"')


def _listen(value: object) -> tuple[str, int]:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if host and port.isdecimal() and int(port) < 65536:
        return host.strip("[]"), int(port)
    raise ValueError('expected ADDRESS:PORT such as "0.0.0.0:8443"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    url: str | None = key(words(_https, "https://10.0.0.9:8443"), None, doc="the collector; absent: learnt at enrolment")
    every: int = key(duration, 15_000, doc="how often finished batches are sent")


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
    data: str = key(text, "/var/lib/jinbao-agent", doc="where spool, key and heartbeat are kept, relative to this file")
    wait: int = key(duration, 4_000, doc="how long a probe's answer is waited for; the contract's W is applied later")
    batch: int = key(duration, 60_000, doc="a batch is closed after this long at the latest")
    collector: Upload = key(table(Upload), Upload, doc="where batches go")
    spool: SpoolLimits = key(table(SpoolLimits), SpoolLimits, doc="bounds of the spool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Bounds against hostile or broken senders."""

    request: int = key(size, 4 * 10**6, doc="the largest request body, as sent")
    inflated: int = key(size, 32 * 10**6, doc="the largest request body, inflated")
    per_minute: int = key(whole(1), 600, doc="requests a minute from one key or address")


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
    refuse: Refusal = key(table(Refusal), Refusal, doc="what is refused unread")


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
    return read_document(CollectorConfig, file)
