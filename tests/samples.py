"""One rung's records as a Series, for tests that draw samples one by one."""

from collections.abc import Iterable

from jinbao_agent.sample import Sample
from jinbao_collector.series import NONE, Ints, Series, build_series, ints


def series_of(samples: Iterable[Sample], default_interval_ms: int) -> Series:
    """One rung's records -> Series; a sample without an interval of its own has the default."""
    rows = list(samples)
    outcomes = tuple(dict.fromkeys(row.outcome for row in rows))
    boots = tuple(dict.fromkeys(row.boot for row in rows))
    word = {name: index for index, name in enumerate(outcomes)}
    boot = {name: index for index, name in enumerate(boots)}

    def column(values: Iterable[int | None]) -> Ints:
        return ints(NONE if value is None else value for value in values)

    return build_series(
        ints(row.sent_us for row in rows),
        ints(word[row.outcome] for row in rows),
        column(row.rtt_us for row in rows),
        ints(row.interval_ms or default_interval_ms for row in rows),
        ints(boot[row.boot] for row in rows),
        column(row.seq for row in rows),
        column(row.mono_us for row in rows),
        outcomes,
        boots,
    )
