"""Bytes a sample at rest, in one run on the same samples: `python bench/at_rest.py [--influxd BIN] [--victoria BIN]`.

Some days of bench/year.py's county, twelve links with every rung of both vantages, go the whole way: signed batches of a
minute, through the door into the journal; the month is closed and packed; the journal is sealed into the store, from which the
samples are read back and compared. Beside it the same samples in Parquet, in DuckDB's own file, and in the servers given.

To reach (design §10): segments 5.0, journal 9, both 14 bytes a sample. Servers are started here, on loopback, in folders that
are removed; they are given a minute and a restart to compact what they have. Needs duckdb and pyarrow.
"""

import argparse
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import replicas
import year_data

from jinbao_agent.sample import Sample
from jinbao_agent.wire import GENESIS, Batch, make_batch, pack
from jinbao_collector.centre import Centre, create
from jinbao_collector.packing import pack_month
from jinbao_collector.place import Place
from jinbao_collector.replica.points import sample_lines
from jinbao_collector.replica.server import Server
from jinbao_collector.series import NONE
from jinbao_collector.store import SeriesKey, open_store
from jinbao_collector.store.samples import Samples, distinct, resolved
from jinbao_collector.store.sealing import seal
from jinbao_config.services import read_collector

FIRST = 27  # day of the year: all is in January, so that the month can be closed behind it
REACH = {"segments": 5.0, "journal": 9.0, "both": 14.0}
MINUTE_US = 60_000_000


