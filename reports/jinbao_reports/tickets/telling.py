"""What `jinbao-report tickets` and `reconcile` say: the same facts as JSON and as tables."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from jinbao_collector.entry import Entry
from jinbao_reports import words
from jinbao_reports.notation import Writer, seconds
from jinbao_reports.state import Outage
from jinbao_reports.tickets.matching import Pair, Side
from jinbao_reports.tickets.reconcile import ACCOUNTS, Reconciliation
from jinbao_reports.tickets.rows import TicketList
from jinbao_reports.tickets.versions import SAME, STATES, Version, links_of
from jinbao_reports.words import Text

Json = dict[str, Any]

DIFF_COLUMNS = (
    Text("行", "line"),
    Text("情况", "state"),
    *(words.TICKET_FIELDS[name] for name in ("number", "links", "onset", "reported_at", "acked_at", "restored_at", "reason")),
)
RECONCILE_COLUMNS = (
    Text("线路", "link"),
    Text("情况", "state"),
    words.TICKET_FIELDS["number"],
    Text("我方开始", "onset, ours"),
    Text("运营商开始", "onset, theirs"),
    Text("差（分）", "apart (min)"),
    Text("我方恢复", "restored, ours"),
    Text("运营商恢复", "restored, theirs"),
    Text("差（分）", "apart (min)"),
    Text("历时差（分）", "duration apart (min)"),
    Text("依据", "matched by"),
)
EFFECT_COLUMNS = (
    Text("线路", "link"),
    Text("项目", "figure"),
    Text("我方", "ours"),
    Text("双方均知的按运营商时间", "their times where both know"),
    Text("只按运营商清单", "their list alone"),
)
_KINDS = {
    "matched": Text("双方均有", "both"),
    "only_ours": Text("仅我方", "only ours"),
    "only_theirs": Text("仅运营商", "only theirs"),
    "outside": Text("期外", "outside the period"),
}
_COUNTS = Text(
    "共 {all} 条：{counts}；期外 {outside} 条，有误 {wrong} 行",
    "{all} tickets: {counts}; outside {outside}, wrong rows {wrong}",
)
_MATCHED = Text(
    "双方均有 {matched}，仅我方 {only_ours}，仅运营商 {only_theirs}，期外 {outside}",
    "both {matched}, only ours {only_ours}, only theirs {only_theirs}, outside the period {outside}",
)
_NOT_ENTERED = Text(
    "其中 {count} 条台账没有或不全，“我方”一栏按录入后计算",
    "{count} of them are not in the ledger, or not whole: `ours` is judged as if they were",
)
_UNUSED = Text("未用的列：{names}", "columns not used: {names}")
_STANDS_IN = Text("没有申告时间，以“{name}”代之", "there is no time of report: {name} stands in for it")
NO_EFFECT = Text("无论按谁的时间，各项数字相同", "no figure depends on whose times are taken")


def remarks(listed: TicketList, lang: str) -> Iterator[str]:
    """What a person must not miss about how the list was read."""
    if listed.sheet.header.unused():
        yield _UNUSED.to(lang, names="、".join(listed.sheet.header.unused()))
    if listed.stands_in:
        yield _STANDS_IN.to(lang, name=listed.sheet.header.named()["onset"][0])


def list_facts(listed: TicketList) -> Json:
    sheet = listed.sheet
    return {
        "file": str(sheet.file),
        "sha256": sheet.sha256,
        "form": sheet.form,
        "header_at": sheet.header_at,
        "columns": sheet.header.named(),
        "unused": sheet.header.unused(),
        "onset_stands_in_for_report": listed.stands_in,
        "wrong": [{sheet.counted: line, "problem": problem} for line, problem in listed.wrong],
    }


def version_facts(version: Version, write: Writer) -> Json:
    return {
        "line": version.ticket.line,
        "state": version.state,
        **ticket_facts(version.ticket.entry, write),
        "changes": {name: [_value(name, before, write), _value(name, after, write)] for name, before, after in version.changes},
    }


def ticket_facts(entry: Entry, write: Writer) -> Json:
    return {
        "number": entry.number,
        "links": list(links_of(entry)),
        "onset": write.instant(entry.from_),
        "reported_at": write.instant(entry.reported_at),
        "acked_at": write.instant(entry.acked_at),
        "restored_at": write.instant(entry.restored_at),
        "reason": entry.reason,
    }


def _value(name: str, value: Any, write: Writer) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return write.instant(value) if isinstance(value, int) else value


def diff_rows(versions: Iterable[Version], names: Mapping[str, str], write: Writer, lang: str) -> Iterator[tuple[str, ...]]:
    """Every ticket that the ledger does not know as it stands in the list; a field that differs shows both."""
    for version in versions:
        if version.state != SAME:
            entry, changes = version.ticket.entry, {name: (before, after) for name, before, after in version.changes}
            told = {"links": links_of(entry), "onset": entry.from_, "reason": entry.reason}
            told |= {name: getattr(entry, name) for name in ("reported_at", "acked_at", "restored_at")}
            fields = ("links", "onset", "reported_at", "acked_at", "restored_at", "reason")
            yield (
                str(version.ticket.line),
                words.TICKET_STATES[version.state].to(lang),
                entry.number or "—",
                *(_told(changes.get(name, (told[name],)), names, write) for name in fields),
            )


def _told(values: tuple[Any, ...], names: Mapping[str, str], write: Writer) -> str:
    return " → ".join(_short(value, names, write) for value in values)


def _short(value: Any, names: Mapping[str, str], write: Writer) -> str:
    if isinstance(value, tuple):
        return "、".join(names.get(code, code) for code in value)
    return clock(value, write) if isinstance(value, int) else value or "—"


def clock(at: int | None, write: Writer) -> str:
    """Local, as people read it: "2021-04-10 14:05:00"."""
    return "—" if at is None else str(write.instant(at))[:19].replace("T", " ")


def counts(versions: Iterable[Version], outside: int, wrong: int, lang: str) -> str:
    states = [version.state for version in versions]
    told = "，" if lang == "zh" else ", "
    each = told.join(f"{words.TICKET_STATES[state].to(lang)} {states.count(state)}" for state in STATES)
    return _COUNTS.to(lang, all=len(states), counts=each, outside=outside, wrong=wrong)


def reconciliation_facts(found: Reconciliation) -> Json:
    write = Writer(found.case.contract.value.zone)
    names = {link.code: link.name for link in found.case.links.link}
    start, end = found.case.period.span
    return {
        "schema": "jinbao.reconciliation/1",
        "period": {"name": found.case.period.name, "from": write.instant(start), "to": write.instant(end)},
        "as_of": write.instant(found.case.as_of),
        "list": list_facts(found.listed),
        "not_in_ledger": found.to_enter,
        "matched": [
            {
                **_link(pair.outage.link, names),
                "by": pair.by,
                "outage": _outage_facts(pair.outage, write),
                "ticket": ticket_facts(pair.side.ticket, write),
                "minutes": dict(zip(("onset", "restored", "duration"), map(minutes, apart(pair)), strict=True)),
            }
            for pair in found.matching.pairs
        ],
        "only_ours": [
            {**_link(outage.link, names), "outage": _outage_facts(outage, write)} for outage in found.matching.only_ours
        ],
        "only_theirs": [_side_facts(side, names, write) for side in found.matching.only_theirs],
        "outside": [_side_facts(side, names, write) for side in found.outside],
        "effect": [
            {"link": figure.link or None, "figure": figure.name, **dict(zip(ACCOUNTS, figure.values, strict=True))}
            for figure in found.effect
        ],
    }


def _link(code: str, names: Mapping[str, str]) -> Json:
    return {"link": code, "name": names[code]}


def _outage_facts(outage: Outage, write: Writer) -> Json:
    down = sum(end - start for start, end in outage.down)
    return {
        "id": outage.id,
        "onset": write.instant(outage.onset),
        "restored": write.instant(outage.restored),
        "seconds": seconds(down),
    }


def _side_facts(side: Side, names: Mapping[str, str], write: Writer) -> Json:
    return {**_link(side.link, names), "ticket": ticket_facts(side.ticket, write)}


def apart(pair: Pair) -> tuple[int, int | None, int | None]:
    """Milliseconds by which the carrier's onset, restoration and duration exceed ours; None where either is not known."""
    onset = pair.side.begin - pair.outage.onset
    if pair.side.end is None or pair.outage.restored is None:
        return onset, None, None
    restored = pair.side.end - pair.outage.restored
    return onset, restored, restored - onset


