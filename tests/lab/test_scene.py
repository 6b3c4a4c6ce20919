"""The stage that faults act on, as far as it can be told without a county: above all, whose clock is set, and when."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jinbao_lab.county import County
from jinbao_lab.equipment import Equipment
from jinbao_lab.faults import FAULTS
from jinbao_lab.files import Desk
from jinbao_lab.kind import Need
from jinbao_lab.loopback import Loopback
from jinbao_lab.processes import Failed
from jinbao_lab.scene import App, Collector, Stage

HOUR_NS = 3600 * 10**9


def stage(tmp_path: Path, *lacking: Need) -> Stage:
    county, desk = County(("01", "02")), Desk(tmp_path)
    ground = Loopback(county)
    return Stage(county, ground, desk, Collector(desk, ground, 1), Equipment(frozenset(), frozenset(), {}, frozenset(lacking)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A clock that only this test has, nanoseconds."""
    now = [HOUR_NS]

    def settime(which: int, to: int) -> None:
        assert which == time.CLOCK_REALTIME
        now.append(to)

    monkeypatch.setattr(time, "clock_settime_ns", settime)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda which: now[-1])
    return now


def test_the_clock_steps_there_and_back(tmp_path: Path, clock: list[int]) -> None:
    scene = stage(tmp_path)
    FAULTS["clock_step"].inject(scene, "*")
    assert clock[-1] == HOUR_NS + 90 * 10**9
    FAULTS["clock_step"].heal(scene, "*")
    assert clock[-1] == HOUR_NS
    scene.close()
    assert len(clock) == 3


def test_a_run_that_ends_in_between_sets_the_clock_back(tmp_path: Path, clock: list[int]) -> None:
    scene = stage(tmp_path)
    FAULTS["clock_step"].inject(scene, "*")
    scene.close()
    assert clock[-1] == HOUR_NS


def test_without_leave_the_clock_is_left_alone(tmp_path: Path, clock: list[int]) -> None:
    with pytest.raises(Failed, match="only set with --set-clock"):
        FAULTS["clock_step"].inject(stage(tmp_path, Need.CLOCK), "*")
    assert clock == [HOUR_NS]


def test_a_place_is_a_site_and_everywhere_is_the_centre(tmp_path: Path) -> None:
    scene = stage(tmp_path)
    assert scene.site("02").machine.node == "a02"
    assert scene.site("*").machine.node == "centre"


@dataclass
class Listed:
    """A ground of which only the server's orders matter."""

    orders: list[str] = field(default_factory=list)

    def stop_app(self) -> None:
        self.orders.append("stop")

    def start_app(self) -> None:
        self.orders.append("start")

    def hang_app(self, *, hangs: bool) -> None:
        self.orders.append("hang" if hangs else "resume")


def test_a_server_held_down_by_two_faults_needs_both_healed() -> None:
    ground = Listed()
    app = App(ground)  # type: ignore[arg-type]  # of the ground only these three are asked
    for act in (app.hang, app.stop, app.stop, app.start):
        act()
    assert ground.orders == ["hang", "stop"]
    app.start()
    assert ground.orders[2:] == ["start", "hang"]
    app.resume()
    assert ground.orders[4:] == ["resume"]
