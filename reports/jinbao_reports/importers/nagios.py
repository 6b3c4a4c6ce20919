"""State logs of Nagios, Naemon, Icinga 1 and Icinga 2's CompatLogger (nagios.log and its archives) -> intervals.

Source: base/logging.c and base/nagios.c of NagiosEnterprises/nagioscore, lib/compat/compatlogger.cpp of Icinga/icinga2.
`[1618020000] HOST ALERT: honge;DOWN;SOFT;1;…`, `SERVICE ALERT: honge;PING;CRITICAL;HARD;3;…`, and `CURRENT` or `INITIAL HOST
STATE` at a rotation or start. A name is the host, `honge`, or host and service, `honge;PING`.

The log tells of changes only, so a state lasts until the next line about it, until the process is seen to stop, or, where it
was killed, until its last line of all. After a start nothing is known of a name until the log says it. A problem counts from
its first SOFT state on once it became HARD, as our own rule dates outages back; one that never did is a flap and stays up.
UNREACHABLE and UNKNOWN are unknown: what was asked about was behind something else that failed. Scheduled downtimes are no
states; they are claims for the ledger.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from jinbao_config.units import plausible
from jinbao_reports.files import StateSpan
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import INTERVALS, Reading
from jinbao_reports.importers.rows import lines

_LINE = re.compile(r"\[(\d{9,11})\] (.*)")
_HOST = re.compile(r"(HOST ALERT|(?:CURRENT|INITIAL) HOST STATE): ([^;]+);([^;]+);(SOFT|HARD);\d+;.*")
_SERVICE = re.compile(r"(SERVICE ALERT|(?:CURRENT|INITIAL) SERVICE STATE): ([^;]+;[^;]+);([^;]+);(SOFT|HARD);\d+;.*")
_STATE_LINE = re.compile(r"(HOST|SERVICE) ALERT: |(CURRENT|INITIAL) (HOST|SERVICE) STATE: ")
# Of the process itself: no colon, so no plugin's output.
_RELOAD = re.compile(r"[^:]*\brestarting\.\.\.")
_START = re.compile(r"[^:]* starting\.\.\. [^:]*")
_STOP = re.compile(r"[^:]*\bshutting down\.\.\.|Successfully shutdown\.\.\.[^:]*|Bailing out [^:]*")
_UP, _DOWN, _UNKNOWN = "up", "down", "unknown"
_STATES = {
    "UP": _UP,
    "DOWN": _DOWN,
    "UNREACHABLE": _UNKNOWN,
    "PENDING": _UNKNOWN,
    "OK": _UP,
    "WARNING": _UP,
    "CRITICAL": _DOWN,
    "UNKNOWN": _UNKNOWN,
}


@dataclass(slots=True)
class _Watched:
    """One host or service: its state and since when, and the pieces of a problem that is still SOFT."""

    state: str
    since: int
    tentative: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the log; times are seconds since 1970."""

    number: int
    at: int
    text: str


def read(file: Path, reading: Reading) -> History:
    """Raises BadInput."""
    found = Found(file, reading)
    # Archives put together in any order: every line has its own time.
    log = sorted(_entries(found), key=lambda entry: entry.at)
    watch = _Watch(found)
    for entry in log:
        watch.hear(entry)
    if log:
        watch.stop(log[-1].at)
    found.notes |= {
        "soft_only_problems": watch.flaps,
        "soft_only_seconds": watch.flap_seconds,
        "ends_without_a_stop": watch.crashes,
        "longest_silence_s": max((after.at - before.at for before, after in pairwise(log)), default=0),
    }
    return found.history(INTERVALS)


