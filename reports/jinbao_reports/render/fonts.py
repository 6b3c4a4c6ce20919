"""The fonts of the documents: Noto Sans SC and Serif SC (OFL-1.1) from the package `pylopdf-fonts-zh-cn`, never the system's.

A machine without Chinese fonts prints the same page as one with many, so a document can be reproduced byte for byte.
Matplotlib reads the fonts and takes half a second to load, so it is loaded by the first page, not by every command.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pylopdf_fonts_zh_cn

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

SANS, SERIF = "Noto Sans SC", "Noto Serif SC"
GETA = "〓"  # the printer's mark for a character the type case does not hold


def folder() -> Path:
    return Path(pylopdf_fonts_zh_cn.sans_path()).parent


@cache
def register_with_matplotlib() -> None:
    from matplotlib import font_manager

    font_manager.fontManager.addfont(str(pylopdf_fonts_zh_cn.sans_path()))


@cache
def _characters() -> frozenset[str]:
    """What both fonts can draw: a name stands in the chart (Sans) and in the text (Serif)."""
    maps = (_open(path).get_charmap() for path in (pylopdf_fonts_zh_cn.sans_path(), pylopdf_fonts_zh_cn.serif_path()))
    sans, serif = (frozenset(chr(code) for code in charmap) for charmap in maps)
    return sans & serif


@cache
def _open(path: Path) -> "FT2Font":
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(path))


def width(text: str, size: float) -> float:
    """How wide a line of the Sans stands at this size, both in points."""
    font = _open(pylopdf_fonts_zh_cn.sans_path())
    font.set_size(size, 72)
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64


def drawable(text: str) -> str:
    """The text with 〓 for each character no font of ours has: visible, and the document can still be made."""
    return "".join(char if char in _characters() else GETA for char in text)
