"""A real agent beside a UPS: the mains in its spool, in `status` and in `check`; and NUT's own upsd in the UPS's place."""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_process import AGENT, COMMAND, AgentProcess, running, write_config
from agent_records import everything_in
from jinbao_agent.cli import main
from jinbao_agent.mains import Reading, read_mains
from jinbao_agent.probes import icmp_rights
from jinbao_config.services import UpsAddress
from jinbao_lab.ups import Ups

needs_icmp = pytest.mark.skipif(not icmp_rights().usable(4), reason="this process may not send echo requests")


@pytest.fixture
def ups() -> Iterator[Ups]:
    server = Ups()
    yield server
    server.kill()


@pytest.fixture
def config(tmp_path: Path, ups: Ups) -> Iterator[Path]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sensing = f'{AGENT}[mains]\nups = "{ups.address}"\nevery = "1s"\n'
        yield write_config(tmp_path, server.getsockname()[1], sensing)


def agent_on(config: Path) -> tuple[str, ...]:
    return (*COMMAND, "--config", str(config), "run")


def spool_of(config: Path) -> Path:
    return config.parent / "data" / "spool.db"


def mains_in(config: Path) -> list[str]:
    return [event.event for event in everything_in(spool_of(config))[2] if event.event.startswith("mains_")]


def until(agent: AgentProcess, holds: Callable[[], bool]) -> None:
    """Looks at each of the agent's heartbeats."""
    for _ in range(30):
        agent.beats(1)
        if holds():
            return
    raise AssertionError("not within 30 heartbeats")


@needs_icmp
def test_the_power_fails_and_returns_and_fails_again_over_a_crash(config: Path, ups: Ups) -> None:
    with running(agent_on(config), config.parent) as agent:
        agent.ready()
        until(agent, lambda: mains_in(config) == ["mains_on"])
        ups.order(status="OB DISCHRG", charge="87")
        until(agent, lambda: mains_in(config) == ["mains_on", "mains_off"])
        ups.order(status="OL CHRG")
        until(agent, lambda: mains_in(config) == ["mains_on", "mains_off", "mains_on"])
        ups.order(status="OB")
        until(agent, lambda: mains_in(config)[3:] == ["mains_off"])
        agent.kill()
    with running(agent_on(config), config.parent) as agent:
        agent.ready()
        until(agent, lambda: mains_in(config)[4:] == ["mains_off"])
        assert agent.stop() == 0
    first_off = next(event for event in everything_in(spool_of(config))[2] if event.event == "mains_off")
    assert first_off.detail.startswith("status=OB DISCHRG;charge=87;within_ms=")
    assert f"event=mains_off boot={first_off.boot} {first_off.detail}" in (config.parent / "agent.log").read_text()


@needs_icmp
def test_a_silent_ups_holds_up_no_probe_and_no_stop(config: Path, ups: Ups) -> None:
    ups.order(manner="silent")
    with running(agent_on(config), config.parent) as agent:
        agent.ready()
        agent.beats(6)
        assert agent.stop() == 0
    _, samples, events = everything_in(spool_of(config))
    assert [event.event for event in events] == ["start", "stop"]
    numbers = [sample.seq for sample in samples if sample.target == "core"]
    assert len(numbers) >= 5
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
    assert {sample.outcome for sample in samples} <= {"reply", "not_sent:stopped"}
    assert (config.parent / "agent.log").read_text().count("no answer within 0.5 s") == 1


