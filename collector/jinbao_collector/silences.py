"""Why an agent's data has gaps, as the centre can tell from what it keeps: the agent's own records, read back."""

from collections.abc import Iterator

from jinbao_agent.silence import Probe, Silence, silences
from jinbao_collector.agents import Member
from jinbao_collector.series import NONE, Series
from jinbao_collector.store import Reader
from jinbao_config import units
from jinbao_config.links import ALL_LINKS


def silences_of(reader: Reader, member: Member, since_ms: int, until_ms: int) -> list[Silence]:
    """Of one agent in [since, until), by every rung it speaks for. Raises what the reader raises."""
    names = sorted(name for name in reader.names() if name[1] == member.vantage and member.speaks_for(name[0]))
    # A boot whose clock was not right yet, too: it speaks of 1970.
    spans = ((0, min(units.DAY_MS * 366, since_ms)), (since_ms, until_ms))
    rungs = [reader.series(*name, *span) for name in names for span in spans]
    events = [
        event
        for span in spans
        for event in reader.events(*span)
        if event.vantage == member.vantage and (event.link in member.links or event.link == ALL_LINKS)
    ]
    intervals = [int(series.interval[series.interval > 0].min()) for series in rungs if (series.interval > 0).any()]
    probes = [probe for series in rungs for probe in _probes(series)]
    return silences(probes, events, min(intervals)) if intervals else []


def _probes(series: Series) -> Iterator[Probe]:
    for boot, mono, at, outcome in zip(
        series.boot.tolist(), series.mono.tolist(), series.at.tolist(), series.outcome.tolist(), strict=True
    ):
        if mono != NONE:
            yield Probe(series.boots[boot], mono, at, series.outcomes[outcome])
