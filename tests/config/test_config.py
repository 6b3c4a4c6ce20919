"""Declared files: what they mean, and what a person is told who wrote something else."""

import json
import tomllib
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from jinbao_collector.entry import Entry, read_entries
from jinbao_config import schemas, units
from jinbao_config.central import read_allowed
from jinbao_config.contract import read_contract
from jinbao_config.counties import read_counties
from jinbao_config.indicators import read_indicators
from jinbao_config.links import Expect, Target, parse_target, read_links
from jinbao_config.office import read_office
from jinbao_config.schedule import read_schedule
from jinbao_config.services import UpsAddress, parse_ups, read_agent, read_collector
from jinbao_config.shape import ConfigError, read_document

ROOT = Path(__file__).parents[2]
BAD = sorted((Path(__file__).parent / "bad").glob("*.toml"))
READERS: dict[str, Callable[[Path], Any]] = {
    "links": read_links,
    "contract": read_contract,
    "indicators": read_indicators,
    "counties": read_counties,
    "office": read_office,
    "schedule": read_schedule,
    "agent": read_agent,
    "allow": read_allowed,
    "collector": read_collector,
    "ledger": read_entries,
}


def test_there_are_at_least_twenty_bad_files() -> None:
    assert len(BAD) >= 20


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_each_bad_file_says_where_what_and_what_would_be_right(file: Path) -> None:
    expected = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        READERS[file.stem.split("-")[0]](file)
    assert str(caught.value) == f"{file}: {expected}"


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "links.toml").write_text("= 3")
    with pytest.raises(ConfigError, match=r"links\.toml: is not TOML: .*line 1"):
        read_links(tmp_path / "links.toml")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_links(tmp_path / "missing.toml")


def test_the_example_names_the_twelve_townships() -> None:
    links = read_links(ROOT / "config" / "links.toml").value
    assert [link.code for link in links.link] == [
        f"510422{number}" for number in (100, 101, 102, 103, 104, 105, 203, 205, 206, 207, 210, 211)
    ]
    assert links["510422203"].name == "红果彝族乡"
    assert links.interval("core") == 10_000
    assert links["510422101"].targets["app"] == Target("tcp", "10.0.9.1", 443)


def _leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in _leaves(item, f"{path}[{index}]")]
    return [path]


def test_every_value_of_the_example_contract_is_marked_as_a_placeholder() -> None:
    file = ROOT / "config" / "contract.toml"
    leaves = _leaves(tomllib.loads(file.read_text(encoding="utf-8")))
    assert set(read_contract(file).placeholders) == set(leaves) - {"schema"}


def test_a_placeholder_is_read_as_its_value() -> None:
    contract = read_contract(ROOT / "config" / "contract.toml").value
    assert contract.target == Fraction(999, 1000)
    assert contract.effective.from_ == date(2021, 1, 1)
    assert contract.rule.n == 3
    assert contract.power.excused is True


@pytest.mark.parametrize("name", schemas.SHAPES)
def test_the_schemas_for_editors_are_the_ones_the_readers_follow(name: str) -> None:
    text = (ROOT / "config" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert text == schemas.schema_text(name), "run: python -m jinbao_config.schemas config/schemas"
    Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("links", "links.toml"),
        ("contract", "contract.toml"),
        ("indicators", "indicators.example.toml"),
        ("counties", "counties.example.toml"),
        ("office", "office.example.toml"),
        ("schedule", "schedule.example.toml"),
        ("agent", "agent.example.toml"),
        ("allow", "allow.example.toml"),
        ("collector", "collector.example.toml"),
    ],
)
def test_the_examples_load_and_fit_their_schema(name: str, file: str) -> None:
    READERS[name](ROOT / "config" / file)
    data = tomllib.loads((ROOT / "config" / file).read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(data, default=str))
    Draft202012Validator(json.loads(schemas.schema_text(name))).validate(plain)


