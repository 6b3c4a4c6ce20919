"""Servers that get a copy of every sample: a follower of the journal writes to each, and judgement can read one back.

A replica is never evidence: nothing in it is signed. What it lost or never got, the journal still has.
"""

from jinbao_collector import CollectorError

OK = "ok"
UNREACHABLE, BUSY = "unreachable", "busy"
TOKEN, FORBIDDEN, BUCKET = "token", "forbidden", "bucket"
REFUSED, TOO_LARGE = "refused", "too_large"

OUTAGES = frozenset({UNREACHABLE, BUSY})
"""States that end by themselves; all others want somebody to do something."""


class ReplicaTrouble(CollectorError):
    """A server did not take what it was sent, or does not answer. `retry_after_s` is what it asked for itself."""

    def __init__(self, state: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.state, self.retry_after_s = state, retry_after_s


def is_address(text: str) -> bool:
    """Whether this names a server rather than a folder."""
    return text.startswith(("http://", "https://"))
