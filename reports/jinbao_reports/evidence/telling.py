"""How the commands about evidence speak to people."""

import datetime
from collections.abc import Iterator
from typing import Any

from jinbao_reports.evidence.verification import (
    BODIES_MISSING,
    DECLARED_LATER,
    OTHER_VERSION,
    PARTLY,
    UNANCHORED,
    VERIFIED,
    Verified,
)
from jinbao_reports.words import Text

MADE = Text(
    "已打包 {file}：{bytes}字节，{days}天，日志{rows}行\nreport.json SHA-256 {report}",
    "packed {file}: {bytes} bytes, {days} days, {rows} journal rows\nreport.json SHA-256 {report}",
)
BROKEN = Text("证据已损：{why}", "BROKEN: {why}")
ISSUED = Text(
    "已发布第{number}号报告（{period}），封存于 {folder}\nreport.json SHA-256 {report}",
    "issued report {number} ({period}), frozen in {folder}\nreport.json SHA-256 {report}",
)
AMENDS = Text("第{number}号取代第{amends}号，理由：{reason}", "report {number} supersedes {amends}: {reason}")
SAME = Text("各项数字和认定均无变化", "no figure and no class changed")
BEFORE, AFTER = Text("原", "before"), Text("现", "after")
STANDS, SUPERSEDED = Text("有效", "stands"), Text("已被第{number}号取代", "superseded by {number}")
COLUMNS = (
    Text("编号", "number"),
    Text("期间", "period"),
    Text("发布时间", "issued"),
    Text("发布人", "by"),
    Text("状态", "state"),
    Text("report.json SHA-256", "report.json SHA-256"),
)
STEPS = {
    "draw": Text("取出日志并试算", "drawing rows and judging them"),
    "pack": Text("打包", "packing"),
    "bytes": Text("核对每个字节", "reading every byte"),
    "rows": Text("核对日志", "checking rows"),
    "seal": Text("整理测量数据", "sealing what was measured"),
    "judge": Text("重算报告", "recomputing the report"),
}
_FIGURES = Text(
    "report.json 每个数字均由证据重算得出，逐字节相同",
    "every figure follows from the evidence; report.json is the same to the byte",
)
_NO_FIGURES = Text("数字未重算", "figures not recomputed")
_COUNTED = Text(
    "{days}天，日志{rows}行（其中完整批次{whole}个），核对签名{signatures}个，证据包{mb} MB",
    "{days} days, {rows} journal rows ({whole} whole batches), {signatures} signatures, {mb} MB",
)
_PARTIAL = Text(
    "只证明一次中断：{rows}行中有{hidden}行只有哈希；披露哪些由打包者选择，全貌请看整期证据包",
    "proves one outage only: of {rows} rows {hidden} are hashes; whoever packed it chose which; see the period's package",
)
_DEMONSTRATION = Text("演示数据：均非实测", "demonstration data: nothing of it was measured")
_STAMPED = Text("{day}的清单由时间戳机构于{at}见证", "the manifest of {day} was time-stamped at {at}")
_LATER = Text(
    "{name}系期后声明（{day}），期末当日的清单没有它",
    "{name}: declared later, on {day}; the manifest of the period's last day does not have it",
)
_OUTCOMES = {
    VERIFIED: Text("属实：与外部锚点一致，至{until}", "VERIFIED: agrees with what you know from outside, through {until}"),
    PARTLY: Text(
        "自洽；锚点只到{through}，其后至{until}无外部锚点",
        "consistent; anchored through {through}, unanchored from there to {until}",
    ),
    UNANCHORED: Text(
        "自洽，无外部锚点。请用 --sheet、--keys 或 --tsa-ca 给出来自包外的依据",
        "consistent, unanchored. Give something from outside the package by --sheet, --keys or --tsa-ca",
    ),
    BODIES_MISSING: Text(
        "报告期内有{bare}个批次没有内容：无法分辨是探针磁盘满时舍弃，还是事后取走；其余相符",
        "{bare} batches of the period have no body, dropped by a full spool or taken out later; all else agrees",
    ),
    DECLARED_LATER: Text(
        "自洽，但所用声明是期后才有的，期间未必如此；请双方确认",
        "consistent, but it rests on what was declared after the period, which may not have held then: ask both sides",
    ),
    OTHER_VERSION: Text(
        "自洽，但由版本{version}制作，数字未重算：pip install 'jinbao-uptime[reports]=={version}' 后再核对",
        "consistent, but made by version {version}; to recompute its figures: pip install 'jinbao-uptime[reports]=={version}'",
    ),
}
_SHEET = Text(
    "{period} 会签数据{draft}\n清单日期      {day}\n清单哈希      {hash}\n"
    "SM3          {sm3}\n台账末条      {ledger}\n中心公钥指纹  {key}",
    "sheet of {period}{draft}\nmanifest of   {day}\nits hash      {hash}\n"
    "SM3           {sm3}\nledger head   {ledger}\ncentre's key  {key}",
)
_DRAFT = Text("（期间未完）", " (not over yet)")
_AGENT = Text("{agent}  {vantage}  {key}", "{agent}  {vantage}  {key}")


def facts(done: Verified, *, figures: bool) -> dict[str, Any]:
    return {
        "outcome": done.outcome,
        "anchored_through": done.through,
        "until": done.until,
        "version": done.version,
        "figures": figures and done.outcome != OTHER_VERSION,
        "days": done.days,
        "rows": done.found.rows,
        "whole": done.found.whole,
        "hidden": done.found.hidden,
        "bare": done.bare,
        "partial": done.partial,
        "demonstration": done.demonstration,
        "signatures": done.found.signatures,
        "report": done.report,
        "bytes": done.size,
        "declared_later": [one._asdict() for one in done.later],
        "stamped": {day: _time(at) for day, at in done.stamped.items()},
    }


def lines(done: Verified, lang: str, *, figures: bool) -> Iterator[str]:
    found = done.found
    yield _COUNTED.to(
        lang, days=done.days, rows=found.rows, whole=found.whole, signatures=found.signatures, mb=f"{done.size / 1e6:.1f}"
    )
    if done.outcome != OTHER_VERSION:
        yield (_FIGURES if figures else _NO_FIGURES).to(lang)
    if done.demonstration:
        yield _DEMONSTRATION.to(lang)
    if done.partial:
        yield _PARTIAL.to(lang, hidden=found.hidden, rows=found.rows)
    for day, at in done.stamped.items():
        yield _STAMPED.to(lang, day=day, at=_time(at))
    for one in done.later:
        yield _LATER.to(lang, name=one.name, day=one.day)
    yield _OUTCOMES[done.outcome].to(lang, through=done.through, until=done.until, version=done.version, bare=done.bare)


def sheet_lines(found: dict[str, Any], lang: str) -> Iterator[str]:
    manifest = found["manifest"]
    draft = "" if found["complete"] else _DRAFT.to(lang)
    ledger = f"{manifest['ledger']['position']} {manifest['ledger']['hash']}"
    shown = {"day": manifest["day"], "hash": manifest["hash"], "sm3": manifest["sm3"] or "—", "ledger": ledger}
    yield _SHEET.to(lang, period=found["period"], draft=draft, key=found["centre_key"], **shown)
    for agent in found["agents"]:
        yield _AGENT.to(lang, **{name: agent[name] for name in ("agent", "vantage", "key")})


def _time(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
