"""What the commands do that keep what is kept: backup, restore, verify, keep, repair."""

import argparse
import contextlib
from collections.abc import Callable

from jinbao_agent.keys import VerifyKey
from jinbao_collector.agents import LiveRoster
from jinbao_collector.authority import Authority
from jinbao_collector.backup import BackupBroken, Told, back_up, changed_files, held, read_backup
from jinbao_collector.backup import restore as restore_into
from jinbao_collector.centre import serving_held
from jinbao_collector.checking import problems
from jinbao_collector.home import Home
from jinbao_collector.ledger import Ledger
from jinbao_collector.packing import pack_month, unpacked_months
from jinbao_collector.place import Place
from jinbao_collector.repair import Repaired, damaged
from jinbao_collector.repair import repair as repair_month
from jinbao_collector.replica.lag import lags
from jinbao_collector.retention import Month, removable, remove
from jinbao_collector.texts import Output
from jinbao_config.services import read_collector

Now = Callable[[], int]


def backup(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = _place(options)
    home, declared = place.home, [str(file) for file in place.declared_files]
    public = Authority.load(home.keys).signing.public
    made = back_up(home, public, options.folder, now_ms(), _told(out, "copying"))
    words = {"folder": made.folder, "count": len(made.files), "position": made.position, "keys": home.keys}
    out.say("backed_up", **words, declared=" ".join(declared))
    facts = {"folder": str(made.folder), "files": len(made.files), "position": made.position, "digest": made.digest}
    out.facts({**facts, "not_in_it": [str(home.keys), *declared]})
    return 0


def restore(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    home = _place(options).home
    public = _public(home)
    made = restore_into(options.folder, home, public, now_ms(), _told(out, "copying"))
    out.say("restored", root=home.root, position=made.position)
    if public is None:
        out.complain("keys_missing", keys=home.keys)
    out.facts({"root": str(home.root), "position": made.position, "taken_ms": made.taken_ms, "keys": public is not None})
    return 0


def verify(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    home = _place(options).home if options.folder is None else Home(options.folder)
    found, public = [], None
    if options.folder is not None and not home.keys.exists():
        made = read_backup(options.folder)
        public = made.public
        found = [f"{made.folder / name}: is not the file that was backed up" for name in changed_files(made)]
    else:
        public = Authority.load(home.keys).signing.public
    found += problems(home, public, _told(out, "checking"))
    for problem in found:
        out.complain("error", problem=problem)
    if not found:
        out.say("all_well", root=home.root)
    out.facts({"ok": not found, "problems": found})
    return 1 if found else 0


def keep(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    """Packs closed months, and removes those that are past what the configuration says; beside a running service."""
    place = _place(options)
    home, keeps = place.home, place.config.keep_months
    with held(home.keeping), Ledger(home.ledger) as ledger:
        # What a replica has yet to get stays too, however long its server is dead.
        followers = lags(place, now_ms())
        due = removable(home, keeps, now_ms(), place.zone) if keeps else []
        dealt_with = min(lag.position for lag in followers)
        old = [month for month in due if month.last <= dealt_with]
        held_back = {
            month.file.stem: [lag.follower for lag in followers if lag.position < month.last] for month in due[len(old) :]
        }
        if options.dry_run:
            return _say_kept(out, [], [], _names(old), held_back)
        packed: list[str] = []
        waiting: list[str] = []
        for month in old:
            remove(month, ledger, now_ms())
        for file in unpacked_months(home.journal):
            (packed if pack_month(file) else waiting).append(file.stem)
    return _say_kept(out, packed, waiting, _names(old), held_back)


def _names(months: list[Month]) -> list[str]:
    return [month.file.stem for month in months]


def _say_kept(out: Output, packed: list[str], waiting: list[str], old: list[str], held_back: dict[str, list[str]]) -> int:
    out.say("kept", packed=" ".join(packed) or "-", waiting=" ".join(waiting) or "-", old=" ".join(old) or "-")
    for month, followers in held_back.items():
        # Run by the service, only complaints are seen: they go to its log.
        out.complain("held_back", month=month, followers=", ".join(followers))
    out.facts({"packed": packed, "busy": waiting, "removed": old, "held_back": held_back})
    return 0


def repair(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    """Not beside a running service: the files it writes are put in the damaged ones' place."""
    home = _place(options).home
    if options.source is not None and (changed := changed_files(read_backup(options.source))):
        raise BackupBroken(f"{options.source / changed[0]}: is not the file that was backed up; use another backup")
    with serving_held(home), held(home.keeping), Ledger(home.ledger) as ledger:
        key, mended = Authority.load(home.keys).signing, []
        for file in damaged(home):
            one = repair_month(home, file, ledger, LiveRoster(ledger)(), key, options.source, now_ms())
            _say_mended(out, one)
            mended.append(one)
        if not mended:
            out.say("nothing_damaged")
    out.facts([{"month": one.file.stem, "kept": one.kept, "lost": [list(gap) for gap in one.lost]} for one in mended])
    return 1 if any(one.lost for one in mended) else 0


def _say_mended(out: Output, one: Repaired) -> None:
    lost = ", ".join(f"{first}-{last}" for first, last in one.lost) or "-"
    out.say("mended", file=one.file, kept=one.kept, added=one.from_backup, lost=lost, quarantined=one.quarantined)


def _public(home: Home) -> VerifyKey | None:
    """The centre's key, where keys/ is there."""
    with contextlib.suppress(FileNotFoundError):
        if any(home.keys.iterdir()):
            return Authority.load(home.keys).signing.public
    return None


def _told(out: Output, name: str) -> Told:
    return out.progress(name)


def _place(options: argparse.Namespace) -> Place:
    return Place.of(read_collector(options.config))
