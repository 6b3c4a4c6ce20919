"""The 绩效 indicators: what each measures, and how the points follow."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from county import FIRST, County
from jinbao_config.indicators import NUMBERS, SHARES, Figure, Indicator
from jinbao_reports.cli import main
from jinbao_reports.indicators import MEASURES, score

SECOND, THIRD = "510422102", "510422103"


@pytest.fixture
def scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Three links over 100 hours: one down for 2 h and 30 min, one for 30 min and unknown for 10 h, one never seen."""
    county = County(tmp_path, links=(FIRST, SECOND, THIRD), target="99%")
    county.contract += '\n[limits]\nresponse = "30m"\nrepair = { limit = "1h" }\n'
    for link, since, until, state in (
        (FIRST, "2021-04-01 00:00", "2021-04-02 00:00", "up"),
        (FIRST, "2021-04-02 00:00", "2021-04-02 02:00", "down"),
        (FIRST, "2021-04-02 02:00", "2021-04-02 10:00", "up"),
        (FIRST, "2021-04-02 10:00", "2021-04-02 10:30", "down"),
        (FIRST, "2021-04-02 10:30", "2021-04-05 04:00", "up"),
        (SECOND, "2021-04-01 00:00", "2021-04-01 09:30", "up"),
        (SECOND, "2021-04-01 09:30", "2021-04-01 10:00", "down"),
        (SECOND, "2021-04-01 10:00", "2021-04-04 18:00", "up"),
    ):
        county.interval(since, until, state, link=link)
    county.entry(id="T1", kind="ticket", link=FIRST, reported_at="2021-04-02 00:10", acked_at="2021-04-02 00:41")
    county.entry(id="T2", kind="ticket", link=SECOND, reported_at="2021-04-01 09:40", acked_at="2021-04-01 10:10")
    rows = "".join(
        f'[[indicator]]\nid = "{name}"\nname = "{name}"\nmeasure = "{name}"\ndirection = "at_least"\n'
        f'target = "{"99%" if name in SHARES else "1"}"\npoints = "10"\n'
        for name in MEASURES
    )
    file = tmp_path / "indicators.toml"
    file.write_text(f'schema = "jinbao.indicators/1"\n{rows}', encoding="utf-8")
    made = county.compute(capsys, "2021-04-01T00:00:00+08:00/2021-04-05T04:00:00+08:00", "--indicators", str(file))
    assert "indicators" in made.json["inputs"]
    return {item["id"]: item["exact"]["actual"] for item in made.json["indicators"]}


def test_every_measure_that_may_be_named_is_measured() -> None:
    assert set(MEASURES) == {*SHARES, *NUMBERS}


@pytest.mark.parametrize(
    ("measure", "actual"),
    [
        ("availability_low", "187/200"),  # 97.5 + 89.5 of 200 hours: the link never seen is not averaged in
        ("availability_high", "197/200"),
        ("user_low", "187/200"),
        ("user_high", "197/200"),
        ("coverage", "19/30"),  # 100 + 90 of 300 hours
        ("passing", "0/1"),
        ("response", "1/2"),  # 31 and 30 minutes
        ("repair", "1/2"),  # 110 and 20 minutes
        ("links_monitored", "1/1"),
        ("outages", "3/1"),
        ("longest_minutes", "120/1"),
        ("counted_minutes", "180/1"),
        ("counted_minutes_worst", "150/1"),
    ],
)
def test_what_is_measured(scored: dict[str, Any], measure: str, actual: str) -> None:
    assert scored[measure] == actual


def indicator(direction: str, target: str) -> Indicator:
    figure = Figure(Fraction(target), False)
    return Indicator(id="a", name="a", measure="outages", direction=direction, target=figure, points=Fraction(10))


@pytest.mark.parametrize(
    ("direction", "target", "actual", "points"),
    [
        ("at_least", "4", "4", "10"),
        ("at_least", "4", "5", "10"),
        ("at_least", "4", "3", "15/2"),
        ("at_least", "4", "0", "0"),
        ("at_most", "4", "4", "10"),
        ("at_most", "4", "0", "10"),
        ("at_most", "4", "5", "8"),
        ("at_most", "0", "1", "0"),
        ("at_most", "0", "0", "10"),
    ],
)
def test_points_are_full_on_the_targets_good_side_and_in_proportion_beyond(
    direction: str, target: str, actual: str, points: str
) -> None:
    assert score(indicator(direction, target), Fraction(actual)) == Fraction(points)


def test_what_is_not_defined_is_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(indicator("at_least", "1"), None) is None
    county = County(tmp_path).interval("2021-04-01 00:00", "2021-05-01 00:00", "up")
    file = Path(__file__).parents[2] / "config" / "indicators.example.toml"
    assert main(["compute", *county.write(), "--period", "2021-04", "--indicators", str(file)]) == 0
    told = capsys.readouterr().out
    assert "10.000" in told
    assert "—" in next(line for line in told.splitlines() if "故障修复及时率" in line)
