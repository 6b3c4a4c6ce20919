"""The ledger and the daily manifests: each row and each day names the hash of the one before (docs/wire.md)."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .container import Package
from .said import Broken

GENESIS = "0" * 64
_SLACK_MS = 300_000
"""So far two clocks of one machine's processes may disagree about which of two deeds came first."""

Verifies = Callable[[bytes, bytes, bytes], bool]
"""(raw Ed25519 key, signature, message)"""


class LedgerRow(NamedTuple):
    """`facts` is the text that is hashed."""

    position: int
    entered_ms: int
    kind: str
    facts: str
    prev: str
    hash: str


class Manifest(NamedTuple):
    day: str
    hash: str
    head: bytes
    signature: bytes
    fields: dict[str, Any]

    @property
    def positions(self) -> tuple[int, int]:
        first, last = self.fields["positions"]
        return first, last


def ledger_line(row: LedgerRow) -> str:
    return json.dumps(row._asdict(), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def read_ledger(package: Package) -> list[LedgerRow]:
    """All rows, each the successor of the one before. Raises Broken."""
    rows: list[LedgerRow] = []
    before = GENESIS
    try:
        text = package.read("ledger.jsonl").decode()
        found = [LedgerRow(**json.loads(line)) for line in text.split("\n")[:-1]]
        if "".join(map(ledger_line, found)) != text:
            raise ValueError("a row is not written as rows are")
    except (ValueError, TypeError, RecursionError) as problem:
        raise Broken("format", name="ledger.jsonl", problem=problem) from None
    for expected, row in enumerate(found, 1):
        if row.position != expected:
            raise Broken("ledger_missing", row=expected)
        hashed = f"jinbao-ledger/1\n{row.position}\n{row.entered_ms}\n{row.kind}\n{row.facts}\n{row.prev}\n"
        if row.prev != before or row.hash != hashlib.sha256(hashed.encode()).hexdigest():
            raise Broken("ledger_row", row=row.position)
        before = row.hash
        rows.append(row)
    return rows


def enrolled(ledger: list[LedgerRow]) -> dict[str, bytes]:
    """Fingerprint -> raw key of everybody who was ever enrolled."""
    keys = [base64.b64decode(json.loads(row.facts)["public"]) for row in ledger if row.kind == "enrolment"]
    return {hashlib.sha256(key).hexdigest(): key for key in keys}


def read_manifests(package: Package, centre: bytes, verifies: Verifies | None) -> list[Manifest]:
    """In order of day, each the successor of the one before and signed by the centre. Raises Broken."""
    found: list[Manifest] = []
    for name in sorted(package.names("manifests")):
        manifest = _read_manifest(package, name)
        if verifies and not verifies(centre, manifest.signature, manifest.head):
            raise Broken("manifest_signature", day=manifest.day)
        if found:
            before = found[-1]
            follows = manifest.fields["prev"] == before.hash and manifest.positions[0] == before.positions[1] + 1
            if not follows:
                raise Broken("manifest_chain", day=manifest.day)
        found.append(manifest)
    if not found:
        raise Broken("missing", name="manifests/")
    return found


def _read_manifest(package: Package, name: str) -> Manifest:
    try:
        tag, line, signed, rest = package.read(name).split(b"\n")
        fields = json.loads(line)
        head, day = tag + b"\n" + line + b"\n", fields["day"]
        made = Manifest(day, hashlib.sha256(head).hexdigest(), head, base64.b64decode(signed), fields)
        well = tag == b"jinbao-manifest/1" and not rest and name == f"manifests/{day}.manifest"
        # Base64 can be written in several ways; no byte may be another without notice.
        if not well or base64.b64encode(made.signature) != signed:
            raise ValueError("not a manifest of its day")
        if not all(isinstance(number, int) for number in (*made.positions, fields["at"], fields["ledger"]["position"])):
            raise ValueError("not the integers of a manifest")
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise Broken("format", name=name, problem=problem) from None
    return made


def check_ledger_heads(ledger: list[LedgerRow], manifests: list[Manifest]) -> None:
    """The ledger is the one that each manifest attests, and nothing entered later says that it is older. Raises Broken."""
    for manifest in manifests:
        position, hashed = manifest.fields["ledger"]["position"], manifest.fields["ledger"]["hash"]
        here = GENESIS if not position else ledger[position - 1].hash if position <= len(ledger) else ""
        if here != hashed:
            raise Broken("ledger_head", day=manifest.day, row=position)
        for row in ledger[position:]:
            if row.entered_ms < manifest.fields["at"] - _SLACK_MS:
                raise Broken("backdated", row=row.position, said=_time(row.entered_ms), day=manifest.day)


def _time(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))
