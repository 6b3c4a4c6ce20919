"""What people state: notices, tickets, causes, approvals. One entry of the ledger, and its TOML import form (judgement R6)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from jinbao_config import units
from jinbao_config.links import ALL_LINKS
from jinbao_config.shape import ConfigError, Document, choice, key, list_of, read_document, tables, text, words

KINDS = ("exclusion", "power_notice", "server_notice", "ticket", "cause", "document")
CLASSES = ("counted", "excluded", "not_carrier", "disputed", "unclaimed")
PARTIES = ("carrier", "centre", "township", "grid", "app_owner", "unknown")
_SPANS = ("exclusion", "power_notice", "server_notice", "cause")

moment = words(units.moment_ms, "2021-04-15T00:00:00+08:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Instants are milliseconds UTC; a span is [from_, to)."""

    id: str = key(text, doc="names the entry")
    kind: str = key(choice(*KINDS), doc="what is stated")
    entered_at: int | None = key(moment, None, doc="when it was written down")
    author: str = key(text, "", doc="who wrote it down")
    approved_by: str = key(text, "", doc="who approved it; another person than the author")
    approved_at: int | None = key(moment, None, doc="when it was approved")
    document: str = key(text, "", doc='the document behind it, as "sha256:…"')
    reason: str = key(text, "", doc="why, in words")
    links: tuple[str, ...] = key(list_of(text), (), doc='division codes, or ["*"]')
    link: str = key(text, "", doc="one division code")
    from_: int | None = key(moment, None, doc="begin of what it speaks of", name="from")
    to: int | None = key(moment, None, doc="its end")
    type: str = key(text, "", doc="exclusion: the contract's [exclusion.TYPE]")
    notified_at: int | None = key(moment, None, doc="exclusion: when the carrier announced it")
    number: str = key(text, "", doc="ticket: the carrier's number")
    reported_at: int | None = key(moment, None, doc="ticket: when the fault was reported")
    acked_at: int | None = key(moment, None, doc="ticket: when the carrier acknowledged")
    restored_at: int | None = key(moment, None, doc="ticket: when the carrier says it was restored")
    outage: str = key(text, "", doc="ticket: the outage it belongs to")
    cause: str = key(text, "", doc="cause: the cause code")
    party: str = key(choice("", *PARTIES), "", doc="cause: who answers for it")
    klass: str = key(choice("", *CLASSES), "", doc="cause: the class; absent: the cause's own", name="class")
    deed_ms: int | None = field(default=None, compare=False)
    """When the ledger took it in; None for what stands in a file alone. Never part of what is stated."""

    @property
    def known_ms(self) -> int | None:
        """Since when it can have been known: `entered_at` is the author's claim, so the ledger's own time counts if later."""
        times = [at for at in (self.entered_at, self.deed_ms) if at is not None]
        return max(times, default=None)

    @property
    def approved(self) -> bool:
        """By somebody else than its author."""
        return bool(self.approved_by) and self.approved_by != self.author

    def concerns(self, link: str) -> bool:
        return link == self.link or link in self.links or ALL_LINKS in self.links

    def facts(self) -> dict[str, object]:
        """What is set, under the file's names: the form that is hashed and stored."""
        named = {written: getattr(self, name) for written, name in _names().items()}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in named.items()
            if value not in (None, "", ())
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, object]) -> "Entry":
        """The inverse of `facts`."""
        names = _names()
        return cls(**{names[name]: tuple(value) if isinstance(value, list) else value for name, value in facts.items()})  # type: ignore[arg-type]


def _names() -> dict[str, str]:
    """The file's names of keys -> those of the fields."""
    return {one.metadata["name"] or one.name: one.name for one in fields(Entry) if "kind" in one.metadata}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFile:
    entry: tuple[Entry, ...] = key(tables(Entry, "id"), (), doc="the entries")


def read_entries(file: Path) -> Document[EntryFile]:
    """ledger.toml. Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(EntryFile, file)
    seen: set[str] = set()
    for entry in document.value.entry:
        if entry.id in seen:
            raise ConfigError(str(file), f"entry[{entry.id}].id", f"{entry.id!r}: stands twice; each id may stand once")
        seen.add(entry.id)
        for name, problem in entry_problems(entry):
            raise ConfigError(str(file), f"entry[{entry.id}].{name}", problem)
    return document


def entry_problems(entry: Entry) -> Iterator[tuple[str, str]]:
    """What an entry of its kind still lacks, as (key, what would be right)."""
    if entry.kind != "document" and not entry.links and not entry.link:
        yield "links", 'missing; name the division codes, or ["*"] for all'
    if entry.kind in _SPANS:
        if entry.from_ is None:
            yield "from", "missing; when what it speaks of began"
        elif entry.to is None:
            yield "to", "missing; when what it speaks of ended"
        elif entry.to <= entry.from_:
            yield "to", "must lie after from"
    if entry.kind == "exclusion" and not entry.type:
        yield "type", "missing; name the contract's [exclusion.TYPE]"
    if entry.kind == "ticket" and entry.reported_at is None:
        yield "reported_at", "missing; when the fault was reported"
    if entry.kind == "cause" and not entry.cause:
        yield "cause", "missing; the cause code"
