"""A private box for the county: own network, mount and process namespaces, gone with the process that made them.

Inside, the lab is process 1. When it ends, however it ends, the kernel ends everything in the box and takes the networks
down; nothing is ever left on the host and no name can clash. Without root a user namespace gives the same rights inside.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NEEDED_COMMANDS = ("ip", "unshare", "nsenter", "setpriv", "mount", "sh")
_OWNER = "JINBAO_LAB_BOX"
_CLONE_NEWNET = 0x40000000
_NAMED = Path("/run/netns")

# What the lab will need, tried in the box itself: a namespace, a veth pair into it, and a process of its own with its own
# boot id and its own /sys.
_TRIAL = """set -e
ip netns add trial
ip link add trial0 type veth peer name trial1 netns trial
: > /run/netns/.boot
nsenter --net=/run/netns/trial unshare --mount --pid --fork --mount-proc sh -c \
    'mount -t sysfs sysfs /sys && mount --bind /run/netns/.boot /proc/sys/kernel/random/boot_id'
"""


class NoBox(Exception):
    """Namespaces cannot be made here: says why."""


def inside() -> bool:
    return _OWNER in os.environ


def owner() -> int:
    """The process that a person started and can end, whether or not this one is in its box."""
    return int(os.environ.get(_OWNER, os.getpid()))


# With the rights we have, or in a user namespace of our own, which gives them inside.
_WAYS: tuple[tuple[str, ...], ...] = ((), ("--user", "--map-root-user"))


def _unshare(way: Sequence[str], words: Sequence[str]) -> list[str]:
    enter = ["unshare", *way, "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    # The box dies with this process even if it is killed: setpriv hands the kernel's promise on through exec.
    return ["setpriv", "--pdeathsig", "KILL", *enter, *words]


def check() -> None:
    """Raises NoBox with the first thing that does not work here."""
    missing = [name for name in NEEDED_COMMANDS if not shutil.which(name)]
    if missing:
        raise NoBox(
            f"the commands {', '.join(missing)} are missing; Debian and Ubuntu have them in iproute2, util-linux and mount"
        )
    _way()


@cache
def _way() -> tuple[str, ...]:
    """The first way that works. Raises NoBox."""
    script = [sys.executable, "-c", "from jinbao_lab import box; box.settle(); box.run_trial()"]
    problems = []
    for way in _WAYS:
        trial = subprocess.run(_unshare(way, script), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if trial.returncode == 0:
            return way
        problems.append((trial.stderr.strip() or "no reason given").splitlines()[-1])
    raise NoBox(f"making network namespaces is not permitted here: {'; '.join(dict.fromkeys(problems))}")


def run_trial() -> None:
    done = subprocess.run(["sh", "-c", _TRIAL], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip() or "the trial failed")


def command(words: Sequence[str]) -> tuple[str, list[str], dict[str, str]]:
    """What os.execvpe takes to run a command in a new box. Raises NoBox."""
    boxed = _unshare(_way(), words)
    return boxed[0], boxed, {**os.environ, _OWNER: str(os.getpid())}


def run_inside(words: Sequence[str]) -> int:
    """Runs a command in a new box and returns its exit code. A Ctrl-C or a SIGTERM ends the box, and all that is in it."""
    _, boxed, environment = command(words)
    with subprocess.Popen(boxed, env=environment) as box:

        def end(_signal: int, _frame: object) -> None:
            box.kill()

        before = signal.signal(signal.SIGTERM, end)
        try:
            while True:
                try:
                    return box.wait()
                except KeyboardInterrupt:
                    continue  # the box had it too, as it is in the same group, and is ending
        finally:
            signal.signal(signal.SIGTERM, before)


def settle() -> None:
    """First thing inside: a place for named namespaces that only this box sees, and a working loopback."""
    place = _NAMED if _NAMED.is_dir() or _can_make(_NAMED) else Path("/run")
    for command in (["mount", "-t", "tmpfs", "tmpfs", str(place)], ["ip", "link", "set", "lo", "up"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoBox(f"{' '.join(command)}: {done.stderr.strip()}")


def _can_make(directory: Path) -> bool:
    try:
        directory.mkdir()
    except OSError:
        return False
    return True


@contextmanager
def network_of(node: str) -> Iterator[None]:
    """This thread speaks from a node's network. Sockets opened inside stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, (_NAMED / node).open("rb") as there:  # noqa: PTH123
        _set_network(libc, there.fileno(), node)
        try:
            yield
        finally:
            _set_network(libc, home.fileno(), "home")


def _set_network(libc: ctypes.CDLL, descriptor: int, name: str) -> None:
    if libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"entering the network namespace {name}: {os.strerror(number)}")
