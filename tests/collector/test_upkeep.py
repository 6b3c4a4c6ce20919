"""Backup, restore, verify, keep and repair: what is kept can be copied while it is served, checked by anybody, and mended."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, ack, centre_in, enrolled, post, sealed, told, write_config
from jinbao_collector.centre import Centre
from jinbao_collector.cli import main
from jinbao_collector.daily import Keeping
from jinbao_collector.journal import JournalError
from jinbao_collector.ledger import REMOVAL, REPAIRED, RESTORED
from jinbao_collector.retention import Incomplete, removable
from jinbao_collector.store import open_store
from jinbao_collector.volume import Volume, month_files

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


class Desk:
    """Runs commands in a folder and hands back exit code, JSON and complaints."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def run(self, *words: str) -> tuple[int, object, str]:
        self._capsys.readouterr()
        code = main(["--config", str(self.folder / "collector.toml"), "--lang", "en", "--json", *words])
        shown = self._capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else None, shown.err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "here", capsys)


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(desk: Desk, clock: TestClock) -> Iterator[Centre]:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock) as opened:
        yield opened


def three_months(centre: Centre, clock: TestClock) -> tuple[Speaker, Speaker]:
    """Of two townships: April to June closed, July being written; a manifest, and a store some rows behind."""
    towers = enrolled(centre), enrolled(centre, "tw-02", links=(OTHER_LINK,))
    for _ in range(3):
        for tower in towers:
            post(centre, *(tower.batch(clock.now_ms + n * 60_000) for n in range(5)))
        clock.now_ms += DAY_MS
        if not centre.manifests.days():
            centre.make_due_manifests()
        clock.now_ms += 30 * DAY_MS
    sealed(centre)
    for tower in towers:
        post(centre, tower.batch(clock.now_ms))
    return towers


def everything(root: Path) -> object:
    with open_store(root) as reader:
        return told(reader), dict(reader.inputs()), reader.flaws()


# Backup and restore


def test_a_backup_taken_while_batches_come_in_is_the_journal_at_one_moment(
    centre: Centre, desk: Desk, clock: TestClock
) -> None:
    tower, _ = three_months(centre, clock)
    before = everything(centre.place.home.root)
    code, facts, _ = desk.run("backup", str(desk.folder.parent / "copy"))
    assert (code, facts["position"]) == (0, centre.journal.position)  # type: ignore[index]
    post(centre, tower.batch(clock.now_ms + 60_000))
    assert desk.run("verify", str(desk.folder.parent / "copy"))[:2] == (0, {"ok": True, "problems": []})
    assert everything(desk.folder.parent / "copy") == before
    assert not (desk.folder.parent / "copy/keys").exists()


def test_a_backup_leaves_out_what_is_still_being_issued(centre: Centre, desk: Desk) -> None:
    issued = centre.place.home.issued
    for folder in (issued / "0001", issued / ".0002.77" / "sheets"):
        folder.mkdir(parents=True)
        (folder / "report.json").write_text("{}")
    desk.run("backup", str(desk.folder / "copy"))
    names = json.loads((desk.folder / "copy/backup.json").read_bytes())["files"]
    assert [name for name in names if name.startswith("issued")] == ["issued/0001/report.json"]


def restored(desk: Desk, clock: TestClock) -> Centre:
    """The data directory gone but for its keys, and made again of the backup."""
    root = desk.folder / "data"
    for item in root.iterdir():
        if item.name != "keys":
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    assert desk.run("restore", str(desk.folder.parent / "copy"))[0] == 0
    with centre_in(desk.folder, clock) as opened:
        return opened


def test_what_came_after_the_backup_is_sent_again_and_all_is_as_before(desk: Desk, clock: TestClock) -> None:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock) as centre:
        tower, other = three_months(centre, clock)
        assert desk.run("backup", str(desk.folder.parent / "copy"))[0] == 0
        late = [tower.batch(clock.now_ms + n * 60_000) for n in range(1, 5)]
        post(centre, *late)
        root = centre.place.home.root
        with open_store(root) as reader:
            before = told(reader)
    restored(desk, clock)
    with centre_in(desk.folder, clock) as centre:
        answer = post(centre, tower.batch(clock.now_ms + 300_000, samples=[]))
        assert (answer.status, ack(answer)["number"]) == (409, 16)
        assert ack(post(centre, *late))["number"] == 21
        with open_store(root) as reader:
            assert told(reader) == before
        assert [row.facts["position"] for row in centre.ledger.rows(RESTORED)] == [35]
        assert ack(post(centre, other.batch(clock.now_ms + 60_000)))["number"] == 17
    assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})


