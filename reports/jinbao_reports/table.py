"""The decision table: one observation of the ladder from both ends -> exactly one row (judgement R4, methods B2).

Rows are data: each is a list of conditions, tried in order; the first row all of whose conditions hold wins. So `explain` can
say of every earlier row which condition failed, and a test can enumerate every observation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from jinbao_config.contract import Contract
from jinbao_config.links import Link
from jinbao_reports.words import Text, rung


class Sight(StrEnum):
    """What one rung showed at the start of a slice. A silent rung, like one without a sample near, is unseen."""

    UP = "up"
    DOWN = "down"
    UNSEEN = "unseen"


class Everywhere(StrEnum):
    """The same rung on all links where it is known; at least two."""

    UP = "all up"
    DOWN = "all down"
    MIXED = "not all alike, or fewer than two known"


UP, DOWN, UNSEEN = Sight.UP, Sight.DOWN, Sight.UNSEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything the table may ask, at the start of one slice. Rungs named county_* are seen from the county."""

    service: bool = False
    nic: Sight = UNSEEN
    lan: Sight = UNSEEN
    cpe: Sight = UNSEEN
    edge: Sight = UNSEEN
    core: Sight = UNSEEN
    app: Sight = UNSEEN
    app_refused: bool = False
    gw: Sight = UNSEEN
    ce: Sight = UNSEEN
    carrier: Sight = UNSEEN
    county_cpe: Sight = UNSEEN
    county_app: Sight = UNSEEN
    cores: Everywhere = Everywhere.MIXED
    county_cpes: Everywhere = Everywhere.MIXED
    group_cut: bool = False
    agent_silent: bool = False
    agent_recovered: bool = True
    new_boot: bool = False
    clean_stop: bool = False
    mains_off: bool = False
    county_mains_off: bool = False
    los: bool = False
    cutover: bool = False
    power_notice: bool = False
    server_notice: bool = False
    grace: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A question with its words; `holds` is false where an input it needs was not measured."""

    words: Text
    holds: Callable[[Observation], bool]


@dataclass(frozen=True, slots=True)
class Row:
    number: str
    cause: str
    conditions: tuple[Condition, ...]

    def first_failing(self, seen: Observation) -> Condition | None:
        return next((condition for condition in self.conditions if not condition.holds(seen)), None)


_SIGHTS = {UP: Text("通", "is up"), DOWN: Text("断", "is down"), UNSEEN: Text("未测到", "is unseen")}
_SITE = ("gw", "ce", "carrier")


def _rung(name: str, sight: Sight) -> Condition:
    vantage = "county" if name in _SITE or name.startswith("county_") else "township"
    target = name.removeprefix("county_")
    said = Text(f"{rung(vantage, target, 'zh')}{_SIGHTS[sight].zh}", f"{rung(vantage, target, 'en')} {_SIGHTS[sight].en}")
    return Condition(said, lambda seen: getattr(seen, name) is sight)


def _flag(name: str, zh: str, en: str, wanted: bool = True) -> Condition:
    return Condition(Text(zh, en), lambda seen: getattr(seen, name) is wanted)


def _every(name: str, zh: str, en: str, wanted: Everywhere) -> Condition:
    return Condition(Text(zh, en), lambda seen: getattr(seen, name) is wanted)


def _either(*conditions: Condition) -> Condition:
    said = Text(" 或 ".join(item.words.zh for item in conditions), " or ".join(item.words.en for item in conditions))
    return Condition(said, lambda seen: any(item.holds(seen) for item in conditions))


def _both(*conditions: Condition) -> Condition:
    zh, en = "且".join(item.words.zh for item in conditions), " and ".join(item.words.en for item in conditions)
    return Condition(Text(f"（{zh}）", f"({en})"), lambda seen: all(item.holds(seen) for item in conditions))


ON_LINK = _flag("service", "线路本身中断", "the link itself is down", False)
ON_SERVICE = _flag("service", "线路正常而业务中断", "the link is up and the service is down")
SILENT = _flag("agent_silent", "乡镇探针无任何记录", "the agent is silent")
ALIVE = _flag("agent_silent", "乡镇探针在运行", "the agent is alive", False)
REBOOTED = _both(
    _flag("new_boot", "探针以新的开机标识恢复", "it came back with another boot_id"),
    _flag("clean_stop", "没有正常关机记录", "it recorded no clean stop", False),
)
LOST_FOR_GOOD = _flag("agent_recovered", "探针再未恢复", "it never came back", False)
MAINS_OFF, MAINS_OK = (
    _flag("mains_off", "市电监测为断电", "mains_off is in force"),
    _flag("mains_off", "市电监测无断电", "no mains_off is in force", False),
)
ALL_CORES_DOWN = _every(
    "cores", "已知的各线路（至少两条）县核心全断", "core is down on all links where it is known, at least two", Everywhere.DOWN
)
ALL_CORES_UP = _every(
    "cores", "已知的各线路（至少两条）县核心全通", "core is up on all links where it is known, at least two", Everywhere.UP
)
NOT_ALL_CORES_DOWN = Condition(
    Text("县核心并非各线路全断", "core is not down on all links"), lambda seen: seen.cores is not Everywhere.DOWN
)
COUNTY_STANDS = (_rung("gw", UP), _rung("ce", UP))
COUNTY_CPE_DOWN = _rung("county_cpe", DOWN)

ACCESS_PATTERN = (
    _rung("cpe", UP),
    _either(_flag("los", "光猫LOS告警", "los_on is in force"), _rung("edge", DOWN)),
    COUNTY_CPE_DOWN,
)
PATH_PATTERN = (
    _rung("core", DOWN),
    COUNTY_CPE_DOWN,
    *COUNTY_STANDS,
    _either(_both(_rung("edge", UNSEEN), _rung("cpe", UP)), _both(_rung("edge", UP), _rung("carrier", UNSEEN))),
)
_CORE_PATTERN = (_rung("edge", UP), _rung("core", DOWN), COUNTY_CPE_DOWN, *COUNTY_STANDS, _rung("carrier", UP))


def cut_beyond_cpe(seen: Observation) -> bool:
    """The pattern of row 11 or of CARRIER_PATH: what two links of one group must show for row 12."""
    return any(all(item.holds(seen) for item in pattern) for pattern in (ACCESS_PATTERN, PATH_PATTERN))


ROWS: tuple[Row, ...] = (
    Row("4", "PLANNED_CUTOVER", (_flag("cutover", "在已审批且有效的约定时段内", "it lies inside an approved exclusion"),)),
    Row(
        "5",
        "POWER_TOWNSHIP",
        (ON_LINK, MAINS_OFF, _either(_rung("cpe", DOWN), _both(_rung("lan", DOWN), _rung("cpe", UNSEEN)), SILENT)),
    ),
    Row(
        "8",
        "POWER_RECOVERY",
        (ON_LINK, _flag("grace", "在停电确证后的恢复宽限期内", "it lies within the grace after a proven power cut")),
    ),
    Row(
        "15",
        "COUNTY_SITE",
        (
            ON_LINK,
            ALL_CORES_DOWN,
            _either(_rung("gw", DOWN), _rung("ce", DOWN), _flag("county_mains_off", "县中心断电", "the county's mains is off")),
        ),
    ),
    Row(
        "14",
        "COUNTY_ACCESS",
        (
            ON_LINK,
            ALL_CORES_DOWN,
            *COUNTY_STANDS,
            _either(
                _rung("carrier", DOWN),
                _both(
                    _rung("carrier", UNSEEN),
                    _every(
                        "county_cpes",
                        "各线路（至少两条）县侧光猫全断",
                        "county cpe is down on all links, at least two",
                        Everywhere.DOWN,
                    ),
                ),
            ),
        ),
    ),
    Row(
        "6",
        "POWER_DOCUMENTED",
        (
            ON_LINK,
            COUNTY_CPE_DOWN,
            SILENT,
            REBOOTED,
            _flag("power_notice", "有已审批的停电公告覆盖", "an approved power_notice covers it"),
        ),
    ),
    Row("7", "POWER_SUSPECTED", (ON_LINK, COUNTY_CPE_DOWN, SILENT, _either(REBOOTED, LOST_FOR_GOOD))),
    Row("9", "LAN_LOCAL", (ON_LINK, _either(_rung("nic", DOWN), _rung("lan", DOWN)), ALIVE, MAINS_OK, _rung("county_cpe", UP))),
    Row(
        "9b",
        "CPE_FAULT",
        (ON_LINK, _rung("lan", DOWN), COUNTY_CPE_DOWN, _either(_rung("cpe", DOWN), _rung("cpe", UNSEEN)), ALIVE),
    ),
    Row("10", "CPE_FAULT", (ON_LINK, _rung("lan", UP), _rung("cpe", DOWN), COUNTY_CPE_DOWN, MAINS_OK)),
    Row(
        "12",
        "CARRIER_AGG",
        (
            ON_LINK,
            _flag("group_cut", "同组至少两条线路在光猫以上中断", "two links or more of its group are cut beyond the cpe"),
        ),
    ),
    Row("11", "CARRIER_ACCESS", (ON_LINK, *ACCESS_PATTERN)),
    Row("13", "CARRIER_CORE", (ON_LINK, *_CORE_PATTERN, NOT_ALL_CORES_DOWN)),
    Row("13b", "CARRIER_CORE", (ON_LINK, *_CORE_PATTERN, ALL_CORES_DOWN)),
    Row("11/13", "CARRIER_PATH", (ON_LINK, *PATH_PATTERN)),
    Row("18b", "PATH_OR_POLICY", (ON_LINK, _rung("core", DOWN), _rung("county_cpe", UP))),
    Row(
        "16",
        "SERVER_MAINT",
        (
            ON_SERVICE,
            ALL_CORES_UP,
            _rung("app", DOWN),
            _rung("county_app", DOWN),
            _flag("server_notice", "有服务器维护通知覆盖", "a server_notice covers it"),
        ),
    ),
    Row("17", "SERVER_FAULT", (ON_SERVICE, ALL_CORES_UP, _rung("app", DOWN), _rung("county_app", DOWN))),
    Row("18", "PATH_OR_POLICY", (ON_SERVICE, _rung("core", UP), _rung("app", DOWN), _rung("county_app", UP))),
    Row(
        "19",
        "SERVICE_DOWN_LINK_UP",
        (
            ON_SERVICE,
            _rung("app", DOWN),
            _flag("app_refused", "服务器拒绝连接", "the server refused the connection"),
            _rung("county_app", UNSEEN),
        ),
    ),
)
UNATTRIBUTED = Row("-", "UNATTRIBUTED", ())


@lru_cache(maxsize=4096)
def decide(seen: Observation) -> Row:
    """The first row that matches; UNATTRIBUTED if none does. Total: every observation lands in exactly one row."""
    return next((row for row in ROWS if row.first_failing(seen) is None), UNATTRIBUTED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why, who answers for it, and how it counts."""

    row: str
    cause: str
    party: str
    klass: str


