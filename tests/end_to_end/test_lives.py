"""What befalls an agent in a year, within a minute: killed, stopped, asleep, its clock set, its power cut, booted in 1970.

Real agent and collector, real uploads; only the agent's clocks are steered (steered_life.py), never the machine's. The centre
must tell the same story as the agent's own spool, and judgement must blame nobody for any of it but for the one real outage.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_process import running
from agent_records import everything_in, ring_of
from jinbao_agent.enrol import Code, enrol
from jinbao_agent.identity import Home
from jinbao_agent.sample import Event, Sample
from jinbao_agent.silence import Why, probes_of, silences
from jinbao_collector.store import open_store
from jinbao_reports.cli import main
from real_centre import RealCentre, does, make_centre
from steered_life import Clocks

LINK = "510422101"
HOUR_US = 3_600_000_000
LINKS = """
schema = "jinbao.links/1"
[defaults]
interval = "1s"
[[link]]
code = "510422101"
name = "红格镇"
targets = {{ lan = "tcp://127.2.1.1:{port}", cpe = "tcp://127.2.1.2:{port}", core = "tcp://127.2.1.3:{port}" }}
"""
AGENT = """
schema = "jinbao.agent/1"
vantage = "township"
link = "510422101"
data = "data"
wait = "900ms"
batch = "1s"
[collector]
every = "1s"
[spool]
floor = "0MB"
"""
CONTRACT = """
schema = "jinbao.contract/1"
effective = { from = 2021-01-01 }
timezone = "Asia/Shanghai"
target = "99.9%"
period = "month"
mode = "remove"
[parties]
customer = "a"
carrier = "b"
title = "c"
annual_fee = "8400.00"
[rule]
profile = "default"
n = 3
wait = "900ms"
[state]
reference = { vantage = "township", target = "core" }
substitute = { vantage = "county", target = "cpe" }
service = { vantage = "township", target = "app" }
[demarcation]
county_line_in_contract = true
[power]
excused = true
grace = "1m"
"""


class Line:
    """The rungs' addresses, each of which can be made deaf."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = self._order({"listen": ["127.2.1.1", "127.2.1.2", "127.2.1.3"], "port": 0})["port"]

    def deaf(self, *addresses: str) -> None:
        self._order({"deaf": list(addresses)})

    def _order(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture
def line() -> Iterator[Line]:
    command = [sys.executable, "-m", "jinbao_lab.responder", "tcp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Line(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


@pytest.fixture
def centre(tmp_path: Path, line: Line) -> Iterator[RealCentre]:
    folder = tmp_path / "centre"
    folder.mkdir()
    (folder / "links.toml").write_text(LINKS.format(port=line.port))
    (folder / "contract.toml").write_text(CONTRACT)
    with make_centre(folder).serving() as serving:
        yield serving


class Box:
    """The township's machine."""

    def __init__(self, folder: Path, centre: RealCentre) -> None:
        folder.mkdir()
        (folder / "agent.toml").write_text(AGENT)
        (folder / "links.toml").write_bytes((centre.folder / "links.toml").read_bytes())
        self.folder, self.home = folder, Home(folder / "data")
        self.boot_file, self.clocks = folder / "boot_id", Clocks(folder / "clocks")
        self.home.make()
        enrol(self.home, Code.parse(centre.code("hongge", LINK)), vantage="township", link=LINK, now_ms=0, again=False)

    @contextlib.contextmanager
    def life(self, boot: str) -> Iterator[Any]:
        """In a boot of this name; ended by kill -9 unless it was stopped."""
        self.boot_file.write_text(boot)
        script = Path(__file__).parents[1] / "steered_life.py"
        command = [sys.executable, str(script), *map(str, (self.boot_file, self.folder / "agent.toml", self.clocks.file))]
        with running(command, self.folder) as agent:
            agent.ready()
            agent.beats(3)
            yield agent

    def records(self) -> tuple[list[Sample], list[Event]]:
        """Everything its spool has, acknowledged or not."""
        samples, events = ring_of(self.home.spool)
        _, more_samples, more_events = everything_in(self.home.spool)
        return samples + more_samples, events + more_events


def kept(centre: RealCentre) -> set[tuple[str, str, int]]:
    """The centre's samples by boot, rung and number."""
    reader = open_store(centre.data)
    found = set()
    try:
        for link, vantage, target in reader.names():
            series = reader.series(link, vantage, target, 0, 2**42)
            boots = [series.boots[boot] for boot in series.boot.tolist()]
            found |= {(boot, target, seq) for boot, seq in zip(boots, series.seq.tolist(), strict=True)}
    finally:
        reader.close()
    return found


def judged(centre: RealCentre, since_s: float, until_s: float) -> dict[str, Any]:
    span = "/".join(datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds") for at in (since_s, until_s))
    files = ["--links", str(centre.folder / "links.toml"), "--contract", str(centre.folder / "contract.toml")]
    (link,) = does(main, "compute", "--store", str(centre.data), *files, "--period", span, "--json")["links"]
    return dict(link)


@pytest.mark.soak
def test_everything_that_befalls_an_agent_is_told_apart_at_both_ends_and_blamed_on_nobody(
    tmp_path: Path, centre: RealCentre, line: Line
) -> None:
    box = Box(tmp_path / "box", centre)
    with box.life("boot-a") as agent:
        since_s = box.clocks.true_s
        agent.kill()
    box.clocks.pass_by(5_000_000)
    with box.life("boot-a") as agent:
        assert agent.stop() == 0
    box.clocks.pass_by(5_000_000)
    with box.life("boot-a") as agent:
        box.clocks.pass_by(20_000_000)
        agent.beats(4)
        box.clocks.step(HOUR_US)
        agent.beats(3)
        cut_s = box.clocks.true_s
        line.deaf("127.2.1.3")
        agent.beats(6)
        line.deaf()
        mended_s = box.clocks.true_s
        box.clocks.step(-2 * HOUR_US)
        agent.beats(4)
        box.clocks.step(HOUR_US)
        agent.beats(4)
        agent.kill()
    in_1970 = -int(time.time() - 500) * 1_000_000
    right, box.clocks.utc_us, box.clocks.synced = box.clocks.utc_us, in_1970, 0
    box.clocks.write()
    with box.life("boot-b") as agent:
        box.clocks.step(right - in_1970)
        agent.beats(5)
        assert agent.stop() == 0
    box.clocks.pass_by(5_000_000)
    with box.life("boot-c") as agent:
        until_s = box.clocks.true_s
        agent.beats(3)
        agent.kill()

    samples, events = box.records()
    own = silences(probes_of(samples), events, 1000)
    told = centre.does("silences", "--agent", "hongge")
    reasons = [one.why for one in own]
    assert reasons == [Why.KILLED, Why.STOPPED, Why.SUSPENDED, Why.MACHINE_LOST, Why.SHUT_DOWN]
    assert [(one["why"], one["detail"]) for one in told] == [(one.why, one.detail) for one in own]
    for here, there in zip(own, told, strict=True):
        # The two may have different last samples of a boot, and milliseconds are floored.
        assert abs(here.from_ms - there["from_ms"]) <= 2
        assert abs(here.to_ms - there["to_ms"]) <= 2
    assert [event.fact("delta_ms") for event in events if event.event == "clock_step"][:1] == ["3600000"]
    assert sum(event.event == "clock_step" for event in events) == 4
    acknowledged = {(one.boot, one.target, one.seq) for one in ring_of(box.home.spool)[0]}
    assert acknowledged
    assert acknowledged <= kept(centre)

    link = judged(centre, since_s, until_s)
    (outage,) = link["outages"]
    assert outage["suspect"], "it was re-stamped by more than ten seconds"
    assert abs(datetime.fromisoformat(outage["onset"]).timestamp() - cut_s) < 2.2
    assert abs(datetime.fromisoformat(outage["restored"]).timestamp() - mended_s) < 2.2
    unknown = float(link["seconds"]["unknown"])
    gaps = sum(one.to_ms - one.from_ms for one in own if one.from_ms >= since_s * 1000) / 1000
    # The judge may know up to two periods less at each edge, never more than the agent recorded.
    assert gaps - 2 * len(own) < unknown <= gaps + 2 * len(own)
    assert float(link["seconds"]["counted"]) + float(link["seconds"]["disputed"]) < mended_s - cut_s + 2.2
