"""Upptime: a clone of its repository (the git history of history/SITE.yml), or a CSV of the same, one row a commit.

Source: src/update.ts of upptime/uptime-monitor. The file is written and committed at every change of status and at every run
of the response-time workflow; a check between that changed nothing left no trace. Each recorded `down` or `degraded` is the
last of three tries over twelve seconds. `degraded` is slow or lacks a text, and did answer. `lastUpdated` is the moment after
the answer, so the check was sent `responseTime` before; the CSV (commit_unix or commit_time, slug, status, http_code,
response_ms) knows only the commit, seconds later. A name is the site's slug.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from jinbao_agent.sample import BAD_REPLY, LOST, REPLY
from jinbao_config.units import microseconds, plausible
from jinbao_reports.importers.found import Found, History
from jinbao_reports.importers.reading import SAMPLES, Reading, epoch_us, instant_us
from jinbao_reports.importers.rows import records, table
from jinbao_reports.source import BadInput

_SITE = re.compile(r"history/([^/]+)\.yml")
_FACT = re.compile(r"(?:- )?(\w+): *(.*)")
_COLUMNS = ("slug", "status", "http_code", "response_ms")


def read(file: Path, reading: Reading) -> History:
    """Raises BadInput, and FileNotFoundError where a repository is to be read without git."""
    return _repository(file, reading) if file.is_dir() else _table(file, reading)


def _repository(folder: Path, reading: Reading) -> History:
    found = Found(folder, reading, "record")
    blobs = list(_recorded(folder))
    texts = _texts(folder, [blob for _, _, blob in blobs])
    for number, ((commit, slug, _), text) in enumerate(zip(blobs, texts, strict=True), 1):
        facts = {match[1]: match[2] for match in map(_FACT.fullmatch, text.splitlines()) if match}
        try:
            rtt_us = microseconds(facts.get("responseTime", ""), "ms")
            ended_us = instant_us(facts.get("lastUpdated", ""), None)
            _check(found, slug, ended_us - rtt_us, facts.get("status", ""), facts.get("code", ""), rtt_us)
        except ValueError as problem:
            found.wrong(number, f"commit {commit[:10]}, {slug}: {problem}")
    return found.history(SAMPLES)


def _recorded(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Every version of every site's file: its commit, its site, its blob, oldest first."""
    log = ("log", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=AM", "-z", "--format=format:%H", "--")
    commit = ""
    words = iter(_git(folder, *log, "history").decode(errors="replace").split("\0"))
    for word in words:
        head, _, change = word.rpartition("\n") if "\n" in word else ("", "", word)
        commit = head or (word if re.fullmatch(r"[0-9a-f]{40,64}", word) else commit)
        if change.startswith(":"):
            site = _SITE.fullmatch(next(words))
            if site:
                yield commit, site[1], change.split(" ")[3]


def _texts(folder: Path, blobs: list[str]) -> Iterator[str]:
    out = _git(folder, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
    at = 0
    for blob in blobs:
        end = out.index(b"\n", at)
        answer = out[at:end].split(b" ")
        if len(answer) != 3:
            raise BadInput(f"{folder}: {out[at:end].decode()}: the clone lacks {blob}; clone it whole, without --filter")
        at = end + 1 + int(answer[2]) + 1
        yield out[end + 1 : at - 1].decode(errors="replace")


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder.absolute()), *words], input=given, capture_output=True, check=False)
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder}: reading a repository needs the program git, or a CSV of its history") from None
    if done.returncode:
        raise BadInput(f"{folder}: is no clone of an Upptime repository: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _table(file: Path, reading: Reading) -> History:
    found = Found(file, reading)
    rows = table(found)
    time = next((name for name in ("commit_unix", "commit_time") if name in rows.columns), None)
    if time is None or not set(_COLUMNS) <= set(rows.columns):
        raise BadInput(f"{file}: line 1: expected the columns commit_unix or commit_time, {', '.join(_COLUMNS)}")
    for number, row in records(rows):
        try:
            _row(found, row, time)
        except ValueError as problem:
            found.wrong(number, str(problem))
    return found.history(SAMPLES)


def _row(found: Found, row: Mapping[str, str], time: str) -> None:
    at_us = plausible(epoch_us(row[time]), "seconds") if time == "commit_unix" else instant_us(row[time], found.reading.zone)
    _check(found, row["slug"], at_us, row["status"], row["http_code"], microseconds(row["response_ms"], "ms"))


def _check(found: Found, slug: str, sent_us: int, status: str, code: str, rtt_us: int) -> None:
    place = found.place(slug)
    if place is None:
        return
    if status not in ("up", "down", "degraded") or not code.isdecimal():
        raise ValueError(f"status {status!r} with code {code!r}: expected up, down or degraded and an HTTP code or 0")
    # Code 0: nothing answered. Any other: something did, but not as the site should.
    token = REPLY if status != "down" else BAD_REPLY if int(code) else LOST
    token = found.reading.outcomes.get(status, token)
    found.sample(place, sent_us, token, None if token == LOST else rtt_us, found.reading.interval_ms)
