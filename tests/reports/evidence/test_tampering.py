"""Whatever is done to a package is noticed, and told in a sentence of its own.

The forger here is good: he packs everything anew, with checksums that fit. What finds him are hashes, chains, signatures, the
recomputed figures and, where he forged all of these alike, what the auditor knows from outside.
"""

import base64
import hashlib
import json
import pickle
import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from collecting import LINK, TestClock, enrolled, post
from evidence import DAYS, Forger, Site, make_site
from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import Signed, canonical, sha256
from jinbao_collector.centre import Centre
from jinbao_collector.ledger import row_hash
from jinbao_config import units
from jinbao_reports.cli import main
from jinbao_reports.evidence.verification import Known, verify_package
from jinbao_reports.evidence.verify.chains import LedgerRow, ledger_line
from jinbao_reports.evidence.verify.rows import Row
from jinbao_reports.evidence.verify.said import SAYS, Broken

DAY = DAYS[1]
Forgery = Callable[[Forger], None]


def first_batch(rows: list[Row]) -> int:
    return next(place for place, row in enumerate(rows) if row.body is not None)


def reworded(row: Row, old: bytes, new: bytes) -> bytes:
    plain = zlib.decompress(row.body or b"")
    assert old in plain
    return plain.replace(old, new, 1)


def flipped_result(forger: Forger) -> None:
    def change(rows: list[Row]) -> list[Row]:
        place = next(at for at, row in enumerate(rows) if b'"lost"' in zlib.decompress(row.body or b""))
        rows[place] = rows[place]._replace(body=zlib.compress(reworded(rows[place], b'"lost"', b'"late"')))
        return rows

    forger.rows(DAY, change)


def flipped_result_with_its_hash(forger: Forger) -> None:
    """The head names the new body; but it is not the head that was signed."""

    def change(rows: list[Row]) -> list[Row]:
        place = next(at for at, row in enumerate(rows) if b'"lost"' in zlib.decompress(row.body or b""))
        row = rows[place]
        body = reworded(row, b'"lost"', b'"late"')
        old = json.loads(row.head.split(b"\n")[1])["body"]
        head = row.head.replace(old.encode(), sha256(body).encode())
        rows[place] = row._replace(head=head, body=zlib.compress(body), hash=sha256(head))
        return rows

    forger.rows(DAY, change)


def deleted_row(forger: Forger) -> None:
    forger.rows(DAY, lambda rows: rows[:40] + rows[41:])


def inserted_row(forger: Forger) -> None:
    forger.rows(DAY, lambda rows: [*rows, rows[-1]._replace(position=rows[-1].position + 1)])


def doubled_row(forger: Forger) -> None:
    """A batch replayed in another one's place."""
    forger.rows(DAY, lambda rows: [*rows[:40], rows[10]._replace(position=rows[40].position), *rows[41:]])


def reordered_rows(forger: Forger) -> None:
    forger.rows(DAY, lambda rows: [*rows[:40], rows[41], rows[40], *rows[42:]])


def renumbered_rows(forger: Forger) -> None:
    """Reordered, and the positions put right."""

    def change(rows: list[Row]) -> list[Row]:
        one, two = rows[40], rows[41]
        return [*rows[:40], two._replace(position=one.position), one._replace(position=two.position), *rows[42:]]

    forger.rows(DAY, change)


def tail_of_a_day(forger: Forger) -> None:
    forger.rows(DAY, lambda rows: rows[:-5])


def last_day_gone(forger: Forger) -> None:
    for name in (f"rows/{DAYS[-1]}.rows", f"manifests/{DAYS[-1]}.manifest"):
        del forger.members[name]


def last_day_gone_and_told_so(forger: Forger) -> None:
    """A consistent package of less: only who knows the last manifest's hash can tell."""
    last_day_gone(forger)
    ledger_to(forger, DAYS[-2])
    forger.json("package.json", lambda facts: facts.update(until_day=DAYS[-2]))


def period_s_end_gone(forger: Forger) -> None:
    """The report's last day cut off with all after it, and everything told to fit: nothing of it was measured, it says."""
    for day in DAYS[2:]:
        del forger.members[f"rows/{day}.rows"], forger.members[f"manifests/{day}.manifest"]
    ledger_to(forger, DAYS[1])
    forger.json("package.json", lambda facts: facts.update(until_day=DAYS[1]))


