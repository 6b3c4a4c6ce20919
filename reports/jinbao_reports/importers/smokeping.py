"""SmokePing: its RRD (through the program rrdtool), or a CSV `unix,loss_of_N,median_s` of `rrdtool fetch … AVERAGE`.

Source: lib/Smokeping.pm (DS uptime, loss, median, ping1…pingN; step 300 s, N 20 by default) and lib/Smokeping/probes/base.pm
(the N times are stored sorted, losses spread at both ends: their order is gone) of oetiker/SmokePing; rrdtool's rrdcreate(1)
and rrdtool(1) on primary data points. A stored row is no round but a time-weighted mean over [stamp - width, stamp) of the
rounds that touch it, k = width / step of them. So a row becomes one sample, at the row's begin, and never N:
all N lost = `lost`; a loss so small that no round of the row can have been lost whole, below N / 2k, = `reply` with the median;
in between nobody can tell a dead round from a lossy hour, and it is no sample (`not_sent:partial_loss`). NaN = no sample.
"""

import dataclasses
import math
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from jinbao_agent.sample import LOST, REPLY, not_sent
from jinbao_config.units import plausible
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import SAMPLES, Place, Reading
from jinbao_reports.importers.rows import records, table
from jinbao_reports.source import BadInput

_DEFAULT_STEP_S = 300
_LOSS_COLUMN = re.compile(r"loss_of_([1-9]\d*)")
_EXACT = 1e-6  # rrdtool prints 10 digits


@dataclass(frozen=True, slots=True)
class _Row:
    """One stored mean: it ends at `stamp` (seconds), spans `width` seconds, and is of rounds of `pings` each."""

    stamp: int
    width: int
    loss: float
    median_s: float
    pings: int


def read(file: Path, reading: Reading) -> History:
    """`round_ms` is SmokePing's step, for a CSV. Raises BadInput, and FileNotFoundError without rrdtool."""
    try:
        with file.open("rb") as stored:
            is_rrd = stored.read(4) == b"RRD\0"
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
    found = Found(file, reading, "row" if is_rrd else "line")
    place = found.place(file.name.partition(".")[0])
    step, rows = _rrd(file) if is_rrd else _csv(found)
    if place is not None:
        found.notes |= _samples(found, place, step, rows)
    return found.history(SAMPLES)


def _samples(found: Found, place: Place, step: int, rows: list[_Row]) -> dict[str, object]:
    unknown = ambiguous = partial = 0
    losses = []
    for row in rows:
        if math.isnan(row.loss):
            unknown += 1
            continue
        losses.append((row.loss / row.pings, row.width))
        outcome, rtt_us = _outcome(row, row.width // step)
        ambiguous += outcome not in (REPLY, LOST)
        partial += outcome == REPLY and row.loss > _EXACT
        found.sample(place, (row.stamp - row.width) * 1_000_000, outcome, rtt_us, row.width * 1000)
    known_s = sum(width for _, width in losses)
    return {
        "pings_a_round": sorted({row.pings for row in rows}),
        "row_seconds": sorted({row.width for row in rows}),
        "rows_without_data": unknown,
        "rows_undecided": ambiguous,
        "rows_partly_lost": partial,
        "loss_percent": round(100 * sum(loss * width for loss, width in losses) / known_s, 4) if known_s else None,
    }


def _outcome(row: _Row, rounds: int) -> tuple[str, int | None]:
    if row.loss >= row.pings - _EXACT:
        return LOST, None
    # A dead round that falls into two rows leaves at least half its weight in one of them.
    if row.loss >= row.pings / (2 * rounds) - _EXACT or math.isnan(row.median_s):
        return not_sent("partial_loss"), None
    return REPLY, round(row.median_s * 1_000_000)


def _rrd(file: Path) -> tuple[int, list[_Row]]:
    root = _dump(file)
    names = [(source.findtext("name") or "").strip() for source in root.findall("ds")]
    pings = sum(re.fullmatch(r"ping\d+", name) is not None for name in names)
    if not pings or "loss" not in names or "median" not in names:
        raise BadInput(f"{file}: is no RRD of SmokePing: it holds {', '.join(names)}, not loss, median, ping1 …")
    step, updated = int(root.findtext("step") or 0), int(root.findtext("lastupdate") or 0)
    means = [archive for archive in root.findall("rra") if archive.findtext("cf") == "AVERAGE"]
    means.sort(key=lambda archive: int(archive.findtext("pdp_per_row") or 0))
    rows: list[_Row] = []
    for archive in means:
        width = step * int(archive.findtext("pdp_per_row") or 0)
        last = updated - updated % width
        stored = [[float(value.text or "nan") for value in row] for row in archive.iterfind("database/row")]
        # Coarser means only where the finer ones do not reach.
        begin = min((row.stamp - row.width for row in rows), default=None)
        for behind, values in enumerate(reversed(stored)):
            stamp = last - behind * width
            if begin is None or stamp <= begin:
                loss, median = values[names.index("loss")], values[names.index("median")]
                rows.append(_Row(stamp, width, loss, median, pings))
    return step, rows


def _dump(file: Path) -> ElementTree.Element:
    try:
        # C: no decimal comma.
        environment = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(["rrdtool", "dump", str(file.absolute())], capture_output=True, env=environment, check=False)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{file}: reading an RRD needs the program rrdtool (apt-get install rrdtool), or a CSV of rrdtool fetch"
        ) from None
    if done.returncode:
        raise BadInput(f"{file}: rrdtool cannot read it: {done.stderr.decode(errors='replace').strip()}")
    return ElementTree.fromstring(done.stdout)


def _csv(found: Found) -> tuple[int, list[_Row]]:
    step = (found.reading.round_ms or _DEFAULT_STEP_S * 1000) // 1000
    rows = table(found)
    name = str(rows.columns[1]) if len(rows.columns) == 3 else ""
    loss = _LOSS_COLUMN.fullmatch(name)
    if loss is None or (rows.columns[0], rows.columns[2]) != ("unix", "median_s"):
        raise BadInput(f"{found.file}: line 1: expected the columns unix,loss_of_N,median_s, N the pings of a round")
    read = list(_csv_rows(found, rows, name, int(loss[1]), step))
    width = min((after.stamp - before.stamp for before, after in pairwise(read)), default=step)
    if step < 1 or width % step:
        raise BadInput(f"{found.file}: rows are {width} s apart, which is no multiple of SmokePing's step of {step} s: --round")
    return step, [dataclasses.replace(row, width=width) for row in read]


def _csv_rows(found: Found, rows: pd.DataFrame, name: str, pings: int, step: int) -> Iterator[_Row]:
    last = 0
    for number, row in records(rows):
        try:
            stamp, loss, median = int(row["unix"]), float(row[name]), float(row["median_s"])
            plausible(stamp * 1_000_000, "seconds")
            if not (math.isnan(loss) or 0 <= loss <= pings + _EXACT) or not (math.isnan(median) or 0 <= median < step):
                raise ValueError("such a loss or median cannot be")
            if stamp <= last:
                raise ValueError("the rows must be in order of time, each once")
        except ValueError as problem:
            found.wrong(number, f"{','.join(row.values())}: {problem}")
            continue
        last = stamp
        yield _Row(stamp, 0, loss, median, pings)
