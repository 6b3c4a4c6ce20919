"""A comparison of Statements as tables for people."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from jinbao_reports import words
from jinbao_reports.comparison import ALL, Figure, OutageClasses
from jinbao_reports.words import Text

LINK, FIGURE, OUTAGE, SCOPE = Text("线路", "link"), Text("项目", "figure"), Text("中断", "outage"), Text("范围", "scope")
_ALL = Text("全部", "all")
_NONE = Text("（无此中断）", "(no such outage)")
_EXACT_RATIOS = ("availability.", "coverage", "group.mean")
_RATIOS = ("loss", "clauses.availability.", "clauses.loss.")
_DIGITS = (4, 6, 8, 10)


def figure_rows(figures: Iterable[Figure], names: Mapping[str, str], lang: str) -> Iterator[tuple[str, ...]]:
    """`names`: a link's code -> its name."""
    for figure in figures:
        link = _ALL.to(lang) if figure.link == ALL else f"{names[figure.link]} {figure.link}"
        yield link, words.figure(figure.name, lang), *_shown(figure, lang)


def outage_rows(outages: Iterable[OutageClasses], names: Mapping[str, str], lang: str) -> Iterator[tuple[str, ...]]:
    for outage in outages:
        classes = (_NONE.to(lang) if value is None else _classes(value, lang) for value in outage.values)
        yield outage.id, names[outage.link], words.word(words.SCOPES, outage.scope, lang), *classes


def _shown(figure: Figure, lang: str) -> list[str]:
    if figure.name.endswith("verdict"):
        return [words.verdict(value, lang) if value else "—" for value in figure.values]
    if figure.name.startswith((*_EXACT_RATIOS, *_RATIOS)):
        return _percents([None if value is None else Fraction(str(value)) for value in figure.values])
    return ["—" if value is None else str(value) for value in figure.values]


def _percents(ratios: list[Fraction | None]) -> list[str]:
    """Cut, never rounded, with as many decimals as it takes to tell them apart."""
    texts = ["—" if ratio is None else "" for ratio in ratios]
    for digits in _DIGITS:
        texts = ["—" if ratio is None else _percent(ratio, digits) for ratio in ratios]
        if len(set(texts)) == len(set(ratios)):
            break
    return texts


def _percent(ratio: Fraction, digits: int) -> str:
    cut = int(ratio * 100 * 10**digits)
    return f"{cut // 10**digits}.{cut % 10**digits:0{digits}d}%"


def _classes(value: Mapping[str, Any], lang: str) -> str:
    """Such as "计入考核 300 s（运营商接入段故障）"; the cause tells apart what the class does not."""
    said = []
    for name, seconds in value.items():
        klass, cause = name.split("/", 1)
        shown = words.word(words.CLASSES, klass, lang) if klass else "—"
        said.append(f"{shown} {seconds} s · {words.word(words.CAUSES, cause, lang)}")
    return "\n".join(said)
