"""A document before it becomes a page: title, chapters of blocks, pictures, and figures that a Word template may name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from jinbao_reports.render.blocks import Block, heading
from jinbao_reports.words import Text

if TYPE_CHECKING:
    from jinbao_reports.render.charts import Picture  # Matplotlib: only a page loads it

DEMONSTRATION = Text("演示数据，非真实监测结果", "DEMONSTRATION DATA, not a real measurement")
_CHINESE_NUMBERS = "一二三四五六七八九十"


@dataclass(frozen=True, slots=True)
class Chapter:
    """`key` is what a Word template calls it."""

    key: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`stem` names its files; `at` is the date they carry; `mark` stands on every page; `unbroken` never breaks over lines."""

    lang: str
    stem: str
    title: str
    author: str
    description: str
    running_head: str
    over_title: str
    title_line: str
    under_title: str
    at: datetime
    opening: tuple[Block, ...]
    chapters: tuple[Chapter, ...]
    pictures: "Mapping[str, Picture]" = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = True
    mark: str = ""
    unbroken: str = ""

    def told(self) -> list[Chapter]:
        """The chapters that have something to say, their headings numbered in order."""
        spoken = [chapter for chapter in self.chapters if chapter.blocks]
        if not self.numbered:
            return spoken
        return [
            Chapter(chapter.key, numbered(number, chapter.heading, self.lang), chapter.blocks)
            for number, chapter in enumerate(spoken, 1)
        ]

    def blocks(self) -> Iterator[Block]:
        yield from self.opening
        for chapter in self.told():
            if chapter.heading:
                yield heading(chapter.heading)
            yield from chapter.blocks


def numbered(number: int, text: str, lang: str) -> str:
    if lang != "zh":
        return f"{number}. {text}"
    ten, one = divmod(number, 10)
    numeral = (
        (_CHINESE_NUMBERS[ten - 1] if ten > 1 else "") + ("十" if ten else "") + (_CHINESE_NUMBERS[one - 1] if one else "")
    )
    return f"{numeral}、{text}"


def stem_of(name: str) -> str:
    """A period's name as part of a file's name: FROM/TO holds characters no file name may."""
    return re.sub(r"[^0-9A-Za-z+-]+", "_", name)
