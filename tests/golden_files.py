"""What people read, kept as files: a test compares, `UPDATE_GOLDEN=1` writes them anew for review."""

import os
from pathlib import Path


def assert_golden(file: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file.name} differs; review, then UPDATE_GOLDEN=1"
