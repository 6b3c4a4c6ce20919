"""The sentences of the monthly document: head, conclusion, method. Report in, text out; every figure is the statement's own."""

import re
from collections.abc import Iterable, Sequence

from jinbao_reports import words
from jinbao_reports.render import figures, month_words, sheet_words
from jinbao_reports.render.blocks import Block, body, facts, items, note, warning
from jinbao_reports.render.report import Link, Report

_BRIEF = 16
_CALENDAR = {
    "month": r"(?P<year>\d{4})-(?P<month>\d\d)",
    "quarter": r"(?P<year>\d{4})-Q(?P<quarter>[1-4])",
    "year": r"(?P<year>\d{4})",
}
CAUSES_IN_A_SENTENCE = 4  # more of them stand in a table


def title(report: Report, lang: str, kind: str = "month") -> tuple[str, str]:
    """("月度运行简报", "2021年4月"); a period that is not of that kind is named by its instants."""
    for named, pattern in _CALENDAR.items():
        found = re.fullmatch(pattern, report.name)
        if found:
            parts = {name: int(value) for name, value in found.groupdict().items()}
            return sheet_words.TITLES[named if named == kind or kind == "month" else kind].to(lang), sheet_words.WHEN[named].to(
                lang, **parts
            )
    return sheet_words.TITLES["span" if kind == "month" else kind].to(lang), period_text(report, lang)


def period_text(report: Report, lang: str) -> str:
    start, end = report.period.start, report.period.end
    return month_words.FACTS["period_value"].to(
        lang, start=figures.full_time(start), end=figures.full_time(end), offset=figures.offset(start)
    )


def flagged(text: str, report: Report, lang: str, *keys: str) -> str:
    """The text, with the placeholder tag where one of these contract keys holds a placeholder."""
    marked = any(key in report.contract.placeholders for key in keys)
    return text + (month_words.PLACEHOLDER["tag"].to(lang) if marked else "")


def head(report: Report, lang: str) -> list[Block]:
    """Placeholder warning, then the parties and the period."""
    contract, say = report.contract, month_words.FACTS
    start, end = contract.effective
    effective = say["from_to" if end else "from"].to(lang, start=start, end=end)
    version = say["version_value"].to(lang, version=_brief(contract.version), effective=effective)
    pairs = [
        (say["period"].to(lang), period_text(report, lang)),
        (say["customer"].to(lang), flagged(contract.customer, report, lang, "parties.customer")),
        (say["carrier"].to(lang), flagged(contract.carrier, report, lang, "parties.carrier")),
        (say["contract"].to(lang), flagged(contract.title, report, lang, "parties.title")),
        (say["version"].to(lang), flagged(version, report, lang, "effective.from", "effective.to")),
        (say["target"].to(lang), _target(report, lang)),
    ]
    if report.number is not None:
        number, amends = report.number
        told = say["number_amends" if amends else "number_value"].to(lang, number=number, amends=amends)
        pairs.insert(0, (say["number"].to(lang), told))
    if report.as_of is not None:
        pairs.append((say["as_of"].to(lang), say["as_of_value"].to(lang, at=figures.full_time(report.as_of))))
    return [*placeholder_warning(report, lang), facts(pairs)]


def _brief(version: str) -> str:
    """A version that is a digest by its first characters; the whole of it stands among the inputs."""
    return version if len(version) <= _BRIEF else f"{version[:_BRIEF]}…"


def placeholder_warning(report: Report, lang: str) -> list[Block]:
    keys = month_words.CELLS["list"].to(lang).join(sorted(report.contract.placeholders))
    return [warning(month_words.PLACEHOLDER["warning"].to(lang, keys=keys))] if keys else []


def _target(report: Report, lang: str) -> str:
    return flagged(figures.target(report.contract.target), report, lang, "target")


def conclusion(report: Report, lang: str) -> list[Block]:
    """One paragraph in plain words, then a line for each link that did not simply meet the target."""
    lines = [*_failed(report, lang), *_open(report, lang), *_unmeasured(report, lang)]
    blocks = [body(_summary(report, lang))]
    if lines:
        blocks.append(items(lines))
    settling = remedies(report, lang)
    if settling:
        blocks += [note(month_words.CONCLUSION["settle"].to(lang), leads=True), items(settling)]
    return blocks


def _summary(report: Report, lang: str) -> str:
    group, say = report.group, month_words.CONCLUSION
    parts = [say["verdicts"].to(lang, links=group.links, target=_target(report, lang), **group.verdicts)]
    if group.low is None or group.high is None:
        return "".join([*parts, say["no_mean"].to(lang)])
    parts.append(say["mean"].to(lang, low=figures.percent(group.low, lang), high=figures.percent(group.high, lang)))
    if not group.link_outages:
        return "".join([*parts, say["no_outages"].to(lang)])
    counted = figures.duration_words(group.seconds["counted"], lang)
    parts.append(say["outages"].to(lang, outages=group.link_outages, counted=group.counted, seconds=counted))
    if len(group.causes) <= CAUSES_IN_A_SENTENCE:
        parts.append(say["causes"].to(lang, list=month_words.CELLS["clause_list"].to(lang).join(cause_words(report, lang))))
    return "".join(parts)


