"""In a box of its own: a collector on a disk of its own, under load, and what happens to disks and processes.

`torture.py FOLDER FULL|NORMAL DEED:COUNT …` prints a line of JSON for each deed: how often, how much was acknowledged so far,
and what of that was lost or doubled. Power cuts stop the file system at once, without its journal: what no fsync asked to keep
was never there.
"""

import contextlib
import json
import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collecting import TestClock, centre_in, enrol_document, post, told
from jinbao_agent.wire import pack
from jinbao_collector.cli import main as collector
from jinbao_collector.place import Place
from jinbao_collector.store import open_store
from jinbao_collector.store.journal_reader import JournalReader
from jinbao_collector.volume import month_files
from jinbao_config.services import read_collector
from jinbao_lab import box, disk
from jinbao_lab.disk import LosableDisk
from served import COMMAND, Load, Served, children_of, config_in, serving, under_load
from tiny_influx import TOKEN, TinyInflux

DISK_MB = 800
PATIENCE_S = 30
AGENTS = 4
# The same service, but for the one word that makes an acknowledgement mean anything.
CARELESS = (
    sys.executable,
    "-c",
    "import sys\nfrom jinbao_collector import volume_file\nfrom jinbao_collector.cli import main\n"
    "volume_file.DURABLE = volume_file.DURABLE.replace('FULL', 'NORMAL')\nsys.exit(main())",
)


