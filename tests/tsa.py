"""A time-stamp authority made with `openssl ts`, behind a small HTTP server on the loopback."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[tsa]
default_tsa = here
[here]
dir = .
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""
EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


@dataclass
class Authority:
    """`answer`, once set, goes out instead of a token; `asked` are the requests so far."""

    folder: Path
    url: str = ""
    answer: tuple[int, bytes] | None = None
    asked: int = 0

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def stamp(self, query: bytes) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        self._run("openssl ts -reply -config tsa.conf -queryfile query.tsq -out reply.tsr")
        return (self.folder / "reply.tsr").read_bytes()

    def make(self, usage: str = EXTENSIONS) -> "Authority":
        self.folder.mkdir()
        (self.folder / "tsa.conf").write_text(CONFIG)
        (self.folder / "tsa.ext").write_text(usage)
        (self.folder / "serial").write_text("01")
        key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        self._run(f"openssl req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=CA -days 30")
        self._run(f"openssl req -new {key} -keyout tsa.key -out tsa.csr -subj /CN=TSA")
        self._run(
            "openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile tsa.ext -out tsa.pem"
        )
        return self

    def _run(self, command: str) -> None:
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)


@contextmanager
def serving(authority: Authority) -> Iterator[Authority]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked += 1
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, body = authority.answer or (200, authority.stamp(query))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        authority.url = f"http://127.0.0.1:{server.server_port}/tsr"
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()
