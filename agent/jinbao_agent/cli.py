"""The command `jinbao-agent`. Exit codes: 0 done, 1 bad news, 2 used or configured wrongly, 3 the environment is at fault."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinbao_agent import once
from jinbao_agent.clock import SystemClock
from jinbao_agent.doctor import examine, exit_code
from jinbao_agent.enrol import Code, EnrolError, enrol
from jinbao_agent.finding import Finding, Say
from jinbao_agent.https import Unreachable
from jinbao_agent.identity import Home, InUse
from jinbao_agent.ladder import Rung, ladder
from jinbao_agent.mains import Known
from jinbao_agent.peers import Keyring, read_peers
from jinbao_agent.run import Agent, Machine
from jinbao_agent.status import Status, read_status
from jinbao_agent.table import print_table
from jinbao_config.links import Links, read_links
from jinbao_config.services import AgentConfig, read_agent
from jinbao_config.shape import ConfigError

DEFAULT_CONFIG = Path("/etc/jinbao/agent.toml")


class Setup:
    """What the command line and the files it names say. Raises ConfigError."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.file: Path = options.config
        self.config: AgentConfig = read_agent(self.file).value
        self.home = Home(self.file.parent / self.config.data)
        self.say: Say = (lambda zh, en: zh) if options.lang == "zh" else (lambda zh, en: en)

    def links(self) -> Links:
        return read_links(self.file.parent / self.config.links).value

    def rungs(self) -> tuple[Rung, ...]:
        try:
            rungs = ladder(self.config, self.links())
        except KeyError:
            problem = f"{self.config.link!r}: {self.config.links} declares no such link"
            raise ConfigError(str(self.file), "link", problem) from None
        if not rungs:
            raise ConfigError(str(self.file), "links", f"{self.config.links} names no target for this agent; add targets")
        return rungs

    def show(self, facts: Any, text: Callable[[], None]) -> None:
        """JSON for programs, text for people."""
        if self.options.json:
            print(json.dumps(facts, ensure_ascii=False, indent=1))
        else:
            text()


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
    commands = parser.add_subparsers(required=True, metavar="run|once|check|status|enrol")

    def command(name: str, run: Callable[[Setup], int], help: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help, description=help, parents=[_shared()])
        one.set_defaults(command=run)
        return one

    command("run", _run, "持续探测 · probe until stopped")
    command("once", _once, "立即探测一轮 · probe the ladder once, now")
    command("check", _check, "自检并给出处理办法 · what is wrong, and its remedy")
    command("status", _status, "当前状态 · what the agent is doing")
    enrolling = command("enrol", _enrol, "用中心给的代码登记 · become known to the centre")
    enrolling.add_argument("code", help="https://HOST:PORT#CA.SECRET")
    enrolling.add_argument("--again", action="store_true", help="取代已有登记 · replace an enrolment, with a new key")
    return parser


def _shared() -> argparse.ArgumentParser:
    """Options that may stand before the command or after it; neither place undoes the other with its default."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="输出 JSON · print JSON")
    shared.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help="语言 · language")
    return shared


def _run(setup: Setup) -> int:
    _log_to_stderr(as_json=setup.options.json)
    rungs = setup.rungs()
    setup.home.make()
    with setup.home.owned():
        asyncio.run(_live(setup.config, rungs, setup.home))
    return 0


async def _live(config: AgentConfig, rungs: tuple[Rung, ...], home: Home) -> None:
    stop = asyncio.Event()
    signals: list[str] = []

    def asked(by: signal.Signals) -> None:
        signals.append(by.name)
        stop.set()

    for by in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(by, asked, by)
    await Agent(config, rungs, home, Machine()).run(stop, lambda: signals[0])


def _once(setup: Setup) -> int:
    rungs = setup.rungs()
    keyring = Keyring(setup.config.vantage, read_peers(setup.home))
    results = asyncio.run(once.climb(rungs, setup.config.wait / 1000, keyring))
    say = setup.say
    setup.show(
        [once.facts(rung, result) for rung, result in results],
        lambda: print_table(
            (say("线路", "link"), say("探测点", "rung"), say("目标", "target"), say("结果", "outcome"), say("往返", "rtt")),
            [once.row(rung, result) for rung, result in results],
        ),
    )
    return once.exit_code(results, setup.links())


def _check(setup: Setup) -> int:
    findings: list[Finding] = []
    for finding in examine(setup.config, setup.links(), setup.rungs(), setup.home, SystemClock(), setup.say):
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
    setup.show(_status_facts(status), lambda: _print_status(status, setup.say))
    return 1 if status.problems else 0


def _enrol(setup: Setup) -> int:
    home, options = setup.home, setup.options
    home.make()
    code = Code.parse(options.code)
    now_ms = SystemClock().utc_us() // 1000
    # With a new key the agent must not go on signing with the old one.
    with home.owned() if options.again else contextlib.nullcontext():
        enrolment = enrol(home, code, vantage=setup.config.vantage, link=setup.config.link, now_ms=now_ms, again=options.again)
    text = setup.say(f"已登记为 {enrolment.agent}（{enrolment.url}）", f"enrolled as {enrolment.agent} at {enrolment.url}")
    setup.show({"agent": enrolment.agent, "url": enrolment.url, "key": enrolment.key}, lambda: print(text))
    return 0


def _status_facts(status: Status) -> dict[str, Any]:
    facts = asdict(status)
    if status.enrolment is not None:
        facts["enrolment"]["collector"] = status.enrolment.collector.text
    return facts


def _print_status(status: Status, say: Say) -> None:
    for problem in status.problems:
        print(problem)
    print(say("运行中", "running") if status.running else say("未运行", "not running"))
    enrolment = status.enrolment
    print(say(f"登记：{enrolment.agent}", f"enrolled as {enrolment.agent}") if enrolment else say("未登记", "not enrolled"))
    if status.beat:
        print(say("心跳：", "heartbeat: ") + _moment(status.beat.utc_us))
    spool = status.spool
    if spool is None:
        return
    print(say("链：", "chain: ") + f"{spool.head.chain} #{spool.head.number} {spool.head.hash}")
    print(say(f"待上传 {spool.waiting} 批，", f"{spool.waiting} batches waiting, ") + f"{spool.bytes / 1e6:.1f} MB")
    if spool.mains is not None:
        _print_mains(spool.mains, say)
    print_table(
        (say("线路", "link"), say("探测点", "rung"), say("时间", "at"), say("结果", "outcome"), say("往返", "rtt")),
        [
            (sample.link, sample.target, _moment(sample.sent_us), sample.outcome, once.milliseconds(sample.rtt_us))
            for sample in spool.latest
        ],
    )


def _print_mains(mains: Known, say: Say) -> None:
    if mains.on is not None:
        state = say("有电", "on") if mains.on else say("停电", "off")
        since = _moment(mains.since_us)
        print(say(f"市电：{state}，自 {since} 起（{mains.detail}）", f"mains: {state} since {since} ({mains.detail})"))
    if mains.problem:
        since = _moment(mains.problem_us)
        print(say(f"市电监测自 {since} 起无读数：{mains.problem}", f"the mains is not known since {since}: {mains.problem}"))


def _moment(utc_us: int) -> str:
    return datetime.fromtimestamp(utc_us // 1_000_000, UTC).astimezone().isoformat(" ")


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