def ledger_to(forger: Forger, day: str) -> None:
    """As the manifest of that day attests it."""
    head = Signed.from_lines(forger.members[f"manifests/{day}.manifest"]).fields()["ledger"]["position"]
    forger.members["ledger.jsonl"] = b"".join(forger.members["ledger.jsonl"].splitlines(keepends=True)[:head])


def back_dated_entry(forger: Forger) -> None:
    """An exclusion entered long after the manifests, with a date before them, and a hash that fits."""
    rows = [json.loads(line) for line in forger.members["ledger.jsonl"].decode().splitlines()]
    last = rows[-1]
    facts = canonical({**json.loads(rows[-1]["facts"]), "id": "X9"})
    number, entered = last["position"] + 1, rows[0]["entered_ms"]
    hashed = row_hash(number, entered, "entry", facts, last["hash"])
    row = LedgerRow(number, entered, "entry", facts, last["hash"], hashed)
    forger.members["ledger.jsonl"] += ledger_line(row).encode()


def appended(forger: Forger, kind: str, change: dict[str, object], at_ms: int) -> None:
    """A row after the ledger's last, with a hash that fits: the first of its kind (or the first enrolment) said otherwise."""
    rows = [json.loads(line) for line in forger.members["ledger.jsonl"].decode().splitlines()]
    last, number = rows[-1], len(rows) + 1
    like = next(json.loads(row["facts"]) for row in rows if row["kind"] == kind) if kind == "entry" else {}
    facts = canonical({**like, **change})
    hashed = row_hash(number, at_ms, kind, facts, last["hash"])
    forger.members["ledger.jsonl"] += ledger_line(LedgerRow(number, at_ms, kind, facts, last["hash"], hashed)).encode()


AFTER = units.instant_ms(f"{DAYS[-1]}T09:00:00+08:00") + 17 * 3_600_000
"""When the last manifest had been made."""


def entry_after_the_last_manifest(forger: Forger) -> None:
    """Whoever packs excludes the outage: an entry as of now, which no manifest has yet."""
    begin = units.instant_ms(f"{DAY}T09:00:00+08:00")
    excluded = {"id": "X9", "kind": "exclusion", "type": "cutover", "from": begin, "to": begin + 3_600_000, "approved_by": "b"}
    appended(forger, "entry", excluded, AFTER)


def key_revoked_back(forger: Forger) -> None:
    """After the last manifest; what it attests would count no more."""
    rows = [json.loads(line) for line in forger.members["ledger.jsonl"].decode().splitlines()]
    enrolment = next(json.loads(row["facts"]) for row in rows if row["kind"] == "enrolment")
    key = hashlib.sha256(base64.b64decode(enrolment["public"])).hexdigest()
    appended(forger, "revocation", {"agent": enrolment["agent"], "key": key, "position": 0}, AFTER)


def rewritten_ledger(forger: Forger) -> None:
    """An entry moved to another day, and every hash after it made anew."""
    rows = [json.loads(line) for line in forger.members["ledger.jsonl"].decode().splitlines()]
    before = "0" * 64
    for row in rows:
        if '"id":"N1"' in row["facts"]:
            row["facts"] = row["facts"].replace('"id":"N1"', '"id":"N7"')
        row["prev"] = before
        before = row["hash"] = row_hash(row["position"], row["entered_ms"], row["kind"], row["facts"], before)
    forger.members["ledger.jsonl"] = "".join(ledger_line(LedgerRow(**row)) for row in rows).encode()


def altered_entry(forger: Forger) -> None:
    forger.text("ledger.jsonl", '\\"id\\":\\"N1\\"', '\\"id\\":\\"N7\\"')


def removed_entry(forger: Forger) -> None:
    lines = forger.members["ledger.jsonl"].splitlines(keepends=True)
    forger.members["ledger.jsonl"] = b"".join(lines[:5] + lines[6:])


def swapped_calendar(forger: Forger) -> None:
    forger.text("config/calendar.toml", "2021-04-25", "2021-04-24")


def swapped_contract(forger: Forger) -> None:
    forger.text("config/contract.toml", "99.9%", "90%")


def swapped_links(forger: Forger) -> None:
    forger.text("config/links.toml", "10.1.2.1", "10.1.2.9")


