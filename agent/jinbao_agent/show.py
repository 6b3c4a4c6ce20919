"""`jinbao-agent status` for programs and for people."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from jinbao_agent import once
from jinbao_agent.finding import Say
from jinbao_agent.mains import Known
from jinbao_agent.status import Status
from jinbao_agent.table import print_table


def status_facts(status: Status) -> dict[str, Any]:
    facts = asdict(status)
    if status.enrolment is not None:
        facts["enrolment"]["collector"] = status.enrolment.collector.text
    return facts


def print_status(status: Status, say: Say) -> None:
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
