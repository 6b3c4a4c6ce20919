"""Single figures as text, under the names by which a Word template asks for them: {{ value.mean_low }}."""

from jinbao_reports.render import figures
from jinbao_reports.render.month_text import flagged, period_text
from jinbao_reports.render.report import Report


def values_of(report: Report, digest: str, lang: str) -> dict[str, str]:
    group, contract = report.group, report.contract
    unmeasured = group.low is None
    nothing = figures.NO_DATA.to(lang)
    return {
        "period": period_text(report, lang),
        "customer": flagged(contract.customer, report, lang, "parties.customer"),
        "carrier": flagged(contract.carrier, report, lang, "parties.carrier"),
        "contract": flagged(contract.title, report, lang, "parties.title"),
        "target": flagged(figures.target(contract.target), report, lang, "target"),
        "links": str(group.links),
        **{name: str(count) for name, count in group.verdicts.items()},
        "mean_low": figures.percent(group.low, lang),
        "mean_high": figures.percent(group.high, lang),
        "outages": nothing if unmeasured else str(group.link_outages),
        "counted_outages": nothing if unmeasured else str(group.counted),
        "counted_time": nothing if unmeasured else figures.duration_words(group.seconds["counted"], lang),
        "disputed_time": figures.duration_words(group.seconds["disputed"], lang),
        "unknown_time": figures.duration_words(group.seconds["unknown"], lang),
        "digest": digest,
        "version": report.version,
        "manifest_day": report.manifest[0] if report.manifest else nothing,
        "manifest_hash": report.manifest[1] if report.manifest else nothing,
    }