def test_a_restore_touches_no_directory_that_holds_anything_but_keys(centre: Centre, desk: Desk, clock: TestClock) -> None:
    three_months(centre, clock)
    copy = str(desk.folder.parent / "copy")
    assert desk.run("backup", copy)[0] == 0
    code, _, err = desk.run("restore", copy)
    assert (code, "move the old one away first" in err) == (2, True)
    assert desk.run("backup", copy)[0] == 2
    assert desk.run("backup", str(centre.place.home.root / "copy"))[0] == 2
    elsewhere = Desk(desk.folder.parent / "there", desk._capsys)
    elsewhere.folder.mkdir()
    write_config(elsewhere.folder)
    assert elsewhere.run("init")[0] == 0
    for item in (elsewhere.folder / "data").iterdir():
        if item.name != "keys":
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    code, _, err = elsewhere.run("restore", copy)
    assert (code, "are the keys of another centre" in err) == (2, True)
    assert [item.name for item in (elsewhere.folder / "data").iterdir()] == ["keys"]
    shutil.rmtree(elsewhere.folder / "data")
    code, facts, err = elsewhere.run("restore", copy)
    assert (code, facts["keys"], "the keys are missing" in err) == (0, False, True)  # type: ignore[index]


@pytest.mark.parametrize("how", ["half", "flipped", "no list"])
def test_a_backup_that_is_not_whole_is_never_restored(centre: Centre, desk: Desk, clock: TestClock, how: str) -> None:
    three_months(centre, clock)
    copy = desk.folder.parent / "copy"
    assert desk.run("backup", str(copy))[0] == 0
    file = copy / "journal" / "2021-05.db"
    if how == "no list":
        (copy / "backup.json").unlink()
    else:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data if how == "flipped" else data[: len(data) // 2])
    assert desk.run("verify", str(copy))[0] == 1
    elsewhere = Desk(desk.folder.parent / "there", desk._capsys)
    elsewhere.folder.mkdir()
    write_config(elsewhere.folder)
    assert elsewhere.run("restore", str(copy))[0] == 1
    assert not (elsewhere.folder / "data").exists()


# Verify


def test_whatever_is_changed_by_hand_is_found(centre: Centre, desk: Desk, clock: TestClock) -> None:
    three_months(centre, clock)
    root = centre.place.home.root
    assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})
    (root / "documents" / ("0" * 64)).write_text("another letter")
    with sqlite3.connect(root / "journal/2021-05.db") as db:
        db.execute("UPDATE batch SET signature = zeroblob(64) WHERE position = 14")
        db.execute("UPDATE batch SET body = zeroblob(9) WHERE position = 15")
        db.execute("DELETE FROM batch WHERE position = 17")
    db.close()
    with sqlite3.connect(root / "store.db") as db:
        db.execute("UPDATE detail SET rtt = x'0011223344' WHERE rowid = (SELECT min(rowid) FROM detail)")
    db.close()
    code, _, err = desk.run("verify")
    assert code == 1
    for told_of in (
        "2021-05.db: row 14 is not signed by tw-01",
        "2021-05.db: row 15 has another body than its head names; stop the service and run `jinbao-collector repair`",
        "2021-05.db: rows 17 to 17 are missing",
        "2021-05.db: its rows are not those its closing row attests",
        "is not the document of its name",
        "store.db: 510422101 township core at hour",
    ):
        assert told_of in err


# Keep: packed months, removed months


