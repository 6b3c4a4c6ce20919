"""VictoriaMetrics asked. A field of a point is a series of its own, `jinbao_sample_seq{link="…",…}`; times are milliseconds.

Only functions over windows are used: an instant selector repeats the last value into gaps, and would hide an outage. Windows
are (t − d, t], so they are asked for a millisecond before the hour ends; `nocache=1`, or the server would move them to its own
grid.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import urllib3

from jinbao_agent.sample import Event
from jinbao_collector.replica import UNREACHABLE, ReplicaTrouble
from jinbao_collector.replica.hours import FIELDS, FIGURES, HOUR_MS, Hours, Span
from jinbao_collector.replica.points import EVENT, SAMPLE, Tags, event_of, samples_of_points, tag, tags_of, untag
from jinbao_collector.series import NONE, ints
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.samples import Samples

_EARLIEST_S, _LATEST_S = 301, 4_102_444_800
"""A window that begins in the first five minutes of 1970 is answered with nothing, and so is one that ends long after 2100."""
_TIMEOUT_S = 120.0
_HOURS_AT_ONCE = 10_000
"""Below the server's limit of 30,000 points a series."""
_DAYS_AT_ONCE = 31 * 86_400_000


class Victoria:
    """Asking of a VictoriaMetrics. Its size, and how long it keeps data, are its operator's: docs/influxdb.md."""

    def __init__(self, address: str, token: str | None = None, ca_file: str | None = None, site: str = "") -> None:
        self.address, self._site = address, json.dumps(tag(site), ensure_ascii=False)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = urllib3.PoolManager(headers=headers, timeout=_TIMEOUT_S, retries=False, ca_certs=ca_file)

    def close(self) -> None:
        self._http.clear()

    def names(self) -> set[SeriesKey]:
        found = self._json(
            "/api/v1/series", {"match[]": f"{SAMPLE}_seq{{site={self._site}}}", "start": "1", "end": str(_LATEST_S)}
        )["data"]
        return {(untag(one["link"]), one["vantage"], untag(one["target"])) for one in found}

    def hours(self, key: SeriesKey) -> Hours:
        return Hours.of(self._figures(key))

    def samples(self, key: SeriesKey, spans: Iterable[Span]) -> list[Samples]:
        found = []
        pieces = (
            (begin, min(begin + _DAYS_AT_ONCE, until)) for since, until in spans for begin in range(since, until, _DAYS_AT_ONCE)
        )
        for piece in pieces:
            points: dict[Tags, dict[str, Any]] = {}
            for metric, stamps, values in self._exported(self._selector(key), *piece):
                field = metric["__name__"].removeprefix(f"{SAMPLE}_")
                points.setdefault(tags_of(metric), {})[field] = ints(stamps), ints(map(int, values))
            found += [samples_of_points(tags, fields) for tags, fields in points.items() if "seq" in fields]
        return found

    def events(self, since_ms: int, until_ms: int) -> list[Event]:
        return [
            event_of(metric, int(value))
            for metric, _, values in self._exported(f"{EVENT}_at{{site={self._site}}}", since_ms, until_ms)
            for value in values
        ]

    def _figures(self, key: SeriesKey) -> Iterator[tuple[Tags, int, str, int]]:
        # The first hour of 1970, where clocks begin that nobody has set, cannot be added up; so it counts as doubtful.
        for metric, _, _ in self._exported(self._selector(key, "seq"), 0, HOUR_MS):
            yield tags_of(metric), 0, "seq count", NONE
        for since, until in self._extents(key):
            for figure, fields in FIGURES.items():
                query = f"{figure}_over_time({self._selector(key, *fields)}[1h]) keep_metric_names"
                asked = {"query": query, "step": "1h", "nocache": "1"}
                asked |= {"start": _seconds((since + 1) * HOUR_MS - 1), "end": _seconds((until + 1) * HOUR_MS - 1)}
                for one in self._json("/api/v1/query_range", asked)["data"]["result"]:
                    field, tags = one["metric"]["__name__"].removeprefix(f"{SAMPLE}_"), tags_of(one["metric"])
                    for at, value in one["values"]:
                        yield tags, round(at * 1000) // HOUR_MS, f"{field} {figure}", int(float(value))

    def _extents(self, key: SeriesKey) -> Iterator[tuple[int, int]]:
        """The hours from first to last that have any points, so many at once."""
        found = {}
        for edge, least in (("tfirst", min), ("tlast", max)):
            query = f"{edge}_over_time({self._selector(key, 'seq')}[{_LATEST_S - _EARLIEST_S}s])"
            asked = {"query": query, "time": str(_LATEST_S), "nocache": "1"}
            times = [float(one["value"][1]) for one in self._json("/api/v1/query", asked)["data"]["result"]]
            if not times:
                return
            found[edge] = round(least(times) * 1000) // HOUR_MS
        for begin in range(max(1, found["tfirst"]), found["tlast"] + 1, _HOURS_AT_ONCE):
            yield begin, min(begin + _HOURS_AT_ONCE - 1, found["tlast"])

    def _exported(self, match: str, since_ms: int, until_ms: int) -> Iterator[tuple[Mapping[str, str], list[int], list[float]]]:
        since_ms, until_ms = max(since_ms, 1000), min(until_ms, _LATEST_S * 1000)
        if since_ms >= until_ms:
            return
        asked = {"match[]": match, "start": _seconds(since_ms), "end": _seconds(until_ms - 1)}
        for line in self._get("/api/v1/export", asked).splitlines():
            found = json.loads(line)
            yield found["metric"], found["timestamps"], found["values"]

    def _selector(self, key: SeriesKey, *fields: str) -> str:
        named = "|".join(f"{SAMPLE}_{field}" for field in fields or FIELDS)
        link, vantage, target = (json.dumps(tag(name), ensure_ascii=False) for name in key)
        return f'{{__name__=~"{named}",link={link},vantage={vantage},target={target},site={self._site}}}'

    def _json(self, path: str, asked: Mapping[str, str]) -> Any:
        return json.loads(self._get(path, asked))

    def _get(self, path: str, asked: Mapping[str, str]) -> bytes:
        try:
            answer = self._http.request("POST", self.address + path, fields=dict(asked), encode_multipart=False)
        except urllib3.exceptions.HTTPError as problem:
            raise ReplicaTrouble(UNREACHABLE, f"{self.address}: cannot be reached: {problem}") from None
        if answer.status != 200:
            said = answer.data.decode(errors="replace")[:300]
            raise ReplicaTrouble(UNREACHABLE, f"{self.address}{path}: {answer.status}: {said}; is it a VictoriaMetrics?")
        return answer.data


def _seconds(at_ms: int) -> str:
    """Exact: a float of milliseconds might fall beside the hour."""
    return f"{at_ms // 1000}.{at_ms % 1000:03d}"
