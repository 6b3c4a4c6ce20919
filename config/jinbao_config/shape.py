"""One description of a TOML table serves reading, error messages and the editor's JSON Schema.

A table is a frozen dataclass whose fields are made by :func:`key`; each key has a Kind, which knows how to parse one value,
what to tell a person who wrote something else, and its JSON Schema. Unknown keys are refused.

Any value may be marked "placeholder:VALUE": it is read as VALUE and its path is remembered, so that pages can flag it.
"""

import dataclasses
import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")

PLACEHOLDER = "placeholder:"


class ConfigError(Exception):
    """A declared file is wrong: says where, what, and what would be right."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")
        self.file, self.key, self.problem = file, key, problem


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file we are reading, and the placeholders met so far."""

    file: str
    path: str
    placeholders: list[str]

    def child(self, name: str) -> "Place":
        return Place(self.file, f"{self.path}.{name}" if self.path else name, self.placeholders)

    def item(self, index: int, name: str | None = None) -> "Place":
        return Place(self.file, f"{self.path}[{name or index}]", self.placeholders)

    def wrong(self, problem: str) -> ConfigError:
        return ConfigError(self.file, self.path, problem)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How one value is read: `read` may raise ConfigError, or ValueError with a sentence that says what would be right."""

    read: Callable[[object, Place], T]
    schema: Mapping[str, Any]


def scalar(parse: Callable[[Any], T], schema: Mapping[str, Any]) -> Kind[T]:
    """A kind for one value: takes placeholders, and names the value in the message."""
    marked = {"type": "string", "pattern": f"^{PLACEHOLDER}"}

    def read(value: object, place: Place) -> T:
        if isinstance(value, str) and value.startswith(PLACEHOLDER):
            place.placeholders.append(place.path)
            return _read_placeholder(value.removeprefix(PLACEHOLDER), parse, place)
        return _parse(value, parse, place)

    return Kind(read, {"anyOf": [schema, marked]})


def _parse(value: object, parse: Callable[[Any], T], place: Place) -> T:
    try:
        return parse(value)
    except ValueError as problem:
        raise place.wrong(f"{value!r}: {problem}") from None


def _read_placeholder(text: str, parse: Callable[[Any], T], place: Place) -> T:
    """The text itself where that is what is wanted, else what it would mean in TOML: a number, a date, true."""
    try:
        return parse(text)
    except ValueError as problem:
        try:
            return parse(tomllib.loads(f"value = {text}")["value"])
        except ValueError:
            raise place.wrong(f"{text!r}: {problem}") from None


def _expect(types: type | tuple[type, ...], sentence: str) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise ValueError(sentence)
        return value

    return parse


text = scalar(_expect(str, "expected a text in quotes"), {"type": "string"})
flag = scalar(_expect(bool, "expected true or false"), {"type": "boolean"})


def whole(least: int) -> Kind[int]:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"expected a whole number, at least {least}")
        return value

    return scalar(parse, {"type": "integer", "minimum": least})


def choice(*allowed: str) -> Kind[str]:
    def parse(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return str(value)

    return scalar(parse, {"enum": list(allowed)})


def words(parse: Callable[[Any], T], example: str) -> Kind[T]:
    """A string with a grammar of its own, such as a duration."""
    return scalar(parse, {"type": "string", "examples": [example]})


def list_of(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    def read(value: object, place: Place) -> tuple[T, ...]:
        if isinstance(value, str) and value.startswith(PLACEHOLDER):
            place.placeholders.append(place.path)
            value = _read_placeholder(value.removeprefix(PLACEHOLDER), _expect(list, "expected a list"), place)
        if not isinstance(value, list):
            raise place.wrong(f"{value!r}: expected a list in brackets")
        return tuple(kind.read(item, place.item(index)) for index, item in enumerate(value))

    return Kind(read, {"anyOf": [{"type": "array", "items": kind.schema}, {"type": "string", "pattern": f"^{PLACEHOLDER}"}]})


def map_of(kind: Kind[T], names: tuple[str, ...] = ()) -> Kind[Mapping[str, T]]:
    """A table whose keys are data; with `names`, only these."""

    def read(value: object, place: Place) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise place.wrong(f"{value!r}: expected a table")
        if names:
            _refuse_unknown(value, names, place)
        return {name: kind.read(item, place.child(name)) for name, item in value.items()}

    extra: Mapping[str, Any] = (
        {"properties": dict.fromkeys(names, kind.schema), "additionalProperties": False}
        if names
        else {"additionalProperties": kind.schema}
    )
    return Kind(read, {"type": "object", **extra})


def table(cls: type[S]) -> Kind[S]:
    return Kind(lambda value, place: read_table(cls, value, place), table_schema(cls))


def tables(cls: type[S], label: str | None = None) -> Kind[tuple[S, ...]]:
    """An array of tables; `label` names the key whose value stands for the index in messages."""

    def read(value: object, place: Place) -> tuple[S, ...]:
        if not isinstance(value, list):
            raise place.wrong(f"{value!r}: expected an array of tables, [[{place.path}]]")
        return tuple(
            read_table(
                cls,
                item,
                place.item(index, str(item[label]) if label and isinstance(item, dict) and label in item else None),
            )
            for index, item in enumerate(value)
        )

    return Kind(read, {"type": "array", "items": table_schema(cls)})


def key(kind: Kind[T], default: Any = dataclasses.MISSING, *, doc: str, name: str | None = None) -> Any:
    """A dataclass field read from the TOML key of the same name (or `name`)."""
    metadata = {"kind": kind, "doc": doc, "name": name}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _keys(cls: type) -> dict[str, "dataclasses.Field[Any]"]:
    return {field.metadata["name"] or field.name: field for field in dataclasses.fields(cls) if "kind" in field.metadata}


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _refuse_unknown(value: Mapping[str, object], known: tuple[str, ...], place: Place) -> None:
    for name in value:
        if name not in known:
            raise place.child(name).wrong(f"unknown key; this table knows {', '.join(known)}")


def read_table(cls: type[S], value: object, place: Place) -> S:
    if not isinstance(value, dict):
        raise place.wrong(f"{value!r}: expected a table")
    keys = _keys(cls)
    _refuse_unknown(value, tuple(keys), place)
    for name, field in keys.items():
        if _required(field) and name not in value:
            raise place.child(name).wrong(f"missing; {field.metadata['doc']}")
    return cls(**{keys[name].name: keys[name].metadata["kind"].read(item, place.child(name)) for name, item in value.items()})


def table_schema(cls: type) -> dict[str, Any]:
    """JSON Schema (2020-12) of one table, from the same keys."""
    keys = _keys(cls)
    return {
        "type": "object",
        "properties": {
            name: {**field.metadata["kind"].schema, "description": field.metadata["doc"]} for name, field in keys.items()
        },
        "required": [name for name, field in keys.items() if _required(field)],
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A file as read: its meaning, the digest of its bytes, and the keys whose values are placeholders."""

    value: T
    file: str
    sha256: str
    placeholders: tuple[str, ...]


def read_document(cls: type[S], file: Path) -> Document[S]:
    """Raises ConfigError; `file` appears in it as given."""
    try:
        raw = file.read_bytes()
        data = tomllib.loads(raw.decode())
    except OSError as problem:
        raise ConfigError(str(file), "", f"cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(str(file), "", f"is not TOML: {problem}") from None
    place = Place(str(file), "", [])
    return Document(read_table(cls, data, place), str(file), hashlib.sha256(raw).hexdigest(), tuple(place.placeholders))
