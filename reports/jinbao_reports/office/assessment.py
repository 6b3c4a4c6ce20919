"""The self-evaluation's arithmetic: execution of the budget, the score of all indicators, the grade, how blunt a scale is."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from jinbao_config.office import Funds, Office
from jinbao_reports.notation import exact, ratio

_BLUNT_FROM = Fraction(95, 100)
"""A share that is to reach so much leaves its scale no room: the points hardly move when downtime doubles."""

_NEED_A_FAULT = ("response", "repair")
"""Measures that are not defined where no fault was reported."""

Json = dict[str, Any]


def office_facts(office: Office, placeholders: Iterable[str]) -> Json:
    rate = funds_rate(office.funds)
    return {
        "county": office.county,
        "unit": office.unit,
        "department": office.department,
        "project": office.project,
        "goal": office.goal,
        "report_to": office.report_to,
        "signatories": [{"role": signatory.role, "name": signatory.name} for signatory in office.signatory],
        "funds": {
            "initial": exact(office.funds.initial),
            "budget": exact(office.funds.budget),
            "spent": exact(office.funds.spent),
            "points": exact(office.funds.points),
            "rate": ratio(rate),
            "score": ratio(office.funds.points * min(rate, Fraction(1))),
            "exact": {"rate": exact(rate), "score": exact(office.funds.points * min(rate, Fraction(1)))},
            "payments": [
                {"date": str(payment.date), "amount": exact(payment.amount), "voucher": payment.voucher}
                for payment in office.funds.payment
            ],
        },
        "placeholders": list(placeholders),
    }


def funds_rate(funds: Funds) -> Fraction:
    """预算执行率 B/A."""
    return funds.spent / funds.budget


def assessment(office: Office, indicators: Iterable[Mapping[str, Any]]) -> Json:
    """All points together. What nothing called for earns none and offers none, and the grade is by the rest.

    No grade where something else could not be scored: a year without data must not pass on the strength of its payment voucher.
    """
    rows = list(indicators)
    scored = [row for row in rows if row["exact"]["score"] is not None]
    unscored = [row for row in rows if row["exact"]["score"] is None]
    funds = office.funds.points * min(funds_rate(office.funds), Fraction(1))
    score = funds + sum((Fraction(row["exact"]["score"]) for row in scored), Fraction(0))
    offered = office.funds.points + sum((Fraction(row["points"]) for row in scored), Fraction(0))
    gradable = offered and all(row["measure"] in _NEED_A_FAULT for row in unscored)
    of_100 = score / offered * 100 if gradable else None
    return {
        "score": exact(score),
        "offered": exact(offered),
        "points": exact(office.funds.points + sum((Fraction(row["points"]) for row in rows), Fraction(0))),
        "of_100": exact(of_100),
        "grade": None if of_100 is None else _grade(office, of_100),
        "unscored": [row["id"] for row in unscored],
        "blunt": [row for row in map(_blunt, rows) if row],
    }


def _grade(office: Office, of_100: Fraction) -> str:
    return next((grade.name for grade in office.grade if of_100 >= grade.least), office.lowest_grade)


def _blunt(row: Mapping[str, Any]) -> Json | None:
    """What an at-least share still scores when twice the downtime it allows has passed (methods C2)."""
    target, points = Fraction(row["target"]), Fraction(row["points"])
    if row["direction"] != "at_least" or not row["is_share"] or not _BLUNT_FROM <= target < 1:
        return None
    if row["measure"] not in ("availability_low", "availability_high", "user_low", "user_high"):
        return None
    return {
        "id": row["id"],
        "name": row["name"],
        "points": row["points"],
        "at_double": exact(points * (2 * target - 1) / target),
    }
