"""The year that bench/year.py judges: twelve townships with outages, brown-outs, dead services, absent agents, and reboots.

Deterministic. A probe leaves some hundred microseconds after its grid point, its two clocks are read a microsecond apart, and
round trips are lognormal with an evening hump: what icmp over a county's access lines looks like.
"""

import datetime
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from jinbao_collector.journal import Journal
from jinbao_collector.ledger import Ledger
from jinbao_collector.series import NONE
from jinbao_collector.store.file import HOURS
from jinbao_collector.store.samples import Samples, distinct
from jinbao_collector.store.segment import encode
from jinbao_collector.store.writing import StoreWriting

LINKS = tuple(f"5104221{number:02d}" for number in range(1, 13))
TOWNSHIP = ("nic", "lan", "cpe", "edge", "core", "peer", "app")
COUNTY = ("cpe", "agent", "peer", "app")
SITE = ("gw", "ce", "carrier")
OUTCOMES = ("lost", "refused", "reply")
LOST, REFUSED, REPLY = range(3)
FIRST_DAY = datetime.date(2021, 1, 1)
EPOCH_DAY = (FIRST_DAY - datetime.date(1970, 1, 1)).days
T_US, DAY_US = 10_000_000, 86_400_000_000
SLOTS = DAY_US // T_US
FAULTS = (("outage", 36, 480, 1.3), ("brown", 60, 1200, 0.9), ("service", 18, 300, 1.0), ("absent", 10, 900, 1.0))
"""Kind, how many a year, median seconds, spread of the logarithm."""

Array = npt.NDArray[Any]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Fault:
    kind: str
    start: float
    end: float
    loss: float


def make(folder: Path, days: int, *, parquet: bool) -> dict[str, Any]:
    """The year in `folder`, if it is not there yet; what it has cost."""
    facts = folder / "facts.json"
    if facts.exists():
        known: dict[str, Any] = json.loads(facts.read_text())
        if known["days"] == days and (not parquet or "parquet" in known):
            return known
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "parquet").mkdir(parents=True)
    _write_declared(folder)
    (folder / "data").mkdir()
    Ledger.create(folder / "data" / "ledger.db").close()
    Journal.create(folder / "data" / "journal", ZoneInfo("Asia/Shanghai"), EPOCH_DAY * 86_400_000)
    found = _fill(folder, days, parquet=parquet)
    facts.write_text(json.dumps(found))
    return found


def keys() -> Iterator[Key]:
    for link in LINKS:
        yield from ((link, "township", target) for target in TOWNSHIP)
        yield from ((link, "county", target) for target in COUNTY)
    yield from (("*", "county", target) for target in SITE)


def _fill(folder: Path, days: int, *, parquet: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"days": days, "series": 0, "samples": 0, "head": 0, "late": 0, "drift": 0, "rtt": 0}
    with StoreWriting(folder / "data" / "store.db") as store:
        for key in keys():
            print(f"\r{found['series']} series", end="", file=sys.stderr)
            found["series"] += 1
            columns = _ParquetFile(folder / "parquet", key) if parquet else None
            with store.transaction():
                for day in range(days):
                    samples = _day(key, day)
                    segment = encode(distinct([samples]))
                    store.put(store.number(key), (EPOCH_DAY + day) * HOURS, HOURS, segment)
                    found["samples"] += len(samples)
                    for name in ("head", "late", "drift", "rtt"):
                        found[name] += len(getattr(segment, name))
                    if columns:
                        columns.add(samples)
            if columns:
                found["parquet"] = found.get("parquet", 0) + columns.close()
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(file=sys.stderr)
    return {**found, "store": (folder / "data" / "store.db").stat().st_size}


class _ParquetFile:
    """One series, sorted by time, a row group a month, with the encodings that suit each column best."""

    def __init__(self, folder: Path, key: Key) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa, self._file = pa, folder / f"{'-'.join(key).replace('*', 'all')}.parquet"
        numbers = ("sent_us", "seq", "mono_us")
        fields = [
            *((name, pa.int64()) for name in numbers),
            ("rtt_us", pa.int32()),
            ("outcome", pa.string()),
            ("boot", pa.string()),
        ]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=["outcome", "boot"],
            column_encoding={**dict.fromkeys(numbers, "DELTA_BINARY_PACKED"), "rtt_us": "BYTE_STREAM_SPLIT"},
        )
        self._waiting: list[Samples] = []

    def add(self, samples: Samples) -> None:
        self._waiting.append(samples)
        if len(self._waiting) == 31:
            self._flush()

    def close(self) -> int:
        if self._waiting:
            self._flush()
        self._writer.close()
        return self._file.stat().st_size

    def _flush(self) -> None:
        pa, parts, self._waiting = self._pa, self._waiting, []
        column = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("sent", "seq", "mono", "rtt")}
        words = {
            name: np.concatenate([np.array(getattr(part, f"{name}s"))[getattr(part, name)] for part in parts])
            for name in ("outcome", "boot")
        }
        rtt = pa.array(column["rtt"].astype(np.int32), mask=column["rtt"] == NONE)
        arrays = [column["sent"], column["seq"], column["mono"], rtt, words["outcome"], words["boot"]]
        self._writer.write_table(pa.table([pa.array(one) for one in arrays], self._schema))


