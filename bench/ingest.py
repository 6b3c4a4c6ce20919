"""Durable ingest beside its physical floor, in one run on one disk: `python bench/ingest.py [--batches N] [--folder DIR]`.

The floor is the least any durable receiver can do: append the bytes of one batch of 60 samples to a file and wait for
fdatasync, in a loop. Ours takes the same batches as requests: inflate, verify the signature, check, place in the chain, write
to the journal, wait for the sync, sign the acknowledgement. Senders wait for their answer before they send on, as agents do.

Beside it in the same run, the same samples as line protocol over HTTP into InfluxDB 2.x, which syncs its log too, and
VictoriaMetrics, which does not: what it has answered for may be gone for seconds after a crash. See bench/ingest_peers.py.

What to reach (design §10): at least 0.8 of the floor. Ours is bound by the processor, the floor by the disk: where a sync takes
longer than a batch costs processor time, group commit makes ours the faster of the two. Both costs are printed.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest_peers import NAMES, influx, lines_of, victoria, write_all

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Sample
from jinbao_agent.wire import GENESIS, Batch, make_batch, pack
from jinbao_collector.admission import RefusedRing
from jinbao_collector.agents import Member, Roster
from jinbao_collector.ingest import Intake
from jinbao_collector.journal import Journal
from jinbao_collector.metrics import Metrics
from jinbao_config.services import Refusal

SAMPLES = 60
RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
START_MS = 1_617_940_800_000
LATER_MS = START_MS + 20 * 86_400_000
_UNNAMED = f"skipped: {', '.join(NAMES)} name no server"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def main() -> int:
    options = _options()
    keys = [SigningKey.generate() for _ in range(options.senders)]
    print(f"signing {options.batches} batches of {SAMPLES} samples from {options.senders} senders …", file=sys.stderr)
    chains = [_chain(key, number, options.batches // options.senders) for number, key in enumerate(keys)]
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        rounds = [_round(Path(scratch) / str(number), keys, chains, options.together) for number in range(options.rounds)]
        peers = list(_peers(Path(scratch), chains, options))
    floor, rate, cost = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    print(f"bare append + fdatasync  {floor:8.0f} batches/s  {floor * SAMPLES:9.0f} samples/s  {1e6 / floor:5.0f} us a sync")
    print(
        f"verify, journal, ack     {rate:8.0f} batches/s  {rate * SAMPLES:9.0f} samples/s  {cost:5.0f} us of processor a batch"
    )
    print(f"ratio                    {rate / floor:8.2f}  (reach 0.8; medians of {options.rounds} rounds)")
    for name, of_peer in peers:
        if isinstance(of_peer, str):
            print(f"{name:<24} {of_peer}")
        else:
            print(f"{name:<24} {of_peer:8.0f} batches/s  {of_peer * SAMPLES:9.0f} samples/s")
    return 0 if rate >= 0.8 * floor else 1


def _peers(scratch: Path, chains: Sequence[Sequence[Batch]], options: argparse.Namespace) -> Iterator[tuple[str, float | str]]:
    """Name, and batches a second or why there is no figure."""
    rounds = [
        [[lines_of(batch, number * 40 * 86_400) for batch in chain] for chain in chains] for number in range(options.rounds)
    ]
    with influx() as server:
        name = "InfluxDB 2, over HTTP"
        yield name, statistics.median(write_all(*server, one) for one in rounds) if server else _UNNAMED
    with victoria(scratch / "victoria") as address:
        name = "VictoriaMetrics, HTTP"
        rates = (write_all(address, "/write", "", one) for one in rounds) if address else ()
        yield name, statistics.median(rates) if address else "skipped: the package victoria-metrics is not installed"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=12_000, help="in each round")
    parser.add_argument("--senders", type=int, default=24, help="agents that send at the same time")
    parser.add_argument("--together", type=int, default=1, help="batches in one request; agents with a backlog send many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    return parser.parse_args()


def _chain(key: SigningKey, number: int, count: int) -> list[Batch]:
    """One agent's batches, a minute each, with round trips that do not compress."""
    chain, prev, batches = secrets.token_hex(16), GENESIS, []
    for index in range(count):
        header = {
            "agent": f"tw-{number:02d}", "vantage": "township", "chain": chain, "number": index + 1, "prev": prev,
            "seen": GENESIS, "boot": "4d2f6d36-6a2c-4c3c-9d57-9d6f0c1c2b3a", "install": "i" * 32, "version": "0.1.0",
            "clock": {"sync": 1, "maxerror_us": 900, "esterror_us": 10, "state": "OK"},
        }  # fmt: skip
        batch = make_batch(header, _minute(_link(number), index), (), key)
        prev = batch.signed.hash
        batches.append(batch)
    return batches


