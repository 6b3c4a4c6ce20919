"""Whether the mains is there, as a UPS tells it through its NUT server: the one direct proof of a power cut.

aionut speaks the protocol (LIST VAR of RFC 9271 section 4.2; reading needs no login). After an interruption its connection
still owes the old answer, which would pass for the next one: so each reading has a connection of its own.

Not known is a third state and never an event: it is told as a problem of ours, and judgement goes by what was last known.
"""

import asyncio
import logging
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from aionut import AIONUTClient, NUTError

from jinbao_agent.clock import Clock
from jinbao_agent.events import Voice
from jinbao_agent.recorder import Recorder
from jinbao_agent.sample import Event
from jinbao_config.services import Mains, UpsAddress

log = logging.getLogger(__name__)

FACT = "mains"  # the name of what the spool remembers
_NO_NUT = (EOFError, asyncio.LimitOverrunError, IndexError)  # what aionut lets through where an answer is cut, endless, garbled
_STATUS = re.compile(r"[A-Za-z0-9_.:+-]{1,30}( [A-Za-z0-9_.:+-]{1,30}){0,19}")
_CHARGE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Reading:
    """`on` is None where it is not known, and `problem` then says why. `detail` is what the UPS said, as an event tells it."""

    on: bool | None
    detail: str = ""
    problem: str = ""


async def read_mains(ups: UpsAddress, timeout_s: float) -> Reading:
    """Asks once; every failure is a Reading."""
    client = AIONUTClient(ups.host, ups.port, timeout=timeout_s, persistent=False)
    try:
        async with asyncio.timeout(timeout_s):
            return understand(await client.list_vars(ups.name))
    except TimeoutError:
        return Reading(None, problem=f"{ups}: no answer within {timeout_s:g} s")
    except NUTError as problem:
        return Reading(None, problem=f"{ups}: {problem}")
    except _NO_NUT as problem:
        return Reading(None, problem=f"{ups}: not an answer of a NUT server: {problem}")


def understand(variables: Mapping[str, str]) -> Reading:
    """`OB` is mains off, `OL` mains on (NUT's new-drivers.txt: "an indication of the input line status only").

    A UPS that measures its battery (`CAL`) may call that `OB` while the mains is there: it proves nothing.
    """
    status = " ".join(variables.get("ups.status", "").split())
    if not _STATUS.fullmatch(status):
        return Reading(None, problem=f"ups.status is {status[:100]!r}" if status else "the UPS has no ups.status")
    charge = variables.get("battery.charge", "")
    detail = f"status={status}" + (f";charge={charge}" if _CHARGE.fullmatch(charge) else "")
    words = set(status.split())
    if ("OL" in words) == ("OB" in words) or {"OB", "CAL"} <= words:
        return Reading(None, detail, f"ups.status {status!r} tells nothing of the mains")
    return Reading("OL" in words, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the spool remembers, for `status` and for the next life. Instants are microseconds UTC.

    `on` is the last known state (None before any), first seen at `since_us` and no other since; `detail` is what the UPS said.
    `problem` is why nothing is known now, since `problem_us`, or "". `off_boot` and `off_us` are the boot and the instant of a
    recorded mains_off that no mains_on has followed, or "".
    """

    on: bool | None = None
    since_us: int = 0
    detail: str = ""
    problem: str = ""
    problem_us: int = 0
    off_boot: str = ""
    off_us: int = 0


class MainsSense:
    """Asks again and again (`poll`), and records what changes."""

    def __init__(self, config: Mains, voice: Voice, clock: Clock, recorder: Recorder, begun_us: int) -> None:
        """`begun_us`: CLOCK_BOOTTIME when this life began."""
        self._ups, self._timeout_s = config.ups, config.every / 2000  # half a period: one reading is over before the next
        self._voice, self._clock, self._recorder = voice, clock, recorder
        self._born_us = clock.utc_us()
        self._begun_us = begun_us
        self._known: Known | None = None
        self._seen: tuple[bool, int] | None = None  # this life's last known reading: on, and when by CLOCK_BOOTTIME
        self._said = ""

    async def poll(self) -> None:
        """The first known state of a life is recorded, then each turn. Raises nothing that the UPS can cause."""
        reading = await read_mains(self._ups, self._timeout_s)
        before = self._known or await self._remembered()
        known, events = self._understood(before, reading)
        if events or known != before:
            self._recorder.put([], events, {FACT: asdict(known)})
        self._known = known
        self._say(reading)

    async def _remembered(self) -> Known:
        try:
            fact = await self._recorder.use(lambda spool: spool.get(FACT))
        except (sqlite3.Error, OSError) as problem:
            log.warning("what was known of the mains cannot be read: %s", problem)
            fact = None
        return Known(**fact) if fact else Known()

    def _understood(self, before: Known, reading: Reading) -> tuple[Known, list[Event]]:
        """What is known now, and the event to record."""
        if reading.on is None:
            problem_us = before.problem_us if reading.problem == before.problem else self._clock.utc_us()
            return replace(before, problem=reading.problem, problem_us=problem_us), []
        known = replace(before, problem="", problem_us=0)
        last, self._seen = self._seen, (reading.on, self._clock.boottime_us())
        if last is not None and last[0] == reading.on:
            return known, []
        return self._turned(known, reading.on, reading.detail, None if last is None else last[1])

    def _turned(self, known: Known, on: bool, detail: str, other_us: int | None) -> tuple[Known, list[Event]]:
        """`other_us`: when this life last saw the other state, on CLOCK_BOOTTIME; the turn lies between then and now.

        A life that begins without mains never saw it: there was none since it began."""
        since_us = self._begun_us if other_us is None and not on else other_us
        bound = "" if since_us is None else f";within_ms={(self._clock.boottime_us() - since_us + 999) // 1000}"
        event = self._voice.mains(on, self._clock, detail + bound)
        known = replace(known, on=on, since_us=known.since_us if known.on == on else event.at_us, detail=detail)
        if on and self._is_over(known):
            return known, []
        log.warning("event=%s boot=%s %s", event.event, event.boot, event.detail)
        return replace(known, off_boot="" if on else event.boot, off_us=0 if on else event.at_us), [event]

    def _is_over(self, known: Known) -> bool:
        """A power cut that ended its own boot is over with the first record of the next (judgement R9). A mains_on would move
        that end to whenever the UPS was heard again, and excuse what failed until then."""
        return known.off_boot not in ("", self._voice.boot) and known.off_us < self._born_us

    def _say(self, reading: Reading) -> None:
        """A problem once, until another is the matter or none."""
        if reading.problem != self._said:
            if reading.problem:
                log.warning("whether the mains is on is not known: %s", reading.problem)
            else:
                log.info("the mains is sensed: %s", reading.detail)
        self._said = reading.problem
