"""What is stated is known from the moment at which it can have been known."""

from dataclasses import replace
from pathlib import Path

from collecting import NOON
from jinbao_collector.entry import Entry
from jinbao_collector.ledger import Ledger
from jinbao_reports.stated import known_at

NOTICE = Entry(id="N1", kind="server_notice", links=("*",), from_=NOON, to=NOON + 1000, author="a", entered_at=NOON - 5000)


def test_an_entry_that_claims_to_be_older_than_its_row_is_not_known_before_its_row(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.db") as ledger:
        ledger.enter([NOTICE, replace(NOTICE, id="N2", entered_at=NOON + 9000)], NOON)
        entries = (*ledger.entries(), replace(NOTICE, id="file"), replace(NOTICE, id="undated", entered_at=None))

    def known(as_of: int | None) -> list[str]:
        return [entry.id for entry in known_at(entries, as_of)]

    assert known(NOON - 1) == ["file", "undated"]
    assert known(NOON) == ["N1", "file", "undated"]
    assert known(NOON + 9000) == known(None) == ["N1", "N2", "file", "undated"]
