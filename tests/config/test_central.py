"""What the centre may order, and how far an agent's own machine lets it."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinbao_config.central import Allowed, allow_text, content_for, parse_central, read_allowed
from jinbao_config.links import parse_target, read_links
from jinbao_config.shape import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config" / "links.toml"
LINKS = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
ALLOWED = Allowed(schema="jinbao.allow/1", networks=("10.0.0.0/8", "fd00::/8"))


def over_the_wire(content: object) -> object:
    return json.loads(json.dumps(content))


def test_a_township_is_told_of_its_own_link_alone() -> None:
    content = content_for(LINKS, "township", ["510422101"], {"wait": "2s"})
    central = parse_central(over_the_wire(content), "configuration 3")
    whole = read_links(EXAMPLE).value
    assert [link.code for link in central.links.link] == ["510422101"]
    assert central.links["510422101"] == whole["510422101"]
    assert central.links.defaults == whole.defaults
    assert (central.times.wait, central.times.batch, central.times.every) == (2000, None, None)


def test_the_county_is_told_of_everything() -> None:
    assert parse_central(over_the_wire(content_for(LINKS, "county", ["*"], {})), "it").links == read_links(EXAMPLE).value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "it: links: expected a table of links"),
        ("links", "it: links: expected a table of links"),
        ({"links": {"schema": "jinbao.links/1"}}, "it: link: no link is declared"),
        ({"links": {"schema": "jinbao.links/9"}}, "it: schema: 'jinbao.links/9'"),
        ({"links": LINKS, "times": {"wait": "0s"}}, "it: times.wait: '0s': expected 100ms to 1m"),
        ({"links": LINKS, "times": {"every": "1ms"}}, "it: times.every: '1ms': expected 1s to 1d"),
        ({"links": LINKS, "times": {"url": "https://evil"}}, "it: times.url: unknown key"),
        ({"links": LINKS, "times": []}, "it: times: \\[\\]: expected a table"),
    ],
)
def test_what_cannot_be_read_is_named(content: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_central(content, "it")


@given(st.ip_addresses(v=4))
def test_no_address_outside_the_networks_gets_through(address: object) -> None:
    found = list(ALLOWED.objections([("core", parse_target(str(address)), 10_000)]))
    assert bool(found) == (not str(address).startswith("10."))


@pytest.mark.parametrize(
    ("target", "interval_ms", "objection"),
    [
        ("tcp://10.0.0.1:443", 1000, None),
        ("fd00::7", 1000, None),
        ("nic:eth0", 1000, None),
        ("http://centre.example/", 10_000, "outside the allowed networks"),  # a name lies nowhere
        ("tcp://192.0.2.1:443", 10_000, "outside the allowed networks"),
        ("10.0.0.1", 500, "oftener than the allowed 1000 ms"),
    ],
)
def test_kinds_addresses_and_cadence_are_bounded(target: str, interval_ms: int, objection: str | None) -> None:
    found = list(ALLOWED.objections([("app", parse_target(target), interval_ms)]))
    assert (found == []) if objection is None else objection in found[0]


def test_all_rungs_together_keep_to_a_rate() -> None:
    rungs = [(f"r{n}", parse_target("10.0.0.1"), 1000) for n in range(50)]
    assert list(ALLOWED.objections(rungs)) == []
    assert list(ALLOWED.objections([*rungs, rungs[0]])) == ["51.0 probes a second, more than the allowed 50"]


def test_a_kind_that_is_not_named_is_not_allowed() -> None:
    only_icmp = Allowed(schema="jinbao.allow/1", networks=("10.0.0.0/8",), kinds=("icmp",))
    assert "tcp is not among" in next(only_icmp.objections([("app", parse_target("tcp://10.0.0.1:1"), 1000)]))


def test_what_install_writes_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "allow.toml"
    file.write_text(allow_text(["10.5.0.0/16"], ["icmp", "nic"], 2000, 7), encoding="utf-8")
    assert read_allowed(file).value == Allowed(
        schema="jinbao.allow/1", networks=("10.5.0.0/16",), kinds=("icmp", "nic"), fastest=2000, per_second=7
    )
