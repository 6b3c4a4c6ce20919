"""The carrier's ticket lists: read as they come, compared with the ledger, matched with measured outages (docs/tickets.md)."""
