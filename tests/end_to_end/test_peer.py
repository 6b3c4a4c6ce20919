"""Four agents, a collector and a report as processes: three lines lose one direction, or both, and the Statement says which."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_process import COMMAND, AgentProcess, running
from jinbao_agent import cli as agent_cli
from jinbao_agent.sample import Event
from jinbao_collector import cli as collector_cli
from jinbao_collector.store import open_store
from jinbao_reports import cli as report_cli
from relay import Relay, relay

CODES = ("510422101", "510422102", "510422103")
LINK = """
[[link]]
code = "{code}"
name = "乡镇{code}"
targets = {{ nic = "nic:lo", peer = "peer://127.0.0.1:{up}" }}
county_targets = {{ cpe = "nic:lo", peer = "peer://127.0.0.1:{down}" }}
"""
AGENT = """
schema = "jinbao.agent/1"
vantage = "{vantage}"
{link}
data = "data-{name}"
links = "links.toml"
wait = "400ms"
batch = "1s"
[collector]
every = "1s"
[spool]
floor = "0MB"
[peer]
listen = "127.0.0.1:{port}"
"""
CONTRACT = """
schema = "jinbao.contract/1"
effective = { from = 2020-01-01 }
target = "99.9%"
[state]
reference = { vantage = "township", target = "peer" }
"""


class Site:
    """The county and its three townships, each line a pair of relays: (township to county, county to township)."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.agents: dict[str, AgentProcess] = {}
        self.lines: dict[str, tuple[Relay, Relay]] = {}

    def cut(self, code: str, *, up: bool, down: bool) -> None:
        """Which directions of a line get through."""
        asked_up, asked_down = self.lines[code]
        asked_up.there, asked_up.back = up, down
        asked_down.there, asked_down.back = down, up

    def until(self, holds: Callable[[], bool]) -> None:
        """Looks at every heartbeat, a second apart; nobody's news may pile up, or he would wait for us to read them."""
        for _ in range(60):
            if holds():
                return
            for agent in self.agents.values():
                agent.beats(1)
        raise AssertionError("it did not come to pass within a minute")

    def outcomes(self, code: str, vantage: str) -> list[str]:
        """Of the questions over a line that the collector knows of, in order."""
        series = open_store(self.folder / "centre").series(code, vantage, "peer", 0, 2**62)
        return [series.outcomes[word] for word in series.outcome.tolist()]

    def counted(self) -> list[Event]:
        """The episodes the collector knows of."""
        return [event for event in open_store(self.folder / "centre").events(0, 2**62) if event.event == "peer_counts"]

    def command(self, main: Callable[[list[str]], int], *words: str) -> str:
        self._capsys.readouterr()
        code = main([*words])
        told = self._capsys.readouterr()
        assert code in (0, 1), told.err
        return told.out


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def county(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    """Enrolled and running."""
    site = Site(folder, capsys)
    with contextlib.ExitStack() as stack:
        ports = {name: free_udp_port() for name in ("county", *CODES)}
        text = 'schema = "jinbao.links/1"\n[defaults]\ninterval = "1s"\n'
        for code in CODES:
            up = stack.enter_context(relay(("127.0.0.1", ports["county"])))
            down = stack.enter_context(relay(("127.0.0.1", ports[code])))
            site.lines[code] = up, down
            text += LINK.format(code=code, up=up.port, down=down.port)
        (folder / "links.toml").write_text(text)
        (folder / "contract.toml").write_text(CONTRACT)
        stack.enter_context(serving(site))
        for name in ("county", *CODES):
            enrol(site, name, ports[name])
            agent = [*COMMAND, "--config", str(folder / f"{name}.toml"), "run"]
            home = folder / f"at-{name}"
            home.mkdir()
            site.agents[name] = stack.enter_context(running(agent, home))
            site.agents[name].beats(1)
        yield site


@contextlib.contextmanager
def serving(site: Site) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    file = site.folder / "collector.toml"
    file.write_text(
        f'schema = "jinbao.collector/1"\ndata = "centre"\nlisten = "127.0.0.1:{port}"\nnames = ["127.0.0.1"]\n'
        'links = "links.toml"\ncontracts = ["contract.toml"]\n'
    )
    site.command(collector_cli.main, "--config", str(file), "init")
    words = [sys.executable, "-m", "jinbao_collector.cli", "--config", str(file), "serve", "--json"]
    with (site.folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield
        finally:
            process.terminate()


def enrol(site: Site, name: str, port: int) -> None:
    vantage = "county" if name == "county" else "township"
    link = "" if name == "county" else f'link = "{name}"'
    file = site.folder / f"{name}.toml"
    file.write_text(AGENT.format(vantage=vantage, link=link, name=name, port=port))
    words = ["--agent", f"agent-{name}", "--vantage", vantage, *([] if name == "county" else ["--link", name])]
    invited = site.command(collector_cli.main, "--config", str(site.folder / "collector.toml"), "invite", *words, "--json")
    site.command(agent_cli.main, "--config", str(file), "enrol", json.loads(invited)["code"])


def day_of(ms: int, later: int = 0) -> str:
    return str((datetime.fromtimestamp(ms / 1000, UTC) + timedelta(days=later)).date())


def test_each_line_is_told_in_which_direction_it_was_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = {CODES[0]: "up", CODES[1]: "down", CODES[2]: "both"}
    with county(tmp_path, capsys) as site:
        pairs = [(code, vantage) for code in CODES for vantage in ("township", "county")]
        site.until(lambda: all(site.outcomes(*pair)[-4:] == ["reply"] * 4 for pair in pairs))
        check = site.command(agent_cli.main, "--config", str(tmp_path / f"{CODES[0]}.toml"), "--lang", "en", "check")
        for code, way in dead.items():
            site.cut(code, up=way == "down", down=way == "up")
        site.until(lambda: all(site.outcomes(*pair)[-4:] == ["lost"] * 4 for pair in pairs))
        for code in CODES:
            site.cut(code, up=True, down=True)
        site.until(lambda: len(site.counted()) == 6)
        found = {outcome for pair in pairs for outcome in site.outcomes(*pair)}
        first_ms, last_ms = (site.counted()[index].at_us // 1000 for index in (0, -1))

    assert found == {"reply", "lost", "not_sent:no_peer_key"}
    assert "✓ the reflector answers: peer://127.0.0.1:" in check
    assert "✓ peers that answer: 1" in check
    store = ["--store", str(tmp_path / "centre"), "--links", str(tmp_path / "links.toml")]
    period = f"{day_of(first_ms, -1)}/{day_of(last_ms, 2)}"
    words = ["compute", *store, "--contract", str(tmp_path / "contract.toml"), "--period", period, "--json"]
    links = json.loads(site.command(report_cli.main, *words))["links"]
    for link in links:
        outages = [outage for outage in link["outages"] if outage["scope"] == "link"]
        assert [[piece["direction"] for piece in outage["slices"]] for outage in outages] == [[dead[link["link"]]]]
        assert float(outages[0]["seconds"]) >= 3
