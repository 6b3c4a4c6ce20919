"""The ledger: appended to, never changed; and where somebody changed it all the same, the change is seen."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from collecting import NOON
from jinbao_agent.wire import GENESIS, canonical, sha256
from jinbao_collector.entry import Entry
from jinbao_collector.ledger import Ledger, LedgerBroken, LedgerError

CUTOVER = Entry(
    id="L1", kind="exclusion", type="cutover", links=("510422101",), from_=NOON, to=NOON + 7_200_000, author="王", reason="割接"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Ledger.create(tmp_path / "ledger.db").close()
    return tmp_path / "ledger.db"


def test_rows_chain_by_hash_from_genesis(file: Path) -> None:
    with Ledger(file) as ledger:
        assert ledger.head == (0, GENESIS)
        first = ledger.append("note", {"乙": 2, "甲": 1}, NOON)
        second = ledger.append("note", {}, NOON + 1)
        assert (first.prev, second.prev, ledger.head) == (GENESIS, first.hash, (2, second.hash))
        facts = canonical({"乙": 2, "甲": 1})
        assert first.hash == sha256(f"jinbao-ledger/1\n1\n{NOON}\nnote\n{facts}\n{GENESIS}\n".encode())
        ledger.verify()


def test_an_entry_comes_back_as_it_was_entered_with_the_time_it_lacked(file: Path) -> None:
    dated = replace(CUTOVER, id="L2", entered_at=NOON - 5)
    with Ledger(file) as ledger:
        assert ledger.enter([CUTOVER, dated], NOON) == ("L1", "L2")
        assert ledger.entries() == (replace(CUTOVER, entered_at=NOON), dated)
        assert [row.entered_ms for row in ledger.rows()] == [NOON, NOON]


def test_what_is_entered_today_was_not_known_yesterday_whatever_its_author_claims(file: Path) -> None:
    claimed = replace(CUTOVER, entered_at=NOON - 86_400_000)
    with Ledger(file) as ledger:
        ledger.enter([claimed, replace(CUTOVER, id="L2", entered_at=NOON + 60)], NOON)
        entry, early = ledger.entries()
    assert (entry.entered_at, entry.known_ms, early.known_ms) == (NOON - 86_400_000, NOON, NOON + 60)
    assert entry.facts() == claimed.facts(), "the deed is no part of what is stated"
    assert claimed.known_ms == NOON - 86_400_000, "a file has no deed"
    assert CUTOVER.known_ms is None


def test_the_same_file_entered_twice_adds_nothing(file: Path) -> None:
    with Ledger(file) as ledger:
        ledger.enter([CUTOVER], NOON)
        assert ledger.enter([CUTOVER], NOON + 1) == ()
        assert len(ledger.rows()) == 1


def test_an_id_stands_for_one_thing_and_a_refused_file_leaves_nothing(file: Path) -> None:
    with Ledger(file) as ledger:
        ledger.enter([CUTOVER], NOON)
        with pytest.raises(LedgerError, match="'L1': stands in the ledger with other content; a correction"):
            ledger.enter([replace(CUTOVER, id="L0"), replace(CUTOVER, to=NOON + 1)], NOON)
        assert [row.facts["id"] for row in ledger.rows()] == ["L1"]


def test_somebody_else_than_the_author_approves_once(file: Path) -> None:
    with Ledger(file) as ledger:
        ledger.enter([CUTOVER], NOON)
        for approver, entry, words in (("王", "L1", "'王' wrote it"), ("李", "L9", "there is no such entry")):
            with pytest.raises(LedgerError, match=words):
                ledger.approve(entry, approver, NOON)
        ledger.approve("L1", "李", NOON + 60)
        (entry,) = ledger.entries()
        assert (entry.approved, entry.approved_by, entry.approved_at) == (True, "李", NOON + 60)
        with pytest.raises(LedgerError, match="approved already"):
            ledger.approve("L1", "赵", NOON)


def test_sqlite_itself_refuses_to_change_or_remove_a_row(file: Path) -> None:
    with Ledger(file) as ledger:
        ledger.append("note", {}, NOON)
    db = sqlite3.connect(file)
    for statement in ("UPDATE ledger SET entered_ms = 0", "DELETE FROM ledger"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
    db.close()


TAMPERS = {
    "an entry is back-dated": (
        "UPDATE ledger SET entered_ms = 0 WHERE position = 2",
        "row 2 is not as it was entered",
    ),
    "words are changed": ("""UPDATE ledger SET facts = '{"n":9}' WHERE position = 3""", "row 3 is not as it was entered"),
    "another kind": ("UPDATE ledger SET kind = 'approval' WHERE position = 1", "row 1 is not as it was entered"),
    "a row is taken out": ("DELETE FROM ledger WHERE position = 2", "row 2 is missing"),
    "a row is taken out and the gap closed": (
        "DELETE FROM ledger WHERE position = 2; UPDATE ledger SET position = position - 1 WHERE position > 2",
        "row 2 is not as it was entered",
    ),
    "two rows change places": (
        "UPDATE ledger SET position = 9 WHERE position = 2; UPDATE ledger SET position = 2 WHERE position = 3;"
        "UPDATE ledger SET position = 3 WHERE position = 9",
        "row 2 is not as it was entered",
    ),
}


@pytest.mark.parametrize(("deed", "words"), TAMPERS.values(), ids=TAMPERS)
def test_whoever_goes_round_the_triggers_is_found_out(file: Path, deed: str, words: str) -> None:
    with Ledger(file) as ledger:
        for number in range(4):
            ledger.append("note", {"n": number}, NOON + number)
    db = sqlite3.connect(file)
    db.executescript(f"DROP TRIGGER no_update; DROP TRIGGER no_delete; {deed}")
    db.close()
    with Ledger(file) as ledger, pytest.raises(LedgerBroken, match=words):
        ledger.verify()


WRITER = """
import sys; from pathlib import Path; from jinbao_collector.ledger import Ledger
with Ledger(Path(sys.argv[1])) as ledger:
    for number in range(20):
        ledger.append("note", {"n": number}, 0)
"""


def test_processes_append_side_by_side_and_a_reader_follows(file: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(file)]) for _ in range(2)]
    with Ledger(file) as reader:
        while any(writer.poll() is None for writer in writers):
            reader.verify()
        assert [writer.returncode for writer in writers] == [0, 0]
        assert reader.head[0] == 40
        reader.verify()


def test_a_reader_without_write_permission_reads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(file) as ledger:
        ledger.append("note", {}, NOON)
    # Root may write anything, so the answer of the permission check is what has to be replaced.
    monkeypatch.setattr("os.access", lambda *_: False)
    with Ledger(file) as ledger:
        assert ledger.head[0] == 1
        with pytest.raises(LedgerError, match="cannot be written: attempt to write a readonly database"):
            ledger.append("note", {}, NOON)


def test_a_ledger_is_never_begun_anew(file: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="never begun anew"):
        Ledger.create(file)
    with pytest.raises(LedgerError, match="there is no ledger; run `jinbao-collector init` first"):
        Ledger(tmp_path / "other.db")
