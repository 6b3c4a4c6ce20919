"""The county as network namespaces: every node one, every line a veth pair or a line in userspace, every fault real."""

import socket
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jinbao_lab.box import network_of
from jinbao_lab.county import County
from jinbao_lab.defects import Barred, Damage, Defect, Impostor, Mute, Spoilt
from jinbao_lab.ground import APP_PORT, CENTRE, PEER_PORT, Rungs
from jinbao_lab.orders import Lines, Responders

_SETTINGS = {"net/ipv4/ip_forward": "1", "net/ipv4/ping_group_range": "0 0"}
# A neighbour that came back is asked again within 10 ms. With the default of 1 s the kernel would keep a probe waiting and
# add up to a period to the edge of every outage.
_ARP_RETRY_MS = 10
_MUTE = "net/ipv4/icmp_echo_ignore_all"
# The kernel's own limit of ICMP messages to one address, and which types it holds back. Echo replies are not among them by
# default. A reply costs 1.9 periods, so that after one that is held back the next is due, however the pings jitter.
_RATE_MASK, _RATE_LIMIT = "net/ipv4/icmp_ratemask", "net/ipv4/icmp_ratelimit"
_BURST = 6
_ECHO_REQUEST = b"\x08" + bytes(7)  # RFC 792; the kernel fills in the rest
_ECHO_REPLIES_TOO, _DEFAULT_MASK, _DEFAULT_LIMIT_MS = 6168 | 1, 6168, 1000


class Network:
    """Builds the county in this box (see jinbao_lab.box) and applies damage to it. Raises RuntimeError when `ip` refuses.

    `in_userspace` names the lines that can be spoilt; `interval_ms` is T, for the limit of a hop that answers every other ping.
    """

    name = "network namespaces"
    has_boxes = True

    def __init__(self, county: County, in_userspace: Collection[str] = (), interval_ms: int = 1000) -> None:
        self.county = county
        self.centre_host = county.wire(CENTRE).lower_address
        self._in_userspace, self._interval_ms = in_userspace, interval_ms
        self._present: frozenset[Defect] = frozenset()
        self._down: set[tuple[str, str]] = set()
        self._app: Responders | None = None
        self._lines: Lines | None = None

    def build(self) -> Rungs:
        self._wire_up()
        self.start_app()
        return _with_peers(rungs_of(self.county), self.county)

    def _wire_up(self) -> None:
        county = self.county
        _ip(f"netns add {node}" for node in county.nodes)
        for node in county.nodes:
            _set(node, _SETTINGS | {_MUTE: str(int(node in county.mute))})
        _ip(
            f"link add {w.lower_device} netns {w.lower} type veth peer name {w.upper_device} netns {w.upper}"
            for w in county.wires
            if w.name not in self._in_userspace
        )
        if self._in_userspace:
            self._lines = Lines()
            self._lines.lay(wire for wire in county.wires if wire.name in self._in_userspace)
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
        present, down = damage.present, damage.devices_down(self.county)
        steps: dict[str, list[str]] = defaultdict(list)
        for node, device in sorted(down - self._down):
            steps[node].append(f"link set {device} down")
        for node, device in sorted(self._down - down):
            steps[node] += [f"link set {device} up", *self._routes(node, device)]
        for node, step in (*_steps(self._present - present, "del"), *_steps(present - self._present, "add")):
            steps[node].append(step)
        for node, batch in steps.items():
            _ip(batch, node)
        for node in {one.node for one in self._present ^ present if isinstance(one, Mute)}:
            self._silence(node, present)
        if any(isinstance(one, Spoilt) for one in self._present ^ present):
            self._spoil(one for one in present if isinstance(one, Spoilt))
        self._present, self._down = present, down

    def _silence(self, node: str, present: Collection[Defect]) -> None:
        half = Mute(node, half=True) in present
        limit = self._interval_ms * 19 // 10 if half else _DEFAULT_LIMIT_MS
        settings = {
            _MUTE: str(int(node in self.county.mute or Mute(node) in present)),
            _RATE_MASK: str(_ECHO_REPLIES_TOO if half else _DEFAULT_MASK),
            _RATE_LIMIT: str(limit),
        }
        _set(node, settings)
        if half:
            self._use_up(node)

    def _use_up(self, node: str) -> None:
        """The kernel lets a burst through before it limits; pings that nobody waits for take it from every prober."""
        for prober, asked, address in set(self.county.asks()):
            if asked == node:
                with network_of(prober), socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as pings:
                    for _ in range(_BURST):
                        with suppress(OSError):  # it is cut off, and asks nobody
                            pings.sendto(_ECHO_REQUEST, (address, 0))

    def _spoil(self, treatments: Iterable[Spoilt]) -> None:
        wanted = tuple(treatments)
        elsewhere = {one.wire for one in wanted} - set(self._in_userspace)
        if elsewhere or self._lines is None:
            raise RuntimeError(f"not lines in userspace, so they cannot be spoilt: {', '.join(sorted(elsewhere))}")
        self._lines.spoil(wanted)

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
        if self._lines:
            self._lines.kill()
            self._lines = None


def _steps(defects: Iterable[Defect], verb: str) -> Iterator[tuple[str, str]]:
    """What `ip` must do at which node. Such routes name no device, so they outlive every cut."""
    for one in defects:
        if isinstance(one, Barred):
            yield one.node, f"route {verb} {one.verb} {one.network}"
        elif isinstance(one, Impostor):
            yield one.node, f"address {verb} {one.address}/32 dev lo"


def rungs_of(county: County) -> Rungs:
    """Every rung by its address."""
    return Rungs(
        county={name: address for name, (_, address) in county.county_rungs().items()},
        township={one: {"nic": "nic:eth0", **_targets(county.rungs_from_township(one))} for one in county.townships},
        from_county={one: _targets(county.rungs_from_county(one)) for one in county.townships},
    )


def _with_peers(rungs: Rungs, county: County) -> Rungs:
    """Every agent reflects for the one at the other end of its line."""
    centre = f"peer://{county.address(CENTRE)}:{PEER_PORT}"
    return replace(
        rungs,
        township={one: {**targets, "peer": centre} for one, targets in rungs.township.items()},
        from_county={
            one: {**targets, "peer": f"peer://{county.address(f'a{one}')}:{PEER_PORT}"}
            for one, targets in rungs.from_county.items()
        },
    )


def _targets(rungs: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: f"http://{address}:{APP_PORT}/" if name == "app" else address for name, (_, address) in rungs.items()}


def _set(node: str, settings: dict[str, str]) -> None:
    """Kernel settings of a node's network."""
    with network_of(node):
        for name, value in settings.items():
            Path("/proc/sys", name).write_text(value)


def _ip(steps: Iterable[str], node: str = "") -> None:
    batch = "\n".join(steps) + "\n"
    command = ["ip", *(["-n", node] if node else []), "-batch", "-"]
    done = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\nof the batch\n{batch}")