_PARTY = {
    "PLANNED_CUTOVER": "carrier", "POWER_TOWNSHIP": "grid", "POWER_DOCUMENTED": "grid", "POWER_RECOVERY": "grid",
    "POWER_SUSPECTED": "unknown", "LAN_LOCAL": "township", "CARRIER_ACCESS": "carrier", "CARRIER_AGG": "carrier",
    "CARRIER_CORE": "carrier", "CARRIER_PATH": "carrier", "COUNTY_ACCESS": "carrier", "COUNTY_SITE": "centre",
    "SERVER_MAINT": "app_owner", "SERVER_FAULT": "app_owner", "SERVICE_DOWN_LINK_UP": "app_owner",
    "PATH_OR_POLICY": "unknown", "UNATTRIBUTED": "unknown",
}  # fmt: skip
CAUSES = frozenset({*_PARTY, "CPE_FAULT"})
_NEVER_THE_CARRIERS = {"LAN_LOCAL", "COUNTY_SITE", "SERVER_MAINT", "SERVER_FAULT", "SERVICE_DOWN_LINK_UP"}
_POWER_PROVEN = {"POWER_TOWNSHIP", "POWER_DOCUMENTED", "POWER_RECOVERY"}


def verdict_of(row: Row, link: Link, contract: Contract, *, service: bool = False) -> Verdict:
    """A row's cause, party and class under this link's and contract's facts."""
    cause = row.cause
    if cause == "CPE_FAULT" and link.agent_on_battery and not link.mains_sense:
        # An agent that outlives the mains sees a dead cpe in every power cut: without mains sense the two look alike.
        cause = "POWER_SUSPECTED"
    klass = "excluded" if cause == "PLANNED_CUTOVER" else class_of(cause, link, contract)
    if service and klass == "counted":
        klass = "disputed"
    return Verdict(row.number, cause, party_of(cause, link), klass)


