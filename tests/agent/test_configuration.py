"""The centre's configuration: taken within this machine's bounds, tried, kept or given back, and always owned up to."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_process import AGENT, COMMAND, running, write_config
from agent_records import records_of, sample
from hand_clock import HandClock
from jinbao_agent.cli import main
from jinbao_agent.configuration import CONFIG_TAG, ConfigRefused, Judge, Plan, Shelf, begin, present
from jinbao_agent.enrol import Code, enrol
from jinbao_agent.identity import Home
from jinbao_agent.keys import SigningKey
from jinbao_agent.ladder import ladder
from jinbao_agent.probes import icmp_rights
from jinbao_agent.steering import TRIAL_US, Steering
from jinbao_agent.wire import Signed
from jinbao_config.central import Allowed
from jinbao_config.links import read_links
from jinbao_config.services import read_agent
from tiny_centre import TinyCentre

CODE = "510422101"
ALLOWED = Allowed(schema="jinbao.allow/1", networks=("127.0.0.0/8",))
ALLOW_TOML = 'schema = "jinbao.allow/1"\nnetworks = ["127.0.0.0/8"]\n'


def content(core: str = "127.0.0.9", interval: str = "1s", **times: str) -> dict[str, Any]:
    link = {"code": CODE, "name": "红格镇", "targets": {"core": core}}
    return {"links": {"schema": "jinbao.links/1", "defaults": {"interval": interval}, "link": [link]}, "times": times}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[TinyCentre]:
    with TinyCentre(tmp_path).open() as opened:
        yield opened


class Box:
    """An enrolled agent's folder, with the local plan it begins with."""

    def __init__(self, folder: Path, centre: TinyCentre) -> None:
        file = write_config(folder, 9)
        self.config = read_agent(file).value
        self.home = Home(folder / "data")
        self.home.make()
        enrolment = enrol(self.home, Code.parse(centre.code), vantage="township", link=CODE, now_ms=0, again=False)
        self.judge = Judge(enrolment, ALLOWED, self.config)
        links = read_links(folder / "links.toml").value
        self.local = Plan(config=self.config, links=links, rungs=ladder(self.config, links))
        self.shelf, self.clock = Shelf(self.home), HandClock()
        self.renewed = 0
        self.steering: Steering

    def live(self, boot: str = "boot-1") -> Plan:
        """A life begins."""
        plan = begin(self.shelf, self.judge, self.local, boot)
        self.steering = Steering(self.home, plan, self.config, ALLOWED, self.clock, self._renew)
        return plan

    def _renew(self) -> None:
        self.renewed += 1

    def ask(self) -> None:
        asyncio.run(self.steering.refresh())


@pytest.fixture
def box(tmp_path: Path, centre: TinyCentre) -> Box:
    made = Box(tmp_path, centre)
    made.live()
    return made


# What is taken


def signed(centre: TinyCentre, key: SigningKey | None = None, tag: str = CONFIG_TAG, **changed: Any) -> Signed:
    fields = {"agent": centre.agent, "version": 1, "content": content(), "nonce": "n", "at": 0}
    return Signed.make(tag, {**fields, **changed}, key or centre.key)


def test_what_the_centre_signed_within_the_bounds_is_a_plan(box: Box, centre: TinyCentre) -> None:
    plan = box.judge.plan(signed(centre, version=3, content=content(wait="1s", batch="5s", every="7s")))
    assert [(rung.name, str(rung.target), rung.interval_ms) for rung in plan.rungs] == [("core", "127.0.0.9", 1000)]
    assert (plan.version, plan.config.wait, plan.config.batch, plan.config.collector.every) == (3, 1000, 5000, 7000)
    assert replace(plan.config, wait=0, batch=0, collector=box.config.collector) == replace(box.config, wait=0, batch=0)


BAD: dict[str, tuple[Callable[[TinyCentre], Signed], str]] = {
    "another key": (lambda one: signed(one, SigningKey.generate()), "not signed by the centre"),
    "another document of the centre": (lambda one: signed(one, tag="jinbao-manifest/1"), "not signed by the centre"),
    "another agent": (lambda one: signed(one, agent="yanbian-02"), "for another agent"),
    "a version that is none": (lambda one: signed(one, version="2"), "a version from 1"),
    "version 0": (lambda one: signed(one, version=0), "a version from 1"),
    "no content": (lambda one: signed(one, content=None), "expected a table of links"),
    "code": (lambda one: signed(one, content=content("exec://127.0.0.1:1")), "unknown kind of probe"),
    "an address outside": (lambda one: signed(one, content=content("192.0.2.1")), "outside the allowed networks"),
    "a name": (lambda one: signed(one, content=content("http://localhost/")), "outside the allowed networks"),
    "another link": (
        lambda one: signed(one, content={"links": {**content()["links"], "link": [{"code": "510422102", "name": "x"}]}}),
        "link 510422101 is not in it",
    ),
    "no rung": (
        lambda one: signed(one, content={"links": {**content()["links"], "link": [{"code": CODE, "name": "x"}]}}),
        "nothing would be probed",
    ),
}


