"""The annex's sentences for the chapters 三(二), 四(一), 四(二) and 五(二): none claims more than was measured."""

from collections.abc import Callable, Iterator
from fractions import Fraction

from jinbao_reports.render import figures, month_words
from jinbao_reports.render.annex_words import BENEFIT, COMPLETION, MANAGEMENT, PROBLEMS
from jinbao_reports.render.blocks import Block, body, items, note
from jinbao_reports.render.month_text import cause_words, flagged, link_names, remedies
from jinbao_reports.render.report import Link, Outage, Report
from jinbao_reports.render.self_evaluation import SelfEvaluation

MOST_CAUSES = 6


def management(report: Report, office: SelfEvaluation, when: str, lang: str) -> list[Block]:
    """三（二）项目管理情况"""
    interval = report.profile["T"]
    form = MANAGEMENT["unmeasured" if report.group.low is None else "imported" if report.imported else "measured"]
    shown = {"T": "" if interval is None else figures.plain(Fraction(interval)), "year": when, "links": report.group.links}
    told = [form.to(lang, county=tagged(office.county, office, lang, "county"), **shown), _coverage(report, lang)]
    group = report.group
    if group.low is not None:
        seconds = figures.duration_words(group.seconds["counted"], lang)
        outages = MANAGEMENT["outages"].to(lang, outages=group.link_outages, counted=group.counted, seconds=seconds)
        told.append(outages if group.link_outages else MANAGEMENT["quiet"].to(lang))
    if group.causes:
        named = list(cause_words(report, lang))[:MOST_CAUSES]
        told.append(MANAGEMENT["causes"].to(lang, list=month_words.CELLS["clause_list"].to(lang).join(named)))
    return [body("".join([*told, MANAGEMENT["ledger"].to(lang)]))]


def tagged(text: str, office: SelfEvaluation, lang: str, *keys: str) -> str:
    """The text, with the placeholder tag where one of these keys of the office holds a placeholder."""
    marked = any(key in office.placeholders for key in keys)
    return text + (month_words.PLACEHOLDER["tag"].to(lang) if marked else "")


def _coverage(report: Report, lang: str) -> str:
    known = [(link.coverage or Fraction(0), link.code, link.name) for link in report.links if link.verdict != "no_data"]
    if not known:
        return ""
    worst = min((link.coverage or Fraction(0), link.code, link.name) for link in report.links)
    best, lowest = (figures.percent(share, lang) for share in (max(known)[0], worst[0]))
    return MANAGEMENT["coverage"].to(lang, best=best, worst=lowest, name=worst[2])


def completion(report: Report, office: SelfEvaluation, lang: str) -> list[Block]:
    """四（一）项目完成情况"""
    return [body("".join(_completion(report, office, lang)))]


def _completion(report: Report, office: SelfEvaluation, lang: str) -> Iterator[str]:
    group, money = report.group, office.money
    target = flagged(figures.target(report.contract.target), report, lang, "target")
    yield COMPLETION["verdicts"].to(lang, target=target, links=group.links, **group.verdicts)
    if group.low is None:
        yield COMPLETION["no_mean"].to(lang)
    else:
        low, high = figures.percent(group.low, lang), figures.percent(group.high, lang)
        yield COMPLETION["mean"].to(lang, low=low, high=high)
    budget, spent = (
        tagged(figures.plain(value), office, lang, f"funds.{key}")
        for key, value in (("budget", money.budget), ("spent", money.spent))
    )
    yield COMPLETION["money"].to(lang, budget=budget, spent=spent, rate=figures.percent(money.rate, lang, 2))
    if money.payments:
        paid = [
            COMPLETION["payment"].to(lang, date=item.date, amount=figures.plain(item.amount), voucher=item.voucher or "—")
            for item in money.payments
        ]
        yield COMPLETION["payments"].to(lang, list=month_words.CELLS["clause_list"].to(lang).join(paid))


def benefit(report: Report, office: SelfEvaluation, lang: str) -> list[Block]:
    """四（二）项目效益情况"""
    known = [link for link in report.links if link.ratios["user_low"] is not None]
    told = [BENEFIT["no_user"].to(lang)]
    if known:
        lowest = min(known, key=lambda link: (link.ratios["user_low"] or 0, link.code))
        low, high = (figures.percent(lowest.ratios[key], lang) for key in ("user_low", "user_high"))
        told = [BENEFIT["user"].to(lang, name=lowest.name, low=low, high=high)]
    service = sum((outage.period_seconds for outage in _service(report)), Fraction(0))
    if service:
        told.append(BENEFIT["service"].to(lang, seconds=figures.duration_words(service, lang)))
    census = office.census
    if census is None:
        told.append(BENEFIT["no_census"].to(lang))
    else:
        share = figures.percent(census.ratio, lang, 2)
        told.append(BENEFIT["census"].to(lang, asked=census.asked, returned=census.returned, ratio=share))
    return [body("".join(told))]


def _service(report: Report) -> Iterator[Outage]:
    return (outage for link in report.links for outage in link.outages if outage.scope == "service")


def problems(report: Report, office: SelfEvaluation, lang: str) -> list[Block]:
    """五（二）存在的问题: what is open, and which evidence would settle it."""
    told = list(_problems(report, office, lang))
    settle = remedies(report, lang)
    blocks = [items(told)] if told else [body(PROBLEMS["none"].to(lang))]
    if settle:
        blocks += [note(month_words.CONCLUSION["settle"].to(lang), leads=True), items(settle)]
    return blocks


def _problems(report: Report, office: SelfEvaluation, lang: str) -> Iterator[str]:
    def names(wanted: Callable[[Link], bool]) -> str:
        return link_names(report, [link.code for link in report.links if wanted(link)], lang)

    group = report.group
    if group.verdicts["fail"]:
        yield PROBLEMS["fail"].to(lang, names=names(lambda link: link.verdict == "fail"))
    if group.verdicts["inconclusive"]:
        open_time = {key: figures.duration_words(group.seconds[key], lang) for key in ("disputed", "unknown")}
        yield PROBLEMS["inconclusive"].to(lang, names=names(lambda link: link.verdict == "inconclusive"), **open_time)
    if group.verdicts["no_data"]:
        yield PROBLEMS["no_data"].to(lang, names=names(lambda link: link.verdict == "no_data"))
    if group.seconds["unclaimed"]:
        yield PROBLEMS["unclaimed"].to(lang, seconds=figures.duration_words(group.seconds["unclaimed"], lang))
    yield from _of_census(report, office, lang)
    if office.unscored:
        unscored = [row.name for row in office.indicators if row.id in office.unscored]
        yield PROBLEMS["unscored"].to(lang, names=month_words.CELLS["list"].to(lang).join(unscored))
    if report.manifest is None:
        yield PROBLEMS["no_manifest"].to(lang)
    if report.contract.placeholders:
        yield PROBLEMS["placeholders"].to(lang)


def _of_census(report: Report, office: SelfEvaluation, lang: str) -> Iterator[str]:
    census = office.census
    if census is None:
        yield PROBLEMS["no_census"].to(lang)
    elif census.returned < census.asked:
        missing = link_names(report, census.links_without, lang) if census.links_without else "—"
        yield PROBLEMS["census"].to(lang, missing=census.asked - census.returned, names=missing)
