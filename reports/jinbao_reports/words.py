"""What people read for every code the programs speak, in Chinese and English: one catalogue for pages and commands.

Open sets (causes, reasons, integrity notes: a ledger or a later version may bring new ones) show an unknown code as it is
and never hide it. Closed sets (classes, verdicts: judgement R5) are looked up with `CLASSES[code]`, which raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """One phrase in both languages; `{name}` marks where a value goes, the same names in both."""

    zh: str
    en: str

    def to(self, lang: str, **values: object) -> str:
        """Raises ValueError for a language we do not speak, KeyError when a value is missing."""
        if lang not in LANGUAGES:
            raise ValueError(f"lang: {lang!r}: expected one of {', '.join(LANGUAGES)}")
        said = self.zh if lang == "zh" else self.en
        return said.format(**values) if values else said


Catalogue = Mapping[str, Text]

CAUSES: Catalogue = {
    "PLANNED_CUTOVER": Text("约定割接", "agreed cutover"),
    "POWER_TOWNSHIP": Text("乡镇停电（电源监测）", "township power cut (mains sense)"),
    "POWER_DOCUMENTED": Text("乡镇停电（有文件）", "township power cut (documented)"),
    "POWER_SUSPECTED": Text("疑似停电（无凭证）", "suspected power cut (no proof)"),
    "POWER_RECOVERY": Text("来电后恢复期", "recovery after power"),
    "LAN_LOCAL": Text("乡镇内网故障", "township LAN fault"),
    "CPE_FAULT": Text("光猫故障", "modem (CPE) fault"),
    "CARRIER_ACCESS": Text("运营商接入段故障", "carrier access fault"),
    "CARRIER_AGG": Text("运营商汇聚段故障", "carrier aggregation fault"),
    "CARRIER_CORE": Text("运营商骨干段故障", "carrier core fault"),
    "CARRIER_PATH": Text("运营商线路故障（段落不可分）", "carrier path fault (segment hidden)"),
    "COUNTY_ACCESS": Text("县中心接入线路故障", "county access line fault"),
    "COUNTY_SITE": Text("县中心机房故障", "county site fault"),
    "SERVER_MAINT": Text("服务器计划维护", "planned server maintenance"),
    "SERVER_FAULT": Text("服务器故障", "server fault"),
    "PATH_OR_POLICY": Text("路由或策略异常（待查）", "route or policy fault (open)"),
    "SERVICE_DOWN_LINK_UP": Text("线路正常、服务拒绝连接", "link up, service refuses"),
    "UNATTRIBUTED": Text("原因未能确定", "cause not established"),
    "MON_COLLECTOR": Text("监测中心端停摆", "collector stopped"),
    "MON_AGENT": Text("监测代理停止", "agent stopped"),
    "AGENT_HOST": Text("监测终端重启或断电", "agent machine restarted"),
    "DEGRADED": Text("质量劣化", "degraded quality"),
}
PARTIES: Catalogue = {
    "carrier": Text("运营商", "carrier"),
    "centre": Text("县中心", "county centre"),
    "township": Text("乡镇", "township"),
    "grid": Text("供电方", "power grid"),
    "app_owner": Text("业务系统方", "application owner"),
    "unknown": Text("待定", "open"),
}
CLASSES: Catalogue = {
    "counted": Text("计入考核", "counted"),
    "excluded": Text("约定剔除", "excluded"),
    "not_carrier": Text("非运营商", "not carrier"),
    "disputed": Text("争议", "disputed"),
    "unclaimed": Text("逾期未申告", "unclaimed"),
}
# Shape beside word, so that no verdict rests on colour; the shapes are in the fonts we ship (render.fonts).
VERDICT_MARKS: Mapping[str, str] = {"pass": "●", "fail": "×", "inconclusive": "▲", "no_data": "○", "not_applicable": "—"}
VERDICTS: Catalogue = {
    "pass": Text("达标", "met"),
    "fail": Text("未达标", "not met"),
    "inconclusive": Text("证据不足", "inconclusive"),
    "no_data": Text("无数据", "no data"),
}
CLAUSE_VERDICTS: Catalogue = {**VERDICTS, "not_applicable": Text("不适用", "not applicable")}
SCOPES: Catalogue = {"link": Text("线路", "link"), "service": Text("业务", "service")}
OUTCOMES: Catalogue = {
    "reply": Text("有应答", "reply"),
    "lost": Text("无应答", "no answer"),
    "late": Text("应答迟到", "late reply"),
    "refused": Text("拒绝连接", "refused"),
    "bad_reply": Text("应答有误", "bad reply"),
    "unmeasured": Text("未测到", "unmeasured"),
    "up": Text("正常", "up"),
    "down": Text("中断", "down"),
    "unknown": Text("无数据", "no data"),
}
UNREACHABLE = Text("不可达（类型{type}代码{code}，{by}告知）", "unreachable (type {type} code {code}, told by {by})")
NOT_SENT = Text("未发出（{reason}）", "not sent ({reason})")
VANTAGES: Catalogue = {"township": Text("乡镇侧", "township"), "county": Text("县侧", "county")}
RUNGS: Catalogue = {
    "nic": Text("网卡", "NIC"),
    "lan": Text("内网网关", "LAN gateway"),
    "cpe": Text("光猫", "modem"),
    "edge": Text("运营商首跳", "carrier edge"),
    "core": Text("县核心", "county core"),
    "peer": Text("对端反射", "peer"),
    "app": Text("业务服务器", "server"),
    "gw": Text("网关", "gateway"),
    "ce": Text("出口", "edge"),
    "carrier": Text("运营商首跳", "carrier edge"),
    "agent": Text("乡镇终端", "agent"),
}
# Up is from the township to the county (judgement R4.4, row 21).
DIRECTIONS: Catalogue = {
    "up": Text("仅上行（乡镇至县）中断", "only upwards, from township to county"),
    "down": Text("仅下行（县至乡镇）中断", "only downwards, from county to township"),
    "both": Text("双向中断", "in both directions"),
}
# Why a ledger entry had no effect, or not the whole of it (judgement R5.5, R9).
REASONS: Catalogue = {
    "not_approved": Text("未经审批", "not approved"),
    "approved_by_its_author": Text("审批人与录入人相同", "approver is the author"),
    "type_not_in_contract": Text("合同无此类剔除", "the contract knows no such exclusion"),
    "no_notified_at": Text("未登记通知时间", "no time of notice recorded"),
    "notice_too_short": Text("通知时间不足", "notice given too late"),
}
# What the evidence itself says against itself (judgement R1.4, R1.5, R9; wire.md verdicts).
INTEGRITY: Catalogue = {
    "conflict": Text("同一探测有两种结果，按无数据处理", "two results for one probe, treated as no data"),
    "negative_rtt": Text("往返时延为负，时钟存疑", "negative round trip, clock in doubt"),
    "unknown_link": Text("线路不在登记表中，未采用", "link not in the register, not used"),
    "clock_step": Text("时钟跳变，已按单调时钟重新定时", "clock stepped, re-timed by the monotonic clock"),
    "clock_suspect": Text("时钟存疑", "clock in doubt"),
    "schema_unknown": Text("数据格式版本未知", "unknown data format"),
    "out_of_scope": Text("超出该代理授权范围，未采用", "outside the agent's scope, not used"),
    "fork": Text("数据链分叉（同号两份）", "chain forked (one number, two batches)"),
    "revoked_key": Text("使用了已吊销的密钥", "signed with a revoked key"),
    "overlap": Text("时段重叠", "overlapping slots"),
    "retired_chain": Text("已停用的数据链仍有数据", "data on a retired chain"),
    "unsigned": Text("来源未签名，不作为证据等级数据", "unsigned source, not evidence-grade"),
    "calendar_open": Text(
        "次年节假日通知尚未收录，12月末的工作日可能变动", "next year's notice not known, late December may change"
    ),
    "replica": Text("取自副本库，不作为证据等级数据", "taken from a replica, not evidence-grade"),
}
CLAUSES: Catalogue = {
    "availability": Text("可用率", "availability"),
    "response": Text("响应时限", "response time"),
    "repair": Text("修复时限", "repair time"),
    "outages": Text("中断次数上限", "number of outages"),
    "longest": Text("单次最长中断", "longest outage"),
    "loss": Text("丢包率上限", "packet loss"),
    "p95_ms": Text("时延P95上限", "95th percentile delay"),
}
CLAIM_STATES: Catalogue = {
    "open": Text("申告期未满", "claim window open"),
    "late": Text("申告逾期", "claimed late"),
    "missing": Text("未申告", "not claimed"),
    "in_time": Text("按期申告", "claimed in time"),
}
MODES: Catalogue = {
    "remove": Text("从分母中移除", "removed from the denominator"),
    "credit": Text("按正常时间计", "credited as up time"),
}
CLOCK_STARTS: Catalogue = {"onset": Text("自中断发生起", "from onset"), "report": Text("自申告起", "from the report")}
# Carrier tickets, reconciliation and what-if (docs/tickets.md).
TICKET_STATES: Catalogue = {
    "new": Text("新增", "new"),
    "completed": Text("补充", "completed"),
    "changed": Text("不一致", "contradicts"),
    "same": Text("相同", "same"),
}
TICKET_FIELDS: Catalogue = {
    "number": Text("工单号", "ticket"),
    "link": Text("线路", "link"),
    "links": Text("线路", "links"),
    "onset": Text("发生", "onset"),
    "reported_at": Text("申告", "reported"),
    "acked_at": Text("受理", "acknowledged"),
    "restored_at": Text("恢复", "restored"),
    "cause": Text("原因", "cause"),
    "party": Text("责任", "party"),
    "outage": Text("对应中断", "outage"),
    "reason": Text("说明", "words"),
}
MATCHED_BY: Catalogue = {
    "named": Text("指明", "named"),
    "overlap": Text("时间重叠", "overlap"),
    "report": Text("申告时间", "report"),
}
FIGURES: Catalogue = {
    "seconds.service": Text("服务时间（秒）", "service time (s)"),
    "seconds.up": Text("正常（秒）", "up (s)"),
    **{f"seconds.{name}": Text(f"{said.zh}（秒）", f"{said.en} (s)") for name, said in CLASSES.items()},
    "seconds.unknown": Text("无数据（秒）", "no data (s)"),
    "seconds.denominator": Text("分母（秒）", "denominator (s)"),
    "availability.low": Text("可用率下限", "availability, low"),
    "availability.high": Text("可用率上限", "availability, high"),
    "availability.measured": Text("实测可用率", "availability, measured"),
    "availability.user_low": Text("用户感知下限", "user's view, low"),
    "availability.user_high": Text("用户感知上限", "user's view, high"),
    "coverage": Text("覆盖率", "coverage"),
    "verdict": Text("结论", "verdict"),
    "verdict_within_edge_error": Text("结论在边沿误差内", "verdict within the edge error"),
    "edge_error_seconds": Text("边沿误差（秒）", "edge error (s)"),
    "allowance.allowed": Text("允许中断（秒）", "allowed (s)"),
    "allowance.left": Text("剩余额度（秒）", "allowance left (s)"),
    "metrics.n": Text("计入次数", "counted outages"),
    "metrics.mtrs": Text("平均恢复（秒）", "MTRS (s)"),
    "metrics.mtbf": Text("平均无故障（秒）", "MTBF (s)"),
    "loss": Text("探测丢失率", "probe loss"),
    "flaps": Text("闪断次数", "flaps"),
    "credits.on_high": Text("违约金（按上限，元）", "credit on high (yuan)"),
    "credits.on_low": Text("违约金（按下限，元）", "credit on low (yuan)"),
    "group.mean_low": Text("平均下限", "mean, low"),
    "group.mean_high": Text("平均上限", "mean, high"),
    "group.passing": Text("达标线路数", "links that pass"),
    "clauses.actual": Text("{clause}", "{clause}"),
    "clauses.limit": Text("{clause}（约定）", "{clause}, promised"),
    "clauses.verdict": Text("{clause}（结论）", "{clause}, verdict"),
}


def figure(name: str, lang: str) -> str:
    """A figure of a comparison in words; a clause's by the clause's own."""
    if not name.startswith("clauses."):
        return word(FIGURES, name, lang)
    _, clause, part = name.split(".")
    return FIGURES[f"clauses.{part}"].to(lang, clause=word(CLAUSES, clause, lang))


def word(catalogue: Catalogue, code: str, lang: str) -> str:
    """The phrase for an open set's code; the code itself where the catalogue does not know it."""
    return catalogue[code].to(lang) if code in catalogue else code


def verdict(code: str, lang: str) -> str:
    """Shape and word, such as "▲ 证据不足"; raises KeyError for a verdict that does not exist."""
    return f"{VERDICT_MARKS[code]} {CLAUSE_VERDICTS[code].to(lang)}"


def outcome(token: str, lang: str) -> str:
    """A probe's outcome token (judgement R1.3) in words; `unreachable:` splits at most three times, for IPv6."""
    kind, _, rest = token.partition(":")
    if kind == "unreachable" and rest.count(":") >= 2:
        type_, code, by = rest.split(":", 2)
        return UNREACHABLE.to(lang, type=type_, code=code, by=by)
    if kind == "not_sent" and rest:
        return NOT_SENT.to(lang, reason=rest)
    return word(OUTCOMES, token, lang)


def rung(vantage: str, target: str, lang: str) -> str:
    """A rung of the ladder with the side that probed it, such as "乡镇侧光猫"."""
    space = "" if lang == "zh" else " "
    return f"{word(VANTAGES, vantage, lang)}{space}{word(RUNGS, target, lang)}"
