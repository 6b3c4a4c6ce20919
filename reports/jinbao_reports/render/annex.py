"""The annex to the self-evaluation (绩效自评附件): text for its chapters, score sheet, census, and the tables behind them."""

from jinbao_reports.render import annex_tables, annex_text, figures, month_tables, month_text, month_words, record_tables, sheet
from jinbao_reports.render.annex_words import COMPLETION, FACTS, HEADINGS, LEAD, PLACEHOLDER, TITLE
from jinbao_reports.render.blocks import Block, facts, note, warning
from jinbao_reports.render.charts import Picture
from jinbao_reports.render.document import DEMONSTRATION, Chapter, Document, stem_of
from jinbao_reports.render.months_table import months
from jinbao_reports.render.report import Report
from jinbao_reports.render.self_evaluation import SelfEvaluation
from jinbao_reports.render.values import values_of

_DRAWN = ("calendar", "burn", "causes")


def build(report: Report, office: SelfEvaluation, digest: str, lang: str) -> Document:
    """`digest`: the SHA-256 of the statement's JSON."""
    _, when = month_text.title(report, lang, "year")
    pictures = sheet.draw(report, _DRAWN, lang)
    name = TITLE["name"].to(lang)
    return Document(
        lang=lang,
        stem=TITLE["file"].to(lang, name=stem_of(report.name)),
        title=f"{office.project} {name} {when}",
        author=office.unit,
        description=TITLE["description"].to(lang),
        running_head="　".join((office.project, name, when)),
        over_title=office.unit,
        title_line=name,
        under_title=f"（{office.project}）" if lang == "zh" else f"({office.project})",
        at=report.period.end,
        opening=tuple(_opening(report, office, when, lang)),
        chapters=_chapters(report, office, digest, pictures, when, lang),
        pictures=pictures,
        values={**values_of(report, digest, lang), **_values(office, lang)},
        numbered=False,
        mark=DEMONSTRATION.to(lang) if report.demonstration else "",
        unbroken=month_words.PLACEHOLDER["tag"].to(lang),
    )


def _opening(report: Report, office: SelfEvaluation, when: str, lang: str) -> list[Block]:
    contract = report.contract
    pairs = [
        ("project", annex_text.tagged(office.project, office, lang, "project")),
        ("unit", annex_text.tagged(office.unit, office, lang, "unit")),
        ("department", annex_text.tagged(office.department, office, lang, "department")),
        ("carrier", month_text.flagged(contract.carrier, report, lang, "parties.carrier")),
        ("contract", month_text.flagged(contract.title, report, lang, "parties.title")),
        ("period", month_text.period_text(report, lang)),
        ("target", month_text.flagged(figures.target(contract.target), report, lang, "target")),
    ]
    warned = [*month_text.placeholder_warning(report, lang)]
    if office.placeholders:
        warned.append(warning(PLACEHOLDER.to(lang)))
    return [*warned, facts([(FACTS[key].to(lang), value) for key, value in pairs]), note(LEAD.to(lang), leads=True)]


def _chapters(
    report: Report, office: SelfEvaluation, digest: str, pictures: dict[str, Picture], when: str, lang: str
) -> tuple[Chapter, ...]:
    listed = month_tables.outages(report, "link", lang, sheet.LISTED)
    done = COMPLETION["verdicts"].to(
        lang, target=figures.target(report.contract.target), links=report.group.links, **report.group.verdicts
    )
    told: tuple[tuple[str, list[Block]], ...] = (
        ("management", annex_text.management(report, office, when, lang)),
        ("completion", annex_text.completion(report, office, lang)),
        ("benefit", annex_text.benefit(report, office, lang)),
        ("problems", annex_text.problems(report, office, lang)),
        ("score_sheet", annex_tables.score_sheet(office, done, lang)),
        ("census", annex_tables.census(office.census, lang)),
        ("summary", [*month_tables.summary(report, lang), note(month_text.basis(report, lang))]),
        ("months", months(report, lang)),
        ("causes", month_tables.causes(report, lang, always=True)),
        ("outages", [listed] if listed else []),
        ("charts", sheet.captioned(pictures, lang)),
        ("method", month_text.method(report, lang)),
        ("limits", month_text.limits(lang)),
        ("inputs", [*record_tables.inputs(report, lang), *_source(report, digest, lang)]),
        ("signatures", annex_tables.signed(office, lang)),
    )
    return tuple(Chapter(key, HEADINGS[key].to(lang), tuple(blocks)) for key, blocks in told)


def _source(report: Report, digest: str, lang: str) -> list[Block]:
    return [note(month_words.NOTES["statement"].to(lang, digest=digest, version=report.version))]


def _values(office: SelfEvaluation, lang: str) -> dict[str, str]:
    nothing = figures.NO_DATA.to(lang)
    return {
        "county": office.county,
        "unit": office.unit,
        "department": office.department,
        "project": office.project,
        "goal": office.goal,
        "budget": figures.plain(office.money.budget),
        "spent": figures.plain(office.money.spent),
        "rate": figures.percent(office.money.rate, lang, 2),
        "score": figures.decimals(office.score),
        "of_100": nothing if office.of_100 is None else figures.decimals(office.of_100),
        "grade": office.grade or nothing,
        "satisfaction": figures.percent(office.census.ratio if office.census else None, lang, 2),
    }