def test_a_packed_month_says_what_it_said_in_a_third_of_the_bytes(centre: Centre, desk: Desk, clock: TestClock) -> None:
    tower = enrolled(centre)
    sent = [tower.batch(NOON + n * 60_000) for n in range(300)]
    post(centre, *sent)
    clock.now_ms += 31 * DAY_MS
    post(centre, tower.batch(clock.now_ms))
    april, _ = month_files(centre.place.home.journal)
    rows = "SELECT position, head, signature, body FROM batch ORDER BY position"
    with sqlite3.connect(april) as db:
        plain, size = db.execute(rows).fetchall(), db.execute("PRAGMA page_count").fetchone()[0]
    db.close()
    before = everything(centre.place.home.root)
    centre.make_due_manifests()
    assert desk.run("keep")[:2] == (0, {"packed": ["2021-04"], "busy": [], "removed": [], "held_back": {}})
    volume = Volume(april, writing=False)
    assert volume.is_packed
    assert volume.db.execute("PRAGMA page_count").fetchone()[0] * 3 < size
    whole = f"position, {volume.head}, {volume.signature}, {volume.squeezed_body}"
    assert volume.db.execute(f"SELECT {whole} FROM batch ORDER BY position").fetchall() == plain
    volume.close()
    assert everything(centre.place.home.root) == before
    assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})
    assert desk.run("keep")[:2] == (0, {"packed": [], "busy": [], "removed": [], "held_back": {}})
    # The serving process finds the new file by itself, and still knows every number.
    clock.now_ms += 3_600_000
    assert ack(post(centre, sent[7]))["number"] == 301
    assert centre.journal.position == 302
    assert post(centre, sent[7], sent[200]).status == 200


def test_a_month_that_somebody_reads_is_packed_another_time(centre: Centre, desk: Desk, clock: TestClock) -> None:
    three_months(centre, clock)
    april = month_files(centre.place.home.journal)[0]
    with sqlite3.connect(april) as db:
        # Written to, as nobody does any more, with a reader that looks at what was before.
        reader = sqlite3.connect(april)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM batch").fetchone()
        db.execute("CREATE TABLE more (x)")
    db.close()
    _, facts, _ = desk.run("keep")
    assert facts == {"packed": ["2021-05", "2021-06"], "busy": ["2021-04"], "removed": [], "held_back": {}}
    reader.close()
    assert desk.run("keep")[1] == {"packed": ["2021-04"], "busy": [], "removed": [], "held_back": {}}


def test_months_past_their_time_are_removed_and_the_ledger_says_so(desk: Desk, clock: TestClock) -> None:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock, keep_months="24") as centre:
        tower, _ = three_months(centre, clock)
        sealed(centre)
        # By the machine's clock all of this is years ago.
        old = ["2021-04", "2021-05", "2021-06"]
        assert desk.run("keep", "--dry-run")[1] == {"packed": [], "busy": [], "removed": old, "held_back": {}}
        assert desk.run("keep")[1] == {"packed": [], "busy": [], "removed": old, "held_back": {}}
        assert [row.facts["month"] for row in centre.ledger.rows(REMOVAL)] == old
        assert [file.stem for file in month_files(centre.place.home.journal)] == ["2021-07"]
        assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})
        clock.now_ms += 3_600_000
        assert ack(post(centre, tower.batch(clock.now_ms)))["number"] == 17
    with centre_in(desk.folder, clock, keep_months="24") as centre:
        assert desk.run("seal", "--rebuild")[0] == 0
        assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})


def test_a_month_is_past_its_time_when_its_newest_sample_is(centre: Centre, clock: TestClock) -> None:
    tower, _ = three_months(centre, clock)
    home, zone = centre.place.home, centre.place.zone

    def names(months: int) -> list[str]:
        return [month.file.stem for month in removable(home, months, clock.now_ms, zone)]

    # Now is July: of the samples before June, April's and May's months are done with.
    assert (names(0), names(1), names(2), names(24)) == (
        ["2021-04", "2021-05", "2021-06"],
        ["2021-04", "2021-05"],
        ["2021-04"],
        [],
    )
    # A clock that was far ahead does not keep its month for ever.
    post(centre, tower.batch(clock.now_ms + 900 * DAY_MS))
    clock.now_ms += 62 * DAY_MS
    post(centre, tower.batch(clock.now_ms))
    assert names(1)[-1] == "2021-07"


def test_first_months_that_nobody_removed_are_missed(desk: Desk, clock: TestClock) -> None:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock) as centre:
        three_months(centre, clock)
        month_files(centre.place.home.journal)[0].unlink()
    with pytest.raises(Incomplete, match=r"2021-05\.db: is not the journal's first month"), centre_in(desk.folder, clock):
        pass


