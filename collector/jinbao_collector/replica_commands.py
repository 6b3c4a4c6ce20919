"""`jinbao-collector replica …`: what became of the copies."""

import argparse
from collections.abc import Callable

from jinbao_collector.commands import place_of, time_at
from jinbao_collector.follower import Feed
from jinbao_collector.place import Place
from jinbao_collector.replica.lag import lags
from jinbao_collector.replica.progress import Progress
from jinbao_collector.texts import Output
from jinbao_config.services import ReplicaConfig

Now = Callable[[], int]


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


def _replica(place: Place, name: str, out: Output) -> ReplicaConfig:
    for replica in place.config.replica:
        if replica.name == name:
            return replica
    raise out.wrong("unknown_replica", replica=name, known=", ".join(one.name for one in place.config.replica) or "—")
