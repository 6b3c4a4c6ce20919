"""Reading a Statement (judgement R7) into a Report; whatever lacks or is garbled is named, never made up."""

from collections.abc import Mapping
from fractions import Fraction

from jinbao_reports import words
from jinbao_reports.render.node import Node, StatementError
from jinbao_reports.render.parts import read_band, read_day, read_month
from jinbao_reports.render.report import (
    CLASSED,
    CauseTotal,
    Clause,
    Contract,
    Event,
    Evidence,
    Exclusion,
    Group,
    IntegrityNote,
    Link,
    Outage,
    Quality,
    Report,
    Slice,
    Span,
)

SCHEMA = "jinbao.statement/1"
_SECONDS = ("period", "service", "up", *CLASSED, "unknown", "denominator")
_RATIOS = ("low", "high", "user_low", "user_high")


def read_report(statement: Mapping[str, object]) -> Report:
    """Raises StatementError naming the first figure that is missing or is not what R7 says."""
    top = Node(statement)
    if top.text("schema") != SCHEMA:
        raise StatementError("schema", f"{top.text('schema')!r}: expected {SCHEMA!r}")
    period, credit, manifest = top.node("period"), top.maybe_node("credits"), statement.get("manifest")
    return Report(
        name=period.text("name"),
        period=_span(period),
        as_of=top.maybe_instant("as_of"),
        profile=_profile(top.node("profile")),
        contract=_contract(top),
        links=tuple(_link(node) for node in top.nodes("links")),
        group=_group(top.node("group")),
        events=tuple(_event(node) for node in top.nodes("events")),
        credits=credit and (credit.maybe_number("on_high"), credit.maybe_number("on_low")),
        integrity=tuple(_integrity(node) for node in top.nodes("integrity")),
        inputs={name: top.node("inputs").text(name) for name in top.node("inputs").fields},
        version=top.node("made_by").text("version"),
        manifest=None if manifest is None else _manifest(top.node("manifest")),
        demonstration=statement.get("demonstration") is True,
        number=_number(top.node("issue")) if "issue" in statement else None,
    )


def _number(node: Node) -> tuple[int, int | None]:
    return node.count("number"), None if node.raw("amends", "a number or null") is None else node.count("amends")


def _span(node: Node) -> Span:
    span = Span(node.instant("from"), node.instant("to"))
    if span.end < span.start:
        raise StatementError(node.at("to"), "lies before from")
    return span


def _manifest(node: Node) -> tuple[str, str]:
    return node.text("day"), node.text("hash")


def _profile(node: Node) -> dict[str, str | Fraction | None]:
    codes: dict[str, str | Fraction | None] = {
        "name": node.text("name"),
        "mode": node.code("mode", words.MODES),
        "clock_start": node.code("clock_start", words.CLOCK_STARTS),
        "unattributed": node.code("unattributed", words.CLASSES),
    }
    return codes | {key: node.maybe_number(key) for key in ("T", "n", "dt", "C", "p", "W")}


def _contract(top: Node) -> Contract:
    contract, effective = top.node("contract"), top.node("contract").node("effective")
    return Contract(
        title=contract.text("title"),
        customer=contract.text("customer"),
        carrier=contract.text("carrier"),
        version=contract.text("version"),
        effective=(effective.text("from"), effective.maybe_text("to")),
        target=contract.number("target"),
        claim_window=contract.maybe_number("claim_window"),
        placeholders=frozenset(top.texts("placeholders")),
    )


def _link(node: Node) -> Link:
    service, availability = node.node("service_seconds"), node.node("availability")
    metrics, allowance = node.node("metrics"), node.maybe_node("allowance")
    return Link(
        code=node.text("link"),
        name=node.text("name"),
        seconds={key: node.node("seconds").number(key) for key in _SECONDS},
        service_down=service.number("down") if service.number("up") + service.number("down") else None,
        ratios={key: availability.maybe_number(key) for key in _RATIOS},
        coverage=node.maybe_number("coverage"),
        edge_error=node.number("edge_error_seconds"),
        verdict=node.code("verdict", words.VERDICTS),
        within_edge_error=node.flag("verdict_within_edge_error"),
        n=metrics.count("n"),
        mtrs=metrics.maybe_number("mtrs"),
        allowed=allowance and allowance.maybe_number("allowed"),
        quality=_quality(node),
        # A service outage that is only a link outage's edge seen through another probe would tell a reader nothing.
        outages=tuple(_outage(outage) for outage in node.nodes("outages") if not outage.flag("edge")),
        unknown=tuple(_span(span) for span in node.nodes("unknown_spans")),
        exclusions=tuple(_exclusion(exclusion) for exclusion in node.nodes("exclusions")),
        clauses=tuple(_clause(clause) for clause in node.nodes("clauses")),
        months=tuple(read_month(month) for month in node.nodes("months")),
        days=tuple(read_day(day) for day in node.nodes("days")),
        bands=tuple(read_band(band) for band in node.nodes("bands")),
    )


