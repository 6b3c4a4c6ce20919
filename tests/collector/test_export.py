"""Exports: what judgement sees, in files that other tools read, and that our own reporter reads back."""

import csv
import datetime
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, NOON, OTHER_LINK, TestClock, centre_in, enrolled, post, sealed
from jinbao_agent.sample import Event
from jinbao_collector.centre import Centre
from jinbao_collector.cli import main
from jinbao_collector.store import export as exporting
from jinbao_collector.store import open_store
from jinbao_reports.files import read_samples

EVER = (-(2**62), 2**62)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    """Two townships with losses, a slow answer, and a conflict; half of it sealed."""
    with centre_in(tmp_path, TestClock(NOON + 86_400_000)) as opened:
        tower, other = enrolled(opened), enrolled(opened, "tw-02", links=(OTHER_LINK,))
        lossy = tower.minute(NOON)
        lossy[2] = replace(lossy[2], outcome="lost", rtt_us=None)
        lossy[3] = replace(lossy[3], outcome="late", rtt_us=2_400_000)
        post(opened, tower.batch(NOON, lossy), tower.batch(NOON + 60_000))
        sealed(opened, 1)
        twin = tower.again(chain="c" * 32, number=0, head="0" * 64)
        post(opened, twin.batch(NOON + 60_000, [replace(sample, rtt_us=9) for sample in twin.minute(NOON + 60_000)[:1]]))
        post(opened, other.batch(NOON + 9 * 86_400_000))
        yield opened


def command(centre: Centre, *words: str) -> int:
    return main(["--config", str(centre.place.file), "--lang", "en", *words])


def spelt(series: Any) -> list[tuple[Any, ...]]:
    codes = [series.outcomes[code] for code in series.outcome], [series.boots[code] for code in series.boot]
    columns = (series.at, series.rtt, series.interval, series.seq, series.mono)
    return list(zip(*codes, *(column.tolist() for column in columns), strict=True))


def test_a_csv_reads_back_as_the_same_series(centre: Centre, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "samples.csv"
    assert command(centre, "export", "--csv", str(file)) == 0
    assert capsys.readouterr().out == f"wrote {file}: 17 samples\n"
    back, _ = read_samples(file, lambda target: 10_000)
    with open_store(centre.place.home.root) as reader:
        assert set(back) == reader.names()
        for key in back:
            assert spelt(back[key]) == spelt(reader.series(*key, *EVER))


def test_links_and_days_narrow_an_export(centre: Centre, tmp_path: Path) -> None:
    file = tmp_path / "samples.csv"
    for words, expected in (
        (["--link", OTHER_LINK], 6),
        (["--link", LINK, "--link", OTHER_LINK], 17),
        (["--from", "2021-04-10"], 6),
        (["--from", "2021-04-09", "--to", "2021-04-10"], 11),
        (["--to", "2021-04-09"], 0),
    ):
        assert command(centre, "export", "--csv", str(file), *words) == 0
        with file.open() as lines:
            assert len(list(csv.DictReader(lines))) == expected


def test_parquet_has_the_same_samples(centre: Centre, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file, lines = tmp_path / "samples.parquet", tmp_path / "samples.csv"
    assert command(centre, "export", "--parquet", str(file)) == 0
    assert command(centre, "export", "--csv", str(lines)) == 0
    with lines.open() as rows:
        expected = list(csv.DictReader(rows))
    found = parquet.read_table(file).to_pylist()
    assert [row["sent_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z") for row in found] == [
        row["sent_at"] for row in expected
    ]
    for name in ("link", "vantage", "target", "outcome", "boot_id", "rtt_us", "seq", "mono_ns", "interval_ms"):
        assert ["" if row[name] is None else str(row[name]) for row in found] == [row[name] for row in expected]
    assert found[0]["sent_at"] == datetime.datetime(2021, 4, 9, 4, 0, tzinfo=datetime.UTC)


def test_an_export_that_fails_leaves_the_file_that_was_there(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "out" / "samples.csv"
    file.parent.mkdir()
    file.write_text("what was there")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_rows", fail)
    assert command(centre, "export", "--csv", str(file)) == 3
    assert file.read_text() == "what was there"
    assert list(file.parent.iterdir()) == [file]


@pytest.fixture
def duckdb() -> Any:
    return pytest.importorskip("duckdb")


def test_questions_in_sql_see_what_judgement_sees(centre: Centre, capsys: pytest.CaptureFixture[str], duckdb: Any) -> None:
    query = "SELECT link, outcome, count(*) AS n, max(rtt_us) AS slowest FROM samples GROUP BY ALL ORDER BY ALL"
    assert command(centre, "sql", query, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    with open_store(centre.place.home.root) as reader:
        series = {key: reader.series(*key, *EVER) for key in reader.names()}
    expected: dict[tuple[str, str], int] = {}
    for (link, _, _), one in series.items():
        for code in one.outcome.tolist():
            expected[link, one.outcomes[code]] = expected.get((link, one.outcomes[code]), 0) + 1
    assert {(row["link"], row["outcome"]): row["n"] for row in rows} == expected
    assert {row["slowest"] for row in rows if row["outcome"] in ("lost", "late")} == {None, 2_400_000}


def test_a_question_may_be_narrowed_and_read_the_samples_twice(
    centre: Centre, capsys: pytest.CaptureFixture[str], duckdb: Any
) -> None:
    query = "SELECT count(*) AS n, (SELECT count(*) FROM samples) AS again, min(sent_at) AS first FROM samples"
    assert command(centre, "sql", query, "--link", OTHER_LINK) == 0
    names, row = capsys.readouterr().out.splitlines()
    assert names.split("\t") == ["n", "again", "first"]
    n, again, first = row.split("\t")
    assert n == again != "0"
    assert datetime.datetime.fromisoformat(first).utcoffset() == datetime.timedelta(0)
    assert command(centre, "sql", "SELECT count(*) FROM samples", "--to", "2021-01-01") == 0
    assert capsys.readouterr().out.splitlines()[1] == "0"


def test_a_question_that_is_none_is_named(centre: Centre, capsys: pytest.CaptureFixture[str], duckdb: Any) -> None:
    assert command(centre, "sql", "SELECT nothing FROM nowhere") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "nowhere" in told.err
    assert "the tables samples and events" in told.err
    assert command(centre, "sql", "") == 2
    assert "expected a SELECT" in capsys.readouterr().err


def test_events_can_be_asked_for(centre: Centre, capsys: pytest.CaptureFixture[str], duckdb: Any) -> None:
    tower = enrolled(centre, "tw-03", links=("510422103",))
    event = Event(link="510422103", vantage="township", at_us=NOON * 1000 + 7, event="mains_off", boot=tower.boot, detail="a=1")
    post(centre, tower.batch(NOON, None, [event]))
    assert command(centre, "sql", "SELECT link, happened_at, event, detail FROM events WHERE link = '510422103'", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["link"], row["event"], row["detail"]) == ("510422103", "mains_off", "a=1")
    assert datetime.datetime.fromisoformat(row["happened_at"]).microsecond == 7
