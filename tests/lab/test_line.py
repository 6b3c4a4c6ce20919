"""One way over a line in userspace: what is on it when it is spoilt and when it is healed again."""

import socket
from collections.abc import Iterator

import pytest

from frames import ping, segment
from jinbao_lab import line
from jinbao_lab.county import County
from jinbao_lab.defects import Spoilt
from jinbao_lab.line import Direction

WIRE = County(("01",)).wire("p01")
ARP = bytes(12) + b"\x08\x06" + bytes(46)


class Flood:
    """Counts instead of sending."""

    made: list["Flood"]

    def __init__(self, wire: object, *, upward: bool, rate: int, now: float) -> None:
        self.upward, self.rate, self.due, self.sent, self.closed = upward, rate, now + 0.05, 0, False
        Flood.made.append(self)

    def send(self) -> None:
        self.sent, self.due = self.sent + 1, self.due + 0.05

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _floods(monkeypatch: pytest.MonkeyPatch) -> None:
    Flood.made = []
    monkeypatch.setattr(line, "Flood", Flood)


@pytest.fixture
def ends() -> Iterator[tuple[Direction, socket.socket]]:
    """The way up, and where it comes out."""
    into, out = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    out.setblocking(False)
    yield Direction(WIRE, "up", into.fileno()), out
    into.close()
    out.close()


def came(out: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(out.recv(4096))
        except BlockingIOError:
            return found


def spoilt(**how: int | bool | str) -> Spoilt:
    return Spoilt(wire=WIRE.name, **how)  # type: ignore[arg-type]


def test_a_whole_line_carries_everything_at_once(ends: tuple[Direction, socket.socket]) -> None:
    way, out = ends
    for frame in (ping(), ARP, segment()):
        way.carry(frame, 1.0)
    assert came(out) == [ping(), ARP, segment()]


@pytest.mark.parametrize("other", [spoilt(direction="down", loss=100), Spoilt(wire="p02-olt-1", loss=100)])
def test_another_direction_and_another_line_are_none_of_its_business(
    ends: tuple[Direction, socket.socket], other: Spoilt
) -> None:
    way, out = ends
    way.spoil([other], 0.0)
    way.carry(ping(), 1.0)
    assert came(out) == [ping()]


def test_what_is_late_leaves_in_its_time_and_at_once_when_the_line_is_healed(ends: tuple[Direction, socket.socket]) -> None:
    way, out = ends
    way.spoil([spoilt(delay=450)], 0.0)
    way.carry(ping(), 1.0)
    way.carry(ARP, 1.0)
    way.carry(segment(), 1.2)
    assert came(out) == [ARP]
    assert list(way.due) == [1.45]
    way.go_on(1.45)
    assert came(out) == [ping()]
    way.spoil([], 1.5)
    assert came(out) == [segment()]
    assert list(way.due) == []


def test_what_stood_in_a_queue_is_lost_when_the_line_is_healed_and_the_flood_ends(
    ends: tuple[Direction, socket.socket],
) -> None:
    way, out = ends
    way.spoil([spoilt(direction="up", rate=64_000)], 0.0)
    (flood,) = Flood.made
    assert (flood.upward, flood.rate) == (True, 64_000)
    way.carry(ping(), 0.0)
    assert came(out) == []
    way.go_on(0.1)
    assert came(out) == [ping()]
    assert flood.sent == 2
    way.carry(ping(), 0.2)
    way.spoil([], 0.2)
    assert flood.closed
    assert (came(out), list(way.due)) == ([], [])


def test_two_faults_on_one_line_both_count_and_healing_one_leaves_the_other(ends: tuple[Direction, socket.socket]) -> None:
    way, out = ends
    half, twice = spoilt(loss=50), spoilt(duplicate=True)
    way.spoil([half, twice], 0.0)
    for _ in range(3):
        way.carry(ping(), 1.0)
    assert len(came(out)) == 4
    way.spoil([half], 2.0)
    way.carry(ping(), 2.0)
    way.carry(ping(), 2.0)
    # It goes on counting where it was: the fourth is lost, the fifth is not.
    assert len(came(out)) == 1


def test_an_end_that_is_down_takes_nothing(ends: tuple[Direction, socket.socket]) -> None:
    way, out = ends
    out.close()
    way.carry(ping(), 1.0)
    assert list(way.due) == []
