"""The centre's certificates, as OpenSSL sees them."""

import subprocess
from pathlib import Path

import pytest

from collecting import NOON
from jinbao_collector.authority import Authority, AuthorityError, exposed

DAY_MS = 86_400_000


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "keys", NOON)


def openssl(*words: str | Path) -> str:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=True).stdout


def test_the_server_certificate_is_issued_by_the_ca_for_its_names(authority: Authority) -> None:
    certificate, key = authority.server_files(["10.0.0.9", "collector.county", "2001:db8::9"], NOON)
    check = [
        "verify",
        "-x509_strict",
        "-attime",
        str(NOON // 1000),
        "-CAfile",
        authority.directory / "ca.pem",
        "-purpose",
        "sslserver",
    ]
    for named in (["-verify_ip", "10.0.0.9"], ["-verify_hostname", "collector.county"], ["-verify_ip", "2001:db8::9"]):
        assert openssl(*check, *named, certificate).endswith(": OK\n")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*check, "-verify_ip", "10.0.0.8", certificate)
    assert openssl("x509", "-in", certificate, "-noout", "-pubkey") == openssl("pkey", "-in", key, "-pubout")


def test_the_code_fingerprint_is_the_one_openssl_prints(authority: Authority) -> None:
    printed = openssl("x509", "-in", authority.directory / "ca.pem", "-noout", "-fingerprint", "-sha256")
    assert printed.strip().rpartition("=")[2].replace(":", "").lower() == authority.ca_fingerprint


def test_the_server_certificate_is_kept_until_names_change_or_its_end_is_near(authority: Authority) -> None:
    def made(names: list[str], now_ms: int) -> bytes:
        return authority.server_files(names, now_ms)[0].read_bytes()

    first = made(["10.0.0.9"], NOON)
    assert made(["10.0.0.9"], NOON + 700 * DAY_MS) == first
    second = made(["10.0.0.9"], NOON + 800 * DAY_MS)
    assert second != first
    assert made(["10.0.0.9", "other"], NOON + 800 * DAY_MS) != second


def test_secrets_are_for_their_owner_alone(authority: Authority) -> None:
    authority.server_files(["10.0.0.9"], NOON)
    assert authority.directory.stat().st_mode & 0o777 == 0o700
    assert exposed(authority.directory) == []
    (authority.directory / "ca.key").chmod(0o640)
    assert exposed(authority.directory) == [authority.directory / "ca.key"]


def test_keys_are_never_made_twice(authority: Authority) -> None:
    with pytest.raises(AuthorityError, match="init never overwrites them"):
        Authority.create(authority.directory, NOON)
    with pytest.raises(AuthorityError, match="run `jinbao-collector init` first"):
        Authority.load(authority.directory / "elsewhere")


def test_each_invitation_has_a_secret_of_its_own(authority: Authority) -> None:
    assert authority.invitation_secret("a") == Authority.load(authority.directory).invitation_secret("a")
    assert authority.invitation_secret("a") != authority.invitation_secret("b")
