"""Ten thousand links on one machine: `python bench/load.py --folder DIR [--links N] [--minutes M]`.

Every link's agent sends a batch of its minute (five rungs, a sample each 10 s), each at its own moment of the minute, over TLS
as agents do, to a real `jinbao-collector serve` with its sealer. Batches are signed before the clock runs. A sender that is
late is not forgiven: an acknowledgement's time counts from when its batch was due.

What to reach (design §10): acknowledgement p99 ≤ 1 s, every follower ≤ 60 s behind, flat memory, on 2 cores. The senders
take their share of the same cores; what each process used is printed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Sample
from jinbao_agent.wire import GENESIS, canonical, make_batch, pack
from jinbao_collector.centre import create
from jinbao_collector.ledger import ENROLMENT, Ledger, LedgerText, row_hash
from jinbao_collector.place import Place
from jinbao_config.services import read_collector

RUNGS = {"lan": 500, "cpe": 900, "edge": 3_000, "core": 9_000, "app": 31_000}
PERIOD_S, CADENCE_MS = 60, 10_000
WATCH_S = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    place = _collector(options.folder, options.port)
    keys = [SigningKey.generate() for _ in range(options.links)]
    _enrol(place, keys)
    requests = _signed(keys, options.minutes)
    seen = _run(place, requests, options)
    return _report(seen, options, sum(map(len, requests)) / len(requests))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="on the disk to be measured; `data` in it is made anew")
    parser.add_argument("--links", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--port", type=int, default=18_443)
    parser.add_argument("--replica", action="append", default=[], metavar="TOML", help="a [[replica]] table for collector.toml")
    return parser.parse_args()


# Before the clock runs


def _collector(folder: Path, port: int) -> Place:
    shutil.rmtree(folder / "data", ignore_errors=True)
    (folder / "links.toml").write_text('schema = "jinbao.links/1"\n[[link]]\ncode = "510422101"\nname = "x"\n')
    (folder / "contract.toml").write_text("")
    (folder / "collector.toml").write_text(
        f'schema = "jinbao.collector/1"\ndata = "data"\nlisten = "127.0.0.1:{port}"\nnames = ["127.0.0.1"]\n'
        # All agents share one address here, which is no reason to turn them away.
        "refuse = { per_minute = 100000000 }\n"
    )
    place = Place.of(read_collector(folder / "collector.toml"))
    create(place, time.time_ns() // 1_000_000)
    return place


def _enrol(place: Place, keys: list[SigningKey]) -> None:
    """As if each had been invited; one by one it would take an hour of fsyncs."""
    rows, prev, now = [], GENESIS, time.time_ns() // 1_000_000
    for number, key in enumerate(keys):
        facts = canonical(
            {
                "agent": _name(number),
                "vantage": "township",
                "links": [_link(number)],
                "nonce": "",
                "public": key.public.text,
                "install": "i" * 32,
                "predecessor": None,
            }
        )
        hashed = row_hash(number + 1, now, ENROLMENT, facts, prev)
        rows.append(LedgerText(number + 1, now, ENROLMENT, facts, prev, hashed))
        prev = hashed
    place.home.ledger.unlink()
    Ledger.restore(place.home.ledger, rows).close()


def _signed(keys: list[SigningKey], minutes: int) -> list[bytes]:
    """The requests of the first minute, agent by agent, then those of the second …"""
    start_ms = (time.time_ns() // 1_000_000 // 3_600_000) * 3_600_000
    heads, chains = [GENESIS] * len(keys), [secrets.token_hex(16) for _ in keys]
    requests = []
    for minute in range(minutes):
        for number, key in enumerate(keys):
            header = {
                "agent": _name(number), "vantage": "township", "chain": chains[number], "number": minute + 1,
                "prev": heads[number], "seen": "", "boot": "4d2f6d36-6a2c-4c3c-9d57-9d6f0c1c2b3a", "install": "i" * 32,
                "version": "0.1.0", "clock": {"sync": 1, "maxerror_us": 900, "esterror_us": 10, "state": "OK"},
            }  # fmt: skip
            batch = make_batch(header, list(minute_of(number, start_ms + minute * PERIOD_S * 1000, minute)), (), key)
            heads[number] = batch.signed.hash
            requests.append(pack([batch]))
        print(f"signed minute {minute + 1} of {minutes}", file=sys.stderr)
    return requests


def minute_of(number: int, start_ms: int, minute: int) -> Iterator[Sample]:
    """An agent's samples of one minute."""
    phase_us = number * 7919 % 10_000_000
    for slot in range(PERIOD_S * 1000 // CADENCE_MS):
        at_us = (start_ms + slot * CADENCE_MS) * 1000 + phase_us
        for place, (target, base) in enumerate(RUNGS.items()):
            late = int(random.expovariate(1 / 400)) + place * 40
            yield Sample(
                link=_link(number),
                vantage="township",
                target=target,
                sent_us=at_us + late,
                outcome="reply",
                rtt_us=int(base * random.lognormvariate(0, 0.08)),
                boot="",
                seq=minute * 6 + slot,
                mono_us=10**10 + minute * 60_000_000 + slot * 10_000_000 + late,
                interval_ms=CADENCE_MS,
            )


def _name(number: int) -> str:
    return f"tw-{number:05d}"


def _link(number: int) -> str:
    return f"51{number:07d}"


# The clock runs


@dataclass
class Seen:
    """`acks` are seconds from due to acknowledged; `watched` rows of second, megabytes and processor seconds of the service,
    the same of its followers, rows and seconds behind."""

    acks: array = field(default_factory=lambda: array("d"))  # type: ignore[type-arg]
    refused: int = 0
    broken: int = 0
    connections: int = 0
    watched: list[tuple[float, ...]] = field(default_factory=list)
    senders_s: float = 0.0


def _run(place: Place, requests: list[bytes], options: argparse.Namespace) -> Seen:
    with (place.file).open("a") as config:
        config.write("".join(f"\n{table}\n" for table in options.replica))
    command = [sys.executable, "-m", "jinbao_collector.cli", "--config", str(place.file), "serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            json.loads(service.stdout.readline())
            return asyncio.run(_send_all(place, requests, options, service.pid))
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(120)


async def _send_all(place: Place, requests: list[bytes], options: argparse.Namespace, service: int) -> Seen:
    seen, trust = Seen(), ssl.create_default_context(cafile=str(place.home.keys / "ca.pem"))
    begun, used = time.monotonic() + 1, time.process_time()
    watcher = asyncio.create_task(_watch(seen, begun, service, trust, options.port))
    order = random.sample(range(options.links), options.links)
    agents = [
        _agent(seen, requests[number :: options.links], begun + PERIOD_S * place / options.links, trust, options.port)
        for place, number in enumerate(order)
    ]
    await asyncio.gather(*agents)
    await asyncio.sleep(2 * WATCH_S)
    watcher.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watcher
    seen.senders_s = time.process_time() - used
    return seen


async def _agent(seen: Seen, requests: list[bytes], due: float, trust: ssl.SSLContext, port: int) -> None:
    """Keeps its connection while the centre does, as agents do."""
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for request in requests:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        status = 0
        for _ in range(2):
            try:
                if line is None:
                    line = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
                    seen.connections += 1
                status = await _post(*line, request)
                break
            except (OSError, asyncio.IncompleteReadError):
                # Closed by the centre in the meantime, as idle connections are; once more on a new one.
                line = None
        seen.acks.append(time.monotonic() - due)
        seen.refused += status not in (0, 200)
        seen.broken += status == 0
        due += PERIOD_S
    if line is not None:
        line[1].close()


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    kind = "Content-Type: application/octet-stream"
    head = f"POST /v1/batches HTTP/1.1\r\nHost: centre\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    return (await _answer(reader))[0]


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


async def _watch(seen: Seen, begun: float, service: int, trust: ssl.SSLContext, port: int) -> None:
    while True:
        await asyncio.sleep(WATCH_S)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: centre\r\nConnection: close\r\n\r\n")
        _, body = await _answer(reader)
        writer.close()
        followers = json.loads(body)["followers"]
        rows, waiting = max(one["behind_rows"] for one in followers), max(one["waiting_ms"] for one in followers) / 1000
        processes = [_process(pid) for pid in (service, *_children(service))]
        of_others = [sum(column) for column in zip(*processes[1:], strict=True)] or [0.0, 0.0]
        seen.watched.append((time.monotonic() - begun, *processes[0], *of_others, rows, waiting))
        second, service_mb, service_s, follower_mb, follower_s, rows, waiting = seen.watched[-1]
        ours = f"service {service_mb:5.0f} MB {service_s:6.1f} s   followers {follower_mb:4.0f} MB {follower_s:6.1f} s"
        print(f"{second:4.0f} s  {ours}   behind {rows:6.0f} rows {waiting:5.1f} s", file=sys.stderr)


def _process(pid: int) -> tuple[float, float]:
    """Resident megabytes and processor seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6, (int(fields[11]) + int(fields[12])) / TICKS


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def _report(seen: Seen, options: argparse.Namespace, request: float) -> int:
    acks, seconds = sorted(seen.acks), options.minutes * PERIOD_S
    p50, p99, p999, most = (acks[min(len(acks) - 1, int(len(acks) * part))] for part in (0.5, 0.99, 0.999, 1))
    third = len(seen.watched) // 3
    early, late = seen.watched[third], seen.watched[-1]
    behind = max(row[6] for row in seen.watched)
    print(f"{options.links} links, {len(acks)} batches of {len(RUNGS) * 6} samples, {request:.0f} bytes each, in {seconds} s")
    print(f"acknowledged after   p50 {p50:.3f} s   p99 {p99:.3f} s   p99.9 {p999:.3f} s   worst {most:.3f} s   (reach p99 1 s)")
    print(f"not acknowledged     {seen.refused} refused, {seen.broken} broken; {seen.connections} connections made")
    print(f"furthest behind      {behind:.1f} s, {max(row[5] for row in seen.watched):.0f} rows   (reach 60 s)")
    print(f"resident after 1/3   service {early[1]:.0f} MB   followers {early[3]:.0f} MB")
    print(f"resident at the end  service {late[1]:.0f} MB   followers {late[3]:.0f} MB   (reach: the same)")
    shares = late[2] / late[0], late[4] / late[0], seen.senders_s / late[0]
    print("of a processor       service {:.2f}   followers {:.2f}   senders {:.2f}".format(*shares))
    good = p99 <= 1 and behind <= 60 and not seen.refused and not seen.broken
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
