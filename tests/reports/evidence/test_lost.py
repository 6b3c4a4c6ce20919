"""What a repair lost is told as such: by the ledger, not as a forgery."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evidence import DAYS, make_site
from jinbao_collector.cli import main as collector
from jinbao_collector.volume_file import month_files
from jinbao_reports.cli import main


def test_a_row_lost_by_repair_is_told_by_the_ledger_and_is_no_tampering(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = make_site(tmp_path)
    (file,) = month_files(site.data / "journal")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE batch SET head = x'00' WHERE position = 200")
    assert collector(["--config", str(tmp_path / "collector.toml"), "repair"]) == 1
    out = tmp_path / "e.zip"
    assert main(["package", *site.asked("--out", str(out))]) == 0
    capsys.readouterr()
    assert main(["verify", str(out), "--sheet", site.manifest_hash(DAYS[-1]), "--lang", "en"]) == 3
    assert "journal rows 200 were lost by repair, ledger row" in capsys.readouterr().out
