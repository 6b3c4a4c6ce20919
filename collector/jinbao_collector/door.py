"""The door for Telegraf: `outputs.influxdb_v2` as it is, with a token that speaks for certain links of one vantage.

Nothing that comes in here is signed. It is kept apart from the journal, is never mixed with what agents measured, and a
Statement made from it says so. Tokens are rows of the ledger, by their SHA-256; they work until they are taken back.
"""

import gzip
import json
import secrets
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinbao_agent.sample import REPLY, Sample
from jinbao_agent.wire import sha256
from jinbao_collector import telegraf
from jinbao_collector.ingest import Answer, Refused
from jinbao_collector.ledger import Ledger, Row
from jinbao_collector.line_protocol import Point, parse
from jinbao_collector.unsigned import UnsignedStore
from jinbao_config.links import ALL_LINKS, Link, Links, Target, parse_target
from jinbao_config.services import Refusal
from jinbao_config.units import plausible

TOKEN, TOKEN_TAKEN_BACK = "telegraf_token", "telegraf_token_taken_back"
_TO_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_MOST_TOLD = 300
FLOOR = 500 * 10**6
"""Bytes left free for what agents sign: whoever has a token must not fill the disk that the journal needs."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who may write by a token. `interval_ms` is how often it probes; None: as links.toml says."""

    name: str
    vantage: str
    links: tuple[str, ...]
    interval_ms: int | None


def issue(ledger: Ledger, holder: Holder, now_ms: int) -> str:
    """A new token for it, which is shown once. Raises LedgerError if the name has one already."""
    token = secrets.token_urlsafe(32)
    facts = {"name": holder.name, "vantage": holder.vantage, "links": list(holder.links), "interval_ms": holder.interval_ms}

    def objection(rows: Sequence[Row]) -> str | None:
        held = any(one.name == holder.name for one in _holders(rows).values())
        return f"{holder.name!r}: has a token already; take it back first" if held else None

    ledger.append(TOKEN, {**facts, "sha256": sha256(token.encode())}, now_ms, objection)
    return token


def take_back(ledger: Ledger, name: str, now_ms: int) -> None:
    """Raises LedgerError if the name has no token."""

    def objection(rows: Sequence[Row]) -> str | None:
        return None if any(one.name == name for one in _holders(rows).values()) else f"{name!r}: has no token"

    ledger.append(TOKEN_TAKEN_BACK, {"name": name}, now_ms, objection)


def holders(ledger: Ledger) -> dict[str, Holder]:
    """Good tokens, by their SHA-256. Raises LedgerError."""
    return _holders(ledger.rows(TOKEN, TOKEN_TAKEN_BACK))


def _holders(rows: Sequence[Row]) -> dict[str, Holder]:
    found: dict[str, Holder] = {}
    for row in rows:
        facts = row.facts
        if row.kind == TOKEN:
            found[facts["sha256"]] = Holder(facts["name"], facts["vantage"], tuple(facts["links"]), facts["interval_ms"])
        elif row.kind == TOKEN_TAKEN_BACK:
            found = {token: holder for token, holder in found.items() if holder.name != facts["name"]}
    return found


class Door:
    """Takes requests to /api/v2/write. Any thread may use it."""

    def __init__(
        self, ledger: Ledger, store: UnsignedStore, links: Callable[[], Links], bounds: Refusal, free: Callable[[], int]
    ) -> None:
        """`free` says how many bytes the disk still has."""
        self._ledger, self._store, self._links, self._bounds, self._free = ledger, store, links, bounds, free
        self._head = -1, ""
        self._holders: dict[str, Holder] = {}
        self.counts: Counter[str] = Counter()

    def write(self, body: bytes, headers: Mapping[str, str], precision: str, now_ms: int) -> Answer:
        """What is taken is on the disk when this returns. Raises Refused, LedgerError or UnsignedError."""
        holder = self._holder(headers.get("authorization", ""))
        if precision not in _TO_NS:
            raise Refused(400, "unsigned", f"precision {precision!r}: expected one of {', '.join(_TO_NS)}")
        if (free := self._free()) < FLOOR:
            raise Refused(507, "unsigned", f"{free // 10**6} MB free on the disk, fewer than {FLOOR // 10**6} MB", 60)
        text = self._inflated(body, headers.get("content-encoding", ""))
        samples, bad = self._samples(holder, text, _TO_NS[precision])
        self._store.add(holder.name, samples, now_ms)
        self.counts.update(sample=len(samples), malformed=len(bad))
        if bad:
            # InfluxDB's words and number for it: Telegraf then drops this request, and says why in its log.
            words = f"partial write: {bad[0][:_MOST_TOLD]} dropped={len(bad)}"
            return _told(422, "unprocessable entity", words)
        return Answer(204, b"", {})

    def _holder(self, authorization: str) -> Holder:
        scheme, _, token = authorization.partition(" ")
        head = self._ledger.head
        if head != self._head:
            self._holders, self._head = holders(self._ledger), head
        holder = self._holders.get(sha256(token.strip().encode()))
        if scheme.lower() not in ("token", "bearer") or holder is None:
            raise Refused(401, "unsigned", "unauthorized access")
        return holder

    def _inflated(self, body: bytes, encoding: str) -> str:
        if len(body) > self._bounds.request:
            raise Refused(413, "unsigned", f"a request may have {self._bounds.request} bytes")
        try:
            if encoding == "gzip":
                inflate = zlib.decompressobj(wbits=31)
                body = inflate.decompress(body, self._bounds.inflated + 1)
                if inflate.eof is False and len(body) <= self._bounds.inflated:
                    raise gzip.BadGzipFile("ends too early")
            elif encoding not in ("", "identity"):
                raise Refused(415, "unsigned", f"content encoding {encoding!r}: expected gzip or none")
            if len(body) > self._bounds.inflated:
                raise Refused(413, "unsigned", f"a request may have {self._bounds.inflated} bytes when inflated")
            return body.decode()
        except (zlib.error, OSError, UnicodeDecodeError) as problem:
            raise Refused(400, "unsigned", f"is no line protocol: {problem}") from None

    def _samples(self, holder: Holder, text: str, to_ns: int) -> tuple[list[Sample], list[str]]:
        """The samples, and what is wrong with lines that are none."""
        found: list[Sample] = []
        bad: list[str] = []
        ladder = Ladder(holder, self._links())
        for line in filter(str.strip, text.split("\n")):
            try:
                samples = ladder.samples(parse(line), to_ns)
            except ValueError as problem:
                bad.append(f"unable to parse '{line}': {problem}")
                continue
            self.counts["ignored"] += not samples
            found += samples
        return found, bad