def resigned_batch(forger: Forger) -> None:
    """Everything a stranger's: key, signature, hash."""
    stranger = SigningKey.generate()

    def change(rows: list[Row]) -> list[Row]:
        place = first_batch(rows)
        fields = {**Signed(rows[place].head, b"").fields(), "key": stranger.public.fingerprint}
        signed = Signed.make("jinbao-batch/1", fields, stranger)
        rows[place] = rows[place]._replace(head=signed.head, signature=signed.signature, hash=signed.hash)
        return rows

    forger.rows(DAY, change)


def resigned_head(forger: Forger) -> None:
    """The same words, another's signature."""

    def change(rows: list[Row]) -> list[Row]:
        rows[-1] = rows[-1]._replace(signature=SigningKey.generate().sign(rows[-1].head))
        return rows

    forger.rows(DAY, change)


def resigned_manifest(forger: Forger) -> None:
    name = f"manifests/{DAYS[-1]}.manifest"
    signed = Signed.from_lines(forger.members[name])
    forger.members[name] = replace(signed, signature=SigningKey.generate().sign(signed.head)).to_lines()


def resigned_centre(forger: Forger) -> None:
    """Another centre's key and its signatures under all manifests: only who knows the key can tell."""
    stranger = SigningKey.generate()
    own = base64.b64decode(forger.members["keys/centre.txt"])
    forger.members["keys/centre.txt"] = (stranger.public.text + "\n").encode()
    forger.text("README.txt", sha256(own), stranger.public.fingerprint)
    for name in [name for name in forger.members if name.startswith("manifests/")]:
        signed = Signed.from_lines(forger.members[name])
        forger.members[name] = replace(signed, signature=stranger.sign(signed.head)).to_lines()


def missing_manifest(forger: Forger) -> None:
    del forger.members[f"manifests/{DAYS[2]}.manifest"]


def report_alone(forger: Forger) -> None:
    forger.text("report.json", '"counted": 300', '"counted": 30')


def hidden_clock(forger: Forger) -> None:
    """A batch that arrived long before it was made must carry its verdict."""
    forger.rows(DAY, lambda rows: [rows[0]._replace(arrived_ms=rows[0].arrived_ms - 3 * 86_400_000), *rows[1:]])


def late_arrival(forger: Forger) -> None:
    forger.rows(DAY, lambda rows: [rows[0]._replace(arrived_ms=rows[0].arrived_ms + 3 * 86_400_000), *rows[1:]])


def another_program(forger: Forger) -> None:
    """One that finds everything well."""
    forger.members["verify/__main__.py"] = b"print('intact')\n"


def another_page(forger: Forger) -> None:
    forger.text("README.txt", "不能证明", "完全证明")


def withheld_row(forger: Forger) -> None:
    """Only its hash is left, as of rows that a package does not disclose: an inconvenient minute."""
    forger.rows(DAY, lambda rows: [*rows[:40], _hidden(rows[40]), *rows[41:]])


def withheld_day(forger: Forger) -> None:
    del forger.members[f"rows/{DAY}.rows"]


def withheld_beginning(forger: Forger) -> None:
    """The report's first day, with its manifest and the days before."""
    for day in DAYS[:2]:
        del forger.members[f"rows/{day}.rows"]
        del forger.members[f"manifests/{day}.manifest"]


def _hidden(row: Row) -> Row:
    return Row(row.position, row.hash, 0, "", b"", b"", None)


def half_a_row(forger: Forger) -> None:
    forger.members[f"rows/{DAY}.rows"] = forger.members[f"rows/{DAY}.rows"][:-7]


def bomb(forger: Forger) -> None:
    """A body of little that inflates to much, and is the body its head names."""

    def change(rows: list[Row]) -> list[Row]:
        place = first_batch(rows)
        rows[place] = rows[place]._replace(body=zlib.compress(b"0" * 10**8, 9))
        return rows

    forger.rows(DAY, change)


