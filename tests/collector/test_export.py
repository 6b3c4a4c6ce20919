"""Exports: what judgement sees, in files that other tools read, and that our own reporter reads back."""

import csv
import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, NOON, OTHER_LINK, TestClock, centre_in, enrolled, post, sealed
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
