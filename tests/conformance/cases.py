"""The case tables (`cases/*.toml`) -> questions: the files and arguments of one judgement, and what the answer must say."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance import drawing
from conformance.drawing import DAY, LINKS

FOLDER = Path(__file__).with_name("cases")
CLASSES = ("up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")
_RATIOS = ("low", "high", "measured", "user_low", "user_high")
_TIMES = ("onset", "restored", "from", "to", "at", "as_of", "reported_at", "acked_at")
_SLICE = ("from", "seconds", "cause", "party", "class", "row")
_APPENDED = ("contract", "samples", "events", "intervals", "rows")

_LINKS_HEAD = 'schema = "jinbao.links/1"\n'
_COUNTY = '[county]\ntargets = { gw = "10.0.0.1", ce = "10.0.0.2", carrier = "10.0.0.3" }\n'
_LINK = """[[link]]
code = "{code}"
name = "{letter}"
{more}
{targets}
"""
_TARGETS = 'targets = { lan = "10.1.1.1", cpe = "10.1.2.1", edge = "10.1.3.1", core = "10.0.0.2", app = "tcp://10.0.9.1:443" }'
_SAMPLES = "link,vantage,target,sent_at,outcome,rtt_us,boot_id,seq,mono_ns,interval_ms"
_EVENTS = "link,vantage,at,event,boot_id,detail"
_INTERVALS = "link,from,to,state,cause"

_RECORDED = ("samples.csv", "intervals.csv", "events.csv", "ledger.toml", "indicators.toml")

Json = dict[str, Any]
Expected = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Question:
    """One judgement: what the table `topic` says of it, its files, arguments and exit code, and what the answer must say."""

    topic: str
    id: str
    case: Json

    @property
    def rule(self) -> str:
        return str(self.case["rule"])

    @property
    def says(self) -> str:
        return str(self.case["says"])

    @property
    def exit(self) -> int:
        """Unless the case tells it: 1, as bad news, where a link fails."""
        return int(self.case.get("exit", any(self.case.get(letter, {}).get("verdict") == "fail" for letter in LINKS)))

    @cached_property
    def files(self) -> dict[str, str]:
        """By name; drawn only now, as some are long. Broken ones come as they stand."""
        return {**dict(_declared(self.case)), **dict(_recorded(self.case)), **self.case.get("files", {})}

    @property
    def arguments(self) -> tuple[str, ...]:
        """For the command that judges the files."""
        recorded = [word for name in _RECORDED if name in self.files for word in (f"--{Path(name).stem}", name)]
        period = _period(self.case["period"], self.case.get("day", DAY))
        return ("--links", "links.toml", *_contracts(self.case), *recorded, "--period", period, *self.case.get("args", ()))

    @property
    def expected(self) -> Expected:
        """Paths into the answer with their values."""
        return tuple(_expected(self.case))


def questions(folder: Path = FOLDER) -> Iterator[Question]:
    """Every question of every table, by file name and place. An `ask` adds to its case, a case to its file's `given`."""
    for file in sorted(folder.glob("*.toml")):
        table = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        for case in table["case"]:
            for ask in case.get("ask", [{}]):
                name = f"{case['id']}/{ask['name']}" if "name" in ask else case["id"]
                yield Question(file.stem, name, _merged(_merged(table.get("given", {}), case), ask))


def _merged(base: Json, more: Json) -> Json:
    """Texts of files are appended, lists joined, tables merged; anything else is replaced."""
    merged = dict(base)
    for key, value in more.items():
        if key in _APPENDED and key in base:
            merged[key] = f"{base[key]}\n{value}"
        elif isinstance(value, list) and key in base:
            merged[key] = base[key] + value
        elif isinstance(value, dict) and key in base:
            merged[key] = base[key] | value
        else:
            merged[key] = value
    return merged


def _period(text: str, day: str) -> str:
    """'10:00/10:05' -> RFC 3339 on the case's day; anything else as it stands."""
    if ":" not in text or "+" in text:
        return text
    return "/".join(drawing.rfc(drawing.moment(edge, day)) for edge in text.split("/"))


