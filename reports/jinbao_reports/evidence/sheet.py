"""What the month's sheet shows that both sides sign: the hash that fixes the past, and the keys it rests on."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_collector.ledger import DEMONSTRATION
from jinbao_reports.evidence.issued import issued_reports
from jinbao_reports.evidence.selection import Day
from jinbao_reports.evidence.source import NoManifest, Source, opened
from jinbao_reports.evidence.verify.container import new_sm3
from jinbao_reports.service_time import local_day, parse_period

SCHEMA = "jinbao.sheet/1"
Json = dict[str, Any]


def sheet(store: Path, period: str, zone: ZoneInfo) -> Json:
    """Of the last manifest of a period, or the newest while the period lasts. Raises NoManifest; EvidenceError without key."""
    last = str(local_day(parse_period(period, zone).span[1] - 1, zone))
    with opened(store, zone) as source:
        within = [day for day in source.days if day.name <= last]
        if not within:
            raise NoManifest(f"--period {period}: the first manifest is of {source.days[0].name}")
        day = within[-1]
        return {
            "schema": SCHEMA,
            "period": period,
            "complete": day.name == last,
            "manifest": _manifest(day),
            "tokens": [one.name for one in within if source.home.token(one.name).exists()],
            "centre_key": source.key.fingerprint,
            "agents": [_member(source, key) for key in sorted(source.roster.members)],
            "issued": [
                {"number": one.number, "period": one.period, "report": one.report, "superseded_by": one.superseded_by or None}
                for one in issued_reports(store)
            ],
            "demonstration": any(row.kind == DEMONSTRATION for row in source.ledger),
        }


def _manifest(day: Day) -> Json:
    fields, sm3 = day.signed.fields(), new_sm3()
    if sm3:
        sm3.update(day.signed.head)
    return {
        "day": day.name,
        "hash": day.signed.hash,
        "sm3": sm3.hexdigest() if sm3 else None,
        "positions": [day.first, day.last],
        "ledger": fields["ledger"],
        "made_at_ms": fields["at"],
    }


def _member(source: Source, key: str) -> Json:
    member = source.roster.members[key]
    return {
        "agent": member.agent,
        "vantage": member.vantage,
        "links": list(member.links),
        "key": key,
        "revoked_after": member.revoked_after,
    }
