"""The centre's keys: a CA for TLS, and the key that signs acks, enrolments and manifests.

TLS gives privacy; authenticity rests on the signing key alone (docs/wire.md). So the server's certificate may be replaced at
any start, while CA and signing key are made once, by `init`.
"""

import datetime
import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jinbao_agent.keys import SigningKey
from jinbao_collector import CollectorError
from jinbao_collector.home import sync_directory, write_durably

CA_YEARS = 30
# Apple and some TLS libraries refuse server certificates that live longer.
_SERVER_DAYS = 820
_RENEW_DAYS = 60


class AuthorityError(CollectorError):
    """The keys are missing, exposed, or there already."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Authority:
    """The keys of one collector, in its directory `keys/`."""

    directory: Path
    signing: SigningKey
    ca: x509.Certificate
    _ca_key: ec.EllipticCurvePrivateKey
    _invitations: bytes

    @classmethod
    def create(cls, directory: Path, now_ms: int) -> "Authority":
        """Makes all keys. Raises AuthorityError if there are any: a second CA would lock every agent out."""
        if directory.exists():
            raise AuthorityError(f"{directory}: holds keys already; init never overwrites them")
        # Made aside and renamed, so that an init cut short leaves nothing that looks like keys.
        draft = directory.with_name(f".{directory.name}.{os.getpid()}")
        draft.mkdir(mode=0o700, parents=True)
        signing = SigningKey.generate()
        signing.save(draft / "collector.key")
        write_durably(draft / "collector.pub", signing.public.pem())
        ca_key = ec.generate_private_key(ec.SECP256R1())
        _save_private(draft / "ca.key", ca_key)
        write_durably(draft / "ca.pem", _pem(_ca_certificate(ca_key, now_ms)))
        write_durably(draft / "invite.key", secrets.token_bytes(32), 0o600)
        draft.rename(directory)
        sync_directory(directory.parent)
        return cls.load(directory)

    @classmethod
    def load(cls, directory: Path) -> "Authority":
        """Raises AuthorityError."""
        try:
            ca_key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
            if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
                raise AuthorityError(f"{directory / 'ca.key'}: not an elliptic-curve key")
            ca = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
            signing = SigningKey.load(directory / "collector.key")
            return cls(directory, signing, ca, ca_key, (directory / "invite.key").read_bytes())
        except (OSError, ValueError) as problem:
            raise AuthorityError(
                f"{directory}: the keys cannot be read ({problem}); run `jinbao-collector init` first"
            ) from None

    @property
    def ca_pem(self) -> bytes:
        return _pem(self.ca)

    @property
    def ca_fingerprint(self) -> str:
        """SHA-256 of the CA certificate's DER: what an enrol code carries."""
        return hashlib.sha256(self.ca.public_bytes(serialization.Encoding.DER)).hexdigest()

    def invitation_secret(self, nonce: str) -> bytes:
        """The 128-bit secret of one invitation. Derived, so that it is stored nowhere, and the ledger shows only its hash."""
        return hmac.digest(self._invitations, f"jinbao-invite/1\n{nonce}\n".encode(), "sha256")[:16]

    def peer_secret(self, link: str, key: str) -> bytes:
        """256 bits that the township's agent with this key's fingerprint shares with the county's over a link. Derived too: a
        new key has a new secret, and old homes need no new file."""
        derived = HKDF(hashes.SHA256(), 32, None, f"jinbao-peer/1\n{link}\n{key}\n".encode())
        return derived.derive(self._invitations)

    def server_files(self, names: Sequence[str], now_ms: int) -> tuple[Path, Path]:
        """Certificate and key for TLS under these names; made anew when the names changed or the end is near."""
        certificate, key = self.directory / "server.pem", self.directory / "server.key"
        if not (certificate.exists() and key.exists() and _serves(certificate, names, now_ms)):
            certificate.unlink(missing_ok=True)
            key.unlink(missing_ok=True)
            private = ec.generate_private_key(ec.SECP256R1())
            _save_private(key, private)
            write_durably(certificate, _pem(self._server_certificate(private, names, now_ms)) + self.ca_pem)
        return certificate, key

    def _server_certificate(self, private: ec.EllipticCurvePrivateKey, names: Sequence[str], now_ms: int) -> x509.Certificate:
        ca_names = self.ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            _certificate("jinbao-collector", private, now_ms, _SERVER_DAYS)
            .issuer_name(self.ca.subject)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_names), critical=False)
        )
        return builder.sign(self._ca_key, hashes.SHA256())


def _ca_certificate(key: ec.EllipticCurvePrivateKey, now_ms: int) -> x509.Certificate:
    builder = (
        _certificate("jinbao-uptime CA", key, now_ms, CA_YEARS * 365)
        .issuer_name(_name("jinbao-uptime CA"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_CA_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


_CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _certificate(subject: str, key: ec.EllipticCurvePrivateKey, now_ms: int, days: int) -> x509.CertificateBuilder:
    # A day back: an agent whose clock is a little behind must not find it "not yet valid".
    begin = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC) - datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days))
    )


def _serves(certificate: Path, names: Sequence[str], now_ms: int) -> bool:
    try:
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        return False
    alternatives = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    left_ms = known.not_valid_after_utc.timestamp() * 1000 - now_ms
    return list(alternatives) == [_general_name(name) for name in names] and left_ms > _RENEW_DAYS * 86_400_000


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _save_private(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_durably(file, pem, 0o600)


def exposed(directory: Path) -> list[Path]:
    """Secret files that others than their owner may read."""
    return [file for file in sorted(directory.glob("*.key")) if file.stat().st_mode & 0o077]
