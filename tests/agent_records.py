"""Records as an agent makes them, and what an agent's spool holds, for the tests of spool, recorder and upload."""

import contextlib
import random
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path

from jinbao_agent.chain import Author
from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Event, Sample
from jinbao_agent.spool import Spool
from jinbao_agent.wire import GENESIS, Batch, Signed, decode_body

LINK, BOOT = "510422101", "boot-1"
CLOCK = {"sync": 1, "maxerror_us": 900, "esterror_us": 20, "state": "OK"}
T0_US = 1_617_206_400_000_000


def author(agent: str = "yanbian-01", key: SigningKey | None = None) -> Author:
    return Author(agent, "install-1", "0.1.0", key or SigningKey.generate())


def sample(number: int, *, target: str = "core", outcome: str = "reply", boot: str = BOOT) -> Sample:
    """Probe `number` of a rung, ten seconds after the one before."""
    return Sample(
        link=LINK,
        vantage="township",
        target=target,
        sent_us=T0_US + number * 10_000_000,
        outcome=outcome,
        rtt_us=random.Random(number).randrange(10**6) if outcome == "reply" else None,
        boot=boot,
        seq=number,
        mono_us=number * 10_000_000 + 77,
        interval_ms=10_000,
    )


def samples(numbers: Iterable[int]) -> list[Sample]:
    return [sample(number) for number in numbers]


def event(kind: str, number: int, *, boot: str = BOOT) -> Event:
    return Event(link=LINK, vantage="township", at_us=T0_US + number * 10_000_000, event=kind, boot=boot)


def batches_of(spool: Spool) -> list[Batch]:
    """All batches that wait, in order, whatever their chain."""
    found: list[Batch] = []
    after = 0
    while rows := spool.waiting(after, 1000, 10**9):
        found.extend(row.batch for row in rows)
        after = rows[-1].id
    return found


def records_of(batches: Iterable[Batch]) -> tuple[list[Sample], list[Event]]:
    """What stands in the bodies."""
    found: tuple[list[Sample], list[Event]] = ([], [])
    for batch in batches:
        fields = batch.fields()
        assert batch.body is not None
        for kept, more in zip(found, decode_body(batch.body, fields["vantage"], fields["boot"]), strict=True):
            kept.extend(more)  # type: ignore[arg-type]  # samples to samples, events to events
    return found


def check_chain(batches: Iterable[Batch]) -> None:
    """Each chain is numbered from 1 without a gap, and each batch names the one before it."""
    heads: dict[str, tuple[int, str]] = {}
    for batch in batches:
        fields = batch.fields()
        number, hash = heads.get(fields["chain"], (0, GENESIS))
        assert (fields["number"], fields["prev"]) == (number + 1, hash)
        heads[fields["chain"]] = (fields["number"], batch.signed.hash)


def everything_in(file: Path) -> tuple[list[Batch], list[Sample], list[Event]]:
    """Batches of a spool file, and all its samples and events, closed and open. The file is only read."""
    spool = Spool.reading(file)
    try:
        batches = batches_of(spool)
        closed, events = records_of(batches)
        for records in spool.open_records():
            closed.extend(records.samples)
            events.extend(records.events)
        return batches, closed, events
    finally:
        spool.close_file()


def ring_of(file: Path) -> tuple[list[Sample], list[Event]]:
    """What a spool still has of what the centre acknowledged. The file is only read."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT head, signature, packed FROM batch JOIN body USING (id) WHERE acked = 1 ORDER BY id"
        ).fetchall()
    return records_of(Batch(Signed(head, signature), zlib.decompress(packed)) for head, signature, packed in rows)
