"""`jinbao-report sign` and `jinbao-report rollup` (docs/scale-out.md)."""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinbao_agent.keys import SigningKey
from jinbao_collector.home import write_durably
from jinbao_config.counties import read_counties
from jinbao_reports import words
from jinbao_reports.arguments import add_lang
from jinbao_reports.commands import BROKEN_CHAIN
from jinbao_reports.notation import exact, ratio, seconds
from jinbao_reports.printing import percent, print_json, print_table
from jinbao_reports.rollup.figures import Figures, figures
from jinbao_reports.rollup.levels import Area, roll_up
from jinbao_reports.rollup.signed import read_signed, read_statement, sign
from jinbao_reports.source import BadInput
from jinbao_reports.words import Text

DONE, BAD_NEWS = 0, 1
SCHEMA = "jinbao.rollup/1"

Json = dict[str, Any]

_COLUMNS = (
    Text("地区", "area"),
    Text("县数", "counties"),
    Text("线路", "links"),
    Text("达标", "passing"),
    Text("可用率（低–高）", "availability (low–high)"),
    Text("覆盖率", "coverage"),
    Text("计入（秒）", "counted (s)"),
    Text("结论", "verdict"),
)
_SIGNED = Text("已签名 {file}，密钥指纹 {key}", "signed {file} with the key {key}")
_REMARKS = {
    "placeholder": Text("{file}：含占位数值，不能作为依据", "{file}: holds placeholders, and proves nothing"),
    "as_of": Text("{file}：按较早时点所知评定", "{file}: judged by what was known at an earlier time"),
}
_FLAW = Text("{file}：{flaw}", "{file}: {flaw}")


def add_sign_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("statement", type=Path, metavar="STATEMENT.json", help="what `compute --json` printed")
    command.add_argument("--key", type=Path, required=True, metavar="collector.key", help="the centre's, in DATA/keys")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the signed Statement goes")
    _add_common(command)


def add_rollup_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("statements", type=Path, nargs="+", metavar="FILE", help="Statements that counties signed")
    command.add_argument("--counties", type=Path, required=True, metavar="counties.toml", help="whose keys are whose")
    _add_common(command)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    add_lang(command)


def sign_statement(asked: argparse.Namespace) -> int:
    statement = read_statement(asked.statement)
    try:
        key = SigningKey.load(asked.key)
    except OSError as problem:
        raise BadInput(f"{asked.key}: cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        raise BadInput(f"{asked.key}: {problem}; expected the centre's signing key, DATA/keys/collector.key") from None
    try:
        write_durably(asked.out, sign(statement, key))
    except FileExistsError:
        raise BadInput(f"{asked.out}: there already; what was signed is never overwritten, say another --out") from None
    if asked.json:
        print_json({"file": str(asked.out), "key": key.public.fingerprint})
    else:
        print(_SIGNED.to(asked.lang, file=asked.out, key=key.public.fingerprint))
    return DONE


def rollup(asked: argparse.Namespace) -> int:
    counties = read_counties(asked.counties)
    statements = sorted(
        (figures(read_signed(file, counties.value)) for file in asked.statements),
        key=lambda found: (found.county.code, found.period, found.sha256),
    )
    areas = roll_up(statements, counties.value)
    if asked.json:
        inputs = {found.file: found.sha256 for found in statements} | {"counties": counties.sha256}
        print_json(_told(statements, areas, inputs))
    else:
        print_table(_COLUMNS, (_row(area, asked.lang) for area in areas), asked.lang)
        for found in statements:
            for kind in found.remarks:
                print(_remark(found.file, kind, asked.lang))
    broken = any(kind in BROKEN_CHAIN for found in statements for kind in found.remarks)
    return BAD_NEWS if broken or any(area.verdict == "fail" for area in areas) else DONE


def _remark(file: str, kind: str, lang: str) -> str:
    return _REMARKS.get(kind, _FLAW).to(lang, file=file, flaw=words.word(words.INTEGRITY, kind, lang))


def _row(area: Area, lang: str) -> tuple[str, ...]:
    return (
        f"{area.name} {area.code}".strip(),
        str(area.counties),
        str(area.links),
        f"{area.passing}/{area.links}",
        f"{_percent(area.ratios.low)} – {_percent(area.ratios.high)}",
        _percent(area.ratios.coverage),
        str(seconds(area.sums.counted)),
        words.verdict(area.verdict, lang),
    )


def _percent(share: Fraction | None) -> str:
    return percent(ratio(share))


def _told(statements: list[Figures], areas: tuple[Area, ...], inputs: dict[str, str]) -> Json:
    return {
        "schema": SCHEMA,
        "periods": list(dict.fromkeys(found.period_name for found in statements)),
        "terms": dict(statements[0].terms),
        "areas": [_area(area, statements[0].mode) for area in areas],
        "remarks": [{"file": found.file, "kind": kind} for found in statements for kind in found.remarks],
        "inputs": dict(sorted(inputs.items())),
    }


def _area(area: Area, mode: str) -> Json:
    names = ("low", "high", "measured", "coverage", "user_low", "user_high")
    figures_of = {name: getattr(area.ratios, name) for name in names}
    summed = ("service", "up", "counted", "excluded", "not_carrier", "disputed", "unclaimed", "unknown")
    return {
        "level": area.level,
        "code": area.code,
        "name": area.name,
        "counties": area.counties,
        "links": area.links,
        "passing": area.passing,
        "seconds": {name: seconds(getattr(area.sums, name)) for name in summed}
        | {"denominator": seconds(area.sums.denominator(mode))},
        "availability": {name: ratio(value) for name, value in figures_of.items()},
        "exact": {name: exact(value) for name, value in figures_of.items()},
        "verdict": area.verdict,
    }
