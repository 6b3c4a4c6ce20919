"""A peer's published numbers from its own checks: `python bench/upptime.py FOLDER`.

FOLDER holds what an Upptime repository knows: `checks.csv` (each recorded check), `summary_versions.jsonl` (what it printed:
uptime of the last day, week and month, and of all time), `sites.json` (since when each site is watched).

Its convention, said in our words: every recorded check is the last of three tries, so one failure is an outage (n = 1) and an
answer within 60 s is one (W = 60 s); a check holds until the next, however long that takes (an interval of a day); what is
unknown counts as up. So its number is our `high`, but for the denominator: it always divides by 86,400, 604,800 or 2,628,288 s,
or by the site's age where that is less, and its month is the calendar's. It reads only the newest 100 incidents of a site.

Ours stands beside it, one reason at a time: a check holds for 1.5 intervals and then nothing is known; three failures in a row
are an outage; an answer after 2 s is none.
"""

import argparse
import json
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinbao_config import contract as terms
from jinbao_config import units
from jinbao_config.links import Link, Links
from jinbao_config.shape import Document
from jinbao_reports.files import read_samples
from jinbao_reports.importers import read_history
from jinbao_reports.importers.reading import Place, Reading
from jinbao_reports.judge import Case, judge_samples
from jinbao_reports.service_time import Period
from jinbao_reports.source import Recorded
from jinbao_reports.statement import statement

DAY_S = 86_400
MONTH_S = 2_628_288
MOST_READ = 100
FOREVER_MS = 4_102_444_800_000  # 2100
NEAR = Fraction(1, 10)
"""Percentage points. It prints two decimals, some seconds after the commit whose time we know."""
REACH = Fraction(1480, 1488)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Convention:
    """How checks become availability: what stands in [rule], and the interval said to the importer."""

    name: str
    n: int
    wait_ms: int
    interval_ms: int


THEIRS = Convention("theirs: n = 1, W = 60 s, a check holds until the next", 1, 60_000, units.DAY_MS)
STEPS = (
    THEIRS,
    Convention("a check holds for 1.5 x 2 h, then nothing is known", 1, 60_000, 7_200_000),
    Convention("and an answer after 2 s is none", 1, 2_000, 7_200_000),
    Convention("and three failures in a row are an outage: ours", 3, 2_000, 7_200_000),
)


@dataclass(frozen=True, slots=True)
class Printed:
    """One number of theirs: of which site, over what window, and what it says in percent."""

    site: str
    name: str
    since: int
    until: int
    divisor: Fraction
    percent: Fraction


def main() -> int:
    options = _options()
    printed = list(_printed(options.folder))
    sites = sorted({item.site for item in printed})
    judges = {step: _Judge(options.folder, sites, step) for step in STEPS}
    incidents = {site: judges[THEIRS].onsets(site) for site in sites}
    for told, least, most in (
        ("1 to 100 incidents", 1, MOST_READ),
        ("more, of which it reads only the newest 100", MOST_READ + 1, 10**6),
    ):
        windows = [item for item in printed if least <= bisect_left(incidents[item.site], item.until) <= most]
        agreeing = sum(abs(_reproduced(judges[THEIRS], item) - item.percent) <= NEAR for item in windows)
        print(f"{agreeing} of {len(windows)} windows of sites with {told} agree within 0.1 points")
        if least == 1:
            reached = bool(windows) and Fraction(agreeing, len(windows)) >= REACH
    for site in sites:
        if incidents[site]:
            _print_steps([item for item in printed if item.site == site and item.name == "all"][-1], judges)
    return 0 if reached else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    return parser.parse_args()


def _printed(folder: Path) -> Iterator[Printed]:
    """Every number of every version, with the window it stands for."""
    watched = {
        slug: units.instant_ms(facts["startTime"]) for slug, facts in json.loads((folder / "sites.json").read_text()).items()
    }
    for line in (folder / "summary_versions.jsonl").read_text(encoding="utf-8").splitlines():
        version = json.loads(line)
        now = version["commit_unix"] * 1000
        for site in version["sites"]:
            age = now - watched[site["slug"]]
            for name, key, since, divisor in (
                ("day", "uptimeDay", now - DAY_S * 1000, DAY_S * 1000),
                ("week", "uptimeWeek", now - 7 * DAY_S * 1000, 7 * DAY_S * 1000),
                ("month", "uptimeMonth", _month_before(now), MONTH_S * 1000),
                ("all", "uptime", watched[site["slug"]], age),
            ):
                percent = Fraction(site[key].removesuffix("%"))
                yield Printed(site["slug"], name, since, now, Fraction(min(divisor, age)), percent)


def _month_before(now_ms: int) -> int:
    """The same moment of the calendar month before, on its last day where it is shorter."""
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    first = at.replace(day=1)
    last = first - timedelta(days=1)
    return int(last.replace(day=min(at.day, last.day)).timestamp()) * 1000


class _Judge:
    """The checks judged under one convention."""

    def __init__(self, folder: Path, sites: list[str], convention: Convention) -> None:
        self.codes = {site: f"{number:09d}" for number, site in enumerate(sites, 1)}
        self.source = _imported(folder / "checks.csv", self.codes, convention)
        self.contract = terms.Contract(
            schema="jinbao.contract/1",
            effective=terms.Effective(from_=date(2000, 1, 1)),
            target=Fraction(999, 1000),
            timezone="UTC",
            unattributed="counted",
            rule=terms.Rule(n=convention.n, wait=convention.wait_ms),
        )

    def judged(self, site: str, since: int, until: int) -> Json:
        """What the Statement says of a site over [since, until), milliseconds."""
        links = Links(schema="jinbao.links/1", link=(Link(code=self.codes[site], name=site),))
        document = Document(self.contract, "contract.toml", "0" * 64, ())
        case = Case(links, document, Period("", (since, until), "span"), (), None)
        made: Json = statement(judge_samples(self.source, case), {}, ())
        return dict(made["links"][0])

    def onsets(self, site: str) -> list[int]:
        """When each of its incidents began, milliseconds."""
        outages = self.judged(site, 0, FOREVER_MS)["outages"]
        return [units.instant_ms(outage["onset"]) for outage in outages]


def _imported(checks: Path, codes: Mapping[str, str], convention: Convention) -> Recorded:
    """As `jinbao-report import --from upptime --map SITE=CODE/township/core --interval …` and `compute --samples` would."""
    names = {site: Place(code, "township", "core") for site, code in codes.items()}
    history = read_history("upptime", checks, Reading(names=names, interval_ms=convention.interval_ms))
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "samples.csv"
        file.write_text(history.table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
        recorded, _ = read_samples(file, lambda rung: convention.interval_ms)
    return Recorded(recorded)


def _reproduced(judge: _Judge, item: Printed) -> Fraction:
    """Their percentage from our counted seconds and their denominator."""
    counted = Fraction(str(judge.judged(item.site, item.since, item.until)["seconds"]["counted"])) * 1000
    return max(Fraction(0), 100 * (1 - counted / item.divisor))


def _print_steps(item: Printed, judges: Mapping[Convention, _Judge]) -> None:
    print(f"\n{item.site}, all its time: it prints {float(item.percent):.2f} %")
    for convention, judge in judges.items():
        made = judge.judged(item.site, item.since, item.until)
        low, high, known = (
            100 * value for value in (made["availability"]["low"], made["availability"]["high"], made["coverage"])
        )
        outages = len(made["outages"])
        print(f"  {low:7.3f} - {high:7.3f} %  known {known:7.3f} %  {outages:4d} outages  {convention.name}")


if __name__ == "__main__":
    sys.exit(main())