def test_the_example_ledger_has_an_entry_of_every_kind_but_a_bare_document() -> None:
    entries = read_entries(ROOT / "config" / "ledger.example.toml").value.entry
    assert {entry.kind for entry in entries} == {"exclusion", "power_notice", "server_notice", "ticket", "cause"}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("10.0.0.1", Target("icmp", "10.0.0.1")),
        ("fe80::1", Target("icmp", "fe80::1")),
        ("tcp://10.0.9.1:443", Target("tcp", "10.0.9.1", 443)),
        ("http://10.0.9.1/health?x=1", Target("http", "10.0.9.1", 80, "/health?x=1")),
        ("https://[fd00::9]:8443/", Target("https", "fd00::9", 8443, "/")),
        ("nic:eth0", Target("nic", "eth0")),
        ("peer://10.0.0.9", Target("peer", "10.0.0.9", 8620)),
        ("peer://[fd00::9]:8862", Target("peer", "fd00::9", 8862)),
        ("dns://10.0.0.53/app.example.cn", Target("dns", "10.0.0.53", 53, "/app.example.cn?type=A")),
        (
            "dns://[fd00::53]:5353/app.example.cn.?type=aaaa#answer=fd00::9",
            Target("dns", "fd00::53", 5353, "/app.example.cn.?type=AAAA", Expect(answer="fd00::9")),
        ),
        ("http://10.0.9.1/#status=200", Target("http", "10.0.9.1", 80, "/", Expect(status=(200, 200)))),
        (
            "https://10.0.9.1/health?x=1#status=200-399&body=正常 %26 %23",
            Target("https", "10.0.9.1", 443, "/health?x=1", Expect(status=(200, 399), body="正常 & #")),
        ),
    ],
)
def test_targets_are_read_and_written_alike(text: str, target: Target) -> None:
    assert parse_target(text) == target
    assert parse_target(str(target)) == target


@given(st.integers(100, 599), st.integers(0, 100), st.text(st.characters(codec="utf-8"), max_size=20))
def test_whatever_is_expected_is_written_as_it_was_meant(first: int, more: int, body: str) -> None:
    target = Target("https", "10.0.9.1", 443, "/", Expect(status=(first, min(first + more, 599)), body=body))
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "ups"),
    [
        ("ups@127.0.0.1:3493", UpsAddress("ups", "127.0.0.1", 3493)),
        ("ups@10.0.0.8", UpsAddress("ups", "10.0.0.8", 3493)),
        ("apc-1.back@localhost:13493", UpsAddress("apc-1.back", "127.0.0.1", 13493)),
        ("ups@[fd00::9]:3493", UpsAddress("ups", "fd00::9", 3493)),
        ("ups", UpsAddress("ups", "127.0.0.1", 3493)),
    ],
)
def test_a_ups_is_named_as_nut_names_it(text: str, ups: UpsAddress) -> None:
    assert parse_ups(text) == ups
    assert parse_ups(str(ups)) == ups


NO_UPS = """|@127.0.0.1|ups@|ups@127.0.0.1:|ups@127.0.0.1:0|ups@127.0.0.1:65536|ups@127.0.0.1:3493 |ups@fd00::9|ups@[127.0.0.1]
|ups@ups-box|u ps@127.0.0.1|ups\t@127.0.0.1|ups@127.0.0.1@127.0.0.1"""


@pytest.mark.parametrize("text", [*NO_UPS.replace("\n", "").split("|"), "ups@127.0.0.1\n", 3493])
def test_what_is_no_ups_address_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected UPS@ADDRESS:PORT"):
        parse_ups(text)


@given(st.integers(0, 10**9), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_durations_are_exact(number: int, unit: str) -> None:
    assert units.duration_ms(f"{number}{unit}") == number * {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}[unit]


def test_instants_are_floored_to_the_millisecond() -> None:
    assert units.instant_ms("1970-01-01T08:00:00.0019+08:00") == 1
    assert units.instant_us("1969-12-31T23:59:59.999999Z") == -1


def test_an_entry_is_stored_and_read_back_alike(tmp_path: Path) -> None:
    file = tmp_path / "ledger.toml"
    file.write_text(
        '[[entry]]\nid = "L1"\nkind = "exclusion"\ntype = "cutover"\nlinks = ["510422101"]\n'
        "from = 2021-04-15T00:00:00+08:00\nto = 2021-04-15T02:00:00+08:00\nauthor = 'a'\napproved_by = 'b'\n"
    )
    (entry,) = read_entries(file).value.entry
    assert Entry.from_facts(json.loads(json.dumps(entry.facts()))) == entry
    assert entry.approved
    assert entry.concerns("510422101")
    assert not entry.concerns("510422102")


def test_unreadable_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_document(schemas.SHAPES["links"], tmp_path / "x.toml")
