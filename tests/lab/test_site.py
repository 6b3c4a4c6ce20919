"""A site, its server and its collector under several faults at once: up again only when the last of them is over."""

from pathlib import Path
from typing import Any

import pytest

from jinbao_lab import disk
from jinbao_lab.disk import SmallDisk
from jinbao_lab.processes import Failed
from jinbao_lab.scene import App
from jinbao_lab.site import Site


class Machine:
    """Says what is done to it."""

    node = "a01"

    def __init__(self, log: list[str]) -> None:
        self.log, self.on, self.agent_runs = log, True, True

    def power_off(self) -> None:
        self.log.append("off")
        self.on = self.agent_runs = False

    def boot(self) -> None:
        self.log.append("boot")
        self.on = True

    def start_agent(self) -> None:
        self.log.append("agent")
        self.agent_runs = True

    def crash_agent(self) -> None:
        self.log.append("crash")
        self.agent_runs = False


class Disk:
    """In a folder; `away` while its machine's power is cut, as one that lost its writes is."""

    def __init__(self, folder: Path, log: list[str]) -> None:
        self.folder, self.log, self.away, self.lost, self.full = folder, log, False, False, False

    def mount(self) -> None: ...

    def lose_writes(self) -> None:
        self.log.append("lose")
        self.lost = True

    def power_off(self) -> None:
        self.away = self.lost

    def power_on(self) -> None:
        self.away = self.lost = False

    def turn(self, *, full: bool) -> None:
        assert not self.away
        if self.full != full:
            self.log.append("full" if full else "free")
        self.full = full


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def site(tmp_path: Path, log: list[str], monkeypatch: pytest.MonkeyPatch) -> Site:
    ground: Any = None
    machine: Any = Machine(log)
    mine = Disk(tmp_path, log)
    monkeypatch.setattr(disk, "is_there", lambda one: not one.away)
    monkeypatch.setattr(disk, "fill", lambda one: one.turn(full=True))
    monkeypatch.setattr(disk, "free", lambda one: one.turn(full=False))
    return Site(ground, machine, disk=mine)


def power_cut_disk(site: Site) -> None:
    site.lose_writes()
    site.power_off()


def test_two_power_cuts_are_over_when_both_are(site: Site, log: list[str]) -> None:
    site.power_off()
    site.power_off()
    site.power_on()
    assert log == ["off"]
    site.power_on()
    assert log == ["off", "boot", "agent"]
    with pytest.raises(ValueError, match="power was not taken"):
        site.power_on()


def test_an_agent_that_crashed_stays_dead_over_a_reboot_until_it_is_started(site: Site, log: list[str]) -> None:
    site.crash_agent()
    site.power_off()
    site.power_on()
    assert log == ["crash", "off", "boot"]
    site.start_agent()
    assert log[3:] == ["agent"]


def test_an_agent_that_is_started_while_its_machine_is_off_starts_with_it(site: Site, log: list[str]) -> None:
    site.power_off()
    site.crash_agent()
    site.start_agent()
    assert log == ["off"]
    site.power_on()
    assert log == ["off", "boot", "agent"]


def test_a_disk_that_is_away_is_filled_when_it_is_back(site: Site, log: list[str]) -> None:
    power_cut_disk(site)
    site.fill_disk()
    assert log == ["lose", "off"]
    site.power_on()
    assert log[2:] == ["boot", "full", "agent"]
    site.free_disk()
    assert log[5:] == ["free"]


def test_a_disk_that_is_freed_while_away_comes_back_free(site: Site, log: list[str]) -> None:
    site.fill_disk()
    power_cut_disk(site)
    site.free_disk()
    site.power_on()
    assert log == ["full", "lose", "off", "boot", "free", "agent"]


def test_a_disk_whose_machine_is_off_has_nothing_to_lose_any_more(site: Site, log: list[str]) -> None:
    site.power_off()
    power_cut_disk(site)
    power_cut_disk(site)
    for _ in range(3):
        site.power_on()
    assert log == ["off", "boot", "agent"]


def test_everybodys_disk_is_never_filled(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no disk of its own is mounted here"):
        disk.fill(SmallDisk(tmp_path))
    assert list(tmp_path.iterdir()) == []


class Ground:
    def __init__(self) -> None:
        self.log: list[str] = []

    def stop_app(self) -> None:
        self.log.append("stop")

    def start_app(self) -> None:
        self.log.append("start")

    def hang_app(self, *, hangs: bool) -> None:
        self.log.append("hang" if hangs else "resume")


def test_a_server_that_hangs_and_is_stopped_meanwhile_hangs_again_afterwards() -> None:
    ground: Any = Ground()
    app = App(ground)
    app.hang()
    app.stop()
    app.start()
    app.resume()
    assert ground.log == ["hang", "stop", "start", "hang", "resume"]


def test_a_server_that_is_stopped_may_begin_and_end_to_hang_unseen() -> None:
    ground: Any = Ground()
    app = App(ground)
    app.stop()
    app.hang()
    app.stop()
    app.resume()
    app.start()
    app.start()
    assert ground.log == ["stop", "start"]
