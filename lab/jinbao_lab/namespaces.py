"""The county as network namespaces: every node one, every line a veth pair, every fault real."""

import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinbao_lab.box import network_of
from jinbao_lab.county import County
from jinbao_lab.defects import Damage
from jinbao_lab.faults import Need
from jinbao_lab.ground import APP_PORT, CENTRE, Rungs
from jinbao_lab.orders import Responders

_SETTINGS = {"net/ipv4/ip_forward": "1", "net/ipv4/ping_group_range": "0 0"}
# A neighbour that came back is asked again within 10 ms. With the default of 1 s the kernel would keep a probe waiting and
# add up to a period to the edge of every outage.
_ARP_RETRY_MS = 10


class Network:
    """Builds the county in this box (see jinbao_lab.box) and applies damage to it. Raises RuntimeError when `ip` refuses."""

    name = "network namespaces"
    has_boxes = True
    offers = frozenset({Need.BOXES})

    def __init__(self, county: County) -> None:
        self.county = county
        self.centre_host = county.wire(CENTRE).lower_address
        self._down: set[tuple[str, str]] = set()
        self._app: Responders | None = None

    def build(self) -> Rungs:
        self._wire_up()
        self.start_app()
        county = self.county
        return Rungs(
            county={name: address for name, (_, address) in county.county_rungs().items()},
            township={one: {"nic": "nic:eth0", **_targets(county.rungs_from_township(one))} for one in county.townships},
            from_county={one: _targets(county.rungs_from_county(one)) for one in county.townships},
        )

    def _wire_up(self) -> None:
        county = self.county
        _ip(f"netns add {node}" for node in county.nodes)
        for node in county.nodes:
            with network_of(node):
                for name, value in _SETTINGS.items():
                    Path("/proc/sys", name).write_text(value)
        _ip(
            f"link add {w.lower_device} netns {w.lower} type veth peer name {w.upper_device} netns {w.upper}"
            for w in county.wires
        )
        for node in county.nodes:
            _ip(self._first_steps(node), node)

    def _first_steps(self, node: str) -> list[str]:
        ends = [(w.lower_device, w.lower_address) for w in self.county.wires if w.lower == node]
        ends += [(w.upper_device, w.upper_address) for w in self.county.wires if w.upper == node]
        return [
            "link set lo up",
            *(f"address add {address}/24 dev {device}" for device, address in ends),
            *(f"ntable change name arp_cache dev {device} retrans {_ARP_RETRY_MS}" for device, _ in ends),
            *(f"link set {device} up" for device, _ in ends),
            # Last in the table: met only when a more specific route is gone with its line.
            *(f"route add blackhole {network} metric 4000" for owner, network in self.county.black_holes if owner == node),
            *(step for device, _ in ends for step in self._routes(node, device)),
        ]

    def _routes(self, node: str, device: str) -> list[str]:
        """The kernel forgets a device's routes when it goes down, so they are made again each time it comes up."""
        return [
            f"route replace {route.to} via {route.via} dev {device}"
            for route in self.county.routes
            if (route.node, route.device) == (node, device)
        ]

    def apply(self, damage: Damage) -> None:
        """Makes the network as broken as `damage` says; returns when it is."""
        down = damage.devices_down(self.county)
        steps: dict[str, list[str]] = defaultdict(list)
        for node, device in sorted(down - self._down):
            steps[node].append(f"link set {device} down")
        for node, device in sorted(self._down - down):
            steps[node] += [f"link set {device} up", *self._routes(node, device)]
        for node, batch in steps.items():
            _ip(batch, node)
        self._down = down

    def at(self, node: str, command: Sequence[str]) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{node}", *command]

    def start_app(self) -> None:
        self._app = Responders("http", self.at("app", ()))
        self._app.listen([self.county.wire("app").lower_address], APP_PORT)

    def stop_app(self) -> None:
        if self._app:
            self._app.kill()
            self._app = None

    def hang_app(self, *, hangs: bool) -> None:
        assert self._app is not None
        self._app.hang(hangs=hangs)

    def close(self) -> None:
        """The rest goes with the box."""
        self.stop_app()


def _targets(rungs: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: f"http://{address}:{APP_PORT}/" if name == "app" else address for name, (_, address) in rungs.items()}


def _ip(steps: Iterable[str], node: str = "") -> None:
    batch = "\n".join(steps) + "\n"
    command = ["ip", *(["-n", node] if node else []), "-batch", "-"]
    done = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\nof the batch\n{batch}")
