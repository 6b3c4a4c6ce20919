"""A server that is dead for a week, and one that answers for a year: `python bench/replicas.py --influxd BIN | --victoria BIN`.

week  Twelve links are journaled for seven days while nothing listens where the copies go. Then the server is started. While it
      catches up the server is killed (−9) after a third, and the process that copies after two thirds. At the end the counts of
      both sides are compared by link and day, and the memory of the copying process is told.
year  One link's rungs for a year, as bench/year.py makes them. Up, down and unknown of every month, once from sums by the hour
      that the server makes, once (the peer) from its samples; both must be what the samples say that were written.

Servers are started here, on loopback, in a folder of their own that is removed.
"""

import argparse
import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinbao_agent.keys import SigningKey
from jinbao_agent.sample import Sample
from jinbao_agent.wire import GENESIS, Batch, Signed, make_batch, pack
from jinbao_collector.centre import Centre, create
from jinbao_collector.place import Place
from jinbao_collector.replica.compare import compare
from jinbao_collector.replica.opening import open_replica
from jinbao_collector.replica.points import sample_lines
from jinbao_collector.replica.progress import glance
from jinbao_collector.replica.server import Server
from jinbao_collector.store import Reader, open_store
from jinbao_collector.store.samples import Samples, distinct, resolved
from jinbao_collector.store.sealing import seal
from jinbao_collector.stretches import Stretches, fold
from jinbao_config.services import read_collector

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = date(2021, 4, 5)
RUNGS = ("nic", "lan", "cpe", "edge", "core", "app")
TOKEN, ORG, BUCKET = secrets.token_hex(16), "bench", "jinbao"
WAIT_US = 2_000_000


