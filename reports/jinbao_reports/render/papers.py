"""The smaller papers of an issue: ledger of outages, fault report, counter-signature, guide to verification, questionnaire."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jinbao_config.office import Office
from jinbao_reports import words
from jinbao_reports.render import figures, month_tables, month_text, month_words, record_tables, sheet
from jinbao_reports.render.annex_words import CENSUS
from jinbao_reports.render.blocks import Block, Cell, Column, body, facts, items, note, table
from jinbao_reports.render.document import DEMONSTRATION, Chapter, Document, stem_of
from jinbao_reports.render.paper_words import CLAIM, DESCRIPTION, FILES, FORM, HEADINGS, LEDGER, PROVES, SHEET, STEPS, TITLES
from jinbao_reports.render.report import Link, Outage, Report
from jinbao_reports.render.values import values_of

Told = Sequence[tuple[str, Sequence[Block]]]


def paper(
    report: Report, kind: str, name: str, told: Told, lang: str, opening: Sequence[Block] = (), digest: str = ""
) -> Document:
    """A document of this kind about the report's period; `name` goes into its file's name."""
    title, (_, when) = TITLES[kind].to(lang), month_text.title(report, lang, "month")
    return Document(
        lang=lang,
        stem=FILES[kind].to(lang, name=stem_of(name)),
        title=f"{title} {when}",
        author=report.contract.customer,
        description=DESCRIPTION.to(lang),
        running_head="　".join(filter(None, (report.contract.title, title, when))),
        over_title=report.contract.title,
        title_line=title,
        under_title=when,
        at=report.period.end,
        opening=tuple(opening),
        chapters=tuple(Chapter(key, HEADINGS[key].to(lang), tuple(blocks)) for key, blocks in told),
        values=values_of(report, digest, lang),
        mark=DEMONSTRATION.to(lang) if report.demonstration else "",
        unbroken=month_words.PLACEHOLDER["tag"].to(lang),
    )


def ledger(report: Report, digest: str, lang: str) -> Document:
    """中断台账: every outage, with the documents that excuse it."""
    listed = month_tables.outages(report, "link", lang)
    service = month_tables.outages(report, "service", lang)
    exclusions = record_tables.exclusions(report, lang)
    none = note(LEDGER["none_unmeasured" if report.group.low is None else "none"].to(lang))
    told: Told = (
        ("outages", [note(LEDGER["lead"].to(lang), leads=True), listed] if listed else [none]),
        ("service", [service] if service else []),
        ("causes", month_tables.causes(report, lang, always=True)),
        ("exclusions", [exclusions] if exclusions else []),
        ("method", [note(month_text.basis(report, lang))]),
        ("signatures", sheet.signed(report, digest, lang)),
    )
    return paper(report, "ledger", report.name, told, lang, month_text.head(report, lang), digest)


def find_outage(report: Report, outage: str) -> tuple[Link, Outage]:
    """Raises KeyError where the report knows no such outage of a link."""
    for link in report.links:
        for found in link.outages:
            if found.id == outage and found.scope == "link":
                return link, found
    raise KeyError(outage)


def claim(report: Report, outage: str, report_to: str, lang: str) -> Document:
    """故障申告单 of one outage. Raises KeyError where the report knows no such outage of a link."""
    link, found = find_outage(report, outage)
    fault = [(CLAIM[key].to(lang), text) for key, text in _fault(link, found, lang)]
    told: Told = (
        ("fault", [facts(fault)]),
        ("report", [facts(_receipt(report, found, report_to, lang)), note(CLAIM["enter"].to(lang))]),
        ("words", [body(_said(report, link, found, lang))]),
    )
    return paper(report, "claim", outage, told, lang, month_text.placeholder_warning(report, lang))


def _fault(link: Link, found: Outage, lang: str) -> list[tuple[str, str]]:
    seen = month_tables.ladders(found.slices[0].evidence, lang) if found.slices else ()
    return [
        ("id", found.id),
        ("link", f"{link.name}（{link.code}）" if lang == "zh" else f"{link.name} ({link.code})"),
        ("onset", figures.full_time(found.onset)),
        ("restored", figures.full_time(found.restored) if found.restored else CLAIM["open"].to(lang)),
        ("lasted", figures.duration_words(found.seconds, lang)),
        ("cause", _causes(found, lang)),
        ("evidence", month_words.CELLS["clause_list"].to(lang).join(seen) or "—"),
    ]


def _causes(found: Outage, lang: str) -> str:
    named = dict.fromkeys(words.word(words.CAUSES, piece.cause, lang) for piece in found.slices)
    return month_words.CELLS["list"].to(lang).join(named) or "—"


def _receipt(report: Report, found: Outage, report_to: str, lang: str) -> list[tuple[str, str]]:
    """What the ledger holds of the report; blanks to fill in where it holds nothing yet."""
    blank, window = CLAIM["blank"].to(lang), report.contract.claim_window
    deadline = CLAIM["no_deadline"].to(lang)
    if window is not None:
        until = found.onset + timedelta(seconds=float(window))
        deadline = month_text.flagged(figures.full_time(until), report, lang, "claim_window")
    pairs = (
        ("to", report_to or blank),
        ("deadline", deadline),
        ("reported_at", figures.full_time(found.reported_at) if found.reported_at else blank),
        ("by", blank),
        ("ticket", found.ticket or blank),
        ("acked_at", figures.full_time(found.acked_at) if found.acked_at else blank),
    )
    return [(CLAIM[key].to(lang), text) for key, text in pairs]


def _said(report: Report, link: Link, found: Outage, lang: str) -> str:
    state = CLAIM["say_open"].to(lang)
    if found.restored is not None:
        lasted = figures.duration_words(found.seconds, lang)
        state = CLAIM["say_over"].to(lang, restored=figures.full_time(found.restored), lasted=lasted)
    return CLAIM["say"].to(
        lang,
        carrier=report.contract.carrier,
        name=link.name,
        code=link.code,
        onset=figures.full_time(found.onset),
        state=state,
        cause=_causes(found, lang),
    )


def counter_signature(report: Report, digest: str, site: Mapping[str, Any] | None, lang: str) -> Document:
    """会签页: the digests with the lines to sign on its first page, whatever the number of links; then verdicts and keys.

    `site`: jinbao.sheet/1 of the store, None without one.
    """
    pairs = [(SHEET["statement"].to(lang), digest), *_manifest(report, site, lang), (SHEET["version"].to(lang), report.version)]
    told: Told = (
        ("anchor", [facts(pairs), note(SHEET["window"].to(lang))]),
        ("signatures", [note(SHEET["lead"].to(lang), leads=True), sheet.parties(report, lang)]),
        ("summary", [month_tables.verdicts(report, lang)]),
        ("keys", _keys(site, lang)),
    )
    return paper(report, "sheet", report.name, told, lang, month_text.placeholder_warning(report, lang), digest)


def _manifest(report: Report, site: Mapping[str, Any] | None, lang: str) -> list[tuple[str, str]]:
    """The last manifest of the period, with SM3 beside SHA-256 where the system has it; else the newest the statement knows."""
    if site is None:
        day, hash_ = report.manifest or ("—", SHEET["none"].to(lang))
        return [(SHEET["manifest"].to(lang, day=day), hash_)]
    manifest = site["manifest"]
    named = [(SHEET["manifest"].to(lang, day=manifest["day"]), manifest["hash"])]
    if manifest["sm3"]:
        named.append((SHEET["sm3"].to(lang, day=manifest["day"]), manifest["sm3"]))
    return [*named, (SHEET["centre_key"].to(lang), site["centre_key"]), (SHEET["tokens"].to(lang), str(len(site["tokens"])))]


def _keys(site: Mapping[str, Any] | None, lang: str) -> list[Block]:
    """The keys whose signatures the records rest on, and the reports that were issued."""
    if site is None:
        return []
    columns = [Column(SHEET[key].to(lang), mm) for key, mm in (("agent", 36), ("vantage", 20), ("key", 78), ("state", 22))]
    rows: list[list[Cell]] = [
        [
            member["agent"],
            words.word(words.VANTAGES, member["vantage"], lang),
            member["key"],
            SHEET["valid" if member["revoked_after"] is None else "revoked"].to(lang),
        ]
        for member in site["agents"]
    ]
    issued = [
        SHEET["issued"].to(lang, number=one["number"], period=one["period"], report=one["report"]) for one in site["issued"]
    ]
    return [table(columns, rows), *([items(issued)] if issued else [])]


def guide(report: Report, digest: str, lang: str) -> Document:
    """验证说明: what an auditor does with what was issued, what it proves and what it does not."""
    shown = {"version": report.version, "digest": digest}
    told: Told = (
        ("steps", [note(step.to(lang, **shown)) for step in STEPS]),
        ("proves", [items([text.to(lang) for text in PROVES])]),
        ("limits", month_text.limits(lang)),
        ("inputs", record_tables.inputs(report, lang)),
    )
    return paper(report, "guide", report.name, told, lang, digest=digest)


def form(report: Report, office: Office, lang: str) -> Document:
    """满意度调查表: one page for a clerk. Raises KeyError where the office declares no census."""
    asked = office.census
    if asked is None:
        raise KeyError("census")
    lead = FORM["lead"].to(lang, project=office.project, asked=asked.asked, unit=office.unit)
    who = facts([(FORM[key].to(lang), " ") for key in ("township", "clerk", "date")])
    columns = [Column(CENSUS[str(level)].to(lang), 20, "center") for level in range(5, 0, -1)]
    rows: list[list[Cell]] = [[question.text, *["□"] * 5] for question in asked.question]
    asking = table([Column(CENSUS["question"].to(lang), 56), *columns], rows, keep=True)
    ids = ", ".join(question.id for question in asked.question)
    told: Told = (("questions", [asking, facts([(FORM["remark"].to(lang), " ")]), note(FORM["columns"].to(lang, ids=ids))]),)
    return paper(report, "form", report.name, told, lang, [note(lead), who])
