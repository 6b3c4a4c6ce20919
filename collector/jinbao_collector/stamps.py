"""RFC 3161 time stamps over daily manifests: what a time-stamp authority outside the centre attests to have existed when.

By the `openssl` command: it reads what real authorities send, where the strict libraries refuse certificates that do not stand
in the order of DER. Certificates are judged as of the stamp's own time, so that a token outlives them.
"""

import datetime
import logging
import re
import subprocess
import tempfile
from pathlib import Path

import urllib3

from jinbao_agent.wire import Signed
from jinbao_collector import CollectorError
from jinbao_collector.home import Home, write_durably
from jinbao_config.services import Tsa

log = logging.getLogger(__name__)

_MOST = 64_000
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_TIME = re.compile(r"^Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)


class StampError(CollectorError):
    """There is no time stamp, or it does not hold."""


def check(token: bytes, hashed: str, ca: Path) -> int:
    """When a TSA that one of these certificates speaks for saw this SHA-256, milliseconds UTC. Raises StampError."""
    if not ca.is_file():
        raise StampError(f"{ca}: no such file; it must hold the authority's certificates in PEM")
    if _length(token) != len(token):
        raise StampError("not one time-stamp response: something is missing or follows")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "token.tsr").write_bytes(token)
        said = _openssl(folder, "-reply", "-in", "token.tsr", "-text")
        found = _TIME.search(said)
        if found is None:
            raise StampError("the authority did not grant a time stamp")
        at = datetime.datetime.strptime(" ".join(found.groups()), "%b %d %H:%M:%S %Y").replace(tzinfo=datetime.UTC)
        seconds = str(int(at.timestamp()))
        files = ("-in", "token.tsr", "-CAfile", str(ca.absolute()))
        _openssl(folder, "-verify", "-digest", hashed, "-sha256", *files, "-attime", seconds)
        return int(seconds) * 1000


def request(url: str, signed: Signed, ca: Path | None) -> bytes:
    """A token over a manifest's head, asked of the TSA at `url`; checked if its certificates are known. Raises StampError."""
    with tempfile.TemporaryDirectory() as folder:
        query = Path(folder) / "query.tsq"
        _openssl(folder, "-query", "-digest", signed.hash, "-sha256", "-cert", "-out", query.name)
        token = _posted(url, query.read_bytes())
        (Path(folder) / "token.tsr").write_bytes(token)
        if _length(token) != len(token):
            raise StampError(f"{url}: answers something else than a time-stamp response")
        if ca is not None:
            # Against the question: its nonce must come back, so that no older token passes.
            _openssl(folder, "-verify", "-queryfile", query.name, "-in", "token.tsr", "-CAfile", str(ca.absolute()))
        elif "Status: Granted" not in _openssl(folder, "-reply", "-in", "token.tsr", "-text"):
            raise StampError(f"{url}: did not grant a time stamp")
    return token


def _posted(url: str, query: bytes) -> bytes:
    try:
        with urllib3.PoolManager(timeout=_TIMEOUT, retries=False) as pool:
            headers = {"Content-Type": "application/timestamp-query"}
            answer = pool.request("POST", url, body=query, headers=headers, preload_content=False)
            token = answer.read(_MOST)
            answer.release_conn()
    except urllib3.exceptions.HTTPError as problem:
        raise StampError(f"{url}: does not answer: {problem}") from None
    if answer.status != 200:
        raise StampError(f"{url}: answers {answer.status} instead of 200")
    return token


def _openssl(folder: str, *words: str) -> str:
    """What `openssl ts` prints. Raises StampError in its own words."""
    try:
        done = subprocess.run(["openssl", "ts", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        raise StampError("time stamps need the openssl command: install the package openssl") from None
    if done.returncode:
        reasons = re.findall(r"(?::|^)([a-z][a-z0-9 ]{3,60})(?::[^:]*\.c:|$)", done.stderr, re.MULTILINE)
        raise StampError(", ".join(dict.fromkeys(reasons)) or " ".join(done.stderr.split())[:200] or "openssl refuses it")
    return done.stdout


def _length(der: bytes) -> int:
    """Of the DER object that begins here, its head included; 0 if none does (X.690 8.1.3)."""
    if len(der) < 2 or der[0] != 0x30:
        return 0
    if der[1] < 0x80:
        return 2 + der[1]
    size = der[1] & 0x7F
    return 2 + size + int.from_bytes(der[2 : 2 + size], "big")


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