class Peer:
    """A server of ours: started, killed and started again on the same port and folder."""

    def __init__(self, kind: str, binary: Path, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        at = f"127.0.0.1:{self.port}"
        self.url = f"http://{at}"
        self._command = [str(binary), f"-storageDataPath={folder}", f"-httpListenAddr={at}", "-retentionPeriod=100y"]
        self._command += ["-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR"]
        if kind == "influxdb":
            paths = ["--bolt-path", f"{folder}/bolt", "--engine-path", f"{folder}/engine", "--sqlite-path", f"{folder}/sqlite"]
            self._command = [str(binary), *paths, "--http-bind-address", at, "--reporting-disabled", "--log-level", "error"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{self.url}/health", timeout=60).close()
                return
            time.sleep(0.1)

    def set_up(self) -> None:
        if self.kind == "influxdb":
            facts = {"username": "bench", "password": secrets.token_hex(16), "org": ORG, "bucket": BUCKET, "token": TOKEN}
            body = json.dumps({**facts, "retentionPeriodSeconds": 0}).encode()
            urllib.request.urlopen(f"{self.url}/api/v2/setup", body, timeout=60).close()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """As its operator would: it may write out what it holds."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())


def main() -> int:
    options = _options()
    kind = "influxdb" if options.influxd else "victoriametrics"
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        folder = Path(scratch)
        peer = Peer(kind, options.influxd or options.victoria, folder / "server")
        place = _place(folder, peer)
        try:
            fine = [task(place, peer, options) for name, task in TASKS.items() if options.only in (None, name)]
        finally:
            peer.kill()
    return 0 if all(fine) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--influxd", type=Path, help="InfluxDB's server, 2.7 or later")
    which.add_argument("--victoria", type=Path, help="VictoriaMetrics")
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--links", type=int, default=12)
    parser.add_argument("--days", type=int, default=7, help="of the dead server")
    parser.add_argument("--year", type=int, default=365, help="days of the year")
    parser.add_argument("--rungs", type=int, default=2, help="rungs of the year")
    parser.add_argument("--folder", type=Path, help="where scratch files go")
    return parser.parse_args()


def _place(folder: Path, peer: Peer) -> Place:
    place = declared(folder, peer)
    create(place, _ms(FIRST))
    return place


def declared(folder: Path, peer: Peer) -> Place:
    """A collector that copies to this server."""
    (folder / "links.toml").write_text("")
    (folder / "contract.toml").write_text("")
    (folder / "token").write_text(TOKEN)
    lines = ['schema = "jinbao.collector/1"', 'data = "data"', 'names = ["127.0.0.1"]', "[[replica]]", 'name = "copy"']
    lines += [f'kind = "{peer.kind}"', f'url = "{peer.url}"']
    if peer.kind == "influxdb":
        lines += [f'org = "{ORG}"', f'bucket = "{BUCKET}"', 'token_file = "token"']
    (folder / "collector.toml").write_text("\n".join(lines) + "\n")
    return Place.of(read_collector(folder / "collector.toml"))


# A week without the server


def week(place: Place, peer: Peer, options: argparse.Namespace) -> bool:
    copying = _copying(place)
    _await(lambda: _state(place) == "unreachable")
    count = _journal(place, options.links, options.days)
    idle, state = _memory(copying.pid), _state(place)
    print(f"journaled {count:,} samples while the copy was {state}; the copying process has {idle} MB")
    peer.start()
    peer.set_up()
    last, begun = _last(place), time.monotonic()
    peak = idle
    for share, disturb in ((1 / 3, peer), (2 / 3, copying), (1, None)):
        _await(lambda share=share: _cursor(place) >= share * last)  # type: ignore[misc]
        peak = max(peak, _memory(copying.pid))
        if disturb is not None:
            print(
                f"  killing {'the server' if disturb is peer else 'the copying process'} at row {_cursor(place):,} of {last:,}"
            )
            disturb.kill()
            if disturb is peer:
                peer.start()
            else:
                copying.wait()
                copying = _copying(place)
    took = time.monotonic() - begun
    print(f"caught up in {took:.0f} s, {count / took:,.0f} samples/s; the copying process never had more than {peak} MB")
    time.sleep(90 if peer.kind == "victoriametrics" else 5)  # until restarts are noticed and the last of it can be asked for
    copying.kill()
    copying.wait()
    seal(place.home)
    with open_store(place.home.root) as store, open_replica(place, place.config.replica[0]) as server:
        found = compare(store, server, FIRST, FIRST + timedelta(days=options.days + 1), SHANGHAI)
    print(f"compared: {found.here:,} here, {found.there:,} there, {len(found.differences)} of the links' days differ")
    return not found.differences and found.here == count


def _journal(place: Place, links: int, days: int) -> int:
    now = [_ms(FIRST)]
    with Centre(place, lambda: now[0]) as centre:
        keys = [enrol(centre, f"tw-{number:02d}", "township", [_link(number)]) for number in range(links)]
        heads = [(secrets.token_hex(16), GENESIS) for _ in range(links)]
        for hour in range(days * 24):
            now[0] += 3_600_000
            waiting = []
            for number, key in enumerate(keys):
                batches = []
                for minute in range(hour * 60, (hour + 1) * 60):
                    chain, prev = heads[number]
                    batches.append(_batch(key, number, chain, prev, minute))
                    heads[number] = chain, batches[-1].signed.hash
                waiting.append(centre.intake.receive(pack(batches), f"10.0.0.{number}"))
            for answer in (one.result() for one in waiting):
                if answer.status != 200:
                    raise SystemExit(f"a batch was not taken in: {answer.status} {answer.body!r}")
            print(f"\r  hour {hour + 1} of {days * 24}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return days * 1440 * links * 6 * len(RUNGS)


def enrol(centre: Centre, agent: str, vantage: str, links: Sequence[str]) -> SigningKey:
    key = SigningKey.generate()
    code = centre.enrolment.invite(agent, vantage, list(links), centre.place.url, centre.now_ms())
    proof = hmac.digest(bytes.fromhex(code.rpartition(".")[2]), key.public.raw, "sha256").hex()
    facts = {"public": key.public.text, "install": "i" * 32, "proof": proof, "predecessor": None, "at": centre.now_ms()}
    centre.enrolment.enrol(Signed.make("jinbao-enrol/1", facts, key).to_lines(), centre.now_ms())
    return key


def _batch(key: SigningKey, number: int, chain: str, prev: str, minute: int) -> Batch:
    header = {
        "agent": f"tw-{number:02d}", "vantage": "township", "chain": chain, "number": minute + 1, "prev": prev, "seen": "",
        "boot": "b" * 8, "install": "i" * 32, "version": "0.1.0",
        "clock": {"sync": 1, "maxerror_us": 900, "esterror_us": 10, "state": "OK"},
    }  # fmt: skip
    noise = secrets.token_bytes(6 * len(RUNGS))
    samples = [
        Sample(
            link=_link(number),
            vantage="township",
            target=target,
            sent_us=(_ms(FIRST) + minute * 60_000 + step * 10_000) * 1000 + noise[step * 6 + place],
            outcome="lost" if noise[step * 6 + place] == 0 else "reply",
            rtt_us=None if noise[step * 6 + place] == 0 else 2000 + 8 * noise[step * 6 + place],
            boot="b" * 8,
            seq=minute * 6 + step,
            mono_us=(minute * 60_000 + step * 10_000) * 1000 + 10**9 + noise[step * 6 + place],
            interval_ms=10_000,
        )
        for step in range(6)
        for place, target in enumerate(RUNGS)
    ]
    return make_batch(header, samples, (), key)


def _link(number: int) -> str:
    return f"5104{number:05d}"


def _copying(place: Place) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "jinbao_collector.replica.forwarding", str(place.file), "copy"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _state(place: Place) -> str:
    seen = glance(place.home.replica("copy"))
    return seen[0].state if seen else ""


def _cursor(place: Place) -> int:
    seen = glance(place.home.replica("copy"))
    return seen[0].cursor if seen else 0


def _last(place: Place) -> int:
    from jinbao_collector.follower import Feed

    return Feed(place.home.journal).last()


def _await(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(0.1)


def _memory(pid: int) -> int:
    """The most a process ever had, megabytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) // 1000


# A year


def year(place: Place, peer: Peer, options: argparse.Namespace) -> bool:
    import year_data

    keys = [("510422101", "township", target) for target in ("core", "app", "edge", "cpe", "lan", "nic")[: options.rungs]]
    if options.only:
        peer.start()
        peer.set_up()
    replica = place.config.replica[0]
    server, count, begun = Server(replica, place.file.parent), 0, time.monotonic()
    before = peer.bytes_on_disk()
    truth = {}
    for key in keys:
        parts = [year_data._day(key, day) for day in range(options.year)]
        for part in parts:
            count += len(part)
            _write(server, [line for line, _ in sample_lines(key, part)])
        truth[key] = _digest(_months(fold(resolved(distinct(parts)), WAIT_US)))
    took = time.monotonic() - begun
    print(f"wrote {count:,} samples of {options.year} days in {took:.0f} s, {count / took:,.0f} samples/s")
    time.sleep(10)
    print(f"on disk {(peer.bytes_on_disk() - before) / count:.1f} bytes a sample, before it has compacted everything")
    fine = True
    for key in keys:
        for name, ask in (("sums", _from_sums), ("samples", _from_samples)):
            with open_replica(place, replica) as reader:
                begun = time.monotonic()
                right = _digest(_months(ask(reader, key))) == truth[key]
                print(f"  {key[2]:5s} from {name:8s} {time.monotonic() - begun:7.2f} s  {'equal' if right else 'DIFFERENT'}")
                fine &= right
    return fine


def _write(server: Server, lines: Sequence[bytes]) -> None:
    for at in range(0, len(lines), 5000):
        server.write(lines[at : at + 5000])


def _from_sums(reader: Reader, key: tuple[str, str, str]) -> Stretches:
    return reader.stretches(*key, 0, 2**62, WAIT_US)


def _from_samples(reader: Reader, key: tuple[str, str, str]) -> Stretches:
    parts: list[Samples] = reader._asking.samples(key, [(_ms(date(2020, 12, 1)), _ms(date(2022, 2, 1)))])  # type: ignore[attr-defined]
    return fold(resolved(distinct(parts)), WAIT_US)


def _months(rows: Stretches) -> Iterator[str]:
    """The stretches themselves say more than any sum of them."""
    for at, last, count, outcome, in_time in zip(
        rows.at.tolist(), rows.last.tolist(), rows.count.tolist(), rows.outcome.tolist(), rows.in_time.tolist(), strict=True
    ):
        yield f"{at} {last} {count} {rows.outcomes[outcome]} {in_time}\n"


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp()) * 1000


TASKS: dict[str, Callable[[Place, Peer, Any], bool]] = {"week": week, "year": year}

if __name__ == "__main__":
    sys.exit(main())
