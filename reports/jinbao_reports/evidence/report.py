"""What a package says: a Statement, perhaps marked as issued, or one outage of it."""

from collections.abc import Mapping
from typing import Any

from jinbao_reports.evidence.source import EvidenceError

DISCLOSURE = "jinbao.disclosure/1"
_KEPT = ("as_of", "period", "profile", "contract", "placeholders", "inputs", "made_by", "manifest", "demonstration")
_COMPARED = ("as_of", "period", "profile", "contract", "links", "events", "group", "inference", "credits")

Json = dict[str, Any]


def report_of(statement: Json, outage: str | None, mark: Mapping[str, Any] | None) -> Json:
    """`report.json`. Raises EvidenceError if there is no such outage."""
    report = statement if outage is None else _disclosure(statement, outage)
    return {**report, "issue": dict(mark)} if mark else report


def _disclosure(statement: Json, outage: str) -> Json:
    """One outage and what is needed to read it. Figures of links and periods are left out: the rows of one outage do not
    give them."""
    link, found = find_outage(statement, outage)
    kept = {name: statement[name] for name in _KEPT if name in statement}
    return {"schema": DISCLOSURE, **kept, "link": link, "outage": _alone(found)}


def find_outage(statement: Json, outage: str) -> tuple[str, Json]:
    """The link and the outage. Raises EvidenceError."""
    for link in statement["links"]:
        for one in link["outages"]:
            if one["id"] == outage:
                return link["link"], one
    raise EvidenceError(f"{outage}: no such outage in {statement['period']['name']}; `jinbao-report outages` lists them")


def essence(statement: Json, outage: str | None) -> Any:
    """What must be the same however few rows are drawn: all figures, or those of one outage."""
    if outage is None:
        return {name: statement[name] for name in _COMPARED}
    return [_alone(one) for link in statement["links"] for one in link["outages"] if one["id"] == outage]


def _alone(outage: Json) -> Json:
    """Without its common event, which other links' rows tell of."""
    return {**outage, "event_id": None}
