"""What really is so at every instant: the faults' own table played on a county of pure data, without packets or time.

It knows lines, machines and servers, and what anybody who asked would get. What an observer makes of it is another matter
(jinbao_lab.ideal).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.defects import Answer, Barred, Cut, Damage, Dead, Defect, Drawing, Impostor, Mute, Spoilt
from jinbao_lab.faults import FAULTS
from jinbao_lab.truth import Truth

TOWNSHIP_RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
COUNTY_RUNGS = ("cpe", "agent", "app")
SITE_RUNGS = ("gw", "ce", "carrier")


@dataclass(frozen=True, slots=True)
class SiteNow:
    """Whether the agent's process runs, which boot of its machine it is, whether its UPS has mains and its disk room."""

    runs: bool = True
    boot: int = 0
    mains: bool = True
    room: bool = True


@dataclass(frozen=True, slots=True)
class Now:
    """What is so from an instant on, microseconds UTC, until the next. `sites` by township or EVERYWHERE; `clock_ms` is how far
    this machine's clock was set ahead; `server` is "up", "stopped" or "hangs"."""

    at_us: int
    defects: frozenset[Defect]
    sites: dict[str, SiteNow]
    server: str
    collects: bool
    clock_ms: int


@dataclass
class Site:
    """See kind.Site. Held down by several things at once, its agent runs when the last of them is over."""

    held: Counter[str] = field(default_factory=Counter)
    boot: int = 0

    def power_off(self) -> None:
        self.held["power"] += 1

    def power_on(self) -> None:
        self._release("power")
        self.boot += not self.held["power"]

    def crash_agent(self) -> None:
        self.held["process"] += 1

    def start_agent(self) -> None:
        self._release("process")

    def mains(self, *, on: bool) -> None:
        if on:
            self._release("mains")
        else:
            self.held["mains"] += 1

    def fill_disk(self) -> None:
        self.held["disk"] += 1

    def free_disk(self) -> None:
        self._release("disk")

    def lose_writes(self) -> None:
        """What was not made durable never counted as recorded."""

    def _release(self, what: str) -> None:
        if not self.held[what]:
            raise ValueError(f"{what} was not taken from this site")
        self.held[what] -= 1

    @property
    def powered(self) -> bool:
        return not self.held["power"]

    @property
    def now(self) -> SiteNow:
        held = self.held
        return SiteNow(not held["power"] and not held["process"], self.boot, not held["mains"], not held["disk"])


@dataclass
class Server:
    """See kind.Server and kind.Collector."""

    held: Counter[str] = field(default_factory=Counter)

    def stop(self) -> None:
        self.held["stopped"] += 1

    def start(self) -> None:
        self.held["stopped"] -= 1

    def hang(self) -> None:
        self.held["hangs"] += 1

    def resume(self) -> None:
        self.held["hangs"] -= 1

    crash, restart = stop, start

    @property
    def now(self) -> str:
        return next((word for word in ("stopped", "hangs") if self.held[word]), "up")


@dataclass
class Nature:
    """See kind.Scene."""

    county: County
    app: Server = field(default_factory=Server)
    collector: Server = field(default_factory=Server)
    _damage: Damage = field(default_factory=Damage)
    _sites: dict[str, Site] = field(default_factory=dict)
    _clock_ms: int = 0

    def __post_init__(self) -> None:
        self._sites = {place: Site() for place in (*self.county.townships, EVERYWHERE)}

    def site(self, place: str) -> Site:
        return self._sites[place]

    def damage(self, *defects: Defect) -> None:
        self._damage.add(*defects)

    def repair(self, *defects: Defect) -> None:
        self._damage.remove(*defects)

    def step_clock(self, milliseconds: int) -> None:
        self._clock_ms += milliseconds

    def now(self, at_us: int) -> Now:
        sites = {place: site.now for place, site in self._sites.items()}
        return Now(at_us, self._damage.present, sites, self.app.now, self.collector.now == "up", self._clock_ms)


def history(truth: Truth) -> tuple[Now, ...]:
    """From the first data on, everything that changed, in order of time. The last stays as it is."""
    nature = Nature(county_of(truth))
    moments = [nature.now(truth.since_us)]
    acts = [(at, heals, fault) for fault in truth.faults for span in fault.spans for heals, at in enumerate(span)]
    for at_us, heals, fault in sorted(acts, key=lambda act: (act[0], -act[1])):
        kind = FAULTS[fault.kind]
        (kind.heal if heals else kind.inject)(nature, fault.on)
        moments.append(nature.now(at_us))
    return tuple(moments)


def county_of(truth: Truth) -> County:
    return County(truth.townships, frozenset(truth.mute))


@lru_cache(maxsize=4096)
def rungs(county: County, township: str) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(vantage, rung) → (who asks, the node, its address). The county's own rungs belong to EVERYWHERE."""
    if township == EVERYWHERE:
        return {("county", name): ("centre", *of) for name, of in county.county_rungs().items()}
    mine = {("township", name): (f"a{township}", *of) for name, of in county.rungs_from_township(township).items()}
    return mine | {("county", name): ("centre", *of) for name, of in county.rungs_from_county(township).items()}


def answer(county: County, now: Now, township: str, vantage: str, rung: str) -> Answer:
    """What who asks this rung now would get."""
    if rung == "nic":
        return _carrier(county, now.defects, township)
    asker, node, address = rungs(county, township)[vantage, rung]
    concerned = _concerned(county, now.defects, asker, node)
    if rung != "app":
        return _ping(county, concerned, asker, node, address)
    came = _connect(county, concerned, asker, node, address)
    if came in (Answer.LOST, Answer.REFUSED) or now.server == "up":
        return came
    return Answer.REFUSED if now.server == "stopped" else Answer.LOST


def _carrier(county: County, defects: frozenset[Defect], township: str) -> Answer:
    """Whether the agent's network card sees the other end."""
    line = county.wire(f"a{township}")
    return Answer.LOST if defects & {Cut(line.name), Dead(line.upper)} else Answer.REPLY


def _concerned(county: County, defects: frozenset[Defect], asker: str, node: str) -> frozenset[Defect]:
    """Those on the way: the answer depends on no other, and so it is reckoned once for each set of them."""
    nodes, wires = _way(county, asker, node)
    return frozenset(one for one in defects if place_of(one) in (wires if isinstance(one, Cut | Spoilt) else nodes))


def place_of(defect: Defect) -> str:
    """The wire or the node that has it."""
    match defect:
        case Cut(wire) | Spoilt(wire=wire):
            return wire
        case Dead(node) | Barred(node) | Mute(node) | Impostor(node):
            return node


@lru_cache(maxsize=4096)
def _way(county: County, asker: str, node: str) -> tuple[frozenset[str], frozenset[str]]:
    path = county.path(asker, node)
    return frozenset(path), frozenset(wire.name for wire in county.wires if {wire.lower, wire.upper} <= set(path))


@lru_cache(maxsize=65536)
def _ping(county: County, defects: frozenset[Defect], asker: str, node: str, address: str) -> Answer:
    return Drawing(county, defects).ping(asker, node, address)


@lru_cache(maxsize=65536)
def _connect(county: County, defects: frozenset[Defect], asker: str, node: str, address: str) -> Answer:
    return Drawing(county, defects).connect(asker, node, address)


def spoilers(county: County, now: Now, township: str, vantage: str, rung: str) -> Iterator[Spoilt]:
    """What mistreats the packets of this rung."""
    if rung != "nic":
        asker, node, _ = rungs(county, township)[vantage, rung]
        yield from (one for one in _concerned(county, now.defects, asker, node) if isinstance(one, Spoilt))