def _link(number: int) -> str:
    return f"5104{number:05d}"


def _minute(link: str, index: int) -> list[Sample]:
    noise = secrets.token_bytes(4 * SAMPLES)
    return [
        Sample(
            link=link,
            vantage="township",
            target=RUNGS[place % 6],
            sent_us=(START_MS + index * 60_000 + place // 6 * 6_000) * 1000 + noise[place],
            outcome="reply",
            rtt_us=2000 + noise[SAMPLES + place] * 8 + noise[2 * SAMPLES + place] % 8,
            boot="",
            seq=index * 10 + place // 6,
            mono_us=(index * 60_000 + place // 6 * 6_000) * 1000 + noise[place],
            interval_ms=6_000,
        )
        for place in range(SAMPLES)
    ]


def _round(
    folder: Path, keys: Sequence[SigningKey], chains: Sequence[Sequence[Batch]], together: int
) -> tuple[float, float, float]:
    """Batches a second of the floor and of ours, and microseconds of processor a batch of ours."""
    folder.mkdir()
    requests = [[pack(chain[at : at + together]) for at in range(0, len(chain), together)] for chain in chains]
    count = sum(map(len, chains))
    single = [pack([batch]) for chain in chains for batch in chain]
    floor = count / _timed(lambda: _append_all(folder / "floor", single))
    intake, journal = _intake(folder, keys)
    begun = time.process_time()
    try:
        ours = count / _timed(lambda: _send_all(intake, requests))
        if journal.position != count:
            raise SystemExit(f"{journal.position} of {count} batches were kept")
    finally:
        intake.close()
        journal.close()
    return floor, ours, (time.process_time() - begun) / count * 1e6


def _append_all(file: Path, requests: Sequence[bytes]) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for request in requests:
        os.write(handle, request)
        os.fdatasync(handle)
    os.close(handle)


def _send_all(intake: Intake, requests: Sequence[Sequence[bytes]]) -> None:
    async def send(mine: Sequence[bytes], address: str) -> None:
        for request in mine:
            answer = await asyncio.wrap_future(intake.receive(request, address))
            if answer.status != 200:
                raise SystemExit(f"{answer.status} {answer.body!r}")

    async def send_together() -> None:
        await asyncio.gather(*(send(mine, f"10.0.0.{number}") for number, mine in enumerate(requests)))

    asyncio.run(send_together())


def _intake(folder: Path, keys: Sequence[SigningKey]) -> tuple[Intake, Journal]:
    members = {
        key.public.fingerprint: Member(f"tw-{number:02d}", "township", (_link(number),), key.public, "i" * 32, START_MS)
        for number, key in enumerate(keys)
    }
    roster, signing = Roster(members), SigningKey.generate()
    Journal.create(folder / "journal", SHANGHAI, START_MS)
    journal = Journal(folder / "journal", signing, lambda: roster, SHANGHAI)
    # The rate limit is not what is measured.
    bounds, ring = Refusal(per_minute=10**9), RefusedRing(folder / "ring")
    intake = Intake(journal, lambda: roster, signing, bounds, ring, Metrics(), lambda: "", {}, lambda: LATER_MS)
    return intake, journal


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
