"""The statements that `statements/make.py` draws, for tests of the documents made of them."""

import importlib.util
import json
import re
import subprocess
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent / "statements"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make, office = _module("make"), _module("evaluated")


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def forms(count: int) -> list[str]:
    """So many clerks' answers, one a township."""
    return [f"{name},经办人,很满意,满意,一般," for name in list(make.TOWNSHIPS.values())[:count]]


def told(page: Path) -> str:
    """A PDF's text without blanks and line ends, so that a name broken over two lines is still one name."""
    return squeezed(subprocess.run(["pdftotext", "-raw", str(page), "-"], check=True, capture_output=True, text=True).stdout)


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def without_han(made: dict[str, Any]) -> dict[str, Any]:
    """The county's own names spelled in Latin letters, to see what Chinese an English edition has of its own."""
    return json.loads(re.sub(r"[㐀-鿿]+", "X", json.dumps(made, ensure_ascii=False)))
