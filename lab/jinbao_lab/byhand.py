"""A county to play with: it stands until told otherwise; faults are made and healed from a prompt."""

import os
import shlex
import signal
import subprocess
from pathlib import Path

from jinbao_lab import box, run
from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.equipment import equipment_for_all
from jinbao_lab.faults import FAULTS
from jinbao_lab.files import Desk
from jinbao_lab.kind import Need
from jinbao_lab.scenario import Scenario
from jinbao_lab.scene import Stage
from jinbao_lab.show import Show

_PID = "lab.pid"
_HELP_ZH = "inject 故障 [位置] | heal 故障 [位置] | at 节点 命令… | list | quit"
_HELP_EN = "inject FAULT [PLACE] | heal FAULT [PLACE] | at NODE COMMAND… | list | quit"


def up(out: Path, *, loopback: bool, show: Show) -> int:
    run.clear(out)
    desk = Desk(out.resolve())
    desk.make()
    (out / _PID).write_text(f"{box.owner()}\n")
    scenario = Scenario(schema="jinbao.scenario/1", name="by hand", interval=1000, duration=0)
    order = run.Order(scenario, Path(), out, loopback)
    # A disk that loses its writes takes a loop device, of which there are few.
    lacking = {*run.lacking(FAULTS, order), Need.LOSABLE_DISK}
    stage = run.build(order, equipment_for_all(scenario.county, lacking), desk, show)
    try:
        run.bring_up(stage, show)
        play(stage, show)
        run.close(stage)
    finally:
        stage.close()
    return 0


def down(out: Path, show: Show) -> int:
    """Ends the county that `up` holds in this folder."""
    try:
        pid = int((out / _PID).read_text())
        ours = b"jinbao" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        ours = False
    if not ours:
        show.tell(f"{out} 中没有正在运行的县域网络", f"no county is up in {out}")
        return 1
    os.kill(pid, signal.SIGTERM)
    return 0


def play(stage: Stage, show: Show) -> None:
    """Until `quit` or the end of the input."""
    show.step("县域网络已就绪", "the county is up")
    show.tell(_HELP_ZH, _HELP_EN)
    made: set[tuple[str, str]] = set()
    while True:
        try:
            words = shlex.split(input("county> "))
        except EOFError:
            return
        except ValueError as problem:
            show.tell(str(problem))
            continue
        if words == ["quit"]:
            return
        _obey(stage, words, show, made)


def _obey(stage: Stage, words: list[str], show: Show, made: set[tuple[str, str]]) -> None:
    match words:
        case []:
            return
        case ["list"]:
            for name, kind in FAULTS.items():
                places = " ".join(kind.places(stage.county)).replace(EVERYWHERE, "")
                show.tell(f"{name:18} {places}")
        case ["inject", name, *place] if name in FAULTS and _is_place(stage.county, name, place):
            _inject(stage, (name, _place(place)), show, made)
        case ["heal", name, *place] if (name, _place(place)) in made:
            FAULTS[name].heal(stage, _place(place))
            made.remove((name, _place(place)))
        case ["at", node, *command] if node in stage.county.nodes and command:
            subprocess.run(stage.ground.at(node, command), check=False)
        case _:
            show.tell(_HELP_ZH, _HELP_EN)


def _inject(stage: Stage, fault: tuple[str, str], show: Show, made: set[tuple[str, str]]) -> None:
    name, place = fault
    if fault in made:
        show.tell(f"{name} 已在 {place}", f"{name} is there already, on {place}")
    elif not stage.equipment.serves(stage.county, FAULTS[name], place):
        show.tell(f"{name} 在此处做不出", f"{name} cannot be made here")
    else:
        FAULTS[name].inject(stage, place)
        made.add(fault)


def _is_place(county: County, name: str, place: list[str]) -> bool:
    return _place(place) in FAULTS[name].places(county) and len(place) < 2


def _place(words: list[str]) -> str:
    return words[0] if words else EVERYWHERE
