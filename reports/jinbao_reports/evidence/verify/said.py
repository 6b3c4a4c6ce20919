"""What may be wrong with a package, each with a sentence of its own, Chinese and English."""

from __future__ import annotations

from typing import Any

SAYS = {
    "not_a_package": ("{file}：不是证据包", "{file}: is not an evidence package"),
    "truncated": ("证据包不完整：到字节{at}就断了", "the package is cut short: it ends at byte {at}"),
    "container": ("字节{at}附近：不是打包程序写出的内容", "near byte {at}: not what the packer writes there"),
    "trailing": ("证据包末尾之后还有内容（字节{at}起）", "something follows the end of the package, from byte {at}"),
    "name": ("成员名“{name}”不允许出现", "a member is called {name!r}, which no package has"),
    "twice": ("成员“{name}”出现两次", "member {name} stands twice"),
    "missing": ("缺少成员“{name}”", "member {name} is missing"),
    "content": ("成员“{name}”的内容与校验和不符", "member {name} is not the one of its checksum"),
    "unlisted": ("校验和清单与成员不一致：{name}", "the list of checksums and the members differ: {name}"),
    "format": ("成员“{name}”格式不对：{problem}", "member {name} is malformed: {problem}"),
    "ledger_row": ("台账第{row}条被改动：哈希不符", "ledger row {row} was altered: its hash does not follow"),
    "ledger_missing": ("台账缺少第{row}条", "ledger row {row} is missing"),
    "ledger_head": (
        "台账与{day}清单所证不符：第{row}条不是当时的那一条，台账事后被改写或截断",
        "the ledger is not the one the manifest of {day} attests at row {row}: it was rewritten or cut later",
    ),
    "backdated": (
        "台账第{row}条倒签：称{said}录入，而{day}的清单签发时还没有它",
        "ledger row {row} is back-dated: it says it was entered at {said}, but the manifest of {day} does not have it",
    ),
    "manifest_chain": ("{day}的清单与前一天的清单不衔接", "the manifest of {day} does not follow on the one before it"),
    "ledger_tail": (
        "台账第{row}行起无清单作证：最后的清单（{day}）没有它",
        "no manifest attests the ledger from row {row} on: the last one, of {day}, does not have it",
    ),
    "revoked_back": (
        "台账第{row}行把密钥吊销倒填至日志第{position}行，而{day}的清单在它之前已证至第{last}行",
        "ledger row {row} revokes a key back to journal row {position}; the manifest of {day} before it attests rows to {last}",
    ),
    "manifest_signature": ("{day}的清单不是中心密钥签的", "the manifest of {day} is not signed by the centre's key"),
    "row_missing": ("{day}：日志第{row}行被删除", "{day}: journal row {row} was deleted"),
    "row_added": (
        "{day}：日志第{row}行是添加的，清单没有它",
        "{day}: journal row {row} was inserted; the manifest does not have it",
    ),
    "row_order": ("{day}：日志行的顺序被调换（第{row}行处）", "{day}: journal rows were reordered, at row {row}"),
    "cut": (
        "{day}：日志尾部被截去，应到第{last}行，只到第{row}行",
        "{day}: the tail was cut off: rows to {last} are attested, only {row} are here",
    ),
    "body": (
        "日志第{row}行（{agent} 第{number}批）：测量结果被改动",
        "journal row {row} ({agent} batch {number}): its measurements were altered",
    ),
    "key": ("日志第{row}行由未登记的密钥签名：{key}", "journal row {row} is signed by a key nobody enrolled: {key}"),
    "signature": (
        "日志第{row}行（{agent} 第{number}批）签名不符",
        "journal row {row} ({agent} batch {number}): its signature is not of its key",
    ),
    "lost": (
        "日志第{rows}行在修复时丢失（台账第{ledger}条），并非被篡改；其余内容核对无误，所在日期的清单不能再全部核对",
        "journal rows {rows} were lost by repair, ledger row {ledger}: no tampering; all else holds, but a manifest that "
        "attested them cannot be checked whole",
    ),
    "replayed": ("{day}：第{row}行是第{first}行的重放", "{day}: row {row} is row {first} replayed"),
    "rows": (
        "{day}：日志行不是清单所证的那些（第{row}行起可疑）",
        "{day}: the journal rows are not those its manifest attests; look from row {row} on",
    ),
    "verdict": ("日志第{row}行：缺少应有的标记{verdict}", "journal row {row}: lacks the verdict {verdict} that it must have"),
    "arrival": ("日志第{row}行：到达时间晚于其清单", "journal row {row}: arrived after the manifest that attests it"),
    "withheld": (
        "{day}：报告期内有{count}行日志被隐去，只有哈希",
        "{day}: {count} journal rows of the report's period are withheld: only their hashes are here",
    ),
    "withheld_late": (
        "{day}到达的一批或几批可能涉及报告期，却未公开（链{chain}）",
        "of what arrived on {day}, batches that may tell of the report's period are withheld (chain {chain})",
    ),
    "tail": ("数据只到{day}，不是证据包所称的日期", "the data end with {day}, not where the package says"),
    "short": (
        "报告评定至{last}，清单只到{day}：尾部被截去",
        "the report judges up to {last}, but the manifests end with {day}: the tail was cut off",
    ),
    "declared": ("{name}不是{day}清单所证的那一份", "{name} is not the one the manifest of {day} attests"),
    "calendar": (
        "工作日历被更换：既非本版本所带，也未写入清单（{sha256}）",
        "the legal calendar was swapped: neither this version's nor attested by a manifest ({sha256})",
    ),
    "token": ("{day}的时间戳不成立：{problem}", "the time stamp of {day} does not hold: {problem}"),
    "unlike": (
        "成员“{name}”不是本版本打包的那一份",
        "member {name} is not the one that this version packs",
    ),
    "figures": (
        "重算不符：{place}，报告称{said}，重算得{found}",
        "a figure does not follow from the evidence: {place} is {said} in the report, {found} recomputed",
    ),
    "anchor_sheet": (
        "签字单上的哈希{hash}不在证据包内：尾部被截去，或历史被改写",
        "no manifest here has the hash of the signed sheet, {hash}: the tail was cut off or the past was rewritten",
    ),
    "anchor_key": (
        "清单由另一把密钥{key}签名，不是给出的指纹",
        "the manifests are signed by another key, {key}, than those whose fingerprints were given",
    ),
}


class Broken(Exception):
    """The package is not as it was made. `code` says what was done to it, `facts` where."""

    def __init__(self, code: str, **facts: object) -> None:
        self.code, self.facts = code, facts
        super().__init__(self.says("en"))

    def __reduce__(self) -> Any:
        return _broken, (self.code, self.facts)

    @property
    def exit_code(self) -> int:
        """1 for what was tampered with, 3 for what was honestly lost."""
        return 3 if self.code == "lost" else 1

    def says(self, lang: str) -> str:
        return SAYS[self.code][lang == "en"].format(**self.facts)


def _broken(code: str, facts: dict[str, object]) -> Broken:
    return Broken(code, **facts)
