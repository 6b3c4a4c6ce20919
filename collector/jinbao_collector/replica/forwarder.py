"""The follower that copies the journal to a server: rows become lines, and the cursor moves when the server has them all."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from jinbao_agent.wire import sha256
from jinbao_collector import CollectorError
from jinbao_collector.agents import Roster
from jinbao_collector.follower import Row
from jinbao_collector.replica import OK, REFUSED, TOO_LARGE, ReplicaTrouble
from jinbao_collector.replica.points import INEXACT, lines_of
from jinbao_collector.replica.progress import Progress, identity
from jinbao_collector.replica.server import Server
from jinbao_collector.store.sealer import taken_apart

_AT_ONCE = 5000
"""Lines in one request, as the servers' makers advise."""
_MOST_REFUSED = 100
"""So many lines of one request may be put aside. More is no poison: the bucket itself is not fit, and nothing is skipped."""
_SETTLED_S = 60.0
"""VictoriaMetrics was seen to lose the last 6 to 12 s when killed."""
_LOOK_S = 15.0
_EXPIRED = ("outside retention policy", "beyond retention policy")

Refused = tuple[str, str]
"""A line, and why nobody takes it."""


class Forwarder:
    """Follower. What it sends twice the server keeps once, so all that must not happen is that the cursor runs ahead."""

    def __init__(
        self,
        progress: Progress,
        server: Server,
        roster: Callable[[], Roster],
        now_ms: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._progress, self._server, self._roster = progress, server, roster
        self._now_ms, self._monotonic = now_ms, monotonic
        config = server.config
        progress.aim(identity(config.kind, config.url, config.org, config.bucket, config.site))
        self._delivered: deque[tuple[float, int]] = deque([(monotonic(), progress.read().cursor)])
        self._looked: float | None = None

    @property
    def name(self) -> str:
        return self._server.config.name

    @property
    def cursor(self) -> int:
        return self._progress.read().cursor

    def take(self, rows: Sequence[Row]) -> None:
        """Raises ReplicaTrouble, LedgerError or ProgressUnreadable; then the cursor stays."""
        before = self.cursor
        if rows[0].position != before + 1:
            raise CollectorError(f"{self._progress.file}: reaches to row {before}, not to before {rows[0].position}")
        refused: list[Refused] = []
        measured, events = taken_apart(rows, self._roster())
        expired = 0
        for lines in _requests(lines_of(measured.items(), events, self._server.config.site or ""), refused):
            found, late = self._deliver(lines)
            refused += found
            expired += late
        last = rows[-1]
        self._progress.move(before, last.position, sha256(last.head), refused, expired, self._now_ms())
        self._delivered.append((self._monotonic(), last.position))

    def look(self) -> None:
        """Now and then: whether anybody answers; and if the server was started anew, what may not be on its disk is sent again.

        Raises ReplicaTrouble.
        """
        now = self._monotonic()
        if self._looked is not None and now - self._looked < _LOOK_S:
            return
        started, reached = self._server.started(), self._progress.read()
        if reached.started and started != reached.started:
            self._progress.back(reached.safe)
            self._delivered.clear()
        safe = reached.safe
        while self._delivered and self._delivered[0][0] <= now - _SETTLED_S:
            safe = self._delivered.popleft()[1]
        self._progress.settle(safe, started)
        self._looked = now

    def _deliver(self, lines: Sequence[bytes]) -> tuple[list[Refused], int]:
        """The lines that were refused, and how many were older than the server keeps; all others are there."""
        try:
            self._server.write(lines)
        except ReplicaTrouble as problem:
            if problem.state not in (REFUSED, TOO_LARGE):
                raise
            return self._split(lines, problem)
        return [], 0

    def _split(self, lines: Sequence[bytes], problem: ReplicaTrouble) -> tuple[list[Refused], int]:
        """Halves again and again, until the lines that nobody takes stand alone."""
        message = str(problem)
        if any(words in message for words in _EXPIRED):
            # Those within the bucket's retention are in; how many the others were is the last word of the answer.
            return [], _dropped(message, len(lines))
        if len(lines) == 1:
            return [(lines[0].decode(), message)], 0
        refused: list[Refused] = []
        expired = 0
        middle = len(lines) // 2
        for half in (lines[:middle], lines[middle:]):
            found, late = self._deliver(half)
            refused += found
            expired += late
            if len(refused) > _MOST_REFUSED:
                raise ReplicaTrouble(
                    REFUSED,
                    f"{self._server.config.url}: takes hardly a line, the last because {refused[-1][1]}; nothing is skipped",
                )
        return refused, expired

    def told(self) -> None:
        """All is well."""
        if self._progress.read().state != OK:
            self._progress.tell(OK, "", self._now_ms())


def _requests(lines: Iterator[tuple[bytes, bool]], refused: list[Refused]) -> Iterator[list[bytes]]:
    """So many lines at once; those that no server keeps exactly are put aside."""

    def fit() -> Iterator[bytes]:
        for line, keeps in lines:
            if keeps:
                yield line
            else:
                refused.append((line.decode(), INEXACT))

    kept = fit()
    while request := list(itertools.islice(kept, _AT_ONCE)):
        yield request


def _dropped(message: str, most: int) -> int:
    """Out of the server's words: "… dropped 2 points outside retention policy …"."""
    for word in message.split():
        if word.isdecimal():
            return min(int(word), most)
    return most
