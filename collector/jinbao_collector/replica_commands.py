"""`jinbao-collector replica …`: what became of the copies."""

import argparse
import datetime
from collections.abc import Callable
from dataclasses import asdict

from jinbao_collector.commands import place_of, time_at
from jinbao_collector.follower import Feed
from jinbao_collector.place import Place
from jinbao_collector.replica.lag import lags
from jinbao_collector.replica.progress import Progress
from jinbao_collector.texts import Output
from jinbao_config.replicas import ReplicaConfig

Now = Callable[[], int]
_DAY, _MONTH = datetime.timedelta(days=1), datetime.timedelta(days=31)


def replica_list(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    found = [lag for lag in lags(place_of(options), now_ms()) if lag.state is not None]
    if not found:
        out.say("no_replica")
    for lag in found:
        out.say(
            "replica_line",
            replica=lag.follower,
            state=lag.state,
            position=lag.position,
            behind=lag.behind_rows,
            seconds=lag.waiting_ms // 1000,
            refused=lag.refused,
            expired=lag.expired,
            message=lag.message,
        )
    out.facts([lag.facts() for lag in found])
    return 0


def replica_refused(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    file = place.home.replica(_replica(place, options.name, out).name)
    refused = []
    if file.exists():
        with Progress(file) as progress:
            refused = progress.refused()
    if not refused:
        out.say("none_refused")
    for line in refused:
        out.say("refused_line", at=time_at(line.at_ms, place), line=line.line, reason=line.reason)
    out.facts([{"line": line.line, "reason": line.reason, "at_ms": line.at_ms} for line in refused])
    return 0


def replica_again(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    replica, since = _replica(place, options.name, out), place.midnight(options.since)
    position = 0 if since is None else Feed(place.home.journal).before(since)
    with Progress(place.home.replica(replica.name)) as progress:
        progress.back(position)
        progress.forget_refused()
        position = progress.read().cursor
    out.say("sent_again", replica=replica.name, position=position)
    out.facts({"replica": replica.name, "position": position})
    return 0


def replica_compare(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    """Exit 1 where the counts differ."""
    # Numpy is loaded by this command alone.
    from jinbao_collector.replica.compare import compare
    from jinbao_collector.replica.opening import open_replica
    from jinbao_collector.store import open_store

    place = place_of(options)
    replica = _replica(place, options.name, out)
    until = options.until or datetime.datetime.fromtimestamp(now_ms() / 1000, place.zone).date() + _DAY
    since = options.since or until - _MONTH
    behind = next(lag.behind_rows for lag in lags(place, now_ms()) if lag.follower == replica.name)
    with open_store(place.home.root) as store, open_replica(place, replica) as server:
        found = compare(store, server, since, until, place.zone)
    for difference in found.differences:
        out.say("difference", **asdict(difference))
    if behind:
        out.say("still_behind", replica=replica.name, rows=behind)
    out.say("compared", replica=replica.name, **asdict(found), count=len(found.differences))
    out.facts({**asdict(found), "behind_rows": behind})
    return 1 if found.differences else 0


def _replica(place: Place, name: str, out: Output) -> ReplicaConfig:
    for replica in place.config.replica:
        if replica.name == name:
            return replica
    raise out.wrong("unknown_replica", replica=name, known=", ".join(one.name for one in place.config.replica) or "—")
