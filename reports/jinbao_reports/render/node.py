"""Reading a Statement (a plain dict) with errors that name the place: `links[2].seconds.counted: missing; expected …`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import final


class StatementError(ValueError):
    """The statement lacks or garbles a figure a page must show. Pages never fill one in."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"statement: {path}: {problem}")
        self.path, self.problem = path, problem


@final
@dataclass(frozen=True, slots=True)
class Node:
    """One object of the statement and where it stands."""

    fields: Mapping[str, object]
    path: str = ""

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def raw(self, key: str, expected: str) -> object:
        """The value as it is; raises StatementError when the key is missing (null is a value)."""
        if key not in self.fields:
            raise StatementError(self.at(key), f"missing; expected {expected}")
        return self.fields[key]

    def node(self, key: str) -> "Node":
        return _node(self.raw(key, "an object"), self.at(key))

    def maybe_node(self, key: str) -> "Node | None":
        return None if self.raw(key, "an object or null") is None else self.node(key)

    def items(self, key: str) -> list[object]:
        value = self.raw(key, "a list")
        if not isinstance(value, list | tuple):
            raise StatementError(self.at(key), f"{value!r}: expected a list")
        return list(value)

    def nodes(self, key: str) -> list["Node"]:
        return [_node(item, f"{self.at(key)}[{index}]") for index, item in enumerate(self.items(key))]

    def texts(self, key: str) -> tuple[str, ...]:
        for index, item in enumerate(self.items(key)):
            if not isinstance(item, str):
                raise StatementError(f"{self.at(key)}[{index}]", f"{item!r}: expected text")
        return tuple(str(item) for item in self.items(key))

    def text(self, key: str) -> str:
        value = self.raw(key, "text")
        if not isinstance(value, str):
            raise StatementError(self.at(key), f"{value!r}: expected text")
        return value

    def maybe_text(self, key: str) -> str | None:
        return None if self.raw(key, "text or null") is None else self.text(key)

    def code(self, key: str, known: Mapping[str, object]) -> str:
        """Text out of a closed set."""
        value = self.text(key)
        if value not in known:
            raise StatementError(self.at(key), f"{value!r}: expected one of {', '.join(known)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.raw(key, "true or false")
        if not isinstance(value, bool):
            raise StatementError(self.at(key), f"{value!r}: expected true or false")
        return value

    def count(self, key: str) -> int:
        value = self.raw(key, "a whole number")
        if not isinstance(value, int) or isinstance(value, bool):
            raise StatementError(self.at(key), f"{value!r}: expected a whole number")
        return value

    def number(self, key: str) -> Fraction:
        """A number, or text holding one (seconds with up to 3 decimals, ratios with 12), exactly."""
        return _number(self.raw(key, "a number"), self.at(key))

    def maybe_number(self, key: str) -> Fraction | None:
        return None if self.raw(key, "a number or null") is None else self.number(key)

    def instant(self, key: str) -> datetime:
        """An RFC 3339 instant, kept in the offset it was given with."""
        value = self.text(key)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise StatementError(self.at(key), f"{value!r}: expected an instant such as 2021-04-10T09:00:00+08:00")
        return moment

    def maybe_instant(self, key: str) -> datetime | None:
        return None if self.raw(key, "an instant or null") is None else self.instant(key)


def _node(value: object, path: str) -> Node:
    if not isinstance(value, Mapping):
        raise StatementError(path, f"{value!r}: expected an object")
    return Node(value, path)


def _number(value: object, path: str) -> Fraction:
    try:
        # Through text: a float such as 0.999 then means what was written, not its binary neighbour.
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            written = str(value)
            return Fraction(written[:-1]) / 100 if written.endswith("%") else Fraction(written)
    except (ValueError, ZeroDivisionError):
        pass
    raise StatementError(path, f"{value!r}: expected a number")
