"""InfluxDB 2.x asked, in Flux. What is added up by the hour its storage engine does itself; answers come as annotated CSV.

Texts are bound as Flux string literals. Times are fetched as they are printed, to the microsecond they were written with.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import urllib3
from influxdb_client import Dialect, InfluxDBClient
from influxdb_client.rest import ApiException

from jinbao_agent.sample import Event
from jinbao_collector.replica import BUCKET, FORBIDDEN, REFUSED, TOKEN, UNREACHABLE, ReplicaTrouble
from jinbao_collector.replica.hours import FIGURES, HOUR_MS, Hours, Span
from jinbao_collector.replica.points import EVENT, SAMPLE, Tags, event_of, samples_of_points, tag, tags_of, untag
from jinbao_collector.series import Ints, ints
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.samples import Samples

_ALL = "1970-01-01T00:00:00Z", "2255-01-01T00:00:00Z"
_STATES = {401: TOKEN, 403: FORBIDDEN, 404: BUCKET, 400: REFUSED}
_TIMEOUT_MS = 600_000
_DAYS_AT_ONCE, _SPANS_AT_ONCE = 8 * 86_400_000, 100
_HOUR_US = HOUR_MS * 1000
_COLUMNS = 'keep(columns: ["_time", "_value", "_field", "outcome", "boot", "interval", "clock"])'
_DIALECT = Dialect(header=True, annotations=[], delimiter=",")


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
        found = (table.tags for table in self._tables(flux))
        return {(untag(tags["link"]), tags["vantage"], untag(tags["target"])) for tags in found}

    def hours(self, key: SeriesKey) -> Hours:
        # Each figure begins anew: tables that two of them share are read into memory, not added up where they lie.
        parts = []
        for figure, fields in FIGURES.items():
            these = " or ".join(f'r._field == "{field}"' for field in fields)
            parts.append(
                f"{self._points(key, *_ALL)} |> filter(fn: (r) => {these})"
                f' |> aggregateWindow(every: 1h, fn: {figure}, createEmpty: false, timeSrc: "_start")'
                f" |> {_COLUMNS}"
                f' |> yield(name: "{figure}")'
            )
        return Hours.of(self._figures("\n".join(parts)))

    def _figures(self, flux: str) -> Iterator[tuple[Tags, int, str, int]]:
        for table in self._tables(flux):
            tags, name = tags_of(table.tags), f"{table.tags['_field']} {table.tags['result']}"
            for hour, value in zip((table.stamps // _HOUR_US).tolist(), table.numbers.tolist(), strict=True):
                yield tags, hour, name, value

    def samples(self, key: SeriesKey, spans: Iterable[Span]) -> list[Samples]:
        found = []
        for request in _requests(spans):
            asked = (
                f'{self._points(key, _instant(since), _instant(until))} |> {_COLUMNS} |> yield(name: "{number}")'
                for number, (since, until) in enumerate(request)
            )
            points: dict[tuple[str, Tags], dict[str, tuple[Ints, Ints]]] = {}
            for table in self._tables("\n".join(asked)):
                place = table.tags["result"], tags_of(table.tags)
                points.setdefault(place, {})[table.tags["_field"]] = table.stamps, table.numbers
            found += [samples_of_points(tags, fields) for (_, tags), fields in points.items() if "seq" in fields]
        return found

    def events(self, since_ms: int, until_ms: int) -> list[Event]:
        if since_ms >= until_ms:
            return []
        flux = f'''{self._from(_instant(since_ms), _instant(until_ms))}
  |> filter(fn: (r) => r._measurement == "{EVENT}" and r._field == "at")'''
        return [event_of(table.tags, at_us) for table in self._tables(flux) for at_us in table.numbers.tolist()]

    def _from(self, since: str, until: str) -> str:
        return (
            f"from(bucket: {_literal(self._bucket)}) |> range(start: {since}, stop: {until}) |> filter(fn: (r) => {self._site})"
        )

    def _points(self, key: SeriesKey, since: str, until: str) -> str:
        link, vantage, target = (_literal(tag(name)) for name in key)
        return f'''{self._from(since, until)}
  |> filter(fn: (r) => r._measurement == "{SAMPLE}" and r.link == {link} and r.vantage == {vantage} and r.target == {target})'''

    def _tables(self, flux: str) -> "Iterator[_Table]":
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


@dataclass(frozen=True, slots=True)
class _Table:
    """Points that share their tags: those, `result` and `_field` among them; times as printed, and values."""

    tags: Mapping[str, str]
    times: list[str]
    values: list[str]

    @property
    def stamps(self) -> Ints:
        """Microseconds."""
        stamps: Ints = np.array([time.removesuffix("Z") for time in self.times], "datetime64[us]").astype(np.int64)
        return stamps

    @property
    def numbers(self) -> Ints:
        return ints(map(int, self.values))


def _tables(text: Any) -> Iterator[_Table]:
    """Before each table of another shape stands a line of names, and an empty one before that."""
    names: list[str] | None = None
    made: _Table | None = None
    number = time = value = -1
    for cells in csv.reader(text):
        if not cells:
            names = None
        elif names is None:
            names = cells
            if "error" in names:
                continue
            number, time, value = (names.index(name) for name in ("table", "_time", "_value"))
            if made:
                yield made
            made = None
        elif "error" in names:
            raise ReplicaTrouble(REFUSED, f"the server gave up: {' '.join(cells)}")
        else:
            if made is None or made.tags["table"] != cells[number]:
                if made:
                    yield made
                made = _Table(dict(zip(names, cells, strict=True)), [], [])
            made.times.append(cells[time])
            made.values.append(cells[value])
    if made:
        yield made


def _requests(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Spans of some days at most, so many together that asking costs little beside answering."""
    request: list[Span] = []
    for since, until in spans:
        for begin in range(since, until, _DAYS_AT_ONCE):
            request.append((begin, min(begin + _DAYS_AT_ONCE, until)))
            if len(request) == _SPANS_AT_ONCE or sum(end - start for start, end in request) >= _DAYS_AT_ONCE:
                yield request
                request = []
    if request:
        yield request


def _instant(at_ms: int) -> str:
    return str(np.datetime64(at_ms, "ms")) + "Z"


def _literal(text: str) -> str:
    """A Flux string: a backslash, a quote and the beginning of an interpolation are escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def _short(body: Any) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    return " ".join(text.split())[:300]