def main() -> int:
    options = _options()
    days = range(FIRST, FIRST + options.days)
    county = {key: distinct([year_data._day(key, day) for day in days]) for key in list(year_data.keys())}
    count = sum(map(len, county.values()))
    print(f"{count:,} samples of {len(county)} series, {options.days} days", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        folder = Path(scratch)
        found = _ours(folder, county)
        found |= {"Parquet": _parquet(folder / "parquet", county), "DuckDB": _duckdb(folder)}
        for kind, binary in (("victoriametrics", options.victoria), ("influxdb", options.influxd)):
            if binary is None:
                print(f"{kind}: skipped, no server given")
            else:
                found[kind] = _server(folder / kind, kind, binary, county)
    for name, size in found.items():
        print(f"{name:24s} {size / count:7.3f} bytes a sample" + (f"  (reach {REACH[name]})" if name in REACH else ""))
    return 0 if all(found[name] <= most * count for name, most in REACH.items()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--victoria", type=Path, help="VictoriaMetrics")
    parser.add_argument("--influxd", type=Path, help="InfluxDB's server, 2.7 or later")
    parser.add_argument("--folder", type=Path, help="where scratch files go")
    return parser.parse_args()


def _ours(folder: Path, county: dict[SeriesKey, Samples]) -> dict[str, int]:
    place = _place(folder)
    now = [0]
    with Centre(place, lambda: now[0]) as centre:
        voices = [_Voice(centre, agent, county, now) for agent in (*year_data.LINKS, "*")]
        last = max(int(samples.sent.max()) for samples in county.values()) // MINUTE_US
        for minute in range(min(voice.first for voice in voices), last + 1):
            now[0] = (minute + 1) * 60_000
            _taken([answer for voice in voices for answer in voice.sends(centre, minute)])
        now[0] += 7 * 86_400_000  # in February: the next batch closes January
        _taken([centre.intake.receive(pack([voices[0].batch([])]), "10.0.0.1")])
    january = min((place.home.journal).glob("*.db"))
    written = _size(january)
    if not pack_month(january):
        raise SystemExit("the month could not be packed")
    seal(place.home)
    _compare(place, county)
    segments = _size(place.home.store)
    journal = _size(january)
    return {"journal, being written": written, "journal": journal, "segments": segments, "both": journal + segments}


def _place(folder: Path) -> Place:
    for declared in ("links.toml", "contract.toml"):
        (folder / declared).write_text("")
    lines = ['schema = "jinbao.collector/1"', 'data = "data"', 'names = ["127.0.0.1"]', "[refuse]", "per_minute = 1000000000"]
    (folder / "collector.toml").write_text("\n".join(lines) + "\n")
    place = Place.of(read_collector(folder / "collector.toml"))
    create(place, (year_data.EPOCH_DAY + FIRST) * 86_400_000)
    return place


class _Voice:
    """One agent with all it measured, in batches of a minute."""

    def __init__(self, centre: Centre, agent: str, county: dict[SeriesKey, Samples], now: list[int]) -> None:
        self._vantage = "county" if agent == "*" else "township"
        self._agent = "county" if agent == "*" else agent
        now[0] = (year_data.EPOCH_DAY + FIRST) * 86_400_000
        self._key = replicas.enrol(centre, self._agent, self._vantage, [agent])  # "*" speaks for every link
        self._chain, self._prev, self._number, self._boot = secrets.token_hex(16), GENESIS, 0, ""
        self._minutes = _by_minute({key: one for key, one in county.items() if agent == "*" or key[0] == agent}, self._vantage)
        self.first = min(self._minutes)

    def sends(self, centre: Centre, minute: int) -> "Iterator[Future[Any]]":
        if minute in self._minutes:
            yield centre.intake.receive(pack([self.batch(self._minutes.pop(minute))]), f"10.0.1.{len(self._agent)}")

    def batch(self, samples: list[Sample]) -> Batch:
        self._number += 1
        self._boot = samples[-1].boot if samples else self._boot
        header = {
            "agent": self._agent, "vantage": self._vantage, "chain": self._chain, "number": self._number, "prev": self._prev,
            "seen": GENESIS, "boot": self._boot, "install": "i" * 32, "version": "0.1.0",
            "clock": {"sync": 1, "maxerror_us": 900, "esterror_us": 10, "state": "OK"},
        }  # fmt: skip
        made = make_batch(header, samples, (), self._key)
        self._prev = made.signed.hash
        return made


def _by_minute(mine: dict[SeriesKey, Samples], vantage: str) -> dict[int, list[Sample]]:
    found: dict[int, list[Sample]] = {}
    for (link, of, target), samples in mine.items():
        if of != vantage:
            continue
        columns = (samples.sent, samples.outcome, samples.rtt, samples.boot, samples.seq, samples.mono)
        for sent, outcome, rtt, boot, seq, mono in zip(*(column.tolist() for column in columns), strict=True):
            sample = Sample(
                link=link,
                vantage=of,
                target=target,
                sent_us=sent,
                outcome=samples.outcomes[outcome],
                rtt_us=None if rtt == NONE else rtt,
                boot=samples.boots[boot],
                seq=seq,
                mono_us=mono,
                interval_ms=10_000,
            )
            found.setdefault(sent // MINUTE_US, []).append(sample)
    for samples_of in found.values():
        samples_of.sort(key=lambda sample: sample.sent_us)
    return found


def _taken(answers: "list[Future[Any]]") -> None:
    for answer in answers:
        if answer.result().status != 200:
            raise SystemExit(f"a batch was not taken in: {answer.result().status} {answer.result().body!r}")


def _compare(place: Place, county: dict[SeriesKey, Samples]) -> None:
    with open_store(place.home.root) as store:
        for key, samples in county.items():
            here, there = store.series(*key, -(2**62), 2**62), resolved(samples)
            if not all(np.array_equal(getattr(here, name), getattr(there, name)) for name in ("at", "rtt", "seq", "mono")):
                raise SystemExit(f"{key}: the store has other samples than were sent")


def _size(file: Path) -> int:
    """Pages in use. Those that hours left behind when they became days are used again; in a year they are nothing."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return (int(pages) - int(free)) * int(size)


def _parquet(folder: Path, county: dict[SeriesKey, Samples]) -> int:
    folder.mkdir()
    total = 0
    for key, samples in county.items():
        file = year_data._ParquetFile(folder, key)
        file.add(samples.take(np.argsort(samples.sent, kind="stable")))
        total += file.close()
    return total


def _duckdb(folder: Path) -> int:
    import duckdb

    file = folder / "samples.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute(f"CREATE TABLE sample AS SELECT * FROM read_parquet('{folder}/parquet/*.parquet', filename = true)")
    return file.stat().st_size


def _server(folder: Path, kind: str, binary: Path, county: dict[SeriesKey, Samples]) -> int:
    folder.mkdir()
    peer = replicas.Peer(kind, binary, folder / "server")
    place = replicas.declared(folder, peer)
    peer.start()
    try:
        peer.set_up()
        server, before = Server(place.config.replica[0], folder), peer.bytes_on_disk()
        for key, samples in county.items():
            lines = [line for line, _ in sample_lines(key, samples)]
            for at in range(0, len(lines), 5000):
                server.write(lines[at : at + 5000])
        time.sleep(60)
        peer.stop()
        peer.start()
        time.sleep(30)
        return peer.bytes_on_disk() - before
    finally:
        peer.kill()


if __name__ == "__main__":
    sys.exit(main())
