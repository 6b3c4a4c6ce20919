"""counties.toml: whose Statements a roll-up believes, and what the areas are called. Format: docs/config.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinbao_config.shape import ConfigError, Document, choice, key, list_of, map_of, read_document, tables, text, words

COUNTY, CITY, PROVINCE = 6, 4, 2
"""Digits of a division code (GB/T 2260): a county's begins with its city's, a city's with its province's."""


def _fingerprint(value: object) -> str:
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return value
    raise ValueError("expected the fingerprint of a key: 64 hexadecimal digits, as `jinbao-report sign` prints it")


def _county_code(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(f"[0-9]{{{COUNTY}}}", value):
        return value
    raise ValueError('expected a division code of 6 digits, such as "510422"')


@dataclass(frozen=True, slots=True, kw_only=True)
class County:
    code: str = key(words(_county_code, "510422"), doc="6-digit division code; its links' codes begin with it")
    name: str = key(text, doc="as the roll-up prints it")
    keys: tuple[str, ...] = key(
        list_of(words(_fingerprint, "64 hexadecimal digits")),
        doc="fingerprints of its centre's signing keys; `sign` prints them",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counties:
    schema: str = key(choice("jinbao.counties/1"), doc="the format of this file")
    county: tuple[County, ...] = key(tables(County, "code"), doc="the counties whose Statements are believed")
    names: Mapping[str, str] = key(map_of(text), dict, doc='names of cities (4 digits) and provinces (2): "5104" = "攀枝花市"')

    def by_key(self, fingerprint: str) -> County | None:
        return next((county for county in self.county if fingerprint in county.keys), None)

    def name(self, code: str) -> str:
        """What an area is called; "" where nobody says."""
        return next((county.name for county in self.county if county.code == code), self.names.get(code, ""))


def read_counties(file: Path) -> Document[Counties]:
    """Raises ConfigError naming file, key, value and what would be right."""
    document = read_document(Counties, file)
    for where, problem in _contradictions(document.value):
        raise ConfigError(str(file), where, problem)
    return document


def _contradictions(counties: Counties) -> Iterator[tuple[str, str]]:
    codes: set[str] = set()
    keys: dict[str, str] = {}
    for county in counties.county:
        where = f"county[{county.code}]"
        if county.code in codes:
            yield f"{where}.code", f"{county.code!r}: stands twice; each county may stand once"
        codes.add(county.code)
        for fingerprint in county.keys:
            if keys.setdefault(fingerprint, county.code) != county.code:
                yield f"{where}.keys", f"{fingerprint[:12]}… is the key of {keys[fingerprint]} too; a key speaks for one county"
    for code in counties.names:
        if not re.fullmatch(f"[0-9]{{{PROVINCE}}}|[0-9]{{{CITY}}}", code):
            yield "names", f"{code!r}: expected the 4 digits of a city or the 2 of a province"