def party_of(cause: str, link: Link) -> str:
    return link.cpe_owner if cause == "CPE_FAULT" else _PARTY.get(cause, "unknown")


def class_of(cause: str, link: Link, contract: Contract) -> str:
    """A cause's own class (R4, R5.2).

    What the table cannot settle is disputed until people name its class: a cause of their own, or a cutover that no
    approved exclusion covers.
    """
    if cause in _POWER_PROVEN:
        return "not_carrier" if contract.power.excused else "counted"
    if cause in _NEVER_THE_CARRIERS:
        return "not_carrier"
    if cause == "UNATTRIBUTED":
        return contract.unattributed
    if cause == "COUNTY_ACCESS":
        return "counted" if contract.demarcation.county_line_in_contract else "not_carrier"
    if cause not in CAUSES or cause == "PLANNED_CUTOVER":
        return "disputed"
    return {"carrier": "counted", "unknown": "disputed"}.get(party_of(cause, link), "not_carrier")


def trace(seen: Observation) -> Iterator[tuple[Row, Condition | None]]:
    """Rows in order up to the one that matches, each with the first of its conditions that failed (None: it matched)."""
    for row in (*ROWS, UNATTRIBUTED):
        failed = row.first_failing(seen)
        yield row, failed
        if failed is None:
            return