class Ladder:
    """Which rungs a point is of: links.toml says what is probed, the token for whom."""

    def __init__(self, holder: Holder, links: Links) -> None:
        self._holder, self._links = holder, links
        # Links may share a target, such as the application at the county: what is known of it is known for each.
        self._places: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for place, target in _targets(holder, links):
            for asked in _names(target):
                self._places[asked].append(place)

    def samples(self, point: Point, to_ns: int) -> list[Sample]:
        """One for each rung; none for other measurements, and for what no rung of its links is. Raises ValueError."""
        if point.measurement not in telegraf.MEASUREMENTS:
            return []
        places = self._places.get((point.measurement, _same(point)), [])
        at_us = plausible(point.stamp * to_ns // 1000, "a time in the precision that was named")
        if not places:
            return []
        result = telegraf.outcome(point)
        if result.token == REPLY and result.rtt_us is None:
            raise ValueError("answered, but without a response time")
        return [
            Sample(
                link=link,
                vantage=self._holder.vantage,
                target=name,
                sent_us=at_us,
                outcome=result.token,
                rtt_us=result.rtt_us,
                interval_ms=self._holder.interval_ms or self._links.interval(name),
            )
            for link, name in places
        ]


def _targets(holder: Holder, links: Links) -> Iterator[tuple[tuple[str, str], Target]]:
    for link in links.link:
        if link.code in holder.links or ALL_LINKS in holder.links:
            for name, target in _seen(link, holder.vantage).items():
                yield (link.code, name), target
    if holder.vantage == "county" and ALL_LINKS in holder.links:
        yield from (((ALL_LINKS, name), target) for name, target in links.county.targets.items())


def _seen(link: Link, vantage: str) -> Mapping[str, Target]:
    return link.targets if vantage == "township" else link.seen_from_county()


def _names(target: Target) -> Iterator[tuple[str, str]]:
    """Measurement, and how Telegraf names this target in it."""
    if target.kind == "icmp":
        yield "ping", target.host
    elif target.kind == "tcp":
        yield "net_response", f"{target.host}:{target.port}"
    elif target.kind in ("http", "https"):
        yield "http_response", str(target)


def _same(point: Point) -> str:
    """What was probed, written as links.toml would. Raises ValueError."""
    asked = telegraf.asked(point)
    if point.measurement == "net_response" and point.tags.get("protocol", "tcp") != "tcp":
        return f"{point.tags.get('protocol')}://{asked}"
    if point.measurement == "http_response":
        return str(parse_target(asked))
    return asked


def _told(status: int, code: str, message: str) -> Answer:
    """An error as InfluxDB words it."""
    body = json.dumps({"code": code, "message": message}, ensure_ascii=False).encode()
    return Answer(status, body, {"Content-Type": "application/json"})


_CODES = {
    400: "invalid",
    401: "unauthorized",
    413: "request too large",
    415: "invalid",
    503: "unavailable",
    507: "insufficient storage",
}


def refusal(problem: Refused) -> Answer:
    """To a writer that expects an InfluxDB."""
    answer = _told(problem.status, _CODES.get(problem.status, "internal error"), str(problem))
    retry: dict[str, str] = {} if problem.retry_s is None else {"Retry-After": str(problem.retry_s)}
    return Answer(answer.status, answer.body, {**answer.headers, **retry})


def unavailable(problem: Exception) -> Answer:
    """Telegraf keeps the request and comes again."""
    return refusal(Refused(503, "unsigned", str(problem), 30))


def health(version: str) -> dict[str, Any]:
    """What `GET /health` of an InfluxDB says."""
    return {
        "name": "influxdb",
        "message": "jinbao-uptime takes ping, net_response and http_response",
        "status": "pass",
        "checks": [],
        "version": version,
    }
