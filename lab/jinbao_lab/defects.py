"""What can be broken in the county, and which rungs then answer whom: the drawing's answer, without packets."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network
from itertools import pairwise

from jinbao_lab.county import County


@dataclass(frozen=True, slots=True)
class Cut:
    """A line carries nothing."""

    wire: str


@dataclass(frozen=True, slots=True)
class Dead:
    """A device has no power."""

    node: str


@dataclass(frozen=True, slots=True)
class Barred:
    """A router drops what goes to a network: silently (`blackhole`), or with an ICMP error (`prohibit`: 3/13, RFC 1812)."""

    node: str
    network: str
    verb: str = "blackhole"


@dataclass(frozen=True, slots=True)
class Mute:
    """A hop forwards, but answers no ping; `half`: it answers one of two, as with a rate limit."""

    node: str
    half: bool = False


@dataclass(frozen=True, slots=True)
class Impostor:
    """A hop answers in another's name: it takes the address for its own and refuses every connection."""

    node: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A line that mistreats what it carries, in the direction `up` (towards the core), `down` or `both`.

    `loss` of 100 packets of a flow are lost, evenly spread, so that 50 is every other one. `delay` and `jitter` are
    milliseconds one way. `rate` is bit/s of a queue that other traffic keeps full; 0 is without limit.
    """

    wire: str
    direction: str = "both"
    only_icmp: bool = False
    loss: int = 0
    delay: int = 0
    jitter: int = 0
    duplicate: bool = False
    corrupt: bool = False
    spoof: bool = False
    rate: int = 0

    @property
    def kills_pings(self) -> bool:
        """No ping over it gets a valid answer in time; a queue that is kept full is worth seconds."""
        return self.loss == 100 or self.corrupt or self.spoof or self.rate > 0 or self.delay >= TOO_LATE_MS

    @property
    def kills_connections(self) -> bool:
        return not self.only_icmp and self.kills_pings

    @property
    def thins(self) -> bool:
        return 0 < self.loss < 100


TOO_LATE_MS = 400
"""One way; the lab's contract waits for 0.8 T, and T is at least a second."""

Defect = Cut | Dead | Barred | Mute | Impostor | Spoilt


@dataclass
class Damage:
    """What is broken now. Counted, so that two faults on one thing need two healings."""

    _count: Counter[Defect] = field(default_factory=Counter)

    def add(self, *defects: Defect) -> None:
        self._count.update(defects)

    def remove(self, *defects: Defect) -> None:
        """Raises ValueError for a thing that is whole: healing it would disarm the next fault on it."""
        missing = Counter(defects) - self._count
        if missing:
            raise ValueError(f"not broken: {', '.join(map(str, missing))}")
        self._count -= Counter(defects)

    @property
    def present(self) -> frozenset[Defect]:
        return frozenset(self._count)

    def devices_down(self, county: County) -> set[tuple[str, str]]:
        """(node, device) that must be down: all of a dead node, and the upper end of a cut line."""
        present = self.present
        down = {(wire.upper, wire.upper_device) for wire in county.wires if Cut(wire.name) in present}
        for wire in county.wires:
            if Dead(wire.lower) in present:
                down.add((wire.lower, wire.lower_device))
            if Dead(wire.upper) in present:
                down.add((wire.upper, wire.upper_device))
        return down


class Answer(StrEnum):
    """What a prober gets of a rung. `some`: too few failures in a row to make an outage."""

    REPLY = "reply"
    SOME = "some"
    LOST = "lost"
    REFUSED = "refused"


_WORST = (Answer.REPLY, Answer.SOME, Answer.LOST)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Who would get which answer from whom, with these defects."""

    county: County
    defects: frozenset[Defect] = frozenset()

    def ping(self, prober: str, node: str, address: str) -> Answer:
        path, _ = self._path(prober, node, address)
        if node in self.county.mute or Mute(node) in self.defects:
            return Answer.LOST
        own = Answer.SOME if Mute(node, half=True) in self.defects else Answer.REPLY
        return max(own, self._there_and_back(path, address, icmp=True), key=_WORST.index)

    def connect(self, prober: str, node: str, address: str) -> Answer:
        """To a port where someone listens, if it is the right machine."""
        path, impostor = self._path(prober, node, address)
        answer = self._there_and_back(path, address, icmp=False)
        return Answer.REFUSED if impostor and answer is not Answer.LOST else answer

    def _path(self, prober: str, node: str, address: str) -> tuple[tuple[str, ...], bool]:
        """Up to the target, or to whoever answers in its name."""
        path = self.county.path(prober, node)
        for at, hop in enumerate(path):
            if Impostor(hop, address) in self.defects:
                return path[: at + 1], True
        return path, False

    def _there_and_back(self, path: tuple[str, ...], address: str, *, icmp: bool) -> Answer:
        home = self.county.address(path[0])
        ways = (*self._ways(path, address, icmp=icmp), *self._ways(path[::-1], home, icmp=icmp))
        return max(ways, key=_WORST.index, default=Answer.REPLY)

    def _ways(self, path: tuple[str, ...], to: str, *, icmp: bool) -> Iterator[Answer]:
        for hop, after in pairwise(path):
            if self._stopped(hop, after, to):
                yield Answer.LOST
            yield from (self._treated(line, hop, icmp=icmp) for line in self._spoilt(hop, after))

    def _stopped(self, hop: str, after: str, to: str) -> bool:
        present = self.defects
        if present & {Dead(hop), Dead(after), Cut(f"{hop}-{after}"), Cut(f"{after}-{hop}")}:
            return True
        barred = (one for one in present if isinstance(one, Barred) and one.node == hop)
        return any(ip_address(to) in ip_network(one.network) for one in barred)

    def _spoilt(self, hop: str, after: str) -> Iterator[Spoilt]:
        for one in self.defects:
            if isinstance(one, Spoilt) and one.wire in (f"{hop}-{after}", f"{after}-{hop}"):
                yield one

    @staticmethod
    def _treated(line: Spoilt, sender: str, *, icmp: bool) -> Answer:
        direction = "up" if line.wire.startswith(f"{sender}-") else "down"
        if line.direction not in ("both", direction) or (line.only_icmp and not icmp):
            return Answer.REPLY
        if line.kills_pings if icmp else line.kills_connections:
            return Answer.LOST
        return Answer.SOME if line.thins else Answer.REPLY
