"""TLS over a conversation, without a transport of its own, so that the stopwatch stays right; and whose certificate came."""

import functools
import hashlib
import ipaddress
import ssl

from cryptography import x509

from jinbao_agent.probes.result import Certificate
from jinbao_agent.probes.stream import Conversation


class Secured:
    """The same two words as a conversation: send and receive."""

    def __init__(self, conversation: Conversation, host: str) -> None:
        self._conversation = conversation
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _CONTEXT.wrap_bio(self._incoming, self._outgoing, server_hostname=_server_name(host))

    async def shake_hands(self) -> None:
        """Raises ssl.SSLError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            else:
                self._flush()
                return

    @property
    def certificate(self) -> Certificate | None:
        """The server's, once hands are shaken; whether anybody should trust it is another question."""
        der = self._tls.getpeercert(binary_form=True)
        return read_certificate(der) if der else None

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self._tls.read(4096)
            except ssl.SSLWantReadError:
                await self._exchange()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def _exchange(self) -> None:
        self._flush()
        data = await self._conversation.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._conversation.send(data)


@functools.lru_cache(256)
def read_certificate(der: bytes) -> Certificate:
    """`not_after_ms` is None where it says nothing that can be read."""
    try:
        until = x509.load_der_x509_certificate(der).not_valid_after_utc
    except ValueError:
        return Certificate(hashlib.sha256(der).hexdigest(), None)
    return Certificate(hashlib.sha256(der).hexdigest(), round(until.timestamp() * 1000))


def _server_name(host: str) -> str | None:
    """For SNI, which carries names only (RFC 6066)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def _anything_goes() -> ssl.SSLContext:
    """We ask whether the service answers, and tell it nothing: whose certificate it has, and how old its ciphers are, is
    another question."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


_CONTEXT = _anything_goes()
