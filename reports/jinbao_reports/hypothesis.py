"""What if: another case than the one declared, for a judgement that touches nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jinbao_collector.entry import Entry
from jinbao_reports.judge import Case
from jinbao_reports.load import under_profile
from jinbao_reports.source import BadInput

_APPROVER = "what-if"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What would be otherwise: keys of the contract and of its [rule]; entries that the ledger would have, approved; ids of
    entries that it would not. Empty: nothing."""

    profile: str | None = None
    contract: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    without: tuple[str, ...] = ()


def under(case: Case, hypothesis: Hypothesis) -> Case:
    """The case if the hypothesis held. Raises BadInput where it cannot."""
    document = under_profile(case.contract, hypothesis.profile)
    rule = replace(document.value.rule, **hypothesis.rule)
    if "n" in hypothesis.rule and rule.profile.startswith("y1540"):
        raise BadInput(f"--n: {rule.profile} turns with every window and knows no n")
    contract = replace(document.value, **{**hypothesis.contract, "rule": rule})
    if contract.target > 1:
        raise BadInput(f"--target {float(contract.target):.4%}: availability cannot exceed 100%")
    return replace(case, contract=replace(document, value=contract), entries=_entries(case, hypothesis))


def _entries(case: Case, hypothesis: Hypothesis) -> tuple[Entry, ...]:
    known = {entry.id: entry for entry in case.entries}
    for entry_id in hypothesis.without:
        if known.pop(entry_id, None) is None:
            raise BadInput(f"--without {entry_id}: there is no such entry; there are {', '.join(known) or 'none'}")
    for entry in hypothesis.entries:
        if entry.id in known:
            raise BadInput(
                f"--with-ledger: entry {entry.id!r} stands in the ledger; leave that one out by --without {entry.id}"
            )
    return (*known.values(), *(_stated(entry, case) for entry in hypothesis.entries))


def _stated(entry: Entry, case: Case) -> Entry:
    """Approved, known by `as_of`, and entered after all others, so that it has the last word."""
    last = max((known.entered_at or 0 for known in case.entries), default=0)
    approver = entry.approved_by if entry.approved else _APPROVER
    return replace(entry, approved_by=approver, entered_at=last + 1 if case.as_of is None else case.as_of)
