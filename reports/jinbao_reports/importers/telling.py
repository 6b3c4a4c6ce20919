"""What `jinbao-report import` says of a history: its summary, and what a person must not miss."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinbao_reports.importers.found import History, ranges
from jinbao_reports.words import Text

_SKIPPED = Text("跳过 {count} 条有误记录（{counted} {numbers}）：", "skipped {count} wrong rows ({counted} {numbers}):")
_LEFT_OUT = Text(
    "未用 --map 指定而未导入：{names}（括号内为记录数）", "not imported, as no --map names them: {names} (rows in brackets)"
)
_BESIDE = Text(
    "不是探测结果而未导入：{names}（括号内为记录数）", "not imported, as no probe results: {names} (rows in brackets)"
)
_MOST_NAMED = 12


def summary(history: History, origin: str, out: Path) -> dict[str, Any]:
    """For --json: what was written, and everything that was not."""
    return {
        "out": str(out),
        "from": origin,
        history.shape: len(history.table),
        "links": sorted(history.table["link"].unique()),
        "bad": {"count": len(history.bad), "counted": history.counted, "numbers": list(history.bad)},
        "left_out": history.left_out,
        "beside": history.beside,
        "notes": history.notes,
    }


def remarks(history: History, lang: str) -> Iterator[str]:
    """For standard error: rows that did not become samples or intervals."""
    if history.bad:
        yield _SKIPPED.to(lang, count=len(history.bad), counted=history.counted, numbers=ranges(history.bad))
        yield history.listed()
    for text, counts in ((_LEFT_OUT, history.left_out), (_BESIDE, history.beside)):
        if counts:
            yield text.to(lang, names=_counts(counts))


def _counts(counts: dict[str, int]) -> str:
    named = [f"{name} ({count})" for name, count in list(counts.items())[:_MOST_NAMED]]
    rest = len(counts) - len(named)
    return ", ".join(named) + (f", … +{rest}" if rest else "")
