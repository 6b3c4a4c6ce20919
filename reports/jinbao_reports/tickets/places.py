"""Which links a carrier's row speaks of: by code, by alias, by name, and by what is left of a name in daily use."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinbao_config.links import ALL_LINKS, Links
from jinbao_reports.tickets.headers import plain

_EVERY = ("全部", "全部线路", "全部乡镇", "所有", "所有线路", "所有乡镇", "全县", ALL_LINKS, "all")
_BETWEEN_NAMES = re.compile(r"[、,;/]")
_CODE = re.compile(r"\d{9}")
_SHORTEST = 2  # of a shortened name, in characters


@dataclass(frozen=True, slots=True)
class Places:
    """The codes behind everything that links.toml calls a link, and behind the names alone."""

    called: Mapping[str, frozenset[str]]
    names: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, links: Links) -> "Places":
        names = [(link.name, link.code) for link in links.link]
        others = [(other, link.code) for link in links.link for other in (link.code, *link.aliases)]
        return cls(_codes_by_name([*names, *others]), _codes_by_name(names))

    def codes(self, cells: Iterable[str]) -> tuple[str, ...]:
        """The links that a row's cells name, or ("*",). A cell that names none is passed over if another does.

        Raises ValueError where none does, or where they disagree.
        """
        found: set[tuple[str, ...]] = set()
        problems = []
        for cell in filter(None, cells):
            try:
                found.add(tuple(dict.fromkeys(self._cell(cell))))
            except LookupError as problem:
                problems.append(str(problem))
        if len(found) > 1:
            raise ValueError(f"its columns name different links: {' and '.join(sorted(map(', '.join, found)))}")
        if found:
            return found.pop()
        raise ValueError("; ".join(problems) or "names no link; expected a code, a name or an alias of links.toml")

    def _cell(self, cell: str) -> Iterator[str]:
        whole = _key(cell)
        if whole in _EVERY:
            yield ALL_LINKS
        elif whole in self.called:
            yield self._one(whole)  # before it is taken apart: an alias may hold a slash
        else:
            parts = (part.strip() for line in cell.splitlines() for part in _BETWEEN_NAMES.split(_key(line)))
            yield from (self._one(part) for part in parts if part)

    def _one(self, name: str) -> str:
        """The one link that a name means. Raises LookupError."""
        fitting = self.called.get(name) or self._within(name) or self._beginning(name)
        if len(fitting) > 1:
            raise LookupError(f"{name!r} could mean {' or '.join(sorted(fitting))}; write the code")
        if not fitting:
            raise LookupError(f"{name!r} is no link of links.toml; write its code or name, or give the link this alias there")
        return next(iter(fitting))

    def _within(self, text: str) -> frozenset[str]:
        """Links whose full name or code stands somewhere in it: 盐边县红格镇社保专线."""
        names = [codes for name, codes in self.names.items() if name in text]
        return frozenset().union(*names, *(self.called.get(code, ()) for code in _CODE.findall(text)))

    def _beginning(self, text: str) -> frozenset[str]:
        """Links whose name begins so: 红格 for 红格镇, 格萨拉 for 格萨拉彝族乡."""
        if len(text) < _SHORTEST:
            return frozenset()
        return frozenset().union(*(codes for name, codes in self.names.items() if name.startswith(text)))


def _codes_by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, code in pairs:
        found[_key(name)].add(code)
    return {name: frozenset(codes) for name, codes in found.items()}


def _key(name: str) -> str:
    return plain(name).casefold()
