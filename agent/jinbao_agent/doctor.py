"""`jinbao-agent check`: what keeps this agent from measuring or from being heard, each with its remedy."""

import asyncio
import ipaddress
import os
import shutil
from collections.abc import Iterator, Sequence

from jinbao_agent.check_peer import examine_peer
from jinbao_agent.clock import Clock, clock_quality
from jinbao_agent.configuration import Plan, Refusal, Shelf
from jinbao_agent.finding import ENVIRONMENT, NOTE, OK, PROBLEM, Finding, Say
from jinbao_agent.https import Https, Unreachable
from jinbao_agent.identity import Home
from jinbao_agent.keys import SigningKey
from jinbao_agent.ladder import Rung
from jinbao_agent.mains import Reading, read_mains
from jinbao_agent.probes import IcmpRights, icmp_rights
from jinbao_agent.status import Status, read_status
from jinbao_config.links import Links
from jinbao_config.services import AgentConfig, Mains

_WORST_CLOCK_US = 1_000_000
_MANY_WAITING = 10  # minutes of batches: more means that the centre does not take them


def exit_code(findings: Sequence[Finding]) -> int:
    """3 where the environment is at fault, 1 for other bad news, 0 for none."""
    levels = {finding.level for finding in findings}
    return 3 if ENVIRONMENT in levels else 1 if PROBLEM in levels else 0


def examine(plan: Plan, home: Home, clock: Clock, say: Say, *, configurable: bool) -> Iterator[Finding]:
    """Everything, in the order in which it would be mended. `configurable`: whether the centre may configure this agent."""
    config, links, rungs = plan.config, plan.links, plan.rungs
    yield Finding("config", OK, say(f"配置可读，共 {len(rungs)} 个探测点", f"configuration reads, {len(rungs)} rungs"))
    if configurable:
        yield _centres_configuration(plan, Shelf(home).refusal(), say)
    yield from _rights(rungs, icmp_rights(), say)
    yield _clock(say)
    yield from _mains(config, links, say)
    folder = _folder(config, home, say)
    yield folder
    if folder.level == ENVIRONMENT:
        return
    status = read_status(home)
    for problem in status.problems:
        yield Finding(
            "data", PROBLEM, problem, say("把此文件交给维护人员；探针会自行重建", "keep the file; the agent makes a new one")
        )
    yield _life(status, clock, say)
    yield from _spool(status, say)
    enrolment = _enrolment(home, status, say)
    yield enrolment
    if enrolment.level == OK:
        yield _collector(config, home, status, say)
        yield from examine_peer(config, links, rungs, home, status.running, say)


def _centres_configuration(plan: Plan, refusal: Refusal | None, say: Say) -> Finding:
    """Which one holds, and which one was refused."""
    if refusal is not None and refusal.version > plan.version:
        return Finding(
            "central",
            PROBLEM,
            say(
                f"未采用中心的第 {refusal.version} 版配置：{refusal.why}",
                f"configuration {refusal.version} of the centre was refused: {refusal.why}",
            ),
            say(
                "请中心改正后重新下发（jinbao-collector configure）；若确属本机允许范围过窄，由本机管理员修改 allow.toml",
                "have the centre issue a right one (jinbao-collector configure); or, if this machine's bounds are too narrow,"
                " widen allow.toml here",
            ),
        )
    if not plan.version:
        return Finding("central", OK, say("按本机文件探测", "this machine's own files hold"))
    trial = say("（试运行）", " (on trial)") if plan.on_trial else ""
    text = say(f"按中心第 {plan.version} 版配置探测", f"configuration {plan.version} of the centre holds")
    return Finding("central", OK, text + trial)


def _rights(rungs: Sequence[Rung], rights: IcmpRights, say: Say) -> Iterator[Finding]:
    hosts = {rung.target.host for rung in rungs if rung.target.kind == "icmp"}
    for family in sorted({ipaddress.ip_address(host).version for host in hosts}):
        if rights.usable(family):
            kind = next(right.kind for right in rights.rights if right.usable and right.family == family)
            yield Finding(
                "rights", OK, say(f"可发送 IPv{family} 探测（{kind}）", f"may send IPv{family} echo requests ({kind})")
            )
            continue
        reasons = ", ".join(f"{right.kind}: {right.reason}" for right in rights.rights if right.family == family)
        yield Finding(
            "rights",
            ENVIRONMENT,
            say(f"无权发送 IPv{family} 探测（{reasons}）", f"may not send IPv{family} echo requests ({reasons})"),
            say(
                "用 jinbao-agent install 写入服务（自带 CAP_NET_RAW 权限），或设置 sysctl net.ipv4.ping_group_range",
                "install the service (jinbao-agent install), which has CAP_NET_RAW, or set sysctl net.ipv4.ping_group_range",
            ),
        )


