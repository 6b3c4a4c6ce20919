"""jinbao-lab: a county in a box. Exit codes: 0 all found, 1 a miss, 2 used wrongly, 3 the environment is at fault."""

import argparse
import random
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from jinbao_config.shape import ConfigError
from jinbao_lab import box, byhand, needs, replays, run
from jinbao_lab.chance import Wish, as_toml, draw
from jinbao_lab.faults import FAULTS
from jinbao_lab.files import Desk
from jinbao_lab.kind import Need
from jinbao_lab.processes import Failed, program, typed
from jinbao_lab.replay import replay
from jinbao_lab.scenario import Scenario, read_scenario
from jinbao_lab.show import Show
from jinbao_lab.year import Order, year

SCENARIOS = Path(__file__).parents[1] / "scenarios"
DONE, MISSED, WRONG_USE, NO_ENVIRONMENT = 0, 1, 2, 3
MINUTES, IN_IT = 1.0, 4


class Misused(Exception):
    """Options that do not go together: which, and what would."""


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = _parser().parse_args(words)
    show = Show(asked.lang)
    try:
        if _needs_box(asked) and not asked.loopback and not box.inside():
            return _into_box(asked, words, show)
        if box.inside():
            box.settle()
        return int(asked.act(asked, show))
    except (ConfigError, Misused) as problem:
        print(problem, file=sys.stderr)
        return WRONG_USE
    except (Failed, OSError, box.NoBox) as problem:
        print(problem, file=sys.stderr)
        return NO_ENVIRONMENT
    except KeyboardInterrupt:
        show.tell("已中断，县域网络已拆除", "interrupted; the county is gone")
        return NO_ENVIRONMENT


