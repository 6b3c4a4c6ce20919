"""A Statement from the sealed store is the one from the journal: figures, causes, inputs, and what contradicts itself."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collecting import LINK, NOON, OTHER_LINK, Speaker, TestClock, centre_in, enrolled, post, sealed
from jinbao_agent.sample import Event, Sample
from jinbao_collector.centre import Centre
from jinbao_collector.door import Holder, issue
from jinbao_collector.store import sealing
from jinbao_reports.cli import main
from jinbao_reports.evidence.package import Order, make_package
from jinbao_reports.evidence.source import EvidenceError
from jinbao_reports.explain import explanation
from jinbao_reports.load import Asked, answer
from jinbao_reports.source import BadInput
from servers import SERVERS

HOUR_MS = 3_600_000
STEPS_MS = (1500, -700, 45_000, -40_000, 3_600_000)
RUNGS = ("lan", "cpe", "edge", "core", "app")


def measured(speaker: Speaker, begin: int, end: int, targets: tuple[str, ...], link: str, number: int) -> list[Sample]:
    """Answers every 10 s, but an outage of twelve probes each half hour, single losses, and skipped points."""
    found = []
    for step in range((end - begin) // 10_000):
        at, phase = begin + step * 10_000, (step + number * 7) % 180
        for place, target in enumerate(targets):
            outcome, rtt = "reply", 2000 + 7919 * step % 900
            if 60 <= phase < 72 and place >= 2:
                outcome = "unreachable:3:1:10.0.0.9" if phase % 2 else "lost"
            elif phase in (20, 21) or (phase == 100 and target == "core"):
                outcome = "lost"
            elif phase == 130:
                outcome = "not_sent:skipped"
            elif phase == 140:
                outcome, rtt = "late", 2_400_000
            late = 977 * step % 1500 + place
            sample = Sample(
                link=link,
                vantage=speaker.vantage,
                target=target,
                sent_us=at * 1000 + late,
                outcome=outcome,
                rtt_us=rtt if outcome in ("reply", "late") else None,
                boot=speaker.boot,
                seq=at // 10_000,
                mono_us=(at - NOON) * 1000 + 10**10 + late + step % 2,
                interval_ms=10_000,
            )
            found.append(sample)
    return found


def stepped(samples: list[Sample], mono_us: int, delta_ms: int) -> list[Sample]:
    """As a clock stamped them that was wrong until then."""
    return [
        replace(sample, sent_us=sample.sent_us - delta_ms * 1000) if (sample.mono_us or 0) < mono_us else sample
        for sample in samples
    ]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    """Six hours of two townships and the county: reboots, steps of the clock, a clone, a re-installed agent, late batches."""
    with centre_in(tmp_path, TestClock(NOON + 30 * HOUR_MS)) as opened:
        towers = [enrolled(opened), enrolled(opened, "tw-02", links=(OTHER_LINK,))]
        county = enrolled(opened, "county", "county", ("*",))
        batches = []
        for number, (tower, link) in enumerate(zip(towers, (LINK, OTHER_LINK), strict=True)):
            for hour, delta in enumerate(STEPS_MS):
                begin = NOON + hour * HOUR_MS
                tower.boot = f"boot-{hour // 2}"
                mono = (begin + 1_200_000 - NOON) * 1000 + 10**10
                samples = stepped(measured(tower, begin, begin + HOUR_MS - 300_000, RUNGS, link, number), mono, delta)
                detail = f"delta_ms={delta};synced=1;mono_ns={mono * 1000}"
                step = Event(
                    link=link, vantage="township", at_us=begin * 1000, event="clock_step", boot=tower.boot, detail=detail
                )
                start = Event(link=link, vantage="township", at_us=begin * 1000 - 5, event="start", boot=tower.boot)
                for place in range(0, len(samples), 300):
                    batches.append(tower.batch(begin, samples[place : place + 300], [step, start] if place == 600 else []))
        clone = towers[0].again(chain="c" * 32, boot="boot-0")
        batches.append(clone.batch(NOON, [replace(one, outcome="lost", rtt_us=None) for one in clone.minute(NOON)[:3]]))
        for hour in range(5):
            begin = NOON + hour * HOUR_MS
            seen = [
                one for link in (LINK, OTHER_LINK) for one in measured(county, begin, begin + HOUR_MS, ("cpe", "app"), link, 0)
            ]
            batches.append(county.batch(begin, [*seen, *measured(county, begin, begin + HOUR_MS, ("gw", "ce"), "*", 3)]))
        for place, batch in enumerate(batches[::2] + batches[1::2]):
            post(opened, batch)
            if place % 17 == 5:
                sealed(opened, 9)
        declare(tmp_path)
        yield opened


def declare(folder: Path) -> None:
    targets = (
        'targets = { lan = "10.1.1.1", cpe = "10.1.2.1", edge = "10.1.3.1", core = "10.0.0.2", app = "tcp://10.0.9.1:443" }'
    )
    lines = ['schema = "jinbao.links/1"', "[county]", 'targets = { gw = "10.0.0.1", ce = "10.0.0.2" }']
    for link in (LINK, OTHER_LINK):
        lines += ["[[link]]", f'code = "{link}"', f'name = "{link}"', targets]
    (folder / "links.toml").write_text("\n".join(lines))
    contract = ['schema = "jinbao.contract/1"', "effective = { from = 2020-01-01 }", 'target = "99.9%"']
    (folder / "contract.toml").write_text("\n".join([*contract, "[limits]", 'loss = "1%"', 'p95_ms = "50"']))


def everything(folder: Path, **more: Any) -> tuple[Any, list[Any]]:
    """The Statement, and why each outage was judged as it was."""
    asked = Asked(folder / "links.toml", [folder / "contract.toml"], "2021-04", **{"store": folder / "data", **more})
    told = answer(asked)
    made = told.statement()
    outages = [outage["id"] for link in made["links"] for outage in link["outages"]]
    return json.loads(json.dumps(made)), [explanation(told.judgement, name, "en") for name in outages]


@pytest.mark.parametrize("more", [{}, {"profile": "mef"}, {"profile": "y1540-2016"}, {"as_of": "2021-04-09T07:31:07.5Z"}])
def test_the_statement_does_not_depend_on_what_is_sealed(centre: Centre, tmp_path: Path, more: dict[str, Any]) -> None:
    store = centre.place.home.store
    half = everything(tmp_path, **more)
    sealing.seal(centre.place.home)
    whole = everything(tmp_path, **more)
    store.rename(tmp_path / "away")
    journal = everything(tmp_path, **more)
    assert whole == half == journal
    statement = journal[0]
    assert {flaw["kind"] for flaw in statement["integrity"]} >= {"conflict", "overlap"}
    outages = [outage for link in statement["links"] for outage in link["outages"]]
    assert len(outages) >= 8
    assert any(outage["suspect"] for outage in outages)
    assert all(link["flaps"]["count"] > 5 for link in statement["links"])
    assert statement["inputs"].keys() >= {"journal", "roster", "ledger_head"}


@pytest.mark.parametrize("kind", SERVERS)
def test_the_statement_from_a_server_is_the_stores_but_for_what_it_rests_on(
    centre: Centre, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing.seal(centre.place.home)
    with SERVERS[kind](tmp_path) as server:
        server.fill(centre.place.home.root)
        monkeypatch.setenv("JINBAO_STORE_TOKEN", server.token or "none")
        (one, one_why), (two, two_why) = everything(tmp_path), everything(tmp_path, store=None, server=server.address)
    assert two["inputs"].keys() - one["inputs"].keys() == {"replica"}
    assert one["inputs"].keys() - two["inputs"].keys() == {"journal", "roster", "ledger_head"}
    flaws = [[flaw for flaw in made["integrity"] if flaw["kind"] not in ("replica", "overlap")] for made in (one, two)]
    assert flaws[0] == flaws[1] != []
    assert [flaw["link"] for flaw in two["integrity"] if flaw["kind"] == "replica"] == ["*"]
    assert {**one, "inputs": 0, "integrity": 0} == {**two, "inputs": 0, "integrity": 0}
    assert one_why == two_why


def test_what_telegraf_wrote_is_judged_alone_and_says_so(centre: Centre, tmp_path: Path) -> None:
    token = issue(centre.ledger, Holder("tw-01", "township", (LINK,), None), NOON)
    points = [
        f"ping,url=10.0.0.2 packets_transmitted=1i,packets_received={int(step not in range(60, 90))}i,average_response_ms=2.5"
        f" {(NOON + step * 10_000) * 1_000_000}"
        for step in range(360)
    ]
    assert centre.door.write("\n".join(points).encode(), {"authorization": f"Token {token}"}, "ns", NOON).status == 204
    made, _ = everything(tmp_path, unsigned=True)
    (link, other) = made["links"]
    assert (other["verdict"], [outage["seconds"] for outage in link["outages"]]) == ("no_data", [300])
    assert [flaw["kind"] for flaw in made["integrity"]] == ["unsigned"]
    assert made["inputs"].keys() >= {"unsigned"}
    assert "manifest" not in made


def test_no_package_is_made_of_what_nobody_signed(centre: Centre, tmp_path: Path) -> None:
    asked = Asked(tmp_path / "links.toml", [tmp_path / "contract.toml"], "2021-04", store=tmp_path / "data", unsigned=True)
    with pytest.raises(EvidenceError, match="nobody signed these samples"):
        make_package(Order(asked), tmp_path / "package.zip")
    assert not (tmp_path / "package.zip").exists()


def test_the_command_reads_a_server_by_its_address_and_says_what_it_is_worth(
    centre: Centre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SERVERS["victoriametrics"](tmp_path) as server:
        server.fill(centre.place.home.root)
        words = ["--links", str(tmp_path / "links.toml"), "--contract", str(tmp_path / "contract.toml"), "--period", "2021-04"]
        assert main(["compute", "--store", server.address, *words, "--json", "--lang", "en"]) in (0, 1)
        shown = capsys.readouterr()
        assert json.loads(shown.out)["links"][0]["outages"]
        assert shown.err == "taken from a replica, not evidence-grade\n"
    assert main(["compute", "--store", "http://user@host:1", *words]) == 2
    assert main(["compute", "--store", server.address, *words]) == 3
    assert "cannot be reached" in capsys.readouterr().err


def test_unsigned_without_a_data_directory_is_refused(tmp_path: Path) -> None:
    declare(tmp_path)
    with pytest.raises(BadInput, match="--unsigned: chooses what Telegraf wrote"):
        everything(tmp_path, store=None, server="http://127.0.0.1:1", unsigned=True)
