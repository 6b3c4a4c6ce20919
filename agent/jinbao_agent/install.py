"""`jinbao-agent install`: a hardened systemd unit, and the bounds within which the centre may configure this machine.

Nothing is started or enabled: what to do next is printed. The unit gives one capability, CAP_NET_RAW, and a user that exists
only while the service runs. ProtectClock and ProcSubset are left out on purpose: the first also forbids to *read* how far the
clock is trusted (adjtimex), the second hides the boot's id; both are evidence.
"""

import ipaddress
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jinbao_agent.configuration import Plan
from jinbao_agent.identity import write_durably
from jinbao_config.central import allow_text
from jinbao_config.shape import ConfigError

UNIT = "jinbao-agent.service"
STATE = Path("/var/lib/jinbao-agent")
WATCHDOG_S = 60
"""Six heartbeats at the slowest: a busy machine is no reason to be killed, a hanging loop is."""
_LEAST_PER_SECOND = 50

_TEXT = """\
# Written by `jinbao-agent install`. Own changes go into a drop-in: systemctl edit {unit}
[Unit]
Description=金保网线路探针 jinbao-agent
# Neither network-online nor time-sync is waited for: what is measured before either is evidence too.
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
Restart=always
RestartSec=5
WatchdogSec={watchdog}
TimeoutStopSec=30
{user}
UMask=0077

# One right: to send and receive ICMP.
CapabilityBoundingSet=CAP_NET_RAW
AmbientCapabilities=CAP_NET_RAW
NoNewPrivileges=yes

# Nothing of this machine but the network and the data folder.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@resources @privileged
# Read-only here: without CAP_SYS_TIME nobody sets a clock with it.
SystemCallFilter=adjtimex clock_adjtime
SystemCallErrorNumber=EPERM
MemoryMax=512M
TasksMax=64

[Install]
WantedBy=multi-user.target
"""

_DYNAMIC = """\
DynamicUser=yes
StateDirectory=jinbao-agent
StateDirectoryMode=0750"""


@dataclass(frozen=True, slots=True)
class Places:
    """agent.toml, allow.toml and the data folder, absolute, and the folder of systemd's units."""

    config: Path
    allow: Path
    data: Path
    units: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """What was written, and what was there already and left alone."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def unit_text(config: Path, data: Path) -> str:
    """The unit of an agent with this agent.toml and data folder, both absolute."""
    # systemd keeps a dynamic user's data in its own place only.
    user = _DYNAMIC if data == STATE else f"User=jinbao-agent\nReadWritePaths={_quoted(data)}"
    command = f"{_quoted(Path(sys.executable))} -m jinbao_agent.cli --config {_quoted(config)} run"
    return _TEXT.format(unit=UNIT, command=command, watchdog=WATCHDOG_S, user=user)


def _quoted(path: Path) -> str:
    """As a unit's line wants a path that may hold anything (systemd.syntax(7))."""
    text = str(path).replace("%", "%%")
    return text if re.fullmatch(r"[\w./%-]+", text) else json.dumps(text, ensure_ascii=False)


def networks_of(plan: Plan) -> tuple[str, ...]:
    """Where the rungs of this plan lie, with some room: the /16 of each IPv4 address, the /48 of each IPv6 one."""
    found = set()
    for rung in plan.rungs:
        try:
            address = ipaddress.ip_address(rung.target.host)
        except ValueError:
            continue  # a network card, or a name, which no network can hold
        found.add(ipaddress.ip_network((address, 16 if address.version == 4 else 48), strict=False))
    return tuple(str(network) for network in sorted(found, key=lambda one: (one.version, one)))


def install(
    plan: Plan, places: Places, networks: Sequence[str] = (), per_second: int | None = None, *, again: bool = False
) -> Installed:
    """Writes the unit, and allow.toml unless it is there; `again` overwrites both. `networks` and `per_second` are the bounds
    of allow.toml; absent, they follow from what is probed now. Raises ConfigError or OSError."""
    _check(places)
    bounds = allow_text(networks or networks_of(plan), _kinds(plan), 1000, per_second or _room(plan))
    written, kept = [], []
    for file, text in ((places.units / UNIT, unit_text(places.config, places.data)), (places.allow, bounds)):
        if file.exists() and not again and file.read_text(encoding="utf-8") != text:
            kept.append(file)
            continue
        write_durably(file, text.encode(), 0o644)
        written.append(file)
    return Installed(tuple(written), tuple(kept))


def _check(places: Places) -> None:
    units = places.units
    if not units.is_dir():
        raise ConfigError(str(units), "", "no such folder; is this a machine with systemd? --units names another")
    for path in (Path(sys.executable), places.config):
        if any(str(path).startswith(home) for home in ("/home/", "/root/", "/run/user/")):
            problem = "the service sees nothing below /home and /root; install into /opt/jinbao and configure in /etc/jinbao"
            raise ConfigError(str(path), "", problem)
    if not os.access(units, os.W_OK):
        raise PermissionError(f"{units}: cannot be written; run install as root")


def _room(plan: Plan) -> int:
    """Four times what is probed now."""
    rate = sum(Fraction(1000, rung.interval_ms) for rung in plan.rungs)
    return max(_LEAST_PER_SECOND, math.ceil(4 * rate))


def _kinds(plan: Plan) -> Iterable[str]:
    """Those in use and the plain ones, so that a rung may become another's kind without a visit."""
    return sorted({"nic", "icmp", "tcp", "http", "https", "dns", "peer"} | {rung.target.kind for rung in plan.rungs})
