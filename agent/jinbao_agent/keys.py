"""Ed25519 keys: an agent's or the centre's voice. Authenticity rests on these alone; TLS only gives privacy (docs/wire.md)."""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key, 32 raw bytes."""

    raw: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw key, hex: the name by which headers and sheets call it."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def text(self) -> str:
        return base64.b64encode(self.raw).decode()

    @classmethod
    def from_text(cls, text: str) -> "VerifyKey":
        """Raises ValueError."""
        raw = base64.b64decode(text, validate=True)
        if len(raw) != 32:
            raise ValueError("an Ed25519 public key has 32 bytes")
        return cls(raw)

    @classmethod
    def from_pem(cls, pem: bytes) -> "VerifyKey":
        """Raises ValueError."""
        public = serialization.load_pem_public_key(pem)
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")
        return cls(public.public_bytes_raw())

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """For `openssl pkeyutl -verify -pubin -rawin`."""
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


class SigningKey:
    """A private key kept in a PEM file only its owner can read."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = VerifyKey(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, file: Path) -> "SigningKey":
        """Raises OSError, or ValueError if the file holds no Ed25519 key."""
        private = serialization.load_pem_private_key(file.read_bytes(), None)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"{file}: not an Ed25519 key")
        return cls(private)

    def save(self, file: Path) -> None:
        """Durably, mode 0600; refuses to overwrite a key (FileExistsError)."""
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)
