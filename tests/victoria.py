"""A real VictoriaMetrics on loopback."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = next(filter(None, map(shutil.which, ("victoria-metrics", "victoria-metrics-prod"))), None)


@contextmanager
def victoria(folder: Path) -> Iterator[str]:
    """Its address. Skips where there is none: apt-get install victoria-metrics."""
    if COMMAND is None:
        pytest.skip("needs VictoriaMetrics: apt-get install victoria-metrics")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    flags = [f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    flags += ["-dedup.minScrapeInterval=1ms", "-memory.allowedBytes=256MB", "-loggerLevel=ERROR"]
    with subprocess.Popen([COMMAND, *flags]) as process:
        try:
            _await(address, process)
            yield address
        finally:
            process.terminate()


def flush(address: str) -> None:
    """What was written can be asked for."""
    with urllib.request.urlopen(f"{address}/internal/force_flush", timeout=60):
        pass


def _await(address: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=60):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)  # nothing tells when it listens
    raise RuntimeError(f"{COMMAND} ended with {process.returncode}")
