"""What a spoilt line does to the IPv4 packets it carries one way: loses, delays, doubles or alters them.

A packet goes through every treatment of its direction in turn. Losses are spread evenly over each flow by error diffusion, so
that 50 of 100 is every other packet of a flow, whatever else is on the line. Ethernet's own traffic (ARP) is left alone: the
line's ends know each other, as two modems do.
"""

import random
from collections import Counter
from collections.abc import Iterator

from jinbao_lab.defects import Spoilt

QUEUE_BYTES = 30_000
ALIEN = bytes((10, 0, 250, 7))
"""An address of the county's network that nobody has: who answers from there, or is answered there, is nobody."""
_ETHERNET, _IPV4, _ICMP = 14, b"\x08\x00", 1
_ECHO_TYPES = (0, 8)

Flow = tuple[bytes, int, int]


class Packet:
    """An Ethernet frame with IPv4 inside. `due` is when it leaves the line, seconds on the monotonic clock."""

    def __init__(self, frame: bytes, due: float, *, waits: bool = False) -> None:
        self.frame, self.due = frame, due
        self.waits = waits
        """Whether it stands in the queue of a slow line."""

    @property
    def ip_end(self) -> int:
        return _ETHERNET + (self.frame[_ETHERNET] & 15) * 4

    @property
    def is_icmp(self) -> bool:
        return self.frame[_ETHERNET + 9] == _ICMP

    @property
    def is_echo(self) -> bool:
        return self.is_icmp and self.frame[self.ip_end] in _ECHO_TYPES

    @property
    def flow(self) -> Flow:
        """Source and destination, protocol, and the type of ICMP."""
        at = _ETHERNET
        return self.frame[at + 12 : at + 20], self.frame[at + 9], self.frame[self.ip_end] if self.is_icmp else -1


def is_ipv4(frame: bytes) -> bool:
    return frame[12:14] == _IPV4 and len(frame) > _ETHERNET + 20


class Treatment:
    """One Spoilt in one direction, with all it has to remember. The jitter is the same in every run."""

    def __init__(self, spoilt: Spoilt, direction: str) -> None:
        self.spoilt = spoilt
        self._chance = random.Random(f"{spoilt.wire} {direction}")
        self._owed: Counter[Flow] = Counter()
        self._free = 0.0
        """When the slow line will have sent what stands in its queue."""

    def apply(self, packet: Packet, now: float) -> Iterator[Packet]:
        """What becomes of it: nothing, itself, or two."""
        spoilt = self.spoilt
        if spoilt.only_icmp and not packet.is_icmp:
            yield packet
            return
        if self._is_lost(packet) or (spoilt.rate and not self._queue(packet, now)):
            return
        if packet.is_echo and (spoilt.corrupt or spoilt.spoof):
            packet.frame = spoofed(packet) if spoilt.spoof else corrupted(packet)
        packet.due += (spoilt.delay + self._chance.uniform(-1, 1) * spoilt.jitter) / 1000
        yield packet
        if spoilt.duplicate:
            yield Packet(packet.frame, packet.due, waits=packet.waits)

    def _is_lost(self, packet: Packet) -> bool:
        if not self.spoilt.loss:
            return False
        flow = packet.flow
        self._owed[flow] += self.spoilt.loss
        lost = self._owed[flow] >= 100
        self._owed[flow] -= 100 * lost
        return lost

    def _queue(self, packet: Packet, now: float) -> bool:
        """Whether there is room for it; it then leaves when all before it have."""
        self._free = max(self._free, now)
        waiting = (self._free - now) * self.spoilt.rate / 8
        if waiting + len(packet.frame) > QUEUE_BYTES:
            return False
        self._free += len(packet.frame) * 8 / self.spoilt.rate
        packet.due += self._free - now
        packet.waits = True
        return True


def corrupted(packet: Packet) -> bytes:
    """Another last byte of the payload, with the checksum that fits it, so that every kind of socket gets to see it."""
    frame = bytearray(packet.frame)
    at = packet.ip_end
    end = _ETHERNET + int.from_bytes(frame[_ETHERNET + 2 : _ETHERNET + 4], "big")
    frame[end - 1] ^= 0xFF
    frame[at + 2 : at + 4] = b"\0\0"
    frame[at + 2 : at + 4] = checksum(frame[at:end])
    return bytes(frame)


def spoofed(packet: Packet) -> bytes:
    """From ALIEN, with the header's checksum that fits it; ICMP's does not cover addresses."""
    frame = bytearray(packet.frame)
    at = _ETHERNET
    frame[at + 12 : at + 16] = ALIEN
    frame[at + 10 : at + 12] = b"\0\0"
    frame[at + 10 : at + 12] = checksum(frame[at : packet.ip_end])
    return bytes(frame)


def checksum(data: bytes | bytearray) -> bytes:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