def test_a_serving_collector_keeps_once_a_day(centre: Centre, clock: TestClock) -> None:
    three_months(centre, clock)
    april, may, june, july = month_files(centre.place.home.journal)

    def packed() -> list[str]:
        found = []
        for file in (april, may, june, july):
            with closing(Volume(file, writing=False)) as volume:
                found += [file.stem] if volume.is_packed else []
        return found

    async def look(keeping: Keeping, *after_ms: int) -> list[list[str]]:
        seen = []
        for after in after_ms:
            clock.now_ms += after
            await keeping.look()
            seen.append(packed())
        return seen

    assert asyncio.run(look(Keeping(centre), 0, 600_000)) == [[], ["2021-04", "2021-05", "2021-06"]]


# Repair


def spoil(file: Path, head: bytes) -> None:
    """The page that holds a batch."""
    data = bytearray(file.read_bytes())
    page = data.index(head) // 4096 * 4096
    data[page : page + 4096] = b"\xa5" * 4096
    file.write_bytes(data)


def test_a_damaged_month_is_mended_without_loss_of_what_is_readable(desk: Desk, clock: TestClock) -> None:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock) as centre:
        tower = enrolled(centre)
        sent = tower.minutes(200)
        post(centre, *sent)
        root = centre.place.home.root
        with open_store(root) as reader:
            before = told(reader)
    (file,) = month_files(root / "journal")
    spoil(file, sent[120].signed.head)
    damaged = file.read_bytes()
    with (
        pytest.raises(JournalError, match=r"2021-04\.db: is damaged: .*run `jinbao-collector repair`"),
        centre_in(desk.folder, clock),
    ):
        pass
    code, facts, _ = desk.run("repair")
    ((first, last),) = facts[0]["lost"]  # type: ignore[index]
    assert (code, facts[0]["kept"], last - first) == (1, 200 - (last - first + 1), last - first)  # type: ignore[index]
    assert 0 <= last - first < 10
    (quarantined,) = (root / "quarantine").glob("*.db.*[0-9]")
    assert quarantined.read_bytes() == damaged
    with centre_in(desk.folder, clock) as centre:
        # The agent is told where its chain breaks off, and sends again from there.
        answer = post(centre, tower.batch(NOON + 200 * 60_000, samples=[]))
        assert (answer.status, ack(answer)["number"]) == (409, first - 1)
        assert ack(post(centre, *sent[first - 1 :]))["number"] == 201
        assert [row.facts["lost"] for row in centre.ledger.rows(REPAIRED)] == [[[first, last]]]
        assert centre.journal.position == 201 + last - first + 1
        assert sealed(centre) == centre.journal.position
        with open_store(root) as reader:
            assert told(reader) == before
    assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})
    assert desk.run("repair")[:2] == (0, [])


def test_what_a_closed_month_lost_is_taken_from_a_backup(desk: Desk, clock: TestClock) -> None:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock) as centre:
        three_months(centre, clock)
        before = everything(centre.place.home.root)
        assert desk.run("backup", str(desk.folder.parent / "copy"))[0] == 0
        file = month_files(centre.place.home.journal)[1]
    file.write_bytes(b"no database at all, and long enough for a header" * 900)
    assert desk.run("repair")[0] == 3
    code, facts, _ = desk.run("repair", "--from", str(desk.folder.parent / "copy"))
    assert (code, facts[0]["lost"]) == (0, [])  # type: ignore[index]
    with centre_in(desk.folder, clock) as centre:
        assert everything(centre.place.home.root) == before
    assert desk.run("verify")[:2] == (0, {"ok": True, "problems": []})


def test_a_repair_waits_for_nobody_to_serve(centre: Centre, desk: Desk) -> None:
    code, _, err = desk.run("repair")
    assert (code, "another process serves this data directory" in err) == (2, True)


def test_positions_that_were_lost_at_the_end_are_not_dealt_again(desk: Desk, clock: TestClock, tmp_path: Path) -> None:
    desk.folder.mkdir()
    with centre_in(desk.folder, clock) as centre:
        tower = enrolled(centre)
        post(centre, *tower.minutes(20))
        clock.now_ms += DAY_MS
        centre.make_due_manifests()
        (file,) = month_files(centre.place.home.journal)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE batch SET head = x'00' WHERE position > 15")
    db.close()
    assert desk.run("repair")[0] == 1
    with centre_in(desk.folder, clock) as centre:
        assert centre.journal.position == 20
        assert ack(post(centre, tower.batch(clock.now_ms)))["number"] == 15
        assert centre.journal.position == 21
        assert LINK in {link for link, _, _ in open_store(centre.place.home.root).names()}
