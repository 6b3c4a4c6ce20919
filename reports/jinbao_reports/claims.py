"""Whether a fault was reported to the carrier, and in time (judgement R5.6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jinbao_collector.entry import Entry
from jinbao_config.contract import Contract
from jinbao_reports.interval import FOREVER, Spans, complement
from jinbao_reports.state import Outage

EARLY_MS = 600_000


@dataclass(frozen=True, slots=True)
class Claim:
    """An outage's ticket if it has one, and the time in which its counted DOWN is not the carrier's for want of a report.

    `state`: '' where no ticket is needed, else in_time, late, missing or open (the window has not closed at as_of).
    """

    ticket: Entry | None
    state: str
    unclaimed: Spans


NO_CLAIM = Claim(None, "", ())


def tickets_of(outages: Sequence[Outage], tickets: Iterable[Entry], contract: Contract) -> dict[str, Entry]:
    """Outage id -> its ticket, the earliest that fits. A ticket fits the outage it names, else the latest one around it."""
    found: dict[str, Entry] = {}
    for ticket in sorted(tickets, key=lambda entry: (entry.reported_at or 0, entry.id)):
        around = None if ticket.outage else latest_around(outages, ticket, contract.claim_window or 0)
        outage_id = around.id if around else ticket.outage
        if outage_id:
            found.setdefault(outage_id, ticket)
    return found


def latest_around(outages: Sequence[Outage], ticket: Entry, window: int) -> Outage | None:
    """The latest outage that a report at that time can mean: from 10 minutes before its onset to `window` ms after its end."""
    reported = ticket.reported_at or 0
    around = [
        outage
        for outage in outages
        if outage.onset - EARLY_MS <= reported and (outage.restored is None or reported <= outage.restored + window)
    ]
    return max(around, key=lambda outage: outage.onset, default=None)


def claim(outage: Outage, ticket: Entry | None, contract: Contract, as_of: int | None) -> Claim:
    """What of the outage's counted time is unclaimed, under the contract's window and clock."""
    window, from_report = contract.claim_window, contract.clock_start == "report"
    if window is None and not from_report:
        return Claim(ticket, "", ())
    if ticket is None or ticket.reported_at is None:
        still_open = window is not None and as_of is not None and as_of <= outage.onset + window
        return Claim(None, "open", ()) if still_open else Claim(None, "missing", FOREVER)
    if window is not None and ticket.reported_at > outage.onset + window:
        return Claim(ticket, "late", FOREVER)
    before_report = complement(((ticket.reported_at, FOREVER[0][1]),)) if from_report else ()
    return Claim(ticket, "in_time", before_report)
