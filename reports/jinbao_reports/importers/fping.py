"""fping: the lines of `fping -D -l` (or `-D -c`, `-D -C`), and the summaries of `fping -q -C N`.

Source: src/fping.c and doc/fping.pod of schweikert/fping, 5.1. A loop line is stamped when the answer came or the wait was
over, so a ping was sent its round trip, or `timeout`, before: `[1618020000.30845] 10.0.0.2 : [0], 64 bytes, 0.056 ms (…)`,
`[…] 10.0.0.2 : [3], timed out (…)`. Before 5.0 fping printed nothing for a lost ping. A summary, `10.0.0.2 : 91.7 - 29.2`,
says no time: it is the run's begin on a line of its own before it (`date +%s`, `date -Is`), or `start`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jinbao_agent.sample import BAD_REPLY, LOST, REPLY
from jinbao_config.units import microseconds, plausible
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import SAMPLES, Place, Reading, epoch_us, instant_us
from jinbao_reports.importers.rows import lines
from jinbao_reports.source import BadInput

_LOOP = re.compile(
    r"\[(?P<at>[^]]+)\] (?P<host>.+?)\s*: \[(?P<index>\d+)\], "
    r"(?:\d+ bytes, (?P<rtt>\d+(?:\.\d+)?) ms|timed out) \([^)]*\)(?P<other> \[<- [^]]+\])?"
)
_SUMMARY = re.compile(r"(?P<host>.+?)\s*: (?P<times>(?:\d+(?:\.\d+)?|-)(?: (?:\d+(?:\.\d+)?|-))*)")
_EPOCH = re.compile(r"\d{9,11}(\.\d+)?")
_BESIDE = {
    "host summary": re.compile(r".+: xmt/rcv/%(loss|return) = .*"),
    "ICMP message": re.compile(r"ICMP .* for ICMP Echo .*"),
    "duplicate": re.compile(r".+: duplicate for \[\d+\], .*"),
    "time of day": re.compile(r"\[\d\d:\d\d:\d\d\]"),
}
_LONGEST_DEFAULT_MS = 2_000  # what fping itself waits in these modes: the period, at most two seconds


def read(file: Path, reading: Reading) -> History:
    """`interval_ms` is fping's -p, `round_ms` how often a `-C` run was repeated. Raises BadInput."""
    if reading.interval_ms is None:
        raise BadInput("--from fping: say by --interval what -p was (fping's own default is 1s); its output does not")
    found = Found(file, reading)
    reader = _Reader(found, reading.interval_ms)
    for number, line in lines(file):
        try:
            reader.line(line.strip())
        except ValueError as problem:
            found.wrong(number, str(problem))
    found.notes["pings_without_a_line"] = reader.missing
    return found.history(SAMPLES)


class _Reader:
    """Line by line: what the last time line said, and how far each host's loop has come."""

    def __init__(self, found: Found, period_ms: int) -> None:
        self._found, self._period_ms = found, period_ms
        wait_ms = found.reading.timeout_ms
        self._wait_us = 1000 * (min(period_ms, _LONGEST_DEFAULT_MS) if wait_ms is None else wait_ms)
        self._begin_us = found.reading.start_us
        self._last: dict[str, int] = {}
        self.missing = 0

    def line(self, text: str) -> None:
        """Raises ValueError."""
        if not text or self._is_beside(text):
            return
        if loop := _LOOP.fullmatch(text):
            self._loop(loop)
        elif summary := _SUMMARY.fullmatch(text):
            self._summary(summary["host"], summary["times"].split())
        else:
            self._begin_us = self._time(text)

    def _is_beside(self, text: str) -> bool:
        for kind, pattern in _BESIDE.items():
            if pattern.fullmatch(text):
                self._found.beside[kind] += 1
                return True
        return False

    def _loop(self, line: Mapping[str, str] | re.Match[str]) -> None:
        host, index = line["host"], int(line["index"])
        # A smaller index begins another run of fping.
        self.missing += max(0, index - self._last.get(host, index) - 1)
        self._last[host] = index
        place = self._found.place(host)
        if place is None:
            return
        at_us = self._time(line["at"])
        if line["rtt"] is None:
            self._sample(place, at_us - self._wait_us, LOST, None)
        else:
            rtt_us = microseconds(line["rtt"], "ms")
            # Answered by another than was asked: proof of that other's line only.
            self._sample(place, at_us - rtt_us, BAD_REPLY if line["other"] else REPLY, rtt_us)

    def _summary(self, host: str, times: list[str]) -> None:
        if host in self._last:
            self._found.beside["host summary"] += 1  # of pings that had their own lines
            return
        place = self._found.place(host)
        if place is None:
            return
        if self._begin_us is None:
            raise ValueError("when was this? put the run's begin on a line before it (date +%s), or say --start")
        for index, time in enumerate(times):
            sent_us = self._begin_us + index * self._period_ms * 1000
            if index < len(times) - 1:
                interval_ms: int | None = self._period_ms
            else:
                interval_ms = self._until_next_run(len(times))
            outcome, rtt_us = (LOST, None) if time == "-" else (REPLY, microseconds(time, "ms"))
            self._found.sample(place, sent_us, outcome, rtt_us, interval_ms)

    def _until_next_run(self, pings: int) -> int | None:
        round_ms = self._found.reading.round_ms
        if round_ms is None:
            return None
        rest = round_ms - (pings - 1) * self._period_ms
        if rest <= 0:
            raise ValueError(f"{pings} pings at --interval take longer than --round")
        return rest

    def _sample(self, place: Place, sent_us: int, outcome: str, rtt_us: int | None) -> None:
        self._found.sample(place, sent_us, outcome, rtt_us, self._period_ms)

    def _time(self, text: str) -> int:
        """Unix seconds, as -D and `date +%s` write them, or ISO 8601."""
        try:
            return plausible(
                epoch_us(text) if _EPOCH.fullmatch(text) else instant_us(text, self._found.reading.zone), "seconds"
            )
        except ValueError as problem:
            raise ValueError(f"{text!r}: neither a line of fping nor a time: {problem}") from None
