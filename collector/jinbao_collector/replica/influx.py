"""InfluxDB 2.x asked, in Flux. What is added up by the hour its storage engine does itself; answers come as annotated CSV.

Texts are bound as Flux string literals. Times are fetched as they are printed, to the microsecond they were written with.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np
import urllib3
from influxdb_client import Dialect, InfluxDBClient
from influxdb_client.rest import ApiException

from jinbao_agent.sample import Event
from jinbao_collector.replica import BUCKET, FORBIDDEN, REFUSED, TOKEN, UNREACHABLE, ReplicaTrouble
from jinbao_collector.replica.hours import FIGURES, Hours
from jinbao_collector.replica.points import EVENT, SAMPLE, Tags, event_of, samples_of_points, tag, tags_of, untag
from jinbao_collector.series import Ints, ints
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.samples import Samples

_ALL = "1970-01-01T00:00:00Z", "2255-01-01T00:00:00Z"
_STATES = {401: TOKEN, 403: FORBIDDEN, 404: BUCKET, 400: REFUSED}
_TIMEOUT_MS = 600_000
_DAYS_AT_ONCE = 8 * 86_400_000
_COLUMNS = 'keep(columns: ["_time", "_value", "_field", "outcome", "boot", "interval", "clock"])'
_DIALECT = Dialect(header=True, annotations=[], delimiter=",")

Row = Mapping[str, str]


class Influx:
    """Asking of one bucket."""

    def __init__(self, address: str, org: str, bucket: str, token: str, ca_file: str | None = None, site: str = "") -> None:
        self.address, self._bucket = address, bucket
        self._site = f"r.site == {_literal(tag(site))}" if site else "not exists r.site"
        self._client = InfluxDBClient(address, token=token, org=org, timeout=_TIMEOUT_MS, retries=False, ssl_ca_cert=ca_file)
        self._asking = self._client.query_api()

    def close(self) -> None:
        self._client.close()

    def names(self) -> set[SeriesKey]:
        flux = f'''{self._from(*_ALL)}
  |> filter(fn: (r) => r._measurement == "{SAMPLE}" and r._field == "seq")
  |> group(columns: ["link", "vantage", "target"])
  |> first()'''
        return {(untag(row["link"]), row["vantage"], untag(row["target"])) for row in self._rows(flux)}

    def hours(self, key: SeriesKey) -> Hours:
        parts = [f"data = {self._points(key, *_ALL)}"]
        for figure, fields in FIGURES.items():
            these = " or ".join(f'r._field == "{field}"' for field in fields)
            parts.append(
                f"data |> filter(fn: (r) => {these})"
                f' |> aggregateWindow(every: 1h, fn: {figure}, createEmpty: false, timeSrc: "_start")'
                f" |> {_COLUMNS}"
                f' |> yield(name: "{figure}")'
            )
        return Hours.of(self._figures("\n".join(parts)))

    def _figures(self, flux: str) -> Iterator[tuple[Tags, int, str, int]]:
        for row in self._rows(flux):
            hour = int(np.datetime64(row["_time"].removesuffix("Z"), "h").astype(np.int64))
            yield tags_of(row), hour, f"{row['_field']} {row['result']}", int(row["_value"])

    def samples(self, key: SeriesKey, since_ms: int, until_ms: int) -> list[Samples]:
        found = []
        for begin in range(since_ms, until_ms, _DAYS_AT_ONCE):
            window = _instant(begin), _instant(min(begin + _DAYS_AT_ONCE, until_ms))
            flux = f"""{self._points(key, *window)}
  |> keep(columns: ["_time", "_value", "_field", "outcome", "boot", "interval", "clock"])"""
            points: dict[Tags, dict[str, tuple[Ints, Ints]]] = {}
            for (tags, field), rows in groupby(self._rows(flux), lambda row: (tags_of(row), row["_field"])):
                points.setdefault(tags, {})[field] = _columns(list(rows))
            found += [samples_of_points(tags, fields) for tags, fields in points.items() if "seq" in fields]
        return found

    def events(self, since_ms: int, until_ms: int) -> list[Event]:
        if since_ms >= until_ms:
            return []
        flux = f'''{self._from(_instant(since_ms), _instant(until_ms))}
  |> filter(fn: (r) => r._measurement == "{EVENT}" and r._field == "at")'''
        return [event_of(row, int(row["_value"])) for row in self._rows(flux)]

    def _from(self, since: str, until: str) -> str:
        return (
            f"from(bucket: {_literal(self._bucket)}) |> range(start: {since}, stop: {until}) |> filter(fn: (r) => {self._site})"
        )

    def _points(self, key: SeriesKey, since: str, until: str) -> str:
        link, vantage, target = (_literal(tag(name)) for name in key)
        return f'''{self._from(since, until)}
  |> filter(fn: (r) => r._measurement == "{SAMPLE}" and r.link == {link} and r.vantage == {vantage} and r.target == {target})'''

    def _rows(self, flux: str) -> Iterator[Row]:
        try:
            answer = self._asking.query_raw(flux, dialect=_DIALECT)
            answer.auto_close = False  # or the last line could not be read
            with io.TextIOWrapper(answer, encoding="utf-8", newline="") as text:
                yield from _tables(text)
        except ApiException as problem:
            state = _STATES.get(int(problem.status or 0), UNREACHABLE)
            raise ReplicaTrouble(state, f"{self.address}: cannot be asked: {problem.status}: {_short(problem.body)}") from None
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise ReplicaTrouble(UNREACHABLE, f"{self.address}: cannot be reached: {problem}") from None


def _tables(text: Any) -> Iterator[Row]:
    """The rows of all tables: before each of another shape stands a line of names, and an empty one before that."""
    names: list[str] | None = None
    for cells in csv.reader(text):
        if not cells:
            names = None
        elif names is None:
            names = cells
        else:
            row = dict(zip(names, cells, strict=True))
            if row.get("error"):
                raise ReplicaTrouble(REFUSED, f"the server gave up: {row['error']}")
            yield row


def _columns(rows: list[Row]) -> tuple[Ints, Ints]:
    stamps = np.array([row["_time"].removesuffix("Z") for row in rows], "datetime64[us]").astype(np.int64)
    return stamps, ints(int(row["_value"]) for row in rows)


def _instant(at_ms: int) -> str:
    return str(np.datetime64(at_ms, "ms")) + "Z"


def _literal(text: str) -> str:
    """A Flux string: a backslash, a quote and the beginning of an interpolation are escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def _short(body: Any) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    return " ".join(text.split())[:300]
