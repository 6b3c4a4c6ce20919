"""indicators.toml: the 绩效 indicators by which a period is scored. Format: docs/config.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jinbao_config import units
from jinbao_config.shape import ConfigError, Document, choice, key, read_document, tables, text, words

SHARES = ("availability_low", "availability_high", "user_low", "user_high", "coverage", "passing", "response", "repair")
NUMBERS = ("links_monitored", "outages", "longest_minutes", "counted_minutes", "counted_minutes_worst")
STATED_SHARES = ("given_share", "satisfaction")
"""Not measured on the network: declared here as `actual`, and what the census of the clerks says (office.toml)."""
STATED_NUMBERS = ("given",)

decimal = words(units.decimal, "10")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, or a share written as a percentage."""

    value: Fraction
    is_share: bool


def _figure(value: object) -> Figure:
    if isinstance(value, str) and value.endswith("%"):
        return Figure(units.ratio(value), True)
    return Figure(units.decimal(value), False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    id: str = key(text, doc="names the indicator")
    name: str = key(text, doc="三级指标, as the self-evaluation prints it")
    measure: str = key(choice(*SHARES, *NUMBERS, *STATED_SHARES, *STATED_NUMBERS), doc="what is measured, or stated")
    direction: str = key(choice("at_least", "at_most"), doc="at_least 正向, at_most 反向")
    target: Figure = key(words(_figure, "99.9%"), doc="年度指标值: a percentage for a share, else a number")
    points: Fraction = key(decimal, doc="分值")
    level: str = key(text, "", doc="一级指标, such as 产出指标")
    kind: str = key(text, "", doc="二级指标, such as 质量指标")
    unit: str = key(text, "", doc="of a number, such as 分钟")
    wanted: str = key(text, "", doc="年度指标值 in words, where a figure alone does not say it")
    actual: Figure | None = key(words(_figure, "8400"), None, doc="实际完成值 of a given or given_share indicator")
    reason: str = key(text, "", doc="偏差原因分析及改进措施")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicators:
    schema: str = key(choice("jinbao.indicators/1"), doc="the format of this file")
    indicator: tuple[Indicator, ...] = key(tables(Indicator, "id"), (), doc="the indicators")


def read_indicators(file: Path) -> Document[Indicators]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Indicators, file)
    for where, problem in _contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _contradictions(indicators: Indicators) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for item in indicators.indicator:
        where = f"indicator[{item.id}]"
        if item.id in seen:
            yield f"{where}.id", f"{item.id!r}: stands twice; each id may stand once"
        seen.add(item.id)
        share = item.measure in SHARES + STATED_SHARES
        wanted = 'a percentage such as "99.9%"' if share else 'a number such as "525.6"'
        if item.target.is_share != share:
            yield f"{where}.target", f"{item.measure} is compared with {wanted}"
        if item.measure in ("given", "given_share"):
            if item.actual is None:
                yield f"{where}.actual", f"missing; {item.measure} is what the office states"
            elif item.actual.is_share != share:
                yield f"{where}.actual", f"{item.measure} is {wanted}"
        elif item.actual is not None:
            yield f"{where}.actual", f"{item.measure} is not for the office to state; remove the key"
