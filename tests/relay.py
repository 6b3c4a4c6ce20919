"""A line between two agents on loopback, whose two directions can be cut one by one."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay(threading.Thread):
    """Passes datagrams on to `to`, and what comes back to whoever asked. It knows one asker at a time."""

    def __init__(self, to: tuple[str, int]) -> None:
        super().__init__()
        self._to = to
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.bind(("127.0.0.1", 0))
        self._ear, self._mouth = socket.socketpair()
        self.there = self.back = True  # whether questions, and answers, get through

    @property
    def port(self) -> int:
        return int(self._front.getsockname()[1])

    def run(self) -> None:
        asker = None
        with selectors.DefaultSelector() as ready, self._front, self._back, self._ear:
            for sock in (self._front, self._back, self._ear):
                ready.register(sock, selectors.EVENT_READ)
            while True:
                heard = {key.fileobj for key, _ in ready.select()}
                if self._ear in heard:
                    return
                if self._front in heard:
                    data, asker = self._front.recvfrom(2048)
                    if self.there:
                        self._back.sendto(data, self._to)
                if self._back in heard:
                    data = self._back.recv(2048)
                    if self.back and asker is not None:
                        self._front.sendto(data, asker)

    def stop(self) -> None:
        self._mouth.send(b"s")
        self.join()
        self._mouth.close()


@contextmanager
def relay(to: tuple[str, int]) -> Iterator[Relay]:
    line = Relay(to)
    line.start()
    try:
        yield line
    finally:
        line.stop()
