"""A package proves its report: to the byte, against what somebody outside knows, with nothing but Python if need be."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from collecting import LINK, NOON, TestClock, enrolled, post
from evidence import CONTRACT_TOML, DAYS, OUTAGE, PERIOD, Forger, Site, make_site
from jinbao_agent.keys import VerifyKey
from jinbao_agent.wire import sha256
from jinbao_collector.centre import Centre
from jinbao_collector.entry import Entry
from jinbao_collector.home import Home
from jinbao_config import units
from jinbao_reports.cli import main
from jinbao_reports.evidence.verification import Known, verify_package
from jinbao_reports.evidence.verify.said import Broken
from tsa import Authority


def run(capsys: pytest.CaptureFixture[str], *asked: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(asked))
    told = capsys.readouterr()
    return code, told.out, told.err


def test_every_figure_of_the_report_is_recomputed_from_the_package(
    package: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "verify", str(package), "--sheet", site.manifest_hash(DAYS[-1]), "--json")
    told = json.loads(out)
    assert (code, told["outcome"], told["figures"]) == (0, "verified", True)
    assert (told["rows"], told["whole"], told["days"]) == (480, 480, 4)
    with zipfile.ZipFile(package) as opened:
        report = json.loads(opened.read("report.json"))
        assert told["report"] == sha256(opened.read("report.json"))
    _, out, _ = run(capsys, "compute", *site.asked(), "--json")
    full = json.loads(out)
    assert report["links"] == full["links"]
    assert report["links"][0]["outages"][0]["id"] == OUTAGE


def test_without_an_anchor_it_is_consistent_and_no_more(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--lang", "en", "verify", str(package))
    assert code == 3
    assert "consistent, unanchored" in out


def test_an_anchor_in_the_middle_speaks_for_what_is_before_it(
    package: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "verify", str(package), "--sheet", site.manifest_hash(DAYS[1]), "--json")
    told = json.loads(out)
    assert (code, told["outcome"], told["anchored_through"]) == (3, "anchored_in_part", DAYS[1])


def test_the_centre_s_fingerprint_known_from_elsewhere_is_an_anchor(package: Path, site: Site) -> None:
    key = VerifyKey.from_pem((site.data / "keys" / "collector.pub").read_bytes())
    assert verify_package(package, Known(keys=[key.fingerprint])).outcome == "verified"
    with pytest.raises(Broken, match="another key"):
        verify_package(package, Known(keys=["0" * 64]))


def test_all_signatures_are_checked_when_asked(package: Path) -> None:
    default, every = (verify_package(package, Known(), every=every, recompute=False) for every in (False, True))
    # Two agents, four days: the last batch of each speaks for the chain before it.
    assert (default.found.signatures, every.found.signatures) == (8, 480)


def test_the_same_evidence_gives_the_same_bytes(package: Path, site: Site, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    assert main(["package", *site.asked("--out", str(again))]) == 0
    assert again.read_bytes() == package.read_bytes()


def test_a_package_of_another_version_is_checked_but_for_its_figures(package: Path, site: Site, tmp_path: Path) -> None:
    forger = Forger(package)
    forger.json("package.json", lambda facts: facts["made_by"].update(version="9.9.9"))  # type: ignore[attr-defined]
    done = verify_package(forger.pack(tmp_path / "other.zip"), Known(sheets=[site.manifest_hash(DAYS[-1])]))
    assert (done.outcome, done.version) == ("other_version", "9.9.9")


def test_one_outage_is_disclosed_without_the_rest(
    package: Path, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "outage.zip"
    code, _, _ = run(capsys, "package", *site.asked("--outage", OUTAGE, "--out", str(file)))
    assert code == 0
    code, out, _ = run(capsys, "verify", str(file), "--sheet", site.manifest_hash(DAYS[-1]), "--json")
    told = json.loads(out)
    assert (code, told["outcome"]) == (0, "verified")
    # The outage's own day and what lies within the day before it; of the rows after it nothing but hashes.
    assert told["days"] == 2
    assert told["whole"] < told["rows"]
    with zipfile.ZipFile(file) as opened, zipfile.ZipFile(package) as whole:
        part, report = json.loads(opened.read("report.json")), json.loads(whole.read("report.json"))
    assert part["schema"] == "jinbao.disclosure/1"
    assert "links" not in part
    assert part["outage"] == {**report["links"][0]["outages"][0], "event_id": None}
    forger = Forger(file)
    forger.json("report.json", lambda facts: facts["outage"].update(seconds=30))  # type: ignore[attr-defined]
    with pytest.raises(Broken, match=r"outage\.seconds is 30 in the report, 300 recomputed"):
        verify_package(forger.pack(tmp_path / "forged.zip"), Known())


def test_an_outage_that_is_not_there_is_refused(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "package", *site.asked("--outage", "510422101-1", "--out", str(tmp_path / "x.zip")))
    assert code == 2
    assert "no such outage" in err
    assert list(tmp_path.iterdir()) == []


def unpacked(package: Path, folder: Path) -> Path:
    with zipfile.ZipFile(package) as opened:
        opened.extractall(folder, [name for name in opened.namelist() if name.startswith("verify/")])
    return folder


def alone(package: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The program in the package, by a Python without any package; PATH may lack openssl."""
    command = [sys.executable, "-S", "-m", "verify", str(package), *more]
    return subprocess.run(command, cwd=unpacked(package, folder), capture_output=True, text=True, check=False)


