"""Why an outage was judged as it was: samples of both sides, the row that matched, why earlier rows did not, the ledger."""

from collections.abc import Iterator
from typing import Any

from jinbao_collector.series import NONE
from jinbao_config.links import ALL_LINKS
from jinbao_reports import words
from jinbao_reports.attribution import County
from jinbao_reports.direction import PeerCounts
from jinbao_reports.interval import intersect
from jinbao_reports.judge import JudgedOutage, Judgement, LinkJudgement, Part
from jinbao_reports.notation import Writer, seconds
from jinbao_reports.source import BadInput
from jinbao_reports.table import Condition, Row, trace
from jinbao_reports.words import Text

_ALL_HOLD = Text("各条件均成立", "all conditions hold")
_FAILED = Text("不成立：{words}", "not: {words}")
_COUNTS = Text("发出 {sent}，到达 {arrived}，返回 {returned}", "{sent} sent, {arrived} arrived, {returned} came back")
_EDGES = {"onset": Text("开始前后", "onset"), "restored": Text("恢复前后", "restored")}
_AROUND = 4
"""Samples shown before and after each edge: enough to see n = 3 turn the state."""


def find(judgement: Judgement, outage_id: str) -> tuple[LinkJudgement, JudgedOutage]:
    """Raises BadInput naming the outages there are."""
    found = [(link, outage) for link in judgement.links for outage in link.outages]
    for link, outage in found:
        if outage.outage.id == outage_id:
            return link, outage
    known = ", ".join(outage.outage.id for _, outage in found) or "none"
    raise BadInput(f"outage {outage_id!r} is not in this period; it has {known}")


def explanation(judgement: Judgement, outage_id: str, lang: str = "zh") -> dict[str, Any]:
    """Everything `explain` prints, as data."""
    link, found = find(judgement, outage_id)
    write = Writer(judgement.case.contract.value.zone)
    return {
        "id": outage_id,
        "link": link.link.code,
        "name": link.link.name,
        "scope": found.outage.scope,
        "onset": write.instant(found.outage.onset),
        "restored": write.instant(found.outage.restored),
        "suspect": found.suspect,
        "counts": [_counted(one, write) for one in found.counts],
        "edges": _edges(judgement, found, write),
        "parts": [
            _part(run, found.direction((run[0].start, run[-1].end), judgement.case.links.interval("peer")), write, lang)
            for run in _runs(found.parts)
        ],
        "entries": list(_entries(judgement, found, write)),
    }


