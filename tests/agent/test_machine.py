"""A copy on another machine keeps quiet until it is enrolled; the same machine, changed a little, goes on."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinbao_agent.enrol import Code, enrol
from jinbao_agent.identity import Home
from jinbao_agent.machine import Same, Traits, from_json, read_traits, to_json
from tiny_centre import TinyCentre


def machine(root: Path, *, system: str = "s1", cards: tuple[str, ...] = ("02:00:00:00:00:01",), serial: str = "") -> Path:
    shutil.rmtree(root, ignore_errors=True)
    (root / "etc").mkdir(parents=True)
    (root / "etc/machine-id").write_text(f"{system}\n")
    for number, address in enumerate(cards):
        card = root / f"sys/class/net/eth{number}"
        (card / "device").mkdir(parents=True)
        (card / "address").write_text(f"{address}\n")
        (card / "addr_assign_type").write_text("0\n")
    if serial:
        board = root / "sys/firmware/devicetree/base"
        board.mkdir(parents=True)
        (board / "serial-number").write_bytes(serial.encode() + b"\0")
    return root


CHANGES: dict[str, tuple[dict[str, object], dict[str, object], Same]] = {
    "nothing": ({}, {}, Same.YES),
    "a system installed anew": ({}, {"system": "s2"}, Same.YES),
    "another card": ({}, {"cards": ("02:00:00:00:00:09",)}, Same.CHANGED),
    "a card more": ({}, {"cards": ("02:00:00:00:00:01", "02:00:00:00:00:02")}, Same.YES),
    "a copy that was prepared as one": ({}, {"system": "s2", "cards": ("02:00:00:00:00:09",)}, Same.NO),
    "a card in another board": ({"serial": "b1"}, {"serial": "b2"}, Same.NO),
    "the same board, all else new": (
        {"serial": "b1"},
        {"serial": "b1", "system": "s2", "cards": ("02:00:00:00:00:09",)},
        Same.YES,
    ),
    "no cards to be seen, the same system": ({"cards": ()}, {"cards": ()}, Same.YES),
    "no cards to be seen, another system": ({"cards": ()}, {"cards": (), "system": "s2"}, Same.NO),
    "nothing to go by": ({"cards": (), "system": ""}, {"cards": (), "system": "s2"}, Same.YES),
}


@pytest.mark.parametrize(("before", "now", "same"), CHANGES.values(), ids=CHANGES)
def test_what_makes_another_machine(tmp_path: Path, before: dict[str, object], now: dict[str, object], same: Same) -> None:
    first = read_traits("salt", machine(tmp_path / "m", **before))  # type: ignore[arg-type]
    second = read_traits("salt", machine(tmp_path / "m", **now))  # type: ignore[arg-type]
    assert second.compared(first) is same


def test_made_up_network_addresses_and_bridges_are_no_trait(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "sys/class/net/eth0/addr_assign_type").write_text("1\n")
    bridge = root / "sys/class/net/br0"
    bridge.mkdir()
    (bridge / "address").write_text("02:00:00:00:00:77\n")
    (bridge / "addr_assign_type").write_text("0\n")
    assert read_traits("salt", root).cards == ()


def test_the_file_tells_nobody_of_the_machine(tmp_path: Path) -> None:
    root = machine(tmp_path / "m", serial="b1")
    home = Home(tmp_path / "data")
    home.make()
    home.know_machine(root)
    kept = home.machine.read_text()
    assert all(word not in kept for word in ("s1", "b1", "02:00:00"))
    assert read_traits("salt", root) != read_traits("pepper", root)


@given(st.builds(Traits, st.text(), st.text(), st.lists(st.text()).map(tuple)))
def test_traits_are_read_back_as_written(traits: Traits) -> None:
    assert from_json(to_json(traits)) == traits


def test_a_copied_machine_lets_the_originals_key_alone_and_is_enrolled_under_its_own(tmp_path: Path) -> None:
    original, copy = Home(tmp_path / "original"), Home(tmp_path / "copy")
    with TinyCentre(tmp_path).open() as centre:
        original.make()
        original.know_machine(machine(tmp_path / "m1"))
        enrol(original, Code.parse(centre.code), vantage="township", link="510422101", now_ms=0, again=False)
        shutil.copytree(original.folder, copy.folder)
        elsewhere = machine(tmp_path / "m2", system="s2", cards=("02:00:00:00:00:09",))
        copy.know_machine(elsewhere)
        before, after = original.author(), copy.author()
        assert (before.agent, after.agent) == ("yanbian-01", "")
        assert before.key.public != after.key.public
        assert before.install != after.install
        assert copy.is_copy
        copy.know_machine(elsewhere)  # its next life
        assert copy.author().key.public == after.key.public
        enrol(copy, Code.parse(centre.code), vantage="township", link="510422101", now_ms=0, again=True)
        assert copy.author().agent == "yanbian-01"


def test_a_machine_with_other_cards_goes_on_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = Home(tmp_path / "data")
    home.make()
    home.know_machine(machine(tmp_path / "m"))
    key = home.signing_key().public
    for _ in range(2):
        home.know_machine(machine(tmp_path / "m", cards=("02:00:00:00:00:09",)))
    assert home.signing_key().public == key
    assert caplog.text.count("the network cards of this machine are others than before") == 1


def test_a_spoiled_memory_is_made_anew_and_is_no_reason_to_stop(tmp_path: Path) -> None:
    home = Home(tmp_path / "data")
    home.make()
    key = home.signing_key().public
    home.machine.write_bytes(b"\0\0")
    home.know_machine(machine(tmp_path / "m"))
    assert home.signing_key().public == key
    assert from_json(home.machine.read_bytes()).system
