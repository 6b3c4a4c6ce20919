"""Servers on loopback that say what a test wants said, in plain text or over TLS."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

THEN = datetime.datetime(2001, 1, 2, tzinfo=datetime.UTC)


@contextmanager
def listener(backlog: int = 16, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Its kernel accepts; nobody ever reads or answers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=backlog) as server:
        yield server


@contextmanager
def service(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """One connection, handed to `serve`."""

    def accept() -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return  # closed before anybody came
        with connection:
            serve(connection)

    with listener() as server:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return serve


def self_signed(file: Path, until: datetime.datetime = THEN) -> Path:
    """A key and its certificate for another name, by default expired: we ask whether the service answers, nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody.else")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(THEN - datetime.timedelta(days=1))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def says_securely(certificate: Path, answer: bytes) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(answer)

    return serve
