"""Samples and events drawn in a line of text -> rows of the CSV files (docs/judgement.md R6).

core        10:00:00 10s  12o 3f 15o          twelve answers, three losses, fifteen answers; each 10 s after the one before
county/cpe  10:00:03 10s  5o 3. 5o            seen from the county; three samples were never taken
BC/lan,cpe  10:00:00 1m boot=b2 seq=1  2(of)  two rungs of links B and C alike, numbered from 1: o f o f
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone

LOCAL = timezone(timedelta(hours=8))
"""Asia/Shanghai since 1992."""

DAY = "2021-04-10"
LINKS = {letter: f"5104221{number:02d}" for number, letter in enumerate("ABCDEFGHIJKL", 1)} | {"*": "*"}
"""Short names of links. A drawing that names none means A."""

SIGNS = {
    "o": ("reply", "20000"),
    "s": ("reply", "2400000"),  # slow: 2.4 s
    "l": ("late", "2400000"),
    "w": ("reply", "2000000"),  # W to the microsecond, where W is 2 s
    "e": ("reply", ""),  # an answer that nobody timed
    "f": ("lost", ""),
    "b": ("bad_reply", ""),
    "r": ("refused", ""),
    "u": ("unreachable:3:1:10.9.9.9", ""),
    "p": ("unreachable:3:3:10.0.0.2", ""),  # port unreachable, said by the core itself
    "q": ("unreachable:3:3:10.9.9.9", ""),  # said by somebody else
    "n": ("not_sent:skipped", ""),
    ".": None,  # no sample
}
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RUNG = re.compile(r"(?:([A-L*]+)/)?(?:(township|county)/)?([a-z,]+)")
_GROUP = re.compile(r"(\d+)\(([^)]*)\)")


def moment(text: str, day: str = DAY) -> datetime:
    """'10:00', '10:00:00.250' on the case's day, or '2021-04-10T10:00:00': local time."""
    return datetime.fromisoformat(text if "-" in text else f"{day}T{text}").replace(tzinfo=LOCAL)


def rfc(at: datetime) -> str:
    return at.isoformat(timespec="auto" if at.microsecond % 1000 else "milliseconds" if at.microsecond else "seconds")


def seconds(text: str) -> int:
    return int(text[:-1]) * _UNIT[text[-1]]


def samples(drawing: str, interval_s: int, day: str = DAY) -> Iterator[str]:
    """`link,vantage,target,sent_at,outcome,rtt_us,boot_id,seq,mono_ns,interval_ms`.

    The last is T=…, else the step, and empty where that is the county's `interval_s` or T= says nothing.
    """
    for line in _lines(drawing):
        rungs, start, step, *rest = line.split()
        options = dict(word.split("=", 1) for word in rest if "=" in word)
        signs = "".join(word for word in rest if "=" not in word)
        for link, vantage, target in _rungs(rungs):
            for fields in _row(start, step, signs, options, interval_s, day):
                yield ",".join((link, vantage, target, *fields))


def _rungs(text: str) -> Iterator[tuple[str, str, str]]:
    found = _RUNG.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r}: expected [LINK/][VANTAGE/]TARGET")
    for letter in found[1] or "A":
        for target in found[3].split(","):
            yield LINKS[letter], found[2] or ("county" if letter == "*" else "township"), target


def _row(start: str, step: str, signs: str, options: Mapping[str, str], interval_s: int, day: str) -> Iterator[list[str]]:
    begin, every = moment(start, day), seconds(step)
    interval = options.get("T", "" if every == interval_s else step)
    for place, (outcome, rtt) in _samples(signs, options):
        seq = str(int(options["seq"]) + place) if "seq" in options else ""
        mono = str((int(options["mono"]) + every * place) * 10**9) if "mono" in options else ""
        sent = rfc(begin + timedelta(seconds=every * place))
        yield [sent, outcome, rtt, options.get("boot", "b1"), seq, mono, str(seconds(interval) * 1000) if interval else ""]


def _samples(signs: str, options: Mapping[str, str]) -> Iterator[tuple[int, tuple[str, str]]]:
    """(place, (outcome, rtt in microseconds)): drawn, or by `ms=20,22,-,21` with - for a lost one."""
    if "ms" in options:
        for place, delay in enumerate(options["ms"].split(",")):
            yield place, SIGNS["f"] if delay == "-" else ("reply", str(int(delay) * 1000))  # type: ignore[misc]
        return
    place = 0
    signs = _GROUP.sub(lambda group: group[2] * int(group[1]), signs)
    for count, sign in re.findall(r"(\d*)(.)", signs):
        for _ in range(int(count or 1)):
            if SIGNS[sign] is not None:
                yield place, SIGNS[sign]  # type: ignore[misc]
            place += 1


def events(drawing: str, day: str = DAY) -> Iterator[str]:
    """`TIME [LINK/]VANTAGE EVENT BOOT [DETAIL]` -> `link,vantage,at,event,boot_id,detail`."""
    for line in _lines(drawing):
        at, who, event, boot, *detail = line.split()
        letter, _, vantage = who.rpartition("/")
        yield ",".join((LINKS[letter or "A"], vantage, rfc(moment(at, day)), event, boot, *(detail or [""])))


def intervals(drawing: str, day: str = DAY) -> Iterator[str]:
    """`[LINK/]FROM TO STATE [CAUSE]` -> `link,from,to,state,cause`."""
    for line in _lines(drawing):
        first, to, state, *cause = line.split()
        letter, _, since = first.rpartition("/")
        yield ",".join((LINKS[letter or "A"], rfc(moment(since, day)), rfc(moment(to, day)), state, *(cause or [""])))


def _lines(drawing: str) -> Iterator[str]:
    for line in drawing.splitlines():
        text = line.partition("#")[0].strip()
        if text:
            yield text
