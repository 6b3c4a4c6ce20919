"""What a sample takes in the journal, before and after its month is packed: `python bench/packed.py [--days N]`.

Twelve agents of townships (five rungs, a sample each 10 s, a batch a minute) and the county's (the same rungs of all twelve
links). Round trips and delays are noise, as they are. What to reach (design §10): 9 bytes a sample.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ingest import SHANGHAI
from load import PERIOD_S, minute_of

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Sample
from jinbao_agent.wire import GENESIS, make_batch
from jinbao_collector.agents import Member, Roster
from jinbao_collector.arrival import examine
from jinbao_collector.journal import Journal
from jinbao_collector.packing import pack_month
from jinbao_collector.volume_file import month_files

START_MS = 1_617_940_800_000
LINKS, DAY, MONTH_MS = 12, 1440, 31 * 86_400_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=1)
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "journal"
        Journal.create(folder, SHANGHAI, START_MS)
        count = _fill(folder, days)
        file = month_files(folder)[0]
        plain, begun = file.stat().st_size, time.process_time()
        if not pack_month(file):
            raise SystemExit("the month is being read")
        seconds, packed = time.process_time() - begun, file.stat().st_size
    print(f"{count} samples, {days} day(s) of {LINKS} townships and the county")
    print(f"as written  {plain / count:6.2f} bytes a sample")
    print(f"packed      {packed / count:6.2f} bytes a sample   (reach 9)")
    print(f"packing     {seconds / count * 1e6:6.2f} us of processor a sample, every byte compared")
    return 0 if packed <= 9 * count else 1


def _fill(folder: Path, days: int) -> int:
    keys = [SigningKey.generate() for _ in range(LINKS + 1)]
    members = {key.public.fingerprint: _member(number, key) for number, key in enumerate(keys)}
    journal, count, heads = Journal(folder, SigningKey.generate(), lambda: Roster(members), SHANGHAI), 0, [GENESIS] * len(keys)
    for minute in range(days * DAY + 1):
        # The last one comes in the next month, and closes this one.
        now = START_MS + minute * PERIOD_S * 1000 + (MONTH_MS if minute == days * DAY else 0)
        for number, key in enumerate(keys):
            samples = list(_samples(number, minute))
            header = {
                "agent": f"a{number}", "vantage": members[key.public.fingerprint].vantage, "chain": f"{number:032x}",
                "number": minute + 1, "prev": heads[number], "seen": GENESIS, "install": "i" * 32, "version": "0.1.0",
                "boot": "4d2f6d36-6a2c-4c3c-9d57-9d6f0c1c2b3a",
                "clock": {"sync": 1, "maxerror_us": 900 + minute % 50, "esterror_us": 10, "state": "OK"},
            }  # fmt: skip
            batch = make_batch(header, samples, (), key)
            heads[number] = batch.signed.hash
            journal.append([[examine(batch, batch.signed.fields(), members[key.public.fingerprint], now)]])
            count += len(samples) if minute < days * DAY else 0
    journal.close()
    return count


def _member(number: int, key: SigningKey) -> Member:
    vantage, links = ("county", ("*",)) if number == LINKS else ("township", (f"51{number:07d}",))
    return Member(f"a{number}", vantage, links, key.public, "i" * 32, START_MS)


def _samples(number: int, minute: int) -> Iterator[Sample]:
    start_ms = START_MS + minute * PERIOD_S * 1000
    if number < LINKS:
        yield from minute_of(number, start_ms, minute)
        return
    for link in range(LINKS):
        yield from (replace(one, vantage="county") for one in minute_of(link, start_ms, minute))


if __name__ == "__main__":
    sys.exit(main())
