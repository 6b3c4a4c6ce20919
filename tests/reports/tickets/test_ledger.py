"""A carrier's list beside what the ledger knows: what is new, what is more, what contradicts; and what is entered of it."""

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrier_lists import FIRST, SECOND, Desk, Row
from collecting import write_config
from jinbao_collector.cli import main as collector
from jinbao_collector.entry import Entry, read_entries
from jinbao_collector.home import Home
from jinbao_collector.ledger import Ledger
from jinbao_config.contract import read_contract
from jinbao_reports.notation import Writer
from jinbao_reports.stated import stated_about
from jinbao_reports.tickets.versions import entry_file

CARRIERS: tuple[Row, ...] = (
    ("GD-1", "红格镇", "2021-04-10 14:05", "2021-04-10 14:20", "2021-04-10 15:00:30", "光缆被挖断"),
    ("GD-2", "红格镇、渔门镇", "2021-04-11 09:00", "", "", ""),
)
OURS = """
[[entry]]
id = "我方-1"
kind = "ticket"
link = "510422101"
number = "GD-1"
reported_at = 2021-04-10T14:0{minute}:00+08:00
entered_at = 2021-04-10T14:10:00+08:00
author = "甲"
"""


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def ours(desk: Desk, minute: int) -> tuple[str, str]:
    """Our own record of the report of GD-1, as the option that names it."""
    return "--ledger", str(desk.text(OURS.format(minute=minute), name="ledger.toml"))


def states(desk: Desk, *more: str) -> dict[str, str]:
    return {ticket["number"]: ticket["state"] for ticket in desk.read(desk.folder / "list.csv", *more).tickets}


def test_without_a_ledger_everything_is_new_and_nothing_is_written(desk: Desk) -> None:
    told = desk.run("--lang", "en", "tickets", str(desk.csv(*CARRIERS)), *desk.declared())
    assert told.code == 0
    assert "2 tickets: new 2, completed 0, contradicts 0, same 0; outside 0, wrong rows 0" in told.out
    assert {file.name for file in desk.folder.iterdir()} == {"list.csv", "links.toml", "contract.toml"}


def test_what_the_list_adds_completes_our_record(desk: Desk) -> None:
    told = desk.read(desk.csv(*CARRIERS), *ours(desk, 5))
    assert [(ticket["number"], ticket["state"]) for ticket in told.tickets] == [("GD-1", "completed"), ("GD-2", "new")]
    assert told.tickets[0]["changes"] == {
        "acked_at": [None, "2021-04-10T14:20:00+08:00"],
        "restored_at": [None, "2021-04-10T15:00:30+08:00"],
        "reason": [None, "光缆被挖断"],
    }


def test_where_they_contradict_our_record_stands_and_is_completed(desk: Desk) -> None:
    out = desk.folder / "out.toml"
    told = desk.read(desk.csv(CARRIERS[0]), *ours(desk, 1), "--out", str(out), "--author", "乙")
    assert told.tickets[0]["changes"]["reported_at"] == ["2021-04-10T14:01:00+08:00", "2021-04-10T14:05:00+08:00"]
    assert (told.tickets[0]["state"], told.json["written"]["tickets"]) == ("changed", 1)
    assert "1 条与台账不一致，以台账为准，未采用清单的说法（--take-theirs 可采用）：GD-1" in told.err
    written = tomllib.loads(out.read_text())["entry"][0]
    assert (written["id"], written["author"]) == ("T-GD-1", "乙")
    assert str(written["reported_at"]) == "2021-04-10 14:01:00+08:00"
    assert str(written["acked_at"]) == "2021-04-10 14:20:00+08:00"


def test_what_only_contradicts_is_not_written_unless_asked_for(desk: Desk) -> None:
    out, listed = desk.folder / "out.toml", desk.csv(("GD-1", "红格镇", "2021-04-10 14:05", "", "", ""))
    told = desk.run("tickets", str(listed), *desk.declared(), *ours(desk, 1), "--out", str(out))
    assert (told.code, out.exists()) == (0, False)
    assert "没有需要录入的工单，未写文件" in told.out
    assert desk.read(listed, *ours(desk, 1), "--out", str(out), "--take-theirs").code == 0
    (entry,) = read_entries(out).value.entry
    assert Writer(ZoneInfo("Asia/Shanghai")).instant(entry.reported_at) == "2021-04-10T14:05:00+08:00"


def test_that_the_list_is_silent_where_the_ledger_speaks_is_no_contradiction(desk: Desk) -> None:
    desk.csv(("GD-1", "红格镇", "2021-04-10 14:05", "", "", ""))
    assert states(desk, *ours(desk, 5)) == {"GD-1": "same"}


