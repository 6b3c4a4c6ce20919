"""What people stated, as far as it takes effect on one link (judgement R4.6, R5.5, R9)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jinbao_collector.entry import Entry
from jinbao_config.contract import Contract, ExclusionRule
from jinbao_reports.interval import Span, Spans, intersect, merge, subtract, total, union
from jinbao_reports.service_time import calendar_spans


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One exclusion entry and what it takes out: `applied` is what no earlier entry took; `refused` says why nothing."""

    entry: Entry
    span: Span
    applied: Spans
    refused: str


@dataclass(frozen=True, slots=True)
class Stated:
    """The effective statements about one link; spans in milliseconds UTC."""

    exclusions: tuple[Exclusion, ...] = ()
    power_notices: Spans = ()
    server_notices: Spans = ()
    causes: tuple[Entry, ...] = ()
    tickets: tuple[Entry, ...] = ()

    @property
    def excluded(self) -> Spans:
        return union(*(exclusion.applied for exclusion in self.exclusions))

    def edges(self) -> Iterator[int]:
        """The exact instants at which a statement begins or ends."""
        for spans in (self.excluded, self.power_notices, self.server_notices, tuple(span_of(entry) for entry in self.causes)):
            for span in spans:
                yield from span


NOTHING_STATED = Stated()


def span_of(entry: Entry) -> Span:
    """The span of an entry whose kind has one; its file or form was refused without."""
    if entry.from_ is None or entry.to is None:
        raise ValueError(f"entry {entry.id} of kind {entry.kind} has no span")
    return entry.from_, entry.to


def known_at(entries: Iterable[Entry], as_of: int | None) -> tuple[Entry, ...]:
    """Without entries written down after `as_of`, or taken in by the ledger after it whatever their author claims."""
    return tuple(entry for entry in entries if as_of is None or entry.known_ms is None or entry.known_ms <= as_of)


def stated_about(link: str, entries: Iterable[Entry], contract: Contract) -> Stated:
    mine = [entry for entry in entries if entry.concerns(link)]
    causes = [entry for entry in mine if entry.kind == "cause" and entry.approved]
    return Stated(
        exclusions=tuple(_exclusions([entry for entry in mine if entry.kind == "exclusion"], contract)),
        power_notices=merge(span_of(entry) for entry in mine if entry.kind == "power_notice" and entry.approved),
        server_notices=merge(span_of(entry) for entry in mine if entry.kind == "server_notice"),
        causes=tuple(in_order_entered(sorted(causes, key=lambda entry: entry.id))),
        tickets=tuple(_latest_versions(entry for entry in mine if entry.kind == "ticket")),
    )


def in_order_entered(entries: Iterable[Entry]) -> list[Entry]:
    """The latest last: what nobody has entered yet comes after what the ledger holds, and keeps its place."""
    return sorted(entries, key=lambda entry: (entry.entered_at is None, entry.entered_at or 0))


def _latest_versions(tickets: Iterable[Entry]) -> Iterator[Entry]:
    """Entries with one number and one report are versions of one ticket on this link; the one entered last speaks. A list that
    begins its numbers anew each month has other reports under them."""
    latest = {(entry.number, entry.reported_at, "" if entry.number else entry.id): entry for entry in in_order_entered(tickets)}
    yield from latest.values()


def _exclusions(entries: list[Entry], contract: Contract) -> Iterator[Exclusion]:
    """Merged, then capped on their own calendar month or year, in order of time; the excess is not excluded."""
    taken: Spans = ()
    for kind in sorted({entry.type for entry in entries}):
        of_kind = sorted((entry for entry in entries if entry.type == kind), key=lambda entry: (span_of(entry), entry.id))
        reasons = {entry.id: refusal(entry, contract) for entry in of_kind}
        agreed = merge(span_of(entry) for entry in of_kind if not reasons[entry.id])
        allowed = _capped(agreed, contract.exclusion.get(kind), contract)
        for entry in of_kind:
            mine = () if reasons[entry.id] else subtract(intersect((span_of(entry),), allowed), taken)
            taken = union(taken, mine)
            yield Exclusion(entry, span_of(entry), mine, reasons[entry.id] or ("" if mine else "cap_or_overlap"))


def refusal(entry: Entry, contract: Contract) -> str:
    """Why an exclusion has no effect; '' if it has."""
    rule = contract.exclusion.get(entry.type)
    if not entry.approved_by:
        return "not_approved"
    if not entry.approved:
        return "approved_by_its_author"
    if rule is None:
        return "type_not_in_contract"
    if rule.notice is not None:
        if entry.notified_at is None:
            return "no_notified_at"
        if span_of(entry)[0] - entry.notified_at < rule.notice:
            return "notice_too_short"
    return ""


def _capped(spans: Spans, rule: ExclusionRule | None, contract: Contract) -> Spans:
    if rule is None or rule.cap is None or not spans:
        return spans
    kept: list[Span] = []
    for calendar in calendar_spans((spans[0][0], spans[-1][1]), rule.cap.per, contract.zone):
        left = rule.cap.hours
        for start, end in intersect(spans, (calendar,)):
            kept.append((start, min(end, start + left)))
            left -= total(kept[-1:])
    return merge(kept)
