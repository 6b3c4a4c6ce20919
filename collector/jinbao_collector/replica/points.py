"""Samples and events as points of a server: line protocol out, numbers back. Format: docs/influxdb.md.

A point keeps the time a probe left to the microsecond, also where the server cuts its timestamps to the millisecond: `phase` is
that time less `seq` intervals. So it is nearly constant while all is well, costs a server little, and its least and greatest
value tell of an hour that every probe left in step.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

import numpy as np

from jinbao_agent.sample import Event
from jinbao_collector.series import NONE, Ints
from jinbao_collector.store import SeriesKey
from jinbao_collector.store.samples import Samples
from jinbao_collector.stretches import Bools

SAMPLE, EVENT = "jinbao_sample", "jinbao_event"
EXACT = 2**53
"""Whole numbers up to here are the same in a server that counts in binary fractions."""
_EARLIEST_US = 1_000_000
"""VictoriaMetrics takes 0 for "now"."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\%\ud800-\udfff]")
_SPECIAL = re.compile(r"([, =])")

INEXACT = "a number or time that no server keeps exactly"


Tags = tuple[str, str, int, str]
"""(outcome, boot, interval, clock): what tells the points of one rung apart."""


def tags_of(tags: Mapping[str, str]) -> Tags:
    """As a server names them; it keeps no empty ones."""
    return untag(tags["outcome"]), untag(tags.get("boot", "")), int(tags["interval"]), tags.get("clock", "")


def sample_lines(key: SeriesKey, samples: Samples, site: str = "") -> Iterator[tuple[bytes, bool]]:
    """Each sample's line, and whether a server can keep it exactly."""
    heads, head = _heads(key, samples, site)
    sent, seq, phase, mono, fit = _numbers(samples)
    columns = (column.tolist() for column in (head, sent, seq, phase, mono, samples.rtt, samples.mono, fit))
    for code, at, number, offset, clock, rtt, has_clock, keeps in zip(*columns, strict=True):
        mono_field = f",mono={clock}i" if has_clock != NONE else ""
        rtt_field = f",rtt={rtt}i" if rtt != NONE else ""
        yield f"{heads[code]} seq={number}i,phase={offset}i{mono_field}{rtt_field} {at}".encode(), keeps


def _heads(key: SeriesKey, samples: Samples, site: str) -> tuple[list[str], Ints]:
    """The measurements with tags there are, and which one each sample has.

    `clock` keeps apart what was stamped before and after the clock was set, for both may have the same time: the two clocks'
    difference in half intervals, which stays as it is for as long as nobody sets one of them.
    """
    half_us = np.maximum(samples.interval, 1) * 500
    clock = np.where(samples.mono == NONE, NONE, (samples.sent - samples.mono) // half_us)
    codes = np.stack([samples.outcome, samples.boot, samples.interval, samples.mono == NONE, clock])
    found, which = np.unique(codes, axis=1, return_inverse=True)
    shared = {**dict(zip(("link", "vantage", "target"), key, strict=True)), "site": site}
    heads = []
    for outcome, boot, interval, unclocked, setting in found.T.tolist():
        tags = {"outcome": samples.outcomes[outcome], "boot": samples.boots[boot], "interval": str(interval)}
        heads.append(_head(SAMPLE, {**shared, **tags, "clock": "" if unclocked else str(setting)}))
    return heads, which.reshape(-1)


def event_line(event: Event, site: str = "") -> tuple[bytes, bool]:
    names = ("link", "vantage", "event", "boot", "detail")
    head = _head(EVENT, {**{name: getattr(event, name) for name in names}, "site": site})
    return f"{head} at={event.at_us}i {event.at_us}".encode(), _EARLIEST_US <= event.at_us < EXACT


def restored(seq: Ints, phase: Ints, mono: Ints, interval: Ints) -> tuple[Ints, Ints]:
    """The times a point stands for: when it left, and its monotonic clock, microseconds; NONE where it has none."""
    grid = np.where(seq == NONE, 0, seq) * interval * 1000
    return grid + phase, np.where(mono == NONE, NONE, grid + mono)


def tag(text: str) -> str:
    """A name as it stands in a server's tag: what line protocol cannot say is written %XX."""
    return _UNFIT.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode(errors="surrogatepass")), text)


def untag(text: str) -> str:
    return unquote(text, errors="surrogatepass")


def _head(measurement: str, tags: dict[str, str]) -> str:
    """Servers keep no empty tags; sorted, as InfluxDB likes them."""
    return measurement + "".join(f",{name}={_escaped(tags[name])}" for name in sorted(tags) if tags[name])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", tag(text))


def _numbers(samples: Samples) -> tuple[Ints, Ints, Ints, Ints, Bools]:
    interval_us = samples.interval * 1000
    counted = np.where(samples.seq == NONE, 0, samples.seq)
    # Before the multiplication, which would wrap round and look small again.
    fit = np.abs(counted) < EXACT // np.maximum(interval_us, 1)
    grid = np.where(fit, counted, 0) * interval_us
    phase, mono = samples.sent - grid, samples.mono - grid
    for column in (phase, mono, samples.rtt):
        fit &= np.abs(column) < EXACT
    fit &= (samples.sent >= _EARLIEST_US) & (samples.sent < EXACT)
    # A clock that reads -1 by chance would be taken for none.
    fit &= (samples.mono == NONE) | (mono != NONE)
    return samples.sent, samples.seq, phase, mono, fit


def lines_of(
    measured: Iterable[tuple[SeriesKey, Iterable[Samples]]], events: Iterable[Event], site: str = ""
) -> Iterator[tuple[bytes, bool]]:
    """All of it; `site` tells one collector's points from another's where they share a server."""
    for key, parts in measured:
        for samples in parts:
            yield from sample_lines(key, samples, site)
    for event in sorted(events, key=lambda one: one.at_us):
        yield event_line(event, site)


def samples_of_points(tags: Tags, fields: Mapping[str, tuple[Ints, Ints]]) -> Samples:
    """Points that share their tags: of each field the times in order, in any one unit, and the values."""
    outcome, boot, interval, _ = tags
    stamps, first = np.unique(fields["seq"][0], return_index=True)
    seq = fields["seq"][1][first]
    phase, mono, rtt = (_beside(stamps, fields.get(name)) for name in ("phase", "mono", "rtt"))
    same = np.zeros(len(stamps), np.int64)
    step = np.full(len(stamps), interval)
    sent, clock = restored(seq, phase, mono, step)
    return Samples(sent, same, rtt, step, same, seq, clock, (outcome,), (boot,))


def _beside(stamps: Ints, field: tuple[Ints, Ints] | None) -> Ints:
    """A field's values at these times; NONE where it has none."""
    found = np.full(len(stamps), NONE)
    if field is not None:
        place = np.searchsorted(stamps, field[0])
        known = (place < len(stamps)) & (stamps[np.minimum(place, len(stamps) - 1)] == field[0])
        found[place[known]] = field[1][known]
    return found


def event_of(tags: Mapping[str, str], at_us: int) -> Event:
    names = ("link", "vantage", "event", "boot", "detail")
    return Event(at_us=at_us, **{name: untag(tags.get(name, "")) for name in names})
