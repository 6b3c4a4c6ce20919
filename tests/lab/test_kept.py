"""A promise is an acknowledgement the agent holds; a broken one is a batch the journal lacks, or has with other bytes."""

from contextlib import closing
from pathlib import Path

import pytest

from agent_records import BOOT, CLOCK, author, samples
from jinbao_agent.identity import Home
from jinbao_agent.spool import Spool
from jinbao_agent.wire import GENESIS
from jinbao_collector.home import Home as CollectorHome
from jinbao_collector.volume import Volume
from jinbao_lab import kept

Kept = tuple[int, str]


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """The data of an agent with four batches, of which the centre acknowledged three."""
    folder = tmp_path / "agent"
    folder.mkdir()
    spool = Spool(Home(folder).spool)
    for index in range(4):
        spool.append(samples(range(index * 6, index * 6 + 6)), [], boot=BOOT, clock=CLOCK)
        spool.close(author())
    spool.ack(spool.head.chain, 3, "")
    spool.close_file()
    return folder


def journal(store: Path, chain: str, batches: list[Kept]) -> None:
    """A month with these numbers and hashes of one chain."""
    folder = CollectorHome(store).journal
    folder.mkdir(parents=True)
    with closing(Volume.create(folder / "2026-01.db", 1, GENESIS)) as volume:
        volume.db.execute("INSERT INTO sender VALUES (1, 'a01', 'k', ?, 'township')", (chain,))
        for position, (number, hashed) in enumerate(batches, 1):
            row = (position, number, bytes.fromhex(hashed))
            volume.db.execute("INSERT INTO batch VALUES (?, 0, 1, ?, ?, x'', x'', NULL, 0, 0, '[]', NULL)", row)


def test_every_acknowledged_batch_that_is_kept_is_no_loss(agent: Path, tmp_path: Path) -> None:
    promised = list(kept.acknowledged(agent))
    assert [number for _, number, _ in promised] == [1, 2, 3]
    journal(tmp_path / "store", promised[0][0], [(number, hashed) for _, number, hashed in promised])
    assert kept.lost({"a01": agent}, tmp_path / "store") == (3, [])


def test_one_that_is_missing_is_named(agent: Path, tmp_path: Path) -> None:
    promised = list(kept.acknowledged(agent))
    journal(tmp_path / "store", promised[0][0], [(number, hashed) for _, number, hashed in promised if number != 2])
    count, missing = kept.lost({"a01": agent}, tmp_path / "store")
    assert (count, len(missing)) == (3, 1)
    assert missing[0].startswith(f"a01: chain {promised[0][0]} number 2 hash {promised[1][2]}")


def test_one_that_is_kept_with_other_bytes_is_missing(agent: Path, tmp_path: Path) -> None:
    promised = list(kept.acknowledged(agent))
    journal(tmp_path / "store", promised[0][0], [(number, "ab" * 32 if number == 3 else h) for _, number, h in promised])
    assert len(kept.lost({"a01": agent}, tmp_path / "store")[1]) == 1
