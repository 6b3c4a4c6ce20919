"""Telegraf writes as to an InfluxDB 2.x. The points in telegraf.lp are as its own serializer wrote them (1.37.2)."""

import gzip
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting import LINK, NOON, OTHER_LINK, TestClock, centre_in, enrolled, post, sealed, write_config
from jinbao_collector.centre import Centre
from jinbao_collector.cli import main
from jinbao_collector.door import FLOOR, Door, Holder, Ladder, issue, take_back
from jinbao_collector.ingest import Refused
from jinbao_collector.ledger import LedgerError
from jinbao_collector.line_protocol import Point
from jinbao_collector.place import DeclaredLinks
from jinbao_collector.store import Flaw, StoreError, open_store
from jinbao_collector.unsigned import UnsignedError, UnsignedReader, UnsignedStore
from jinbao_config.links import read_links

ROOT = Path(__file__).parents[2]
EVER = (-(2**62), 2**62)
LINKS = f"""schema = "jinbao.links/1"
[county]
targets = {{ gw = "127.0.0.3" }}
[[link]]
code = "{LINK}"
name = "红格镇"
targets = {{ core = "127.0.0.1", lan = "127.0.0.2", app = "tcp://127.0.0.1:19443", cpe = "http://127.0.0.1:19180/" }}
[[link]]
code = "{OTHER_LINK}"
name = "桐子林镇"
targets = {{ core = "127.0.0.9" }}
"""
BODY = (Path(__file__).parent / "telegraf.lp").read_bytes()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with centre_in(tmp_path, TestClock()) as opened:
        (tmp_path / "links.toml").write_text(LINKS)
        yield opened


def token_of(centre: Centre, vantage: str = "township", links: tuple[str, ...] = (LINK,), name: str = "tw-01") -> str:
    return issue(centre.ledger, Holder(name, vantage, links, None), NOON)


def write(centre: Centre, token: str, body: bytes, precision: str = "ns", **headers: str) -> int:
    return centre.door.write(body, {"authorization": f"Token {token}", **headers}, precision, NOON).status


def kept(centre: Centre) -> dict[tuple[str, str, str], list[tuple[int, str, int, int, str]]]:
    with UnsignedReader(centre.place.home.unsigned) as reader:
        found = {}
        for key in reader.names():
            series = reader.series(*key, *EVER)
            found[key] = [
                (at, series.outcomes[outcome], rtt, interval, series.boots[boot])
                for at, outcome, rtt, interval, boot in zip(
                    *(column.tolist() for column in (series.at, series.outcome, series.rtt, series.interval, series.boot)),
                    strict=True,
                )
            ]
        return found


def test_points_become_samples_of_the_rungs_that_links_toml_names(centre: Centre) -> None:
    token = token_of(centre)
    assert write(centre, token, gzip.compress(BODY), **{"content-encoding": "gzip"}) == 204
    assert write(centre, token, BODY) == 204
    at = 1795393422002
    assert kept(centre) == {
        (LINK, "township", "core"): [(at, "reply", 54, 10_000, "tw-01")],
        (LINK, "township", "lan"): [(at, "lost", -1, 10_000, "tw-01")],
        (LINK, "township", "app"): [(at, "reply", 165, 10_000, "tw-01")],
        (LINK, "township", "cpe"): [(at + 2, "bad_reply", 2611, 10_000, "tw-01")],
    }
    assert dict(centre.door.counts) == {"sample": 8, "malformed": 0, "ignored": 6}


def test_a_token_speaks_for_its_links_and_vantage_alone(centre: Centre) -> None:
    write(centre, token_of(centre, links=(OTHER_LINK,), name="tw-02"), BODY)
    site = b"ping,host=c,url=127.0.0.3 packets_transmitted=1i,packets_received=0i 1795393422\n"
    write(centre, token_of(centre, "county", ("*",), "county"), BODY + site, precision="ns")
    write(centre, token_of(centre, "county", ("*",), "county-2"), site, precision="s")
    assert kept(centre) == {
        (OTHER_LINK, "township", "core"): [(1795393422003, "reply", 28, 10_000, "tw-02")],
        (LINK, "county", "app"): [(1795393422002, "reply", 165, 10_000, "county")],
        (LINK, "county", "cpe"): [(1795393422004, "bad_reply", 2611, 10_000, "county")],
        ("*", "county", "gw"): [(1795393422000, "lost", -1, 10_000, "county-2")],
    }


def test_a_target_that_links_share_is_known_for_each_of_them(centre: Centre) -> None:
    shared = LINKS.replace('core = "127.0.0.9"', 'core = "127.0.0.1", app = "tcp://127.0.0.1:19443"')
    (centre.place.home.root.parent / "links.toml").write_text(shared)
    write(centre, token_of(centre, links=(LINK, OTHER_LINK)), BODY)
    found = kept(centre)
    for rung in ("core", "app"):
        assert found[LINK, "township", rung] == found[OTHER_LINK, "township", rung]
    write(centre, token_of(centre, "county", ("*",), "county"), BODY)
    assert {key for key in kept(centre) if key[1:] == ("county", "app")} == {
        (LINK, "county", "app"),
        (OTHER_LINK, "county", "app"),
    }


def test_only_a_good_token_opens(centre: Centre) -> None:
    token = token_of(centre)
    with pytest.raises(LedgerError, match="'tw-01': has a token already; take it back first"):
        token_of(centre)
    for wrong in ("", "Token", f"Basic {token}", "Token nope"):
        with pytest.raises(Refused, match="unauthorized access") as caught:
            centre.door.write(BODY, {"authorization": wrong}, "ns", NOON)
        assert caught.value.status == 401
    assert write(centre, token, BODY) == 204
    take_back(centre.ledger, "tw-01", NOON)
    with pytest.raises(Refused, match="unauthorized"):
        write(centre, token, BODY)
    with pytest.raises(LedgerError, match="'tw-01': has no token"):
        take_back(centre.ledger, "tw-01", NOON)
    assert token not in centre.place.home.ledger.read_bytes().decode(errors="replace")


