"""What the self-evaluation reads of a Statement beyond the links: money, indicators, census and score."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from jinbao_reports.render.node import Node, StatementError


@dataclass(frozen=True, slots=True)
class Payment:
    date: str
    amount: Fraction
    voucher: str


@dataclass(frozen=True, slots=True)
class Money:
    """Yuan; `rate` is B/A."""

    initial: Fraction
    budget: Fraction
    spent: Fraction
    points: Fraction
    rate: Fraction
    score: Fraction
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class IndicatorRow:
    """`is_share`: target and actual are shares of one; `score` is None where nothing was defined to score."""

    id: str
    level: str
    kind: str
    name: str
    direction: str
    is_share: bool
    unit: str
    wanted: str
    reason: str
    target: Fraction
    actual: Fraction | None
    points: Fraction
    score: Fraction | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A question of the census: how often each answer from 5 to 1 was given."""

    text: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CensusResult:
    asked: int
    returned: int
    links_without: tuple[str, ...]
    satisfied_from: int
    questions: tuple[Answered, ...]
    answers: int
    satisfied: int
    ratio: Fraction | None


@dataclass(frozen=True, slots=True)
class Blunt:
    """An indicator that hardly moves: what it still scores when twice the downtime it allows has passed."""

    name: str
    points: Fraction
    at_double: Fraction


@dataclass(frozen=True, slots=True)
class SelfEvaluation:
    """`placeholders` holds office keys and "indicator[id].key"."""

    county: str
    unit: str
    department: str
    project: str
    goal: str
    report_to: str
    signatories: tuple[tuple[str, str], ...]
    money: Money
    indicators: tuple[IndicatorRow, ...]
    census: CensusResult | None
    score: Fraction
    offered: Fraction
    points: Fraction
    of_100: Fraction | None
    grade: str | None
    unscored: tuple[str, ...]
    blunt: tuple[Blunt, ...]
    placeholders: frozenset[str]


def read_self_evaluation(statement: Mapping[str, object]) -> SelfEvaluation:
    """Raises StatementError naming what lacks; a statement without the office's word says which option brings it."""
    for key, option in (("office", "--office office.toml"), ("indicators", "--indicators indicators.toml")):
        if key not in statement:
            raise StatementError(key, f"missing; the self-evaluation needs {option}")
    top = Node(statement)
    office, result = top.node("office"), top.node("assessment")
    census = top.maybe_node("census")
    return SelfEvaluation(
        **{key: office.text(key) for key in ("county", "unit", "department", "project", "goal", "report_to")},
        signatories=tuple((node.text("role"), node.text("name")) for node in office.nodes("signatories")),
        money=_money(office.node("funds")),
        indicators=tuple(_indicator(node) for node in top.nodes("indicators")),
        census=census and _census(census),
        score=result.number("score"),
        offered=result.number("offered"),
        points=result.number("points"),
        of_100=result.maybe_number("of_100"),
        grade=result.maybe_text("grade"),
        unscored=result.texts("unscored"),
        blunt=tuple(
            Blunt(node.text("name"), node.number("points"), node.number("at_double")) for node in result.nodes("blunt")
        ),
        placeholders=frozenset((*office.texts("placeholders"), *top.texts("indicator_placeholders"))),
    )


def _money(node: Node) -> Money:
    exact = node.node("exact")
    return Money(
        **{key: node.number(key) for key in ("initial", "budget", "spent", "points")},
        rate=exact.number("rate"),
        score=exact.number("score"),
        payments=tuple(
            Payment(item.text("date"), item.number("amount"), item.text("voucher")) for item in node.nodes("payments")
        ),
    )


def _indicator(node: Node) -> IndicatorRow:
    exact = node.node("exact")
    return IndicatorRow(
        **{key: node.text(key) for key in ("id", "level", "kind", "name", "direction", "unit", "wanted", "reason")},
        is_share=node.flag("is_share"),
        target=node.number("target"),
        actual=exact.maybe_number("actual"),
        points=node.number("points"),
        score=exact.maybe_number("score"),
    )


def _census(node: Node) -> CensusResult:
    return CensusResult(
        **{key: node.count(key) for key in ("asked", "returned", "satisfied_from", "answers", "satisfied")},
        links_without=node.texts("links_without"),
        questions=tuple(
            Answered(item.text("text"), tuple(item.node("counts").count(str(level)) for level in range(5, 0, -1)))
            for item in node.nodes("questions")
        ),
        ratio=node.maybe_number("exact"),
    )