def _needs_box(asked: argparse.Namespace) -> bool:
    return asked.command in ("run", "up") or (asked.command == "random" and not asked.replay)


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
    _add_chance(commands)
    hand = commands.add_parser("up", help="搭建并手动操作 · build the county and break it by hand")
    hand.add_argument("--out", type=Path, default=Path("out/lab"))
    hand.add_argument("--loopback", action="store_true")
    hand.set_defaults(act=_up)
    down = commands.add_parser("down", help="结束手动操作的县域网络 · end a county that is up")
    down.add_argument("--out", type=Path, default=Path("out/lab"))
    down.set_defaults(act=lambda asked, show: byhand.down(asked.out, show))
    _add_year(commands)
    commands.add_parser("list", help="列出场景与故障 · scenarios and faults").set_defaults(act=_list)
    for command in commands.choices.values():
        # After the command too; SUPPRESS keeps what was said before it.
        command.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _add_chance(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    drawn = commands.add_parser("random", help="随机故障，打分 · faults drawn by chance, played and scored")
    drawn.add_argument("--seed", type=int, help="chosen and printed if absent")
    drawn.add_argument("--out", type=Path, default=Path("out/lab"))
    drawn.add_argument("--replay", action="store_true", help="on generated samples, without packets")
    drawn.add_argument("--loopback", action="store_true")
    drawn.add_argument("--set-clock", action="store_true", help="faults may set this machine's clock (real root)")
    drawn.set_defaults(act=_random)
    again = commands.add_parser("replay", help="用生成的样本重放 · the same on generated samples, without packets")
    again.add_argument("scenario", nargs="?", help="a file, or the name of one in lab/scenarios; absent: drawn by chance")
    again.add_argument(
        "--seeds",
        type=_seeds,
        default=range(1, 2),
        help="such as 1..2000; draw the sampling, and the scenario if none is named",
    )
    again.set_defaults(act=_replay)
    for command in (drawn, again):
        command.add_argument("--minutes", type=float, help=f"of a drawn scenario ({MINUTES:.0f})")
        command.add_argument("--townships", type=int, choices=range(1, 13), metavar="1-12", help=f"in it ({IN_IT})")
    score = commands.add_parser("score", help="对已有的运行重新打分 · score the folder of an earlier run again")
    score.add_argument("folder", type=Path)
    score.set_defaults(act=_score)


def _add_year(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    whole = commands.add_parser("year", help="一年的演示数据 · a demonstration year of twelve links, with its ground truth")
    whole.add_argument("--out", type=Path, default=Path("out/year"), help="a folder of its own (out/year)")
    whole.add_argument("--year", type=int, default=2025, help="which (2025)")
    whole.add_argument("--seed", type=int, default=1, help="of what goes wrong in it (1)")
    whole.set_defaults(act=_year)


def _seeds(text: str) -> range:
    """'7' or '1..2000', both ends included."""
    first, _, last = text.partition("..")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r}: no seed lies in it; expected the smaller first, such as 1..2000")
    return seeds


def _scenario(asked: argparse.Namespace) -> tuple[Path, Scenario]:
    named = SCENARIOS / f"{asked.scenario}.toml"
    file = named if named.exists() else Path(asked.scenario)
    return file, read_scenario(file).value


def _wish(asked: argparse.Namespace, seed: int, lacking: Collection[Need] = ()) -> Wish:
    minutes = MINUTES if asked.minutes is None else asked.minutes
    return Wish(seed, minutes, asked.townships or IN_IT, lacking)


def _run(asked: argparse.Namespace, show: Show) -> int:
    file, scenario = _scenario(asked)
    seed = None
    if asked.seed is not None and not asked.torture:
        raise Misused("run --seed: only --torture draws anything; add it, or leave --seed out")
    if asked.torture:
        seed = random.randrange(10**6) if asked.seed is None else asked.seed
    order = run.Order(scenario, file.resolve(), asked.out, asked.loopback, seed, asked.set_clock)
    result = run.run(order, show, (lambda stage: byhand.play(stage, show)) if asked.keep else (lambda stage: None))
    return DONE if result.right else MISSED


def _random(asked: argparse.Namespace, show: Show) -> int:
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    # What cannot be had here is not drawn; without packets everything can.
    why = {} if asked.replay else needs.lacking(set(Need), boxes=not asked.loopback, set_clock=asked.set_clock)
    scenario = draw(_wish(asked, seed, why.keys()))
    file = asked.out.parent / f"random-{seed}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_toml(scenario))
    again = typed("jinbao-lab", "run", str(file))
    show.tell(
        f"种子 {seed}，{len(scenario.fault)} 个故障，写在 {file}；再来一次：{again}",
        f"seed {seed}: {len(scenario.fault)} faults, in {file}; again: {again}",
    )
    if asked.replay:
        return _replayed(scenario, range(seed, seed + 1), show)
    order = run.Order(scenario, file.resolve(), asked.out, asked.loopback, set_clock=asked.set_clock)
    return DONE if run.run(order, show).right else MISSED


def _replay(asked: argparse.Namespace, show: Show) -> int:
    if asked.scenario is not None:
        if asked.minutes is not None or asked.townships is not None:
            raise Misused("replay --minutes, --townships: only of drawn scenarios; a named one says its own, so leave them out")
        return _replayed(_scenario(asked)[1], asked.seeds, show)
    tally = replays.replay_many([_wish(asked, seed) for seed in asked.seeds], show)
    replays.tell(tally, show)
    return MISSED if tally.missed else DONE


def _replayed(scenario: Scenario, seeds: range, show: Show) -> int:
    """One scenario, sampled as often as there are seeds."""
    tally = replays.Tally()
    for seed in seeds:
        done = replay(scenario, seed)
        tally.add(seed, done)
        if seed == seeds[0] or not done.score.right:
            show.score(done.score)
    replays.tell(tally, show)
    return MISSED if tally.missed else DONE


def _score(asked: argparse.Namespace, show: Show) -> int:
    result = run.score_again(Desk(asked.folder.resolve()))
    show.score(result)
    return DONE if result.right else MISSED


def _year(asked: argparse.Namespace, show: Show) -> int:
    found = year(Order.of_year(asked.out, asked.year, asked.seed), show)
    return MISSED if found.misses else DONE


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