@cache
def _faults(link: str) -> tuple[Fault, ...]:
    chance = np.random.default_rng((11, int(link) if link != "*" else 0))
    found = []
    for kind, a_year, median, spread in FAULTS:
        for _ in range(chance.poisson(a_year if link != "*" else 3)):
            start = chance.uniform(0, 365 * 86_400)
            lasting = min(float(chance.lognormal(np.log(median), spread)), 2 * 86_400.0)
            found.append(Fault(kind, start, start + lasting, float(chance.uniform(0.02, 0.2))))
    return tuple(found)


@cache
def _boots(agent: str) -> tuple[float, ...]:
    """When each boot of an agent began, in seconds of the year: after most of its absences it is another one."""
    chance = np.random.default_rng((5, len(agent), sum(map(ord, agent))))
    absences = sorted(fault.end for fault in _faults(agent) if fault.kind == "absent")
    return (-86_400.0 * 40, *(end for end in absences if chance.random() < 0.7))


def _day(key: Key, day: int) -> Samples:
    """One rung's samples of one day (UTC), in order of time."""
    link, vantage, _ = key
    agent = link if vantage == "township" else "*"
    seconds = day * 86_400 + np.arange(SLOTS) * 10.0
    boots = _boots(agent)
    boot = np.searchsorted(np.array(boots), seconds, "right") - 1
    begun = np.array(boots)[boot]
    phase = (np.array([hash_of(agent, number) for number in range(len(boots))]) % T_US)[boot]
    seq = ((seconds - begun) // 10).astype(np.int64)
    common = np.random.default_rng((1, hash_of(agent, 0), day))
    late = common.gamma(2.0, 120.0, SLOTS) + common.random(SLOTS) * 900
    own = np.random.default_rng((2, hash_of("/".join(key), 0), day))
    sent = ((EPOCH_DAY * 86_400 + seconds) * 1e6).astype(np.int64) + phase % 9_000_000
    sent += (late + own.random(SLOTS) * 60).astype(np.int64)
    mono = sent - (EPOCH_DAY * 86_400 + begun).astype(np.int64) * 1_000_000 + (own.random(SLOTS) < 0.4)
    outcome, rtt = _outcomes(key, day, seconds, own)
    here = np.ones(SLOTS, bool)
    for fault in _faults(agent):
        if fault.kind == "absent":
            here &= (seconds < fault.start) | (seconds >= fault.end)
    names = tuple(f"{hash_of(agent, number):010x}-0000-4c3c-9d57-0123456789ab" for number in range(len(boots)))
    interval = np.full(SLOTS, 10_000)
    return Samples(sent, outcome, rtt, interval, boot, seq, mono, OUTCOMES, names).take(here)


def _outcomes(key: Key, day: int, seconds: Array, chance: np.random.Generator) -> tuple[Array, Array]:
    link, _, target = key
    fixed = np.random.default_rng((7, hash_of("/".join(key), 1)))
    local = target in ("nic", "lan", "gw", "ce")
    base, spread = fixed.uniform(300, 700) if local else fixed.uniform(2_000, 33_000), fixed.uniform(0.04, 0.2)
    loss = np.full(SLOTS, 2e-5 if local else fixed.uniform(1e-4, 1e-3))
    hour = seconds % 86_400 / 3600
    hump = 1 + 0.12 * np.exp(-(((hour - 12) / 3) ** 2)) * (not local) + 0.02 * np.sin(day / 9)
    rtt = np.rint(base * hump * np.exp(chance.standard_normal(SLOTS) * spread)).astype(np.int64)
    refused = np.zeros(SLOTS, bool)
    for fault in _faults(link):
        struck = (seconds >= fault.start) & (seconds < fault.end)
        if not local and fault.kind in ("outage", "brown"):
            loss[struck] = np.maximum(loss[struck], 1.0 if fault.kind == "outage" else fault.loss)
        elif fault.kind == "service" and target == "app":
            refused |= struck
    outcome = np.where(chance.random(SLOTS) < loss, LOST, np.where(refused, REFUSED, REPLY))
    return outcome, np.where(outcome == LOST, NONE, rtt)


@cache
def hash_of(name: str, number: int) -> int:
    """The same in every process, unlike hash()."""
    value = 14_695_981_039_346_656_037
    for byte in f"{name}#{number}".encode():
        value = (value ^ byte) * 1_099_511_628_211 % 2**64
    return value % 2**40


def _write_declared(folder: Path) -> None:
    lines = ['schema = "jinbao.links/1"', "[county]", 'targets = { gw = "10.0.0.1", ce = "10.0.0.2", carrier = "10.0.0.3" }']
    for number, link in enumerate(LINKS):
        lan = f"10.1.{number}"
        targets = f'nic = "nic:eth0", lan = "{lan}.1", cpe = "{lan}.2", edge = "{lan}.3", core = "10.0.0.2", peer = "10.0.0.9"'
        lines += ["[[link]]", f'code = "{link}"', f'name = "乡镇{number + 1}"', f'group = "olt-{number // 4}"']
        lines += [
            f'targets = {{ {targets}, app = "tcp://10.0.9.1:443" }}',
            f'county_targets = {{ agent = "{lan}.9", peer = "{lan}.9" }}',
        ]
    (folder / "links.toml").write_text("\n".join(lines) + "\n")
    (folder / "contract.toml").write_text(
        'schema = "jinbao.contract/1"\neffective = { from = 2020-01-01 }\ntarget = "99.9%"\nperiod = "year"\n'
    )
