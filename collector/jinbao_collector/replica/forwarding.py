"""Copying to one server for as long as the collector serves, in a process of its own that ends with it."""

import argparse
import contextlib
import logging
import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jinbao_collector import CollectorError
from jinbao_collector.agents import LiveRoster
from jinbao_collector.follower import Feed, advance
from jinbao_collector.follower_process import hung_up
from jinbao_collector.ledger import Ledger
from jinbao_collector.place import Place
from jinbao_collector.replica import OUTAGES, ReplicaTrouble
from jinbao_collector.replica.forwarder import Forwarder
from jinbao_collector.replica.progress import Progress
from jinbao_collector.replica.server import Server
from jinbao_collector.store.writing import held_for_writing
from jinbao_config.replicas import ReplicaConfig
from jinbao_config.services import read_collector

log = logging.getLogger(__name__)

_ROWS = 100
"""Journal rows in one step: a row may hold some thousand samples, and all of a step are in memory at once."""
_LOOK_S = 2.0
_FIRST_S, _LONGEST_S = 1.0, 60.0
_BY_HAND_S = 60.0
"""Between attempts where somebody has to do something first."""

FAILURES = (CollectorError, sqlite3.Error, OSError)


@contextlib.contextmanager
def opened(place: Place, replica: ReplicaConfig, now_ms: Callable[[], int]) -> Iterator[tuple[Forwarder, Progress, Feed]]:
    """Everything that copying needs, nobody else copying to this server meanwhile. Raises one of FAILURES."""
    home = place.home
    file = home.replica(replica.name)
    file.parent.mkdir(exist_ok=True)
    with (
        held_for_writing(file.with_suffix(".lock")),
        Ledger(home.ledger) as ledger,
        Progress(file) as progress,
        contextlib.closing(Server(replica, place.file.parent)) as server,
    ):
        forwarder, feed = Forwarder(progress, server, LiveRoster(ledger), now_ms, time.monotonic), Feed(home.journal)
        reached, (begun, hashed) = progress.read(), feed.beginning()
        if reached.hash and reached.cursor > begun and feed.hash_at(reached.cursor) != reached.hash:
            log.warning("%s was copied from another journal than this one; everything is sent again", file)
            progress.back(0)
        if (cursor := progress.read().cursor) < begun:
            # What was removed from the journal is not waited for.
            progress.move(cursor, begun, hashed, (), 0, now_ms())
        yield forwarder, progress, feed


def step(forwarder: Forwarder, feed: Feed) -> bool:
    """The next rows, if there are any; whether there may be more. Raises one of FAILURES."""
    forwarder.look()
    count = advance(forwarder, feed, _ROWS)
    forwarder.told()
    return count == _ROWS


def pause_s(problem: Exception, failures: int, draw: Callable[[float, float], float] = random.uniform) -> float:
    """How long to wait after so many failures in a row: what the server asked for, else longer and longer and never in step
    with others."""
    if isinstance(problem, ReplicaTrouble):
        if problem.retry_after_s is not None:
            return problem.retry_after_s + draw(0, 1)
        if problem.state not in OUTAGES:
            return _BY_HAND_S
    longest = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures, 20))
    return draw(longest / 2, longest)


def keep_forwarding(place: Place, replica: ReplicaConfig, wait: Callable[[float], bool], now_ms: Callable[[], int]) -> None:
    """Until `wait`, which is given seconds, says that it is to stop. What fails is tried again, and said once."""
    failures, said = 0, ""
    while True:
        try:
            with opened(place, replica, now_ms) as (forwarder, progress, feed):
                try:
                    while True:
                        more = step(forwarder, feed)
                        failures, said = 0, ""
                        if wait(0 if more else _LOOK_S):
                            return
                except ReplicaTrouble as problem:
                    progress.tell(problem.state, str(problem), now_ms())
                    raise
        except FAILURES as problem:
            if said != str(problem):
                log.error("nothing is copied to %s just now: %s", replica.name, problem)
            said, failures = str(problem), failures + 1
            if wait(pause_s(problem, failures - 1)):
                return


def main() -> int:
    """`python -m jinbao_collector.replica.forwarding collector.toml NAME`: until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("name")
    asked = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    place = Place.of(read_collector(asked.config))
    replica = next(one for one in place.config.replica if one.name == asked.name)
    os.nice(10)
    keep_forwarding(place, replica, hung_up, lambda: time.time_ns() // 1_000_000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