@pytest.mark.parametrize(("make", "why"), BAD.values(), ids=BAD)
def test_anything_else_is_refused_with_its_reason(
    box: Box, centre: TinyCentre, make: Callable[[TinyCentre], Signed], why: str
) -> None:
    with pytest.raises(ConfigRefused, match=why):
        box.judge.plan(make(centre))


# Trial


def test_a_new_configuration_is_tried_and_kept_once_the_centre_heard_of_it(box: Box, centre: TinyCentre) -> None:
    assert box.steering.report() == {"version": 0, "trial": 0}
    centre.config = {"version": 4, "content": content()}
    assert box.steering.wants(4)
    box.ask()
    assert box.renewed == 1
    box.steering.ended()
    plan = box.live()
    assert (plan.version, plan.on_trial, plan.rungs[0].name) == (4, True, "core")
    assert box.steering.report() == {"version": 4, "trial": 1}
    box.steering.acknowledged()  # of what the life before measured
    assert box.steering.plan.on_trial
    box.steering.saw([sample(1, outcome="not_sent:error")])
    box.steering.acknowledged()
    assert box.steering.plan.on_trial, "nothing has left this machine yet"
    box.steering.saw([sample(2, outcome="lost")])
    box.steering.acknowledged()
    assert box.steering.report() == {"version": 4, "trial": 0}
    assert not box.steering.wants(4)
    box.clock.forward(2 * TRIAL_US)
    asyncio.run(box.steering.judge())
    assert (box.renewed, box.live().version) == (1, 4)


@pytest.mark.parametrize(
    ("measured", "why"), [(True, "the centre acknowledged nothing under it"), (False, "nothing could be measured under it")]
)
def test_one_that_is_not_heard_of_in_time_gives_way_to_the_one_before(
    box: Box, centre: TinyCentre, measured: bool, why: str
) -> None:
    box.shelf.put_next(signed(centre, version=1))
    box.shelf.move("next", "accepted")
    box.shelf.put_next(signed(centre, version=2, content=content("127.0.0.8")))
    assert (box.live().version, box.renewed) == (2, 0)
    if measured:
        box.steering.saw([sample(1)])
    box.clock.forward(TRIAL_US - 1)
    asyncio.run(box.steering.judge())
    assert box.renewed == 0
    box.clock.forward(1)
    asyncio.run(box.steering.judge())
    assert box.renewed == 1
    box.steering.ended()
    assert box.live().version == 1
    assert box.steering.report() == {"version": 1, "trial": 0, "refused": 2, "why": f"{why} for 15 minutes"}
    centre.config = {"version": 2, "content": content("127.0.0.8")}
    box.ask()
    assert box.renewed == 1, "what was refused is not tried again"
    centre.config = {"version": 3, "content": content("127.0.0.7")}
    box.ask()
    assert box.renewed == 2


def test_a_life_that_dies_under_it_is_the_last_one_but_a_power_cut_and_a_clean_stop_are_not(
    box: Box, centre: TinyCentre
) -> None:
    box.shelf.put_next(signed(centre, version=1))
    assert box.live("boot-1").on_trial
    box.steering.ended()
    assert box.live("boot-1").on_trial, "stopped in order"
    assert box.live("boot-2").on_trial, "the power went"
    assert box.live("boot-2").version == 0, "it died"
    assert box.steering.report()["why"] == "the agent ended unexpectedly under it"


def test_a_bad_one_is_owned_up_to_while_the_old_one_goes_on(box: Box, centre: TinyCentre) -> None:
    told = []
    box.steering.facts = told.append  # type: ignore[assignment]
    centre.config = {"version": 1, "content": content("8.8.8.8")}
    box.ask()
    why = "core: 8.8.8.8: outside the allowed networks, 127.0.0.0/8"
    assert told == [{"version": 0, "trial": 0, "refused": 1, "why": why}]
    assert box.renewed == 0
    assert not box.steering.wants(1)