def test_the_program_in_the_package_needs_nothing_but_python(package: Path, site: Site, tmp_path: Path) -> None:
    done = alone(package, tmp_path, "--lang", "en", "--sheet", site.manifest_hash(DAYS[-1]))
    assert done.stderr == ""
    if shutil.which("openssl"):
        assert "480 journal rows, 12 signatures" in done.stdout
        assert done.returncode == 0
    assert "agrees with what you know from outside" in done.stdout
    code = "import sys, verify.checks, verify.__main__, verify.signatures; print(*{n.partition('.')[0] for n in sys.modules})"
    loaded = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) - {"verify"} <= sys.stdlib_module_names | {"__main__"}


def test_the_program_in_the_package_finds_forgeries_too(package: Path, tmp_path: Path) -> None:
    forger = Forger(package)
    forger.text("ledger.jsonl", '\\"id\\":\\"N1\\"', '\\"id\\":\\"N7\\"')
    done = alone(forger.pack(tmp_path / "forged.zip"), tmp_path)
    assert done.returncode == 1
    assert "台账" in done.stdout


def test_a_token_in_the_package_is_checked_against_the_authority(site: Site, package: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    tsa, forger = Authority(tmp_path / "tsa").make(), Forger(package)
    head = forger.members[f"manifests/{DAYS[-1]}.manifest"].rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n"
    (tsa.folder / "head").write_bytes(head)
    subprocess.run(
        ["openssl", "ts", "-query", "-data", "head", "-sha256", "-cert", "-out", "q.tsq"],
        cwd=tsa.folder,
        check=True,
        capture_output=True,
    )
    # The report was judged without it: a token attests, it changes nothing.
    forger.members[f"tokens/{DAYS[-1]}.tsr"] = tsa.stamp((tsa.folder / "q.tsq").read_bytes())
    file = forger.pack(tmp_path / "stamped.zip")
    done = verify_package(file, Known(tsa_ca=tsa.ca))
    assert (done.outcome, list(done.stamped)) == ("verified", [DAYS[-1]])
    stranger = Authority(tmp_path / "stranger").make()
    with pytest.raises(Broken, match="time stamp of 2021-04-11 does not hold"):
        verify_package(file, Known(tsa_ca=stranger.ca))


def test_what_the_centre_did_not_declare_cannot_be_packed(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "contract.toml"
    other.write_text(CONTRACT_TOML.replace("99.9%", "90%"))
    asked = ["--store", str(site.data), "--links", str(site.folder / "links.toml"), "--contract", str(other)]
    code, _, err = run(capsys, "package", *asked, "--period", PERIOD, "--out", str(tmp_path / "x.zip"))
    assert code == 2
    assert "attests another file" in err


def test_a_contract_declared_after_the_period_is_said_to_be_and_never_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = make_site(tmp_path)
    contract, old, file = tmp_path / "contract.toml", tmp_path / "then.toml", tmp_path / "x.zip"
    old.write_text(CONTRACT_TOML)
    contract.write_text(CONTRACT_TOML.replace("99.9%", "10%"))
    site.clock.now_ms += 86_400_000
    with Centre(site.place, site.clock) as centre:
        centre.make_due_manifests()
    sheet = site.manifest_hash("2021-04-12")
    assert run(capsys, "package", *site.asked("--out", str(file)))[0] == 0
    code, out, _ = run(capsys, "--lang", "en", "verify", str(file), "--sheet", sheet)
    assert code == 3
    assert "config/contract.toml: declared later, on 2021-04-12" in out
    assert "VERIFIED" not in out
    _, out, _ = run(capsys, "verify", str(file), "--sheet", sheet, "--json")
    told = json.loads(out)
    assert told["outcome"] == "declared_later"
    assert told["declared_later"] == [{"name": "config/contract.toml", "day": "2021-04-12"}]
    alike = alone(file, tmp_path, "--lang", "en", "--sheet", sheet)
    assert (alike.returncode, "declared later, on 2021-04-12" in alike.stdout) == (3, True)
    # The one that held then is attested by the period's own manifests.
    then = [str(old) if word == str(contract) else word for word in site.asked("--out", str(file))]
    assert run(capsys, "package", *then)[0] == 0
    assert verify_package(file, Known(sheets=[sheet])).outcome == "verified"


def test_a_period_that_is_not_over_is_judged_as_of_its_newest_manifest(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "month.zip"
    assert main(["package", *site.asked("--out", str(file), period="2021-04")]) == 0
    with zipfile.ZipFile(file) as opened:
        assert json.loads(opened.read("report.json"))["as_of"] == "2021-04-12T00:00:00+08:00"
    assert verify_package(file, Known(sheets=[site.manifest_hash(DAYS[-1])])).outcome == "verified"


def test_a_report_cannot_judge_beyond_its_newest_manifest(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = site.asked("--as-of", "2021-04-13T00:00:00+08:00", "--out", str(tmp_path / "x.zip"), period="2021-04")
    code, _, err = run(capsys, "package", *asked)
    assert (code, "know nothing after 2021-04-12T00:00:00+08:00" in err) == (2, True)


def test_contradictions_in_the_journal_are_told_again(tmp_path: Path) -> None:
    """A clone forks the chain, a revoked key goes on, an agent is installed anew: the same integrity marks, recomputed."""
    site = make_site(tmp_path)
    clock = TestClock(NOON + 5 * 86_400_000)
    with Centre(site.place, clock) as centre:
        one = enrolled(centre, "tw-02", links=(LINK,))
        post(centre, *one.minutes(3, clock.now_ms - 600_000))
        clone = one.again()
        post(centre, one.batch(clock.now_ms - 300_000))
        post(centre, clone.batch(clock.now_ms - 290_000))
        post(centre, one.batch(clock.now_ms + 40 * 86_400_000))
        clock.now_ms += 86_400_000
        centre.make_due_manifests()
    period = "2021-04-09/2021-04-15"
    file = tmp_path / "package.zip"
    assert main(["package", *site.asked("--out", str(file), period=period)]) in (0, 1)
    with zipfile.ZipFile(file) as opened:
        report = json.loads(opened.read("report.json"))
    assert {flaw["kind"] for flaw in report["integrity"]} >= {"fork", "clock_suspect"}
    assert verify_package(file, Known()).outcome == "unanchored"


def test_the_ledger_is_packed_to_the_last_manifest_s_head_and_no_report_rests_on_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A manifest attests an entry before a package can: one that changes nothing is left out, one that does is refused."""
    site, file = make_site(tmp_path), tmp_path / "x.zip"
    span = {"from_": units.instant_ms("2021-04-09T09:00:00+08:00"), "to": units.instant_ms("2021-04-09T10:00:00+08:00")}
    notice = Entry(id="N9", kind="power_notice", links=("510422102",), author="a", **span)  # type: ignore[arg-type]
    facts = {"cause": "POWER_DOCUMENTED", "author": "a", "approved_by": "b", "reason": "供电所证明"}
    cause = Entry(id="C1", kind="cause", link=LINK, **span, **facts)  # type: ignore[arg-type]
    with Centre(site.place, site.clock) as centre:
        head = centre.ledger.head[0]
        centre.ledger.enter([notice], site.clock())
    assert run(capsys, "package", *site.asked("--out", str(file)))[0] == 0
    assert Forger(file).members["ledger.jsonl"].count(b"\n") == head
    assert verify_package(file, Known(sheets=[site.manifest_hash(DAYS[-1])])).outcome == "verified"
    with Centre(site.place, site.clock) as centre:
        centre.ledger.enter([cause], site.clock())
    code, _, err = run(capsys, "package", *site.asked("--out", str(file)))
    assert (code, "ledger entries that came after the manifest of 2021-04-11" in err) == (2, True)


def test_a_late_batch_is_packed_with_the_period_it_tells_of(tmp_path: Path) -> None:
    """It lies in the rows of the day it arrived, among others of which only hashes are shown."""
    site = make_site(tmp_path)
    clock = TestClock(NOON + 60 * 86_400_000)
    with Centre(site.place, clock) as centre:
        late = enrolled(centre, "tw-09", links=(LINK,))
        post(centre, *late.minutes(3, NOON + 7_200_000))
        post(centre, *late.minutes(3, clock.now_ms - 600_000))
        clock.now_ms += 86_400_000
        centre.make_due_manifests()
    file = tmp_path / "package.zip"
    assert main(["package", *site.asked("--out", str(file))]) == 0
    done = verify_package(file, Known())
    # Of three batches of another time all but the first, which shows that they are; and the row that closed a month.
    assert (done.days, done.found.rows - done.found.whole) == (5, 3)


@pytest.mark.parametrize("command", ["package", "issue", "sheet", "issued", "tickets"])
def test_a_server_s_copy_is_refused_where_only_a_data_directory_proves(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = ["--links", str(tmp_path / "links.toml"), "--contract", str(tmp_path / "contract.toml")]
    own = {"package": ["--out", "x.zip"], "issue": ["--by", "a"], "tickets": ["list.csv"]}.get(command, [])
    judged = [*declared, "--period", PERIOD] if command in ("package", "issue") else []
    listed = {"tickets": declared, "sheet": ["--period", "2021-04"]}.get(command, [])
    if command in ("package", "issue"):
        make_site(tmp_path)
    try:
        code = main([command, *own, "--store", "http://127.0.0.1:9", *judged, *listed])
    except SystemExit as ended:  # argparse's way
        code = int(ended.code or 0)
    assert (code, "a server's copy proves nothing" in capsys.readouterr().err) == (2, True)


def test_nothing_to_pack_without_manifests_and_no_half_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = make_site(tmp_path)
    shutil.rmtree(Home(site.data).manifests)
    Home(site.data).manifests.mkdir()
    code, _, err = run(capsys, "package", *site.asked("--out", str(tmp_path / "x.zip")))
    assert code == 2
    assert "there is no daily manifest yet" in err
    assert not [file for file in tmp_path.iterdir() if "x.zip" in file.name]
    code, _, err = run(capsys, "verify", str(tmp_path / "x.zip"))
    assert (code, "no such file" in err) == (2, True)
