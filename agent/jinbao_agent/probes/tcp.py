"""A TCP connect: the other side's stack answers, whatever its program does."""

import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from jinbao_agent.probes.result import Certificate, Result
from jinbao_agent.probes.stream import Conversation, Ended, Unresolved, resolve
from jinbao_agent.sample import LATE, REPLY
from jinbao_config.links import Target

if TYPE_CHECKING:
    from jinbao_agent.probes import Prober


async def probe(prober: "Prober", target: Target, wait_s: float) -> Result:
    """reply (rtt: SYN to SYN-ACK), refused (RST), lost, late, unreachable:TYPE:CODE:BY or not_sent:REASON."""
    return await converse(prober, target, wait_s, None)


GoOn = Callable[[Conversation, Target], Awaitable[Certificate | None]]


async def converse(prober: "Prober", target: Target, wait_s: float, go_on: GoOn | None) -> Result:
    """Connects, then does what `go_on` does; its Ended, or its return, is the outcome."""
    try:
        family, address = await resolve(target.host, target.port, wait_s)
    except Unresolved:
        return prober.fault("unresolved")
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sock:
        conversation = Conversation(sock, wait_s, prober.clock)
        sent_us, mono_us = prober.clock.utc_us(), prober.clock.boottime_us()
        try:
            await conversation.connect(address)
            certificate = await go_on(conversation, target) if go_on is not None else None
        except Ended as end:
            return Result(sent_us=sent_us, mono_us=mono_us, outcome=end.outcome)
        outcome = REPLY if conversation.in_time else LATE
        return Result(sent_us=sent_us, mono_us=mono_us, outcome=outcome, rtt_us=conversation.spent_us, certificate=certificate)