def test_bounds_that_were_narrowed_meanwhile_hold_for_what_was_accepted(box: Box, centre: TinyCentre) -> None:
    box.shelf.put_next(signed(centre, version=1))
    box.shelf.move("next", "accepted")
    assert present(box.shelf, box.judge, box.local).version == 1
    box.judge = replace(box.judge, allowed=Allowed(schema="jinbao.allow/1", networks=("10.0.0.0/8",)))
    assert present(box.shelf, box.judge, box.local) is box.local
    assert box.live() is box.local
    assert "outside the allowed networks" in box.steering.report()["why"]


def test_files_that_were_damaged_are_as_none(box: Box, centre: TinyCentre, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("accepted", "trial", "next", "refused"):
        (box.home.folder / f"config.{name}").write_bytes(b"\0" * 100)
    assert box.live() is box.local
    assert box.steering.report() == {"version": 0, "trial": 0}
    assert "cannot be read" in caplog.text


def test_an_answer_that_is_old_or_not_the_centres_changes_nothing(
    box: Box, centre: TinyCentre, caplog: pytest.LogCaptureFixture
) -> None:
    for changed in ({"nonce": "of yesterday"}, {"nonce": None}):
        centre.config = {"version": 1, "content": content(), **changed}
        box.ask()
    right, centre.key = centre.key, SigningKey.generate()
    centre.config = {"version": 1, "content": content()}
    box.ask()
    centre.key = right
    assert (box.renewed, box.shelf.document("next")) == (0, None)
    assert "not a fresh answer signed by the centre's key" in caplog.text


def test_a_centre_that_configures_nothing_is_no_trouble(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    box.ask()
    assert (box.renewed, caplog.text) == (0, "")


# The whole way


@pytest.mark.skipif(not icmp_rights().usable(4), reason="this process may not send echo requests")
def test_a_running_agent_follows_the_centre_without_losing_or_repeating_a_sample(tmp_path: Path) -> None:
    config = write_config(tmp_path, 9, AGENT.replace('batch = "2s"', 'batch = "1s"'))
    (tmp_path / "allow.toml").write_text(ALLOW_TOML)
    centre = TinyCentre(tmp_path)
    home = Home(tmp_path / "data")
    with centre.open(), running([*COMMAND, "--config", str(config), "run"], tmp_path) as agent:
        home.make()
        agent.ready()
        enrol(home, Code.parse(centre.code), vantage="township", link=CODE, now_ms=0, again=False)
        wait_for(centre, lambda config: config == {"version": 0, "trial": 0})
        centre.config = {"version": 1, "content": content()}
        wait_for(centre, lambda config: config == {"version": 1, "trial": 0})
        centre.config = {"version": 2, "content": content("192.0.2.1")}
        wait_for(centre, lambda config: config.get("refused") == 2)
        assert agent.stop() == 0
    batches = [batch for chain in centre.kept.values() for _, batch in sorted(chain.items())]
    samples, events = records_of(batches)
    numbers = [(one.target, one.seq) for one in samples]
    assert len(numbers) == len(set(numbers))
    # No `stop`: a power cut later in this boot must still pass for one.
    assert [(event.event, event.fact("config")) for event in events if event.event != "path"] == [
        ("start", None),
        ("start", "1"),
    ]
    assert {one.target for one in samples[-3:]} == {"core"}


def wait_for(centre: TinyCentre, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Until a header says so. Each look waits for another batch to arrive."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        centre.arrived.wait(30)
        centre.arrived.clear()
        with contextlib.suppress(RuntimeError):  # a batch arrived while we looked
            heads = [batch.fields().get("config", {}) for chain in centre.kept.values() for batch in chain.values()]
            if any(map(wanted, heads)):
                return
    raise AssertionError("no header says so")


@pytest.mark.parametrize(
    ("lang", "text", "remedy"),
    [
        ("zh", "未采用中心的第 2 版配置：core: 8.8.8.8", "请中心改正后重新下发"),
        ("en", "configuration 2 of the centre was refused: core: 8.8.8.8", "have the centre issue a right one"),
    ],
)
def test_check_names_what_was_refused_with_its_remedy(
    tmp_path: Path, box: Box, centre: TinyCentre, capsys: pytest.CaptureFixture[str], lang: str, text: str, remedy: str
) -> None:
    (tmp_path / "allow.toml").write_text(ALLOW_TOML)
    box.shelf.put_next(signed(centre, version=1))
    box.shelf.move("next", "accepted")
    words = ["--config", str(tmp_path / "agent.toml"), "--lang", lang, "check"]
    main(words)
    assert {"zh": "按中心第 1 版配置探测", "en": "configuration 1 of the centre holds"}[lang] in capsys.readouterr().out
    centre.config = {"version": 2, "content": content("8.8.8.8")}
    box.live()
    box.ask()
    assert main(words) in (1, 3)
    told = capsys.readouterr().out
    assert text in told
    assert remedy in told
