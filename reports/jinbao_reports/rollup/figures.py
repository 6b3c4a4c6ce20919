"""What a roll-up takes of a Statement: each link's exact sums, and the rule and terms by which they were found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from jinbao_config.counties import County
from jinbao_reports import sla
from jinbao_reports.interval import Span
from jinbao_reports.notation import exact
from jinbao_reports.render.node import Node, StatementError
from jinbao_reports.rollup.signed import BrokenEvidence, SignedStatement
from jinbao_reports.source import BadInput

_CLASSES = ("up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")
_PROFILE = ("name", "T", "n", "dt", "C", "p", "W", "mode", "clock_start", "target", "unattributed")
_CONTRACT = ("target", "period", "timezone", "terms")


@dataclass(frozen=True, slots=True)
class LinkSums:
    """One link's milliseconds in one period; `user` is up and down as its users saw it."""

    code: str
    name: str
    sums: sla.Sums
    user: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """One Statement. `terms` must be alike in all that are summed; `remarks` are why it may say less than it seems to."""

    file: str
    sha256: str
    county: County
    period: Span
    period_name: str
    terms: Mapping[str, str]
    mode: str
    target: Fraction
    links: tuple[LinkSums, ...]
    remarks: tuple[str, ...]


def figures(signed: SignedStatement) -> Figures:
    """Raises BadInput where a figure is missing, BrokenEvidence where figures contradict each other or the key's scope."""
    try:
        return _figures(signed)
    except StatementError as problem:
        raise BadInput(f"{signed.file}: {problem}") from None


def _figures(signed: SignedStatement) -> Figures:
    node = Node(signed.statement)
    profile, period = node.node("profile"), node.node("period")
    mode = profile.code("mode", {"remove": None, "credit": None})
    return Figures(
        file=signed.file,
        sha256=signed.sha256,
        county=signed.county,
        period=(_ms(period, "from"), _ms(period, "to")),
        period_name=period.text("name"),
        terms=dict(_terms(node)),
        mode=mode,
        target=profile.number("target"),
        links=tuple(_link(signed, link, mode) for link in node.nodes("links")),
        remarks=tuple(_remarks(node)),
    )


def _ms(node: Node, key: str) -> int:
    return int(node.instant(key).timestamp() * 1000)


def _terms(node: Node) -> Iterator[tuple[str, str]]:
    for part, names in (("profile", _PROFILE), ("contract", _CONTRACT)):
        for name in names:
            yield f"{part}.{name}", str(node.node(part).raw(name, "a term of judgement"))
    calendar = node.maybe_node("calendar")
    yield "calendar", calendar.text("sha256") if calendar else "none"


def _remarks(node: Node) -> Iterator[str]:
    if node.texts("placeholders"):
        yield "placeholder"
    if node.maybe_text("as_of"):
        yield "as_of"
    yield from sorted({flaw.text("kind") for flaw in node.nodes("integrity")})


def _link(signed: SignedStatement, link: Node, mode: str) -> LinkSums:
    code = link.text("link")
    if not code.startswith(signed.county.code):
        raise BrokenEvidence(f"{signed.file}: speaks of link {code}, but its key is that of county {signed.county.code}")
    seconds, exactly = link.node("seconds"), link.node("exact")
    sums = sla.Sums(service=_whole_ms(seconds, "service"), **{name: _whole_ms(seconds, name) for name in _CLASSES})
    if sums.service != sum(getattr(sums, name) for name in _CLASSES):
        raise BrokenEvidence(f"{signed.file}: {seconds.path}: the classes do not add up to service")
    up, down = _users(exactly, sums.service)
    ratios = sla.ratios(sums, up, down, mode)
    for name in ("low", "high", "measured", "user_low", "user_high"):
        if exact(getattr(ratios, name)) != exactly.maybe_text(name):
            problem = f"{exactly.at(name)} is {exactly.maybe_text(name)}, but its seconds give {exact(getattr(ratios, name))}"
            raise BrokenEvidence(f"{signed.file}: {problem}")
    return LinkSums(code, link.text("name"), sums, (up, down))


def _whole_ms(node: Node, key: str) -> int:
    ms = node.number(key) * 1000
    if ms.denominator != 1 or ms < 0:
        raise StatementError(node.at(key), f"{float(ms) / 1000}: expected seconds with at most 3 decimals, none below 0")
    return int(ms)


def _users(exactly: Node, service: int) -> tuple[int, int]:
    """Milliseconds in which users saw it up, and down."""
    low, high = exactly.maybe_text("user_low"), exactly.maybe_text("user_high")
    if low is None or high is None:
        return 0, 0
    return int(Fraction(low) * service), int((1 - Fraction(high)) * service)
