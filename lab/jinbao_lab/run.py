"""One run from an empty folder to a score: build, enrol, warm up, play, drain, judge blindly, compare."""

import json
import shutil
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinbao_lab import files, judge, kept, needs, processes
from jinbao_lab.equipment import Equipment, equipment_for
from jinbao_lab.faults import FAULTS
from jinbao_lab.files import COLLECTOR_PORT, Desk
from jinbao_lab.ground import CENTRE, Ground
from jinbao_lab.kind import Need
from jinbao_lab.loopback import Loopback
from jinbao_lab.namespaces import Network
from jinbao_lab.play import Play, utc_us
from jinbao_lab.scenario import Fault, Scenario
from jinbao_lab.scene import Collector, Stage
from jinbao_lab.score import Score, score
from jinbao_lab.show import Show
from jinbao_lab.truth import Truth

MARK = ".jinbao-lab"
_READY_S, _DRAINED_S, _LOOK_S = 60, 120, 0.25
_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. `seed` tortures; `loopback` forbids namespaces, `set_clock` allows to
    set this machine's clock."""

    scenario: Scenario
    file: Path
    out: Path
    loopback: bool
    seed: int | None = None
    set_clock: bool = False


def clear(out: Path) -> None:
    """An empty folder for a run; an earlier run there goes. Raises processes.Failed if it holds anything else."""
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise processes.Failed(f"{out}: this folder is not empty and no earlier run's; name another by --out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MARK).touch()


def run(order: Order, show: Show, afterwards: Callable[[Stage], None] = lambda stage: None) -> Score:
    """Raises processes.Failed. `afterwards` gets the county while it still runs."""
    clear(order.out)
    desk = Desk(order.out.resolve())
    desk.make()
    why = lacking((fault.kind for fault in order.scenario.fault), order)
    order = replace(order, scenario=possible(order.scenario, why, show))
    stage = build(order, equipment_for(order.scenario, why), desk, show)
    try:
        since_us = bring_up(stage, show)
        truth = _play(order, stage, since_us, show)
        drain(stage, truth.to_us // 1000, truth.interval_ms, show)
        afterwards(stage)
        close(stage)
        return _judge(order, stage, truth, show)
    finally:
        stage.close()


def lacking(kinds: Iterable[str], order: Order) -> dict[Need, str]:
    """What these kinds of fault need and cannot have here, with why."""
    wanted = {Need.BOXES, Need.CLOCK, *(need for kind in kinds for need in FAULTS[kind].needs)}
    return needs.lacking(wanted, boxes=not order.loopback, set_clock=order.set_clock)


def possible(scenario: Scenario, why: Mapping[Need, str], show: Show) -> Scenario:
    """The scenario with those of its faults that can be made here; the others are named."""
    left_out = [fault for fault in scenario.fault if FAULTS[fault.kind].needs & why.keys()]
    for fault in left_out:
        need = next(need for need in Need if need in FAULTS[fault.kind].needs & why.keys())
        show.tell(
            f"此处做不出：{fault.id}（{fault.kind}）：{need.value}：{why[need]}",
            f"cannot be made here: {fault.id} ({fault.kind}) needs {need.value}: {why[need]}",
        )
    return replace(scenario, fault=tuple(_without(scenario, one, left_out) for one in scenario.fault if one not in left_out))


def _without(scenario: Scenario, fault: Fault, left_out: Collection[Fault]) -> Fault:
    """The author's word on its rows was for all of the faults together."""
    mine = set(scenario.county.members(fault.on))
    touched = (one for one in left_out if one.at <= fault.end and fault.at <= one.end)
    return replace(fault, rows=None) if any(mine.intersection(scenario.county.members(one.on)) for one in touched) else fault


def build(order: Order, equipment: Equipment, desk: Desk, show: Show) -> Stage:
    scenario, county = order.scenario, order.scenario.county
    ground: Ground = Loopback(county) if order.loopback else Network(county, equipment.lines, scenario.interval)
    show.step(f"搭建县域网络：{_GROUNDS_ZH[ground.name]}", f"building the county of {ground.name}")
    begin = time.monotonic()
    rungs = ground.build()
    port = _free_port() if order.loopback else COLLECTOR_PORT
    files.declare(desk, scenario, equipment, ground, rungs, port)
    took = time.monotonic() - begin
    show.tell(f"{len(county.townships)} 个乡镇，{took:.2f} 秒", f"{len(county.townships)} townships in {took:.2f} s")
    return Stage(county, ground, desk, Collector(desk, ground, port), equipment)


_GROUNDS_ZH = {Network.name: "网络命名空间", Loopback.name: "环回地址"}


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def bring_up(stage: Stage, show: Show) -> int:
    """The collector, then every agent enrolled with a code of its own; returns when the collector has heard them all: the
    instant from which every agent's data are there, microseconds UTC."""
    show.step("启动采集中心，登记探针", "starting the collector, enrolling the agents")
    stage.collector.init()
    stage.collector.start()
    nodes = list(stage.machines)
    for site in stage.sites.values():
        site.equip()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(stage.enrol, nodes))
    # From this thread: a process started by another would end with it.
    for node in nodes:
        stage.machines[node].start_agent()
    _await(
        lambda: set(nodes) <= kept.heard_until(stage.desk.store).keys(),
        _READY_S,
        lambda: f"not heard: {sorted(set(nodes) - kept.heard_until(stage.desk.store).keys())}; see {stage.desk.logs}",
    )
    show.tell(f"{len(nodes)} 个探针已上报", f"{len(nodes)} agents heard")
    return utc_us()


def _play(order: Order, stage: Stage, since_us: int, show: Show) -> Truth:
    scenario = order.scenario
    start_us = utc_us() + scenario.warm_up * 1000
    _file_notices(stage, scenario, start_us, show)
    (stage.desk.truth / "scenario.toml").write_text(order.file.read_text())
    show.step(f"运行场景：{scenario.name}", f"playing: {scenario.name}")
    if order.seed is not None:
        show.tell(f"随机 kill -9，种子 {order.seed}", f"kill -9 at random, seed {order.seed}")
    truth = Play(stage, scenario, show, since_us, order.seed, stage.ground.has_boxes).run(start_us)
    truth.save(stage.desk.truth / "truth.json")
    return truth


def _file_notices(stage: Stage, scenario: Scenario, start_us: int, show: Show) -> None:
    text = files.notices(scenario.fault, scenario.county, start_us)
    if text:
        stage.desk.ledger.write_text(text)
        command = stage.collector.command("ledger", "add", str(stage.desk.ledger))
        show.tell(processes.run(command, stage.desk.log("collector")).strip(), "the notices are filed in the ledger")


def drain(stage: Stage, until_ms: int, interval_ms: int, show: Show) -> None:
    """Returns when the collector has everything up to a little beyond `until_ms` from every agent that runs."""
    show.step("等待各探针把数据送完", "waiting for the agents to send everything")
    # The judge looks n - 1 samples beyond the period.
    target = until_ms + 3 * interval_ms

    def behind() -> list[str]:
        heard = kept.heard_until(stage.desk.store)
        return [node for node in stage.machines if heard.get(node, 0) < target or _is_waiting(stage.desk, node, target)]

    _await(lambda: not behind(), _DRAINED_S, lambda: f"not drained: {behind()}; see {stage.desk.logs}")


def _is_waiting(desk: Desk, node: str, target: int) -> bool:
    oldest = kept.waiting_since(desk.agent_data(node))
    return oldest is not None and oldest < target


def _await(done: Callable[[], bool], seconds: float, problem: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise processes.Failed(f"after {seconds:.0f} s: {problem()}")
        time.sleep(_LOOK_S)


def close(stage: Stage) -> None:
    """Stops every agent and the collector, cleanly. Raises processes.Failed if one does not end well."""
    running = [node for node, machine in stage.machines.items() if machine.agent_runs]
    with ThreadPoolExecutor(len(stage.machines)) as pool:
        codes = dict(zip(running, pool.map(lambda node: stage.machines[node].stop_agent(), running), strict=True))
    codes["collector"] = stage.collector.stop()
    bad = {name: code for name, code in codes.items() if code}
    if bad:
        raise processes.Failed(f"did not stop cleanly (exit codes): {bad}; see {stage.desk.logs}")


def _judge(order: Order, stage: Stage, truth: Truth, show: Show) -> Score:
    desk = stage.desk
    show.step("按合同评定（评定进程读不到场景文件）", "judging, in a process that cannot read the scenario")
    made = judge.statement(desk, truth, order.file)
    count, lost = kept.lost({node: desk.agent_data(node) for node in stage.machines}, desk.store)
    show.tell(f"已确认的批次 {count} 个，缺失 {len(lost)} 个", f"{count} acknowledged batches, {len(lost)} of them lost")
    result = score(truth, made, lost)
    (desk.out / "score.json").write_text(json.dumps(_facts(result, count, order), ensure_ascii=False, indent=1) + "\n")
    page = judge.sheet(desk, truth, made, show.lang)
    judge.print_table(desk, truth, show.lang)
    show.score(result)
    show.tell(f"文件在 {desk.out}：", f"files in {desk.out}:")
    for name in (page.name, "statement.json", "score.json", "config/", "truth/", "logs/"):
        show.tell(f"  {name}")
    why = judge.why(desk, truth, made)
    if why:
        show.tell(f"为什么这样评定：{why}", f"why it was judged so: {why}")
    return result


def score_again(desk: Desk) -> Score:
    """Of a run that is over, by what it left in its folder; its score.json is replaced. Raises processes.Failed."""
    if not (desk.out / MARK).exists():
        raise processes.Failed(f"{desk.out}: not the folder of a run")
    try:
        truth = Truth.load(desk.truth / "truth.json")
        made, before = (json.loads((desk.out / f"{name}.json").read_text()) for name in ("statement", "score"))
    except FileNotFoundError as missing:
        raise processes.Failed(f"{missing.filename}: missing; the run was not judged to its end") from None
    nodes = (*(f"a{township}" for township in truth.townships), CENTRE)
    count, lost = kept.lost({node: desk.agent_data(node) for node in nodes}, desk.store)
    result = score(truth, made, lost)
    facts = {"scenario": before["scenario"], "seed": before["seed"], "acknowledged_batches": count, **result.facts()}
    (desk.out / "score.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    return result


def _facts(result: Score, acknowledged: int, order: Order) -> dict[str, Any]:
    return {"scenario": order.scenario.name, "seed": order.seed, "acknowledged_batches": acknowledged, **result.facts()}
