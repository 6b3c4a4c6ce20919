"""python -m jinbao_lab.ups PORT: the NUT server (upsd) of one UPS, `ups`, whose mains and manners are ordered about.

It listens on 127.0.0.1 and says where first: {"port": 40123} (PORT 0 lets the kernel choose). Orders come on standard input,
one JSON object a line, each answered with the whole state on standard output when it holds:
{"status": "OB DISCHRG", "charge": "87"} is what the UPS says from now on (charge "" where it knows none),
{"manner": "…"} how its server says it: `plain`; `silent`, never; `hangs up` on each request, or `half` way through the answer;
{"answer": "ERR DATA-STALE\\n"} is what it answers instead of the truth, byte for byte, until that is "" again.
It ends with its standard input, so it never outlives whoever ordered it.

Of the protocol (RFC 9271 section 4.2) it speaks what reading needs: GET VAR, LIST VAR, LIST UPS, VER, LOGOUT.
"""

import json
import selectors
import socket
import subprocess
import sys
from collections.abc import Sequence

NAME = "ups"


class Server:
    """The program: a listener, its connections, and what they are told."""

    def __init__(self, port: int) -> None:
        self.says = {"status": "OL", "charge": "100", "manner": "plain", "answer": ""}
        self._events = selectors.DefaultSelector()
        self._unread: dict[socket.socket, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        """Until standard input ends."""
        self._events.register(self._listener, selectors.EVENT_READ, self._accept)
        self._events.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._events.select():
                if key.data:
                    key.data(key.fileobj)
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                self._obey(json.loads(line))

    def _obey(self, order: dict[str, str]) -> None:
        unknown = order.keys() - self.says.keys()
        if unknown:
            raise ValueError(f"unknown order {', '.join(sorted(unknown))}; known are {', '.join(self.says)}")
        self.says |= order
        print(json.dumps(self.says), flush=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the caller gave up meanwhile
        self._unread[connection] = b""
        self._events.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(4096)
            *lines, self._unread[connection] = (self._unread[connection] + data).split(b"\n")
            if data and all(self._serve(connection, line.decode(errors="replace")) for line in lines):
                return
        except ConnectionError:
            pass  # the caller is gone, and so is what we would have told it
        self._events.unregister(connection)
        del self._unread[connection]
        connection.close()

    def _serve(self, connection: socket.socket, request: str) -> bool:
        """Whether the connection stays."""
        answer = self.says["answer"] or self._answer(request.split())
        share = {"plain": 1.0, "half": 0.5}.get(self.says["manner"], 0.0)
        connection.sendall(answer[: int(share * len(answer))].encode())
        return self.says["manner"] in ("plain", "silent") and not answer.startswith("OK Goodbye")

    def _answer(self, words: list[str]) -> str:
        facts = {"ups.status": self.says["status"], "battery.charge": self.says["charge"]}
        known = {name: f'VAR {NAME} {name} "{value}"\n' for name, value in facts.items() if value}
        match words:
            case ["VER"]:
                return "Network UPS Tools upsd 2.8.0 - of the lab\n"
            case ["LOGOUT"]:
                return "OK Goodbye\n"
            case ["LIST", "UPS"]:
                return f'BEGIN LIST UPS\nUPS {NAME} "of the lab"\nEND LIST UPS\n'
            case ["LIST", "VAR", ups] if ups == NAME:
                return f"BEGIN LIST VAR {NAME}\n{''.join(known.values())}END LIST VAR {NAME}\n"
            case ["GET", "VAR", ups, name] if ups == NAME:
                return known.get(name, "ERR VAR-NOT-SUPPORTED\n")
            case ["LIST", "VAR", _] | ["GET", "VAR", _, _]:
                return "ERR UNKNOWN-UPS\n"
        return "ERR UNKNOWN-COMMAND\n"


class Ups:
    """The program running, and the hand that orders it; `before` puts its command on a node's network."""

    def __init__(self, port: int = 0, before: Sequence[str] = ()) -> None:
        command = [*before, sys.executable, "-m", "jinbao_lab.ups", str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._hear()["port"])

    @property
    def address(self) -> str:
        """As agent.toml names it."""
        return f"{NAME}@127.0.0.1:{self.port}"

    def order(self, **words: str) -> None:
        """status, charge, manner, answer; holds when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        self._hear()

    def kill(self) -> None:
        """Its port is closed when this returns."""
        self._process.kill()
        self._process.communicate()

    def _hear(self) -> dict[str, str | int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            raise RuntimeError(f"the UPS of the lab ended, exit code {self._process.returncode}")
        heard: dict[str, str | int] = json.loads(line)
        return heard


if __name__ == "__main__":
    server = Server(int(sys.argv[1]))
    print(json.dumps({"port": server.port}), flush=True)
    server.run()