def cause_words(report: Report, lang: str) -> Iterable[str]:
    for total in report.group.causes:
        yield month_words.CONCLUSION["cause"].to(
            lang,
            cause=words.word(words.CAUSES, total.cause, lang),
            outages=total.outages,
            seconds=figures.duration_words(total.seconds, lang),
            class_=class_word(total.class_, lang),
        )


def link_names(report: Report, codes: Sequence[str], lang: str) -> str:
    """The names of these links, or "all links"; a code the report does not know stays a code."""
    names = {link.code: link.name for link in report.links}
    if len(codes) > 1 and set(codes) == set(names):
        return month_words.CELLS["all_links"].to(lang)
    return month_words.CELLS["list"].to(lang).join(names.get(code, code) for code in codes)


def class_word(class_: str | None, lang: str) -> str:
    return month_words.CELLS["outside"].to(lang) if class_ is None else words.CLASSES[class_].to(lang)


def _failed(report: Report, lang: str) -> list[str]:
    return [
        month_words.CONCLUSION["fail"].to(
            lang,
            name=link.name,
            high=figures.percent(link.ratios["high"], lang),
            target=_target(report, lang),
            n=link.n,
            counted=figures.duration_words(link.seconds["counted"], lang),
        )
        for link in report.links
        if link.verdict == "fail"
    ]


def _open(report: Report, lang: str) -> list[str]:
    return [
        month_words.CONCLUSION["inconclusive"].to(
            lang,
            name=link.name,
            low=figures.percent(link.ratios["low"], lang),
            high=figures.percent(link.ratios["high"], lang),
            open=month_words.CELLS["list"].to(lang).join(_open_time(link, lang)),
        )
        for link in report.links
        if link.verdict == "inconclusive"
    ]


def _open_time(link: Link, lang: str) -> Iterable[str]:
    for code in ("disputed", "unknown"):
        if link.seconds[code]:
            yield month_words.CONCLUSION[f"open_{code}"].to(lang, seconds=figures.duration_words(link.seconds[code], lang))


def _unmeasured(report: Report, lang: str) -> list[str]:
    codes = [link.code for link in report.links if link.verdict == "no_data"]
    return [month_words.CONCLUSION["no_data"].to(lang, names=link_names(report, codes, lang))] if codes else []


def remedies(report: Report, lang: str) -> list[str]:
    """Each kind of evidence that would settle an open link once, with the links it would settle."""
    wanted: dict[str, list[str]] = {}
    for link in report.links:
        if link.verdict in ("inconclusive", "no_data"):
            for remedy in dict.fromkeys(_wanted(link)):
                wanted.setdefault(remedy, []).append(link.code)
    say = month_words.CONCLUSION["remedy"]
    return [
        say.to(lang, remedy=month_words.REMEDIES[remedy].to(lang), names=link_names(report, codes, lang))
        for remedy, codes in wanted.items()
    ]


def _wanted(link: Link) -> Iterable[str]:
    for outage in link.outages:
        for piece in outage.slices:
            if piece.class_ == "disputed" and outage.scope == "link":
                yield piece.cause if piece.cause in month_words.REMEDIES else "other"
    if link.seconds["unknown"]:
        yield "unknown"


def method(report: Report, lang: str) -> list[Block]:
    """The rule with its parameters, the formulas, what low and high mean, the errors."""
    profile, say = report.profile, month_words.METHOD
    mode = words.MODES[str(profile["mode"])].to(lang)
    clock = words.CLOCK_STARTS[str(profile["clock_start"])].to(lang)
    unattributed = words.CLASSES[str(profile["unattributed"])].to(lang)
    return [
        items(
            [
                flagged(_rule(report, lang), report, lang, "rule.profile", "rule.n", "rule.wait", "rule.dt", "rule.c"),
                flagged(say["mode"].to(lang, value=mode), report, lang, "mode"),
                say[str(profile["mode"])].to(lang),
                say["coverage"].to(lang),
                say["edge"].to(lang),
                flagged(say["clock_start"].to(lang, value=clock), report, lang, "clock_start"),
                flagged(say["unattributed"].to(lang, value=unattributed), report, lang, "unattributed"),
                say["display"].to(lang),
            ]
        )
    ]


def _rule(report: Report, lang: str) -> str:
    shown = {
        key: value if isinstance(value, str) else figures.plain(value)
        for key, value in report.profile.items()
        if value is not None
    }
    if report.imported:
        return month_words.METHOD["intervals"].to(lang)
    form = month_words.METHOD["window" if "dt" in shown else "rule"]
    return form.to(lang, **shown | {"C": figures.percent(report.ratio("C"), lang, 0)})


def basis(report: Report, lang: str) -> str:
    """One line for the foot of a table: by which profile and which formula its figures came about."""
    profile = report.profile
    shown = {
        key: value if isinstance(value, str) else figures.plain(value) for key, value in profile.items() if value is not None
    }
    form = "imported" if report.imported else "windows" if "dt" in shown else "probes"
    by = sheet_words.BASIS[form].to(lang, **shown | {"C": figures.percent(report.ratio("C"), lang, 0)})
    return by + sheet_words.BASIS[str(profile["mode"])].to(lang)


def limits(lang: str) -> list[Block]:
    return [items([text.to(lang) for text in month_words.LIMITS])]
