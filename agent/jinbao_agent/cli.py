"""The command `jinbao-agent`. Exit codes: 0 done, 1 bad news, 2 used or configured wrongly, 3 the environment is at fault."""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from jinbao_agent import once
from jinbao_agent.clock import SystemClock
from jinbao_agent.configuration import Plan
from jinbao_agent.doctor import examine, exit_code
from jinbao_agent.enrol import Code, EnrolError, enrol, rotate
from jinbao_agent.finding import Finding
from jinbao_agent.https import Unreachable
from jinbao_agent.identity import InUse
from jinbao_agent.install import UNIT, Places, install
from jinbao_agent.peers import Keyring, read_peers
from jinbao_agent.run import RENEWED, Agent, Machine, notify
from jinbao_agent.setup import Setup
from jinbao_agent.show import print_status, status_facts
from jinbao_agent.status import read_status
from jinbao_agent.steering import Steering
from jinbao_agent.table import print_table
from jinbao_config.central import Allowed
from jinbao_config.shape import ConfigError

DEFAULT_CONFIG, UNITS = Path("/etc/jinbao/agent.toml"), Path("/etc/systemd/system")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(Setup(options)))
    except (ConfigError, EnrolError, InUse) as problem:
        print(problem, file=sys.stderr)
        return 2
    except (OSError, Unreachable) as problem:
        print(problem, file=sys.stderr)
        return 3


def _parser() -> argparse.ArgumentParser:
    about = "金保网线路探针 · probes a contracted line and keeps the evidence"
    parser = argparse.ArgumentParser(prog="jinbao-agent", description=about, parents=[_shared()])
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"agent.toml ({DEFAULT_CONFIG})")
    parser.set_defaults(json=False, lang="zh")
    commands = parser.add_subparsers(required=True, metavar="run|once|check|status|enrol|rotate|install")

    def command(name: str, run: Callable[[Setup], int], help: str, *aliases: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, aliases=aliases, help=help, description=help, parents=[_shared()])
        one.set_defaults(command=run)
        return one

    command("run", _run, "持续探测 · probe until stopped")
    command("once", _once, "立即探测一轮 · probe the ladder once, now")
    command("check", _check, "自检并给出处理办法 · what is wrong, and its remedy")
    command("status", _status, "当前状态 · what the agent is doing")
    enrolling = command("enrol", _enrol, "用中心给的代码登记 · become known to the centre", "enroll")
    enrolling.add_argument("code", help="https://HOST:PORT#CA.SECRET")
    enrolling.add_argument("--again", action="store_true", help="取代已有登记 · replace an enrolment, with a new key")
    command("rotate", _rotate, "换新密钥，由旧密钥担保 · exchange the key; the old one vouches for the new")
    installing = command("install", _install, "写入 systemd 服务和允许范围 · write the unit and the centre's bounds")
    installing.add_argument("--units", type=Path, default=UNITS, help=f"systemd 目录 · folder of units ({UNITS})")
    installing.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NETWORK",
        help="中心可指定探测的网段，可重复 · where the centre may aim",
    )
    installing.add_argument("--per-second", type=int, help="中心可要求的每秒探测数上限 · probes a second the centre may order")
    installing.add_argument("--again", action="store_true", help="覆盖已有文件 · overwrite what is there")
    return parser


