"""The package as a file: a ZIP of stored members whose every byte follows from their names and contents.

A reader that skips what it does not need would pass a seventh of all flipped bits; this one writes the ZIP anew in its mind and
compares. Nothing is inflated here and nothing is extracted, so no member can be a bomb or leave its folder.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from .rows import Row, read_rows
from .said import Broken

SUMS, SUMS_SM3 = "SHA256SUMS", "SM3SUMS"
_NAME = re.compile(
    rf"package\.json|report\.json|README\.txt|ledger\.jsonl|{SUMS}|{SUMS_SM3}"
    r"|(?:verify|config|keys|manifests|tokens|rows)/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
)

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_END64, _LOCATOR = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_DATE, _FILE = 0x21, 0o100644 << 16
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF


class Member(NamedTuple):
    """Where a member stands: `offset` is that of its header, `start` of its content."""

    name: str
    crc: int
    size: int
    offset: int
    sha256: str
    sm3: str

    @property
    def start(self) -> int:
        return self.offset + _LOCAL.size + len(self.name)


def local_header(name: str, crc: int, size: int) -> bytes:
    return _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATE, crc, size, size, len(name), 0) + name.encode()


def directory(members: list[Member], at: int) -> bytes:
    """Everything behind the last member, which ends at byte `at` (APPNOTE 4.3.12, 4.3.14 to 16)."""
    parts = []
    for one in members:
        far = one.offset >= _FULL32
        extra = struct.pack("<2HQ", 1, 8, one.offset) if far else b""
        version, offset = (45, _FULL32) if far else (20, one.offset)
        sizes = (one.crc, one.size, one.size, len(one.name), len(extra))
        parts.append(_CENTRAL.pack(b"PK\1\2", 3 << 8 | version, version, 0, 0, 0, _DATE, *sizes, 0, 0, 0, _FILE, offset))
        parts += [one.name.encode(), extra]
    central, count = b"".join(parts), len(members)
    end = b""
    if at >= _FULL32 or count >= _FULL16:
        end = _END64.pack(b"PK\6\6", 44, 3 << 8 | 45, 45, 0, 0, count, count, len(central), at)
        end += _LOCATOR.pack(b"PK\6\7", 0, at + len(central), 1)
    few, here = min(count, _FULL16), min(at, _FULL32)
    return central + end + _END.pack(b"PK\5\6", 0, 0, few, few, len(central), here, 0)


def new_sm3() -> Any:
    """SM3 where this Python's OpenSSL has it, else None."""
    try:
        return hashlib.new("sm3")
    except ValueError:
        return None


def read_members(file: IO[bytes]) -> list[Member]:
    """Every byte of a package read once: each belongs to a member's content or is the one a packer writes. Raises Broken."""
    members: list[Member] = []
    at, names = 0, set()
    while (head := file.read(_LOCAL.size))[:4] == b"PK\3\4":
        if len(head) < _LOCAL.size:
            raise Broken("truncated", at=at + len(head))
        _, _, _, _, _, _, crc, size, _, length, _ = _LOCAL.unpack(head)
        raw = file.read(length)
        name = raw.decode("ascii", "replace")
        if not _NAME.fullmatch(name) or ".." in name:
            raise Broken("name", name=name[:120])
        if head + raw != local_header(name, crc, size):
            raise Broken("container", at=at)
        if name in names:
            raise Broken("twice", name=name)
        names.add(name)
        member = _read_content(file, name, crc, size, at)
        members.append(member)
        at = member.start + size
    if not members:
        raise Broken("not_a_package", file=getattr(file, "name", "?"))
    expected = directory(members, at)
    found = head + file.read(len(expected) - len(head))
    if found != expected:
        same = next((n for n, (one, two) in enumerate(zip(found, expected)) if one != two), len(found))  # noqa: B905  # before 3.10
        raise Broken("truncated" if same == len(found) else "container", at=at + same)
    if file.read(1):
        raise Broken("trailing", at=at + len(expected))
    return members


def _read_content(file: IO[bytes], name: str, crc: int, size: int, offset: int) -> Member:
    sums, sm3, sum32, left = hashlib.sha256(), new_sm3(), 0, size
    while left:
        piece = file.read(min(left, 1 << 20))
        if not piece:
            raise Broken("truncated", at=file.tell())
        left -= len(piece)
        sums.update(piece)
        sum32 = zlib.crc32(piece, sum32)
        if sm3:
            sm3.update(piece)
    if sum32 != crc:
        raise Broken("content", name=name)
    return Member(name, crc, size, offset, sums.hexdigest(), sm3.hexdigest() if sm3 else "")


class Package:
    """A package whose bytes are all accounted for; `read` gives one member whole, `rows` the journal rows of a day."""

    def __init__(self, path: Path) -> None:
        """Reads the whole file once. Raises Broken, or OSError."""
        self.path = path
        with path.open("rb") as file:
            self._members = {member.name: member for member in read_members(file)}
        self._check_sums()
        self.facts = self.json("package.json")
        if self.facts.get("schema") != "jinbao.package/1":
            raise Broken("format", name="package.json", problem="its schema is not jinbao.package/1")

    def names(self, folder: str) -> list[str]:
        return [name for name in self._members if name.startswith(folder + "/")]

    def sha256(self, name: str) -> str:
        return self._member(name).sha256

    def read(self, name: str) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self._member(name).start)
            return file.read(self._member(name).size)

    def json(self, name: str) -> Any:
        try:
            value = json.loads(self.read(name))
        except (ValueError, RecursionError) as problem:
            raise Broken("format", name=name, problem=problem) from None
        if not isinstance(value, dict):
            raise Broken("format", name=name, problem="not a JSON object")
        return value

    def rows(self, day: str) -> Iterator[Row]:
        name = f"rows/{day}.rows"
        with self.path.open("rb") as file:
            file.seek(self._member(name).start)
            yield from read_rows(file, self._member(name).size, name)

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def _member(self, name: str) -> Member:
        if name not in self._members:
            raise Broken("missing", name=name)
        return self._members[name]

    def _check_sums(self) -> None:
        """SHA256SUMS, then SM3SUMS where there is one, end the package and list all before them in order."""
        members = list(self._members.values())
        closing = [member.name for member in members if member.name in (SUMS, SUMS_SM3)]
        content = members[: len(members) - len(closing)]
        if not closing or closing != [SUMS, SUMS_SM3][: len(closing)] or any(one.name in closing for one in content):
            raise Broken("unlisted", name=SUMS)
        for name in closing:
            listed = self.read(name).decode("ascii", "replace")
            sums = [(one.sha256 if name == SUMS else one.sm3, one.name) for one in content]
            if name == SUMS_SM3 and new_sm3() is None:
                continue
            if listed != sums_text(sums):
                raise Broken("unlisted", name=_first_difference(listed, sums))


def sums_text(sums: list[tuple[str, str]]) -> str:
    """As `sha256sum` writes it."""
    return "".join(f"{value}  {name}\n" for value, name in sums)


def _first_difference(listed: str, sums: list[tuple[str, str]]) -> str:
    lines = listed.split("\n")
    return next((name for at, (value, name) in enumerate(sums) if lines[at : at + 1] != [f"{value}  {name}"]), SUMS)
