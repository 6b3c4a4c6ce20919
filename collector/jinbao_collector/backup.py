"""A copy taken while the collector serves, and a data directory made of one. What a backup is worth is said by `check`.

The ledger is copied while nothing can be appended to the journal, and the journal as it was at that moment: so every key that
signed a row is enrolled in it, and every manifest attests rows that are there. The store lies behind both. `keys/` is never
copied: with it anybody could speak for the centre.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinbao_agent.keys import VerifyKey
from jinbao_collector import CollectorError
from jinbao_collector.home import Home, sync_directory, write_durably
from jinbao_collector.journal import position_held
from jinbao_collector.ledger import RESTORED, Ledger
from jinbao_collector.volume_file import month_files

FORMAT = "jinbao.backup/1"
_LIST = "backup.json"
_IGNORED = {"keys", "lost+found"}


class BackupError(CollectorError):
    """The folder named cannot be used for this."""

    exit_code = 2


class BackupBroken(BackupError):
    """A backup is not what it was."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup's list says of it: `position` is the last of the journal, `files` name -> SHA-256."""

    folder: Path
    position: int
    taken_ms: int
    public: VerifyKey
    files: dict[str, str]
    digest: str


Told = Callable[[int, int], None]
"""How many of how many files are done."""


def back_up(home: Home, public: VerifyKey, target: Path, now_ms: int, told: Told) -> Backup:
    """Into a new or empty folder; whole only when its list is there, which is written last.

    Raises BackupError, JournalError, LedgerError, VolumeError, sqlite3.Error or OSError.
    """
    _check_target(home, target)
    target.mkdir(parents=True, exist_ok=True)
    with held(home.keeping), contextlib.ExitStack() as opened:
        # The store first: it may lie behind the journal, never before it.
        sources = {file: _snapshot(file, opened) for file in (home.store, home.unsigned) if file.exists()}
        with position_held(home.journal) as position:
            sources |= {file: _snapshot(file, opened) for file in month_files(home.journal)}
            _copy_database(_database(home.ledger, opened, "rw"), target / home.ledger.name)
            plain = [file for folder in home.plain for file in sorted(_whole_files(folder))]
        for number, (file, source) in enumerate(sources.items(), 1):
            _copy_database(source, target / file.relative_to(home.root))
            told(number, len(sources) + len(plain))
        for number, file in enumerate(plain, len(sources) + 1):
            _copy_file(file, target / file.relative_to(home.root))
            told(number, len(sources) + len(plain))
    return _write_list(target, position, now_ms, public)


def read_backup(folder: Path) -> Backup:
    """What its list says. Raises BackupError, or BackupBroken where it is not whole or not what it was."""
    file = folder / _LIST
    try:
        data = file.read_bytes()
    except OSError:
        raise BackupBroken(f"{folder}: has no {_LIST}: it is no backup, or one that was never finished; name another") from None
    try:
        facts = json.loads(data)
        if facts["format"] != FORMAT:
            raise BackupError(f"{file}: has format {facts['format']!r}, this program knows {FORMAT!r}")
        public = VerifyKey.from_text(facts["public"])
        digest = hashlib.sha256(data).hexdigest()
        return Backup(folder, facts["position"], facts["taken_ms"], public, facts["files"], digest)
    except (ValueError, KeyError, TypeError) as problem:
        raise BackupBroken(f"{file}: is damaged: {problem!r}; take another backup") from None


def changed_files(backup: Backup) -> list[str]:
    """The names of files that are missing or not what they were."""
    return [name for name, digest in backup.files.items() if _digest(backup.folder / name) != digest]


def restore(source: Path, home: Home, public: VerifyKey | None, now_ms: int, told: Told) -> Backup:
    """Makes a data directory of a backup, and enters that in its ledger. `public` is the centre's key if keys/ is there.

    Raises BackupError, BackupBroken, LedgerError or OSError; then the directory is as it was.
    """
    backup = read_backup(source)
    if changed := changed_files(backup):
        raise BackupBroken(f"{source / changed[0]}: is not the file that was backed up; use another backup")
    if public is not None and public.fingerprint != backup.public.fingerprint:
        raise BackupError(f"{home.keys}: are the keys of another centre than this backup's; put those of {source} there")
    if home.root.exists() and (there := [file.name for file in home.root.iterdir() if file.name not in _IGNORED]):
        raise BackupError(f"{home.root}: holds {sorted(there)[0]} already; only a new data directory, or one with keys/ alone,"
                          " is restored into: move the old one away first")  # fmt: skip
    home.root.mkdir(parents=True, exist_ok=True)
    draft = home.root / ".restoring"
    try:
        for number, name in enumerate(backup.files, 1):
            _copy_file(source / name, draft / name)
            told(number, len(backup.files))
        _enter(Home(draft).ledger, backup, now_ms)
        _move_in(draft, home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return backup


@contextlib.contextmanager
def held(lock: Path) -> Iterator[None]:
    """Backups, and whoever packs, removes or repairs months, one at a time."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_target(home: Home, target: Path) -> None:
    if target.resolve().is_relative_to(home.root.resolve()):
        raise BackupError(f"{target}: lies within the data directory; name a folder outside of it, best on another disk")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target}: is not an empty folder; name a new one for each backup")


def _whole_files(folder: Path) -> Iterator[Path]:
    """Without those that are still being written aside, and the folders in which some are: they may be gone at any moment."""
    if not folder.is_dir():
        return
    for item in folder.iterdir():
        if item.name.startswith("."):
            continue
        if item.is_dir():
            yield from _whole_files(item)
        else:
            yield item


def _database(file: Path, opened: contextlib.ExitStack, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30)
    return opened.enter_context(contextlib.closing(db))


def _snapshot(file: Path, opened: contextlib.ExitStack) -> sqlite3.Connection:
    """Shows the file as it is now, whatever is written to it from here on."""
    db = _database(file, opened, "ro")
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db


def _copy_database(source: sqlite3.Connection, target: Path) -> None:
    """One file without a log beside it, so that it can be read wherever it is put."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous=OFF")
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    _sync(target)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    _sync(target)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_directory(file.parent)


def _write_list(target: Path, position: int, now_ms: int, public: VerifyKey) -> Backup:
    files = sorted(file for file in target.rglob("*") if file.is_file())
    facts: dict[str, Any] = {
        "format": FORMAT,
        "version": version("jinbao-uptime"),
        "taken_ms": now_ms,
        "position": position,
        "public": public.text,
        "files": {str(file.relative_to(target)): _digest(file) for file in files},
    }
    write_durably(target / _LIST, json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n")
    return read_backup(target)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except OSError:
        return ""


def _enter(ledger: Path, backup: Backup, now_ms: int) -> None:
    facts = {"taken_ms": backup.taken_ms, "position": backup.position, "backup": backup.digest}
    with Ledger(ledger) as opened:
        opened.append(RESTORED, facts, now_ms)


def _move_in(draft: Path, home: Home) -> None:
    """The ledger last: without it nobody takes this for a data directory."""
    for folder in (home.documents, home.manifests):
        (draft / folder.name).mkdir(exist_ok=True)
    for item in sorted(draft.iterdir(), key=lambda item: item.name == home.ledger.name):
        item.rename(home.root / item.name)
    sync_directory(home.root)
