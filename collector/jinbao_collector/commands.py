"""What each command of `jinbao-collector` does."""

import argparse
import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinbao_agent.keys import VerifyKey
from jinbao_agent.silence import Why
from jinbao_collector.agents import LiveRoster, Member
from jinbao_collector.authority import Authority
from jinbao_collector.centre import context_of, create
from jinbao_collector.configure import configure
from jinbao_collector.enrolment import VALID_MS, Enrolment
from jinbao_collector.entry import read_entries
from jinbao_collector.heard import Heard, last_heard
from jinbao_collector.home import Home, write_durably
from jinbao_collector.journal import position_held
from jinbao_collector.ledger import ENTRY, Ledger, Row
from jinbao_collector.manifest import ManifestBroken, Manifests
from jinbao_collector.place import Place
from jinbao_collector.retention import removed
from jinbao_collector.silences import silences_of
from jinbao_collector.store import open_store
from jinbao_collector.texts import Output, speak
from jinbao_config import units
from jinbao_config.links import ALL_LINKS, read_links
from jinbao_config.services import read_collector

__all__ = ["configure"]

Now = Callable[[], int]


def init(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    authority = create(place, now_ms())
    facts = {
        "root": str(place.home.root),
        "keys": str(place.home.keys),
        "ca": authority.ca_fingerprint,
        "key": authority.signing.public.fingerprint,
    }
    out.say("made", **facts)
    out.facts(facts)
    return 0


def serve(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    # The web server is loaded by this command alone.
    from jinbao_collector.serve import serve as serve_until_stopped

    def listening(address: str) -> None:
        out.say("listening", address=address)
        out.facts({"listening": address})

    serve_until_stopped(place_of(options), now_ms, listening)
    return 0


def invite(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    links = links_named(options, place, out)
    with Ledger(place.home.ledger) as ledger:
        enrolment = Enrolment(ledger, Authority.load(place.home.keys))
        now = now_ms()
        code = enrolment.invite(options.agent, options.vantage, links, place.url, now)
    out.say("invited", code=code)
    out.facts({"code": code, "agent": options.agent, "expires_ms": now + VALID_MS})
    return 0


def revoke(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    home = place_of(options).home
    with Ledger(home.ledger) as ledger, position_held(home.journal) as position:
        keys = Enrolment(ledger, Authority.load(home.keys)).revoke(options.agent, position, now_ms(), former=options.former)
    out.say("revoked", agent=options.agent, count=len(keys), position=position)
    out.facts({"agent": options.agent, "keys": keys, "position": position})
    return 0


def agents(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    with Ledger(place.home.ledger) as ledger:
        members = list(LiveRoster(ledger)().members.values())
    heard, now = last_heard(place.home.journal), now_ms()
    if not members:
        out.say("nobody")
    for member in members:
        state = "good" if member.revoked_after is None else "gone"
        out.say(
            "member",
            agent=member.agent,
            vantage=member.vantage,
            links=",".join(member.links),
            key=member.key.fingerprint[:16],
            state=_word(out, state, position=member.revoked_after),
            silence=_silence(out, heard.get(member.agent), now, place),
        )
        _say_config(out, heard.get(member.agent))
    out.facts([_agent_facts(member, heard.get(member.agent), now) for member in members])
    return 0


def silences(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    """1 where nothing the agent recorded explains one."""
    place = place_of(options)
    with Ledger(place.home.ledger) as ledger:
        member = next(iter(LiveRoster(ledger)().of_agent(options.agent)), None)
    if member is None:
        raise out.wrong("unknown_agent", agent=options.agent)
    until = now_ms() + units.DAY_MS  # a clock that is ahead is to be seen too
    since = until - (options.days + 1) * units.DAY_MS
    reader = open_store(place.home.root)
    try:
        found = silences_of(reader, member, since, until)
    finally:
        reader.close()
    for one in found:
        seconds = (one.to_ms - one.from_ms) / 1000
        out.say(
            "silence", since=time_at(one.from_ms, place), seconds=f"{seconds:.1f}", why=out.word(one.why), detail=one.detail
        )
    if not found:
        out.say("no_silence", agent=options.agent)
    out.facts([asdict(one) for one in found])
    return int(any(one.why is Why.UNRECORDED for one in found))


def manifest(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    home = place.home
    manifests = Manifests(home.manifests, home.journal, place.zone)
    if options.verify:
        with Ledger(home.ledger) as ledger:
            gone = removed(ledger)
        return _verify(manifests, Authority.load(home.keys).signing.public, gone, out)
    if options.day is None:
        signed = [manifests.read(day) for day in manifests.days()]
    else:
        key = Authority.load(home.keys).signing
        with Ledger(home.ledger) as ledger:
            signed = [manifests.make(options.day, now_ms(), context_of(place, ledger, LiveRoster(ledger)), key)]
    if not signed:
        out.say("no_manifest")
    for one in signed:
        first, last = one.fields()["positions"]
        out.say("sheet", day=one.fields()["day"], hash=one.hash, first=first, last=last)
    out.facts([{**one.fields(), "hash": one.hash} for one in signed])
    return 0


def _verify(manifests: Manifests, key: VerifyKey, gone: Mapping[str, int], out: Output) -> int:
    try:
        manifests.verify(key, gone)
    except ManifestBroken as problem:
        out.facts({"ok": False, "broken": str(problem)})
        raise
    count = len(manifests.days())
    out.say("verified", count=count)
    out.facts({"ok": True, "manifests": count})
    return 0


def seal(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    # Numpy is loaded by these commands alone.
    from jinbao_collector.store import sealing

    home = place_of(options).home
    if options.day is None and options.agent is None:
        cursor = sealing.seal(home, anew=options.rebuild, sealed=out.progress("sealing"))
        out.say("sealed", cursor=cursor)
        out.facts({"cursor": cursor})
        return 0
    if not options.rebuild or options.day is None or options.agent is None:
        raise out.wrong("day_and_agent")
    count = sealing.seal_again(home, options.agent, options.day)
    out.say("resealed", agent=options.agent, day=options.day, count=count)
    out.facts({"agent": options.agent, "day": str(options.day), "samples": count})
    return 0


def export(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    from jinbao_collector.store.export import Asked, write_csv, write_parquet

    place = place_of(options)
    asked = Asked(place.home.root, tuple(options.link), place.midnight(options.since), place.midnight(options.until))
    path = options.parquet or options.csv
    count = write_parquet(asked, path) if options.parquet else write_csv(asked, path)
    out.say("exported", path=path, count=count)
    out.facts({"path": str(path), "samples": count})
    return 0


def sql(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    """Tab-separated with a line of names, or JSON: a list of rows."""
    from jinbao_collector.store.export import Asked
    from jinbao_collector.store.sql import ask

    place = place_of(options)
    asked = Asked(place.home.root, tuple(options.link), place.midnight(options.since), place.midnight(options.until))
    found = ask(asked, options.query)
    rows = [[_plain(value) for value in row] for row in found.rows]
    out.facts([dict(zip(found.columns, row, strict=True)) for row in rows])
    if not out.as_json:
        names: list[object] = [*found.columns]
        for row in [names, *rows]:
            print("\t".join("" if value is None else str(value) for value in row))
    return 0


def _plain(value: object) -> object:
    """What JSON has as it is; instants and decimals as text."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def ledger_add(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    home = place_of(options).home
    entries = read_entries(options.file).value.entry
    with Ledger(home.ledger) as ledger:
        for document in options.document:
            _keep_document(home, document)
        added = ledger.enter(entries, now_ms())
    for entry in entries:
        if entry.document and not _document_file(home, entry.document).exists():
            out.complain("unkept", entry=entry.id, document=entry.document)
    out.say("added", added=len(added), known=len(entries) - len(added))
    out.facts({"added": list(added), "known": [entry.id for entry in entries if entry.id not in added]})
    return 0


def ledger_list(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    place = place_of(options)
    with Ledger(place.home.ledger) as ledger:
        rows = ledger.rows()
        for row in rows:
            out.say("row", position=row.position, at=time_at(row.entered_ms, place), kind=row.kind, what=_summary(row))
        out.facts([_row_facts(row) for row in rows])
        # After the rows were shown: a broken chain is bad news about them, told by the exit code.
        ledger.verify()
        out.say("intact", count=len(rows), hash=ledger.head[1])
    return 0


def ledger_approve(options: argparse.Namespace, out: Output, now_ms: Now) -> int:
    with Ledger(place_of(options).home.ledger) as ledger:
        row = ledger.approve(options.entry, options.by, now_ms())
    out.say("approved", entry=options.entry, by=options.by)
    out.facts(_row_facts(row))
    return 0


def links_named(options: argparse.Namespace, place: Place, out: Output) -> list[str]:
    """What an agent or a token is to speak for. Raises Misuse or ConfigError."""
    links: list[str] = options.link or ([ALL_LINKS] if options.vantage == "county" else [])
    if not links:
        raise out.wrong("township_link")
    declared = place.file.parent / place.config.links
    known = {link.code for link in read_links(declared).value.link}
    for link in links:
        if link not in known and (link, options.vantage) != (ALL_LINKS, "county"):
            raise out.wrong("unknown_link", link=link, file=declared)
    return links


def place_of(options: argparse.Namespace) -> Place:
    return Place.of(read_collector(options.config))


def _keep_document(home: Home, file: Path) -> None:
    data = file.read_bytes()
    kept = home.documents / hashlib.sha256(data).hexdigest()
    if not kept.exists():
        write_durably(kept, data)


def _document_file(home: Home, name: str) -> Path:
    return home.documents / Path(name.removeprefix("sha256:")).name


def _word(out: Output, name: str, **facts: object) -> str:
    return speak(out.lang, name, **facts)


def _silence(out: Output, heard: Heard | None, now_ms: int, place: Place) -> str:
    if heard is None:
        return _word(out, "never")
    newest = time_at(heard.newest_ms, place) if heard.newest_ms is not None else "?"
    return _word(out, "silent", seconds=(now_ms - heard.arrived_ms) // 1000, newest=newest)


def _say_config(out: Output, heard: Heard | None) -> None:
    if heard is not None and heard.config is not None:
        out.say("lives_under", version=heard.config)
        if heard.refused is not None:
            out.say("config_refused", version=heard.refused, why=heard.why)


def _agent_facts(member: Member, heard: Heard | None, now_ms: int) -> dict[str, Any]:
    last = heard.facts(now_ms) if heard else None
    return {**member.facts(), "heard": last}


def _row_facts(row: Row) -> dict[str, Any]:
    return {
        "position": row.position,
        "entered_ms": row.entered_ms,
        "kind": row.kind,
        "facts": dict(row.facts),
        "prev": row.prev,
        "hash": row.hash,
    }


def _summary(row: Row) -> str:
    if row.kind == ENTRY:
        return f"{row.facts['id']} {row.facts['kind']} {row.facts.get('type', '')}".rstrip()
    shown = {
        name: value
        for name, value in row.facts.items()
        if name in ("id", "approved_by", "agent", "vantage", "links", "position")
    }
    return json.dumps(shown, ensure_ascii=False)


def time_at(at_ms: int, place: Place) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, place.zone).strftime("%Y-%m-%d %H:%M:%S")
