"""What is declared about the lab's county: links, contract, the services' files and the ledger, as a site has them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinbao_lab.county import EVERYWHERE, County
from jinbao_lab.equipment import Equipment, place_of
from jinbao_lab.ground import PEER_PORT, Ground, Rungs
from jinbao_lab.scenario import Fault, Scenario

COLLECTOR_PORT, UPS_PORT = 8443, 3493
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Desk:
    """The run's folder."""

    out: Path

    @property
    def config(self) -> Path:
        return self.out / "config"

    @property
    def links(self) -> Path:
        return self.config / "links.toml"

    @property
    def centre_links(self) -> Path:
        """As the county's agent has it: a site may have its agent there leave rungs out."""
        return self.config / "links-centre.toml"

    @property
    def contract(self) -> Path:
        return self.config / "contract.toml"

    @property
    def collector(self) -> Path:
        return self.config / "collector.toml"

    @property
    def ledger(self) -> Path:
        return self.config / "ledger.toml"

    def agent(self, node: str) -> Path:
        return self.config / f"agent-{node}.toml"

    def agent_data(self, node: str) -> Path:
        return self.out / "agents" / node

    @property
    def store(self) -> Path:
        return self.out / "collector"

    @property
    def truth(self) -> Path:
        """A folder of its own: the judge may not look into it."""
        return self.out / "truth"

    @property
    def logs(self) -> Path:
        return self.out / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        for folder in (self.config, self.out / "agents", self.truth, self.logs):
            folder.mkdir(parents=True)


def declare(desk: Desk, scenario: Scenario, equipment: Equipment, ground: Ground, rungs: Rungs, port: int) -> None:
    """Writes every file but the ledger."""
    county = scenario.county
    desk.links.write_text(links_toml(scenario, equipment, rungs))
    looking_down = rungs.without("app") if scenario.app_unprobed else rungs
    desk.centre_links.write_text(links_toml(scenario, equipment, looking_down))
    desk.contract.write_text(contract_toml(scenario))
    desk.collector.write_text(_collector(desk, ground, port))
    reflector = f'\n[peer]\nlisten = "0.0.0.0:{PEER_PORT}"\n' if ground.has_boxes else ""
    for township in county.townships:
        link = f'link = "{county.code(township)}"\n'
        desk.agent(f"a{township}").write_text(_agent(desk, f"a{township}", scenario, equipment, link) + reflector)
    desk.agent("centre").write_text(_agent(desk, "centre", scenario, equipment, "") + reflector)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _inline(table: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{name} = {_text(value)}" for name, value in table.items()) + " }"


def links_toml(scenario: Scenario, equipment: Equipment, rungs: Rungs) -> str:
    return "\n".join(_links(scenario, equipment, rungs))


def _links(scenario: Scenario, equipment: Equipment, rungs: Rungs) -> Iterator[str]:
    yield 'schema = "jinbao.links/1"\n\n[defaults]'
    yield f'interval = "{scenario.interval}ms"\n\n[county]'
    yield f"targets = {_inline(rungs.county)}"
    yield "mains_sense = true\n" if EVERYWHERE in equipment.sensed else ""
    county = scenario.county
    for township in county.townships:
        yield f"[[link]]\ncode = {_text(county.code(township))}\nname = {_text(county.name(township))}"
        yield f"group = {_text(county.group(township))}"
        if township in equipment.sensed:
            yield "mains_sense = true"
        if township in scenario.battery:
            yield "agent_on_battery = true"
        yield f"targets = {_inline(rungs.township[township])}"
        yield f"county_targets = {_inline(rungs.from_county[township])}\n"


def contract_toml(scenario: Scenario) -> str:
    # An answer within 0.8 T counts, so that a probe cannot be answered by the healing of a later period. The grace is short
    # enough to end before the next fault of a scenario.
    return f"""schema = "jinbao.contract/1"
effective = {{ from = 2020-01-01 }}
timezone = "Asia/Shanghai"
target = "99.9%"
period = "month"
mode = "remove"
unattributed = "disputed"

[parties]
customer = "盐边县社会保险事务中心（演示）"
carrier = "中国电信攀枝花分公司（演示）"
title = "盐边县乡镇金保网网络运行维护合同（演示）"
annual_fee = "8400.00"

[rule]
profile = "default"
n = 3
wait = "{scenario.interval * 8 // 10}ms"

[demarcation]
county_line_in_contract = true

[exclusion.cutover]
notice = "72h"
cap = {{ hours = "4h", per = "month" }}

[power]
excused = true
grace = "10s"
"""


def _collector(desk: Desk, ground: Ground, port: int) -> str:
    return f"""schema = "jinbao.collector/1"
data = {_text(str(desk.store))}
listen = "{ground.centre_host}:{port}"
names = [{_text(ground.centre_host)}]
links = "links.toml"
contracts = ["contract.toml"]
"""


def _agent(desk: Desk, node: str, scenario: Scenario, equipment: Equipment, link: str) -> str:
    place = place_of(node)
    ups = f'\n[mains]\nups = "ups@127.0.0.1:{UPS_PORT}"\nevery = "1s"\n' if place in equipment.sensed else ""
    spool = '\n[spool]\nmax = "12MB"\nfloor = "2MB"\n' if place in equipment.disks else ""
    return f"""schema = "jinbao.agent/1"
vantage = "{"township" if link else "county"}"
{link}links = "{(desk.links if link else desk.centre_links).name}"
data = {_text(str(desk.agent_data(node)))}
wait = "{scenario.interval}ms"
batch = "{2 * scenario.interval}ms"

[collector]
every = "{scenario.interval}ms"
{ups}{spool}"""


def notices(faults: Sequence[Fault], county: County, start_us: int) -> str:
    """ledger.toml for the notices of these faults, of a scenario whose warm-up ends at `start_us`; empty if there is none."""
    entries = [_entry(fault, county, start_us // 1000 + fault.at) for fault in faults if fault.notice]
    return "\n".join(entries)


def _entry(fault: Fault, county: County, onset_ms: int) -> str:
    notice = fault.notice
    assert notice is not None
    lines = {
        "id": _text(fault.id),
        "kind": _text(notice.kind),
        "links": json.dumps([county.code(township) for township in county.members(fault.on)]),
        "from": _moment(onset_ms + notice.from_),
        "to": _moment(onset_ms + notice.to),
        "author": _text("县局信息员（演示）"),
        "approved_by": _text("分管领导（演示）"),
        "approved_at": _moment(onset_ms - _HOUR_MS),
        "reason": _text(f"演示：{notice.kind}"),
    }
    if notice.type:
        lines["type"] = _text(notice.type)
    if notice.notified is not None:
        lines["notified_at"] = _moment(onset_ms + notice.notified)
    return "[[entry]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


def _moment(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
