"""What cannot be had is named with its reason, once, and what is not needed is not asked for."""

from pathlib import Path

import pytest

from jinbao_lab import disk, line, needs
from jinbao_lab.kind import Need
from jinbao_lab.processes import Failed


def test_on_the_loopback_there_is_neither_a_box_nor_what_stands_in_one() -> None:
    wanted = {Need.BOXES, Need.LINE, Need.SMALL_DISK, Need.LOSABLE_DISK}
    why = "the county stands on addresses of the loopback"
    assert needs.lacking(wanted, boxes=False, set_clock=False) == dict.fromkeys(wanted, why)


def test_what_nobody_needs_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "try_losable", lambda: pytest.fail("tried"))
    assert needs.lacking({Need.BOXES, Need.SMALL_DISK}, boxes=True, set_clock=False) == {}


def test_without_tun_there_is_no_line_in_userspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(line, "TUN", str(tmp_path / "tun"))
    why = needs.lacking({Need.LINE}, boxes=True, set_clock=False)
    assert why[Need.LINE].startswith("[Errno 2] No such file or directory")


def test_a_disk_that_is_refused_says_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise Failed("mount -o loop: permission denied\nmore of it")

    monkeypatch.setattr(disk, "try_losable", refuse)
    why = needs.lacking({Need.LOSABLE_DISK}, boxes=True, set_clock=False)
    assert why == {Need.LOSABLE_DISK: "mount -o loop: permission denied"}


def test_the_clock_is_never_set_without_leave() -> None:
    why = needs.lacking({Need.CLOCK}, boxes=True, set_clock=False)
    assert why == {Need.CLOCK: "this machine's clock is only set with --set-clock"}


@pytest.mark.parametrize(
    ("mapped", "rights", "may"),
    [
        ("         0          0 4294967295\n", "000001fffeffffff", True),
        ("         0       1000          1\n", "000001ffffffffff", False),  # a user namespace of our own
        ("         0          0 4294967295\n", "000001fffcffffff", False),  # CAP_SYS_TIME is bit 25
    ],
)
def test_the_clock_takes_a_right_over_the_machine_itself(tmp_path: Path, mapped: str, rights: str, may: bool) -> None:
    (tmp_path / "uid_map").write_text(mapped)
    (tmp_path / "status").write_text(f"Name:\tx\nCapEff:\t{rights}\n")
    assert needs.may_set_clock(tmp_path) is may
