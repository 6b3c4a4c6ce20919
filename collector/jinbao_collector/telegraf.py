"""What Telegraf's `ping`, `net_response` and `http_response` mean by a point.

Source: the READMEs and sources of plugins/inputs/{ping,net_response,http_response} in influxdata/telegraf. Timestamps are
nanoseconds, taken when the probe had ended and rounded to the agent's precision (1 s by default). A point of `ping` is a whole
round: with `count` above 1 it is written as answered when one of its packets was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jinbao_agent.sample import BAD_REPLY, LOST, REPLY, not_sent
from jinbao_collector.line_protocol import Point
from jinbao_config.units import microseconds


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one point: the word for it, its token, the round trip, and for `ping` its packets."""

    word: str
    token: str
    rtt_us: int | None
    sent: int = 0
    lost: int = 0


def asked(point: Point) -> str:
    """What was probed, as the plugin was given it: `url`, `server:port`, `server`. Raises ValueError."""
    return _MEASUREMENTS[point.measurement][0](point.tags)


def outcome(point: Point) -> Round:
    """Raises ValueError."""
    return _MEASUREMENTS[point.measurement][1](point)


def _tag(tags: Mapping[str, str], name: str) -> str:
    if name not in tags:
        raise ValueError(f"has no tag {name}")
    return tags[name]


def _ping(point: Point) -> Round:
    """`result_code` 1 is no failure of its own: Linux's ping exits so when nothing came back."""
    sent, received = (point.fields.get(f"packets_{name}", 0) for name in ("transmitted", "received"))
    if not isinstance(sent, int) or not isinstance(received, int) or not 0 <= received <= sent:
        raise ValueError(f"packets_transmitted={sent}, packets_received={received}: expected whole numbers, received ≤ sent")
    if not sent:
        word = f"result_code_{point.fields.get('result_code', 'unknown')}"
        return Round(word, not_sent(word), None)
    rtt = point.fields.get("average_response_ms")
    if not received:
        return Round("lost", LOST, None, sent, sent)
    return Round("success", REPLY, _time(rtt, "ms"), sent, sent - received)


def _net_response(point: Point) -> Round:
    """`connection_failed` may be a closed port, which proves the line, or no route, which does not; so may `read_failed` of
    UDP. Neither is a sample until somebody says what it was."""
    word = _result(point)
    token = _NET_RESPONSE.get(word)
    if word == "read_failed" and point.tags.get("protocol") == "udp":
        token = not_sent(word)
    return Round(word, _known(word, token), _time(point.fields.get("response_time"), "s"))


def _http_response(point: Point) -> Round:
    """Telegraf calls any status a success; here 500 and above is a bad reply, as for our own agent."""
    word = _result(point)
    token = _known(word, _HTTP_RESPONSE.get(word))
    status = point.fields.get("http_response_code", 0)
    if token == REPLY and isinstance(status, int) and status >= 500:
        word, token = f"status_{status}", BAD_REPLY
    return Round(word, token, _time(point.fields.get("response_time"), "s"))


def _result(point: Point) -> str:
    return str(point.tags.get("result", point.fields.get("result_type", "")))


def _known(word: str, token: str | None) -> str:
    if token is None:
        raise ValueError(f"result {word!r}: expected one of {', '.join(sorted({*_NET_RESPONSE, *_HTTP_RESPONSE}))}")
    return token


def _time(value: object, unit: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ValueError(f"response time {value!r}: expected a number")
    return microseconds(Decimal(value), unit)


_NET_RESPONSE = {
    "success": REPLY,
    "timeout": LOST,
    "connection_failed": not_sent("connection_failed"),
    "read_failed": BAD_REPLY,
    "string_mismatch": BAD_REPLY,
}
_HTTP_RESPONSE = {
    "success": REPLY,
    "response_string_mismatch": BAD_REPLY,
    "response_status_code_mismatch": BAD_REPLY,
    "body_read_error": BAD_REPLY,
    "connection_failed": not_sent("connection_failed"),
    "timeout": LOST,
    "dns_error": not_sent("dns_error"),
}
_MEASUREMENTS: Mapping[str, tuple[Callable[[Mapping[str, str]], str], Callable[[Point], Round]]] = {
    "ping": (lambda tags: _tag(tags, "url"), _ping),
    "net_response": (lambda tags: f"{_tag(tags, 'server')}:{_tag(tags, 'port')}", _net_response),
    "http_response": (lambda tags: _tag(tags, "server"), _http_response),
}
MEASUREMENTS = frozenset(_MEASUREMENTS)