def ask(config: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(["--config", str(config), *words])
    return capsys.readouterr().out


@needs_icmp
def test_status_tells_the_last_known_state_since_when_and_why_it_is_not_known_now(
    config: Path, ups: Ups, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(agent_on(config), config.parent) as agent:
        agent.ready()
        ups.order(status="OB DISCHRG", charge="87")
        until(agent, lambda: "mains_off" in mains_in(config))
        assert "市电：停电，自 " in ask(config, capsys, "status")
        text = ask(config, capsys, "--lang", "en", "status")
        assert "mains: off since " in text
        assert "(status=OB DISCHRG;charge=87)" in text
        assert "not known" not in text
        ups.order(answer="ERR DATA-STALE\n")
        until(agent, lambda: "DATA-STALE" in ask(config, capsys, "status"))
        assert "市电监测自 " in ask(config, capsys, "status")
        mains = json.loads(ask(config, capsys, "status", "--json"))["spool"]["mains"]
        assert mains["on"] is False
        assert mains["problem"].endswith("ERR DATA-STALE")
        assert 0 < mains["since_us"] < mains["problem_us"]
        text = ask(config, capsys, "--lang", "en", "status")
        assert "mains: off since " in text
        assert "the mains is not known since " in text
        assert agent.stop() == 0
    write_config(config.parent, 9)
    assert json.loads(ask(config, capsys, "status", "--json"))["spool"]["mains"] is None


def findings(config: Path, capsys: pytest.CaptureFixture[str], lang: str = "zh") -> dict[str, dict[str, str]]:
    found = json.loads(ask(config, capsys, "--lang", lang, "check", "--json"))["findings"]
    return {finding["name"]: finding for finding in found}


def test_check_asks_the_ups_and_says_what_it_says_in_both_languages(
    config: Path, ups: Ups, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {}
    for mood in ({"status": "OL"}, {"status": "OB", "charge": "55"}, {"answer": "ERR DATA-STALE\n"}):
        ups.order(**mood)
        zh, en = (findings(config, capsys, lang)["mains"] for lang in ("zh", "en"))
        assert zh["level"] == en["level"]
        assert zh["text"] != en["text"]
        said[en["text"]] = en["level"], bool(en["remedy"])
    assert said == {
        "the mains is on (status=OL;charge=100)": ("ok", False),
        "the mains is off, the UPS runs on its battery (status=OB;charge=55)": ("problem", True),
        f"whether the mains is on is not known: {ups.address}: Error running: LIST VAR ups: ERR DATA-STALE": ("problem", True),
    }
    ups.kill()
    assert "Connect call failed" in findings(config, capsys)["mains"]["text"]


def test_check_compares_the_sense_with_what_judgement_was_told(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    links = config.parent / "links.toml"
    assert findings(config, capsys)["mains_sense"]["level"] == "note"
    links.write_text(links.read_text() + "mains_sense = true\n")
    assert "mains_sense" not in findings(config, capsys)
    write_config(config.parent, 9)
    assert "mains_sense" not in findings(config, capsys)
    links.write_text(links.read_text() + "mains_sense = true\n")
    found = findings(config, capsys, "en")
    assert found["mains_sense"]["level"] == "problem"
    assert "mains" not in found


# The real server


def program(name: str) -> Path | None:
    """Where Debian, Fedora and a build from source put it. Debian's upsd on the PATH is a script that may refuse to start."""
    folders = ("/lib/nut", "/usr/libexec/nut", "/usr/local/ups/bin", "/usr/local/ups/sbin", "/usr/sbin")
    return next((Path(folder, name) for folder in folders if Path(folder, name).is_file()), None)


UPSD, DUMMY = program("upsd"), program("dummy-ups")


class Nut:
    """upsd and its dummy-ups driver, in the foreground, out of a folder of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.ups = UpsAddress("ups", "127.0.0.1", free.getsockname()[1])
        (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {self.ups.port}\n")
        (folder / "upsd.users").touch()
        (folder / "ups.conf").write_text("[ups]\ndriver = dummy-ups\nport = ups.dev\nmode = dummy-once\npollinterval = 1\n")
        self._folder = folder
        self._env = {**os.environ, **dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"), str(folder))}

    def says(self, text: str) -> None:
        """The driver reads it within a second; the file is never seen half written."""
        draft = self._folder / "draft"
        draft.write_text(text)
        draft.replace(self._folder / "ups.dev")

    def start(self, command: Path, *words: str) -> "subprocess.Popen[bytes]":
        user = Path(self._folder).owner()
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [command, *words, "-u", user], env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def until(self, holds: Callable[[Reading], bool]) -> Reading:
        """upsd tells nobody of a change: it has to be asked, as the agent asks it."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            reading = asyncio.run(read_mains(self.ups, 2.5))
            if holds(reading):
                return reading
            time.sleep(0.1)
        raise AssertionError(f"after 30 s still {reading}: {(self._folder / 'log').read_text()}")


@pytest.mark.skipif(UPSD is None or DUMMY is None, reason="NUT's upsd and its dummy-ups driver are not installed (nut-server)")
def test_the_real_upsd_is_understood(tmp_path: Path) -> None:
    assert UPSD is not None
    assert DUMMY is not None
    nut = Nut(tmp_path / "nut")
    nut.says("ups.status: OL CHRG\nbattery.charge: 97\n")
    driver = nut.start(DUMMY, "-a", "ups", "-D")
    server = nut.start(UPSD, "-F")
    try:
        on = nut.until(lambda reading: reading.on is True)
        assert on == Reading(True, "status=OL CHRG;charge=97")
        nut.says("ups.status: OB DISCHRG\nbattery.charge: 87\n")
        assert nut.until(lambda reading: reading.on is not True) == Reading(False, "status=OB DISCHRG;charge=87")
        wrong = asyncio.run(read_mains(UpsAddress("none", nut.ups.host, nut.ups.port), 2.5))
        assert wrong.problem.endswith("ERR UNKNOWN-UPS")
        driver.kill()
        driver.wait()
        lost = nut.until(lambda reading: reading.on is None)
        assert lost.problem.endswith(("ERR DATA-STALE", "ERR DRIVER-NOT-CONNECTED"))
    finally:
        for process in (driver, server):
            process.kill()
            process.wait()
    assert "Connect call failed" in asyncio.run(read_mains(nut.ups, 2.5)).problem
