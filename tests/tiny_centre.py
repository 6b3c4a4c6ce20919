"""A collector in a nutshell, for the agent's tests: real HTTPS on loopback, a real CA, signed answers, and moods.

It keeps what it is sent by (chain, number) and answers as docs/wire.md says. A *mood* is a function that may change the next
answer: that is how a test makes it hostile, forgetful or busy.
"""

import datetime
import hashlib
import hmac
import ipaddress
import json
import secrets
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jinbao_agent.keys import SigningKey, VerifyKey
from jinbao_agent.wire import GENESIS, Batch, Signed, unpack

_NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_YEARS = datetime.timedelta(days=36500)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Mood = Callable[["TinyCentre", Reply], Reply]


class TinyCentre:
    """`kept` holds batches by chain and number, `requests` the numbers of each request that came; `peers` is what it tells
    everybody of peers: digest and links; `config` the fields of everybody's configuration: version and content."""

    def __init__(
        self, folder: Path, agent: str = "yanbian-01", vantage: str = "township", links: tuple[str, ...] = ("510422101",)
    ) -> None:
        self.agent, self.vantage, self.links = agent, vantage, links
        self.key, self.secret = SigningKey.generate(), secrets.token_bytes(16)
        self.known: set[str] = set()
        self.kept: dict[str, dict[int, Batch]] = {}
        self.requests: list[list[int]] = []
        self.moods: list[Mood] = []
        self.manifest = "a" * 64
        self.peers: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.arrived = threading.Event()
        self.ca_pem, self._chain_file = _certificates(folder)
        self.url = ""

    @property
    def code(self) -> str:
        der = ssl.PEM_cert_to_DER_cert(self.ca_pem.decode().strip())
        return f"{self.url}#{hashlib.sha256(der).hexdigest()}.{self.secret.hex()}"

    def head(self, chain: str) -> tuple[int, str]:
        kept, number = self.kept.get(chain, {}), 0
        while number + 1 in kept:
            number += 1
        return number, kept[number].signed.hash if number else GENESIS

    def ack(self, chain: str, **changed: Any) -> bytes:
        """What the centre says of a chain, or with `changed` fields what it does not."""
        number, hash = self.head(chain)
        fields = {
            "agent": self.agent,
            "chain": chain,
            "number": number,
            "hash": hash,
            "manifest": self.manifest,
            "at": 0,
            "verdicts": {},
            "peers": self.peers.get("digest", ""),
            "config": self.config.get("version", 0),
        }
        return Signed.make("jinbao-ack/1", {**fields, **changed}, self.key).to_lines()

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        reply = {
            ("GET", "/v1/ca"): lambda: Reply(200, self.ca_pem),
            ("GET", "/healthz"): lambda: Reply(200, b"{}"),
            ("POST", "/v1/enrol"): lambda: self._enrol(Signed.from_lines(body)),
            ("POST", "/v1/rotate"): lambda: self._rotate(Signed.from_lines(body)),
            ("POST", "/v1/peers"): lambda: self._tell(Signed.from_lines(body)),
            ("POST", "/v1/config"): lambda: self._configure(Signed.from_lines(body)),
            ("POST", "/v1/batches"): lambda: self._receive(body),
        }[method, path]()
        return self.moods.pop(0)(self, reply) if self.moods and path in ("/v1/batches", "/v1/peers") else reply

    def _tell(self, document: Signed) -> Reply:
        fields = document.fields()
        if fields["key"] not in self.known:
            return Reply(401, json.dumps({"error": "unknown key"}).encode())
        answer = {"key": fields["key"], "nonce": fields["nonce"], "at": 0, **self.peers}
        return Reply(200, Signed.make("jinbao-peers/1", answer, self.key).to_lines())

    def _configure(self, document: Signed) -> Reply:
        fields = document.fields()
        if not self.config or fields["key"] not in self.known:
            return Reply(404, b"{}")
        answer = {"agent": self.agent, "nonce": fields["nonce"], "at": 0, **self.config}
        return Reply(200, Signed.make("jinbao-config/1", answer, self.key).to_lines())

    def _receive(self, body: bytes) -> Reply:
        batches = unpack(body, 32_000_000)
        headers = [batch.fields() for batch in batches]
        self.requests.append([header["number"] for header in headers])
        if not self.known.issuperset(header["key"] for header in headers):
            return Reply(401, json.dumps({"error": "unknown key"}).encode())
        chain = headers[0]["chain"]
        for header, batch in zip(headers, batches, strict=True):
            self.kept.setdefault(chain, {}).setdefault(header["number"], batch)
        self.arrived.set()
        contiguous = self.head(chain)[0] >= headers[-1]["number"]
        return Reply(200 if contiguous else 409, self.ack(chain))

    def _enrol(self, document: Signed) -> Reply:
        fields = document.fields()
        key = VerifyKey.from_text(fields["public"])
        proof = hmac.new(self.secret, key.raw, "sha256").hexdigest()
        if not document.verified_by(key) or fields["proof"] != proof:
            return Reply(401, json.dumps({"error": "no such invitation"}).encode())
        return self._answer_enrolled(key)

    def _rotate(self, document: Signed) -> Reply:
        fields = document.fields()
        if fields["key"] not in self.known:
            return Reply(401, json.dumps({"error": "unknown key"}).encode())
        return self._answer_enrolled(VerifyKey.from_text(fields["public"]))

    def _answer_enrolled(self, key: VerifyKey) -> Reply:
        self.known.add(key.fingerprint)
        answer = {
            "agent": self.agent,
            "vantage": self.vantage,
            "links": list(self.links),
            "key": key.fingerprint,
            "collector": self.key.public.text,
            "at": 0,
        }
        return Reply(200, Signed.make("jinbao-enrolled/1", answer, self.key).to_lines())

    @contextmanager
    def open(self) -> Iterator["TinyCentre"]:
        """Serves on a free loopback port while it lasts, the same one when it is opened again."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        server = _Server(("127.0.0.1", port), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """An agent that hangs up on an endless answer is in its right; anything else is told."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def signed_by_another(centre: TinyCentre, reply: Reply) -> Reply:
    return replace(
        reply, body=Signed.make("jinbao-ack/1", Signed.from_lines(reply.body).fields(), SigningKey.generate()).to_lines()
    )


def _handler(centre: TinyCentre) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            reply = centre.answer(self.command, self.path, body)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815  # the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _certificates(folder: Path) -> tuple[bytes, Path]:
    """A CA in PEM, and a file with a server's key and certificate by it."""
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tiny centre CA")])
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=0))
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tiny centre")])
    # A name by which nobody calls it: the agent pins the authority, not the address.
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
    server = _certificate(server_name, ca_name, server_key, ca_key, names)
    file = folder / f"server-{secrets.token_hex(4)}.pem"
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + server.public_bytes(serialization.Encoding.PEM))
    return ca.public_bytes(serialization.Encoding.PEM), file


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer, name, key.public_key(), x509.random_serial_number(), _NOW - _YEARS / 100, _NOW + _YEARS
    )
    return builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints)).sign(by, hashes.SHA256())
