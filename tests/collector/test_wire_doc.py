"""docs/wire.md keeps its word: its check, run as printed, and its tables against the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from collecting import NOON, TestClock, ack, centre_in, enrolled, post
from jinbao_collector import chains, ledger
from jinbao_collector.authority import CA_YEARS
from jinbao_collector.centre import Centre

DOC = (Path(__file__).parents[2] / "docs/wire.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A collector with one agent, two batches, and the day's manifest."""
    clock = TestClock()
    with centre_in(tmp_path, clock) as centre:
        tower = enrolled(centre)
        post(centre, *tower.minutes(2))
        clock.now_ms += 86_400_000
        centre.make_due_manifests()
    return tmp_path


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )


def script() -> str:
    (found,) = re.findall(r"test_wire_doc\.py runs this -->\n```sh\n(.*?)```", DOC, re.DOTALL)
    return str(found)


def test_the_check_in_the_document_succeeds_as_printed(folder: Path) -> None:
    done = run(folder, script())
    assert done.returncode == 0, done.stderr
    verified, named, body, head, manifest_verified, manifest = done.stdout.splitlines()
    assert (verified, manifest_verified) == ("Signature Verified Successfully",) * 2
    assert named == f'"body":"{body.split()[0]}"'
    with centre_in(folder, TestClock()) as centre:
        assert manifest.split()[0] == centre.manifests.read("2021-04-09").hash
    second = run(folder, script().replace("2021-04.db 1", "2021-04.db 2") + 'grep -o \'"prev":"[0-9a-f]*"\' head')
    assert second.stdout.splitlines()[-1] == f'"prev":"{head.split()[0]}"'


def test_the_check_in_the_document_fails_on_a_changed_bit(folder: Path) -> None:
    changed = script().replace("\nopenssl pkeyutl", "\nsed -i s/township/Township/ head\nopenssl pkeyutl", 1)
    done = run(folder, changed)
    assert done.returncode != 0
    assert "Signature Verification Failure" in done.stdout


def words_in_first_column(heading: str) -> set[str]:
    section = DOC.split(heading, 1)[1]
    rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", section.split("\n#", 1)[0], re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`(.*?)`", row)}


def test_the_document_names_every_verdict_and_every_kind_of_ledger_row() -> None:
    verdicts = {chains.CLOCK_SUSPECT, chains.SCHEMA_UNKNOWN, chains.OUT_OF_SCOPE, chains.FORK, chains.REVOKED_KEY}
    assert words_in_first_column("### Verdicts") == verdicts | {chains.OVERLAP, chains.RETIRED_CHAIN}
    kinds = {ledger.ENTRY, ledger.APPROVAL, ledger.INVITATION, ledger.ENROLMENT, ledger.REVOCATION, ledger.DECLARED}
    own = {ledger.CONFIGURATION, ledger.ISSUED, ledger.DEMONSTRATION, ledger.REMOVAL, ledger.RESTORED, ledger.REPAIRED}
    assert words_in_first_column("## The ledger") == kinds | own


def test_the_document_names_every_field_of_a_header_a_body_an_ack_and_a_manifest(tmp_path: Path) -> None:
    clock = TestClock()
    with centre_in(tmp_path, clock) as centre:
        tower = enrolled(centre)
        batch = tower.batch(NOON)
        answer = ack(post(centre, batch))
        clock.now_ms += 86_400_000
        centre.make_due_manifests()
        manifest = centre.manifests.read("2021-04-09").fields()
        columns = column_names(centre)
    described = words_in_first_column("## A batch")
    assert set(batch.fields()) <= described
    assert {name.decode() for name in re.findall(rb'"(\w+)":', batch.body or b"")} <= described
    assert words_in_first_column("## Daily manifests") == set(manifest)
    assert set(answer) == set(re.findall(r'"(\w+)":', DOC.split("### Ack")[1].split("```")[1])) - {"NUMBER"}
    assert words_in_first_column("## The journal") == columns


def column_names(centre: Centre) -> set[str]:
    return {row[1] for row in centre.journal.current.db.execute("PRAGMA table_info(batch)")}


def test_the_document_says_how_long_the_ca_lives() -> None:
    assert f"P-256, {CA_YEARS} years" in DOC


def test_the_operators_page_names_every_metric(tmp_path: Path) -> None:
    with centre_in(tmp_path, TestClock()) as centre:
        post(centre, enrolled(centre).batch(NOON, waiting=1))
        page, _ = centre.metrics.text("")
    page_of_operators = (Path(__file__).parents[2] / "docs/collector.md").read_text()
    # The client library adds when each counter was made.
    names = {name for name in re.findall(r"^# TYPE (\w+)", page.decode(), re.MULTILINE) if not name.endswith("_created")}
    assert len(names) == 23
    assert names == set(re.findall(r"`(jinbao_\w+)[{`]", page_of_operators))
