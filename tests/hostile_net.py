"""A network of one's own to misbehave in: a namespace that lives as long as one thread, and neighbours that lie.

Needs CAP_SYS_ADMIN; without it the tests that ask for a namespace are skipped. Nothing here touches the machine's network.
"""

import asyncio
import ctypes
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jinbao_agent.probes.sockets import prepare_queue, stamp_us

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Whatever runs through `run` or `ip` sees its own network: loopback and what the test adds, nothing else."""

    def __init__(self, worker: ThreadPoolExecutor) -> None:
        self._worker = worker

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        return self._worker.submit(function, *arguments).result()

    def run(self, play: Callable[[], Awaitable[T]]) -> T:
        """An event loop of its own in the namespace."""

        async def main() -> T:
            return await play()

        return self.call(asyncio.run, main())

    def ip(self, *commands: str) -> None:
        for command in commands:
            self.call(lambda words: subprocess.run(["ip", *words], check=True, capture_output=True), command.split())

    def set(self, name: str, value: str) -> None:
        """A sysctl of this namespace."""
        self.call(Path("/proc/sys/net", name).write_text, value)

    def allow_ping_sockets(self) -> None:
        self.set("ipv4/ping_group_range", "0 2147483647")

    def drop_rights(self) -> None:
        """No capability is left to the namespace's thread, as to an agent that runs as nobody."""
        self.call(_drop_capabilities)


def _drop_capabilities() -> None:
    header = struct.pack("Ii", 0x20080522, 0)
    if _libc.capset(header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _enter() -> None:
    if _libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


@contextmanager
def namespace() -> Iterator[Namespace]:
    with ThreadPoolExecutor(1) as worker:
        try:
            worker.submit(_enter).result()
        except PermissionError:
            pytest.skip("a network namespace needs CAP_SYS_ADMIN")
        inside = Namespace(worker)
        inside.ip("link set lo up")
        yield inside


def await_stamps() -> None:
    """Until the kernel stamps packets when they arrive. It begins a while after the first socket wants it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        prepare_queue(ear)
        ear.bind(("127.0.0.1", 0))
        while True:
            ear.sendto(b"", ear.getsockname())
            sent_us = time.time_ns() // 1000
            time.sleep(0.01)
            if (stamp_us(ear.recvmsg(16, 64)[1]) or sent_us + 1) <= sent_us:
                return


@contextmanager
def router_behind(inside: Namespace) -> Iterator[Callable[[str], None]]:
    """A second namespace, joined by a cable: 10.9.0.1 is ours, 10.9.0.2 the router and our default gateway.

    Yields a function that runs `ip` there.
    """
    keeper = inside.call(lambda: subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; read _"], stdin=-1, stdout=-1))

    def there(command: str) -> None:
        subprocess.run(["nsenter", "-n", "-t", str(keeper.pid), *command.split()], check=True, capture_output=True)

    try:
        keeper.stdout.readline()
        inside.ip("link add ours type veth peer name theirs", f"link set theirs netns {keeper.pid}")
        inside.ip("addr add 10.9.0.1/24 dev ours", "link set ours up")
        there("ip addr add 10.9.0.2/24 dev theirs")
        there("ip link set theirs up")
        there("sysctl -qw net.ipv4.ip_forward=1")
        inside.ip("route add default via 10.9.0.2")
        yield there
    finally:
        keeper.communicate(b"\n")


@dataclass(frozen=True)
class Request:
    """An echo request as a hostile neighbour sees it."""

    packet: bytes
    source: str
    destination: str
    ident: int
    number: int
    payload: bytes


@dataclass(frozen=True)
class Answer:
    """What it sends back: an ICMP message, from whom (default: whom we asked), and whether it waits for `release`."""

    message: bytes
    source: str | None = None
    options: bytes = b""
    held: bool = False


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def message(kind: int, code: int, rest: bytes, damage: int = 0) -> bytes:
    """An ICMP message; `damage` spoils its checksum."""
    plain = struct.pack("!BBH", kind, code, 0) + rest
    return struct.pack("!BBH", kind, code, checksum(plain) ^ damage) + rest


def echo_reply(request: Request, payload: bytes | None = None, damage: int = 0) -> bytes:
    numbers = struct.pack("!HH", request.ident, request.number)
    return message(0, 0, numbers + (request.payload if payload is None else payload), damage)


class Neighbour(threading.Thread):
    """Answers every echo in its namespace as `answers` says."""

    def __init__(self, answers: Callable[[Request], Iterable[Answer]]) -> None:
        super().__init__()
        self._answers = answers
        self._orders, self._mouth = socket.socketpair()
        self._held: list[tuple[Request, Answer]] = []
        self.ready = threading.Event()

    def release(self) -> None:
        """What is held, at least one answer, is out when this returns."""
        self._mouth.send(b"r")
        self._mouth.recv(1)

    def stop(self) -> None:
        self._mouth.send(b"s")
        self.join()
        self._mouth.close()

    def run(self) -> None:
        with self.listen() as ear, self._orders:
            self.ready.set()
            while True:
                ready, _, _ = select.select([ear, self._orders], [], [])
                if ear in ready:
                    self._hear(ear)
                elif self._orders.recv(1) == b"s":
                    return
                else:
                    while not self._held:
                        self._hear(ear)
                    self._speak_up()

    def listen(self) -> socket.socket:
        """It hears requests only, or its own answers would fill its queue."""
        ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        ear.setsockopt(255, 1, struct.pack("I", ~(1 << 8) & 0xFFFFFFFF))  # SOL_RAW, ICMP_FILTER
        return ear

    def read(self, ear: socket.socket) -> Request | None:
        """What has come, if it is a request."""
        packet = ear.recv(4096)
        at = (packet[0] & 15) * 4
        kind, _, _, ident, number = struct.unpack_from("!BBHHH", packet, at)
        if kind != 8:
            return None
        source, destination = (socket.inet_ntoa(packet[start : start + 4]) for start in (12, 16))
        return Request(packet, source, destination, ident, number, packet[at + 8 :])

    def send(self, request: Request, answer: Answer) -> None:
        _send(request, answer)

    def _hear(self, ear: socket.socket) -> None:
        request = self.read(ear)
        for answer in self._answers(request) if request is not None else ():
            if answer.held:
                self._held.append((request, answer))
            else:
                self.send(request, answer)

    def _speak_up(self) -> None:
        for request, answer in self._held:
            self.send(request, answer)
        self._held.clear()
        self._orders.send(b"d")


def _send(request: Request, answer: Answer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as mouth:
        if answer.options:
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, answer.options)
        mouth.bind((answer.source or request.destination, 0))
        mouth.sendto(answer.message, (request.source, 0))


@contextmanager
def neighbour(
    inside: Namespace,
    answers: Callable[[Request], Iterable[Answer]],
    kind: type[Neighbour] = Neighbour,
    silence: str = "ipv4/icmp_echo_ignore_all",
) -> Iterator[Neighbour]:
    """In place of the namespace's kernel, which answers no echo meanwhile."""
    inside.set(silence, "1")
    liar = kind(answers)
    inside.call(liar.start)  # a thread is born into its parent's namespace
    liar.ready.wait()
    try:
        yield liar
    finally:
        liar.stop()
        inside.set(silence, "0")
