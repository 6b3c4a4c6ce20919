"""SQL over samples and events, for questions that no report asks. DuckDB answers; tables: docs/store.md."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinbao_collector.store import StoreError, open_store
from jinbao_collector.store.export import Asked, write_parquet

_EVENTS = ("link", "vantage", "happened_at", "event", "boot_id", "detail")


class QueryWrong(StoreError):
    """The query is not one that can be answered."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Answer:
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def ask(asked: Asked, query: str) -> Answer:
    """One query over the tables `samples` and `events` of one snapshot. Raises QueryWrong, StoreError, OSError.

    The samples are written aside first, so that a query may read them more than once: about 6 bytes each.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="jinbao-sql-") as scratch, duckdb.connect(":memory:") as db:
        file = Path(scratch) / "samples.parquet"
        write_parquet(asked, file)
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"CREATE VIEW samples AS SELECT * FROM read_parquet('{file}')")
        db.register("events", _events(asked))
        try:
            # Through Arrow: its instants need no pytz.
            relation = db.sql(query)
            if relation is None:
                raise QueryWrong("the query asks nothing; expected a SELECT over the tables samples and events")
            found = relation.to_arrow_table()
            return Answer(tuple(found.column_names), tuple(zip(*(column.to_pylist() for column in found.columns), strict=True)))
        except duckdb.Error as problem:
            raise QueryWrong(f"{problem}; there are the tables samples and events") from None


def _events(asked: Asked) -> Any:
    import pyarrow as pa

    since, until = asked.since or -(2**62), asked.until or 2**62
    with open_store(asked.directory) as reader:
        events = [event for event in reader.events(since, until) if not asked.links or event.link in asked.links]
    columns = [
        [event.link for event in events],
        [event.vantage for event in events],
        [event.at_us for event in events],
        [event.event for event in events],
        [event.boot for event in events],
        [event.detail for event in events],
    ]
    kinds = [pa.timestamp("us", "UTC") if name == "happened_at" else pa.string() for name in _EVENTS]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], list(_EVENTS))