def _clock(say: Say) -> Finding:
    quality = clock_quality()
    if quality.sync and quality.maxerror_us <= _WORST_CLOCK_US:
        error_ms = quality.maxerror_us // 1000
        return Finding(
            "clock", OK, say(f"时钟已同步，误差不超过 {error_ms} 毫秒", f"the clock is synchronised to {error_ms} ms")
        )
    return Finding(
        "clock",
        PROBLEM,
        say(f"时钟未同步（{quality.state}）", f"the clock is not synchronised ({quality.state})"),
        say(
            "启用 chrony 或 systemd-timesyncd，并指定可达的时间服务器；同步前的样本会在中心按时钟校正",
            "enable chrony or systemd-timesyncd with a time server in reach; the centre re-stamps what was measured before",
        ),
    )


def _mains(config: AgentConfig, links: Links, say: Say) -> Iterator[Finding]:
    """Whether the UPS tells, and whether what is sensed is what links.toml lets judgement count on."""
    declared = (links[config.link] if config.link else links.county).mains_sense
    if config.mains is not None:
        yield _ups(asyncio.run(read_mains(config.mains.ups, config.mains.every / 2000)), config.mains, say)
    if declared and config.mains is None:
        yield Finding(
            "mains_sense",
            PROBLEM,
            say(
                "links.toml 声明有市电监测，但探针没有配置 UPS", "links.toml declares a mains sense, but this agent has no UPS"
            ),
            say("在 agent.toml 加 [mains]，或去掉 mains_sense", "add [mains] to agent.toml, or take mains_sense away"),
        )
    elif config.mains is not None and not declared:
        yield Finding(
            "mains_sense",
            NOTE,
            say("links.toml 未声明 mains_sense", "links.toml does not declare mains_sense"),
            say("写上 mains_sense = true，评定才认定此处有市电监测", "with mains_sense = true judgement knows of this sense"),
        )


def _ups(reading: Reading, mains: Mains, say: Say) -> Finding:
    if reading.on is None:
        text = say(f"读不到市电状态：{reading.problem}", f"whether the mains is on is not known: {reading.problem}")
        remedy = say(
            f"检查 UPS 数据线和 nut-server 服务，试 upsc {mains.ups}；此间的停电没有证据",
            f"check the UPS's cable and nut-server, try upsc {mains.ups}; until then nothing proves a power cut",
        )
        return Finding("mains", PROBLEM, text, remedy)
    if reading.on:
        return Finding("mains", OK, say(f"市电正常（{reading.detail}）", f"the mains is on ({reading.detail})"))
    return Finding(
        "mains",
        PROBLEM,
        say(f"市电中断，UPS 供电中（{reading.detail}）", f"the mains is off, the UPS runs on its battery ({reading.detail})"),
        say("核实停电原因；探针继续工作到电池耗尽", "find out why; the agent goes on until the battery is empty"),
    )


def _folder(config: AgentConfig, home: Home, say: Say) -> Finding:
    if not home.folder.is_dir():
        return Finding(
            "disk",
            ENVIRONMENT,
            say(f"数据目录不存在：{home.folder}", f"the data folder does not exist: {home.folder}"),
            say("先启动一次探针（run），或检查 agent.toml 的 data", "start the agent once (run), or check data in agent.toml"),
        )
    if not os.access(home.folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "disk",
            ENVIRONMENT,
            say(f"数据目录不可写：{home.folder}", f"the data folder cannot be written: {home.folder}"),
            say("以探针所用的用户运行本命令", "run this command as the agent's own user"),
        )
    free = shutil.disk_usage(home.folder).free
    if free < config.spool.floor:
        return Finding(
            "disk",
            PROBLEM,
            say(
                f"磁盘剩余 {free // 10**6} MB，低于下限 {config.spool.floor // 10**6} MB",
                f"{free // 10**6} MB of disk left, below the floor of {config.spool.floor // 10**6} MB",
            ),
            say("清理磁盘；此间最旧的已确认数据会先被丢弃", "free some space; meanwhile the oldest acknowledged data go first"),
        )
    return Finding("disk", OK, say(f"磁盘剩余 {free // 10**6} MB", f"{free // 10**6} MB of disk left"))


