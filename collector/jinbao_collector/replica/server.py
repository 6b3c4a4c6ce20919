"""One server written to through influxdb-client, and what its answers mean.

Seen on InfluxDB 2.7: 400 takes no line of a request, 422 takes all lines but those it complains of (another type of field, or
older than the bucket keeps). VictoriaMetrics takes the same requests, answers 204 also to what it drops, and has on disk what
it acknowledged some seconds before.
"""

import contextlib
import email.utils
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from jinbao_collector.replica import BUCKET, BUSY, FORBIDDEN, REFUSED, TOKEN, TOO_LARGE, UNREACHABLE, ReplicaTrouble
from jinbao_config.replicas import ReplicaConfig

_TIMEOUT_MS = 30_000
_MOST_TEXT = 300
_START = re.compile(r"^process_start_time_seconds (\S+)", re.MULTILINE)


class Server:
    """Raises ReplicaTrouble for whatever it is asked."""

    def __init__(self, config: ReplicaConfig, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        """Paths of the configuration are relative to `folder`. The token is read anew: whoever renews it need not restart."""
        self.config = config
        self._where = Token(config, folder, environment)
        ca_file = None if config.ca_file is None else str(folder / config.ca_file)
        self._client = InfluxDBClient(
            config.url,
            token=self._where.read() or "none",
            org=config.org or "-",
            timeout=_TIMEOUT_MS,
            enable_gzip=True,
            retries=False,
            ssl_ca_cert=ca_file,
        )
        self._http = urllib3.PoolManager(timeout=10, retries=False, ca_certs=ca_file)
        # Its other kinds of writing lose what waits in memory when the process ends, or give up after some minutes.
        self._writing = self._client.write_api(write_options=SYNCHRONOUS)

    def close(self) -> None:
        self._writing.close()
        self._client.close()
        self._http.clear()

    def write(self, lines: Sequence[bytes]) -> None:
        """All lines are with the server when this returns."""
        try:
            self._writing.write(self.config.bucket or "-", record=b"\n".join(lines), write_precision="us")
        except ApiException as problem:
            raise self._trouble(problem) from None
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise self._unreachable(problem) from None

    def started(self) -> str:
        """When the process that answers was started, where that matters; "" where what is acknowledged is on disk."""
        if self.config.kind == "influxdb":
            self._get("/ping", (200, 204))
            return ""
        found = _START.search(self._get("/metrics", (200,)))
        if found is None:
            message = f"{self.config.url}/metrics: does not say when it was started; is it a VictoriaMetrics?"
            raise ReplicaTrouble(UNREACHABLE, message)
        return found[1]

    def _get(self, path: str, good: tuple[int, ...]) -> str:
        try:
            answer = self._http.request("GET", self.config.url + path)
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise self._unreachable(problem) from None
        if answer.status not in good:
            raise ReplicaTrouble(UNREACHABLE, f"{self.config.url}{path}: {answer.status}: does not answer as such a server")
        return answer.data.decode(errors="replace")

    def _unreachable(self, problem: Exception) -> ReplicaTrouble:
        return ReplicaTrouble(UNREACHABLE, f"{self.config.url}: cannot be reached: {_short(str(problem))}")

    def _trouble(self, problem: ApiException) -> ReplicaTrouble:
        status, config = int(problem.status or 0), self.config
        said = f"{status}: {_said(problem.body)}"
        if status == 401:
            message = f"the token is not known there, it was deleted or mistyped; put a good one into {self._where} ({said})"
            return ReplicaTrouble(TOKEN, f"{config.url}: {message}")
        if status == 403:
            message = f"the token may not write into bucket {config.bucket!r} ({said}); allow it, or renew {self._where}"
            return ReplicaTrouble(FORBIDDEN, f"{config.url}: {message}")
        if status == 404:
            message = (
                f"has no such place for org {config.org!r}, bucket {config.bucket!r} ({said}); make it, or correct the names"
            )
            return ReplicaTrouble(BUCKET, f"{config.url}: {message}")
        if status == 413:
            return ReplicaTrouble(TOO_LARGE, f"{config.url}: {said}")
        if status in (400, 422):
            return ReplicaTrouble(REFUSED, said)
        if status in (408, 429) or status >= 500:
            return ReplicaTrouble(BUSY, f"{config.url}: asks for patience ({said})", _retry_after(problem.headers))
        if status == 0:
            return ReplicaTrouble(UNREACHABLE, f"{config.url}: cannot be reached: {_short(str(problem.reason))}")
        return ReplicaTrouble(UNREACHABLE, f"{config.url}: does not answer as such a server ({said})")


class Token:
    """Where a replica's token stands; printed, it names the place and never the token."""

    def __init__(self, config: ReplicaConfig, folder: Path, environment: Mapping[str, str]) -> None:
        self._file = None if config.token_file is None else folder / config.token_file
        self._name, self._environment = config.token_env, environment

    def __str__(self) -> str:
        return str(self._file) if self._file else f"${self._name}" if self._name else "token_file"

    def read(self) -> str | None:
        """None where none is needed. Raises ReplicaTrouble."""
        if self._file is None and self._name is None:
            return None
        try:
            token = self._file.read_text().strip() if self._file else self._environment.get(self._name or "", "")
        except (OSError, UnicodeDecodeError) as problem:
            raise ReplicaTrouble(TOKEN, f"{self}: cannot be read: {problem}") from None
        if not token or re.search(r"\s", token):
            raise ReplicaTrouble(TOKEN, f"{self}: is empty or no token; expected one word")
        return token


def _said(body: Any) -> str:
    """The server's own words, out of the JSON they come in."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["message"])
    return _short(text)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Seconds, or a date (RFC 9110 10.2.3)."""
    value = {name.lower(): text for name, text in dict(headers or {}).items()}.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
