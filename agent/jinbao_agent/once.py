"""`jinbao-agent once`: every rung asked once, now. Needs no spool, no key and no enrolment."""

from collections.abc import Sequence
from typing import Any

from jinbao_agent.ladder import Rung
from jinbao_agent.peers import Keyring
from jinbao_agent.probes import Peering, Prober, Result
from jinbao_agent.probes.peer import links_of
from jinbao_agent.sample import LATE, REFUSED, REPLY
from jinbao_config.links import ALL_LINKS, Links

Climb = Sequence[tuple[Rung, Result]]


async def climb(rungs: Sequence[Rung], wait_s: float, keyring: Keyring | None = None) -> Climb:
    """Without `keyring` no reflector is asked."""
    async with Prober(peering=Peering(keyring, links_of(rungs)) if keyring else None) as prober:
        results = await prober.sweep([rung.target for rung in rungs], wait_s)
    return list(zip(rungs, results, strict=True))


def exit_code(results: Climb, links: Links) -> int:
    """3 if anything could not be sent, 1 if a rung does not answer that should, else 0."""
    outcomes = [(rung, result.outcome) for rung, result in results]
    if any(outcome.startswith("not_sent:") for _, outcome in outcomes):
        return 3
    return int(any(outcome not in (REPLY, LATE, REFUSED) and not _is_silent(rung, links) for rung, outcome in outcomes))


def _is_silent(rung: Rung, links: Links) -> bool:
    return rung.link != ALL_LINKS and rung.name in links[rung.link].silent


def facts(rung: Rung, result: Result) -> dict[str, Any]:
    shown = result.certificate
    return {
        "link": rung.link,
        "target": rung.name,
        "address": str(rung.target),
        "sent_us": result.sent_us,
        "outcome": result.outcome,
        "rtt_us": result.rtt_us,
        **({"certificate": {"not_after_ms": shown.not_after_ms, "sha256": shown.sha256}} if shown else {}),
    }


def row(rung: Rung, result: Result) -> tuple[str, ...]:
    return rung.link, rung.name, str(rung.target), result.outcome, milliseconds(result.rtt_us)


def milliseconds(rtt_us: int | None) -> str:
    return "" if rtt_us is None else f"{rtt_us / 1000:.3f} ms"
