"""What each command of jinbao-report does: ask, judge, print."""

import argparse
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from jinbao_config.indicators import SHARES
from jinbao_config.shape import ConfigError
from jinbao_reports import calendar, words
from jinbao_reports.arguments import inputs
from jinbao_reports.explain import explanation, lines
from jinbao_reports.importers import read_history, telling
from jinbao_reports.importers.arguments import reading
from jinbao_reports.load import Answer, answer, legal_days
from jinbao_reports.printing import decimals, percent, print_json, print_table, write
from jinbao_reports.render.faults import RenderError, TemplateFault
from jinbao_reports.render.node import StatementError
from jinbao_reports.schedule.mail import MailError
from jinbao_reports.source import BadInput
from jinbao_reports.words import Text

REFUSALS: tuple[type[Exception], ...] = (ConfigError, BadInput, TemplateFault)
FAILURES: tuple[type[Exception], ...] = (RenderError, StatementError, MailError, OSError)
DONE, BAD_NEWS = 0, 1
BROKEN_CHAIN = ("fork",)
_NO_EVIDENCE = {"replica", "unsigned"}

Json = dict[str, Any]
Arguments = argparse.Namespace

_LINK_COLUMNS = (
    Text("线路", "link"),
    Text("可用率（低–高）", "availability (low–high)"),
    Text("覆盖率", "coverage"),
    Text("计入（秒）", "counted (s)"),
    Text("不计（秒）", "excused (s)"),
    Text("争议（秒）", "disputed (s)"),
    Text("结论", "verdict"),
)
_OUTAGE_COLUMNS = (
    Text("编号", "id"),
    Text("线路", "link"),
    Text("范围", "scope"),
    Text("开始", "onset"),
    Text("恢复", "restored"),
    Text("秒", "seconds"),
    Text("原因", "cause"),
    Text("责任方", "party"),
    Text("认定", "class"),
)
_INDICATOR_COLUMNS = (
    Text("指标", "indicator"),
    Text("指标值", "target"),
    Text("实际完成值", "actual"),
    Text("分值", "points"),
    Text("得分", "score"),
)
_WROTE = Text("已写入 {path}", "wrote {path}")


def compute(asked: Arguments) -> int:
    made = _answer(asked).statement()
    if asked.json:
        print_json(made)
    else:
        print_table(_LINK_COLUMNS, (_link_row(link, asked.lang) for link in made["links"]), asked.lang)
        if "indicators" in made:
            print_table(_INDICATOR_COLUMNS, map(_indicator_row, made["indicators"]), asked.lang)
    for kind in sorted(_NO_EVIDENCE & {flaw["kind"] for flaw in made["integrity"]}):
        print(words.word(words.INTEGRITY, kind, asked.lang), file=sys.stderr)
    return bad_news(made)


def outages(asked: Arguments) -> int:
    made = _answer(asked).statement()
    found = [{**outage, "link": link["link"], "name": link["name"]} for link in made["links"] for outage in link["outages"]]
    if asked.json:
        print_json(found)
    else:
        print_table(_OUTAGE_COLUMNS, (row for outage in found for row in _outage_rows(outage, asked.lang)), asked.lang)
    return DONE


def explain(asked: Arguments) -> int:
    told = explanation(_answer(asked).judgement, asked.outage, asked.lang)
    if asked.json:
        print_json(told)
    else:
        for line in lines(told, asked.lang):
            print(line)
    return DONE


def month(asked: Arguments) -> int:
    """The sheet and the Statement it was made from, side by side."""
    from jinbao_reports.render.month import render_month, statement_bytes  # Matplotlib takes half a second to load

    made = _answer(asked).statement()
    page = render_month(made, asked.out, asked.lang)
    figures = page.with_suffix(".json")
    write(figures, statement_bytes(made).decode())
    if asked.json:
        print_json({"pdf": str(page), "statement": str(figures)})
    else:
        for path in (page, figures):
            print(_WROTE.to(asked.lang, path=path))
    return bad_news(made)


def legal_calendar(asked: Arguments) -> int:
    told = calendar.year(legal_days(asked.calendar, asked.as_of), asked.year)
    if asked.json:
        print_json(told)
    else:
        for line in calendar.lines(told, asked.lang):
            print(line)
    return DONE


def import_history(asked: Arguments) -> int:
    """Written whole or not at all: without --skip-bad one wrong row refuses the file."""
    if asked.json and asked.out is None:
        raise BadInput("--json prints a summary; say by --out where the result goes")
    history = read_history(asked.origin, asked.file, reading(asked))
    if history.bad and not (asked.skip_bad and len(history.table)):
        raise BadInput(history.listed())
    for line in telling.remarks(history, asked.lang):
        print(line, file=sys.stderr)
    text = history.table.to_csv(index=False, lineterminator="\n")
    if asked.out is None:
        sys.stdout.write(text)
        return DONE
    write(asked.out, text)
    if asked.json:
        print_json(telling.summary(history, asked.origin, asked.out))
    else:
        print(_WROTE.to(asked.lang, path=asked.out))
    return DONE


def _answer(asked: Arguments) -> Answer:
    return answer(inputs(asked))


def bad_news(made: Json) -> int:
    """Bad news is a link that fails, or two batches that claim one place in a chain."""
    broken = any(flaw["kind"] in BROKEN_CHAIN for flaw in made["integrity"])
    return BAD_NEWS if broken or any(link["verdict"] == "fail" for link in made["links"]) else DONE


def _link_row(link: Json, lang: str) -> tuple[str, ...]:
    seconds, availability = link["seconds"], link["availability"]
    excused = f"{seconds['excluded']} + {seconds['not_carrier']}"
    bounds = f"{percent(availability['low'])} – {percent(availability['high'])}"
    verdict = words.verdict(link["verdict"], lang)
    return (
        f"{link['name']} {link['link']}",
        bounds,
        percent(link["coverage"]),
        str(seconds["counted"]),
        excused,
        str(seconds["disputed"]),
        verdict,
    )


def _indicator_row(item: Json) -> tuple[str, ...]:
    """Cut, never rounded up, to 3 decimals; a share as a percentage."""
    show: Callable[[Any], str] = percent if item["measure"] in SHARES else decimals
    target, points = (float(Fraction(item[name])) for name in ("target", "points"))
    return item["name"], show(target), show(item["actual"]), decimals(points), decimals(item["score"])


def _outage_rows(outage: Json, lang: str) -> Iterable[tuple[str, ...]]:
    """One row a slice; the outage's own facts stand on its first."""
    head = (
        outage["id"],
        outage["name"],
        words.word(words.SCOPES, outage["scope"], lang),
        outage["onset"],
        outage["restored"] or "…",
    )
    for index, piece in enumerate(outage["slices"]):
        yield (
            *(head if not index else ("", "", "", piece["from"], piece["to"])),
            str(piece["seconds"]),
            words.word(words.CAUSES, piece["cause"], lang),
            words.word(words.PARTIES, piece["party"], lang),
            words.word(words.CLASSES, piece["class"], lang) if piece["class"] else "—",
        )
