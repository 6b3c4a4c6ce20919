"""The county that is built: its townships, what is wired to what, and which address is whose.

Pure data, no packets. Both grounds are made from it: network namespaces wire it up as it stands here; the loopback ground
and the ideal observer ask of its drawing which rungs would answer (jinbao_lab.defects).

    aNN ─ gNN ─ pNN ─┐
    agent  LAN   光猫  olt-G ─ core ─ ce ─┬─ gw ─ centre (collector, county agent)
                     ┘                   └─ app
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

TOWNSHIPS: Mapping[str, tuple[str, str]] = {
    "01": ("510422100", "桐子林镇"),
    "02": ("510422101", "红格镇"),
    "03": ("510422102", "渔门镇"),
    "04": ("510422103", "永兴镇"),
    "05": ("510422104", "新九镇"),
    "06": ("510422105", "惠民镇"),
    "07": ("510422203", "红果彝族乡"),
    "08": ("510422205", "共和乡"),
    "09": ("510422206", "国胜乡"),
    "10": ("510422207", "红宝苗族彝族乡"),
    "11": ("510422210", "温泉彝族乡"),
    "12": ("510422211", "格萨拉彝族乡"),
}
EVERYWHERE = "*"
_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Wire:
    """A line between two nodes; `upper` is the end nearer to the carrier's core. Addresses are /24."""

    lower: str
    lower_device: str
    lower_address: str
    upper: str
    upper_device: str
    upper_address: str

    @property
    def name(self) -> str:
        return f"{self.lower}-{self.upper}"


@dataclass(frozen=True, slots=True)
class Route:
    node: str
    to: str
    via: str
    device: str


@dataclass(frozen=True)
class County:
    """Townships by their two-digit numbers, in groups of one aggregation device each; `mute` nodes answer no ping."""

    townships: tuple[str, ...] = tuple(TOWNSHIPS)
    mute: frozenset[str] = frozenset()

    def code(self, township: str) -> str:
        return TOWNSHIPS[township][0]

    def name(self, township: str) -> str:
        return TOWNSHIPS[township][1]

    def group(self, township: str) -> str:
        size = -(-len(TOWNSHIPS) // _GROUPS)
        return f"olt-{list(TOWNSHIPS).index(township) // size + 1}"

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(self.group, self.townships)))

    def members(self, place: str) -> tuple[str, ...]:
        """The townships of a place: a township, a group, or everywhere. Raises KeyError for any other word."""
        if place == EVERYWHERE:
            return self.townships
        if place in self.townships:
            return (place,)
        members = tuple(one for one in self.townships if self.group(one) == place)
        if not members:
            raise KeyError(place)
        return members

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        return (
            *(wire for township in self.townships for wire in self._township_wires(township)),
            *(
                Wire(group, "trunk", f"10.0.{10 + at}.2", "core", group, f"10.0.{10 + at}.1")
                for at, group in enumerate(self.groups, 1)
            ),
            Wire("ce", "wan", "10.0.2.2", "core", "county", "10.0.2.1"),
            Wire("gw", "wan", "10.0.1.1", "ce", "lan", "10.0.1.2"),
            Wire("centre", "eth0", "10.0.0.10", "gw", "lan", "10.0.0.1"),
            Wire("app", "eth0", "10.0.9.10", "ce", "app", "10.0.9.1"),
        )

    def _township_wires(self, township: str) -> Iterator[Wire]:
        net = f"10.{int(township)}"
        yield Wire(f"a{township}", "eth0", f"{net}.1.10", f"g{township}", "lan", f"{net}.1.1")
        yield Wire(f"g{township}", "wan", f"{net}.2.2", f"p{township}", "lan", f"{net}.2.1")
        yield Wire(f"p{township}", "wan", f"{net}.3.2", self.group(township), f"t{township}", f"{net}.3.1")

    def wire(self, lower: str) -> Wire:
        """The line from a node towards the core (the county's nodes: towards the county edge)."""
        return next(wire for wire in self.wires if wire.lower == lower)

    def address(self, prober: str) -> str:
        """Where its probes come from."""
        return self.wire(prober).lower_address

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(node for wire in self.wires for node in (wire.lower, wire.upper)))

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        return (*(Route(w.lower, "default", w.upper_address, w.lower_device) for w in self.wires), *self._routes_down())

    def _routes_down(self) -> Iterator[Route]:
        for township in self.townships:
            net, wire = f"10.{int(township)}", self.wire(f"p{township}")
            yield Route(f"p{township}", f"{net}.1.0/24", f"{net}.2.2", "lan")
            for inner in ("1", "2"):
                yield Route(wire.upper, f"{net}.{inner}.0/24", wire.lower_address, wire.upper_device)
            trunk = self.wire(wire.upper)
            yield Route("core", f"{net}.0.0/16", trunk.lower_address, trunk.upper_device)
        yield Route("core", "10.0.0.0/16", "10.0.2.2", "county")
        yield Route("ce", "10.0.0.0/24", "10.0.1.1", "lan")

    @property
    def black_holes(self) -> tuple[tuple[str, str], ...]:
        """(node, network): packets for a lost line end here and do not go round in circles."""
        behind = ((self.group(one), f"10.{int(one)}.0.0/16") for one in self.townships)
        return (*behind, ("ce", "10.0.0.0/16"))

    def rungs_from_township(self, township: str) -> dict[str, tuple[str, str]]:
        """The ladder's rungs as (node, address)."""
        net = f"10.{int(township)}"
        return {
            "lan": (f"g{township}", f"{net}.1.1"),
            "cpe": (f"p{township}", f"{net}.2.1"),
            "edge": (self.group(township), f"{net}.3.1"),
            "core": ("ce", "10.0.1.2"),
            "app": ("app", "10.0.9.10"),
        }

    def rungs_from_county(self, township: str) -> dict[str, tuple[str, str]]:
        net = f"10.{int(township)}"
        return {"cpe": (f"p{township}", f"{net}.3.2"), "agent": (f"a{township}", f"{net}.1.10"), "app": ("app", "10.0.9.10")}

    def county_rungs(self) -> dict[str, tuple[str, str]]:
        return {"gw": ("gw", "10.0.0.1"), "ce": ("ce", "10.0.1.2"), "carrier": ("core", "10.0.2.1")}

    def asks(self) -> Iterator[tuple[str, str, str]]:
        """Every question there is: (who asks, whom, at which address)."""
        for township in self.townships:
            yield from ((f"a{township}", *rung) for rung in self.rungs_from_township(township).values())
            yield from (("centre", *rung) for rung in self.rungs_from_county(township).values())
        yield from (("centre", *rung) for rung in self.county_rungs().values())

    def path(self, start: str, end: str) -> tuple[str, ...]:
        """The nodes from one to another, both included; the county is a tree."""
        up, down = self._to_core(start), self._to_core(end)
        shared = next(node for node in up if node in down)
        return (*up[: up.index(shared) + 1], *reversed(down[: down.index(shared)]))

    def _to_core(self, node: str) -> tuple[str, ...]:
        return (node,) if node == "core" else (node, *self._to_core(self.wire(node).upper))