def _entries(found: Found) -> Iterator[_Entry]:
    for number, line in lines(found.file):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            if line.strip():
                found.wrong(number, f"{line[:60]!r}: expected a log line, [seconds since 1970] and what happened")
            continue
        try:
            yield _Entry(number, plausible(int(match[1]) * 1_000_000, "seconds") // 1_000_000, match[2])
        except ValueError as problem:
            found.wrong(number, f"{match[1]} {problem}")


class _Watch:
    """The log, heard line by line."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._known: dict[str, _Watched] = {}
        self._links: dict[str, str] = {}
        self._is_running, self._is_reloading, self._heard_at = False, False, 0
        self.flaps = self.flap_seconds = self.crashes = 0

    def hear(self, entry: _Entry) -> None:
        state = _HOST.fullmatch(entry.text) or _SERVICE.fullmatch(entry.text)
        if state:
            self._is_running = True
            self._state(entry, state[2], state[3], state[4] == "HARD")
        elif _STATE_LINE.match(entry.text):
            self._found.wrong(entry.number, f"{entry.text[:60]!r}: expected NAME;STATE;SOFT or HARD;ATTEMPT;OUTPUT")
        elif _RELOAD.fullmatch(entry.text):
            self._is_reloading = True
        elif _START.fullmatch(entry.text):
            self._start()
        elif _STOP.fullmatch(entry.text):
            self.stop(entry.at)
        else:
            self._found.beside[entry.text.partition(":")[0][:40]] += 1
        self._heard_at = entry.at

    def _start(self) -> None:
        """A start after a reload goes on; one out of the blue says that the process before had died after its last line."""
        if self._is_running and not self._is_reloading:
            self.crashes += 1
            self.stop(self._heard_at)
        self._is_running, self._is_reloading = True, False

    def stop(self, at: int) -> None:
        """Nothing is known from here on; what was still SOFT was never confirmed."""
        for name, watched in self._known.items():
            self._close(name, watched, watched.tentative[0][0] if watched.tentative else at)
            if watched.tentative:
                self._span(name, watched.tentative[0][0], at, _UNKNOWN)
        self._known.clear()
        self._is_running = False

    def _state(self, entry: _Entry, name: str, word: str, is_hard: bool) -> None:
        place = self._found.place(name)
        if place is None:
            return
        known = _STATES.get(word)
        if known is None:
            self._found.wrong(entry.number, f"state {word!r}: expected one of {', '.join(_STATES)}")
            return
        self._links[name] = place.link
        state = self._found.reading.outcomes.get(word, known)
        watched = self._known.get(name)
        if watched is None:
            # Its history is not known, so what is only SOFT is not known either.
            confirmed = is_hard or state == _UP
            self._known[name] = _Watched(state, entry.at) if confirmed else _Watched(_UNKNOWN, entry.at, [(entry.at, state)])
        else:
            self._change(name, watched, entry.at, state, is_hard)

    def _change(self, name: str, watched: _Watched, at: int, state: str, is_hard: bool) -> None:
        if state == _UP:
            self._recover(name, watched, at)
        elif is_hard or watched.state not in (_UP, _UNKNOWN) or (watched.state == _UNKNOWN and not watched.tentative):
            for since, piece in watched.tentative:
                self._turn(name, watched, since, piece)
            watched.tentative.clear()
            self._turn(name, watched, at, state)
        else:
            watched.tentative.append((at, state))

    def _recover(self, name: str, watched: _Watched, at: int) -> None:
        """What was only SOFT goes back to the state before it; a moment the check itself could not tell stays unknown."""
        if watched.tentative:
            self.flaps += 1
            self.flap_seconds += at - watched.tentative[0][0]
        before = watched.state
        for since, piece in watched.tentative:
            self._turn(name, watched, since, _UNKNOWN if piece == _UNKNOWN else before)
        watched.tentative.clear()
        self._turn(name, watched, at, _UP)

    def _turn(self, name: str, watched: _Watched, at: int, state: str) -> None:
        if state != watched.state:
            self._close(name, watched, at)
            watched.state, watched.since = state, at

    def _close(self, name: str, watched: _Watched, at: int) -> None:
        self._span(name, watched.since, at, watched.state)

    def _span(self, name: str, since: int, until: int, state: str) -> None:
        if until > since:
            self._found.spans.append(StateSpan(self._links[name], (since * 1000, until * 1000), state, ""))
