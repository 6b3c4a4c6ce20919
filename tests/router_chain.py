"""Routers one behind the other, each a network of its own, over IPv4 and IPv6."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from hostile_net import Namespace


@dataclass(frozen=True)
class Chain:
    """Router k, from 0, is 10.9.k.2 and fd09:k::2 on our side."""

    keepers: tuple["subprocess.Popen[bytes]", ...]

    def on(self, router: int, command: str) -> None:
        _there(self.keepers[router], command)


@contextmanager
def router_chain(inside: Namespace, length: int) -> Iterator[Chain]:
    """We are 10.9.0.1 and fd09:0::1; each router knows the way to all, and answers errors as fast as it is asked."""
    with ExitStack() as ends:
        keepers = tuple(ends.enter_context(_keeper(inside)) for _ in range(length))
        for number, keeper in enumerate(keepers):
            upper = keepers[number - 1] if number else None
            if upper is None:
                inside.ip(f"link add south{number} type veth peer name north netns {keeper.pid}")
                inside.ip(*_end(f"south{number}", number, 1), f"route add default via 10.9.{number}.2")
                inside.ip(f"-6 route add default via fd09:{number}::2")
            else:
                _there(upper, f"ip link add south{number} type veth peer name north netns {keeper.pid}")
                for command in _end(f"south{number}", number, 1):
                    _there(upper, f"ip {command}")
            for command in (*_end("north", number, 2), f"route add default via 10.9.{number}.1"):
                _there(keeper, f"ip {command}")
            _there(keeper, f"ip -6 route add default via fd09:{number}::1")
            _there(keeper, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratemask=0")
        for near in range(length - 1):
            for far in range(near + 2, length):
                _there(keepers[near], f"ip route add 10.9.{far}.0/24 via 10.9.{near + 1}.2")
                _there(keepers[near], f"ip -6 route add fd09:{far}::/64 via fd09:{near + 1}::2")
        yield Chain(keepers)


def _end(device: str, net: int, host: int) -> tuple[str, ...]:
    return (
        f"addr add 10.9.{net}.{host}/24 dev {device}",
        f"addr add fd09:{net}::{host}/64 dev {device} nodad",
        f"link set {device} up",
    )


@contextmanager
def _keeper(inside: Namespace) -> Iterator["subprocess.Popen[bytes]"]:
    keeper = inside.call(lambda: subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; read _"], stdin=-1, stdout=-1))
    try:
        assert keeper.stdout is not None
        keeper.stdout.readline()
        yield keeper
    finally:
        keeper.communicate(b"\n")


def _there(keeper: "subprocess.Popen[bytes]", command: str) -> None:
    subprocess.run(["nsenter", "-n", "-t", str(keeper.pid), *command.split()], check=True, capture_output=True)
