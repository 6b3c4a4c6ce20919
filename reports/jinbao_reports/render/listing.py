"""The figures as CSV for other tools: UTF-8 with a mark, as Excel wants it; a cell that a spreadsheet would run is quoted."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction

from jinbao_reports.render import figures
from jinbao_reports.render.report import Link, Outage, Report, Slice

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
LINK_COLUMNS = (
    *("link", "name", "low", "high", "user_low", "user_high", "coverage", "verdict", "n", "service", "up", "counted"),
    *("excluded", "not_carrier", "disputed", "unclaimed", "unknown", "denominator", "edge_error"),
)
OUTAGE_COLUMNS = (
    *("outage", "link", "name", "scope", "onset", "restored", "from", "to", "seconds", "cause", "party", "class", "row"),
    *("ticket", "reported_at", "acked_at", "claim_state", "suspect"),
)


def links_csv(report: Report) -> bytes:
    """Seconds, and ratios cut at 12 decimals; empty where nothing is known."""
    return _csv(LINK_COLUMNS, (_link(link) for link in report.links))


def outages_csv(report: Report) -> bytes:
    """One row a slice, instants as RFC 3339."""
    return _csv(
        OUTAGE_COLUMNS,
        (_slice(link, outage, piece) for link in report.links for outage in link.outages for piece in outage.slices or (None,)),
    )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula; numbers of ours never begin with a sign."""
    return f"'{text}" if text.startswith(_RUN_BY_SPREADSHEETS) else text


def _ratio(value: Fraction | None) -> str:
    return "" if value is None else f"{value.numerator * 10**12 // value.denominator / 10**12:.12f}"


def _link(link: Link) -> list[str]:
    ratios = [_ratio(link.ratios[key]) for key in ("low", "high", "user_low", "user_high")]
    parts = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown", "denominator")
    seconds = [figures.plain(link.seconds[key]) for key in parts]
    head = [link.code, link.name, *ratios, _ratio(link.coverage), link.verdict, str(link.n)]
    return [*head, *seconds, figures.plain(link.edge_error)]


def _slice(link: Link, outage: Outage, piece: Slice | None) -> list[str]:
    head = [outage.id, link.code, link.name, outage.scope, _at(outage.onset), _at(outage.restored)]
    part = [""] * 7
    if piece is not None:
        span = [_at(piece.span.start), _at(piece.span.end), figures.plain(piece.seconds)]
        part = [*span, piece.cause, piece.party, piece.class_ or "", piece.row]
    told = [outage.ticket or "", _at(outage.reported_at), _at(outage.acked_at), outage.claim_state or ""]
    return [*head, *part, *told, "yes" if outage.suspect else ""]


def _at(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
