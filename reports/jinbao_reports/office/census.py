"""The census of the townships' clerks (满意度普查): the form's rows as they come back, read whole or refused with each fault.

CSV in UTF-8 or GB18030, or XLSX, with the columns link, clerk (optional), one for each question, remark (optional).
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jinbao_config.links import Links
from jinbao_config.office import Census
from jinbao_reports.excel import ZIP, read_book
from jinbao_reports.notation import exact, ratio
from jinbao_reports.source import BadInput

ANSWERS = {"很满意": 5, "满意": 4, "一般": 3, "不满意": 2, "很不满意": 1, **{str(level): level for level in range(1, 6)}}
_LINK_HEADS = ("link", "线路", "乡镇", "编码")
_CLERK_HEADS = ("clerk", "经办人")
_FREE_HEADS = (*_CLERK_HEADS, "remark", "date", "意见", "日期")
Row = tuple[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """One clerk's answers, by question; a question left blank is not in it."""

    link: str
    clerk: str
    answers: Mapping[str, int]


def read_census(file: Path, census: Census, links: Links) -> tuple[tuple[Form, ...], str]:
    """The forms and the digest of the file. Raises BadInput listing every wrong row."""
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise BadInput(f"{file}: cannot be read: {problem.strerror}") from None
    head, *rows = _rows(file, data) or [(1, ())]
    columns = _columns(file, head[1], census)
    forms, wrong, seen = [], list[str](), set[tuple[str, str]]()
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        told = {name: cells[place].strip() if place < len(cells) else "" for name, place in columns.items()}
        found = _form(told, census, links)
        if isinstance(found, str):
            wrong.append(f"row {line}: {found}")
        elif (found.link, found.clerk) in seen:
            wrong.append(f"row {line}: {found.link} {found.clerk or '(no clerk named)'} answered twice; a clerk answers once")
        else:
            seen.add((found.link, found.clerk))
            forms.append(found)
    if len(forms) > census.asked:
        wrong.append(f"{len(forms)} forms came back of {census.asked} handed out; mend census.asked of office.toml")
    if wrong:
        raise BadInput("\n".join([f"{file}: wrong rows, nothing was taken:", *wrong]))
    return tuple(forms), hashlib.sha256(data).hexdigest()


def _rows(file: Path, data: bytes) -> list[Row]:
    if data.startswith(ZIP):
        return list(read_book(file, data)[0].rows)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return list(enumerate(csv.reader(io.StringIO(data.decode(encoding))), 1))
        except UnicodeDecodeError:
            continue
    raise BadInput(f"{file}: is neither UTF-8 nor GB18030 nor XLSX")


def _columns(file: Path, head: Sequence[str], census: Census) -> dict[str, int]:
    names = [name.strip() for name in head]
    known = {question.id: {question.id, question.text} for question in census.question}
    columns = {id: place for id, heads in known.items() for place, name in enumerate(names) if name in heads}
    for field, heads in (("link", _LINK_HEADS), ("clerk", _CLERK_HEADS)):
        place = next((names.index(head) for head in heads if head in names), None)
        if place is not None:
            columns[field] = place
    lacking = [name for name in ("link", *known) if name not in columns]
    strange = [name for name in names if name and name not in (*_LINK_HEADS, *_FREE_HEADS, *set().union(*known.values()))]
    if lacking or strange:
        raise BadInput(
            f"{file}: row 1: missing {lacking or 'nothing'}, unknown {strange or 'nothing'}; expected link, {', '.join(known)}"
        )
    return columns


def _form(told: Mapping[str, str], census: Census, links: Links) -> Form | str:
    """The form, or what is wrong with it."""
    codes = [link.code for link in links.link if told["link"] in (link.code, link.name, *link.aliases)]
    if len(codes) != 1:
        return f"link {told['link']!r}: expected a code or name of links.toml"
    answers = {}
    for question in census.question:
        said = told[question.id]
        if said and said not in ANSWERS:
            return f"{question.id} {said!r}: expected one of {', '.join(ANSWERS)}, or nothing"
        if said:
            answers[question.id] = ANSWERS[said]
    return Form(codes[0], told.get("clerk", ""), answers) if answers else "no question is answered; leave the row out"


def facts(census: Census, forms: Iterable[Form], codes: Sequence[str]) -> dict[str, object]:
    """n of N, the answers to each question, and the share of answers that are satisfied; None where none came back."""
    came = tuple(forms)
    answers = [level for form in came for level in form.answers.values()]
    share = satisfaction(census, came)
    return {
        "asked": census.asked,
        "returned": len(came),
        "links_without": [code for code in codes if all(form.link != code for form in came)],
        "satisfied_from": census.satisfied,
        "questions": [
            {
                "id": question.id,
                "text": question.text,
                "counts": {
                    str(level): sum(form.answers.get(question.id) == level for form in came) for level in range(5, 0, -1)
                },
            }
            for question in census.question
        ],
        "answers": len(answers),
        "satisfied": sum(level >= census.satisfied for level in answers),
        "ratio": ratio(share),
        "exact": exact(share),
    }


def satisfaction(census: Census, forms: Iterable[Form]) -> Fraction | None:
    answers = [level for form in forms for level in form.answers.values()]
    return Fraction(sum(level >= census.satisfied for level in answers), len(answers)) if answers else None
