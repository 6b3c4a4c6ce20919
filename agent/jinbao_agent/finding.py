"""One thing that `jinbao-agent check` found."""

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str, str], str]  # (Chinese, English) -> the reader's language

OK, NOTE, PROBLEM, ENVIRONMENT = "ok", "note", "problem", "environment"
_MARK = {OK: "✓", NOTE: "·", PROBLEM: "✗", ENVIRONMENT: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`level`: ok, note (nothing to do), problem (bad news), environment (the machine does not let the agent work)."""

    name: str
    level: str
    text: str
    remedy: str = ""

    def lines(self) -> str:
        return f"{_MARK[self.level]} {self.text}" + (f"\n  → {self.remedy}" if self.remedy else "")
