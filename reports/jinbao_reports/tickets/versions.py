"""A carrier's tickets beside those that the ledger knows: which are new, which say the same, which say more, which contradict.

The ledger is never written here. What it lacks becomes an entry of its own for `jinbao-collector ledger add`; where it says
something else, our own record stands unless a person takes the carrier's.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinbao_collector.entry import Entry
from jinbao_reports.notation import Writer
from jinbao_reports.stated import in_order_entered
from jinbao_reports.tickets.rows import Ticket, on_links

NEW, SAME, COMPLETED, CHANGED = "new", "same", "completed", "changed"
STATES = (NEW, COMPLETED, CHANGED, SAME)
_TOLD = {"from_": "onset", **{name: name for name in ("reported_at", "acked_at", "restored_at", "outage", "reason")}}
_INSTANTS = ("from", "reported_at", "acked_at", "restored_at", "entered_at")
Change = tuple[str, Any, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """A ticket of the list beside the ledger's. `changes`: (field, the ledger's or None, the list's).

    `ours` is the ledger's word completed by the list, `theirs` the list's completed by the ledger, both under a free id.
    """

    ticket: Ticket
    state: str
    changes: tuple[Change, ...]
    ours: Entry
    theirs: Entry

    def to_enter(self, take_theirs: bool) -> Entry | None:
        """What the ledger lacks; None: nothing."""
        if take_theirs:
            return None if self.state == SAME else self.theirs
        return self.ours if self.state == NEW or any(map(_adds, self.changes)) else None


def versions(tickets: Iterable[Ticket], entries: Sequence[Entry], author: str = "") -> tuple[Version, ...]:
    taken = {entry.id for entry in entries}
    return tuple(_version(ticket, _known(ticket.entry, entries), taken, author) for ticket in tickets)


def _known(entry: Entry, entries: Sequence[Entry]) -> Entry | None:
    """What the ledger says of this ticket: its latest version; one entry a link counts as one for all of them."""
    mine = [other for other in in_order_entered(entries) if other.kind == "ticket" and same_ticket(other, entry)]
    if not mine:
        return None
    latest = [other for other in mine if other.entered_at == mine[-1].entered_at]
    links = tuple(sorted({link for other in latest for link in links_of(other)}))
    return on_links(mine[-1], links)


def same_ticket(known: Entry, entry: Entry) -> bool:
    """By its number; without one, by the time of its report and its links."""
    if entry.number:
        return known.number == entry.number
    return not known.number and known.reported_at == entry.reported_at and set(links_of(known)) == set(links_of(entry))


def links_of(entry: Entry) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*((entry.link,) if entry.link else ()), *entry.links)))


def _version(ticket: Ticket, known: Entry | None, taken: set[str], author: str) -> Version:
    entry = replace(ticket.entry, id=_free(ticket.entry.id, taken), author=author)
    if known is None:
        return Version(ticket, NEW, (), entry, entry)
    changes = tuple(_changes(known, entry))
    state = (COMPLETED if all(map(_adds, changes)) else CHANGED) if changes else SAME
    kept = {name: getattr(known, name) or getattr(entry, name) for name in _TOLD}
    said = {name: getattr(entry, name) or getattr(known, name) for name in _TOLD}
    more = set(links_of(known)) < set(links_of(entry))
    ours = on_links(replace(entry, **kept), links_of(entry if more else known))
    return Version(ticket, state, changes, ours, replace(entry, **said))


def _changes(known: Entry, entry: Entry) -> Iterator[Change]:
    """What the list says and the ledger does not. That a list is silent where the ledger speaks is no contradiction."""
    if set(links_of(known)) != set(links_of(entry)):
        yield "links", links_of(known), links_of(entry)
    for name, field in _TOLD.items():
        before, after = getattr(known, name), getattr(entry, name)
        if after not in (None, "") and before != after:
            yield field, before or None, after


def _adds(change: Change) -> bool:
    """Whether the list only says more."""
    name, before, after = change
    return before is None or (name == "links" and set(before) < set(after))


def _free(wanted: str, taken: set[str]) -> str:
    """The id itself, or its first successor that the ledger does not have; it is taken from now on."""
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted}-{number}"
    taken.add(free)
    return free


def entry_file(entries: Iterable[Entry], write: Writer) -> str:
    """ledger.toml, as `jinbao-collector ledger add` takes it (judgement R6)."""
    return "\n".join("[[entry]]\n" + "".join(_lines(entry, write)) for entry in entries)


def _lines(entry: Entry, write: Writer) -> Iterator[str]:
    for name, value in entry.facts().items():
        yield f"{name} = {write.instant(int(str(value))) if name in _INSTANTS else _toml(value)}\n"


def _toml(value: object) -> str:
    """JSON's texts and lists are TOML's, but for DEL, which JSON leaves bare."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