def test_good_lines_are_kept_beside_bad_ones_and_the_writer_is_told(centre: Centre) -> None:
    lines = BODY.splitlines(keepends=True)
    body = lines[0] + b"ping,url=127.0.0.1 nonsense\n" + b"ping,url=127.0.0.1 packets_transmitted=1i,packets_received=1i 5\n"
    answer = centre.door.write(body, {"authorization": f"Token {token_of(centre)}"}, "ns", NOON)
    told = json.loads(answer.body)
    assert (answer.status, told["code"]) == (422, "unprocessable entity")
    assert told["message"].startswith("partial write: unable to parse 'ping,url=127.0.0.1 nonsense': is no line protocol")
    assert told["message"].endswith("dropped=2")
    assert [len(rows) for rows in kept(centre).values()] == [1]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\x1f\x8b broken", {"content-encoding": "gzip"}, 400),
        (gzip.compress(BODY)[:-20], {"content-encoding": "gzip"}, 400),
        (gzip.compress(b" " * 40_000_000), {"content-encoding": "gzip"}, 413),
        (b"x" * 4_000_001, {}, 413),
        (b"\xff", {}, 400),
        (BODY, {"content-encoding": "zstd"}, 415),
    ],
)
def test_bytes_that_cannot_be_read_are_refused(centre: Centre, body: bytes, headers: dict[str, str], status: int) -> None:
    token = token_of(centre)
    with pytest.raises(Refused) as caught:
        write(centre, token, body, **headers)
    assert caught.value.status == status
    assert not centre.place.home.unsigned.exists()


def test_the_disk_that_agents_need_is_not_filled(centre: Centre) -> None:
    free = FLOOR - 1
    door = Door(
        centre.ledger, UnsignedStore(centre.place.home.unsigned), DeclaredLinks(centre.place), centre.place.config.refuse,
        lambda: free,
    )  # fmt: skip
    headers = {"authorization": f"Token {token_of(centre)}"}
    with pytest.raises(Refused, match="499 MB free on the disk, fewer than 500 MB") as caught:
        door.write(BODY, headers, "ns", NOON)
    assert (caught.value.status, caught.value.retry_s) == (507, 60)
    assert not centre.place.home.unsigned.exists()
    free = FLOOR
    assert door.write(BODY, headers, "ns", NOON).status == 204


def test_what_nobody_signed_never_stands_beside_what_agents_measured(centre: Centre) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON))
    write(centre, token_of(centre), BODY)
    sealed(centre)
    with open_store(centre.place.home.root) as signed, UnsignedReader(centre.place.home.unsigned) as unsigned:
        key = (LINK, "township", "core")
        assert signed.names() == {key}
        assert len(signed.series(*key, *EVER)) == 6
        assert len(unsigned.stretches(*key, *EVER, 2_000_000)) == 1
        assert unsigned.flaws() == (Flaw("unsigned", LINK, "core", 1795393422002),)
        assert unsigned.events(*EVER) == ()
        assert list(unsigned.inputs()) == ["unsigned"]


def test_without_any_there_is_nothing_to_read_and_a_damaged_file_is_named(centre: Centre) -> None:
    file = centre.place.home.unsigned
    with pytest.raises(StoreError, match="nothing unsigned came in here"):
        UnsignedReader(file)
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(UnsignedError, match=r"unsigned\.db: cannot be used: file is not a database"):
        UnsignedReader(file)
    with pytest.raises(UnsignedError, match="cannot be used"):
        write(centre, token_of(centre), BODY)


def test_commands_issue_list_and_take_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--config", str(write_config(tmp_path)), "telegraf"]
    assert main([*command[:2], "init"]) == 0
    capsys.readouterr()
    assert main([*command, "issue", "tw-01", "--vantage", "township", "--link", LINK, "--interval", "30s", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["interval_ms"], told["url"], len(told["token"])) == (30_000, "https://127.0.0.1:8443", 43)
    assert main([*command, "issue", "x", "--vantage", "township", "--link", LINK, "--interval", "soon", "--lang", "en"]) == 2
    assert capsys.readouterr().err == "error: soon: no interval; write 10s or 1m\n"
    assert main([*command, "list"]) == 0
    assert capsys.readouterr().out == f"tw-01  township  线路 {LINK}\n"
    assert main([*command, "revoke", "tw-01", "--lang", "en"]) == 0
    assert capsys.readouterr().out == "the token of tw-01 is taken back\n"
    assert main([*command, "list", "--lang", "en"]) == 0
    assert capsys.readouterr().out == "there is no good token for Telegraf\n"


@pytest.mark.parametrize("file", sorted((ROOT / "deploy/telegraf").glob("*.conf")), ids=lambda file: file.stem)
def test_the_examples_are_toml_and_ask_what_the_example_county_declares(file: Path) -> None:
    conf = tomllib.loads(file.read_text(encoding="utf-8"))
    (output,) = conf["outputs"]["influxdb_v2"]
    assert output["token"] == "${JINBAO_TOKEN}"
    links = read_links(ROOT / "config/links.toml").value
    ladder = Ladder(Holder("x", file.stem, ("*",), None), links)
    for address in conf["inputs"]["ping"][0]["urls"]:
        point = Point("ping", {"url": address}, {"packets_transmitted": 1, "packets_received": 0}, 1795393422)
        assert ladder.samples(point, 10**9), address
