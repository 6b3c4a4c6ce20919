"""An answer beside what a question expects of it: which fields differ."""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from conformance.cases import Question

_FILTER = re.compile(r"(\w+)\[(\w+)=([^]]+)\]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_DECIMALS = 10**12


def differences(question: Question, code: int, answer: Any) -> Iterator[str]:
    """One sentence for each field that differs; `answer` is None where no JSON was printed."""
    if code != question.exit:
        yield f"exit code {code}, expected {question.exit}"
    for path, expected in question.expected if code < 2 else ():
        try:
            found = look_up(answer, path)
        except (KeyError, IndexError, TypeError) as problem:
            yield f"{path}: missing ({problem!r}), expected {expected!r}"
            continue
        if not same(found, expected):
            yield f"{path}: {found!r}, expected {expected!r}"


def look_up(answer: Any, path: str) -> Any:
    """A path's steps are keys, places in a list, `#` for a list's length, and `list[key=value]` for the items that match."""
    for step in re.findall(r"[^.\[]+(?:\[[^]]*\])?", path):
        match = _FILTER.fullmatch(step)
        if match:
            answer = [item for item in answer[match[1]] if str(item[match[2]]) == match[3]]
        elif isinstance(answer, list):
            answer = len(answer) if step == "#" else answer[int(step)]
        else:
            answer = answer[step]
    return answer


def same(found: Any, expected: Any) -> bool:
    """Seconds may be integers or texts; a ratio may be printed exactly, or cut after 12 decimals; Decimals are rounded."""
    if any(value is None or isinstance(value, bool) for value in (found, expected)):
        return found is expected
    if isinstance(expected, str) and "/" in expected:
        wanted = Fraction(expected)
        return Fraction(found) == wanted if isinstance(found, str) else found == int(wanted * _DECIMALS) / _DECIMALS
    if isinstance(expected, Decimal):  # good to half a unit of its last digit
        return abs(Fraction(found) - Fraction(expected)) <= Fraction(10) ** int(expected.as_tuple().exponent) / 2
    if _NUMBER.fullmatch(str(expected)) and _NUMBER.fullmatch(str(found)):
        return Fraction(str(found)) == Fraction(str(expected))
    return bool(found == expected)