def _life(status: Status, clock: Clock, say: Say) -> Finding:
    start = say(
        "启动服务：systemctl start jinbao-agent（未安装先执行 jinbao-agent install）",
        "start the service: systemctl start jinbao-agent (not installed yet: jinbao-agent install)",
    )
    if not status.running:
        return Finding("life", PROBLEM, say("探针未运行", "the agent does not run"), start)
    if status.beat is None:
        return Finding("life", NOTE, say("探针刚启动，尚无心跳", "the agent has just started, no heartbeat yet"))
    ago_s = (clock.boottime_us() - status.beat.boottime_us) // 1_000_000
    if ago_s * 1000 > 3 * status.beat.interval_ms:
        return Finding(
            "life",
            PROBLEM,
            say(f"探针在运行，但心跳已停 {ago_s} 秒", f"the agent runs, but its last heartbeat is {ago_s} s old"),
            say(
                "检查磁盘是否可写，查看日志，停止后重新执行 jinbao-agent run",
                "check that the disk can be written, read the log, stop it and start jinbao-agent run again",
            ),
        )
    return Finding("life", OK, say(f"探针在运行，{ago_s} 秒前有心跳", f"the agent runs, last heartbeat {ago_s} s ago"))


def _spool(status: Status, say: Say) -> Iterator[Finding]:
    spool = status.spool
    if spool is None:
        return
    text = say(f"{spool.waiting} 批数据待上传", f"{spool.waiting} batches wait for the centre")
    remedy = say("若登记与网络正常，稍候会自动补传", "with enrolment and network in order they go by themselves")
    yield Finding("spool", *((NOTE, text, remedy) if spool.waiting > _MANY_WAITING else (OK, text)))
    if spool.dropped or spool.unstored:
        yield Finding(
            "losses",
            PROBLEM,
            say(
                f"曾丢失样本：未及上传 {spool.dropped} 个，未能写盘 {spool.unstored} 个",
                f"samples were lost: {spool.dropped} before the centre had them, {spool.unstored} that no disk took",
            ),
            say("这些时段将显示为“未知”；请为数据目录留出更多空间", "those times stay unknown; give the data folder more room"),
        )


def _enrolment(home: Home, status: Status, say: Say) -> Finding:
    again = say(
        "请县中心执行 jinbao-collector invite，再在本机执行 jinbao-agent enrol '代码'",
        "have the centre run jinbao-collector invite, then run jinbao-agent enrol 'CODE' here",
    )
    if status.enrolment is None:
        return Finding("enrolment", PROBLEM, say("尚未登记，数据留在本机", "not enrolled, data stay on this machine"), again)
    try:
        ours = SigningKey.load(home.key).public.fingerprint == status.enrolment.key
    except (OSError, ValueError):
        ours = False
    if not ours and home.is_copy:
        text = say(
            "本机是另一台已登记机器的复制品，原密钥已停用",
            "this is a copy of another machine that is enrolled; the copied key is set aside",
        )
        return Finding("enrolment", PROBLEM, text, f"{again} --again")
    if not ours:
        return Finding(
            "enrolment", PROBLEM, say("登记的密钥与本机不符", "enrolled with another key than this one"), f"{again} --again"
        )
    agent = status.enrolment.agent
    return Finding("enrolment", OK, say(f"已登记为 {agent}", f"enrolled as {agent}"))


def _collector(config: AgentConfig, home: Home, status: Status, say: Say) -> Finding:
    assert status.enrolment is not None, "asked only once enrolled"
    url = config.collector.url or status.enrolment.url
    try:
        https = Https(url, home.ca.read_bytes())
        try:
            answer = https.get("/healthz")
        finally:
            https.close()
    except (Unreachable, OSError, ValueError) as problem:
        return Finding(
            "collector",
            PROBLEM,
            say(f"连不上中心：{problem}", f"the collector cannot be reached: {problem}"),
            say(
                "检查线路、地址和端口；数据先存在本机，恢复后补传", "check line, address and port; data wait here and go later"
            ),
        )
    if answer.status != 200:
        return Finding("collector", PROBLEM, say(f"中心状态异常：{answer.status}", f"the collector is unwell: {answer.status}"))
    return Finding("collector", OK, say(f"中心可达：{url}", f"the collector answers: {url}"))
