"""RFC 3161 time stamps over daily manifests: what a time-stamp authority outside the centre attests to have existed when.

Request and answer are rfc3161-client's; certificates are judged as of the stamp's own time, so that a token outlives them.
"""

import hashlib
import logging
from pathlib import Path

import urllib3
from cryptography import x509
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, TimeStampResponse, VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from jinbao_agent.wire import Signed
from jinbao_collector import CollectorError
from jinbao_collector.home import Home, write_durably
from jinbao_config.services import Tsa

log = logging.getLogger(__name__)

_MOST = 64_000
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class StampError(CollectorError):
    """There is no time stamp, or it does not hold."""


def check(token: bytes, hashed: str, ca: Path) -> int:
    """When a TSA that one of these certificates speaks for saw this SHA-256, milliseconds UTC. Raises StampError."""
    response = _decoded(token)
    builder = VerifierBuilder(roots=_certificates(ca))
    try:
        builder.build().verify(response, bytes.fromhex(hashed))
    except VerificationError as problem:
        raise StampError(str(problem)) from None
    _check_algorithm(response)
    return int(response.tst_info.gen_time.timestamp() * 1000)


def request(url: str, signed: Signed, ca: Path | None) -> bytes:
    """A token over a manifest's head, asked of the TSA at `url`. Raises StampError."""
    asked = TimestampRequestBuilder(data=signed.head, hash_algorithm=HashAlgorithm.SHA256).build()
    try:
        with urllib3.PoolManager(timeout=_TIMEOUT, retries=False) as pool:
            headers = {"Content-Type": "application/timestamp-query"}
            answer = pool.request("POST", url, body=asked.as_bytes(), headers=headers, preload_content=False)
            token = answer.read(_MOST)
            answer.release_conn()
    except urllib3.exceptions.HTTPError as problem:
        raise StampError(f"{url}: does not answer: {problem}") from None
    if answer.status != 200:
        raise StampError(f"{url}: answers {answer.status} instead of 200")
    response = _decoded(token)
    _check_algorithm(response)
    if (
        response.tst_info.nonce != asked.nonce
        or response.tst_info.message_imprint.message != hashlib.sha256(signed.head).digest()
    ):
        raise StampError(f"{url}: the token is over something else than was asked")
    if ca is not None:
        check(token, signed.hash, ca)
    return token


class Stamper:
    """Keeps a token over the newest manifest: the chain of manifests makes it speak for all days before."""

    def __init__(self, home: Home, tsa: Tsa | None, folder: Path) -> None:
        """`folder`: where a relative `ca` is looked for."""
        self._home, self._tsa, self._failing = home, tsa, ""
        self._ca = folder / tsa.ca if tsa and tsa.ca else None

    def stamp(self, day: str, signed: Signed) -> bool:
        """Asks for a token over a day's manifest if there is none; whether there is one now. What fails is said once."""
        file = self._home.token(day)
        if self._tsa is None or file.exists():
            return file.exists()
        try:
            token = request(self._tsa.url, signed, self._ca)
            file.parent.mkdir(exist_ok=True)
            write_durably(file, token)
        except (StampError, OSError) as problem:
            if self._failing != str(problem):
                log.warning("the manifest of %s has no time stamp yet: %s", day, problem)
            self._failing = str(problem)
            return False
        self._failing = ""
        return True


def _decoded(token: bytes) -> TimeStampResponse:
    """Raises StampError."""
    try:
        response = decode_timestamp_response(token)
        if response.as_bytes() != token:
            raise StampError("bytes follow the token")
        _ = response.tst_info
    except ValueError as problem:
        raise StampError(f"not a time-stamp response: {problem}") from None
    return response


def _check_algorithm(response: TimeStampResponse) -> None:
    if response.tst_info.message_imprint.hash_algorithm != _SHA256:
        raise StampError("the token is not over a SHA-256")


def _certificates(file: Path) -> list[x509.Certificate]:
    """Raises StampError."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as problem:
        raise StampError(f"{file}: no certificates in PEM: {problem}") from None