def _runs(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    """Consecutive parts with one verdict."""
    run: list[Part] = []
    for part in parts:
        if run and run[-1].verdict != part.verdict:
            yield tuple(run)
            run = []
        run.append(part)
    if run:
        yield tuple(run)


def _part(run: tuple[Part, ...], direction: str | None, write: Writer, lang: str) -> dict[str, Any]:
    first = _telling(run)
    steps = [_step(row, failed, lang) for row, failed in trace(first.slice.seen)]
    return {
        "from": write.instant(run[0].start),
        "to": write.instant(run[-1].end),
        "seconds": seconds(sum(part.end - part.start for part in run)),
        "row": first.verdict.row,
        "cause": first.verdict.cause,
        "party": first.verdict.party,
        "class": first.verdict.klass,
        "direction": direction,
        "smoothed": sum(list(trace(part.slice.seen))[-1][0] != part.slice.row for part in run),
        "slices": len(run),
        "seen": [
            {"vantage": look.vantage, "target": look.target, "at": write.instant(look.at), "outcome": look.outcome}
            for look in first.slice.looks(first.start)
        ],
        "table": steps,
    }


def _counted(one: PeerCounts, write: Writer) -> dict[str, Any]:
    return {
        "vantage": one.vantage,
        "from": write.instant(one.start),
        "to": write.instant(one.end),
        "sent": one.sent,
        "arrived": one.arrived,
        "returned": one.returned,
    }


def _step(row: Row, failed: Condition | None, lang: str) -> dict[str, Any]:
    because = _ALL_HOLD if failed is None else failed.words
    return {"row": row.number, "cause": row.cause, "matched": failed is None, "because": because.to(lang)}


def _telling(run: tuple[Part, ...]) -> Part:
    """The part whose own observation led to the verdict; neighbours may have taken it over by smoothing."""
    return next((part for part in run if list(trace(part.slice.seen))[-1][0].number == part.slice.row.number), run[0])


def _edges(judgement: Judgement, found: JudgedOutage, write: Writer) -> list[dict[str, Any]]:
    """The samples of every rung around onset and restoration."""
    if not isinstance(judgement.basis, County):
        return []
    measured = judgement.basis.measured
    edges = [("onset", found.outage.onset), ("restored", found.outage.restored)]
    rows = []
    for edge, at in edges:
        for name in sorted(measured.names):
            if at is not None and name[0] in (found.outage.link, ALL_LINKS):
                around = measured.rung(*name).around(at, _AROUND)
                samples = [
                    {"at": write.instant(instant), "outcome": around.outcomes[code], "rtt_us": None if rtt == NONE else rtt}
                    for instant, code, rtt in zip(around.at.tolist(), around.outcome.tolist(), around.rtt.tolist(), strict=True)
                ]
                rows.append({"edge": edge, "vantage": name[1], "target": name[2], "samples": samples})
    return rows


def _entries(judgement: Judgement, found: JudgedOutage, write: Writer) -> Iterator[dict[str, Any]]:
    """What the ledger says of this link around the outage."""
    end = found.outage.restored or found.outage.down[-1][1]
    for entry in judgement.case.entries:
        spans = ((entry.from_, entry.to),) if entry.from_ is not None and entry.to is not None else ()
        named = entry.outage == found.outage.id or (found.claim.ticket is not None and found.claim.ticket.id == entry.id)
        if named or (entry.concerns(found.outage.link) and intersect(spans, ((found.outage.onset, end),))):
            yield {
                "id": entry.id,
                "kind": entry.kind,
                "from": write.instant(entry.from_),
                "to": write.instant(entry.to),
                "author": entry.author,
                "approved_by": entry.approved_by,
                "document": entry.document,
            }


def lines(told: dict[str, Any], lang: str) -> Iterator[str]:
    """The explanation as text."""
    yield f"{told['name']} {told['id']} ({words.word(words.SCOPES, told['scope'], lang)})"
    yield f"  {told['onset']} → {told['restored'] or '…'}"
    for part in told["parts"]:
        yield ""
        yield f"{part['from']} → {part['to']}  {part['seconds']} s"
        cause, party = words.word(words.CAUSES, part["cause"], lang), words.word(words.PARTIES, part["party"], lang)
        way = f" · {words.DIRECTIONS[part['direction']].to(lang)}" if part["direction"] else ""
        yield f"  {cause} [{part['cause']}] · {party} · {words.word(words.CLASSES, part['class'], lang)}{way}"
        for seen in part["seen"]:
            rung = words.rung(seen["vantage"], seen["target"], lang)
            yield f"    {rung}: {words.outcome(seen['outcome'], lang)} @ {seen['at']}"
        for step in part["table"]:
            mark = "→" if step["matched"] else "·"
            reason = step["because"] if step["matched"] else _FAILED.to(lang, words=step["because"])
            yield f"    {mark} {step['row']:>5} {step['cause']:<21} {reason}"
    yield ""
    for one in told["counts"]:
        counts = _COUNTS.to(lang, sent=one["sent"], arrived=one["arrived"], returned=one["returned"])
        yield f"  {words.rung(one['vantage'], 'peer', lang)} {one['from']} → {one['to']}: {counts}"
    for edge in told["edges"]:
        shown = "  ".join(f"{sample['at'][11:]} {sample['outcome']}" for sample in edge["samples"])
        yield f"  {_EDGES[edge['edge']].to(lang)} {words.rung(edge['vantage'], edge['target'], lang)}: {shown}"
    for entry in told["entries"]:
        people = f"{entry['author']} / {entry['approved_by'] or '—'}"
        yield f"  {entry['id']} {entry['kind']} {entry['from']} → {entry['to']} {people} {entry['document']}"
