"""What is kept: the journal of signed batches, the ledger of human facts, the daily manifests."""


class CollectorError(Exception):
    """Something is not as the collector needs it: says where, what, and what would be right. `exit_code` is the command's."""

    exit_code = 3
