"""What verifying a year costs: `python bench/verify.py --cache DIR [--days 365] [--site DIR]`.

A package at full size is made once and kept in DIR: twelve townships and the county, every rung, a sample each 10 s, a signed
batch a minute, each in its chain, a signed manifest a day. Each day repeats one day's measurements under heads of its own,
which for hashing and signatures is the same work. A fresh process then checks it (every byte, every hash, every manifest, the
signatures the chains need; reach: 4 minutes), and beside it `sha256sum` reads the same file.

`--site`: a folder that `jinbao-lab year` made. Its December is packed and verified too, figures recomputed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Sample
from jinbao_agent.wire import GENESIS, Signed, canonical, encode_body
from jinbao_collector.ledger import row_hash
from jinbao_reports.evidence.pack import Packer
from jinbao_reports.evidence.package import accompanying
from jinbao_reports.evidence.source import as_json
from jinbao_reports.evidence.verify.chains import LedgerRow, ledger_line
from jinbao_reports.evidence.verify.rows import Row, packed
from jinbao_reports.legal_days import SHIPPED

REACH_S = 240
OURS = str(Path(sys.executable).with_name("jinbao-report"))
FIRST = date(2021, 1, 1)
DAY_MS, MINUTE_MS = 86_400_000, 60_000
EPOCH_MS = (FIRST - date(1970, 1, 1)).days * DAY_MS
LINKS = [f"5104221{number:02d}" for number in range(1, 13)]
TOWNSHIP = ("nic", "lan", "cpe", "edge", "core", "peer", "app")
COUNTY = ("cpe", "agent", "peer", "app")


def main() -> int:
    options = _options()
    file = options.cache / f"year-{options.days}.zip"
    known = file.with_suffix(".key")
    if not known.exists():
        options.cache.mkdir(parents=True, exist_ok=True)
        known.write_text(_make(file, options.days))
    rows = options.days * 1440 * (len(LINKS) + 1)
    size = file.stat().st_size
    print(f"{options.days} days, {rows:,} batches, {size / 1e9:.2f} GB, {size / rows:.0f} bytes a batch")
    _run("sha256sum", ["sha256sum", str(file)])
    took = _run("verify", [OURS, "verify", str(file), "--keys", known.read_text(), "--no-figures", "--json"], "verified")
    if options.site:
        _site(options.site)
    return 0 if took <= REACH_S * options.days / 365 else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True, help="where the package is kept, outside of the repository")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--site", type=Path, help="a demonstration year")
    return parser.parse_args()


def _run(name: str, command: list[str], outcome: str = "") -> float:
    """Seconds of the wall; prints them, the processors' and the largest process's memory. It must end with this outcome."""
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took, processor = time.monotonic() - begun, used.ru_utime + used.ru_stime
    print(f"{name:12s} {took:8.1f} s  {processor:8.1f} s of processor  peak {used.ru_maxrss / 1024:6.0f} MB", flush=True)
    if process.returncode not in (0, 3) or (outcome and json.loads(said)["outcome"] != outcome):
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}: {said[:500]}")
    return took


def _site(folder: Path) -> None:
    names = ("--store", "data"), ("--links", "links.toml"), ("--contract", "contract.toml")
    declared = [word for option, name in names for word in (option, str(folder / name))]
    package = folder / "bench.zip"
    _run("package", [OURS, "package", *declared, "--period", "2025-12", "--out", str(package), "--json"])
    print(f"its December: {package.stat().st_size / 1e6:.1f} MB")
    _run("verify it", [OURS, "verify", str(package), "--json"], "unanchored")


# The package


@dataclass
class Chain:
    """One agent: `bodies` are a day's, as (SHA-256, zlib)."""

    name: str
    vantage: str
    key: SigningKey
    bodies: list[tuple[str, bytes]]
    number: int = 0
    head: str = GENESIS
    id: str = field(default="")

    def row(self, position: int, at_ms: int, minute: int) -> Row:
        digest, body = self.bodies[minute]
        self.number += 1
        fields = {
            "agent": self.name, "body": digest, "boot": "0b1e0e0e-7ea2-4c3c-9d57-0123456789ab", "chain": self.id, "clock":
            {"esterror_us": 40, "maxerror_us": 2000, "state": "OK", "sync": 1}, "install": self.id, "key":
            self.key.public.fingerprint, "number": self.number, "prev": self.head, "seen": "", "slots": [at_ms, at_ms + 59_000],
            "vantage": self.vantage, "version": "0.1.0", "waiting": 0,
        }  # fmt: skip
        head = f"jinbao-batch/1\n{json.dumps(fields, separators=(',', ':'))}\n".encode()
        self.head = sha256(head).hexdigest()
        return Row(position, self.head, at_ms + 61_000, "[]", head, self.key.sign(head), body)


