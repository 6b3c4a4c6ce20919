"""What the engine uses of icmplib 3.0.4, some of it private. If this fails, read sockets.py before touching the pin."""

import importlib.metadata
import resource
import socket

import icmplib
import pytest

from hostile_net import namespace
from jinbao_agent.probes.packet import HEADER, V4, V6, Requests, checksum

RAW_RIGHT = True
try:
    icmplib.ICMPv4Socket(privileged=True).close()
except icmplib.SocketPermissionError:
    RAW_RIGHT = False
needs_raw = pytest.mark.skipif(not RAW_RIGHT, reason="raw sockets need CAP_NET_RAW")


def test_the_version_is_the_one_we_read() -> None:
    assert importlib.metadata.version("icmplib") == "3.0.4"


@needs_raw
@pytest.mark.parametrize(
    ("make", "family", "protocol"),
    [
        (icmplib.ICMPv4Socket, socket.AF_INET, socket.IPPROTO_ICMP),
        (icmplib.ICMPv6Socket, socket.AF_INET6, socket.IPPROTO_ICMPV6),
    ],
)
def test_its_raw_socket_is_a_plain_one_we_may_take_out(make: type, family: int, protocol: int) -> None:
    owner = make(privileged=True)
    sock = owner.sock
    assert (sock.family, sock.type, sock.proto) == (family, socket.SOCK_RAW, protocol)
    owner.close()
    assert sock.fileno() == -1
    assert owner.sock is None


@pytest.mark.root
def test_its_ping_socket_is_a_plain_datagram_socket() -> None:
    with namespace() as inside:
        inside.allow_ping_sockets()
        owner = inside.call(lambda: icmplib.ICMPv4Socket(privileged=False))
        assert (owner.sock.type, owner.sock.proto) == (socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        owner.close()


@pytest.mark.root
def test_a_missing_right_is_told_apart() -> None:
    with namespace() as inside, pytest.raises(icmplib.SocketPermissionError):
        inside.call(lambda: icmplib.ICMPv4Socket(privileged=False))
    assert issubclass(icmplib.SocketPermissionError, icmplib.ICMPSocketError)


@needs_raw
def test_any_other_trouble_keeps_its_errno_in_the_context() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(icmplib.ICMPSocketError) as caught:
            icmplib.ICMPv4Socket(privileged=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(caught.value.__context__, OSError)
    assert caught.value.__context__.strerror == "Too many open files"


@needs_raw
@pytest.mark.parametrize(("make", "version"), [(icmplib.ICMPv4Socket, V4), (icmplib.ICMPv6Socket, V6)])
def test_our_packets_are_its_packets(make: type, version: object) -> None:
    """Over enough numbers to meet every carry of the checksum."""
    with make(privileged=True) as owner:
        for ident in (0, 1, 0x7FFF, 0xFFFF):
            requests = Requests(version, ident, b"\xff\x00nonce!")  # type: ignore[arg-type]
            for number in range(0, 0x10000, 257):
                ours = requests.make(number, number**4)
                assert ours == owner._create_packet(ident, number, ours[HEADER.size :])
                assert checksum(ours) == 0
