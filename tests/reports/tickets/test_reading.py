"""A carrier's list is read as it comes; what cannot be read is named row by row."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from carrier_lists import FIRST, HEADER, SECOND, THIRD, Desk, Row, lines

ROWS: tuple[Row, ...] = (
    ("GD-1", "红格镇", "2021-04-10 14:05", "2021-04-10 14:20", "2021-04-10 15:00:30", "光缆被挖断"),
    ("GD-2", "渔门镇", "2021-04-11 09:00", "", "", "停电"),
)
TITLE: Row = ("盐边县金保网 2021年4月 故障工单统计表", "", "", "", "", "")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def workbook(desk: Desk, *rows: Row, header: Row = HEADER) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (header, *rows):
        sheet.append([cell if cell != "" else None for cell in row])
    book.save(desk.folder / "list.xlsx")
    return desk.folder / "list.xlsx"


def one(desk: Desk, column: str, value: Any) -> dict[str, Any]:
    """The ticket of a list with one row, in which one column says something else."""
    row = dict(zip(HEADER, ROWS[1], strict=True)) | {column: value}
    told = desk.read(desk.csv(tuple(row.values())))
    assert told.code == 0, told.problems
    return told.tickets[0]


def problem(desk: Desk, column: str, value: Any) -> str:
    """What is wrong with a row in which one column says this."""
    row = dict(zip(HEADER, ROWS[0], strict=True)) | {column: value}
    told = desk.read(desk.csv(tuple(row.values())))
    assert (told.code, told.tickets) == (2, [])
    assert f"list.csv: line 2: {told.problems[0]}" in told.err
    return told.problems[0]


@pytest.mark.parametrize(
    ("encoding", "separator", "form"),
    [
        ("utf-8", ",", "UTF-8, comma"),
        ("utf-8-sig", ",", "UTF-8, comma"),
        ("utf-8", ";", "UTF-8, semicolon"),
        ("gb18030", ",", "GB18030, comma"),
        ("gb18030", "\t", "GB18030, tab"),
        ("utf-16", "\t", "UTF-16, tab"),
    ],
)
def test_every_encoding_and_separator_gives_the_same_tickets(desk: Desk, encoding: str, separator: str, form: str) -> None:
    told = desk.read(desk.text(lines((TITLE, HEADER, *ROWS), separator), encoding))
    assert told.code == 0
    assert (told.json["list"]["form"], told.json["list"]["header_at"]) == (form, 2)
    assert [(ticket["line"], ticket["number"], ticket["links"], ticket["reason"]) for ticket in told.tickets] == [
        (3, "GD-1", [FIRST], "光缆被挖断"),
        (4, "GD-2", [SECOND], "停电"),
    ]
    assert {name: told.tickets[0][name] for name in ("onset", "reported_at", "acked_at", "restored_at")} == {
        "onset": None,
        "reported_at": "2021-04-10T14:05:00+08:00",
        "acked_at": "2021-04-10T14:20:00+08:00",
        "restored_at": "2021-04-10T15:00:30+08:00",
    }


def test_a_workbook_gives_the_same_tickets_as_a_csv(desk: Desk) -> None:
    typed = tuple(
        tuple(datetime.fromisoformat(cell) if str(cell).startswith("2021-") else cell for cell in row) for row in ROWS
    )
    from_book, from_text = desk.read(workbook(desk, *typed)), desk.read(desk.csv(*ROWS))
    assert from_book.json["list"]["form"] == "XLSX, sheet Sheet"
    assert from_book.tickets == from_text.tickets


def test_formatted_but_empty_cells_at_the_edge_of_a_workbook_are_no_rows(desk: Desk) -> None:
    """Column and row formatted to their ends, as one click does: 17 thousand million cells, of which a few hold something."""
    plain = desk.read(workbook(desk, *ROWS)).tickets
    book = load_workbook(workbook(desk, *ROWS))
    for place in ("A1048576", "XFD1", "XFD1048576"):
        book.active[place].font = Font(bold=True)
    book.active.merged_cells.add("H9:H900000")
    book.save(desk.folder / "list.xlsx")
    assert desk.read(desk.folder / "list.xlsx").tickets == plain


def test_a_workbook_too_large_for_a_list_is_refused(desk: Desk) -> None:
    book = load_workbook(workbook(desk, *ROWS))
    book.active.merged_cells.add("A1:XFD1048576")
    book.save(desk.folder / "list.xlsx")
    told = desk.run("tickets", str(desk.folder / "list.xlsx"), *desk.declared())
    assert told.code == 2
    assert "list.xlsx: sheet Sheet has more than 3000000 cells, most of them empty but formatted or merged" in told.err


def test_a_torn_workbook_is_refused(desk: Desk) -> None:
    file = workbook(desk, *ROWS)
    whole = file.read_bytes()
    for data in (whole[: len(whole) // 2], whole[:2000] + bytes(50) + whole[2050:]):
        file.write_bytes(data)
        told = desk.run("tickets", str(file), *desk.declared())
        assert told.code == 2
        assert "list.xlsx: is no workbook of Excel that can be read" in told.err


@pytest.mark.parametrize(
    "written",
    [
        "2021-04-10 14:05",
        "2021-4-10 14:05:00",
        "2021/4/10 14:05:00",
        "2021.4.10 14:05",
        "2021年4月10日14时05分",
        "2021年4月10日 14时5分00秒",
        "2021年04月10日14点05分",
        "2021年4月10日 14:05",
        "2021年4月10日下午2时5分",
        "2021/4/10 下午 2:05:00",
        "2021/4/10 2:05:00 PM",
        "2021年4月10日 星期六 14:05",
        "２０２１－０４－１０　１４：０５",
        "20210410 1405",
        "20210410140500",
        "2021-04-10T14:05:00+08:00",
        "2021-04-10T06:05:00Z",
        "44296.58681",
        "44296.586805555555",
    ],
)
def test_dates_are_read_in_the_forms_of_chinese_offices(desk: Desk, written: str) -> None:
    assert one(desk, "申告时间", written)["reported_at"] == "2021-04-10T14:05:00+08:00"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2021-04-10 24:00", "2021-04-11T00:00:00+08:00"),
        ("2021年4月10日14时", "2021-04-10T14:00:00+08:00"),
        ("2021年4月10日14点整", "2021-04-10T14:00:00+08:00"),
        ("2021年4月10日凌晨12时5分", "2021-04-10T00:05:00+08:00"),
        ("2021/4/10 12:05:00 AM", "2021-04-10T00:05:00+08:00"),
        ("2021年4月10日上午12时5分", "2021-04-10T12:05:00+08:00"),
        ("2021/4/10 下午14:05", "2021-04-10T14:05:00+08:00"),
    ],
)
def test_hours_are_read_as_they_are_meant(desk: Desk, written: str, meant: str) -> None:
    assert one(desk, "申告时间", written)["reported_at"] == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2021-04-10", "the time of day is missing"),
        ("2021年4月10日", "the time of day is missing"),
        ("44296", "has no time of day"),
        ("10/4/2021 14:05", "expected a day and a time such as 2021-04-10 14:00"),
        ("21-4-10 14:05", "expected a day and a time"),
        ("2021-4-114:05", "expected a day and a time"),  # the 1st at 14 or the 11th at 4
        ("14:05", "expected a day and a time"),
        ("10日下午两点左右", "expected a day and a time"),
        ("2021-02-30 14:05", "there is no such day"),
        ("2021-04-10 25:05", "there is no such time of day"),
        ("2021-04-10 14:65", "there is no such time of day"),
        ("202104.5", "no time between 2000 and 2199"),
        ("#N/A", "expected a day and a time"),
        ("", "expected when the fault was reported"),
    ],
)
def test_a_time_that_cannot_be_read_says_what_would_be_right(desk: Desk, written: str, message: str) -> None:
    told = problem(desk, "申告时间", written)
    assert told.startswith(f"申告时间 {written!r}: ")
    assert message in told


def test_an_hour_that_the_clocks_skipped_or_repeated_is_refused(desk: Desk) -> None:
    """China had summer time from 1986 to 1991; contracts elsewhere still do."""
    declared = desk.declared()
    file = desk.folder / "contract.toml"
    file.write_text(file.read_text() + 'timezone = "Europe/Berlin"\n')
    listed = desk.csv(("GD-1", "红格镇", "2021-10-31 02:30", "", "", ""))
    told = desk.run("tickets", str(listed), *declared, "--json")
    assert told.code == 2
    assert "申告时间 '2021-10-31 02:30': the clocks of Europe/Berlin changed in this hour" in told.problems[0]


@pytest.mark.parametrize(
    ("written", "links"),
    [
        ("510422101", [FIRST]),
        ("红格镇", [FIRST]),
        ("红格", [FIRST]),
        ("格萨拉", [THIRD]),
        ("格萨拉彝族乡", [THIRD]),
        ("pzh-jb-01", [FIRST]),
        ("盐边县红格镇社保专线", [FIRST]),
        ("红格镇（510422101）", [FIRST]),
        ("红格镇、渔门", [FIRST, SECOND]),
        ("全县", ["*"]),
    ],
)
def test_links_are_known_by_code_alias_and_name(desk: Desk, written: str, links: list[str]) -> None:
    assert one(desk, "乡镇", written)["links"] == links


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("红", "'红' is no link of links.toml; write its code or name, or give the link this alias there"),
        ("红格乡", "'红格乡' is no link of links.toml"),
        ("510422999", "'510422999' is no link of links.toml"),
        ("红格镇至渔门镇电路", "could mean 510422101 or 510422102; write the code"),
        ("红格镇、县中心", "'县中心' is no link"),
        ("", "names no link; expected a code, a name or an alias of links.toml"),
    ],
)
def test_a_link_that_is_not_told_says_what_would_be_right(desk: Desk, written: str, message: str) -> None:
    assert message in problem(desk, "乡镇", written)


def test_two_names_of_which_one_begins_the_other_are_told_apart(desk: Desk) -> None:
    declared = desk.declared()
    file = desk.folder / "links.toml"
    file.write_text(file.read_text().replace("红果彝族乡", "红格镇北街"), encoding="utf-8")
    for written, links in (("红格镇", [FIRST]), ("红格镇北街", ["510422203"])):
        told = desk.run("tickets", str(desk.csv((*ROWS[1][:1], written, *ROWS[1][2:]))), *declared, "--json")
        assert told.tickets[0]["links"] == links
    told = desk.run("tickets", str(desk.csv((*ROWS[1][:1], "红格", *ROWS[1][2:]))), *declared, "--json")
    assert "could mean 510422101 or 510422203" in told.problems[0]


def test_two_columns_may_name_the_link_and_must_agree(desk: Desk) -> None:
    header = ("工单号", "电路代号", "站点", "申告时间")
    told = desk.read(
        desk.csv(
            ("1", "PZH-JB-01", "红格镇营业厅", "2021-04-10 14:05"),
            ("2", "CN2-0815", "渔门镇", "2021-04-10 14:05"),
            ("3", "PZH-JB-01", "渔门镇", "2021-04-10 14:05"),
            header=header,
        )
    )
    assert [ticket["links"] for ticket in told.tickets] == [[FIRST], [SECOND]]
    assert told.problems == ["电路代号: its columns name different links: 510422101 and 510422102"]


def test_wrong_rows_are_all_listed_and_nothing_is_written(desk: Desk) -> None:
    listed = desk.csv(
        ROWS[0],
        ("GD-3", "红格镇", "2021-04-12 10:00", "2021-04-12 09:00", "2021-04-12 09:30", ""),
        ("GD-4", "红格镇", "昨天", "", "也是昨天", ""),
        ("", "红格镇", "2021-04-12 10:00", "", "", ""),
        ("GD-5", "红格镇", "2021-04-12 10:00"),
        ("GD-6", "红格镇", "2021-04-12 10:00", "", "", "", "多一格"),
        ("合计", "", "", "", "", ""),
    )
    out = desk.folder / "out.toml"
    told = desk.run("tickets", str(listed), *desk.declared(), "--out", str(out))
    assert (told.code, told.out) == (2, "")
    assert not out.exists()
    for line, said in (
        (3, "恢复时间 2021-04-12T09:30:00+08:00 lies before it began, 2021-04-12T10:00:00+08:00"),
        (3, "受理时间 2021-04-12T09:00:00+08:00 lies before its report, 2021-04-12T10:00:00+08:00"),
        (4, "申告时间 '昨天': expected a day and a time"),
        (4, "恢复时间 '也是昨天': expected a day and a time"),
        (5, "工单号 is empty; expected the ticket's number"),
        (6, "fewer fields than the header names"),
        (7, "more fields than the header names"),
        (8, "乡镇: names no link"),
    ):
        assert f"list.csv: line {line}: {said}" in told.err
    told = desk.run("tickets", str(listed), *desk.declared(), "--out", str(out), "--skip-bad")
    assert told.code == 0
    assert "line 8: 乡镇: names no link" in told.err
    assert out.read_text().count("[[entry]]") == 1


def test_a_dry_run_shows_the_right_rows_and_ends_with_2_for_the_wrong_ones(desk: Desk) -> None:
    told = desk.read(desk.csv(ROWS[0], ("GD-3", "不知道", "2021-04-12 10:00", "", "", "")))
    assert (told.code, [ticket["number"] for ticket in told.tickets]) == (2, ["GD-1"])
    assert told.json["list"]["wrong"][0]["line"] == 3


def test_a_number_that_stands_twice_is_wrong_wherever_it_stands(desk: Desk) -> None:
    told = desk.read(desk.csv(*ROWS, ("ＧＤ-1", "渔门镇", "2021-04-20 08:00", "", "", "")))
    assert [ticket["number"] for ticket in told.tickets] == ["GD-2"]
    assert [(wrong["line"], wrong["problem"]) for wrong in told.json["list"]["wrong"]] == [
        (line, "ticket GD-1 stands on lines 2, 4; a ticket has one row, several links stand in one cell with 、 between them")
        for line in (2, 4)
    ]


def test_a_list_without_numbers_tells_tickets_by_link_and_time(desk: Desk) -> None:
    header = ("序号", "乡镇", "申告时间")
    rows: tuple[Row, ...] = (
        (1, "红格镇", "2021-04-10 14:05"),
        (2, "渔门镇", "2021-04-10 14:05"),
        (3, "红格镇", "2021/4/10 14:05"),
    )
    assert len(desk.read(desk.csv(*rows[:2], header=header)).tickets) == 2
    assert "a ticket of this link and time stands on lines 2, 4" in desk.read(desk.csv(*rows, header=header)).problems[0]


def test_the_time_of_the_fault_stands_in_for_that_of_the_report_and_it_is_said(desk: Desk) -> None:
    header = ("工单号", "线路名称", "故障发生时间", "恢复时间")
    told = desk.read(desk.csv(("1", "红格镇", "2021-04-10 14:05", "2021-04-10 15:00"), header=header))
    assert (told.tickets[0]["onset"], told.tickets[0]["reported_at"]) == (None, "2021-04-10T14:05:00+08:00")
    assert told.json["list"]["onset_stands_in_for_report"] is True
    assert "没有申告时间，以“故障发生时间”代之" in told.err


def test_onset_and_report_are_kept_apart_where_both_are_told(desk: Desk) -> None:
    header = ("工单号", "线路", "故障发生时间", "报障时间", "修复时间", "责任", "处理人")
    rows: tuple[Row, ...] = (
        ("1", "红格镇", "2021-04-10 14:05", "2021-04-10 15:10", "2021-04-10 15:00", "电信", "张"),
        ("2", "红格镇", "2021-04-10 16:11", "2021-04-10 16:00", "", "", ""),
    )
    told = desk.read(desk.csv(*rows, header=header))
    (ticket,) = told.tickets
    assert (ticket["onset"], ticket["reason"]) == ("2021-04-10T14:05:00+08:00", "责任：电信")
    assert told.problems == [
        "故障发生时间 2021-04-10T16:11:00+08:00 lies more than 10 minutes after its report, 2021-04-10T16:00:00+08:00"
    ]
    assert told.json["list"]["unused"] == ["处理人"]
    assert "未用的列：处理人" in told.err


def test_english_headers_are_understood(desk: Desk) -> None:
    header = ("Ticket No.", "Circuit_ID", "Reported At", "Acknowledged At", "Restored At", "Root Cause")
    told = desk.read(desk.csv(("7", "PZH-JB-01", "2021-04-10 14:05", "", "2021-04-10 15:00", "fibre cut"), header=header))
    assert (told.tickets[0]["links"], told.tickets[0]["reason"]) == ([FIRST], "fibre cut")


def test_a_column_with_another_name_is_named_by_hand(desk: Desk) -> None:
    header = ("工单号", "乡镇", "建单时间", "申告时间")
    row = ("1", "红格镇", "2021-04-10 14:05", "2021-04-10 14:01")
    listed = desk.csv(row, header=header)
    assert desk.read(listed).tickets[0]["reported_at"] == "2021-04-10T14:01:00+08:00"
    told = desk.read(listed, "--column", "reported_at=建单时间")
    assert told.tickets[0]["reported_at"] == "2021-04-10T14:05:00+08:00"
    assert told.json["list"]["unused"] == ["申告时间"]


@pytest.mark.parametrize(
    ("header", "more", "message"),
    [
        (
            ("工单号", "乡镇", "申告时间", "报障时间"),
            (),
            "columns 申告时间 and 报障时间 both mean reported_at; say which by --column",
        ),
        (
            ("工单号", "乡镇", "申告时间", "甲"),
            ("--column", "acked_at=乙"),
            "--column acked_at=乙: there is no such column; it has",
        ),
        (("工单号", "乡镇", "申告时间", "甲"), ("--column", "arrived=甲"), "there is no field arrived; there are number, link"),
        (("工单号", "乡镇", "甲", "乙"), (), "as UTF-8 it has no header; "),
    ],
)
def test_a_header_that_does_not_tell_is_refused(desk: Desk, header: Row, more: tuple[str, ...], message: str) -> None:
    told = desk.read(desk.csv(("1", "红格镇", "2021-04-10 14:05", "2021-04-10 14:05"), header=header), *more)
    assert (told.code, told.out) == (2, "")
    assert message in told.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx or CSV"),
        (b"<html><table><tr><td>x", "save it as .xlsx or CSV"),
        (b"PK\x03\x04 not a zip", "is no workbook of Excel that can be read"),
        (b"", "as UTF-8 it has no header"),
        ("工单号,乡镇,申告时间\n".encode(), "has a header on line 1 and no ticket below it"),
        ('工单号,乡镇,申告时间\n1,"红格镇,2021-04-10 14:05\n'.encode(), "line 2: is no CSV"),
        (
            "工单号,乡镇,申告时间\n".encode() + b"1,\xff\xff,x\n",
            "line 2 is no UTF-8; line 1 is no GB18030; expected a row with link",
        ),
    ],
)
def test_a_file_that_is_no_list_is_refused(desk: Desk, content: bytes, message: str) -> None:
    file = desk.folder / "list.csv"
    file.write_bytes(content)
    told = desk.read(file)
    assert (told.code, told.out) == (2, "")
    assert message in told.err


def test_a_utf8_list_with_one_broken_byte_is_not_taken_for_chinese_of_another_encoding(desk: Desk) -> None:
    file = desk.folder / "list.csv"
    file.write_bytes(lines((HEADER, *ROWS)).encode().replace("停电".encode(), b"\xe5\x81"))
    assert "line 3 is no UTF-8" in desk.read(file).err


def test_a_missing_file_is_named(desk: Desk) -> None:
    told = desk.read(desk.folder / "list.csv")
    assert (told.code, "list.csv: cannot be read: No such file" in told.err) == (2, True)


# Workbooks


def test_dates_that_excel_only_shows_as_numbers_are_dates(desk: Desk) -> None:
    told = desk.read(workbook(desk, ("1", 510422101, 44296.586805555555, "", "2021年4月10日15时", "")))
    assert told.tickets[0]["reported_at"] == "2021-04-10T14:05:00+08:00"
    assert told.tickets[0]["links"] == [FIRST]


def test_a_cell_that_holds_a_day_alone_is_refused(desk: Desk) -> None:
    told = desk.read(workbook(desk, ("1", "红格镇", datetime(2021, 4, 10).date(), "", "", "")))  # noqa: DTZ001
    assert "list.xlsx: row 2: 申告时间 '2021-04-10': the time of day is missing" in told.err


def test_midnight_is_a_time(desk: Desk) -> None:
    told = desk.read(workbook(desk, ("1", "红格镇", datetime(2021, 4, 10), "", "", "")))  # noqa: DTZ001
    assert told.tickets[0]["reported_at"] == "2021-04-10T00:00:00+08:00"


def test_serial_dates_of_a_macintosh_workbook_count_from_1904(desk: Desk) -> None:
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADER)
    sheet.append(["1", "红格镇", 44296.586805555555 - 1462, None, datetime(2021, 4, 10, 15, 0), None])  # noqa: DTZ001
    book.save(desk.folder / "list.xlsx")
    (ticket,) = desk.read(desk.folder / "list.xlsx").tickets
    assert (ticket["reported_at"], ticket["restored_at"]) == ("2021-04-10T14:05:00+08:00", "2021-04-10T15:00:00+08:00")


def test_a_merged_cell_speaks_for_every_row_it_covers(desk: Desk) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (TITLE, HEADER, ROWS[0], ("GD-2", None, "2021-04-11 09:00", None, None, None)):
        sheet.append(list(row))
    sheet.merge_cells("A1:F1")
    sheet.merge_cells("B3:B4")
    book.save(desk.folder / "list.xlsx")
    told = desk.read(desk.folder / "list.xlsx")
    assert [(ticket["line"], ticket["links"]) for ticket in told.tickets] == [(3, [FIRST]), (4, [FIRST])]


def test_a_number_that_excel_has_shortened_is_refused(desk: Desk) -> None:
    told = desk.read(workbook(desk, (20210410123456789, "红格镇", "2021-04-10 14:05", "", "", "")))
    assert "make the column a text and enter it again" in told.problems[0]
    assert "Excel has shortened it" in problem(desk, "工单号", "2.02104E+16")
    assert desk.read(workbook(desk, (202104101234567, *ROWS[0][1:]))).tickets[0]["number"] == "202104101234567"


def test_of_several_sheets_with_tickets_one_must_be_named(desk: Desk) -> None:
    book = Workbook()
    for title, row in (("三月", ROWS[0]), ("四月", ROWS[1])):
        sheet = book.create_sheet(title)
        sheet.append(HEADER)
        sheet.append(row)
    book.save(desk.folder / "list.xlsx")
    assert "several sheets have tickets (XLSX, sheet 三月, XLSX, sheet 四月)" in desk.read(desk.folder / "list.xlsx").err
    assert desk.read(desk.folder / "list.xlsx", "--sheet", "四月").tickets[0]["number"] == "GD-2"
    assert "has no sheet '五月'; it has Sheet, 三月, 四月" in desk.read(desk.folder / "list.xlsx", "--sheet", "五月").err
    assert "--sheet names one of its sheets" in desk.read(desk.csv(*ROWS), "--sheet", "四月").err


def test_tickets_of_other_periods_are_counted_and_left_alone(desk: Desk) -> None:
    rows: tuple[Row, ...] = (
        ("1", "红格镇", "2021-03-31 23:00", "", "2021-04-01 00:30", ""),
        ("2", "红格镇", "2021-04-30 23:59", "", "", ""),
        ("3", "红格镇", "2021-05-01 00:00", "", "", ""),
        ("4", "红格镇", "2021-03-31 23:00", "", "2021-03-31 23:30", ""),
    )
    told = desk.read(desk.csv(*rows), "--period", "2021-04")
    assert ([ticket["number"] for ticket in told.tickets], told.json["outside"]) == (["1", "2"], 2)
