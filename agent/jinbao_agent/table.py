"""Columns on a terminal, where a Chinese character is two cells wide."""

from collections.abc import Sequence
from unicodedata import east_asian_width


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(_cells, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(text + " " * (width - _cells(text)) for text, width in zip(row, widths, strict=True)).rstrip())


def _cells(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