def _declared(case: Json) -> Iterator[tuple[str, str]]:
    head = _LINKS_HEAD + f'[defaults]\ninterval = "{case.get("T", "10s")}"\n{case.get("defaults", "")}\n'
    wanted = case.get("links", {"A": ""})
    declared = [
        _LINK.format(code=LINKS[letter], letter=letter, more=more, targets="" if "targets" in more else _TARGETS)
        for letters, more in wanted.items()
        for letter in letters
    ]
    yield "links.toml", head + case.get("county", _COUNTY) + "".join(declared)
    versions = case.get("contracts")
    if versions is None:
        yield "contract.toml", _contract(case, f"effective = {{ from = 2010-01-01 }}\n{case.get('contract', '')}")
    for number, text in enumerate(versions or (), 1):
        yield f"contract-{number}.toml", _contract(case, text)


def _contract(case: Json, text: str) -> str:
    terms = {"target": "99.9%", **case.get("terms", {})}
    lines = [f"{key} = {json.dumps(value, default=float)}" for key, value in terms.items()]
    return "\n".join(['schema = "jinbao.contract/1"', *lines, text]) + "\n"


def _contracts(case: Json) -> Iterator[str]:
    names = [f"contract-{number}.toml" for number in range(1, len(case.get("contracts", ())) + 1)] or ["contract.toml"]
    for name in names:
        yield from ("--contract", name)


def _recorded(case: Json) -> Iterator[tuple[str, str]]:
    day, interval = case.get("day", DAY), drawing.seconds(case.get("T", "10s"))
    if "intervals" in case:
        yield "intervals.csv", _csv(_INTERVALS, drawing.intervals(case["intervals"], day))
    else:
        rows = [*drawing.samples(case.get("samples", ""), interval, day), *case.get("rows", "").split()]
        yield "samples.csv", _csv(case.get("columns", _SAMPLES), rows)
    if "events" in case:
        yield "events.csv", _csv(_EVENTS, drawing.events(case["events"], day))
    if "indicators" in case:
        yield "indicators.toml", f'schema = "jinbao.indicators/1"\n{case["indicators"]}'
    if "ledger" in case:
        yield "ledger.toml", "\n".join(_entry(entry, day) for entry in case["ledger"])


def _csv(header: str, rows: Iterator[str] | list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def _entry(entry: Json, day: str) -> str:
    whom = {"link": LINKS["A"]} if entry["kind"] in ("ticket", "cause") else {"links": [LINKS["A"]]}
    if "links" in entry or "link" in entry:
        whom = {}
    lines = ["[[entry]]"]
    for key, value in {**whom, **entry}.items():
        if key in ("from", "to") or key.endswith("_at"):
            lines.append(f"{key} = {drawing.rfc(drawing.moment(value, day))}")
        elif key in ("link", "links"):
            codes = [LINKS.get(letter, letter) for letter in ([value] if isinstance(value, str) else value)]
            lines.append(f"{key} = {json.dumps(codes[0] if key == 'link' else codes)}")
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _expected(case: Json) -> Iterator[tuple[str, Any]]:
    day = case.get("day", DAY)
    for letter, code in LINKS.items():
        for path, value in _flat(_link_paths(case.get(letter, {})), day):
            yield f"links[link={code}].0.{path}", value
    yield from _flat(case.get("statement", {}), day)


def _link_paths(expect: Json) -> Json:
    """The short names of a link's expectations -> the paths of R7. Classes that are not named must be 0."""
    found: Json = {}
    for key, value in expect.items():
        if key == "seconds":
            found["seconds"] = {**dict.fromkeys(CLASSES, 0), **value}
        elif key in _RATIOS:
            found[f"exact.{key}"] = value
        elif key in ("outages", "service_outages"):
            scope = "link" if key == "outages" else "service"
            found[f"outages[scope={scope}]"] = value
        else:
            found[key] = value
    return found


def _flat(value: Any, day: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Tables and lists -> paths with single values; `#` is a list's length."""
    name = path.rpartition(".")[2]
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, day, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield f"{path}.#", len(value)
        for index, inner in enumerate(value):
            yield from _flat(_slice(inner) if name == "slices" else inner, day, f"{path}.{index}")
    elif value == "null":
        yield path, None
    elif name in _TIMES and isinstance(value, str) and ":" in value:
        yield path, drawing.rfc(drawing.moment(value, day))
    elif name in ("link", "links") or path.rpartition(".")[0].endswith("links"):
        yield path, LINKS.get(value, value)
    else:
        yield path, value


def _slice(text: str) -> Json:
    """'10:02:00 30 CARRIER_ACCESS carrier counted 11' -> the fields of a slice, as many as are given."""
    words: Json = dict(zip(_SLICE, text.split(), strict=False))
    return {**words, "seconds": int(words["seconds"])} if words["seconds"].isdecimal() else words
