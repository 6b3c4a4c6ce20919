"""The one record everybody speaks: a Sample is one probe and what came of it; an Event is something in the agent's life.

Instants are integer microseconds UTC (`*_us`); judgement floors them to milliseconds.
"""

from dataclasses import dataclass

REPLY, LOST, LATE, REFUSED, BAD_REPLY = "reply", "lost", "late", "refused", "bad_reply"
WORDS = frozenset({REPLY, LOST, LATE, REFUSED, BAD_REPLY})
NOT_SENT = "not_sent:"
EVENTS = frozenset(
    {
        *("heartbeat", "start", "stop", "boot", "clock_step", "mains_off", "mains_on", "los_on", "los_off"),
        *("suspend", "peer_counts", "path", "certificate"),
    }
)


def unreachable(icmp_type: int, code: int, by: str) -> str:
    """An ICMP error said so: its type, its code, and who sent it."""
    return f"unreachable:{icmp_type}:{code}:{by}"


def not_sent(reason: str) -> str:
    """A fault of ours, never of the link."""
    return f"{NOT_SENT}{reason}"


def outcome_problem(token: str) -> str | None:
    """What is wrong with an outcome token, or None."""
    if token in WORDS or (token.startswith(NOT_SENT) and len(token) > len(NOT_SENT) and "," not in token):
        return None
    if token.startswith("unreachable:"):
        # At most three splits, so that an IPv6 address may stand last.
        parts = token.split(":", 3)
        if len(parts) == 4 and parts[1].isdecimal() and parts[2].isdecimal() and parts[3] and "," not in token:
            return None
        return "expected unreachable:TYPE:CODE:BY"
    return "expected reply, lost, late, refused, bad_reply, unreachable:TYPE:CODE:BY or not_sent:REASON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One probe of one rung.

    `seq` numbers the probes of (link, target) within one boot; `mono_us` is CLOCK_BOOTTIME at sending.
    """

    link: str
    vantage: str
    target: str
    sent_us: int
    outcome: str
    rtt_us: int | None = None
    boot: str = ""
    seq: int | None = None
    mono_us: int | None = None
    interval_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something the agent recorded about itself. `detail` is `name=value` pairs joined by semicolons."""

    link: str
    vantage: str
    at_us: int
    event: str
    boot: str = ""
    detail: str = ""

    def fact(self, name: str) -> str | None:
        """One value of the detail."""
        for pair in self.detail.split(";"):
            left, _, right = pair.partition("=")
            if left == name:
                return right
        return None

    def number(self, name: str) -> int | None:
        """One whole number of the detail; None where it is absent or no number."""
        text = self.fact(name) or ""
        return int(text) if text.removeprefix("-").isdecimal() else None