FORGERIES: dict[str, list[Forgery]] = {
    "body": [flipped_result, bomb],
    "signature": [flipped_result_with_its_hash, resigned_head],
    "row_missing": [deleted_row],
    "row_added": [inserted_row],
    "replayed": [doubled_row],
    "row_order": [reordered_rows],
    "rows": [renumbered_rows],
    "cut": [tail_of_a_day],
    "tail": [last_day_gone],
    "ledger_tail": [entry_after_the_last_manifest],
    "revoked_back": [key_revoked_back],
    "short": [period_s_end_gone],
    "backdated": [back_dated_entry],
    "ledger_head": [rewritten_ledger],
    "ledger_row": [altered_entry],
    "ledger_missing": [removed_entry],
    "calendar": [swapped_calendar],
    "declared": [swapped_contract, swapped_links],
    "key": [resigned_batch],
    "manifest_signature": [resigned_manifest],
    "manifest_chain": [missing_manifest],
    "figures": [report_alone],
    "verdict": [hidden_clock],
    "unlike": [another_program, another_page],
    "withheld": [withheld_row, withheld_day],
    "missing": [withheld_beginning],
    "arrival": [late_arrival],
    "format": [half_a_row],
}


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with what an agent sent two days after its period: an outage at the end of it."""
    folder = tmp_path_factory.mktemp("late")
    site = make_site(folder)
    clock = TestClock(units.instant_ms(f"{DAYS[-1]}T12:00:00+08:00") + 86_400_000)
    with Centre(site.place, clock) as centre:
        isolated = enrolled(centre, "tw-09", links=(LINK,))
        post(centre, *isolated.minutes(3, units.instant_ms(f"{DAYS[2]}T23:50:00+08:00")))
        post(centre, *isolated.minutes(3, clock.now_ms - 600_000))
        clock.now_ms += 86_400_000
        centre.make_due_manifests()
    file = folder / "package.zip"
    assert main(["package", *site.asked("--out", str(file))]) == 0
    return file


@pytest.mark.parametrize("kept", range(4))
def test_what_came_after_the_period_and_may_tell_of_it_cannot_be_withheld(kept: int, late: Path, tmp_path: Path) -> None:
    """Neither the three that do, nor the first after them, which shows that there are no more."""
    forger = Forger(late)
    name = max(name for name in forger.members if name.startswith("rows/"))
    forger.rows(name[len("rows/") : -len(".rows")], lambda rows: [*rows[:kept], *map(_hidden, rows[kept:])])
    with pytest.raises(Broken) as found:
        verify_package(forger.pack(tmp_path / "forged.zip"), Known())
    assert found.value.code == "withheld_late"


def test_a_day_after_the_period_cannot_be_withheld_whole(late: Path, tmp_path: Path) -> None:
    forger = Forger(late)
    del forger.members[max(name for name in forger.members if name.startswith("rows/"))]
    with pytest.raises(Broken) as found:
        verify_package(forger.pack(tmp_path / "forged.zip"), Known())
    assert found.value.code == "withheld_late"


def test_what_came_after_the_period_and_tells_of_another_time_may_be_withheld(late: Path, tmp_path: Path) -> None:
    forger = Forger(late)
    name = max(name for name in forger.members if name.startswith("rows/"))
    forger.rows(name[len("rows/") : -len(".rows")], lambda rows: [*rows[:4], *map(_hidden, rows[4:])])
    assert verify_package(forger.pack(tmp_path / "less.zip"), Known(), recompute=False).outcome == "unanchored"


@pytest.mark.parametrize(("code", "forge"), [(code, forge) for code, some in FORGERIES.items() for forge in some])
def test_each_forgery_is_told_in_its_own_sentence(code: str, forge: Forgery, package: Path, tmp_path: Path) -> None:
    forger = Forger(package)
    forge(forger)
    with pytest.raises(Broken) as found:
        verify_package(forger.pack(tmp_path / "forged.zip"), Known())
    assert found.value.code == code, str(found.value)
    assert all(found.value.says(lang) for lang in ("zh", "en"))


def test_a_cut_tail_that_is_consistent_is_found_by_the_signed_sheet(package: Path, site: Site, tmp_path: Path) -> None:
    forger = Forger(package)
    last_day_gone_and_told_so(forger)
    sheet = Known(sheets=[site.manifest_hash(DAYS[-1])])
    with pytest.raises(Broken) as found:
        verify_package(forger.pack(tmp_path / "forged.zip"), sheet)
    assert found.value.code == "anchor_sheet"


def test_another_centre_s_key_is_found_by_who_knows_the_centre_s(package: Path, site: Site, tmp_path: Path) -> None:
    forger = Forger(package)
    resigned_centre(forger)
    forged = forger.pack(tmp_path / "forged.zip")
    known = site.data / "keys" / "collector.pub"
    from jinbao_agent.keys import VerifyKey

    with pytest.raises(Broken) as found:
        verify_package(forged, Known(keys=[VerifyKey.from_pem(known.read_bytes()).fingerprint]))
    assert found.value.code == "anchor_key"
    # Without an anchor nobody can tell, and nobody says so.
    assert verify_package(forged, Known()).outcome == "unanchored"


def test_bodies_that_were_taken_out_are_missed(package: Path, tmp_path: Path) -> None:
    """A full spool drops bodies too, so nobody can tell; then nothing is called verified."""
    forger = Forger(package)
    forger.rows(DAY, lambda rows: [row._replace(body=None) if 20 <= place < 30 else row for place, row in enumerate(rows)])
    done = verify_package(forger.pack(tmp_path / "forged.zip"), Known(), recompute=False)
    assert (done.outcome, done.bare) == ("bodies_missing", 10)


def test_a_fork_without_its_verdict_is_told(tmp_path: Path) -> None:
    site, clock = make_site(tmp_path), TestClock(units.instant_ms(f"{DAYS[-1]}T23:00:00+08:00") + 86_400_000)
    with Centre(site.place, clock) as centre:
        one = enrolled(centre, "tw-02", links=(LINK,))
        post(centre, *one.minutes(2, clock.now_ms - 600_000))
        clone = one.again()
        post(centre, one.batch(clock.now_ms - 300_000))
        post(centre, clone.batch(clock.now_ms - 290_000))
        clock.now_ms += 86_400_000
        centre.make_due_manifests()
    file = tmp_path / "package.zip"
    assert main(["package", *site.asked("--out", str(file), period="2021-04-09/2021-04-13")]) in (0, 1)
    forger = Forger(file)
    forger.rows("2021-04-12", lambda rows: [row._replace(verdicts="[]") if "fork" in row.verdicts else row for row in rows])
    with pytest.raises(Broken, match="lacks the verdict fork"):
        verify_package(forger.pack(tmp_path / "forged.zip"), Known())


def test_what_another_process_finds_is_told_here() -> None:
    """Days are checked by several; what one of them finds comes back whole."""
    found = pickle.loads(pickle.dumps(Broken("rows", day="2021-04-09", row=7)))
    assert (found.code, found.facts) == ("rows", {"day": "2021-04-09", "row": 7})
    assert found.says("en").endswith("look from row 7 on")


def test_no_two_sentences_are_alike() -> None:
    for language in (0, 1):
        said = [texts[language] for texts in SAYS.values()]
        assert len(set(said)) == len(said)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, taken out or put in; or a piece of JSON made another."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data) + 1)
        piece = chance.choice([b"", b"0", b"null", b"[]", b"{}", b'"', b"-1", b"1e9", b"\n", b"\xff", b"9" * 30, b"[" * 3000])
        data = data[:at] + piece + data[at + chance.randrange(3) :]
    return data


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_member_says_is_refused_in_a_sentence(seed: int, package: Path, tmp_path: Path) -> None:
    """Every member but the rows, which are tried below: nothing but Broken comes out of it."""
    chance = random.Random(seed)
    for name in ("package.json", "report.json", "ledger.jsonl", "keys/centre.txt", f"manifests/{DAY}.manifest"):
        forger = Forger(package)
        forger.members[name] = mutated(forger.members[name], chance)
        if forger.members[name] != Forger(package).members[name]:
            with pytest.raises(Broken):
                verify_package(forger.pack(tmp_path / "forged.zip"), Known())


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_to_the_bytes_of_rows_is_refused_in_a_sentence(seed: int, package: Path, tmp_path: Path) -> None:
    chance, forger = random.Random(seed), Forger(package)
    forger.members[f"rows/{DAY}.rows"] = mutated(forger.members[f"rows/{DAY}.rows"], chance)
    if forger.members[f"rows/{DAY}.rows"] != Forger(package).members[f"rows/{DAY}.rows"]:
        with pytest.raises(Broken):
            verify_package(forger.pack(tmp_path / "forged.zip"), Known())


# The file itself


def broken_file(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    with pytest.raises(Broken) as found:
        verify_package(file, Known(), recompute=False)
    return found.value.code


def test_a_file_that_is_cut_grown_or_something_else_is_told(package: Path, tmp_path: Path) -> None:
    data, file = package.read_bytes(), tmp_path / "broken.zip"
    assert broken_file(file, data[:-1]) == "truncated"
    assert broken_file(file, data[: len(data) // 2]) == "truncated"
    assert broken_file(file, data[:20]) == "truncated"
    assert broken_file(file, data + b"\0") == "trailing"
    assert broken_file(file, data + data) == "trailing"
    assert broken_file(file, b"") == "not_a_package"
    assert broken_file(file, b"\0" + data) == "not_a_package"
    assert broken_file(file, b"PK\5\6" + bytes(18)) == "not_a_package"


def test_names_that_leave_the_folder_stand_twice_or_are_unknown_are_refused(package: Path, tmp_path: Path) -> None:
    file = tmp_path / "broken.zip"
    for name in ("config/../../etc/passwd", "/etc/passwd", "config/..", "rows/a/b.rows", "extra.txt", "rows/-rf"):
        forger = Forger(package)
        forger.members[name] = b""
        assert broken_file(file, forger.pack(file).read_bytes()) == "name"
    data = package.read_bytes()
    first = data.index(b"PK\3\4", 4)
    assert broken_file(file, data[:first] + data) == "twice"


def test_what_common_zip_tools_write_or_ignore_is_not_accepted(package: Path, tmp_path: Path) -> None:
    """A comment, an extra field, another date, a compressed member: a reader that skips them could be shown two packages."""
    import zipfile

    file = tmp_path / "broken.zip"
    with zipfile.ZipFile(package) as one, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as two:
        for name in one.namelist():
            two.writestr(name, one.read(name))
    assert broken_file(file, file.read_bytes()) == "container"
    commented = bytearray(package.read_bytes())
    commented[-2:] = b"\1\0"
    assert broken_file(file, bytes(commented) + b"!") == "container"
    stored = package.read_bytes()
    assert broken_file(file, stored.replace(b"package.json{", b"package.json{", 1)[:10] + b"\1" + stored[11:]) == "container"


def test_any_zip_tool_reads_it_and_sha256sum_agrees(package: Path) -> None:
    import zipfile

    with zipfile.ZipFile(package) as opened:
        assert opened.testzip() is None
        for line in opened.read("SHA256SUMS").decode().splitlines():
            value, name = line.split("  ")
            assert hashlib.sha256(opened.read(name)).hexdigest() == value
        assert {line.split("  ")[1] for line in opened.read("SM3SUMS").decode().splitlines()} == {
            name for name in opened.namelist() if not name.endswith("SUMS")
        }


def flips_passed(package: Path, file: Path, count: int, seed: int) -> list[int]:
    """Places where a flipped byte was not noticed."""
    data, chance, passed = package.read_bytes(), random.Random(seed), []
    for _ in range(count):
        place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        file.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        try:
            verify_package(file, Known(), recompute=False)
        except Broken:
            continue
        passed.append(place)
    return passed


def test_no_flipped_bit_passes(package: Path, tmp_path: Path) -> None:
    assert flips_passed(package, tmp_path / "flipped.zip", 60, 1) == []


def test_no_flipped_bit_of_the_frame_passes(package: Path, tmp_path: Path) -> None:
    """Headers and directory, where ordinary readers look at little: each byte of the last 300."""
    data, file = package.read_bytes(), tmp_path / "flipped.zip"
    for place in range(len(data) - 300, len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(Broken):
            verify_package(file, Known(), recompute=False)


@pytest.mark.soak
def test_none_of_five_hundred_flipped_bits_passes(package: Path, tmp_path: Path) -> None:
    passed = flips_passed(package, tmp_path / "flipped.zip", 500, 2)
    print(f"\n500 bits flipped, {len(passed)} passed")
    assert passed == []


def test_the_command_says_what_broke_and_exits_1(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forger = Forger(package)
    flipped_result(forger)
    forged = str(forger.pack(tmp_path / "forged.zip"))
    assert main(["verify", forged]) == 1
    assert "测量结果被改动" in capsys.readouterr().out
    assert main(["--lang", "en", "verify", forged, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["code"]) == ("broken", "body")
    assert told["says"].startswith("journal row ")
