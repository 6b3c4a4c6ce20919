"""jinbao-lab: a county in a box. Exit codes: 0 all found, 1 a miss, 2 used wrongly, 3 the environment is at fault."""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from jinbao_config.shape import ConfigError
from jinbao_lab import box, byhand, run
from jinbao_lab.faults import FAULTS
from jinbao_lab.processes import Failed, program
from jinbao_lab.scenario import Scenario, read_scenario
from jinbao_lab.show import Show

SCENARIOS = Path(__file__).parents[1] / "scenarios"
DONE, MISSED, WRONG_USE, NO_ENVIRONMENT = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = _parser().parse_args(words)
    show = Show(asked.lang)
    try:
        if asked.command in ("run", "up") and not asked.loopback and not box.inside():
            return _into_box(asked, words, show)
        if box.inside():
            box.settle()
        return int(asked.act(asked, show))
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return WRONG_USE
    except (Failed, OSError, box.NoBox) as problem:
        print(problem, file=sys.stderr)
        return NO_ENVIRONMENT
    except KeyboardInterrupt:
        show.tell("已中断，县域网络已拆除", "interrupted; the county is gone")
        return NO_ENVIRONMENT


def _into_box(asked: argparse.Namespace, words: list[str], show: Show) -> int:
    """In a private box; where none can be made, on the loopback, and says why."""
    if asked.command == "run":
        _scenario(asked)  # a wrong scenario is told before anything is made
    try:
        box.check()
    except box.NoBox as problem:
        show.tell(
            f"此机器不能建立网络命名空间，改用环回地址：{problem}", f"no namespaces here, on the loopback instead: {problem}"
        )
        asked.loopback = True
        return int(asked.act(asked, show))
    return box.run_inside([*program("jinbao_lab.cli"), *words])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("jinbao-lab", description="一台机器上的县域网络 · a county in a box")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh", help="语言 · language")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="运行场景并打分 · play a scenario and score it")
    one.add_argument("scenario", help="a file, or the name of one in lab/scenarios")
    one.add_argument("--out", type=Path, default=Path("out/lab"), help="where everything is left (out/lab)")
    one.add_argument("--keep", action="store_true", help="leave the county running afterwards, to play with")
    one.add_argument("--torture", choices=("kill",), help="kill -9 of collector and agents at random moments")
    one.add_argument("--seed", type=int, help="of the torture; chosen and printed if absent")
    one.add_argument("--loopback", action="store_true", help="no namespaces, as where they cannot be made")
    one.add_argument("--set-clock", action="store_true", help="faults may set this machine's clock (real root)")
    one.set_defaults(act=_run)
    hand = commands.add_parser("up", help="搭建并手动操作 · build the county and break it by hand")
    hand.add_argument("--out", type=Path, default=Path("out/lab"))
    hand.add_argument("--loopback", action="store_true")
    hand.set_defaults(act=_up)
    down = commands.add_parser("down", help="结束手动操作的县域网络 · end a county that is up")
    down.add_argument("--out", type=Path, default=Path("out/lab"))
    down.set_defaults(act=lambda asked, show: byhand.down(asked.out, show))
    commands.add_parser("list", help="列出场景与故障 · scenarios and faults").set_defaults(act=_list)
    for command in commands.choices.values():
        # After the command too; SUPPRESS keeps what was said before it.
        command.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _scenario(asked: argparse.Namespace) -> tuple[Path, Scenario]:
    named = SCENARIOS / f"{asked.scenario}.toml"
    file = named if named.exists() else Path(asked.scenario)
    return file, read_scenario(file).value


def _run(asked: argparse.Namespace, show: Show) -> int:
    file, scenario = _scenario(asked)
    seed = None
    if asked.torture:
        seed = random.randrange(10**6) if asked.seed is None else asked.seed
    order = run.Order(scenario, file.resolve(), asked.out, asked.loopback, seed, asked.set_clock)
    result = run.run(order, show, (lambda stage: byhand.play(stage, show)) if asked.keep else (lambda stage: None))
    return DONE if result.right else MISSED


def _up(asked: argparse.Namespace, show: Show) -> int:
    return byhand.up(asked.out, loopback=asked.loopback, show=show)


def _list(asked: argparse.Namespace, show: Show) -> int:
    for file in sorted(SCENARIOS.glob("*.toml")):
        show.tell(f"{file.stem:18} {read_scenario(file).value.name}")
    for name, kind in FAULTS.items():
        show.tell(f"{name:18} {kind.says.to(show.lang)}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
