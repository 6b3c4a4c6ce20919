"""Samples for anyone else's tools: what judgement sees of them, as CSV or Parquet. Columns: docs/store.md."""

import csv
import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinbao_collector.series import NONE, Series
from jinbao_collector.store import SeriesKey, open_store
from jinbao_config import units

COLUMNS = ("link", "vantage", "target", "sent_at", "outcome", "rtt_us", "boot_id", "seq", "mono_ns", "interval_ms")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_CHUNK_MS = 8 * units.DAY_MS


@dataclass(frozen=True, slots=True)
class Asked:
    """What to export: of these links, or of all; from `since` until `until`, milliseconds, or all there is."""

    directory: Path
    links: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


def write_csv(asked: Asked, file: Path) -> int:
    """In the form `jinbao-report compute --samples` reads; how many samples. All or nothing. Raises StoreError, OSError."""
    count = 0
    with _whole(file) as part, part.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(COLUMNS)
        for key, series in _parts(asked):
            rows.writerows(_rows(key, series))
            count += len(series)
    return count


def write_parquet(asked: Asked, file: Path) -> int:
    """Sorted by rung and time, in the encodings that suit each column; how many samples. Raises as `write_csv`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    words, numbers = pa.dictionary(pa.int32(), pa.string()), ("rtt_us", "seq", "mono_ns", "interval_ms")
    fields = [(name, words) for name in ("link", "vantage", "target")] + [("sent_at", pa.timestamp("ms", "UTC"))]
    fields += [("outcome", words), ("boot_id", words), *((name, pa.int64()) for name in numbers)]
    packed = dict.fromkeys(("sent_at", "seq", "mono_ns"), "DELTA_BINARY_PACKED") | {"rtt_us": "BYTE_STREAM_SPLIT"}
    schema, count = pa.schema(fields), 0
    with (
        _whole(file) as part,
        pq.ParquetWriter(
            part, schema, compression="zstd", use_dictionary=["link", "vantage", "target", "outcome", "boot_id", "interval_ms"],
            column_encoding=packed,
        ) as writer,
    ):  # fmt: skip
        for key, series in _parts(asked):
            writer.write_table(pa.table(_arrow(pa, key, series), schema))
            count += len(series)
    return count


def _parts(asked: Asked) -> Iterator[tuple[SeriesKey, Series]]:
    """Rung after rung, each in order of time, some days at once."""
    with open_store(asked.directory) as reader:
        for key in sorted(reader.names()):
            if asked.links and key[0] not in asked.links:
                continue
            since, until = asked.since or -(2**62), asked.until or 2**62
            found = reader.stretches(*key, since, until, 0)
            chunks = {number for row in range(len(found)) for number in _chunks(int(found.at[row]), int(found.last[row]))}
            for number in sorted(chunks):
                begin, end = max(since, number * _CHUNK_MS), min(until, (number + 1) * _CHUNK_MS)
                series = reader.series(*key, begin, end)
                if len(series):
                    yield key, series


def _chunks(first: int, last: int) -> range:
    return range(first // _CHUNK_MS, last // _CHUNK_MS + 1)


def _rows(key: SeriesKey, series: Series) -> Iterator[tuple[object, ...]]:
    columns = (series.at, series.outcome, series.rtt, series.boot, series.seq, series.mono, series.interval)
    for at, outcome, rtt, boot, seq, mono, interval in zip(*(column.tolist() for column in columns), strict=True):
        absent = ("" if value == NONE else value for value in (rtt, seq))
        rtt_us, number = absent
        clock = "" if mono == NONE else mono * 1000
        yield (*key, _instant(at), series.outcomes[outcome], rtt_us, series.boots[boot], number, clock, interval)


def _instant(at_ms: int) -> str | int:
    """RFC 3339; what no calendar has as the milliseconds that it is."""
    try:
        return (_EPOCH + datetime.timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return at_ms


def _arrow(pa: Any, key: SeriesKey, series: Series) -> list[Any]:
    def words(codes: Any, names: tuple[str, ...]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names, pa.string()))

    def numbers(values: Any, factor: int = 1) -> Any:
        return pa.array(values * factor, pa.int64(), mask=values == NONE)

    same = np.zeros(len(series), np.int64)
    return [
        *(words(same, (name,)) for name in key),
        pa.array(series.at, pa.timestamp("ms", "UTC")),
        words(series.outcome, series.outcomes),
        words(series.boot, series.boots),
        numbers(series.rtt),
        numbers(series.seq),
        numbers(series.mono, 1000),
        numbers(series.interval),
    ]


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """A file that takes the other one's place when all is written, and leaves no trace when not."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