@dataclass
class Trial:
    """One collector and its agents; `told` is what the trial reports."""

    config: Path
    disk: LosableDisk
    copy: TinyInflux
    command: Sequence[str] = COMMAND
    loads: list[Load] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=lambda: {"lost": 0, "doubled": 0})

    @property
    def place(self) -> Place:
        return Place.of(read_collector(self.config))

    def begin(self) -> None:
        """An initialised collector with its agents, all of it on the disk."""
        self.disk.mount()
        if self.run("init"):
            raise SystemExit("init failed")
        with self.serving() as served:
            self.loads = [Load(served.enrol(f"tw-{number:02d}", f"51042210{number}")) for number in range(AGENTS)]
            served.stop(signal.SIGTERM)
        os.sync()

    def serving(self) -> contextlib.AbstractContextManager[Served]:
        return serving(self.config, self.command)

    def run(self, *words: str) -> int:
        """One of the collector's commands, in this process, its words thrown away."""
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):  # noqa: PTH123
            return collector(["--config", str(self.config), *words])

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """The same in a process of its own."""
        command = [*COMMAND, "--config", str(self.config), *words]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self, served: Served) -> None:
        """Hard, and nothing of it runs any more when this returns."""
        followers = [os.pidfd_open(child) for child in children_of(served.process.pid)]
        served.stop(signal.SIGKILL)
        for follower in followers:
            if not select.select([follower], [], [], PATIENCE_S)[0]:
                raise SystemExit("a follower outlived its service")
            os.close(follower)

    def cut(self, served: Served) -> None:
        """A machine without power sends nothing any more, so the service halts first: the kernel may call a sync a success
        that is under way while the file system is shut down."""
        served.process.send_signal(signal.SIGSTOP)
        await_true(lambda: states(served.process.pid) <= {"T", "D"}, "the service does not halt")
        self.disk.lose_writes()
        self.kill(served)

    def cycle(self) -> None:
        """Off and on again; only what the disk was made to keep is there."""
        self.disk.power_off()
        self.disk.power_on()

    def audit(self) -> None:
        """Whatever was promised is kept, once; the files are whole; what is sealed says what the journal says."""
        kept: list[tuple[str, int, str]] = []
        positions: list[int] = []
        for file in month_files(self.place.home.journal):
            with contextlib.closing(sqlite3.connect(file)) as db:
                if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    raise SystemExit(f"{file}: is damaged")
                kept += db.execute("SELECT agent, number, lower(hash) FROM batches WHERE agent <> ''").fetchall()
                positions += [row for (row,) in db.execute("SELECT position FROM batch ORDER BY position")]
        if positions != list(range(1, len(positions) + 1)):
            raise SystemExit("positions do not follow on each other")
        promised = {(load.speaker.agent, *one) for load in self.loads for one in load.promised()}
        self.told["acknowledged"] = len(promised)
        self.told["lost"] += len(promised - set(kept))
        self.told["doubled"] += len(kept) - len(set(kept))

    def compare_store(self) -> None:
        with open_store(self.place.home.root) as sealed, JournalReader(self.place.home.root) as plain:
            if told(sealed) != told(plain):
                raise SystemExit("the store does not say what the journal says")

    def finish(self, folder: Path) -> None:
        """Everything is sent at last; then it must all be as if nothing had ever happened."""
        with self.serving() as served:
            for load in self.loads:
                for at in range(load.acknowledged, len(load.sent), 3):
                    status, _ = served.post("/v1/batches", pack(load.sent[at : at + 3]))
                    assert status == 200
                load.acknowledged = len(load.sent)
            await_true(lambda: all(one["behind_rows"] == 0 for one in _replicas(served)), "the copy stays behind")
            served.stop(signal.SIGTERM)
        self.audit()
        self.run("seal")
        self.compare_store()
        undisturbed = folder / "undisturbed"
        undisturbed.mkdir()
        clock = TestClock(time.time_ns() // 1_000_000)
        with centre_in(undisturbed, clock, refuse="{ per_minute = 1000000 }") as centre:
            for load in self.loads:
                speaker = load.speaker
                code = centre.enrolment.invite(speaker.agent, "township", [speaker.link], centre.place.url, clock())
                centre.enrolment.enrol(enrol_document(code, speaker.key), clock())
                for at in range(0, len(load.sent), 100):
                    assert post(centre, *load.sent[at : at + 100]).status == 200
        with open_store(self.place.home.root) as here, open_store(undisturbed / "data") as there:
            self.told["samples"] = sum(map(len, told(here).values()))
            self.told["copied"] = len(self.copy.kept)
            if told(here) != told(there) or self.told["copied"] != self.told["samples"]:
                raise SystemExit(f"it is not as if nothing had happened: {self.told}")


def cuts(trial: Trial, count: int) -> None:
    """The power goes in the middle of the load, with somebody sealing beside it."""
    for _ in range(count):
        with trial.serving() as served, trial.start("seal", "--rebuild") as sealer:
            with under_load(served, trial.loads, breaks=True):
                time.sleep(random.uniform(0, 0.6))
                trial.cut(served)
            sealer.kill()
        trial.cycle()
        trial.audit()
        if trial.told["lost"]:
            return
        trial.compare_store()


def kills(trial: Trial, count: int) -> None:
    """kill -9 in turn for the service, a sealer, the forwarder and a backup, all while agents send."""
    for number in range(count):
        KILLS[number % len(KILLS)](trial, number)
        trial.audit()
        trial.compare_store()


def _kill_service(trial: Trial, number: int) -> None:
    with trial.serving() as served, under_load(served, trial.loads, breaks=True):
        time.sleep(random.uniform(0, 0.3))
        trial.kill(served)


def _kill_sealer(trial: Trial, number: int) -> None:
    _kill_beside(trial, "seal", "--rebuild")


def _kill_forwarder(trial: Trial, number: int) -> None:
    with trial.serving() as served:
        with under_load(served, trial.loads):
            await_true(lambda: bool(_forwarders(served)), "nothing is forwarded")
            time.sleep(random.uniform(0.2, 1))
            for forwarder in _forwarders(served):
                os.kill(forwarder, signal.SIGKILL)
        served.stop(signal.SIGTERM)


def _forwarders(served: Served) -> list[int]:
    children = children_of(served.process.pid)
    return [child for child in children if b"replica.forwarding" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _replicas(served: Served) -> list[dict[str, int]]:
    return [one for one in json.loads(served.get("/readyz")[1])["followers"] if one["follower"] != "store"]


def _kill_backup(trial: Trial, number: int) -> None:
    """What it leaves is a whole backup, or one that nobody would restore."""
    target = trial.disk.folder / f"backup-{number}"
    _kill_beside(trial, "backup", str(target))
    whole = (target / "backup.json").exists()
    trial.told["whole backups"] = trial.told.get("whole backups", 0) + whole
    if (trial.run("verify", str(target)) == 0) != whole:
        raise SystemExit(f"{target}: half a backup passes for a whole one, or the other way round")
    shutil.rmtree(target, ignore_errors=True)


KILLS = (_kill_service, _kill_sealer, _kill_forwarder, _kill_backup)


def _kill_beside(trial: Trial, *words: str) -> None:
    with trial.serving() as served:
        with under_load(served, trial.loads), trial.start(*words) as other:
            # To start takes half a second; most of these moments lie in the deed itself.
            time.sleep(random.uniform(0.3, 1.5))
            other.kill()
        served.stop(signal.SIGTERM)


def fills(trial: Trial, count: int) -> None:
    """The disk runs full under load: "later", says the service, reads go on; with room again so does the rest, by itself."""
    with trial.serving() as served:
        await_true(lambda: _has_open(served, trial.place.home.store), "nobody holds the store")
        for _ in range(count):
            for load in trial.loads:
                load.answers.clear()
            with under_load(served, trial.loads, breaks=True):
                _fill(trial.disk)
            statuses = set().union(*(load.answers for load in trial.loads))
            if statuses != {200, 507} or served.get("/readyz")[0] != 503 or served.get("/metrics")[0] != 200:
                raise SystemExit(f"a full disk does not show: {statuses}")
            trial.audit()
            trial.compare_store()
            disk.free(trial.disk)
            with under_load(served, trial.loads):
                await_true(lambda: served.get("/readyz")[0] == 200, "the service does not recover")
            trial.audit()
        served.stop(signal.SIGTERM)


def _fill(full: LosableDisk) -> None:
    """The bulk of it at once, the rest to the last byte."""
    with (full.folder / "ballast").open("ab") as ballast:
        free = os.statvfs(full.folder)
        os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize - 16 * 2**20)
    disk.fill(full)


def stays(trial: Trial, count: int) -> None:
    """The kernel makes the file system read-only, as it does after an error: reads go on, a start says why not."""
    for _ in range(count):
        with trial.serving() as served:
            # Whoever may not write can read only what somebody else has open: the sealer keeps a hand on the store for them.
            await_true(lambda: _has_open(served, trial.place.home.store), "nobody holds the store")
            with under_load(served, trial.loads):
                """Nothing is under way when it happens: the kernel may call a sync a success that it then throws away."""
            subprocess.run(["mount", "-o", "remount,abort", str(trial.disk.folder)], check=True)
            if {status for load in trial.loads for status in _one_more(served, load)} != {503}:
                raise SystemExit("a batch is acknowledged that cannot be written")
            if served.get("/readyz")[0] != 503:
                raise SystemExit("a read-only file system does not show")
            trial.audit()
            trial.compare_store()
            trial.kill(served)
        if (status := trial.start("serve").wait(PATIENCE_S)) != 3:
            raise SystemExit(f"serve on a read-only file system ends with {status}")
        trial.disk.lose_writes()
        trial.cycle()
        trial.audit()


def _one_more(served: Served, load: Load) -> Iterator[int]:
    yield served.post("/v1/batches", pack(load.sent[load.acknowledged :][:3] or [load.next()]))[0]


def _has_open(served: Served, file: Path) -> bool:
    """Whether a follower of the service has a file open, and SQLite's memory beside it."""
    opened = set()
    for child in children_of(served.process.pid):
        for handle in Path(f"/proc/{child}/fd").iterdir():
            # One that is closed meanwhile is none.
            with contextlib.suppress(FileNotFoundError):
                opened.add(str(handle.readlink()))
    return {str(file), f"{file}-shm"} <= opened


def tears(trial: Trial, count: int) -> None:
    """The log ends in half a write: what a crash leaves of a commit that nobody was told of."""
    for _ in range(count):
        _kill_service(trial, 0)
        for file in [*month_files(trial.place.home.journal), trial.place.home.store]:
            with file.with_name(file.name + "-wal").open("ab") as log:
                log.write(random.randbytes(random.randrange(1, 9000)))
        trial.audit()


DEEDS: dict[str, Callable[[Trial, int], None]] = {
    "cuts": cuts,
    "kills": kills,
    "fills": fills,
    "stays": stays,
    "tears": tears,
}


def states(pid: int) -> set[str]:
    """Of a process's threads, as the kernel abbreviates them."""
    return {file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")}


def await_true(question: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not question():
        if time.monotonic() > deadline:
            raise SystemExit(problem)
        time.sleep(0.01)


def main(folder: Path, deeds: Sequence[str], command: Sequence[str]) -> None:
    box.settle()
    with TinyInflux().open() as copy:
        config = _with_replica(config_in(folder, "disk/data"), copy)
        trial = Trial(config, LosableDisk(folder / "disk", folder / "image", DISK_MB), copy, command)
        trial.begin()
        for deed in deeds:
            name, _, count = deed.partition(":")
            DEEDS[name](trial, int(count))
            print(json.dumps({"deed": name, "count": int(count), **trial.told}), flush=True)
        if not trial.told["lost"]:
            trial.finish(folder)
            print(json.dumps({"deed": "finish", **trial.told}), flush=True)


def _with_replica(config: Path, server: TinyInflux) -> Path:
    (config.parent / "token").write_text(TOKEN)
    table = f'[[replica]]\nname = "copy"\nkind = "influxdb"\nurl = "http://127.0.0.1:{server.port}"\n'
    config.write_text(config.read_text() + table + 'org = "yanbian"\nbucket = "jinbao"\ntoken_file = "token"\n')
    return config


if __name__ == "__main__":
    if box.inside():
        main(Path(sys.argv[1]), sys.argv[3:], CARELESS if sys.argv[2] == "NORMAL" else COMMAND)
    else:
        os.execvpe(*box.command([sys.executable, __file__, *sys.argv[1:]]))
