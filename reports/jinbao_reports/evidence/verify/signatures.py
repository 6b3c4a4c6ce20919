"""Ed25519 by whatever this machine has: the `cryptography` package, else the `openssl` command, else nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from .chains import Verifies

_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What says "Ed25519" before a raw key (RFC 8410)."""


def verifier() -> Verifies | None:
    """None where signatures cannot be checked."""
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        return by_openssl if shutil.which("openssl") else None
    return by_library


def by_library(key: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def by_openssl(key: bytes, signature: bytes, message: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        files = {"key.der": _SPKI + key, "signature": signature, "message": message}
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in message -sigfile signature"
        return subprocess.run(command.split(), cwd=folder, capture_output=True, check=False).returncode == 0
