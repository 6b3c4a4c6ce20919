"""InfluxDB line protocol v2, one point a line, as Telegraf writes it.

Source: docs.influxdata.com, "Line protocol" (InfluxDB OSS v2). `measurement,tag=value field=value timestamp`; a comma, an
equals sign or a blank inside a name is escaped by a backslash, text fields stand in double quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

Value = Decimal | int | str | bool

# A backslash that escapes nothing stands for itself.
_NAME = re.compile(r"(?:\\[, ]|[^, \\]|\\(?![, ]))+")
_KEY = re.compile(r"(?:\\[,= ]|[^,= \\]|\\(?![,= ]))+")
_ESCAPED = re.compile(r"\\([,= ])")
_TEXT = re.compile(r'"((?:\\["\\]|[^"\\]|\\(?!["\\]))*)"')
_PLAIN = re.compile(r"[^, ]+")
_STAMP = re.compile(r"-?\d{1,19}")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d{1,20}[iu]")
_FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One line. `stamp` is in the unit of the writer, for Telegraf nanoseconds."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]
    stamp: int


def parse(line: str) -> Point:
    """Raises ValueError saying at which character what was expected."""
    scan = _Scan(line)
    measurement = scan.take(_NAME, "a measurement")
    tags: dict[str, str] = {}
    while scan.skip(","):
        key = scan.take(_KEY, "a tag")
        scan.need("=")
        tags[key] = scan.take(_KEY, f"the value of tag {key}")
    scan.need(" ")
    fields = dict([_field(scan)])
    while scan.skip(","):
        fields.update([_field(scan)])
    scan.need(" ", "a blank and the timestamp")
    stamp = scan.take(_STAMP, "the timestamp")
    scan.end()
    return Point(measurement, tags, fields, int(stamp))


def _field(scan: "_Scan") -> tuple[str, Value]:
    key = scan.take(_KEY, "a field")
    scan.need("=")
    text = scan.match(_TEXT)
    if text is not None:
        return key, re.sub(r'\\(["\\])', r"\1", text[1])
    return key, _value(key, scan.take(_PLAIN, f"the value of field {key}"))


def _value(key: str, text: str) -> Value:
    if text in _FLAGS:
        return _FLAGS[text]
    if _WHOLE.fullmatch(text):
        return int(text[:-1])
    if _FLOAT.fullmatch(text):
        return Decimal(text)
    raise ValueError(f"field {key}={text}: expected a number, 12i, true, false or a text in double quotes")


class _Scan:
    """A place in a line."""

    def __init__(self, line: str) -> None:
        self._line, self._at = line.strip(), 0

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._line, self._at)
        self._at = match.end() if match else self._at
        return match

    def take(self, pattern: re.Pattern[str], what: str) -> str:
        match = self.match(pattern)
        if match is None:
            raise self._expected(what)
        return _ESCAPED.sub(r"\1", match[0]) if "\\" in match[0] else match[0]

    def skip(self, mark: str) -> bool:
        found = self._line.startswith(mark, self._at)
        self._at += len(mark) * found
        return found

    def need(self, mark: str, what: str = "") -> None:
        if not self.skip(mark):
            raise self._expected(what or repr(mark))
        while mark == " " and self.skip(" "):
            pass

    def end(self) -> None:
        if self._at < len(self._line):
            raise self._expected("the end of the line")

    def _expected(self, what: str) -> ValueError:
        return ValueError(f"is no line protocol: expected {what} at character {self._at + 1}")
