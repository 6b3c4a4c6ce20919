"""What `/metrics` shows: counters of the door, and gauges read at the moment of asking."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from jinbao_collector.agents import Roster
from jinbao_collector.heard import Heard
from jinbao_collector.placing import Receipt


class _Gauges(Collector):
    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


class Metrics:
    """The counters, and a registry of its own: two collectors in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._batches = Counter("jinbao_batches", "Batches received, by what became of them", ["kept"], registry=self.registry)
        self._verdicts = Counter("jinbao_verdicts", "Verdicts beside new batches", ["verdict"], registry=self.registry)
        self._requests = Counter("jinbao_requests", "Answers to POST /v1/batches", ["status"], registry=self.registry)
        self._refused = Counter("jinbao_refused", "Requests refused, by reason", ["reason"], registry=self.registry)

    def kept(self, receipt: Receipt) -> None:
        self._batches.labels("new").inc(receipt.fresh)
        self._batches.labels("replay").inc(receipt.replayed)
        for verdict in (verdict for found in receipt.given.values() for verdict in found):
            self._verdicts.labels(verdict).inc()

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def answered(self, status: int) -> None:
        self._requests.labels(str(status)).inc()

    def watch(self, read: Callable[[], Iterable[Metric]]) -> None:
        """Gauges to be read whenever somebody asks."""
        self.registry.register(_Gauges(read))

    def text(self, accept: str) -> tuple[bytes, str]:
        """The page in the format asked for, Prometheus text or OpenMetrics, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def of_door(counts: Mapping[str, int]) -> Metric:
    """What became of the points that Telegraf wrote."""
    points = CounterMetricFamily(
        "jinbao_unsigned_points", "Points that Telegraf wrote, by what became of them", labels=["kept"]
    )
    for kept in ("sample", "ignored", "malformed"):
        points.add_metric([kept], counts.get(kept, 0))
    return points


_SAID: tuple[tuple[str, str, Callable[[Heard], float | None]], ...] = (
    (
        "newest_age_seconds",
        "Arrival less newest sample of the last batch; negative: the agent's clock is ahead",
        lambda last: None if last.newest_ms is None else (last.arrived_ms - last.newest_ms) / 1000,
    ),
    (
        "clock_maxerror_seconds",
        "What the agent's kernel says of its clock",
        lambda last: None if last.maxerror_us is None else last.maxerror_us / 1e6,
    ),
    ("clock_synchronised", "1 if the agent's clock is set by another", lambda last: last.synchronised),
    ("spool_batches", "Batches the agent has yet to send", lambda last: last.waiting),
    ("config_version", "The centre's configuration that the agent lives under, 0 for its own files", lambda last: last.config),
    (
        "config_refused",
        "The newer configuration that the agent refused, 0 for none",
        lambda last: None if last.config is None else last.refused or 0,
    ),
)
"""What the last batch's head says of an agent; None where it does not say."""


def of_agents(roster: Roster, heard: dict[str, Heard], now_ms: int) -> Iterator[Metric]:
    """Silence, clock, spool and configuration of the agents; one that was never heard is silent since its enrolment."""
    silence = GaugeMetricFamily("jinbao_agent_silence_seconds", "Since an agent's last batch arrived", labels=["agent"])
    # The latest enrolment of an agent stands for it, should it have several good keys.
    since = {member.agent: member.enrolled_ms for member in roster.members.values() if member.revoked_after is None}
    for agent, enrolled_ms in since.items():
        begun = max(enrolled_ms, heard[agent].arrived_ms) if agent in heard else enrolled_ms
        silence.add_metric([agent], (now_ms - begun) / 1000)
    yield silence
    for name, meaning, read in _SAID:
        said = GaugeMetricFamily(f"jinbao_agent_{name}", meaning, labels=["agent"])
        for agent, last in heard.items():
            value = read(last)
            if value is not None:
                said.add_metric([agent], float(value))
        yield said
