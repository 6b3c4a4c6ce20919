"""The same samples as line protocol into real servers on this machine: what `bench/ingest.py` prints beside ours.

VictoriaMetrics is started where it is installed (Debian package `victoria-metrics`); an InfluxDB 2.x is used where
JINBAO_INFLUX_URL, JINBAO_INFLUX_ORG and JINBAO_INFLUX_TOKEN name one, into a bucket of its own that is removed again. One write
a batch, each sender on one kept connection, waiting for its answer before it sends on.
"""

import http.client
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from influxdb_client import InfluxDBClient

from jinbao_agent.wire import Batch, decode_body

NAMES = "JINBAO_INFLUX_URL", "JINBAO_INFLUX_ORG", "JINBAO_INFLUX_TOKEN"


def lines_of(batch: Batch, later_s: int) -> bytes:
    """A point a sample, round trips as integers; what every replica gets. So much later: points that are not there yet."""
    assert batch.body is not None
    samples, _ = decode_body(batch.body, "township", "")
    later_ns = later_s * 10**9
    return b"".join(
        f"probe,link={one.link},target={one.target} rtt_us={one.rtt_us}i {one.sent_us * 1000 + later_ns}\n".encode()
        for one in samples
    )


def write_all(address: str, path: str, token: str, senders: Sequence[Sequence[bytes]]) -> float:
    """Writes a second over all senders. Raises SystemExit at the first answer that is not 204."""
    refused: list[str] = []

    def send(mine: Sequence[bytes]) -> None:
        line = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc)
        for body in mine:
            line.request("POST", path, body, {"Authorization": f"Token {token}"} if token else {})
            answer = line.getresponse()
            text = answer.read()
            if answer.status != 204:
                refused.append(f"{address}: {answer.status} {text[:200]!r}")
                return
        line.close()

    threads = [threading.Thread(target=send, args=(mine,)) for mine in senders]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise SystemExit(refused[0])
    return sum(map(len, senders)) / (time.perf_counter() - begun)


@contextmanager
def victoria(folder: Path) -> Iterator[str | None]:
    """Its address; None where it is not installed."""
    command = next(filter(None, map(shutil.which, ("victoria-metrics", "victoria-metrics-prod"))), None)
    if command is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = [f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y", "-loggerLevel=ERROR"]
    with subprocess.Popen([command, *flags]) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _await(f"{address}/health")
            yield address
        finally:
            process.terminate()


@contextmanager
def influx() -> Iterator[tuple[str, str, str] | None]:
    """Address, path to write to and token, of a bucket of its own; None where no server is named."""
    url, org, token = map(os.environ.get, NAMES)
    if not (url and org and token):
        yield None
        return
    with InfluxDBClient(url, token=token, org=org) as client:
        bucket = client.buckets_api().create_bucket(bucket_name=f"jinbao-bench-{secrets.token_hex(4)}", org=org)
        try:
            words = urllib.parse.urlencode({"org": org, "bucket": bucket.name, "precision": "ns"})
            yield url, f"/api/v2/write?{words}", token
        finally:
            client.buckets_api().delete_bucket(bucket)


def _await(url: str) -> None:
    for _ in range(1500):
        try:
            with urllib.request.urlopen(url, timeout=60):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    raise SystemExit(f"{url}: does not answer")