def _make(file: Path, days: int) -> str:
    """Writes it; the centre's fingerprint."""
    centre, chance = SigningKey.generate(), random.Random(1)
    chains = [_chain(f"tw-{link}", "township", [(link, rung) for rung in TOWNSHIP], chance) for link in LINKS]
    chains.append(_chain("county", "county", [(link, rung) for link in LINKS for rung in COUNTY], chance))
    ledger = _ledger(chains)
    config = {"links": b"# links\n", "contract": b"# contract\n"}
    attested = {
        "links": sha256(config["links"]).hexdigest(),
        "contracts": {"contract.toml": sha256(config["contract"]).hexdigest()},
    }
    head = {"position": ledger[-1].position, "hash": ledger[-1].hash}
    with Packer(file) as packer:
        packer.add("package.json", as_json(_facts(days)))
        packer.add(
            "report.json",
            _json({"period": {"from": f"{FIRST}T00:00:00+00:00", "to": _day(days) + "T00:00:00+00:00"}, "as_of": None}),
        )
        packer.add("config/links.toml", config["links"])
        packer.add("config/contract.toml", config["contract"])
        packer.add("config/calendar.toml", SHIPPED.read_bytes())
        packer.add("keys/centre.txt", f"{centre.public.text}\n".encode())
        packer.add("ledger.jsonl", "".join(map(ledger_line, ledger)).encode())
        before, manifests, count = GENESIS, [], 1440 * len(chains)
        for day in range(days):
            print(f"\rday {day + 1} of {days}", end="", file=sys.stderr)
            digest = sha256()
            packer.add(f"rows/{_day(day)}.rows", packed(_rows(chains, day, digest)))
            positions = [day * count + 1, (day + 1) * count]
            more = {"chains": [], "roster": "", "config": "", "version": "", "at": EPOCH_MS + (day + 1) * DAY_MS + MINUTE_MS}
            told = {"day": _day(day), "positions": positions, "digest": digest.hexdigest(), "ledger": head, "prev": before}
            signed = Signed.make("jinbao-manifest/1", {**told, **attested, **more}, centre)
            manifests.append((_day(day), signed))
            before = signed.hash
        for name, signed in manifests:
            packer.add(f"manifests/{name}.manifest", signed.to_lines())
        name, signed = manifests[-1]
        for member, data in accompanying(centre.public.fingerprint, name, signed.hash, demonstration=False).items():
            packer.add(member, data)
        packer.close()
    print(file=sys.stderr)
    return centre.public.fingerprint


def _rows(chains: list[Chain], day: int, digest: Any) -> Iterator[Row]:
    position = day * 1440 * len(chains)
    for minute in range(1440):
        for chain in chains:
            position += 1
            row = chain.row(position, EPOCH_MS + day * DAY_MS + minute * MINUTE_MS, minute)
            digest.update(b"%d %s\n" % (position, row.hash.encode()))
            yield row


def _chain(name: str, vantage: str, rungs: list[tuple[str, str]], chance: random.Random) -> Chain:
    bodies = [_body(vantage, rungs, minute, chance) for minute in range(1440)]
    return Chain(name, vantage, SigningKey.generate(), bodies, id=sha256(name.encode()).hexdigest()[:32])


def _body(vantage: str, rungs: list[tuple[str, str]], minute: int, chance: random.Random) -> tuple[str, bytes]:
    """A minute of healthy probes: jitter of the scheduler and of the line."""
    samples = []
    for step in range(6):
        for place, (link, target) in enumerate(rungs):
            at = (EPOCH_MS + minute * MINUTE_MS + step * 10_000) * 1000 + 137_000 + chance.randrange(900) + place
            rtt = int(chance.lognormvariate(9, 0.1))
            mono, seq = at - EPOCH_MS * 1000 + chance.randrange(2), minute * 6 + step
            of = Sample(link=link, vantage=vantage, target=target, sent_us=at, outcome="reply", rtt_us=rtt)
            samples.append(replace(of, seq=seq, mono_us=mono, interval_ms=10_000))
    plain = encode_body(samples, [])
    return sha256(plain).hexdigest(), zlib.compress(plain, 6)


def _ledger(chains: list[Chain]) -> list[LedgerRow]:
    rows, before = list[LedgerRow](), GENESIS
    for position, chain in enumerate(chains, 1):
        facts = canonical({"agent": chain.name, "vantage": chain.vantage, "links": [], "public": chain.key.public.text})
        hashed = row_hash(position, EPOCH_MS, "enrolment", facts, before)
        rows.append(LedgerRow(position, EPOCH_MS, "enrolment", facts, before, hashed))
        before = hashed
    return rows


def _facts(days: int) -> dict[str, Any]:
    made_by = {"name": "jinbao-uptime", "version": metadata.version("jinbao-uptime")}
    asked = {"outage": None, "contracts": ["config/contract.toml"]}
    return {"schema": "jinbao.package/1", "made_by": made_by, "asked": asked, "issue": None, "until_day": _day(days - 1)}


def _day(number: int) -> str:
    return str(FIRST + timedelta(days=number))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


if __name__ == "__main__":
    sys.exit(main())
