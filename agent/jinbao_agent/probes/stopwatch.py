"""How long an answer took, when it was sent by one reading of the clocks and stamped by the kernel in UTC."""

from jinbao_agent.clock import Clock
from jinbao_agent.probes.flights import Flight

_STEPPED_US = 1000


def round_trip(flight: Flight, stamp: int, to_mono: int, clock: Clock) -> tuple[int, bool]:
    """Microseconds from sending to the kernel's stamp, right even when UTC was set in between; and whether it was.

    `to_mono` moves UTC onto CLOCK_BOOTTIME as the clocks stand now. A step before the stamp is invisible to the first
    reckoning, one after it to the second; a stamp that fits neither leaves the time until now, which is an upper bound.
    """
    by_boottime = stamp + to_mono - flight.mono_us
    if abs(to_mono - (flight.mono_us - flight.sent_us)) < _STEPPED_US:
        return max(by_boottime, 0), False
    most = clock.boottime_us() - flight.mono_us
    for rtt_us in (by_boottime, stamp - flight.sent_us):
        if -_STEPPED_US < rtt_us <= most:  # a little below 0 is the clocks' rounding
            return max(rtt_us, 0), True
    return most, True
