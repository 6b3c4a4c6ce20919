"""python -m jinbao_lab.line: lines in userspace, a TAP device at either end, that treat what they carry as ordered.

Orders come on standard input, one JSON object a line; each is answered with one on standard output when it is done:
{"lay": [{"lower": "p01", "lower_device": "wan", …}]} makes the ends of lines (county.Wire) → {"laid": 1};
{"spoil": [{"wire": "p01-olt-1", "direction": "up", "loss": 50, …}]} says how lines are spoilt (defects.Spoilt), the whole list
each time → {"spoilt": 1}. Where a treatment ends, what was only late is delivered at once, and what stood in the queue of a
slow line is lost. It ends with its standard input, and the lines with it.

The kernel's own way, tc netem, is missing from many kernels; this needs /dev/net/tun alone, in a user namespace too.
"""

import fcntl
import heapq
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from jinbao_lab.box import network_of
from jinbao_lab.county import Wire
from jinbao_lab.defects import Spoilt
from jinbao_lab.treatment import ALIEN, QUEUE_BYTES, Packet, Treatment, is_ipv4

TUN = "/dev/net/tun"
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_FRAME_BYTES, _AT_ONCE = 2048, 64
_DISCARD, _FLOOD_BYTES, _FLOOD_TIMES = 9, 1200, 3


def tap(device: str) -> int:
    """The end of a line as a new device of this thread's network; it is there while the descriptor is open. Raises OSError."""
    end = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22s", device.encode(), _IFF_TAP | _IFF_NO_PI, b""))
    except OSError:
        os.close(end)
        raise
    return end


class Flood:
    """Other traffic that keeps a slow line's queue full: UDP from the line's own end, three times what the line can carry."""

    def __init__(self, wire: Wire, *, upward: bool, rate: int, now: float) -> None:
        with network_of(wire.lower if upward else wire.upper):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._to = socket.inet_ntoa(ALIEN) if upward else wire.lower_address
        self._every = _FLOOD_BYTES * 8 / rate / _FLOOD_TIMES
        self.due = now
        for _ in range(QUEUE_BYTES // _FLOOD_BYTES):
            self.send()

    def send(self) -> None:
        self.due += self._every
        try:
            self._socket.sendto(bytes(_FLOOD_BYTES), (self._to, _DISCARD))
        except OSError:
            return  # its node lost the way, or its buffers are full: it sends less, as others would

    def close(self) -> None:
        self._socket.close()


class Direction:
    """One way over a line: out of which end, and what is done to it."""

    def __init__(self, wire: Wire, name: str, out: int) -> None:
        self.wire, self.name, self._out = wire, name, out
        self._treatments: dict[Spoilt, Treatment] = {}
        self._floods: dict[Spoilt, Flood] = {}
        self._late: list[tuple[float, int, Packet]] = []
        self._number = count()

    def spoil(self, wanted: Iterable[Spoilt], now: float) -> None:
        mine = [one for one in wanted if one.wire == self.wire.name and one.direction in (self.name, "both")]
        if self._treatments.keys() - mine:
            self._release()
        self._treatments = {one: self._treatments.get(one) or Treatment(one, self.name) for one in mine}
        for ended in self._floods.keys() - mine:
            self._floods.pop(ended).close()
        for one in mine:
            if one.rate and one not in self._floods:
                self._floods[one] = Flood(self.wire, upward=self.name == "up", rate=one.rate, now=now)

    def carry(self, frame: bytes, now: float) -> None:
        if not self._treatments or not is_ipv4(frame):
            self._deliver(frame)
            return
        packets = [Packet(frame, now)]
        for treatment in self._treatments.values():
            packets = [after for packet in packets for after in treatment.apply(packet, now)]
        for packet in packets:
            if packet.due <= now:
                self._deliver(packet.frame)
            else:
                heapq.heappush(self._late, (packet.due, next(self._number), packet))

    @property
    def due(self) -> Iterator[float]:
        """When it wants to go on, seconds on the monotonic clock."""
        yield from (self._late[0][0],) if self._late else ()
        yield from (flood.due for flood in self._floods.values())

    def go_on(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            self._deliver(heapq.heappop(self._late)[2].frame)
        for flood in self._floods.values():
            while flood.due <= now:
                flood.send()

    def _release(self) -> None:
        while self._late:
            packet = heapq.heappop(self._late)[2]
            if not packet.waits:
                self._deliver(packet.frame)

    def _deliver(self, frame: bytes) -> None:
        try:
            os.write(self._out, frame)
        except OSError:
            return  # the device is down: the line is cut, or its end dead


class Lines:
    def __init__(self) -> None:
        self._events = selectors.SelectSelector()  # to the microsecond; epoll waits whole milliseconds
        self._directions: list[Direction] = []

    def lay(self, wires: Iterable[Wire]) -> int:
        for wire in wires:
            with network_of(wire.lower):
                lower = tap(wire.lower_device)
            with network_of(wire.upper):
                upper = tap(wire.upper_device)
            for name, into, out in (("up", lower, upper), ("down", upper, lower)):
                direction = Direction(wire, name, out)
                self._directions.append(direction)
                self._events.register(into, selectors.EVENT_READ, direction)
        return len(self._directions) // 2

    def spoil(self, treatments: Iterable[Spoilt]) -> int:
        wanted, now = tuple(treatments), time.monotonic()
        for direction in self._directions:
            direction.spoil(wanted, now)
        return len(wanted)

    def obey(self, order: Mapping[str, Any]) -> dict[str, int]:
        if "lay" in order:
            return {"laid": self.lay(Wire(**facts) for facts in order["lay"])}
        return {"spoilt": self.spoil(Spoilt(**facts) for facts in order["spoil"])}

    def run(self) -> None:
        self._events.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            due = min((at for direction in self._directions for at in direction.due), default=None)
            for key, _ in self._events.select(None if due is None else max(0.0, due - time.monotonic())):
                if key.data is not None:
                    _carry_all(key.fd, key.data)
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(self.obey(json.loads(line))), flush=True)
            now = time.monotonic()
            for direction in self._directions:
                direction.go_on(now)


def _carry_all(into: int, direction: Direction) -> None:
    for _ in range(_AT_ONCE):
        try:
            frame = os.read(into, _FRAME_BYTES)
        except BlockingIOError:
            return
        direction.carry(frame, time.monotonic())


if __name__ == "__main__":
    Lines().run()