def _shared() -> argparse.ArgumentParser:
    """Options that may stand before the command or after it; neither place undoes the other with its default."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="输出 JSON · print JSON")
    shared.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help="语言 · language")
    return shared


def _run(setup: Setup) -> int:
    _log_to_stderr(as_json=setup.options.json)
    local, allowed = setup.local(), setup.allowed()
    setup.home.make()
    with setup.home.owned():
        asyncio.run(_live(setup, local, allowed))
    return 0


async def _live(setup: Setup, local: Plan, allowed: Allowed | None) -> None:
    """One life after the other: a new configuration begins a new one, a signal ends the last."""
    signals: list[str] = []
    end = asyncio.Event()

    def asked(by: signal.Signals) -> None:
        signals.append(by.name)
        notify("STOPPING=1")
        end.set()

    for by in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(by, asked, by)
    while not signals:
        end.clear()
        machine = Machine()
        plan = setup.begin(local, allowed, machine)
        steering = Steering(setup.home, plan, setup.config, allowed, machine.clock, end.set) if allowed else None
        agent = Agent(plan.config, plan.rungs, setup.home, machine, steering)
        await agent.run(end, lambda: signals[0] if signals else RENEWED)


def _once(setup: Setup) -> int:
    plan = setup.plan()
    keyring = Keyring(setup.config.vantage, read_peers(setup.home))
    results = asyncio.run(once.climb(plan.rungs, plan.config.wait / 1000, keyring))
    say = setup.say
    setup.show(
        [once.facts(rung, result) for rung, result in results],
        lambda: print_table(
            (say("线路", "link"), say("探测点", "rung"), say("目标", "target"), say("结果", "outcome"), say("往返", "rtt")),
            [once.row(rung, result) for rung, result in results],
        ),
    )
    return once.exit_code(results, plan.links)


def _check(setup: Setup) -> int:
    findings: list[Finding] = []
    plan = setup.plan()
    for finding in examine(plan, setup.home, SystemClock(), setup.say, configurable=setup.allowed() is not None):
        findings.append(finding)
        if not setup.options.json:
            print(finding.lines(), flush=True)
    setup.show({"findings": [asdict(finding) for finding in findings]}, lambda: None)
    return exit_code(findings)


def _status(setup: Setup) -> int:
    if not setup.home.folder.is_dir():
        missing = setup.say("数据目录不存在，探针还没有运行过", "the data folder does not exist, the agent never ran")
        raise FileNotFoundError(f"{setup.home.folder}: {missing}")
    status = read_status(setup.home)
    if setup.config.mains is None and status.spool is not None:
        # What an earlier configuration sensed is remembered, but says nothing of now.
        status = replace(status, spool=replace(status.spool, mains=None))
    setup.show(status_facts(status), lambda: print_status(status, setup.say))
    return 1 if status.problems else 0


def _enrol(setup: Setup) -> int:
    home, options = setup.home, setup.options
    home.make()
    code = Code.parse(options.code)
    now_ms = SystemClock().utc_us() // 1000
    # With a new key the agent must not go on signing with the old one.
    with home.as_owner(), home.owned() if options.again else contextlib.nullcontext():
        enrolment = enrol(home, code, vantage=setup.config.vantage, link=setup.config.link, now_ms=now_ms, again=options.again)
    text = setup.say(f"已登记为 {enrolment.agent}（{enrolment.url}）", f"enrolled as {enrolment.agent} at {enrolment.url}")
    setup.show({"agent": enrolment.agent, "url": enrolment.url, "key": enrolment.key}, lambda: print(text))
    return 0


def _rotate(setup: Setup) -> int:
    with setup.home.as_owner(), setup.home.owned():
        enrolment = rotate(setup.home, setup.config.collector.url, now_ms=SystemClock().utc_us() // 1000)
    text = setup.say(f"{enrolment.agent} 已换新密钥 {enrolment.key}", f"{enrolment.agent} has a new key, {enrolment.key}")
    setup.show({"agent": enrolment.agent, "key": enrolment.key}, lambda: print(text))
    return 0


def _install(setup: Setup) -> int:
    options, folder = setup.options, setup.file.resolve().parent
    for network in options.allow:
        if not _is_network(network):
            raise ConfigError("--allow", "", f'{network!r}: expected a network such as "10.0.0.0/8" with no host bits set')
    if options.per_second is not None and options.per_second < 1:
        raise ConfigError("--per-second", "", f"{options.per_second}: expected a whole number, at least 1")
    places = Places(
        setup.file.resolve(), folder / setup.config.allow, (folder / setup.config.data).absolute(), options.units.absolute()
    )
    done = install(setup.local(), places, options.allow, options.per_second, again=options.again)
    say = setup.say

    def tell() -> None:
        for file in done.written:
            print(say(f"已写入 {file}", f"written: {file}"))
        for file in done.kept:
            print(say(f"已有且不同，未改动 {file}（--again 覆盖）", f"is there and differs, left alone: {file} (--again)"))
        print(say("接下来（root）：", "next, as root:"))
        print(f"  systemctl daemon-reload && systemctl enable --now {UNIT}")
        ours = Path(sys.executable).with_name("jinbao-agent")  # an environment's commands are not on root's PATH
        print(f"  {ours} --config {places.config} enrol 'CODE'   # jinbao-collector invite")
        print(f"  {ours} --config {places.config} check")

    setup.show({"written": [str(file) for file in done.written], "kept": [str(file) for file in done.kept]}, tell)
    return 0


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = {"at": _utc(record), "level": record.levelname, "part": record.name, "message": record.getMessage()}
        if record.exc_info:
            facts["trace"] = self.formatException(record.exc_info)
        return json.dumps(facts, ensure_ascii=False)


def _utc(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _log_to_stderr(*, as_json: bool) -> None:
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(_JsonLines() if as_json else plain)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
