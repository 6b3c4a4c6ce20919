"""How far behind the followers are, as metrics, `/readyz` and commands tell it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from jinbao_collector import CollectorError
from jinbao_collector.follower import Feed
from jinbao_collector.place import Place
from jinbao_collector.replica.progress import glance
from jinbao_collector.store.reading import sealed_to

UNREADABLE, NOT_BEGUN = "unreadable", "not_begun"


@dataclass(frozen=True, slots=True)
class Lag:
    """One follower: its cursor, the rows it has yet to deal with, and since when the first of them waits, milliseconds.

    `state`, `message` and what follows are a replica's; `expired` lines were older than its server keeps.
    """

    follower: str
    position: int
    behind_rows: int
    waiting_ms: int
    state: str | None = None
    message: str = ""
    since_ms: int = 0
    delivered_ms: int = 0
    refused: int = 0
    expired: int = 0

    def facts(self) -> dict[str, Any]:
        whole = asdict(self)
        return whole if self.state is not None else {name: whole[name] for name in _PLAIN}


_PLAIN = ("follower", "position", "behind_rows", "waiting_ms")


def lags(place: Place, now_ms: int) -> list[Lag]:
    """Of the store and each replica. What cannot be read of a replica is its state, not an error. Raises VolumeError."""
    feed = Feed(place.home.journal)
    last = feed.last()

    def lag(name: str, cursor: int) -> Lag:
        waiting = feed.rows(cursor, 1) if cursor < last else []
        return Lag(name, cursor, max(0, last - cursor), max(0, now_ms - waiting[0].arrived_ms) if waiting else 0)

    found = [lag("store", sealed_to(place.home.store))]
    for replica in place.config.replica:
        try:
            seen = glance(place.home.replica(replica.name))
        except CollectorError as problem:
            found.append(replace(lag(replica.name, 0), state=UNREADABLE, message=str(problem)))
            continue
        if seen is None:
            found.append(replace(lag(replica.name, 0), state=NOT_BEGUN))
            continue
        reached, refused = seen
        found.append(
            replace(
                lag(replica.name, reached.cursor),
                state=reached.state,
                message=reached.message,
                since_ms=reached.since_ms,
                delivered_ms=reached.delivered_ms,
                refused=refused,
                expired=reached.expired,
            )
        )
    return found


def of_lags(lags: list[Lag]) -> Iterator[Metric]:
    """The gauges of followers, and those of replicas beside them."""
    reached = GaugeMetricFamily("jinbao_follower_position", "Last journal position a follower dealt with", labels=["follower"])
    behind = GaugeMetricFamily(
        "jinbao_follower_behind_rows", "Journal rows a follower has yet to deal with", labels=["follower"]
    )
    waiting = GaugeMetricFamily(
        "jinbao_follower_behind_seconds", "Since the first of these rows arrived; 0 if there are none", labels=["follower"]
    )
    state = GaugeMetricFamily("jinbao_replica_state", "1 for the state a replica is in", labels=["replica", "state"])
    refused = GaugeMetricFamily("jinbao_replica_refused_lines", "Lines a server would not take, kept aside", labels=["replica"])
    expired = CounterMetricFamily(
        "jinbao_replica_expired_lines", "Lines that were older than the server keeps", labels=["replica"]
    )
    for lag in lags:
        reached.add_metric([lag.follower], lag.position)
        behind.add_metric([lag.follower], lag.behind_rows)
        waiting.add_metric([lag.follower], lag.waiting_ms / 1000)
        if lag.state is not None:
            state.add_metric([lag.follower, lag.state], 1)
            refused.add_metric([lag.follower], lag.refused)
            expired.add_metric([lag.follower], lag.expired)
    yield from (reached, behind, waiting, state, refused, expired)
