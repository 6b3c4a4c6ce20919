"""The rung `nic`: does our own network card see a carrier?

Asked with the ethtool ioctl rather than read from /sys/class/net/IF/carrier: it is the same bit (netif_carrier_ok), but the
ioctl answers for the network namespace the agent lives in, while /sys shows the one it was mounted in.
"""

import array
import errno
import fcntl
import socket
import struct
from typing import TYPE_CHECKING

from jinbao_agent.probes.result import Result, errno_name
from jinbao_agent.sample import LOST, REPLY, not_sent
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober

_SIOCGIFFLAGS, _SIOCETHTOOL = 0x8913, 0x8946
_ETHTOOL_GLINK = 0x0000000A
_IFF_UP_RUNNING = 0x1 | 0x40
_IFNAMSIZ = 16


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """reply (rtt 0) with carrier, lost without; not_sent:no_such_interface, not_sent:ERRNO. Waits for nothing."""
    sent_us, mono_us = prober.clock.utc_us(), prober.clock.boottime_us()
    try:
        up = has_carrier(target.host)
    except OSError as problem:
        missing = problem.errno in (errno.ENODEV, errno.ENXIO)
        reason = "no_such_interface" if missing else errno_name(problem.errno)
        return Result(sent_us=sent_us, mono_us=mono_us, outcome=not_sent(reason))
    return Result(sent_us=sent_us, mono_us=mono_us, outcome=REPLY if up else LOST, rtt_us=0 if up else None)


def has_carrier(interface: str) -> bool:
    """Whether the interface is up and its cable in. Raises OSError, ENODEV if there is none of that name."""
    name = interface.encode()
    if len(name) >= _IFNAMSIZ:
        raise OSError(errno.ENODEV, f"{interface}: an interface's name has at most {_IFNAMSIZ - 1} bytes")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as handle:
        value = array.array("I", [_ETHTOOL_GLINK, 0])
        try:
            fcntl.ioctl(handle, _SIOCETHTOOL, struct.pack("16sP", name, value.buffer_info()[0]).ljust(40, b"\0"))
        except OSError as problem:
            if problem.errno != errno.EOPNOTSUPP:
                raise
            return _is_running(handle, name)
        return bool(value[1])


def _is_running(handle: socket.socket, name: bytes) -> bool:
    """For a driver that knows no link state: the stack's own opinion (netdevice(7))."""
    answer = fcntl.ioctl(handle, _SIOCGIFFLAGS, struct.pack("16sH", name, 0).ljust(40, b"\0"))
    flags = int(struct.unpack_from("16xH", answer)[0])
    return flags & _IFF_UP_RUNNING == _IFF_UP_RUNNING
