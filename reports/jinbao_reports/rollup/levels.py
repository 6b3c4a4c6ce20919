"""County → city → province: exact sums of links, never a mean of percentages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import combinations

from jinbao_config.counties import CITY, COUNTY, PROVINCE, Counties
from jinbao_reports import sla
from jinbao_reports.rollup.figures import Figures
from jinbao_reports.source import BadInput

LEVELS = {"province": PROVINCE, "city": CITY, "county": COUNTY}


@dataclass(frozen=True, slots=True)
class Area:
    """A county, a city or a province with what was promised to its links all together."""

    level: str
    code: str
    name: str
    counties: int
    links: int
    passing: int
    sums: sla.Sums
    ratios: sla.Availability
    verdict: str


@dataclass(frozen=True, slots=True)
class _Total:
    """Sums of some links over all their periods."""

    sums: sla.Sums
    user: tuple[int, int]

    def plus(self, other: "_Total") -> "_Total":
        added = {field.name: getattr(self.sums, field.name) + getattr(other.sums, field.name) for field in fields(sla.Sums)}
        return _Total(sla.Sums(**added), (self.user[0] + other.user[0], self.user[1] + other.user[1]))

    def ratios(self, mode: str) -> sla.Availability:
        return sla.ratios(self.sums, *self.user, mode)


_NOTHING = _Total(sla.Sums(0, 0, 0, 0, 0, 0, 0, 0), (0, 0))


def roll_up(statements: Sequence[Figures], counties: Counties) -> tuple[Area, ...]:
    """Every area with links, a province before its cities, a city before its counties.

    Raises BadInput naming two files that cannot be summed: the same link twice at a time, other terms, or other periods.
    """
    _refuse_other_terms(statements)
    _refuse_overlaps(statements)
    _refuse_uneven_periods(statements)
    links: dict[str, _Total] = {}
    for statement in statements:
        for link in statement.links:
            links[link.code] = links.get(link.code, _NOTHING).plus(_Total(link.sums, link.user))
    mode, target = statements[0].mode, statements[0].target
    return tuple(sorted(_areas(links, mode, target, counties), key=lambda area: area.code))


def _areas(links: dict[str, _Total], mode: str, target: Fraction, counties: Counties) -> Iterator[Area]:
    verdicts = {code: sla.verdict(total.ratios(mode), target) for code, total in links.items()}
    for level, digits in LEVELS.items():
        for area in {code[:digits] for code in links}:
            mine = [code for code in links if code.startswith(area)]
            total = _sum(links[code] for code in mine)
            ratios = total.ratios(mode)
            yield Area(
                level=level,
                code=area,
                name=counties.name(area),
                counties=len({code[:COUNTY] for code in mine}),
                links=len(mine),
                passing=sum(verdicts[code] == "pass" for code in mine),
                sums=total.sums,
                ratios=ratios,
                verdict=sla.verdict(ratios, target),
            )


def _sum(totals: Iterable[_Total]) -> _Total:
    found = _NOTHING
    for total in totals:
        found = found.plus(total)
    return found


def _refuse_other_terms(statements: Sequence[Figures]) -> None:
    first = statements[0]
    for other in statements[1:]:
        for name, value in first.terms.items():
            if other.terms[name] != value:
                found = f"{first.file}: {name} is {value}; {other.file}: {name} is {other.terms[name]}"
                raise BadInput(f"{found}: only Statements made by the same rule and terms can be summed")


def _refuse_overlaps(statements: Sequence[Figures]) -> None:
    for one, other in combinations(statements, 2):
        if one.period[0] < other.period[1] and other.period[0] < one.period[1]:
            twice = sorted({link.code for link in one.links} & {link.code for link in other.links})
            if twice:
                when = " / ".join(dict.fromkeys((one.period_name, other.period_name)))
                raise BadInput(f"{one.file} and {other.file}: both speak of link {twice[0]} in {when}; its time may count once")


def _refuse_uneven_periods(statements: Sequence[Figures]) -> None:
    """Areas whose months differ are no areas of one year: what one lacks would count as if it never was."""
    by_county: dict[str, dict[tuple[int, int], Figures]] = {}
    for statement in statements:
        by_county.setdefault(statement.county.code, {})[statement.period] = statement
    for one, other in combinations(by_county.values(), 2):
        for period in sorted(one.keys() ^ other.keys()):
            mine, lacking = (one, other) if period in one else (other, one)
            found, beside = mine[period], next(iter(lacking.values()))
            raise BadInput(
                f"{found.file}: covers {found.period_name}, but nothing of county {beside.county.code} does ({beside.file}): "
                "give the same periods of every county"
            )
