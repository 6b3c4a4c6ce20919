"""The book of echoes: which number belongs to whom, who is still awaited, and who has just come home."""

from collections import deque
from collections.abc import Callable, Iterator

from jinbao_agent.probes.result import Result

NUMBERS = 1 << 16  # a sequence number has 16 bits
REMEMBERED = 4096  # finished flights kept to tell a duplicate or late answer from a stranger's

Address = tuple[str, int] | tuple[str, int, int, int]


class Flight:
    """One echo on its way. `outcome` is None until it is decided; `body` must come back as it left; times as in Result, and
    `due_us`, CLOCK_BOOTTIME at which its time is up. A `ttl` of 0 is the machine's own."""

    __slots__ = (
        *("address", "body", "damaged", "done", "drops", "due_us", "mono_us"),
        *("number", "outcome", "sent_us", "ttl", "wait_us"),
    )

    def __init__(self, address: Address, wait_us: int, done: Callable[[Result], None], ttl: int = 0) -> None:
        self.address, self.wait_us, self.done, self.ttl = address, wait_us, done, ttl
        self.outcome: str | None = None
        self.damaged = False
        self.number = self.drops = self.sent_us = self.mono_us = self.due_us = 0
        self.body = b""

    def settle(self, outcome: str, rtt_us: int | None = None) -> None:
        self.outcome = outcome
        done, self.done = self.done, _nobody  # a flight is remembered for long, whoever asked for it need not be
        done(Result(self.sent_us, self.mono_us, outcome, rtt_us))


def _nobody(result: Result) -> None:
    """Nobody waits any more."""


class Flights:
    """Flights by number; numbers of finished ones are used again, numbers in the air never are."""

    def __init__(self, first: int) -> None:
        self._number = first
        self._by_number: dict[int, Flight] = {}
        self._finished: deque[Flight] = deque()
        self._by_wait: dict[int, deque[Flight]] = {}  # each in order of expiry
        self._in_air = 0
        self.find = self._by_number.get

    def free_number(self) -> int | None:
        """The next one not in the air; None when all are."""
        if self._in_air >= NUMBERS:
            return None
        while True:
            self._number = (self._number + 1) % NUMBERS
            taken = self._by_number.get(self._number)
            if taken is None or taken.outcome is not None:
                return self._number

    def depart(self, flight: Flight) -> None:
        flight.due_us = flight.mono_us + flight.wait_us
        self._in_air += 1
        self._by_number[flight.number] = flight
        flights = self._by_wait.get(flight.wait_us)
        if flights is None:
            flights = self._by_wait[flight.wait_us] = deque()
        flights.append(flight)

    def land(self, flight: Flight, outcome: str, rtt_us: int | None = None) -> None:
        """Decides a departed flight, once."""
        self._in_air -= 1
        self._finished.append(flight)
        if len(self._finished) > REMEMBERED:
            oldest = self._finished.popleft()
            if self._by_number.get(oldest.number) is oldest:
                del self._by_number[oldest.number]
        flight.settle(outcome, rtt_us)

    def in_air(self) -> Iterator[Flight]:
        return (flight for flight in self._by_number.values() if flight.outcome is None)

    def overdue(self, now_us: int) -> Iterator[Flight]:
        """Takes those whose time is up."""
        for flights in tuple(self._by_wait.values()):
            while flights and (flights[0].due_us <= now_us or flights[0].outcome is not None):
                flight = flights.popleft()
                if flight.outcome is None:
                    yield flight

    def next_due_us(self) -> int | None:
        """When the next time is up; None when nobody is awaited. Ask after `overdue`."""
        self._by_wait = {wait_us: flights for wait_us, flights in self._by_wait.items() if flights}
        return min((flights[0].due_us for flights in self._by_wait.values()), default=None)
