"""The command line: what a person types, sees, and gets as exit code."""

import datetime
import hashlib
import json
import socket
import sqlite3
import string
from pathlib import Path

import pytest

from collecting import LINK, NOON, OTHER_LINK, TestClock, centre_in, enrolled, post, write_config
from jinbao_collector.centre import context_of
from jinbao_collector.cli import main
from jinbao_collector.place import Place
from jinbao_collector.texts import TEXTS
from jinbao_collector.volume import month_files
from jinbao_config.services import read_collector

LEDGER = """
[[entry]]
id = "L1"
kind = "exclusion"
type = "cutover"
links = ["510422101"]
from = 2021-04-15T00:00:00+08:00
to = 2021-04-15T02:00:00+08:00
author = "王"
document = "sha256:{digest}"
"""


class Desk:
    """Runs commands in a folder and hands back exit code, output and complaints."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        write_config(folder)

    def run(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        try:
            code = main(["--config", str(self.folder / "collector.toml"), *words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.fixture
def made(desk: Desk) -> Desk:
    assert desk.run("init")[0] == 0
    return desk


def test_init_makes_everything_once_and_never_overwrites(desk: Desk) -> None:
    code, out, _ = desk.run("init", "--json")
    assert code == 0
    before = {file: file.read_bytes() for file in desk.folder.rglob("data/**/*") if file.is_file()}
    assert json.loads(out)["ca"]
    assert {file.name for file in before} >= {"ca.key", "ca.pem", "server.key", "server.pem", "collector.key", "ledger.db"}
    assert {file.stat().st_mode & 0o777 for file in before if file.suffix == ".key"} == {0o600}
    code, _, err = desk.run("init", "--lang", "en")
    assert (code, "init never overwrites them" in err) == (2, True)
    assert {file: file.read_bytes() for file in before} == before


def test_commands_before_init_say_what_to_do(desk: Desk) -> None:
    for words in (["serve"], ["agents"], ["revoke", "--agent", "x"], ["ledger", "list"]):
        code, _, err = desk.run(*words)
        assert code in (2, 3)
        assert "run `jinbao-collector init` first" in err


def test_an_invitation_needs_a_link_that_is_declared(made: Desk) -> None:
    code, out, _ = made.run("--lang", "en", "invite", "--agent", "tw-01", "--vantage", "township", "--link", LINK)
    assert (code, out.count("https://127.0.0.1:8443#")) == (0, 2)
    code, _, err = made.run("invite", "--agent", "tw-01", "--vantage", "township")
    assert (code, err) == (2, "错误：乡镇侧探针须用 --link 指明线路\n")
    code, _, err = made.run("--lang", "en", "invite", "--agent", "tw-01", "--vantage", "township", "--link", "510422199")
    assert (code, "510422199: no such link in" in err) == (2, True)
    assert made.run("invite", "--agent", "county", "--vantage", "county")[0] == 0
    assert made.run("invite", "--agent", "x", "--vantage", "moon")[0] == 2


def test_agents_are_listed_with_links_state_and_silence(desk: Desk) -> None:
    with centre_in(desk.folder, TestClock()) as centre:
        tower = enrolled(centre)
        enrolled(centre, "county", "county", ("*",))
        post(centre, tower.batch(NOON))
    code, out, _ = desk.run("agents", "--lang", "en")
    assert code == 0
    assert f"tw-01  township  links {LINK}" in out
    assert "good  silent for" in out
    assert "never heard" in out
    assert desk.run("revoke", "--agent", "tw-01")[0] == 0
    assert "已于位置 1 吊销" in desk.run("agents")[1]
    told = json.loads(desk.run("agents", "--json")[1])
    assert [(one["agent"], one["revoked_after"]) for one in told] == [("tw-01", 1), ("county", None)]
    assert told[0]["heard"]["newest_ms"] == NOON + 50_000
    code, _, err = desk.run("revoke", "--agent", "tw-01")
    assert (code, "has no key that could be revoked" in err) == (2, True)


@pytest.mark.parametrize("words", [("--json", "agents"), ("agents", "--json"), ("--json", "--lang", "en", "ledger", "list")])
def test_options_may_stand_before_the_command_or_behind_it(made: Desk, words: tuple[str, ...]) -> None:
    code, out, _ = made.run(*words)
    assert (code, json.loads(out)) == (0, [])


READERS = [("agents",), ("serve",), ("manifest", "--verify"), ("revoke", "--agent", "tw-01")]


@pytest.mark.parametrize("words", READERS, ids=" ".join)
@pytest.mark.parametrize("content", [b"no database at all, and long enough for a header" * 99, b""], ids=["garbage", "empty"])
def test_a_damaged_journal_file_is_named_with_its_remedy(desk: Desk, words: tuple[str, ...], content: bytes) -> None:
    with centre_in(desk.folder, TestClock()) as centre:
        post(centre, enrolled(centre).batch(NOON))
        centre.manifests.make(
            datetime.date(2021, 4, 9), NOON, context_of(centre.place, centre.ledger, centre.roster), centre.authority.signing
        )
    (file,) = month_files(desk.folder / "data/journal")
    file.write_bytes(content)
    code, _, err = desk.run("--lang", "en", *words)
    assert (code, f"{file}: is damaged: " in err, "run `jinbao-collector repair`" in err) == (3, True, True)


@pytest.mark.parametrize("words", [("agents",), ("serve",), ("ledger", "list")], ids=" ".join)
def test_a_damaged_ledger_is_named(made: Desk, words: tuple[str, ...]) -> None:
    file = made.folder / "data/ledger.db"
    file.write_bytes(b"no database at all, and long enough for a header" * 99)
    code, _, err = made.run(*words)
    assert (code, f"{file}: cannot be read: " in err) == (3, True)


def test_the_ledger_takes_entries_documents_and_approvals(made: Desk) -> None:
    letter = made.folder / "割接通知.pdf"
    letter.write_bytes(b"%PDF-1.7 notice")
    digest = hashlib.sha256(letter.read_bytes()).hexdigest()
    file = made.folder / "ledger.toml"
    file.write_text(LEDGER.format(digest=digest))
    code, out, err = made.run("ledger", "add", str(file), "--json")
    assert (code, json.loads(out)) == (0, {"added": ["L1"], "known": []})
    assert "尚未存档" in err
    code, out, err = made.run("--lang", "en", "ledger", "add", str(file), "--document", str(letter))
    assert (code, out, err) == (0, "0 entered, 1 known already\n", "")
    assert (made.folder / "data/documents" / digest).read_bytes() == letter.read_bytes()
    assert made.run("ledger", "approve", "L1", "--by", "王")[0] == 2
    assert made.run("ledger", "approve", "L1", "--by", "李")[1] == "L1 已由 李 批准\n"
    code, out, _ = made.run("ledger", "list")
    assert (code, "L1 exclusion cutover" in out, "哈希链完整，共 2 条" in out) == (0, True, True)
    rows = json.loads(made.run("ledger", "list", "--json")[1])
    assert [row["kind"] for row in rows] == ["entry", "approval"]


def test_a_wrong_entry_is_named_and_nothing_is_entered(made: Desk) -> None:
    file = made.folder / "ledger.toml"
    file.write_text('[[entry]]\nid = "L1"\nkind = "ticket"\nlink = "510422101"\n')
    code, _, err = made.run("--lang", "en", "ledger", "add", str(file))
    assert code == 2
    assert "ledger.toml: entry[L1].reported_at: missing; when the fault was reported" in err
    assert json.loads(made.run("ledger", "list", "--json")[1]) == []


def test_a_ledger_somebody_changed_is_bad_news(made: Desk) -> None:
    made.run("invite", "--agent", "tw-01", "--vantage", "township", "--link", OTHER_LINK)
    db = sqlite3.connect(made.folder / "data/ledger.db")
    db.executescript("DROP TRIGGER no_update; UPDATE ledger SET entered_ms = 1")
    db.close()
    for words in (["ledger", "list"], ["serve"]):
        code, _, err = made.run(*words)
        assert (code, "row 1 is not as it was entered" in err) == (1, True)


def test_manifests_are_listed_and_made(desk: Desk) -> None:
    assert "尚无每日清单" in (desk.run("init"), desk.run("manifest"))[1][1]
    with centre_in(desk.folder, TestClock()) as centre:
        post(centre, enrolled(centre).batch(NOON))
    code, out, _ = desk.run("manifest", "2021-04-09")
    assert (code, out.split()[0]) == (0, "2021-04-09")
    (listed,) = json.loads(desk.run("manifest", "--json")[1])
    assert (listed["day"], listed["positions"], listed["hash"]) == ("2021-04-09", [1, 1], out.split()[1])
    assert desk.run("manifest", "2021-04-01")[0] == 2
    assert "not a day; write 2021-04-10" in desk.run("--lang", "en", "manifest", "yesterday")[2]


def test_manifests_are_verified_by_a_command_that_names_what_broke(desk: Desk) -> None:
    with centre_in(desk.folder, TestClock()) as centre:
        post(centre, enrolled(centre).batch(NOON))
    assert desk.run("manifest", "2021-04-09")[0] == 0
    assert desk.run("--lang", "en", "manifest", "--verify")[:2] == (0, "ok: 1 manifests; signatures, chain and journal agree\n")
    assert json.loads(desk.run("manifest", "--verify", "--json")[1]) == {"ok": True, "manifests": 1}
    assert desk.run("manifest", "--verify", "2021-04-09")[0] == 2
    (file,) = month_files(desk.folder / "data/journal")
    db = sqlite3.connect(file)
    db.executescript("UPDATE batch SET hash = randomblob(32)")
    db.close()
    code, out, err = desk.run("manifest", "--verify", "--json")
    broken = "2021-04-09: the journal's rows 1 to 1 are not those it attests"
    assert (code, json.loads(out), broken in err) == (1, {"ok": False, "broken": broken}, True)


WRONG_CONFIG = {
    "no names": ({"names": "[]"}, "names: empty; name the address agents use"),
    "unknown key": ({"lisen": '"x"'}, "lisen: unknown key; this table knows"),
    "no such zone": ({"timezone": '"Asia/Panzhihua"'}, "timezone: 'Asia/Panzhihua': expected a time zone name"),
}


@pytest.mark.parametrize(("keys", "words"), WRONG_CONFIG.values(), ids=WRONG_CONFIG)
def test_a_wrong_configuration_is_named_with_its_key(desk: Desk, keys: dict[str, str], words: str) -> None:
    write_config(desk.folder, **keys)
    code, _, err = desk.run("init")
    assert (code, words in err) == (2, True)


def test_links_that_cannot_be_read_stop_the_start(made: Desk) -> None:
    (made.folder / "links.toml").unlink()
    code, _, err = made.run("serve")
    assert (code, "collector.toml: links: 'links.toml': cannot be read: No such file or directory" in err) == (2, True)


def test_a_secret_others_may_read_stops_the_start(made: Desk) -> None:
    (made.folder / "data/keys/collector.key").chmod(0o644)
    code, _, err = made.run("serve")
    assert (code, "run `chmod 600" in err) == (2, True)


def test_an_address_that_is_taken_is_named(made: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        write_config(made.folder, taken.getsockname()[1])
        code, _, err = made.run("serve")
        assert (code, f"127.0.0.1:{taken.getsockname()[1]}: cannot be listened on" in err) == (3, True)


def test_every_text_stands_in_both_languages_with_the_same_facts() -> None:
    def facts(text: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(text)} - {None}

    for name, (chinese, english) in TEXTS.items():
        assert facts(chinese) == facts(english), name


def test_help_speaks_both_languages(desk: Desk) -> None:
    assert "采集中心" in desk.run("--help")[1]
    assert "takes in, keeps and attests" in desk.run("--lang", "en", "--help")[1]


def test_the_shipped_example_is_read() -> None:
    place = Place.of(read_collector(Path(__file__).parents[2] / "config/collector.example.toml"))
    assert (place.url, place.zone.key) == ("https://10.0.0.9:8443", "Asia/Shanghai")