def minutes(ms: int | None) -> int | float | None:
    """Whole minutes, else with three decimals."""
    if ms is None:
        return None
    exact = Fraction(ms, 60_000)
    return int(exact) if exact.denominator == 1 else round(float(exact), 3)


def reconciliation_rows(found: Reconciliation, lang: str) -> Iterator[tuple[str, ...]]:
    write = Writer(found.case.contract.value.zone)
    names = {link.code: link.name for link in found.case.links.link}
    for pair in found.matching.pairs:
        shown = [_minutes(ms) for ms in apart(pair)]
        ours, theirs = _ours(pair.outage, write), _theirs(pair.side, write)
        by = words.MATCHED_BY[pair.by].to(lang)
        yield _row("matched", names[pair.outage.link], pair.side, ours, theirs, shown, by, lang)
    for outage in found.matching.only_ours:
        yield _row("only_ours", names[outage.link], None, _ours(outage, write), ("—", "—"), ["—"] * 3, "—", lang)
    for kind, sides in (("only_theirs", found.matching.only_theirs), ("outside", found.outside)):
        for side in sides:
            yield _row(kind, names[side.link], side, ("—", "—"), _theirs(side, write), ["—"] * 3, "—", lang)


def _row(
    kind: str,
    name: str,
    side: Side | None,
    ours: tuple[str, str],
    theirs: tuple[str, str],
    shown: list[str],
    by: str,
    lang: str,
) -> tuple[str, ...]:
    number = "—" if side is None else side.ticket.number or "—"
    return name, _KINDS[kind].to(lang), number, ours[0], theirs[0], shown[0], ours[1], theirs[1], shown[1], shown[2], by


def _ours(outage: Outage, write: Writer) -> tuple[str, str]:
    return clock(outage.onset, write), clock(outage.restored, write)


def _theirs(side: Side, write: Writer) -> tuple[str, str]:
    return clock(side.begin, write), clock(side.end, write)


def _minutes(ms: int | None) -> str:
    value = minutes(ms)
    return "—" if value is None else f"{value:+}" if value else "0"


def summary(found: Reconciliation, lang: str) -> Iterator[str]:
    yield _MATCHED.to(
        lang,
        matched=len(found.matching.pairs),
        only_ours=len(found.matching.only_ours),
        only_theirs=len(found.matching.only_theirs),
        outside=len(found.outside),
    )
    if found.to_enter:
        yield _NOT_ENTERED.to(lang, count=found.to_enter)
