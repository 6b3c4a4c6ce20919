"""Telegraf's `ping`, `net_response` and `http_response` as line protocol (outputs.file, or `influxd inspect export-lp`).

What a point means: jinbao_collector/telegraf.py. A name is the target as the plugin was given it (`url`, `server:port`,
`server`), before it the tag `host` when there is one: `tw-01 10.0.0.2`.
"""

from collections.abc import Iterator
from pathlib import Path

from jinbao_agent.sample import REPLY
from jinbao_collector import telegraf
from jinbao_collector.line_protocol import Point, parse
from jinbao_collector.telegraf import Round
from jinbao_config.units import plausible
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import SAMPLES, Reading
from jinbao_reports.importers.rows import lines


def read(file: Path, reading: Reading) -> History:
    """Raises BadInput."""
    found = Found(file, reading)
    rounds = _Rounds()
    for number, line in lines(file):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            rounds.add(_sample(found, parse(line)))
        except ValueError as problem:
            found.wrong(number, str(problem))
    found.notes |= rounds.notes()
    return found.history(SAMPLES)


def _sample(found: Found, point: Point) -> Round | None:
    if point.measurement not in telegraf.MEASUREMENTS:
        found.beside[point.measurement] += 1
        return None
    place = found.place(*_names(point, telegraf.asked(point)))
    if place is None:
        return None
    at_us = plausible(point.stamp // 1000, "nanoseconds")
    result = telegraf.outcome(point)
    token = found.reading.outcomes.get(result.word, result.token)
    if token == REPLY and result.rtt_us is None:
        raise ValueError("answered, but without a response time")
    found.sample(place, at_us, token, result.rtt_us, found.reading.interval_ms)
    return result


def _names(point: Point, target: str) -> Iterator[str]:
    if "host" in point.tags:
        yield f"{point.tags['host']} {target}"
    yield target


class _Rounds:
    """Rounds that lost some packets and not all: written as answered, and told of."""

    def __init__(self) -> None:
        self._partial = self._sent = self._lost = 0

    def add(self, result: Round | None) -> None:
        if result is not None:
            self._partial += 0 < result.lost < result.sent
            self._sent += result.sent
            self._lost += result.lost

    def notes(self) -> dict[str, object]:
        return {"pings_sent": self._sent, "pings_lost": self._lost, "rounds_partly_lost": self._partial}
