"""Configurations of the centre: numbered, kept, signed, told to whom they are for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, NOON, Speaker, TestClock, ack, centre_in, enrolled, post
from jinbao_agent.keys import SigningKey
from jinbao_agent.wire import Signed
from jinbao_collector.asking import AskRefused
from jinbao_collector.centre import Centre
from jinbao_collector.cli import main
from jinbao_collector.configurations import ASK_TAG, CONFIG_TAG
from jinbao_collector.heard import Heard
from jinbao_collector.ledger import LedgerError
from jinbao_config.central import parse_central


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def centre(tmp_path: Path, clock: TestClock) -> Iterator[Centre]:
    with centre_in(tmp_path, clock) as opened:
        yield opened


def configure(centre: Centre, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code = main(["--config", str(centre.place.file), "configure", *words, "--json"])
    told = capsys.readouterr()
    assert code == 0, told.err
    return json.loads(told.out)


def asks(speaker: Speaker, **changed: Any) -> bytes:
    fields = {"key": speaker.key.public.fingerprint, "nonce": "n1", "at": NOON, **changed}
    return Signed.make(ASK_TAG, fields, speaker.key).to_lines()


def told(centre: Centre, speaker: Speaker) -> dict[str, Any]:
    signed = centre.configurations.answer(asks(speaker))
    assert signed.tag == CONFIG_TAG
    assert signed.verified_by(centre.authority.signing.public)
    return signed.fields()


def test_each_agent_is_told_its_own_links_signed_for_its_name_and_question(
    centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    tower, hall = enrolled(centre), enrolled(centre, "county", "county", ["*"])
    issued = configure(centre, capsys, "--wait", "2s")
    assert issued == [{"agent": "county", "version": 1}, {"agent": "tw-01", "version": 1}]
    answer = told(centre, tower)
    assert (answer["agent"], answer["version"], answer["nonce"]) == ("tw-01", 1, "n1")
    central = parse_central(answer["content"], "it")
    assert ([link.code for link in central.links.link], central.times.wait) == ([LINK], 2000)
    assert len(parse_central(told(centre, hall)["content"], "it").links.link) == 2


def test_a_version_is_issued_only_where_something_changed_and_going_back_is_a_new_one(
    centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    tower = enrolled(centre)
    assert configure(centre, capsys)[0]["version"] == 1
    assert configure(centre, capsys)[0]["version"] is None
    first = told(centre, tower)["content"]
    links = centre.place.file.parent / "links.toml"
    links.write_text(links.read_text() + 'targets = { core = "10.0.0.2" }\n')
    assert configure(centre, capsys)[0]["version"] is None, "the other link's, which is none of its business"
    assert configure(centre, capsys, "--every", "30s")[0]["version"] == 2
    assert told(centre, tower)["content"] != first
    assert configure(centre, capsys, "--agent", "tw-01", "--back")[0]["version"] == 3
    assert told(centre, tower)["content"] == first


def test_an_acknowledgement_names_the_newest_version(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    tower = enrolled(centre)
    assert ack(post(centre, tower.batch(NOON)))["config"] == 0
    configure(centre, capsys)
    assert ack(post(centre, tower.batch(NOON + 60_000)))["config"] == 1


def test_an_agent_without_a_configuration_is_told_so(centre: Centre) -> None:
    with pytest.raises(AskRefused, match="there is no configuration") as refused:
        centre.configurations.answer(asks(enrolled(centre)))
    assert refused.value.status == 404


STRANGERS: dict[str, tuple[Callable[[Speaker], bytes], int]] = {
    "another key": (lambda one: asks(one.again(key=SigningKey.generate())), 401),
    "another's signature": (lambda one: asks(one.again(key=SigningKey.generate()), key=one.key.public.fingerprint), 401),
    "another document": (lambda one: Signed.make("jinbao-askpeers/1", {"key": "k", "nonce": "n"}, one.key).to_lines(), 400),
    "no nonce": (lambda one: asks(one, nonce=7), 400),
}


@pytest.mark.parametrize(("make", "status"), STRANGERS.values(), ids=STRANGERS)
def test_strangers_are_told_nothing(
    centre: Centre, capsys: pytest.CaptureFixture[str], make: Callable[[Speaker], bytes], status: int
) -> None:
    tower = enrolled(centre)
    configure(centre, capsys)
    with pytest.raises(AskRefused) as refused:
        centre.configurations.answer(make(tower))
    assert refused.value.status == status


def test_a_revoked_agent_is_neither_configured_nor_told(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    tower = enrolled(centre)
    configure(centre, capsys)
    centre.enrolment.revoke("tw-01", 0, NOON)
    assert configure(centre, capsys) == []
    with pytest.raises(AskRefused, match="revoked"):
        centre.configurations.answer(asks(tower))
    assert main(["--config", str(centre.place.file), "--lang", "en", "configure", "--agent", "tw-01"]) == 2
    assert "tw-01: no such agent" in capsys.readouterr().err


def test_a_time_that_is_out_of_bounds_and_nothing_to_go_back_to_are_refused(
    centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(centre)
    base = ["--config", str(centre.place.file), "--lang", "en", "configure"]
    assert main([*base, "--every", "0s"]) == 2
    assert "times.every: '0s': expected 1s to 1d" in capsys.readouterr().err
    assert main([*base, "--back"]) == 2
    assert "no earlier version" in capsys.readouterr().err
    assert centre.configurations.version("tw-01") == 0


def test_a_document_that_was_changed_is_not_signed(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    tower = enrolled(centre)
    configure(centre, capsys)
    (document,) = centre.place.home.documents.iterdir()
    document.write_bytes(document.read_bytes() + b" ")
    with pytest.raises(LedgerError, match="is not what its name says"):
        centre.configurations.answer(asks(tower))


def test_what_an_agent_lives_under_and_what_it_refused_is_listed(centre: Centre, capsys: pytest.CaptureFixture[str]) -> None:
    tower = enrolled(centre)
    post(centre, tower.batch(NOON, config={"version": 1, "trial": 0, "refused": 2, "why": "core: 192.0.2.1: outside"}))
    assert main(["--config", str(centre.place.file), "--lang", "en", "agents"]) == 0
    told = capsys.readouterr().out
    assert "configuration 1" in told
    assert "refused version 2: core: 192.0.2.1: outside" in told
    odd = Heard.of(0, {"config": {"version": "1", "refused": None}})
    assert (odd.config, odd.refused) == (None, None)


def test_a_number_that_an_agent_already_lives_under_is_not_given_again(
    centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    tower = enrolled(centre)
    assert configure(centre, capsys)[0]["version"] == 1
    # After a restore the ledger may know less than the agents do.
    post(centre, tower.batch(NOON, config={"version": 4, "trial": 0}))
    assert configure(centre, capsys)[0]["version"] == 5, "the content is the ledger's newest, but the agent has a later one"
    post(centre, tower.batch(NOON + 60_000, config={"version": 5, "trial": 0, "refused": 7, "why": "outside"}))
    assert configure(centre, capsys, "--every", "30s")[0]["version"] == 8
    assert centre.configurations.version("tw-01") == 8
    assert configure(centre, capsys, "--every", "30s")[0]["version"] is None
