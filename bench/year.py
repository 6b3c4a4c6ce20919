"""A year of a county judged from raw samples, beside DuckDB over Parquet: `python bench/year.py --cache DIR [--days 365]`.

Twelve links with every rung of both vantages, a sample each 10 s: 135 series, about 426 million samples in a year. They are
made once, straight into sealed segments by the product's own encoder (through the journal it would take hours), and into one
sorted Parquet file a series; both stay in DIR, about 4 GB, for the next run. Then each question is put to a fresh process, and
its time is taken from its start to its end, imports included:

  reference   up, down and unknown milliseconds of each month of each link's reference series (reach: 0.5 s, 200 MB)
  all         the same of all rungs (reach: 3 s)
  statement   the whole annual Statement: attribution, percentiles, everything (for information)

No figure is kept anywhere beforehand: a segment's head has its outcomes as runs, and the reader judges by those. DuckDB is
given the same samples, one file a series in order of time, and finds the runs in SQL; the machine of judgement R2 is then the
same code on both sides. The answers must be equal. Needs duckdb and pyarrow, unless --alone.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
YEAR = 2021
MONTHS = [f"{YEAR}-{month:02d}" for month in range(1, 13)]
WAIT_MS = 2000
TASKS = {"reference": 0.5, "all": 3.0, "statement": None, "duckdb-reference": None, "duckdb-all": None}


def main() -> int:
    options = _options()
    if options.task:
        print(json.dumps(_answer(options.task, options.cache)))
        return 0
    import year_data

    made = year_data.make(options.cache, options.days, parquet=not options.alone)
    print(f"{made['samples']:,} samples of {made['series']} series over {made['days']} days")
    for name in ("store", "head", "late", "drift", "rtt", "parquet"):
        if name in made:
            print(f"  {name:8s} {made[name] / made['samples']:7.3f} bytes a sample  {made[name] / 1e6:8.0f} MB")
    told = {task: _run(task, options) for task in TASKS if not (options.alone and task.startswith("duckdb"))}
    for task in ("reference", "all"):
        peer = told.get(f"duckdb-{task}")
        if peer is not None and peer["digest"] != told[task]["digest"]:
            raise SystemExit(f"{task}: DuckDB's answers are others")
    reached = told["reference"]["seconds"] <= 0.5 and told["reference"]["peak_mb"] <= 200 and told["all"]["seconds"] <= 3
    return 0 if reached else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True, help="where the year is kept, outside of the repository")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes a question; the median counts")
    parser.add_argument("--alone", action="store_true", help="without DuckDB and Parquet")
    parser.add_argument("--task", choices=tuple(TASKS), help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(task: str, options: argparse.Namespace) -> dict[str, Any]:
    """A task in fresh processes: seconds (median) and peak RSS, as its parent sees them."""
    rounds = 1 if task in ("statement", "duckdb-all") else options.rounds
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        command = [sys.executable, __file__, "--cache", str(options.cache), "--task", task]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append({"seconds": time.perf_counter() - begun, **json.loads(out)})
    median: dict[str, Any] = sorted(found, key=lambda one: one["seconds"])[len(found) // 2]
    goal = f"(reach {TASKS[task]} s)" if TASKS[task] else ""
    cost = f"{median['seconds']:8.3f} s  {median['processor']:8.3f} s of processor  {median['peak_mb']:6.0f} MB"
    print(f"{task:17s} {cost}  answers {median['digest'][:12]} {goal}", flush=True)
    return median


def _answer(task: str, cache: Path) -> dict[str, Any]:
    if task == "statement":
        told = _statement(cache)
    else:
        rows = list(_by_duckdb(cache, task) if task.startswith("duckdb") else _by_store(cache, task))
        told = json.dumps(rows)
    # Not ru_maxrss: that of a fresh process may still be its parent's.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    cost = {"peak_mb": int(status["VmHWM"].split()[0]) / 1024, "processor": time.process_time()}
    return {**cost, "digest": hashlib.sha256(told.encode()).hexdigest()}


Row = tuple[str, str, list[int]]


def _by_store(cache: Path, task: str) -> Iterator[Row]:
    """What a report asks, through the reader and the timeline that a report uses."""
    from jinbao_collector.store import open_store
    from jinbao_config.links import read_links
    from jinbao_reports.interval import FOREVER
    from jinbao_reports.measured import Measured
    from jinbao_reports.timeline import hysteresis

    with open_store(cache / "data") as reader:
        measured = Measured(reader, read_links(cache / "links.toml").value, WAIT_MS, FOREVER[0])
        for key in sorted(reader.names()):
            if task == "all" or key[1:] == ("township", "core"):
                yield from _months(key, hysteresis(measured.rung(*key, service=False).results, 3))
                # Nothing is asked twice; a report keeps its rungs, this need not.
                measured._rungs.clear()


def _months(key: tuple[str, str, str], timeline: Any) -> Iterator[Row]:
    from jinbao_reports.interval import intersect, total

    for month in MONTHS:
        first = date.fromisoformat(f"{month}-01")
        following = (first + timedelta(days=31)).replace(day=1)
        span = _ms(first), _ms(following)
        up, down = (total(intersect(spans, (span,))) for spans in (timeline.up, timeline.down))
        yield "/".join(key), month, [up, down, span[1] - span[0] - up - down]


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp() * 1000)


_RUNS = """
WITH samples AS (
    SELECT sent_us // 1000 AS t, outcome = 'refused' OR (outcome IN ('reply', 'late') AND rtt_us <= {wait}) AS ok
    FROM '{file}' WHERE outcome NOT LIKE 'not_sent%'
), marked AS (
    SELECT t, ok, coalesce(ok <> lag(ok) OVER w OR t - lag(t) OVER w > 15000, true) AS begins FROM samples
    WINDOW w AS (ORDER BY t)
), numbered AS (
    SELECT t, ok, sum(begins::INT) OVER (ORDER BY t ROWS UNBOUNDED PRECEDING) AS run FROM marked
)
SELECT min(t) AS first, max(t) AS last, count(*) AS n, any_value(ok) AS ok FROM numbered GROUP BY run ORDER BY first
"""


def _by_duckdb(cache: Path, task: str) -> Iterator[Row]:
    import duckdb
    import numpy as np

    from jinbao_reports.timeline import Results, hysteresis

    files = {tuple(file.stem.replace("all", "*").split("-")): file for file in (cache / "parquet").glob("*.parquet")}
    for (link, vantage, target), file in sorted(files.items()):
        if task == "duckdb-all" or (vantage, target) == ("township", "core"):
            runs = duckdb.connect().execute(_RUNS.format(file=file, wait=WAIT_MS * 1000)).fetchnumpy()
            at, last, count = (np.asarray(runs[name], np.int64) for name in ("first", "last", "n"))
            following = np.append(at[1:], np.iinfo(np.int64).max)
            held = np.where(following - last <= 15_000, following, last + 10_000)
            results = Results(at, np.asarray(runs["ok"], bool), held, np.full(len(at), 10_000), count)
            yield from _months((link, vantage, target), hysteresis(results, 3))


def _statement(cache: Path) -> str:
    from jinbao_reports.load import Asked, answer

    asked = Asked(cache / "links.toml", [cache / "contract.toml"], str(YEAR), store=cache / "data")
    made = answer(asked).statement()
    figures = {key: value for key, value in made.items() if key != "made_by"}
    return json.dumps(figures, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
