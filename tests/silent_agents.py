"""Ways for an agent to fall silent, as the records it leaves, and the word for each."""

from agent_records import LINK
from jinbao_agent.sample import Event
from jinbao_agent.silence import Probe, Why

T_MS = 10_000
BEGIN_MS = 1_617_206_400_000


def probe(second: int, outcome: str = "reply", boot: str = "b1", ahead_s: int = 0) -> Probe:
    """A second after boot b1; with a clock that is so far ahead. Boot b2 began at second 1000."""
    since = second if boot == "b1" else second - 1000
    return Probe(boot, since * 1_000_000, BEGIN_MS + (second + ahead_s) * 1000, outcome)


def run(first: int, last: int, boot: str = "b1", outcome: str = "reply") -> list[Probe]:
    return [probe(second, outcome, boot) for second in range(first, last, 10)]


def event(name: str, second: int, detail: str = "", boot: str = "b1") -> Event:
    since = second if boot == "b1" else second - 1000
    text = ";".join(filter(None, (detail, f"mono_ns={since * 10**9}")))
    return Event(link=LINK, vantage="township", at_us=(BEGIN_MS + second * 1000) * 1000, event=name, boot=boot, detail=text)


BEFORE, AFTER, NEXT_BOOT = run(0, 100), run(200, 300), run(1010, 1100, "b2")
SAME_BOOT: dict[str, tuple[list[Probe], list[Event], Why]] = {
    "a clean stop": ([], [event("stop", 95, "reason=SIGTERM"), event("start", 198)], Why.STOPPED),
    "another configuration": ([], [event("start", 198, "version=1;config=2")], Why.STOPPED),
    "kill -9": ([], [event("heartbeat", 93), event("start", 198)], Why.KILLED),
    "sleep": (run(100, 200, outcome="not_sent:skipped"), [event("suspend", 203, "for_ms=98000")], Why.SUSPENDED),
    "overload": (run(100, 200, outcome="not_sent:skipped"), [], Why.STALLED),
    "a card that is down": (run(100, 200, outcome="not_sent:ENETUNREACH"), [], Why.NOT_SENT),
    "nothing at all": ([], [], Why.UNRECORDED),
    "another sleep": (run(100, 200, outcome="not_sent:skipped"), [event("suspend", 260, "for_ms=30000")], Why.STALLED),
    "a sleep that does not fit": ([], [event("suspend", 203, "for_ms=500000")], Why.UNRECORDED),
}
OTHER_BOOT: dict[str, tuple[list[Event], Why]] = {
    "a shutdown": ([event("stop", 95)], Why.SHUT_DOWN),
    "a power cut that a UPS told of": ([event("mains_off", 60), event("heartbeat", 93)], Why.MAINS_LOST),
    "a crash after the mains had come back": (
        [event("mains_off", 40), event("mains_on", 60), event("heartbeat", 93)],
        Why.MACHINE_LOST,
    ),
    "a power cut": ([event("heartbeat", 93)], Why.MACHINE_LOST),
    "a power cut, nothing kept of the end": ([], Why.MACHINE_LOST),
    "a stop of long before": ([event("stop", 5), event("start", 6), event("heartbeat", 93)], Why.MACHINE_LOST),
}