def _quality(node: Node) -> Quality:
    flaps, loss, latency = node.maybe_node("flaps"), node.maybe_node("loss"), node.maybe_node("latency")
    return Quality(
        flap_count=flaps and flaps.count("count"),
        flap_seconds=flaps and flaps.number("seconds"),
        loss=loss and loss.maybe_number("ratio"),
        p50=latency and latency.maybe_number("p50"),
        p95=latency and latency.maybe_number("p95"),
    )


def _outage(node: Node) -> Outage:
    return Outage(
        id=node.text("id"),
        scope=node.code("scope", words.SCOPES),
        onset=node.instant("onset"),
        restored=node.maybe_instant("restored"),
        seconds=node.number("seconds"),
        period_seconds=node.number("period_seconds"),
        suspect=node.flag("suspect"),
        ticket=node.maybe_text("ticket"),
        reported_at=node.maybe_instant("reported_at"),
        acked_at=node.maybe_instant("acked_at"),
        claim_state=node.maybe_text("claim_state"),
        slices=tuple(_slice(piece) for piece in node.nodes("slices")),
    )


def _slice(node: Node) -> Slice:
    return Slice(
        span=_span(node),
        seconds=node.number("seconds"),
        cause=node.text("cause"),
        party=node.text("party"),
        class_=None if node.maybe_text("class") is None else node.code("class", words.CLASSES),
        row=str(node.raw("row", "a row of the decision table")),
        evidence=tuple(
            Evidence(seen.text("vantage"), seen.text("target"), seen.text("outcome")) for seen in node.nodes("evidence")
        ),
    )


def _exclusion(node: Node) -> Exclusion:
    return Exclusion(
        entry=node.text("entry"),
        type=node.text("type"),
        span=_span(node),
        applied=node.number("applied_seconds"),
        reason=node.maybe_text("reason_if_not"),
        notified_at=node.maybe_instant("notified_at"),
        author=node.maybe_text("author") or "",
        approved_by=node.maybe_text("approved_by"),
        approved_at=node.maybe_instant("approved_at"),
        document=node.maybe_text("document"),
    )


def _clause(node: Node) -> Clause:
    verdict = node.code("verdict", words.CLAUSE_VERDICTS)
    return Clause(node.text("id"), node.maybe_number("actual"), node.number("limit"), verdict)


def _event(node: Node) -> Event:
    return Event(node.text("cause"), node.text("party"), (node.instant("from"), node.maybe_instant("to")), node.texts("links"))


def _group(node: Node) -> Group:
    return Group(
        low=node.maybe_number("mean_low"),
        high=node.maybe_number("mean_high"),
        links=node.count("links"),
        verdicts={code: node.node("verdicts").count(code) for code in words.VERDICTS},
        link_outages=node.node("outages").count("link"),
        counted=node.count("counted"),
        seconds={key: node.node("seconds").number(key) for key in (*CLASSED, "unknown")},
        causes=tuple(_cause_total(total) for total in node.nodes("causes")),
    )


def _cause_total(node: Node) -> CauseTotal:
    return CauseTotal(
        cause=node.text("cause"),
        party=node.text("party"),
        class_=None if node.maybe_text("class") is None else node.code("class", words.CLASSES),
        outages=node.count("outages"),
        seconds=node.number("seconds"),
    )


def _integrity(node: Node) -> IntegrityNote:
    return IntegrityNote(node.text("kind"), node.maybe_text("link"), node.maybe_text("target"), node.maybe_instant("at"))
