"""office.toml: what only the office knows: names, money, signatories, the census. Format: docs/config.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from jinbao_config import units
from jinbao_config.shape import ConfigError, Document, choice, key, read_document, table, tables, text, whole, words

money = words(units.decimal, "8400.00")
points = words(units.decimal, "10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    role: str = key(text, doc="编制人, 审核人, 单位负责人 …")
    name: str = key(text, "", doc="printed beside the line to sign; empty: a blank line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    date: date = key(words(units.day, "2021-06-20"), doc="the day it was paid")
    amount: Fraction = key(money, doc="yuan")
    voucher: str = key(text, "", doc="支付凭证号")


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    initial: Fraction = key(money, doc="年初预算数, yuan")
    budget: Fraction = key(money, doc="全年预算数（A）, yuan")
    spent: Fraction = key(money, doc="全年执行数（B）, yuan")
    points: Fraction = key(points, Fraction(10), doc="分值 of the execution rate B/A")
    payment: tuple[Payment, ...] = key(tables(Payment, "voucher"), (), doc="the payments behind B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    name: str = key(text, doc="such as 优")
    least: Fraction = key(points, doc="from this score of 100 on, unrounded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    id: str = key(text, doc="its column in the census file")
    text: str = key(text, doc="as the form asks it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    asked: int = key(whole(1), doc="N: how many clerks there are to ask, all of them")
    satisfied: int = key(whole(1), 4, doc="from this answer on (5 很满意 … 1 很不满意) a clerk counts as satisfied")
    question: tuple[Question, ...] = key(tables(Question, "id"), doc="what each clerk is asked")


GRADES = (Grade(name="优", least=Fraction(90)), Grade(name="良", least=Fraction(80)), Grade(name="中", least=Fraction(60)))
"""财政部预算司 2022: 90-100, 80-89, 60-79; below is 差."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    schema: str = key(choice("jinbao.office/1"), doc="the format of this file")
    county: str = key(text, doc="县（市、区）名")
    unit: str = key(text, doc="实施单位")
    department: str = key(text, doc="主管部门")
    project: str = key(text, doc="项目名称")
    goal: str = key(text, doc="年度总体目标：预期目标")
    report_to: str = key(text, doc="where faults are reported to the carrier: telephone, person")
    lowest_grade: str = key(text, "差", doc="the grade below every other")
    signatory: tuple[Signatory, ...] = key(tables(Signatory, "role"), (), doc="who signs the self-evaluation")
    funds: Funds = key(table(Funds), doc="项目资金")
    grade: tuple[Grade, ...] = key(tables(Grade, "name"), GRADES, doc="评价等级, the highest first")
    census: Census | None = key(table(Census), None, doc="满意度普查 of the townships' clerks; absent: none was held")


def read_office(file: Path) -> Document[Office]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Office, file)
    for where, problem in _contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _contradictions(office: Office) -> Iterator[tuple[str, str]]:
    if not office.funds.budget:
        yield "funds.budget", "0: an execution rate needs a budget"
    paid = sum((payment.amount for payment in office.funds.payment), Fraction(0))
    if office.funds.payment and paid != office.funds.spent:
        yield "funds.spent", f"{float(office.funds.spent):.2f}: the payments come to {float(paid):.2f}; they must agree"
    least = [grade.least for grade in office.grade]
    if least != sorted(least, reverse=True):
        yield "grade", "the highest grade comes first"
    if office.census:
        ids = [question.id for question in office.census.question]
        if not ids:
            yield "census.question", "a census asks at least one question"
        for id in ids:
            if ids.count(id) > 1 or id in ("link", "clerk", "date", "remark"):
                yield f"census.question[{id}].id", f"{id!r}: each id stands once and is none of link, clerk, date, remark"
        if office.census.satisfied > 5:
            yield "census.satisfied", f"{office.census.satisfied}: answers go from 1 to 5"
