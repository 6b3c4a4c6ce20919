"""The demonstration year, a week of it: what is done to it is found, it says what it is, and its signed part can be proven."""

import json
import shlex
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from jinbao_collector.store import open_store
from jinbao_config.links import read_links
from jinbao_lab.processes import Failed
from jinbao_lab.show import Show
from jinbao_lab.year import ZONE, Order, commands, year
from jinbao_lab.year_files import write_declared
from jinbao_lab.year_plan import DAY_MS, HOUR_MS, KINDS, MINUTE_MS, Fault, draw, entries
from jinbao_reports.cli import main
from jinbao_reports.service_time import midnight_ms

FIRST, SIGNED, END = date(2025, 11, 28), date(2025, 11, 30), date(2025, 12, 3)
BEGIN = midnight_ms(FIRST, ZONE)


def all_kinds(codes: Sequence[str], group: Sequence[str], sensed: str) -> tuple[Fault, ...]:
    """Each kind once in the part without batches and once in the signed part."""
    found = []
    for start in (BEGIN + 9 * HOUR_MS, BEGIN + 3 * DAY_MS + 2 * HOUR_MS):
        for place, kind in enumerate(KINDS):
            links = {"group": group, "cutover": group, "power_sensed": [sensed]}.get(kind, codes[place % 12 : place % 12 + 1])
            if kind in ("server", "county_line", "both_off"):
                links = codes
            at = start + place * 3 * HOUR_MS
            found.append(Fault(kind, tuple(links), at, at + 40 * MINUTE_MS))
    return tuple(found)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("year")
    write_declared(folder)
    links = read_links(folder / "links.toml").value
    codes = [link.code for link in links.link]
    group = [link.code for link in links.link if link.group == links.link[0].group]
    sensed = next(link.code for link in links.link if link.mains_sense)
    order = Order(folder / "site", 7, FIRST, SIGNED, END, all_kinds(codes, group, sensed))
    found = year(order, Show("zh"))
    assert found.misses == ()
    assert found.faults > 70
    return folder / "site"


def asked(made: Path, period: str) -> list[str]:
    declared = ["--links", str(made / "links.toml"), "--contract", str(made / "contract.toml")]
    return ["--store", str(made / "data"), *declared, "--period", period]


def test_every_statement_of_it_says_that_nothing_was_measured(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compute", *asked(made, "2025-11-29"), "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["demonstration"] is True
    truth = json.loads((made / "truth.json").read_text())
    assert truth["demonstration"] is True
    assert {fault["kind"] for fault in truth["faults"]} == set(KINDS)


def test_the_commands_it_prints_pack_and_verify_its_signed_part(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [shlex.split(line)[1:] for line in commands(Order(made, 7, FIRST, SIGNED, END))]
    assert [words[0] for words in lines] == ["compute", "month", "package", "verify"]
    # A month of which only two days are over: packed as far as manifests reach, verified without an anchor.
    for words, codes in zip(lines, ((0, 1), (0, 1), (0,), (3,)), strict=True):
        assert main(words) in codes, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "无外部锚点" in told
    assert "演示数据" in told


def test_what_has_no_batches_cannot_be_packed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", *asked(made, "2025-11-29"), "--out", str(made / "none.zip")]) == 2
    assert "on what has no batches" in capsys.readouterr().err
    assert not (made / "none.zip").exists()


def test_every_rung_was_measured_on_every_day(made: Path) -> None:
    with open_store(made / "data") as store:
        names = store.names()
        assert len(names) == 12 * 7 + 3
        for day in range((END - FIRST).days):
            since = BEGIN + day * DAY_MS
            assert all(len(store.series(*name, since, since + DAY_MS)) > 900 for name in names)


def test_a_folder_in_use_is_not_written_over(made: Path) -> None:
    before = (made / "truth.json").read_bytes()
    with pytest.raises(Failed, match="is not empty"):
        year(Order(made, 1, FIRST, SIGNED, END), Show("en"))
    assert (made / "truth.json").read_bytes() == before


def test_a_drawn_year_has_every_kind_far_enough_apart_and_entries_in_order(tmp_path: Path) -> None:
    write_declared(tmp_path)
    links = read_links(tmp_path / "links.toml").value
    span = midnight_ms(date(2025, 1, 1), ZONE), midnight_ms(date(2026, 1, 1), ZONE)
    faults = draw(links, span, 1)
    assert {fault.kind for fault in faults} == set(KINDS)
    for link in links.link:
        mine = [fault for fault in faults if link.code in fault.links]
        assert all(two.start - one.end >= 3 * HOUR_MS for one, two in pairwise(mine))
    written = entries(faults, 1)
    assert [entry.entered_at for entry in written] == sorted(entry.entered_at or 0 for entry in written)
    assert draw(links, span, 1) == faults != draw(links, span, 2)
