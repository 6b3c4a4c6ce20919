"""Which column of a carrier's list is which: header words as data, and the row in which they stand."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinbao_reports.source import BadInput

NUMBER, LINK, OUTAGE, CAUSE, PARTY = "number", "link", "outage", "cause", "party"
ONSET, REPORTED, ACKED, RESTORED = "onset", "reported_at", "acked_at", "restored_at"
TIMES = (ONSET, REPORTED, ACKED, RESTORED)

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    NUMBER: (
        "工单号", "工单编号", "工单号码", "工单流水号", "故障单号", "故障工单号", "故障单编号", "申告单号", "申告编号",
        "报障单号", "受理单号", "投诉单号", "单号", "ticket", "ticket no", "ticket no.", "ticket number", "ticket id",
        "number", "case number",
    ),
    LINK: (
        "线路", "线路名称", "故障线路", "乡镇", "乡镇名称", "所属乡镇", "站点", "站点名称", "网点", "网点名称", "电路",
        "电路代号", "电路编号", "电路名称", "专线", "专线号", "专线名称", "link", "link code", "circuit", "circuit id",
        "site", "township",
    ),
    ONSET: (
        "故障发生时间", "发生时间", "故障时间", "故障开始时间", "中断时间", "中断开始时间", "开始时间", "onset",
        "fault time", "occurred at", "start", "start time", "started at",
    ),
    REPORTED: (
        "申告时间", "故障申告时间", "用户申告时间", "报障时间", "故障报障时间", "报修时间", "报告时间", "reported",
        "reported at", "report time", "opened", "opened at",
    ),
    ACKED: (
        "受理时间", "故障受理时间", "响应时间", "接单时间", "acked", "acked at", "acknowledged", "acknowledged at",
        "accepted at",
    ),
    RESTORED: (
        "恢复时间", "故障恢复时间", "业务恢复时间", "恢复正常时间", "修复时间", "故障修复时间", "抢通时间", "结束时间",
        "中断结束时间", "restored", "restored at", "restoration time", "resolved at", "end", "end time", "ended at",
    ),
    CAUSE: ("故障原因", "原因", "原因描述", "中断原因", "cause", "reason", "root cause"),
    PARTY: (
        "责任", "责任方", "责任归属", "责任单位", "责任认定", "故障责任", "party", "responsible", "responsible party",
    ),
    OUTAGE: ("中断编号", "outage", "outage id"),
}  # fmt: skip
FIELDS = tuple(SYNONYMS)
_FIELD_OF = {word: field for field, words in SYNONYMS.items() for word in words}
_SEARCHED = 20  # rows in which the header must stand: titles and notes come before it
Rows = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Header:
    """Where each field stands. `row` is the header's place among the rows; several columns may name the link."""

    row: int
    names: tuple[str, ...]
    columns: Mapping[str, tuple[int, ...]]

    def named(self) -> dict[str, list[str]]:
        """Field -> their words for it."""
        return {field: [self.names[place] for place in places] for field, places in self.columns.items()}

    def unused(self) -> list[str]:
        used = {place for places in self.columns.values() for place in places}
        return [name for place, name in enumerate(self.names) if name and place not in used]


def plain(text: str) -> str:
    """Full-width forms become half-width, runs of space one space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def field_of(name: str, said: Mapping[str, str]) -> str | None:
    """The field a header names; `said` (field -> their word) goes before the synonyms."""
    for field, theirs in said.items():
        if plain(theirs) == plain(name):
            return field
    # "申告时间（年月日时分）", "*恢复时间：", "Reported_At" are the same words in their Sunday clothes.
    bare = re.sub(r"\(.*?\)|[*:]", "", plain(name)).replace("_", " ").strip().lower()
    found = _FIELD_OF.get(bare) or _FIELD_OF.get(bare.replace(" ", ""))
    return None if found in said else found


def find_header(rows: Rows, said: Mapping[str, str]) -> Header | None:
    """The first row that names a link and a time."""
    for place, (_, names) in enumerate(rows[:_SEARCHED]):
        columns: dict[str, tuple[int, ...]] = {}
        for index, name in enumerate(names):
            field = field_of(name, said)
            if field:
                columns[field] = (*columns.get(field, ()), index)
        if LINK in columns and (REPORTED in columns or ONSET in columns):
            return Header(place, tuple(map(plain, names)), columns)
    return None


def check(header: Header, said: Mapping[str, str]) -> None:
    """Raises BadInput where two columns mean one thing, or a column that was named is not there."""
    for field, theirs in header.named().items():
        if len(theirs) > 1 and field != LINK:
            raise BadInput(f"columns {' and '.join(theirs)} both mean {field}; say which by --column {field}={theirs[0]}")
    for field, name in said.items():
        if field not in header.columns:
            raise BadInput(f"--column {field}={name}: there is no such column; it has {', '.join(filter(None, header.names))}")


def expected() -> Iterator[str]:
    """What a header may say, for a message: the first words of each field that a list must have."""
    for field in (LINK, REPORTED):
        yield f"{field} ({', '.join(SYNONYMS[field][:4])} …)"
