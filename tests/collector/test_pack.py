"""A pack gives every byte back, and says so when it cannot."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collecting import Speaker, told
from jinbao_agent.keys import SigningKey
from jinbao_collector.agents import LiveRoster
from jinbao_collector.journal import Journal
from jinbao_collector.ledger import Ledger
from jinbao_collector.pack import Packed, PackError, decode, encode
from jinbao_collector.packing import pack_month
from jinbao_collector.store import open_store
from jinbao_collector.volume import Volume
from jinbao_collector.volume_file import VolumeError

ROWS = st.lists(
    st.builds(
        Packed, st.integers(1, 2**40), st.binary(max_size=60), st.binary(max_size=64), st.none() | st.binary(max_size=90)
    ),
    max_size=12,
)


@settings(deadline=None)
@given(ROWS)
def test_whatever_the_bytes_are_they_come_back(rows: list[Packed]) -> None:
    assert decode(encode(rows)) == rows


def a_day() -> list[Packed]:
    speaker = Speaker("tw-01", "township", "510422101", SigningKey.generate())
    batches = speaker.minutes(1440)
    return [Packed(n, one.signed.head, one.signed.signature, one.body) for n, one in enumerate(batches, 5)]


def test_what_can_be_worked_out_is_not_written() -> None:
    rows = a_day()
    packed = encode(rows)
    assert decode(packed) == rows
    # Of a batch remain its 64 bytes of signature, which nothing can shorten, and its measurements.
    assert len(packed) < len(rows) * (64 + 60)
    assert sum(len(row.head) for row in rows) > len(rows) * 450


def test_a_head_with_the_bytes_that_stand_for_hashes_is_kept_as_it_is() -> None:
    rows = [Packed(1, b"\x01\x02", b"s", b"b"), Packed(2, b"\x02 and \x01", b"s", None)]
    assert decode(encode(rows)) == rows


@pytest.mark.parametrize("at", [0, 3, 40, -1])
def test_a_damaged_pack_is_known_for_one(at: int) -> None:
    packed = bytearray(encode(a_day()[:3]))
    packed[at] ^= 4
    with pytest.raises(PackError):
        decode(bytes(packed))
    with pytest.raises(PackError, match="cut short"):
        decode(b"\x01")


# Files of versions before

V1 = Path(__file__).with_name("kept") / "v1"


def copy_of_v1(folder: Path) -> Path:
    """Made by the code of version 1: April closed, May being written."""
    (folder / "journal").mkdir()
    for file in (V1 / "journal").iterdir():
        (folder / "journal" / file.name).write_bytes(file.read_bytes())
    (folder / "ledger.db").write_bytes((V1 / "ledger.db").read_bytes())
    return folder


def rows_of(file: Path) -> list[tuple[object, ...]]:
    columns = "position, arrived_ms, sender, number, hash, head, signature, body, verdicts"
    with closing(sqlite3.connect(file)) as db:
        return db.execute(f"SELECT {columns} FROM batch").fetchall()


def version_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_file_of_the_version_before_is_brought_up_to_date_when_it_is_written(tmp_path: Path) -> None:
    root = copy_of_v1(tmp_path)
    april, may = sorted((root / "journal").iterdir())
    before = rows_of(april), rows_of(may)
    with open_store(root) as reader:
        said = told(reader)
    with Ledger(root / "ledger.db") as ledger:
        journal = Journal(root / "journal", SigningKey.generate(), LiveRoster(ledger), ZoneInfo("Asia/Shanghai"))
    assert (journal.position, sorted(journal.chains)) == (10, ["tw-01", "tw-02"])
    journal.close()
    assert (rows_of(april), rows_of(may)) == before
    assert [version_in(file) for file in (april, may)] == [0, 2]
    assert pack_month(april)
    assert [version_in(file) for file in (april, may)] == [2, 2]
    with open_store(root) as reader:
        assert told(reader) == said
        assert sum(map(len, said.values())) == 42


def test_a_file_of_a_version_to_come_is_left_alone(tmp_path: Path) -> None:
    root = copy_of_v1(tmp_path)
    may = root / "journal/2021-05.db"
    with closing(sqlite3.connect(may)) as db:
        db.execute("PRAGMA user_version=3")
    before = may.read_bytes()
    with pytest.raises(VolumeError, match=r"2021-05\.db: has version 3, this program knows up to 2; install the newer"):
        Volume(may, writing=True)
    assert may.read_bytes() == before
