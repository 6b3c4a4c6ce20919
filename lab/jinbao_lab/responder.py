"""python -m jinbao_lab.responder tcp|http: a server on many addresses, each of which can be made deaf.

Orders come on standard input, one JSON object a line; each is answered with one on standard output when it is done:
{"listen": ["127.1.1.1", …], "port": 0} → {"port": 40123}; {"deaf": ["127.1.1.1", …]} → {"deaf": 1}, the rest hear again;
{"hang": true} → {"hang": 1}, it accepts and never answers until {"hang": false}.
It ends with its standard input, so it never outlives whoever ordered it.

Deaf is a full accept queue: the kernel then drops every connection attempt without a word, as a broken line would.
"""

import json
import selectors
import socket
import sys
from typing import Any

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
# A listener with backlog 0 holds one connection that nobody has accepted; the others fill what a race may have left.
_BACKLOG, _FILLERS = 128, 3


class Responder:
    def __init__(self, kind: str) -> None:
        self.answer = _ANSWER if kind == "http" else b""
        self.events = selectors.DefaultSelector()
        self.listeners: dict[str, socket.socket] = {}
        self.deaf: dict[str, list[socket.socket]] = {}
        self.hangs = False
        self.held: list[socket.socket] = []

    def listen(self, addresses: list[str], port: int) -> int:
        """One port on every address; 0 lets the kernel choose it by the first."""
        for address in addresses:
            listener = socket.create_server((address, port), backlog=_BACKLOG)
            listener.setblocking(False)
            port = listener.getsockname()[1]
            self.listeners[address] = listener
            self.events.register(listener, selectors.EVENT_READ, self._accept)
        return port

    def set_deaf(self, addresses: set[str]) -> None:
        for address in addresses - self.deaf.keys():
            listener = self.listeners[address]
            self.events.unregister(listener)
            listener.listen(0)
            self.deaf[address] = [self._filler(listener) for _ in range(_FILLERS)]
        for address in self.deaf.keys() - addresses:
            for filler in self.deaf.pop(address):
                filler.close()
            self.listeners[address].listen(_BACKLOG)
            self.events.register(self.listeners[address], selectors.EVENT_READ, self._accept)

    @staticmethod
    def _filler(listener: socket.socket) -> socket.socket:
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        return filler

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the caller gave up meanwhile
        if self.hangs:
            self.held.append(connection)
            return
        if not self.answer:
            connection.close()
            return
        connection.setblocking(False)
        self.events.register(connection, selectors.EVENT_READ, self._serve)

    def _serve(self, connection: socket.socket) -> None:
        """Answers any request; who sends none is gone."""
        self.events.unregister(connection)
        if self.hangs:
            self.held.append(connection)
            return
        with connection:
            try:
                if connection.recv(65536):
                    connection.sendall(self.answer)
            except (BlockingIOError, ConnectionError):
                return

    def hang(self, hangs: bool) -> int:
        """Whoever waited in vain is sent away at the end."""
        self.hangs = hangs
        if not hangs:
            while self.held:
                self.held.pop().close()
        return int(hangs)

    def obey(self, order: dict[str, Any]) -> dict[str, int]:
        if "listen" in order:
            return {"port": self.listen(order["listen"], order["port"])}
        if "hang" in order:
            return {"hang": self.hang(order["hang"])}
        self.set_deaf(set(order["deaf"]))
        return {"deaf": len(self.deaf)}

    def run(self) -> None:
        self.events.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in self.events.select():
                if key.data:
                    key.data(key.fileobj)
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(self.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    Responder(sys.argv[1]).run()
