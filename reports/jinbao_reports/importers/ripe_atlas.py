"""RIPE Atlas ping results: a JSON array, or one result a line (`format=txt`).

Source: atlas.ripe.net/docs/apis/measurement-result-format (firmware 4460 and later) and eperd/ping.c of
RIPE-NCC/ripe-atlas-probe-busybox. A result holds its packets in the order they were sent; only the first one's second is
recorded, the next ones follow at the packet interval (1 s unless the measurement says otherwise: `interval_ms`). A name is
`PROBE TARGET` or `PROBE`, such as `6012 10.0.0.2`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinbao_agent.sample import LOST, REPLY, not_sent
from jinbao_config.units import microseconds, plausible
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import SAMPLES, Place, Reading
from jinbao_reports.importers.rows import lines
from jinbao_reports.source import BadInput

_PACKET_INTERVAL_MS = 1_000
_LONGEST_STEP_S = 31 * 86_400
Json = Mapping[str, Any]


def read(file: Path, reading: Reading) -> History:
    """Raises BadInput."""
    is_array = next((line.lstrip()[:1] for _, line in lines(file) if line.strip()), "") == "["
    found = Found(file, reading, "result" if is_array else "line")
    clocks = _Clocks()
    for number, result in _array(file) if is_array else _lines(found):
        try:
            if _result(found, result):
                clocks.add(result.get("lts"))
        except ValueError as problem:
            found.wrong(number, str(problem))
    found.notes |= clocks.notes()
    return found.history(SAMPLES)


def _array(file: Path) -> Iterator[tuple[int, Json]]:
    try:
        results = json.loads(file.read_text(encoding="utf-8-sig"), parse_float=str)
    except ValueError as problem:
        raise BadInput(f"{file}: is no JSON: {problem}") from None
    yield from enumerate(results, 1)


def _lines(found: Found) -> Iterator[tuple[int, Json]]:
    for number, line in lines(found.file):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, parse_float=str)
        except ValueError as problem:
            found.wrong(number, f"is no JSON: {problem}")


def _result(found: Found, result: Json) -> bool:
    """One round of pings. Raises ValueError."""
    if not isinstance(result, dict):
        raise ValueError("expected a result, a JSON object")
    if result.get("type", "ping") != "ping":
        found.beside[str(result["type"])] += 1
        return False
    probe, begin = _number(result, "prb_id"), _number(result, "timestamp")
    target = result.get("dst_name") or result.get("dst_addr") or result.get("name") or result.get("addr")
    place = found.place(f"{probe} {target}", str(probe))
    if place is None:
        return False
    _packets(found, place, plausible(begin * 1_000_000, "seconds"), result)
    return True


def _packets(found: Found, place: Place, begin_us: int, result: Json) -> None:
    packets = result.get("result")
    if not isinstance(packets, list) or not all(isinstance(packet, dict) for packet in packets):
        raise ValueError("has no list of single packets in `result` (firmware before 4400 recorded only sums)")
    # A second answer to one packet is no further packet.
    sent = [packet for packet in packets if "dup" not in packet]
    if not sent:
        raise ValueError("holds no packet")
    outcomes = [_outcome(packet) for packet in sent]
    between_ms = found.reading.interval_ms or _PACKET_INTERVAL_MS
    step = _number(result, "step") if result.get("step") is not None else None  # a single measurement has none
    if step is not None and not 0 < step <= _LONGEST_STEP_S:
        raise ValueError(f"step {step}: expected seconds, at most {_LONGEST_STEP_S}")
    rest_ms = None if step is None else step * 1000 - (len(sent) - 1) * between_ms
    for index, (outcome, rtt_us) in enumerate(outcomes):
        is_last = index == len(sent) - 1
        until_next_ms = (rest_ms if rest_ms is None or rest_ms > 0 else between_ms) if is_last else between_ms
        found.sample(place, begin_us + index * between_ms * 1000, outcome, rtt_us, until_next_ms)


def _outcome(packet: Json) -> tuple[str, int | None]:
    if "rtt" in packet:
        return REPLY, microseconds(str(packet["rtt"]), "ms")
    if packet.get("x") == "*":
        return LOST, None
    if "error" in packet:
        # The probe could not send: its own fault or the line's, which it cannot tell.
        return not_sent(re.sub(r"[^a-z0-9]+", "_", str(packet["error"]).lower()).strip("_") or "error"), None
    raise ValueError(f"packet {json.dumps(packet)}: expected rtt, x or error")


def _number(result: Json, name: str) -> int:
    value = result.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} {value!r}: expected a whole number")
    return value


class _Clocks:
    """How far the probes' clocks may be trusted: `lts`, seconds since the last comparison with a controller, -1 unknown."""

    def __init__(self) -> None:
        self._unknown, self._longest = 0, 0

    def add(self, lts: object) -> None:
        if isinstance(lts, int) and lts >= 0:
            self._longest = max(self._longest, lts)
        else:
            self._unknown += 1

    def notes(self) -> dict[str, object]:
        return {"results_with_unknown_clock": self._unknown, "longest_since_clock_sync_s": self._longest}
