"""Whether this data folder is still on the machine it was made on: a copied virtual machine must not speak with its
original's voice.

Some machines have a serial number that anybody may read (ARM boards), of others it is for root alone; virtual machines that are
copied get new network addresses but often keep /etc/machine-id. So three things are remembered, as salted digests, and the
surest one that can be compared decides.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

log = logging.getLogger(__name__)

_SERIALS = ("sys/class/dmi/id/product_uuid", "sys/firmware/devicetree/base/serial-number")
_PERMANENT = "0"  # /sys/class/net/*/addr_assign_type, Documentation/ABI/testing/sysfs-class-net


class Same(Enum):
    """`CHANGED`: the same machine for all we know, but its network cards are others."""

    YES = "yes"
    CHANGED = "changed"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Traits:
    """What tells one machine from another, as far as this process may read it; "" where it may not."""

    serial: str = ""
    system: str = ""
    cards: tuple[str, ...] = ()

    def compared(self, before: "Traits") -> Same:
        """The hardware's own number decides where both have one; else the installed system and the cards together."""
        if self.serial and before.serial:
            return Same.YES if self.serial == before.serial else Same.NO
        other_system = bool(self.system and before.system and self.system != before.system)
        if not (self.cards and before.cards):
            return Same.NO if other_system else Same.YES
        if set(self.cards) & set(before.cards):
            return Same.YES  # a system that was installed anew, or a card that was added
        return Same.NO if other_system else Same.CHANGED


def read_traits(salt: str, root: Path = Path("/")) -> Traits:
    """Digests, so that the file tells nobody of the machine. Whatever cannot be read is left out."""

    def digest(text: str) -> str:
        return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()[:32] if text else ""

    serial = next(filter(None, (_text(root / file) for file in _SERIALS)), "")
    cards = sorted(
        _text(card / "address")
        for card in (root / "sys/class/net").glob("*")
        if (card / "device").exists() and _text(card / "addr_assign_type") == _PERMANENT
    )
    return Traits(digest(serial), digest(_text(root / "etc/machine-id")), tuple(map(digest, filter(None, cards))))


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def to_json(traits: Traits) -> bytes:
    return json.dumps({"serial": traits.serial, "system": traits.system, "cards": traits.cards}).encode() + b"\n"


def from_json(data: bytes) -> Traits:
    """Raises ValueError."""
    fields = json.loads(data)
    if not isinstance(fields, Mapping):
        raise ValueError("not the traits of a machine")
    return Traits(str(fields.get("serial", "")), str(fields.get("system", "")), tuple(map(str, fields.get("cards", ()))))
