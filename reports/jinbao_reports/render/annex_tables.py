"""The tables of the annex: funds, indicators with their scores, the census, the lines to sign."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import groupby

from jinbao_reports.render import figures
from jinbao_reports.render.annex_text import tagged
from jinbao_reports.render.annex_words import CENSUS, SCORE, SIGNED
from jinbao_reports.render.blocks import Block, Cell, Column, cell, facts, items, lines, note, table, warning
from jinbao_reports.render.month_words import CELLS
from jinbao_reports.render.self_evaluation import CensusResult, IndicatorRow, SelfEvaluation

_FULL_MARKS = 100


def score_sheet(office: SelfEvaluation, done: str, lang: str) -> list[Block]:
    """绩效自评表: `done` says in a sentence what was reached."""
    goal = [(SCORE["expected"].to(lang), tagged(office.goal, office, lang, "goal")), (SCORE["done"].to(lang), done)]
    return [
        _funds(office, lang),
        facts(goal),
        _indicators(office, lang),
        note(SCORE["rule"].to(lang)),
        *_result(office, lang),
    ]


def _funds(office: SelfEvaluation, lang: str) -> Block:
    money = office.money
    keys = ("initial", "budget", "spent", "points")
    tags = {key: SCORE["tag"].to(lang) if f"funds.{key}" in office.placeholders else "" for key in keys}
    shown: list[Cell] = [lines(figures.plain(getattr(money, key)), tags[key]) for key in keys]
    heads = [Column(SCORE[key].to(lang), 24, "right") for key in (*keys, "rate", "score")]
    rates = [figures.percent(money.rate, lang, 2), figures.decimals(money.score)]
    return table([Column("", 12), *heads], [[SCORE["money"].to(lang), *shown, *rates]], keep=True)


def _indicators(office: SelfEvaluation, lang: str) -> Block:
    columns = [
        Column(SCORE["level"].to(lang), 14),
        Column(SCORE["kind"].to(lang), 16),
        Column(SCORE["name"].to(lang), 31),
        Column(SCORE["target"].to(lang), 21, "right"),
        Column(SCORE["actual"].to(lang), 22, "right"),
        Column(SCORE["points"].to(lang), 13, "right"),
        Column(SCORE["score"].to(lang), 14, "right", nowrap=True),
        Column(SCORE["reason"].to(lang), 25),
    ]
    rows = [
        row for _, level in groupby(office.indicators, key=lambda row: row.level) for row in _level(list(level), office, lang)
    ]
    total: list[Cell] = [
        SCORE["total"].to(lang),
        "",
        "",
        "",
        "",
        figures.plain(office.points),
        figures.decimals(office.score),
        "",
    ]
    return table(columns, [*rows, total])


def _level(level: list[IndicatorRow], office: SelfEvaluation, lang: str) -> Iterable[list[Cell]]:
    """The rows of one 一级指标; its name and that of each 二级指标 stand once."""
    first_of_level: list[Cell] = [cell(level[0].level or "—", rowspan=len(level))]
    for _, found in groupby(level, key=lambda row: row.kind):
        kind = list(found)
        first_of_kind: list[Cell] = [cell(kind[0].kind or "—", rowspan=len(kind))]
        for row in kind:
            yield [*first_of_level, *first_of_kind, *_indicator(row, office, lang)]
            first_of_level, first_of_kind = [], []


def _indicator(row: IndicatorRow, office: SelfEvaluation, lang: str) -> list[Cell]:
    def mark(text: str, key: str) -> Cell:
        marked = f"indicator[{row.id}].{key}" in office.placeholders
        return lines(text, SCORE["tag"].to(lang)) if marked else text

    wanted = row.wanted or SCORE[row.direction].to(lang, value=_target(row))
    actual = SCORE["not_applicable"].to(lang) if row.actual is None else _figure(row, row.actual, lang)
    score = SCORE["not_scored"].to(lang) if row.score is None else figures.decimals(row.score)
    return [
        row.name,
        mark(wanted, "target"),
        mark(actual, "actual"),
        mark(figures.plain(row.points), "points"),
        score,
        row.reason or _short(row, lang),
    ]


def _target(row: IndicatorRow) -> str:
    """As the office wrote it: exact, no padding."""
    return figures.target(row.target) if row.is_share else f"{figures.plain(row.target)}{row.unit}"


def _figure(row: IndicatorRow, value: Fraction, lang: str) -> str:
    return figures.percent(value, lang) if row.is_share else f"{figures.decimals(value)}{row.unit}"


def _short(row: IndicatorRow, lang: str) -> str:
    """Where a target was missed and the office gave no reason: by how much."""
    if row.actual is None or row.score is None or row.score == row.points:
        return ""
    return SCORE["short"].to(lang, gap=_figure(row, abs(row.actual - row.target), lang))


def _result(office: SelfEvaluation, lang: str) -> list[Block]:
    blocks: list[Block] = []
    if office.of_100 is not None and office.grade is not None:
        score, offered, points = figures.decimals(office.score), figures.plain(office.offered), figures.plain(office.points)
        of_100 = figures.decimals(office.of_100)
        grade = SCORE["grade"].to(lang, score=score, offered=offered, points=points, of_100=of_100, grade=office.grade)
        blocks.append(items([grade]))
    else:
        unscored = [row.name for row in office.indicators if row.id in office.unscored]
        named = CELLS["list"].to(lang).join(unscored)
        score, offered = figures.decimals(office.score), figures.plain(office.offered)
        blocks.append(warning(SCORE["no_grade"].to(lang, names=named, score=score, offered=offered)))
    if office.points != _FULL_MARKS:
        blocks.append(warning(SCORE["not_100"].to(lang, points=figures.plain(office.points))))
    for blunt in office.blunt:
        points, at_double = figures.plain(blunt.points), figures.decimals(blunt.at_double)
        blocks.append(warning(SCORE["blunt"].to(lang, name=blunt.name, points=points, at_double=at_double)))
    return blocks


def census(found: CensusResult | None, lang: str) -> list[Block]:
    if found is None:
        return [note(CENSUS["none"].to(lang))]
    lead = CENSUS["lead"].to(
        lang,
        asked=found.asked,
        returned=found.returned,
        word=CENSUS[str(found.satisfied_from)].to(lang),
        satisfied=found.satisfied,
        answers=found.answers,
        ratio=figures.percent(found.ratio, lang, 2),
    )
    answers = [Column(CENSUS[str(level)].to(lang), 20, "right") for level in range(5, 0, -1)]
    rows: list[list[Cell]] = [[item.text, *(str(count) for count in item.counts)] for item in found.questions]
    return [note(lead, leads=True), table([Column(CENSUS["question"].to(lang), 56), *answers], rows, keep=True)]


def signed(office: SelfEvaluation, lang: str) -> list[Block]:
    """A row for each who signs, high enough for a pen."""
    columns = [Column(SIGNED["role"].to(lang), 40), Column(SIGNED["name"].to(lang), 70), Column(SIGNED["date"].to(lang), 46)]
    rows: list[list[Cell]] = [
        [[role, " "], [tagged(name, office, lang, f"signatory[{role}].name") if name else " ", " "], " "]
        for role, name in office.signatories
    ]
    rows.append([[SIGNED["seal"].to(lang), " "], office.unit, " "])
    return [table(columns, rows, keep=True)]