def test_one_entry_a_link_is_the_same_as_one_for_both(desk: Desk) -> None:
    desk.csv(CARRIERS[1])
    entry = (
        '[[entry]]\nid = "{id}"\nkind = "ticket"\nlink = "{link}"\nnumber = "GD-2"\nreported_at = 2021-04-11T09:00:00+08:00\n'
    )
    known = desk.text(entry.format(id="a", link=FIRST) + entry.format(id="b", link=SECOND), name="ledger.toml")
    assert states(desk, "--ledger", str(known)) == {"GD-2": "same"}


def test_a_link_more_is_an_addition_and_another_link_a_contradiction(desk: Desk) -> None:
    out, known = desk.folder / "out.toml", ours(desk, 5)
    for links, state, entered in (("红格镇、渔门镇", "completed", {FIRST, SECOND}), ("渔门镇", "changed", {FIRST})):
        desk.csv(("GD-1", links, "2021-04-10 14:05", "2021-04-10 14:20", "", ""))
        assert states(desk, *known, "--out", str(out)) == {"GD-1": state}
        (entry,) = read_entries(out).value.entry
        assert {entry.link, *entry.links} - {""} == entered


@pytest.mark.parametrize("name", ["list.csv", "ledger.toml", "links.toml", "contract.toml"])
def test_nothing_that_was_read_can_be_overwritten(desk: Desk, name: str) -> None:
    listed = desk.csv(*CARRIERS)
    known = ours(desk, 5)
    declared = desk.declared()
    before = (desk.folder / name).read_bytes()
    told = desk.run("tickets", str(listed), *declared, *known, "--out", str(desk.folder / name))
    assert (told.code, (desk.folder / name).read_bytes()) == (2, before)
    assert "would overwrite what was read; name another file" in told.err


def test_the_collector_enters_what_was_written_and_then_knows_it(desk: Desk) -> None:
    """The whole way: list, dry run, file, `jinbao-collector ledger add`, and a second dry run against the real ledger."""
    config = write_config(desk.folder)
    listed, out = desk.csv(*CARRIERS), desk.folder / "out.toml"
    assert collector(["--config", str(config), "init"]) == 0
    root = next(folder for folder in desk.folder.rglob("ledger.db")).parent
    store = ("--store", str(root))
    assert desk.read(listed, *store, "--out", str(out)).json["written"] == {"path": str(out), "tickets": 2}
    assert collector(["--config", str(config), "ledger", "add", str(out), "--document", str(listed)]) == 0
    assert states(desk, *store) == {"GD-1": "same", "GD-2": "same"}
    with Ledger(Home(root).ledger) as ledger:
        first, second = ledger.entries()
    assert (first.id, first.link, second.links) == ("T-GD-1", FIRST, (FIRST, SECOND))
    assert (Home(root).documents / first.document.removeprefix("sha256:")).read_bytes() == listed.read_bytes()
    # The carrier sends the list again with more in it: what is entered now must not take the id that stands.
    desk.csv(CARRIERS[0], (*CARRIERS[1][:4], "2021-04-11 10:00", ""))
    assert desk.read(listed, *store, "--out", str(out)).json["written"]["tickets"] == 1
    assert collector(["--config", str(config), "ledger", "add", str(out)]) == 0
    assert states(desk, *store) == {"GD-1": "same", "GD-2": "same"}
    with Ledger(Home(root).ledger) as ledger:
        assert [entry.id for entry in ledger.entries()] == ["T-GD-1", "T-GD-2", "T-GD-2-2"]


def test_the_last_version_of_a_ticket_speaks(desk: Desk) -> None:
    def ticket(name: str, entered_at: int | None, acked_at: int | None, number: str = "GD-1") -> Entry:
        return Entry(id=name, kind="ticket", link=FIRST, number=number, entered_at=entered_at, reported_at=1, acked_at=acked_at)

    desk.declared()
    contract = read_contract(desk.folder / "contract.toml").value
    first, second, draft = ticket("b", 10, None), ticket("a", 20, 5), ticket("c", None, 7)
    other = ticket("d", 1, 9, number="")
    assert stated_about(FIRST, (second, first, other), contract).tickets == (other, second)
    assert stated_about(FIRST, (draft, second, first), contract).tickets == (draft,)


@given(number=st.text(max_size=20), reason=st.text(max_size=40), at=st.integers(946_684_800_000, 4_102_444_800_000))
def test_any_text_comes_back_from_the_file_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, number: str, reason: str, at: int
) -> None:
    entries = (
        Entry(id=f"T-{number}", kind="ticket", link=FIRST, number=number, reported_at=at, reason=reason),
        Entry(id="other", kind="ticket", links=("*",), reported_at=at, from_=at - 1, restored_at=at + 1),
    )
    file = tmp_path_factory.getbasetemp() / "drawn.toml"
    file.write_text(entry_file(entries, Writer(ZoneInfo("Asia/Shanghai"))), encoding="utf-8", newline="")
    assert read_entries(file).value.entry == entries
